"""Work on the model library, one piece at a time for the whole window."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from earmark.core.errors import Cancelled, EarmarkError
from earmark.core.tasks import Progress, Task
from earmark.models.arrivals import Report
from earmark.models.catalog import CatalogEntry
from earmark.models.move import check_movable, finish_move
from earmark.ui.background import Ticket
from earmark.ui.session import Session

Stop = Callable[[], bool]

_POLL_S = 0.1


class _Stopped(Exception):  # noqa: N818 - a request that was met, not a fault
    """A piece of work ended because it was asked to."""


class Fetching(QObject):
    """What fetches, imports, packs, moves and verifies models for the whole window.

    Attributes
    ----------
    running : bool
    stopping : bool
        It was asked to stop and will soon have.
    can_pause : bool
        What runs can be stopped and taken up again.
    fraction : float or None
    message : str
    """

    progressed = Signal()
    finished = Signal()
    found = Signal(object)
    """A `CatalogEntry` that was looked up on the hub."""
    verified = Signal(str, object)
    """A model's id, and what is wrong with its files; empty if nothing."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._ticket: Ticket | None = None
        self._stop = threading.Event()
        self.can_pause = False
        self.fraction: float | None = None
        self.message = ""

    @staticmethod
    def of(session: Session) -> Fetching:
        """The one of a window, made if there is none yet."""
        return session.findChild(Fetching) or Fetching(session)

    @property
    def running(self) -> bool:
        """Whether something is being done."""
        return self._ticket is not None

    @property
    def stopping(self) -> bool:
        """Whether what is being done was asked to stop."""
        return self.running and self._stop.is_set()

    def fetch_starter(self, parent: QWidget) -> None:
        """Ask, then fetch all starter weights that are missing."""
        from earmark.ui.dialogs.licence import accept_starter

        library = self._session.library
        if accept_starter(library.missing_starter(), parent):
            self._start("Fetching starter weights", library.fetch_starter, pause=True)

    def fetch(self, entry: CatalogEntry, parent: QWidget) -> None:
        """Show what a model is, takes and allows, then fetch it if that is accepted."""
        from earmark.ui.dialogs.licence import AcceptLicence

        dialog = AcceptLicence(entry, self._session.library.space().free_mb, parent)
        if dialog.exec():
            self.resume(entry)
        dialog.deleteLater()

    def resume(self, entry: CatalogEntry) -> None:
        """Fetch a model whose licence was accepted, or go on with it."""
        library = self._session.library
        pickled = entry.source.kind == "hub" and entry.source.pickled
        # Saying yes is the permission; the switch is for everything unasked.
        self._start(
            f"Fetching {entry.title}",
            lambda report, stop: library.fetch(
                entry, report, stop, network=True, convert_pickle=pickled
            ),
            pause=True,
        )

    def look_up(self, repo: str, revision: str, task: Task | None) -> None:
        """Ask the hub for a model and check its class; `found` tells of it."""
        library, plugins = self._session.library, self._session.plugins
        tasks = tuple(plugins.tasks.values())

        def look(report: Report, stop: Stop) -> CatalogEntry:
            entry = library.offer(repo, revision, network=True)
            library.check(entry, task, tasks)
            return entry

        self._start(f"Asking the hub for {repo}", look, self.found.emit)

    def import_folder(self, path: Path, *, convert_pickle: bool = False) -> None:
        """Copy a model's folder, or the model of a pack, into the library."""
        library = self._session.library
        self._start(
            f"Importing {path.name}",
            lambda report, stop: library.import_folder(
                path, None, report, stop, convert_pickle=convert_pickle
            ),
        )

    def pack(self, model: str, file: Path) -> None:
        """Write a model into one file."""
        library = self._session.library
        self._start(
            f"Packing {model}",
            lambda report, stop: library.pack(model, file, report, stop),
        )

    def verify(self, model: str) -> None:
        """Compare the hashes of a model's files; `verified` tells."""
        library = self._session.library
        self._start(
            f"Verifying {model}",
            lambda report, stop: library.verify(model),
            lambda problems: self.verified.emit(model, problems),
        )

    def move(self, folder: Path) -> None:
        """Move the library; the settings name the new folder when all is there."""
        library, store = self._session.library, self._session.store
        check_movable(store.settings, folder)

        def work(report: Report, stop: Stop) -> None:
            def note() -> None:
                store.update(models_folder=folder, moved_from=library.folder)

            library.move(folder, lambda: self._on_gui(note, stop), report, stop)

        self._start(
            f"Moving the models to {folder}", work, lambda _: finish_move(store)
        )

    def _on_gui(self, call: Callable[[], object], stop: Stop) -> None:
        """Call something on the GUI thread, from another, and wait for it."""
        done = threading.Event()
        faults: list[EarmarkError] = []

        def run() -> None:
            try:
                call()
            except EarmarkError as error:
                faults.append(error)
            finally:
                done.set()

        self._session.background.post(run)
        while not done.wait(_POLL_S):
            if stop():
                raise Cancelled
        if faults:
            raise faults[0]

    def cancel(self) -> None:
        """Stop soon; what was fetched of a file is kept to go on with."""
        if self.running:
            self._stop.set()
            self.message, self.fraction = "Stopping…", None
            self.progressed.emit()

    def _start(
        self,
        message: str,
        work: Callable[[Report, Stop], object],
        done: Callable[[object], None] = lambda result: None,
        *,
        pause: bool = False,
    ) -> None:
        if self.running:
            raise EarmarkError(
                "Something else is being done with the models.", "Wait, or stop it."
            )
        self.message, self.fraction, self.can_pause = message, None, pause
        self._stop = stop = threading.Event()
        background = self._session.background

        def run(ticket: Ticket) -> object:
            def report(progress: Progress) -> None:
                background.post(lambda: self._take_progress(ticket, progress))

            try:
                return work(report, lambda: stop.is_set() or ticket.cancelled.is_set())
            except Cancelled as error:
                raise _Stopped from error

        def finish(result: object) -> None:
            self._end(f"{message}: done")
            done(result)

        self._ticket = background.run(run, finish, self._take_failure)
        self.progressed.emit()

    def _take_progress(self, ticket: Ticket, progress: Progress) -> None:
        if ticket is self._ticket and not self.stopping:
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
