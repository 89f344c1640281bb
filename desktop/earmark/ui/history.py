"""The history of edits; any of them can be gone back to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, Qt, QTimer
from PySide6.QtGui import QFont
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from earmark.core.errors import EarmarkError
from earmark.core.project import HistoryEntry
from earmark.ui.appearance import current_palette
from earmark.ui.session import Session
from earmark.ui.tables import Index
from earmark.ui.widgets import EmptyState, dock_header, muted
from earmark.ui.wording import count


class HistoryModel(QAbstractListModel):
    """The entries, the oldest first, after a row for the beginning."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._entries: list[HistoryEntry] = []
        self._present = 0
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self.reload)
        session.project_opened.connect(self._soon.start)
        session.project_changed.connect(lambda _: self._soon.start())
        self.reload()

    def reload(self) -> None:
        """Read all entries."""
        self.beginResetModel()
        self._entries = self._session.project.history()
        self._present = sum(not entry.undone for entry in self._entries)
        self.endResetModel()

    def entry(self, row: int) -> int:
        """The id of the entry in a row; 0 is the beginning."""
        return self._entries[row - 1].id if row else 0

    @property
    def present(self) -> int:
        """The row of the last edit that is not undone."""
        return self._present

    def rowCount(self, parent: Index | None = None) -> int:
        if parent is not None and parent.isValid():
            return 0
        return len(self._entries) + 1

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = index.row()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._entries[row - 1].title if row else "Beginning"
        if role == Qt.ItemDataRole.ToolTipRole and row:
            return _when(self._entries[row - 1].at)
        if role == Qt.ItemDataRole.ForegroundRole and row > self.present:
            return current_palette().disabled
        if role == Qt.ItemDataRole.FontRole and row == self.present:
            font = QFont()
            font.setWeight(QFont.Weight.DemiBold)
            return font
        return None


def _when(at: str) -> str:
    try:
        return datetime.fromisoformat(at).astimezone().strftime("%x %X")
    except ValueError:
        return at


class History(QWidget):
    """The list of edits; choosing one undoes or redoes up to it."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.model = HistoryModel(session)
        self.list = QListView(self)
        self.list.setAccessibleName("History of edits")
        self.list.setModel(self.model)
        self.list.setUniformItemSizes(True)
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.clicked.connect(self._go)
        self.list.activated.connect(self._go)
        self.empty = EmptyState(
            "ph.clock-counter-clockwise",
            "Nothing was edited yet",
            "Every edit is kept here, also after a restart. "
            "Choose one to go back to it.",
            parent=self,
        )
        self._pages = QStackedLayout()
        self._pages.addWidget(self.empty)
        self._pages.addWidget(self.list)
        self.summary = muted("", self)
        self.summary.setContentsMargins(4, 0, 0, 0)
        dock_header(self, self.summary)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._pages)
        self.model.modelReset.connect(self._take_reset)
        self._take_reset()

    def _take_reset(self) -> None:
        edits = self.model.rowCount() - 1
        self._pages.setCurrentIndex(1 if edits else 0)
        self.summary.setText(count(edits, "edit"))
        present = self.model.index(self.model.present, 0)
        self.list.setCurrentIndex(present)
        self.list.scrollTo(present)

    def _go(self, index: QModelIndex) -> None:
        if index.row() == self.model.present:
            return
        try:
            self._session.project.go_to(self.model.entry(index.row()))
        except EarmarkError as error:
            self._session.error.emit(error)
