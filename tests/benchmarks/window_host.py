"""The window that `window` measures: real code, with a watch on its event loop.

    python -m tests.benchmarks.window_host [RECORDING [TASK [frames]]]

Prints ``NAME VALUE`` lines and closes the window when all is done. With ``frames``, the
recording gets 100,000 labels and is panned and zoomed, first by itself and then while
the task runs on it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication, QMainWindow

BEAT_MS = 1
FRAME_S = 1 / 60
LABELS = 100_000
ENDED = ("done", "failed", "cancelled")


class Watch(QObject):
    """Opens a file in the window once it is there, and watches the event loop."""

    def __init__(self, app: QApplication, arguments: list[str]) -> None:
        super().__init__()
        self._app = app
        self._recording = Path(arguments[0]) if arguments else None
        self._task = arguments[1] if len(arguments) > 1 else ""
        self._wants_frames = "frames" in arguments[2:]
        self._paints = 0
        self._window: Any = None
        self._steps = self._play()
        self._longest_s = 0.0
        self._last = 0.0
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._beat)
        app.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Find the first paint; what waits behind it belongs to the start."""
        if (
            self._window is None
            and isinstance(watched, QMainWindow)
            and event.type() == QEvent.Type.Paint
        ):
            self._window = watched
            QTimer.singleShot(0, self._usable)
        elif event.type() == QEvent.Type.Paint and watched is self._viewport:
            self._paints += 1
        return False

    @property
    def _viewport(self) -> Any:
        plot = self._window.editor.plot if self._window is not None else None
        return None if plot is None else plot.surface.viewport()

    def _usable(self) -> None:
        tell("usable_at", time.time())
        self._last = time.perf_counter()
        self._timer.start(BEAT_MS)

    def _beat(self) -> None:
        now = time.perf_counter()
        self._longest_s = max(self._longest_s, now - self._last)
        self._last = now
        if next(self._steps, "end") == "end":
            self._timer.stop()
            self._window.close()
            self._app.quit()

    def _play(self) -> Iterator[None]:
        """What is done, a step a beat; between steps the window lives."""
        yield from quiet()
        tell("start_stall_ms", self._longest_s * 1000)
        if self._recording is None:
            return
        session = self._window._session
        self._longest_s = 0.0
        asked = time.perf_counter()
        importing = self._window.files.open([self._recording])
        while session.clip is None:
            yield
        plot = self._window.editor.plot
        surface = plot.surface
        yield from self._drawn(lambda: surface.waveform.audio.ready > 0)
        tell("first_picture_s", time.perf_counter() - asked)
        while not surface.spectrogram.sharp_tiles:
            yield
        tell("first_tile_s", time.perf_counter() - asked)
        yield from self._drawn(lambda: not plot.filling)
        tell("waveform_s", time.perf_counter() - asked)
        while not surface.spectrogram.complete:
            yield
        tell("spectrogram_s", time.perf_counter() - asked)
        yield from quiet()
        tell("opening_stall_ms", self._longest_s * 1000)
        tell("anonymous_mb", anonymous_mb())
        if self._wants_frames:
            self._add_labels(session)
            yield from quiet()
            yield from self._pan_and_zoom(surface, "pan_ms", "zoom_ms")
        if self._task:
            self._longest_s = 0.0
            task = session.plugins.task(self._task)
            session.run_task(task, {}, session.library.default(task))
            if self._wants_frames:
                job = session.queue.jobs()[0].id
                while not session.queue.progress(job).fraction:
                    assert session.queue.jobs()[0].state not in ENDED
                    yield
                yield from self._pan_and_zoom(surface, "busy_pan_ms", "busy_zoom_ms")
                session.queue.cancel(job)
            while session.queue.jobs()[0].state not in ENDED:
                yield
            yield from quiet()
            tell("job_stall_ms", self._longest_s * 1000)
        del importing

    def _drawn(self, condition: Callable[[], bool]) -> Iterator[None]:
        """Wait until the canvas was drawn after a condition came to hold."""
        painted = self._paints
        while not condition():
            painted = self._paints
            yield
        self._viewport.update()  # all may have been drawn before this was asked
        while self._paints == painted:
            yield
        yield

    def _add_labels(self, session: Any) -> None:
        from earmark.core.labels import Label

        edges = np.linspace(0, session.clip.frames, LABELS + 1).astype(int).tolist()
        with session.project.edit("Add labels") as edit:
            track = edit.add_track(session.clip.id, "Words")
            edit.add_labels(
                Label(0, track, start, start + (stop - start) * 9 // 10, f"word {n}")
                for n, (start, stop) in enumerate(pairwise(edges))
            )

    def _pan_and_zoom(
        self, surface: Any, pan_name: str, zoom_name: str
    ) -> Iterator[None]:
        rate = surface.stage.rate
        middle = surface.stage.view.clip_frames // 2

        def pan(number: int) -> None:
            surface.scroll_by(24 if number // 60 % 2 else -24)

        def zoom(number: int) -> None:
            surface.zoom_at(1.1 if number // 60 % 2 == 0 else 1 / 1.1, 700)

        self._window.editor.plot.fit(middle - 30 * rate, middle + 30 * rate)
        yield from quiet()
        yield from self._frames(pan_name, pan)
        self._window.editor.fit()
        yield from quiet()
        yield from self._frames(zoom_name, zoom)

    def _frames(self, name: str, act: Callable[[int], None]) -> Iterator[None]:
        """Change the view at 60 Hz; a frame is the change and all drawn for it."""
        taken = []
        for number in range(240):
            due = time.perf_counter() + FRAME_S
            # The beat must not come in between.
            self._timer.stop()
            started = time.perf_counter()
            act(number)
            self._app.processEvents()
            taken.append(time.perf_counter() - started)
            self._last = time.perf_counter()
            self._timer.start(BEAT_MS)
            while time.perf_counter() < due:
                yield
        tell(name, float(np.percentile(taken, 99)) * 1000)


def quiet() -> Iterator[None]:
    """Wait until what was started has settled."""
    end = time.perf_counter() + 2.5
    while time.perf_counter() < end:
        yield


def anonymous_mb() -> float:
    """Memory of this process that is no part of a file, after proc(5)."""
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) / 1024
    raise LookupError("the system does not tell")


def tell(name: str, value: float) -> None:
    """Print a measured value."""
    print(name, value, flush=True)


def main(arguments: list[str]) -> int:
    """Open the window as `earmark` does."""
    from earmark.ui.app import main as open_window

    app = QApplication([])
    watch = Watch(app, arguments)
    code = open_window([])
    del watch
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
