"""Functions run in pool threads, their outcomes delivered on the GUI thread."""

from __future__ import annotations

import gc
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

T = TypeVar("T")

_TURN_S = 0.004


class Ended(Exception):  # noqa: N818 - a person ended it; nothing is wrong
    """The work was asked to end, and did."""


class Ticket:
    """A running piece of work; `cancel` lets its outcome never arrive."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()
        self._ended = threading.Event()

    def end(self) -> None:
        """Ask the work to end early; what it gives, or that it ended, still arrives."""
        self._ended.set()

    def check(self) -> None:
        """Raise `Ended` if the work need not go on; called by the work now and then."""
        if self._ended.is_set() or self.cancelled.is_set():
            raise Ended

    def cancel(self) -> None:
        """Ask the work to stop; whatever it still gives is dropped."""
        self.cancelled.set()


@contextmanager
def collections_put_off() -> Iterator[None]:
    """Collect no garbage while a thread makes objects by the hundred thousand.

    A collection looks through all of them and stops the window for 0.3 s, several
    times over.
    """
    were_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if were_on:
            gc.enable()


class Background(QObject):
    """A few pool threads and a way back to the GUI thread.

    Parameters
    ----------
    threads : int, optional
    """

    _woken = Signal()

    def __init__(self, parent: QObject | None = None, *, threads: int = 2) -> None:
        super().__init__(parent)
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self._tickets: set[Ticket] = set()
        self._closed = False
        self._calls: deque[Callable[[], None]] = deque()
        self._woken.connect(self._wake, Qt.ConnectionType.QueuedConnection)
        self._turn = QTimer(self)
        self._turn.setInterval(0)
        self._turn.timeout.connect(self._take_turn)

    def post(self, call: Callable[[], None]) -> None:
        """Run a function on the GUI thread, soon; may be called from any thread.

        Functions run in the order they came. Many at once take turns with the events
        of the window, so that a burst of them does not hold it up.
        """
        self._calls.append(call)
        try:
            self._woken.emit()
        except RuntimeError:
            # The window is gone, and with it everyone the news was for.
            if not self._closed:
                raise

    def run(
        self,
        work: Callable[[Ticket], T],
        done: Callable[[T], None],
        failed: Callable[[Exception], None],
    ) -> Ticket:
        """Run `work` in a pool thread, then `done` or `failed` on the GUI thread."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, "earmark-background")
        ticket = Ticket()
        self._tickets.add(ticket)

        def settle(deliver: Callable[[Any], None], outcome: Any) -> None:
            self._tickets.discard(ticket)
            if not ticket.cancelled.is_set():
                deliver(outcome)

        def task() -> None:
            if ticket.cancelled.is_set():
                self.post(lambda: self._tickets.discard(ticket))
                return
            try:
                result = work(ticket)
            except Exception as error:  # noqa: BLE001 - delivered, not swallowed
                fault = error
                self.post(lambda: settle(failed, fault))
            else:
                self.post(lambda: settle(done, result))

        self._pool.submit(task)
        return ticket

    @property
    def busy(self) -> bool:
        """Whether any outcome is still to come."""
        return any(not ticket.cancelled.is_set() for ticket in self._tickets)

    def close(self) -> None:
        """Drop what has not started and wait for what runs."""
        self._closed = True
        self._turn.stop()
        self._calls.clear()
        for ticket in self._tickets:
            ticket.cancel()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    @Slot()
    def _wake(self) -> None:
        if self._calls and not self._turn.isActive() and not self._closed:
            self._turn.start()

    def _take_turn(self) -> None:
        stop = time.perf_counter() + _TURN_S
        while self._calls:
            call = self._calls.popleft()
            call()
            if time.perf_counter() > stop:
                return
        self._turn.stop()
