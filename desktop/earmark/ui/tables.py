"""The table, and the model of rows under titles, that views of rows share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from PySide6.QtCore import (
    QAbstractTableModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    Qt,
)
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

Index = QModelIndex | QPersistentModelIndex

ROW_HEIGHT = 26


def plain_header(header: QHeaderView) -> None:
    """Write captions to the left, over their columns, and all alike."""
    header.setDefaultAlignment(
        Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    )
    header.setHighlightSections(False)


class RowModel(QAbstractTableModel):
    """Rows under titles.

    Attributes
    ----------
    titles : tuple of str
        Of the columns.
    """

    titles: ClassVar[tuple[str, ...]]

    def row_total(self) -> int:
        """How many rows there are; each model says it."""
        raise NotImplementedError

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else self.row_total()

    def columnCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.titles)

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        shown = role == Qt.ItemDataRole.DisplayRole
        if shown and orientation == Qt.Orientation.Horizontal:
            return self.titles[section]
        return None

    def redraw(self, row: int, last: int | None = None) -> None:
        """Let views read a row again, or all rows up to another one."""
        below = row if last is None else last
        end = self.index(below, len(self.titles) - 1)
        self.dataChanged.emit(self.index(row, 0), end)


class RowTable(QTableView):
    """Rows without a grid; typing goes to the keys of the window, not to a search.

    Parameters
    ----------
    name : str
        Its accessible name.
    delete : callable, optional
        What the keys that delete do while the table has the focus; the window's
        commands have them otherwise.
    """

    def __init__(
        self,
        name: str,
        parent: QWidget | None = None,
        *,
        delete: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(parent)
        self._delete = delete
        self.setAccessibleName(name)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.EditKeyPressed
            | QAbstractItemView.EditTrigger.DoubleClicked
        )
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        vertical = self.verticalHeader()
        vertical.setVisible(False)
        # One height for all: 100,000 rows are laid out without looking at any.
        vertical.setMinimumSectionSize(ROW_HEIGHT)
        vertical.setDefaultSectionSize(ROW_HEIGHT)
        vertical.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        plain_header(self.horizontalHeader())

    def event(self, event: QEvent) -> bool:
        """Take the keys that delete before the window does."""
        if (
            event.type() is QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and self._delete is not None
            and _deletes(event)
        ):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave letters to the window; keep the keys that move and edit."""
        if self._delete is not None and _deletes(event):
            self._delete()
        elif event.text().strip() and not event.modifiers():
            event.ignore()
        else:
            super().keyPressEvent(event)


def _deletes(event: QKeyEvent) -> bool:
    return event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace)
