"""The window that `window` measures: real code, with a watch on its event loop.

    python -m tests.benchmarks.window_host [RECORDING [TASK]]

Prints ``NAME VALUE`` lines and closes the window when all is done.
"""

from __future__ import annotations

import sys
import time

import psutil
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication, QMainWindow

STARTED = psutil.Process().create_time()
BEAT_MS = 1


class Watch(QObject):
    """Sees the first paint, the finished picture, and every stall of the event loop."""

    def __init__(self, app: QApplication, expect_clip: bool, expect_job: bool) -> None:
        super().__init__()
        self._app = app
        self._expect_clip = expect_clip
        self._expect_job = expect_job
        self._window: QMainWindow | None = None
        self._asked = 0.0
        self._last = 0.0
        self._longest_s = 0.0
        self._first_picture = self._whole = False
        self._done_at = 0.0
        app.installEventFilter(self)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._beat)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if (
            self._window is None
            and isinstance(watched, QMainWindow)
            and event.type() == QEvent.Type.Paint
        ):
            self._window = watched
            # What the paint and all that waits behind it take belongs to the start.
            QTimer.singleShot(0, self._usable)
        return False

    def _usable(self) -> None:
        tell("usable_s", time.time() - STARTED)
        self._last = self._asked = time.perf_counter()
        self._timer.start(BEAT_MS)

    def _beat(self) -> None:
        now = time.perf_counter()
        self._longest_s = max(self._longest_s, now - self._last)
        self._last = now
        if self._expect_clip and not self._whole:
            self._look(now)
        elif self._is_quiet():
            self._finish()

    def _look(self, now: float) -> None:
        session = self._window._session
        plot = self._window.editor.plot if session.clip is not None else None
        if plot is None:
            return
        audio = plot.surface.waveform.audio
        if not self._first_picture:
            self._first_picture = True
            tell("first_picture_s", now - self._asked)
        if audio.done:
            self._whole = True
            tell("whole_waveform_s", now - self._asked)

    def _is_quiet(self) -> bool:
        session = self._window._session
        if self._expect_job and not any(
            job.usage.run_s and job.state in ("done", "failed")
            for job in session.queue.jobs()
        ):
            return False
        self._done_at = self._done_at or time.perf_counter()
        return time.perf_counter() - self._done_at > 2.0

    def _finish(self) -> None:
        self._timer.stop()
        memory = psutil.Process().memory_full_info()
        tell("longest_stall_ms", self._longest_s * 1000)
        tell("anonymous_mb", memory.uss / 2**20)
        self._window.close()
        self._app.quit()


def tell(name: str, value: float) -> None:
    """Print a measured value."""
    print(name, value, flush=True)


def main(arguments: list[str]) -> int:
    """Open the window as `earmark` does."""
    from earmark.ui.app import main as open_window

    app = QApplication([])
    watch = Watch(app, bool(arguments), len(arguments) > 1)
    code = open_window(
        arguments[:1], run_task=arguments[1] if len(arguments) > 1 else ""
    )
    del watch
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
