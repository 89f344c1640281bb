"""The window that `window` measures: real code, with a watch on its event loop.

    python -m tests.benchmarks.window_host [RECORDING [TASK]]

Prints ``NAME VALUE`` lines and closes the window when all is done.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication, QMainWindow

STARTED = psutil.Process().create_time()
BEAT_MS = 1


class Watch(QObject):
    """Opens a file in the window once it is there, and watches the event loop."""

    def __init__(self, app: QApplication, arguments: list[str]) -> None:
        super().__init__()
        self._app = app
        self._recording = Path(arguments[0]) if arguments else None
        self._task = arguments[1] if len(arguments) > 1 else ""
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
        return False

    def _usable(self) -> None:
        tell("usable_s", time.time() - STARTED)
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
        tell("first_picture_s", time.perf_counter() - asked)
        surface = self._window.editor.plot.surface
        while not surface.waveform.audio.done:
            yield
        tell("whole_waveform_s", time.perf_counter() - asked)
        while not surface.spectrogram.complete:
            yield
        yield from quiet()
        tell("opening_stall_ms", self._longest_s * 1000)
        tell("anonymous_mb", anonymous_mb())
        if self._task:
            self._longest_s = 0.0
            task = session.plugins.task(self._task)
            session.run_task(task, {}, session.library.default(task))
            while session.queue.jobs()[0].state not in ("done", "failed"):
                yield
            yield from quiet()
            tell("job_stall_ms", self._longest_s * 1000)
        del importing


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
