"""Opening, naming and repairing projects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QMessageBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from earmark.core.clips import Source
from earmark.core.errors import EarmarkError
from earmark.core.project import Project, ProjectCorrupt, ProjectInUse, Salvaged
from earmark.core.sources import check_content, readable
from earmark.settings import SettingsStore
from earmark.ui.background import Ticket
from earmark.ui.session import Session
from earmark.ui.tables import plain_header
from earmark.ui.widgets import button, muted, set_role
from earmark.ui.wording import count

RECENT = 10
_WORDS = {"clips": "clip", "tracks": "label track", "labels": "label"}


def open_project(folder: Path, parent: QWidget | None) -> Project | None:
    """A project, asking what to do if it is in use or damaged; None if cancelled.

    Raises
    ------
    EarmarkError
        If it cannot be opened at all.
    """
    try:
        return Project.open(folder)
    except ProjectInUse as error:
        if ask(parent, error, "Open read-only"):
            return Project.open(folder, read_only=True)
    except ProjectCorrupt as error:
        if ask(parent, error, "Open what can be read"):
            project = Project.salvage(folder)
            if project.salvaged is not None:
                tell(parent, *_told(project.name, project.salvaged))
            return project
    return None


def _told(name: str, salvaged: Salvaged) -> tuple[str, str]:
    """What could be read of a damaged project, in words."""
    parts = [count(salvaged.rows[table], word) for table, word in _WORDS.items()]
    saved = f"Of {name}, {', '.join(parts[:-1])} and {parts[-1]} could be read."
    lost = [f"{word}s" for table, word in _WORDS.items() if table in salvaged.broken]
    others = salvaged.broken.difference(_WORDS)
    if others:
        lost.append("other things")
    remedy = "It is open read-only: save it under another name to go on with it."
    if not lost:
        return saved, f"No clip or label is known to be lost. {remedy}"
    return saved, f"Some {' and '.join(lost)} could not be read. {remedy}"


def tell(parent: QWidget | None, message: str, more: str) -> None:
    """Tell something that is to be read before one goes on."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.NoIcon)
    box.setWindowTitle("Earmark")
    box.setText(message)
    box.setInformativeText(more)
    box.exec()
    box.deleteLater()


def ask(parent: QWidget | None, error: EarmarkError, offer: str) -> bool:
    """Tell an error with one way to go on; whether it was taken."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.NoIcon)
    box.setWindowTitle("Earmark")
    box.setText(error.message)
    box.setInformativeText(error.remedy)
    accept = box.addButton(offer, QMessageBox.ButtonRole.AcceptRole)
    set_role(accept, "primary")
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.exec()
    taken = box.clickedButton() is accept
    box.deleteLater()
    return taken


def remember(store: SettingsStore, project: Project) -> None:
    """Open this project at the next start, and list it among the recent ones."""
    recent = [p for p in store.settings.recent_projects if p != project.folder]
    store.update(
        last_project=project.folder,
        recent_projects=(project.folder, *recent)[:RECENT],
    )


def new_untitled(data: Path) -> Project:
    """A new project in the data folder."""
    number = 1
    while (folder := data / f"Untitled {number}.earmark").exists():
        number += 1
    return Project.create(folder, untitled=True)


class MissingFiles(QDialog):
    """Files that are not where they were, and ways to find them."""

    def __init__(
        self, session: Session, missing: Sequence[Source], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._missing = list(missing)
        self._ticket: Ticket | None = None
        self.setWindowTitle("Missing files")
        self.setMinimumSize(640, 360)
        self.said = muted("", self, small=False)
        self.table = QTableWidget(0, 2, self)
        self.table.setAccessibleName("Missing files")
        self.table.setHorizontalHeaderLabels(["File", "Was in"])
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        header = self.table.horizontalHeader()
        plain_header(header)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.table.setColumnWidth(0, 220)
        row = QHBoxLayout()
        row.setSpacing(8)
        self._ways = (
            button("Search a folder…", self._choose_folder, self, role="primary"),
            button("Locate the file…", self._choose_file, self),
        )
        for way in self._ways:
            row.addWidget(way)
        row.addStretch(1)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        box.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addWidget(self.said)
        layout.addWidget(self.table, 1)
        layout.addLayout(row)
        layout.addWidget(box)
        self._fill()

    def search(self, folder: Path) -> None:
        """Look for the files below a folder, by their content, in a pool thread."""
        session, missing = self._session, tuple(self._missing)
        sources = session.sources

        def look(ticket: Ticket) -> dict[str, Path]:
            return sources.find_missing(missing, [folder], lambda _: ticket.check())

        self._look(f"Searching {folder}…", look)

    def locate(self, source: Source, path: Path) -> None:
        """Take a file for a source if it is the same, read in a pool thread."""

        def look(ticket: Ticket) -> dict[str, Path]:
            check_content(path, source, lambda _: ticket.check())
            return {source.id: path}

        self._look(f"Reading {path.name}…", look)

    def done(self, result: int) -> None:
        """Close; a search that goes on is ended."""
        if self._ticket is not None:
            self._ticket.cancel()
        super().done(result)

    def _look(self, says: str, look: Callable[[Ticket], dict[str, Path]]) -> None:
        for each in self._ways:
            each.setEnabled(False)
        self._say(says, "muted")
        self._ticket = self._session.background.run(
            look, self._take_found, self._take_failure
        )

    def _take_found(self, found: dict[str, Path]) -> None:
        self._end_look()
        if not found:
            self._say("None of the files is in that folder.", "warning")
            return
        names = [source.path.name for source in self._missing if source.id in found]
        what = names[0] if len(names) == 1 else count(len(names), "file")
        try:
            # What was found has been read already.
            with self._session.project.edit(f"Locate {readable(what)}") as edit:
                for source, path in found.items():
                    edit.move_source(source, path)
        except EarmarkError as error:
            self._say(str(error), "error")
            return
        for source in found:
            self._session.sources.forget(source)
        self._missing = [each for each in self._missing if each.id not in found]
        self._fill()
        if not self._missing:
            self.accept()

    def _take_failure(self, error: Exception) -> None:
        self._end_look()
        if not isinstance(error, EarmarkError | OSError):
            raise error
        self._say(str(error), "error")

    def _end_look(self) -> None:
        self._ticket = None
        for each in self._ways:
            each.setEnabled(True)

    def _fill(self) -> None:
        self.table.setRowCount(len(self._missing))
        for row, source in enumerate(self._missing):
            name = QTableWidgetItem(source.path.name)
            name.setData(Qt.ItemDataRole.UserRole, source.id)
            self.table.setItem(row, 0, name)
            self.table.setItem(row, 1, QTableWidgetItem(str(source.path.parent)))
        self._say(
            f"{count(len(self._missing), 'file')} of this project moved or was "
            "removed. Earmark knows them by their content, whatever their names.",
            "muted",
        )

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Search a folder")
        if folder:
            self.search(Path(folder))

    def _choose_file(self) -> None:
        row = max(0, self.table.currentRow())
        source = self._missing[row]
        path, _ = QFileDialog.getOpenFileName(self, f"Where is {source.path.name}?")
        if path:
            self.locate(source, Path(path))

    def _say(self, text: str, role: str) -> None:
        self.said.setText(text)
        set_role(self.said, role)
