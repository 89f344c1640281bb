"""Functions run in pool threads, their outcomes delivered on the GUI thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal, Slot

T = TypeVar("T")


class Ticket:
    """A running piece of work; `cancel` lets its outcome never arrive."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()

    def cancel(self) -> None:
        """Ask the work to stop; whatever it still gives is dropped."""
        self.cancelled.set()


class Background(QObject):
    """A few pool threads and a way back to the GUI thread.

    Parameters
    ----------
    threads : int, optional
    """

    _posted = Signal(object)

    def __init__(self, parent: QObject | None = None, *, threads: int = 2) -> None:
        super().__init__(parent)
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self._tickets: set[Ticket] = set()
        self._closed = False
        self._posted.connect(self._call, Qt.ConnectionType.QueuedConnection)

    def post(self, call: Callable[[], None]) -> None:
        """Run a function on the GUI thread, soon; may be called from any thread."""
        try:
            self._posted.emit(call)
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
        for ticket in self._tickets:
            ticket.cancel()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    @Slot(object)
    def _call(self, call: Callable[[], None]) -> None:
        if not self._closed:
            call()
