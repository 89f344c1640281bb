"""What takes long and can be ended: how far it is, and a way out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from earmark.core.errors import EarmarkError
from earmark.core.sources import Step
from earmark.ui.background import Ended, Ticket
from earmark.ui.session import Session
from earmark.ui.widgets import bold

T = TypeVar("T")

_PARTS = 1000


class Working(QDialog):
    """Runs a function in a pool thread and shows how much of its bytes it has done.

    It is open until the function has ended; what a person does is kept from the window
    meanwhile. It deletes itself.

    Parameters
    ----------
    session : Session
    says : str
        What is being done.
    total : int
        Bytes; 0 if that is not known.
    """

    def __init__(
        self, session: Session, says: str, total: int, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._total = total
        self._ticket: Ticket | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Earmark")
        self.setMinimumWidth(400)
        self.head = QLabel(says, self)
        self.head.setWordWrap(True)
        bold(self.head)
        self.progress = QProgressBar(self)
        self.progress.setAccessibleName("Progress")
        self.progress.setTextVisible(False)
        self.progress.setRange(0, _PARTS if total else 0)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        self.stop = box.button(QDialogButtonBox.StandardButton.Cancel)
        box.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        for widget in (self.head, self.progress, box):
            layout.addWidget(widget)

    def start(
        self,
        work: Callable[[Step], T],
        done: Callable[[T], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Run `work`, then `done` or `failed`; with `Ended` if a person ended it."""
        post = self._session.background.post

        def run(ticket: Ticket) -> T:
            handled = shown = 0

            def step(count: int) -> None:
                nonlocal handled, shown
                ticket.check()
                handled += count
                part = _PARTS * handled // max(self._total, handled, 1)
                if part != shown:
                    shown = part
                    post(partial(self._show, ticket, part))

            return work(step)

        self._ticket = self._session.background.run(
            run, partial(self._take, done), partial(self._take, failed)
        )
        self.open()

    def done(self, result: int) -> None:
        """Close once the work has ended; it is asked to."""
        if self._ticket is None:
            super().done(result)
            return
        self._ticket.end()
        self.stop.setEnabled(False)
        self.head.setText("Ending…")

    def _show(self, ticket: Ticket, part: int) -> None:
        if ticket is self._ticket and self._total:
            self.progress.setValue(part)

    def _take(self, deliver: Callable[[T], None], outcome: T) -> None:
        self._ticket = None
        self.accept()
        deliver(outcome)


def tell_failure(session: Session, what: str, error: Exception) -> None:
    """Tell that something was ended, or why it failed; raise a fault of the program.

    Parameters
    ----------
    session : Session
    what : str
        "The copy", as it is told: "The copy was ended".
    error : Exception
    """
    if isinstance(error, Ended):
        session.message.emit(f"{what} was ended", 6000)
    elif isinstance(error, EarmarkError):
        session.error.emit(error)
    else:
        raise error
