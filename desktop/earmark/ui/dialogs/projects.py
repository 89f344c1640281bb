"""Opening, naming and repairing projects."""

from __future__ import annotations

from collections.abc import Sequence
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
from earmark.core.project import Project, ProjectCorrupt, ProjectInUse
from earmark.settings import SettingsStore
from earmark.ui.session import Session
from earmark.ui.tables import plain_header
from earmark.ui.widgets import button, muted, set_role
from earmark.ui.wording import count

RECENT = 10


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
            return Project.salvage(folder)
    return None


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
        self._search = button(
            "Search a folder…", self._choose_folder, self, role="primary"
        )
        row.addWidget(self._search)
        row.addWidget(button("Locate the file…", self._choose_file, self))
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
        self._search.setEnabled(False)
        self._say(f"Searching {folder}…", "muted")
        session.background.run(
            lambda _: sources.find_missing(missing, [folder]),
            self._take_found,
            self._take_failure,
        )

    def _take_found(self, found: dict[str, Path]) -> None:
        self._search.setEnabled(True)
        for source, path in found.items():
            self._relocate(source, path)
        if not found:
            self._say("None of the files is in that folder.", "warning")

    def _take_failure(self, error: Exception) -> None:
        self._search.setEnabled(True)
        if not isinstance(error, EarmarkError | OSError):
            raise error
        self._say(str(error), "error")

    def _relocate(self, source: str, path: Path) -> None:
        try:
            self._session.project.relocate(source, path)
        except EarmarkError as error:
            self._say(str(error), "error")
            return
        self._session.sources.forget(source)
        self._missing = [each for each in self._missing if each.id != source]
        self._fill()
        if not self._missing:
            self.accept()

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
            self._relocate(source.id, Path(path))

    def _say(self, text: str, role: str) -> None:
        self.said.setText(text)
        set_role(self.said, role)
