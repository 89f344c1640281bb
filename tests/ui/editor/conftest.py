"""A session over a real project, and an editor that shows its clip."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot
from ui.editor.stand_ins import quiet_session

from earmark.audio.files import import_file
from earmark.core.clips import Span
from earmark.core.labels import Label
from earmark.core.project import Project
from earmark.ui.editor import Editor
from earmark.ui.editor.layout import GUTTER_PX
from earmark.ui.editor.plot import Plot
from earmark.ui.editor.stage import Stage
from earmark.ui.session import Session

RATE = 8000
SECONDS = 20


class Bench:
    """An editor, its session, and a hand for the mouse."""

    def __init__(self, session: Session, editor: Editor) -> None:
        self.session = session
        self.editor = editor

    @property
    def project(self) -> Project:
        return self.session.project

    @property
    def plot(self) -> Plot:
        assert self.editor.plot is not None
        return self.editor.plot

    @property
    def stage(self) -> Stage:
        return self.plot.surface.stage

    def x(self, seconds: float) -> int:
        """The horizontal position of a time in the canvas."""
        return round(GUTTER_PX + self.stage.view.x_of(seconds * RATE))

    def waveform(self, seconds: float) -> QPoint:
        lane = self.stage.layout.waveform
        return QPoint(self.x(seconds), lane.top + lane.height // 2)

    def spectrogram(self, seconds: float, hz: float) -> QPoint:
        top = self.stage.layout.spectrogram.top
        y = top + self.plot.surface.spectrogram.y_of(hz)
        return QPoint(self.x(seconds), round(y))

    def track(self, seconds: float, index: int = 0, row: int = 0) -> QPoint:
        lane = self.stage.layout.tracks[index]
        return QPoint(self.x(seconds), lane.top + 14 + 26 * row)

    def ruler(self, seconds: float) -> QPoint:
        return QPoint(self.x(seconds), 8)

    def click(self, at: QPoint, keys: Any = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.mouseClick(self._target, Qt.MouseButton.LeftButton, keys, at)

    def double_click(self, at: QPoint) -> None:
        none = Qt.KeyboardModifier.NoModifier
        QTest.mouseDClick(self._target, Qt.MouseButton.LeftButton, none, at)

    def press(
        self,
        at: QPoint,
        keys: Any = Qt.KeyboardModifier.NoModifier,
        button: Any = Qt.MouseButton.LeftButton,
    ) -> None:
        QTest.mousePress(self._target, button, keys, at)

    def move(self, at: QPoint) -> None:
        QTest.mouseMove(self._target, at)

    def release(
        self,
        at: QPoint,
        keys: Any = Qt.KeyboardModifier.NoModifier,
        button: Any = Qt.MouseButton.LeftButton,
    ) -> None:
        QTest.mouseRelease(self._target, button, keys, at)

    def drag(
        self,
        start: QPoint,
        stop: QPoint,
        keys: Any = Qt.KeyboardModifier.AltModifier,
        button: Any = Qt.MouseButton.LeftButton,
    ) -> None:
        """Drag; with Alt, unless other keys are given, so that nothing snaps."""
        self.press(start, keys, button)
        middle = (start + stop) / 2
        for at in (middle, stop):
            # QTest has no modifiers for moves.
            _move(self._target, at, keys, button)
        self.release(stop, keys, button)

    def key(self, key: Any, keys: Any = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.keyClick(self.plot.surface, key, keys)

    @property
    def _target(self) -> Any:
        return self.plot.surface.viewport()


def _move(target: Any, at: QPoint, keys: Any, button: Any) -> None:
    from PySide6.QtCore import QEvent, QPointF
    from PySide6.QtGui import QMouseEvent
    from PySide6.QtWidgets import QApplication

    place = QPointF(at)
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        place,
        QPointF(target.mapToGlobal(at)),
        Qt.MouseButton.NoButton,
        button,
        keys,
    )
    QApplication.sendEvent(target, event)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Twenty seconds: a tone that rises from 200 to 3000 Hz, and pauses."""
    time = np.arange(RATE * SECONDS) / RATE
    phase = 2 * np.pi * (200 * time + 70 * time**2)
    tone = 0.5 * np.sin(phase) * (np.sin(time) > 0)
    path = tmp_path / "rising.wav"
    soundfile.write(path, tone, RATE)
    return path


@pytest.fixture
def session(qtbot: QtBot, tmp_path: Path) -> Iterator[Session]:
    """A session over an empty project."""
    session = quiet_session(Project.create(tmp_path / "Test.earmark"))
    yield session
    session.close()


@pytest.fixture
def empty_editor(qtbot: QtBot, session: Session) -> Iterator[Editor]:
    """An editor of an empty project."""
    editor = Editor(session)
    editor.resize(1000 + GUTTER_PX, 700)
    qtbot.addWidget(editor)
    editor.show()
    yield editor
    editor.shut_down()


@pytest.fixture
def bench(
    qtbot: QtBot, session: Session, empty_editor: Editor, recording: Path
) -> Bench:
    """An editor of the recording with one label track and three labels.

    The time axis is 1000 pixels wide: 50 pixels are a second.
    """
    source = import_file(recording)
    with session.project.edit("Import") as edit:
        edit.add_source(source)
        clip = edit.add_clip("rising", RATE, 1, (Span(source.id, 0, source.frames),))
        track = edit.add_track(clip, "Sounds")
        for start, stop, text in ((2, 4, "one"), (6, 8, "two"), (10, 12, "three")):
            edit.add_label(Label(0, track, start * RATE, stop * RATE, text))
    session.show_clip(clip)
    bench = Bench(session, empty_editor)
    assert bench.stage.view.width == 1000
    qtbot.waitUntil(lambda: bench.plot.surface.spectrogram.complete)
    return bench
