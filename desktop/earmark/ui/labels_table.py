"""The table of the shown clip's labels, linked both ways with the editor."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QPoint,
    Qt,
    QTimer,
)
from PySide6.QtWidgets import (
    QComboBox,
    QHeaderView,
    QLabel,
    QMenu,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from earmark.ui.label_model import (
    LENGTH,
    SCORE,
    START,
    STATUS,
    STATUS_WORDS,
    STOP,
    TEXT,
    TRACK,
    LabelModel,
)
from earmark.ui.session import Session
from earmark.ui.tables import RowTable
from earmark.ui.widgets import EmptyState, button, dock_header, search_field
from earmark.ui.wording import count

_NO_CLIP = ("No labels yet", "Open a recording; its labels stand here.")
_NO_LABELS = (
    "No labels in this clip",
    "Select a range and press Ctrl+B, press M while it plays, or let a model help.",
)
_WIDTHS = {START: 88, STOP: 88, LENGTH: 64, TRACK: 96, SCORE: 56, STATUS: 84}


class LabelsTable(QWidget):
    """The labels of the shown clip: filter, sort, edit, choose.

    Parameters
    ----------
    session : Session
    fill_menu : callable
        Takes a menu for the selected labels and fills it.
    transcribe : callable
        Opens the panel that makes labels; offered where there are none.
    """

    def __init__(
        self,
        session: Session,
        *,
        fill_menu: Callable[[QMenu], None],
        transcribe: Callable[[], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._fill_menu = fill_menu
        self._following = False
        self.model = LabelModel(session)
        self.filter = search_field("Filter labels by text", self)
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(150)
        self._wait.timeout.connect(
            lambda: self.model.arrange(words=self.filter.text().strip())
        )
        self.filter.textChanged.connect(lambda _: self._wait.start())
        self.status = QComboBox(self)
        self.status.setAccessibleName("Show labels of status")
        self.status.addItem("All states", "")
        for value, words in STATUS_WORDS.items():
            self.status.addItem(words, value)
        self.status.currentIndexChanged.connect(
            lambda _: self.model.arrange(status=self.status.currentData())
        )
        self.counted = QLabel(self)
        self.counted.setProperty("role", "muted")
        self.table = RowTable("Labels", self)
        self.table.setModel(self.model)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(TEXT, QHeaderView.ResizeMode.Stretch)
        for column, width in _WIDTHS.items():
            self.table.setColumnWidth(column, width)
        header.setSortIndicator(START, Qt.SortOrder.AscendingOrder)
        self.table.setSortingEnabled(True)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._show_menu)
        self._transcribe = button("Transcribe…", transcribe)
        self.empty = EmptyState("ph.tag", "", "", self._transcribe, parent=self)
        pages = QWidget(self)
        self._pages = QStackedLayout(pages)
        self._pages.addWidget(self.empty)
        self._pages.addWidget(self.table)
        dock_header(self, self.filter, self.status, self.counted)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(pages, 1)
        self.table.selectionModel().selectionChanged.connect(self._take_selection)
        self.model.settled.connect(self._take_settled)
        session.labels_selected.connect(self._follow)
        session.settings_changed.connect(self.table.viewport().update)
        self._take_settled()

    def focus_filter(self) -> None:
        """Put the cursor into the filter."""
        self.filter.setFocus()
        self.filter.selectAll()

    def _take_settled(self) -> None:
        total, shown = self.model.total, self.model.rowCount()
        self._pages.setCurrentIndex(1 if total else 0)
        shows_clip = self._session.clip is not None
        self.empty.say(*(_NO_LABELS if shows_clip else _NO_CLIP))
        self._transcribe.setVisible(shows_clip)
        of = f"{shown:,} of " if shown != total else ""
        self.counted.setText(of + count(total, "label"))
        self._follow()

    def _take_selection(self, *_: object) -> None:
        if self._following:
            return
        rows = self.table.selectionModel().selectedRows()
        labels = [self.model.id_at(row.row()) for row in rows]
        self._session.select_labels(labels)
        if len(rows) == 1:
            label = self.model.label_at(rows[0].row())
            if label is not None and not self._session.player.playing:
                self._session.set_playhead(label.start)

    def _follow(self) -> None:
        """Mark the rows of the labels that are selected in the session."""
        labels = self._session.selected_labels
        marked = {r.row() for r in self.table.selectionModel().selectedRows()}
        rows = self.model.rows_of(labels) if labels else []
        if marked == set(rows):
            return
        self._following = True
        selection = QItemSelection()
        last = self.model.columnCount() - 1
        for row in rows:
            selection.select(self.model.index(row, 0), self.model.index(row, last))
        flags = QItemSelectionModel.SelectionFlag.ClearAndSelect
        model = self.table.selectionModel()
        model.select(selection, flags)
        if rows:
            first = self.model.index(rows[0], TEXT)
            model.setCurrentIndex(first, QItemSelectionModel.SelectionFlag.NoUpdate)
            self.table.scrollTo(first)
        self._following = False

    def _show_menu(self, at: QPoint) -> None:
        if self._session.selected_labels:
            menu = QMenu(self)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            self._fill_menu(menu)
            menu.popup(self.table.viewport().mapToGlobal(at))
