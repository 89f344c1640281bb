"""Importing files and folders in pool threads, each with an outcome of its own."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from earmark.core.clips import Clip, Source, Span
from earmark.core.errors import EarmarkError
from earmark.core.project import Edit, Project
from earmark.core.sources import AUDIO_SUFFIXES, readable
from earmark.ui.background import Background, Ticket
from earmark.ui.session import Session
from earmark.ui.tables import plain_header
from earmark.ui.wording import count

_COMMIT_MS = 400


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file.

    Attributes
    ----------
    path : Path
    clip : int or None
        The clip it became.
    error : str
        Why it did not; empty if it did.
    note : str
        What of its sound is missing or unusable.
    """

    path: Path
    clip: int | None = None
    error: str = ""
    note: str = ""


def audio_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files, and the audio files in the folders, at any depth, in order.

    A file that was named is given whatever its ending is.
    """
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                if Path(name).suffix.lower() in AUDIO_SUFFIXES:
                    yield Path(folder) / name


class Import(QObject):
    """An import that is under way.

    Clips come into the project in batches, each one edit, so that thousands of files
    are a few steps of the history and the first are there at once.

    Attributes
    ----------
    total : int
        Files found so far.
    outcomes : list of Outcome
    """

    progressed = Signal(int, int)
    finished = Signal()

    def __init__(
        self, session: Session, paths: Sequence[Path], *, show_first: bool = True
    ) -> None:
        super().__init__(session)
        self._session = session
        self._project = session.project
        self._background: Background = session.background
        self._show = show_first
        self._pending: list[tuple[Path, Source, str]] = []
        self._tickets: list[Ticket] = []
        self._open = 0
        self._searching = True
        self._done = False
        self.total = 0
        self.outcomes: list[Outcome] = []
        self._timer = QTimer(self)
        self._timer.setInterval(_COMMIT_MS)
        self._timer.timeout.connect(self._commit)
        self._timer.start()
        self._tickets.append(
            self._background.run(
                lambda _: list(audio_files(paths)), self._take_files, self._fail
            )
        )

    def cancel(self) -> None:
        """Stop; what is imported stays."""
        for ticket in self._tickets:
            ticket.cancel()
        self._open = 0
        self._searching = False
        self._settle()

    @property
    def failures(self) -> list[Outcome]:
        """The files that could not be imported."""
        return [outcome for outcome in self.outcomes if outcome.error]

    def _take_files(self, files: list[Path]) -> None:
        self._searching = False
        self.total = self._open = len(files)
        self.progressed.emit(0, self.total)
        for path in files:

            def failed(error: Exception, path: Path = path) -> None:
                self._take_error(path, error)

            def done(found: tuple[Source, str], path: Path = path) -> None:
                self._take_source(path, *found)

            def work(ticket: Ticket, path: Path = path) -> tuple[Source, str]:
                # Loaded here, it does not hold up the window.
                from earmark.audio.files import import_file

                notes: list[str] = []
                source = import_file(path, notes.append, lambda _: ticket.check())
                return source, " ".join(notes)

            self._tickets.append(self._background.run(work, done, failed))
        self._settle()

    def _take_source(self, path: Path, source: Source, note: str) -> None:
        self._pending.append((path, source, note))
        self._open -= 1
        if not self.outcomes and len(self._pending) == 1:
            self._commit()
        self._settle()

    def _take_error(self, path: Path, error: Exception) -> None:
        if not isinstance(error, EarmarkError | OSError):
            self._fail(error)
            return
        self.outcomes.append(Outcome(path, error=str(error)))
        self._open -= 1
        self._settle()

    def _fail(self, error: Exception) -> None:
        """A fault of the program, not of a file: end, and let it be seen."""
        self.cancel()
        raise error

    def _commit(self) -> None:
        if not self._pending or self._project.closed:
            return
        batch, self._pending = self._pending, []
        title = (
            f"Import {readable(batch[0][0].name)}"
            if len(batch) == 1
            else f"Import {len(batch)} files"
        )
        made: list[Outcome] = []
        try:
            for _, source, note in batch:
                keep_note(self._project, source, note)
            with self._project.edit(title) as edit:
                for path, source, note in batch:
                    try:
                        clip = _add_clip(edit, path, source)
                    except EarmarkError as error:
                        made.append(Outcome(path, error=str(error)))
                    else:
                        made.append(Outcome(path, clip, note=note))
        except EarmarkError as error:
            made = [Outcome(path, error=str(error)) for path, _, _ in batch]
        self.outcomes += made
        self.progressed.emit(len(self.outcomes), self.total)
        first = next((each.clip for each in made if each.clip is not None), None)
        if self._show and first is not None:
            self._show = False
            self._session.show_clip(first)

    def _settle(self) -> None:
        if self._done or self._open or self._searching:
            return
        self._done = True
        self._timer.stop()
        self._commit()
        self.finished.emit()
        self.deleteLater()


def _add_clip(edit: Edit, path: Path, source: Source) -> int:
    """The clip that a file becomes."""
    edit.add_source(source)
    return edit.add_clip(
        readable(path.stem),
        source.rate,
        source.channels,
        (Span(source.id, 0, source.frames),),
    )


def keep_note(project: Project, source: Source, note: str) -> None:
    """Keep what is to be known of a source's sound, for the tool tips of its clips."""
    if note:
        project.set_view(f"source/{source.id}", {"note": note})


def notes_of(project: Project, clip: Clip) -> list[str]:
    """What is to be known of the sound of a clip."""
    kept = (
        project.view(f"source/{source}")
        for source in dict.fromkeys(span.source for span in clip.spans)
        if source is not None
    )
    return [str(view["note"]) for view in kept if view]


class Outcomes(QDialog):
    """The files that could not be imported, or not whole, and why."""

    def __init__(self, outcomes: Sequence[Outcome], parent: QWidget) -> None:
        super().__init__(parent)
        from PySide6.QtWidgets import QHeaderView, QTableWidget

        failed = sum(1 for outcome in outcomes if outcome.error)
        told = [outcome for outcome in outcomes if outcome.error or outcome.note]
        self.setWindowTitle("Import")
        self.setMinimumSize(840, 360)
        said = QLabel(
            f"{len(outcomes) - failed:,} of {count(len(outcomes), 'file')} imported. "
            "This is to be known of them:",
            self,
        )
        self.table = QTableWidget(len(told), 3, self)
        self.table.setAccessibleName("Files that were not imported, or not whole")
        self.table.setHorizontalHeaderLabels(["File", "Imported", "Why"])
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        header = self.table.horizontalHeader()
        plain_header(header)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        self.table.setColumnWidth(0, 200)
        self.table.setColumnWidth(1, 88)
        for row, outcome in enumerate(told):
            name = QTableWidgetItem(readable(outcome.path.name))
            name.setToolTip(readable(str(outcome.path)))
            self.table.setItem(row, 0, name)
            became = QTableWidgetItem("No" if outcome.error else "In part")
            self.table.setItem(row, 1, became)
            reason = QTableWidgetItem(outcome.error or outcome.note)
            reason.setToolTip(reason.text())
            self.table.setItem(row, 2, reason)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        box.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        for widget in (said, self.table, box):
            layout.addWidget(widget)
