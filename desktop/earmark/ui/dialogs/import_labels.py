"""Label files on their way into the project, and what there is to say about them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from earmark.core.errors import EarmarkError
from earmark.core.project import Change
from earmark.ui.background import Ended, Ticket, collections_put_off
from earmark.ui.session import Session
from earmark.ui.widgets import bold, muted, set_role
from earmark.ui.wording import count

_PATIENCE_MS = 400


@dataclass(frozen=True, slots=True)
class _Imported:
    """What became of one file."""

    changes: tuple[Change, ...]
    tracks: int
    notes: tuple[str, ...]


class ImportLabels(QDialog):
    """Label files that are imported one after the other, each as one edit.

    The files are read and stored on another thread, through a connection of its own.
    The dialog shows itself if that takes a while, if labels lie outside their clip, or
    if there is something that the project does not take.

    Parameters
    ----------
    session : Session
    paths : sequence of Path
    parent : QWidget
    """

    def __init__(
        self, session: Session, paths: Sequence[Path], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._project = session.project
        self._todo = deque(paths)
        self._path = paths[0]
        self._many = len(paths) > 1
        self._done: list[str] = []
        self._tracks = 0
        self._notes: list[str] = []
        self._ticket: Ticket | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_PATIENCE_MS)
        self._soon.timeout.connect(self.open)
        self.setWindowTitle("Import labels")
        self.setMinimumWidth(460)
        self.head = QLabel(self)
        self.head.setWordWrap(True)
        bold(self.head)
        self.progress = QProgressBar(self)
        self.progress.setAccessibleName("Progress")
        self.progress.setTextVisible(False)
        self.progress.setRange(0, 0)
        self.told = muted("", self, small=False)
        self.told.setAccessibleName("What was not imported")
        self.told.hide()
        self._box = QDialogButtonBox(self)
        self.stop = self._box.addButton(QDialogButtonBox.StandardButton.Cancel)
        self.rest = self._box.addButton(
            "Import the rest", QDialogButtonBox.ButtonRole.AcceptRole
        )
        set_role(self.rest, "primary")
        self.rest.hide()
        self._box.accepted.connect(self._import_rest)
        self._box.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        for widget in (self.head, self.progress, self.told):
            layout.addWidget(widget)
        layout.addStretch(1)
        layout.addWidget(self._box)

    def start(self) -> None:
        """Begin; the dialog deletes itself at the end."""
        self._soon.start()
        self._next()

    def reject(self) -> None:
        """End what is under way, or close."""
        self._todo.clear()
        if self._ticket is not None:
            # What is being stored is taken back, or done; `_take` and `_fail` close.
            self._ticket.end()
            self.stop.setEnabled(False)
            self.head.setText("Ending…")
        else:
            self._close()

    def _next(self) -> None:
        if not self._todo:
            self._finish()
            return
        self._path = self._todo.popleft()
        self._import("refuse")

    def _import_rest(self) -> None:
        self.progress.show()
        self.told.hide()
        self.rest.hide()
        self._import("skip")

    def _import(self, outside: Literal["refuse", "skip"]) -> None:
        session, path = self._session, self._path
        shown, many, formats = session.clip, self._many, session.formats
        post, beside = session.background.post, self._project.beside()

        def work(ticket: Ticket) -> _Imported:
            from earmark.formats.exchange import clip_named_like, import_into_project

            def step(words: str) -> None:
                ticket.check()
                post(partial(self._say, ticket, words))

            changes: list[Change] = []
            notes: list[str] = []
            with collections_put_off(), closing(beside):
                beside.subscribe(changes.append)
                clip = shown.id if shown else None
                if many:
                    clip = clip_named_like(beside, path) or clip
                added = import_into_project(
                    beside,
                    formats,
                    path,
                    clip=clip,
                    outside=outside,
                    tell=notes.append,
                    step=step,
                )
            tracks = sum(len(made) for made in added.values())
            return _Imported(tuple(changes), tracks, tuple(notes))

        self._ticket = session.background.run(work, self._take, self._fail)

    def _say(self, ticket: Ticket, words: str) -> None:
        if not ticket.cancelled.is_set() and self.stop.isEnabled():
            self.head.setText(f"{words}…")

    def _take(self, imported: _Imported) -> None:
        self._ticket = None
        self._done.append(self._path.name)
        self._tracks += imported.tracks
        self._notes += imported.notes
        for change in imported.changes:
            self._project.take_in(change)
        self._next()

    def _fail(self, error: Exception) -> None:
        from earmark.formats.exchange import LabelsOutside

        self._ticket = None
        if isinstance(error, Ended):
            self._session.message.emit(f"{self._path.name} was not imported", 6000)
            self._close()
        elif isinstance(error, LabelsOutside) and self.stop.isEnabled():
            self._ask(error)
        elif not isinstance(error, EarmarkError):
            self._close()
            raise error
        elif self._many:
            self._notes.append(f"{self._path.name} was not imported: {error}")
            self._next()
        else:
            self._close()
            self._session.error.emit(error)

    def _ask(self, error: EarmarkError) -> None:
        """Let a person decide about labels outside their clip."""
        self._soon.stop()
        self.head.setText(error.message)
        self._tell(error.remedy)
        self.rest.show()
        self.rest.setDefault(True)
        self.open()

    def _finish(self) -> None:
        name = self._done[0] if len(self._done) == 1 else count(len(self._done), "file")
        said = f"{name}: {count(self._tracks, 'track')} added"
        if not self._notes:
            self._close()
            if self._done:
                self._session.message.emit(said, 6000)
            return
        self._soon.stop()
        self.head.setText(f"{said}." if self._done else "Nothing was imported.")
        self._tell("\n".join(f"•  {note}" for note in self._notes))
        self._box.setStandardButtons(QDialogButtonBox.StandardButton.Close)
        self.rest.hide()
        self.open()

    def _tell(self, text: str) -> None:
        self.progress.hide()
        self.told.setText(text)
        set_role(self.told, "warning")
        self.told.show()

    def _close(self) -> None:
        self._soon.stop()
        super().reject()
        self.deleteLater()
