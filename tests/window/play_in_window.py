"""Plays and records in the real window by its keys, and prints what happened, as JSON.

    python play_in_window.py PROJECT TONE

PROJECT has one clip. TONE is a sound file that another program plays while the window
records. Run by `test_sound.py` in a process of its own, with a screen and a sound
system of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from earmark.core.plugins import Plugins
from earmark.core.project import Project
from earmark.settings import SettingsStore, folders
from earmark.ui.app import Studio, build
from earmark.ui.session import Selection

PATIENCE_S = 60
SINK_RATE = 44_100
SHIFT = Qt.KeyboardModifier.ShiftModifier


class Person:
    """Presses keys, one step a beat; between the steps the window lives."""

    def __init__(self, studio: Studio, tone: Path) -> None:
        self._studio = studio
        self._session = studio.session
        self._tone = tone
        self._end = time.monotonic() + PATIENCE_S
        self.seen: dict[str, Any] = {}
        self._steps = self._work()
        self._timer = QTimer(studio.window)
        self._timer.timeout.connect(self._beat)
        self._timer.start(5)

    def _beat(self) -> None:
        try:
            if next(self._steps, "end") == "end":
                self._timer.stop()
                self._studio.window.close()
                QApplication.quit()
        except BaseException:
            QApplication.exit(1)
            raise

    def _press(
        self, key: Qt.Key, modifier: Any = Qt.KeyboardModifier.NoModifier
    ) -> None:
        QTest.keyClick(self._studio.window.editor, key, modifier)

    def _until(self, reached: Callable[[], bool], what: str) -> Iterator[None]:
        while not reached():
            assert time.monotonic() < self._end, f"waited for {what}"
            yield

    def _work(self) -> Iterator[None]:
        session, window = self._session, self._studio.window
        # There is no window manager that would do it.
        window.activateWindow()
        yield from self._until(window.isActiveWindow, "the window")
        assert session.clip is not None
        rate = session.clip.rate
        session.select(Selection(rate, 2 * rate))
        yield
        yield from self._play_in_a_loop()
        before = session.clip.id
        messages = self.seen["messages"] = []
        session.message.connect(lambda text, _: messages.append(text))
        other = subprocess.Popen(["paplay", str(self._tone)])
        self._press(Qt.Key.Key_R, SHIFT)
        yield from self._until(lambda: session.transport.recording, "the recording")
        levels: list[float] = []

        def heard_enough() -> bool:
            levels.extend(session.transport.levels().peak_db)
            return len(levels) > 20 and levels[-20] > -20

        yield from self._until(heard_enough, "a level while recording")
        enough = session.transport.recorded_frames + 2 * SINK_RATE
        yield from self._until(
            lambda: session.transport.recorded_frames > enough, "two seconds"
        )
        self._press(Qt.Key.Key_R, SHIFT)
        yield from self._until(
            lambda: session.clip is not None and session.clip.id != before, "a clip"
        )
        other.terminate()
        other.wait()
        (source,) = session.clip_sources(session.clip)
        sound, found_rate = soundfile.read(source.path, always_2d=True)
        spectrum = np.abs(np.fft.rfft(sound[:, 0]))
        self.seen |= {
            "recorded_clip": session.clip.name,
            "recorded_s": session.clip.frames / session.clip.rate,
            "recorded_hz": float(spectrum.argmax() * found_rate / len(sound)),
            "origin": source.origin,
            "undo": session.project.undo_title,
        }

    def _play_in_a_loop(self) -> Iterator[None]:
        """Play the selection until it began anew twice, then stop."""
        session, window = self._session, self._studio.window
        playheads: list[int] = []
        session.playhead_moved.connect(playheads.append)
        meter = window.transport.meter
        silent = meter.grab().toImage()
        loudest = [float("-inf")]
        started = time.monotonic()
        self._press(Qt.Key.Key_L)
        self._press(Qt.Key.Key_Space)
        yield from self._until(lambda: session.player.playing, "playing")

        def rounds() -> int:
            loudest[:] = map(max, loudest, session.transport.levels().peak_db)
            return sum(after < before for before, after in pairwise(playheads))

        yield from self._until(lambda: rounds() >= 2, "the loop")
        self.seen |= {
            "looped_s": time.monotonic() - started,
            "playheads": playheads.copy(),
            "peak_db": loudest,
            "meter_reacts": meter.grab().toImage() != silent,
            "shown": window.transport.time.text(),
        }
        self._press(Qt.Key.Key_Space)
        yield from self._until(lambda: not session.player.playing, "the stop")
        yield
        self.seen |= {
            "rests_at": session.playhead,
            "meter_rests": meter.grab().toImage() == silent,
        }


def main(project: Path, tone: Path) -> int:
    """Open the project in a window and let the person work."""
    app = QApplication([])
    studio = build(
        app,
        Project.open(project),
        store=SettingsStore(folders().settings),
        plugins=Plugins(enabled=False),
    )
    studio.window.show()
    studio.session.show_first_clip()
    person = Person(studio, tone)
    code = app.exec()
    sys.stdout.write(f"{json.dumps(person.seen)}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
