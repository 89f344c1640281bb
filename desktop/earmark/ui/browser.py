"""The browser of clips: filter, sort, choose, drop files."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import (
    QByteArray,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    QSortFilterProxyModel,
    Qt,
    QTimer,
)
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QIcon
from PySide6.QtWidgets import (
    QHeaderView,
    QMenu,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from earmark.core.clips import Clip
from earmark.core.project import Change
from earmark.core.tasks import Take
from earmark.ui.appearance import current_palette
from earmark.ui.icons import icon
from earmark.ui.importing import notes_of
from earmark.ui.session import Session
from earmark.ui.tables import Index, RowModel, RowTable
from earmark.ui.widgets import (
    EmptyState,
    button,
    dock_button,
    dock_header,
    search_field,
)
from earmark.ui.wording import duration

NAME, LENGTH, RATE, TAGS = range(4)
_STATUS_ICONS = {"new": "", "in_progress": "ph.circle-half", "done": "ph.check-circle"}
_ONE_BY_ONE = 16
"""So many clips come row by row; for more, the table is sorted anew."""
SORT_ROLE = Qt.ItemDataRole.UserRole
CLIP_ROLE = Qt.ItemDataRole.UserRole + 1


class ClipModel(RowModel):
    """The clips of the project, read once and kept right by what changes."""

    titles = ("Name", "Length", "Rate", "Tags")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._clips: list[Clip] = []
        self._takes: dict[int, Take] = {}
        self._row: dict[int, int] = {}
        session.project_opened.connect(self.reload)
        session.project_changed.connect(self._take_change)
        self.reload()

    def reload(self) -> None:
        """Read all clips."""
        self.beginResetModel()
        self._clips = self._session.project.clips()
        self._index()
        self.endResetModel()

    def row_of(self, clip: int) -> int | None:
        """The row of a clip."""
        return self._row.get(clip)

    def row_total(self) -> int:
        return len(self._clips)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        clip = self._clips[index.row()]
        column = index.column()
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return _shown(clip, column)
        if role == SORT_ROLE:
            return _sorted_by(clip, column)
        if role == CLIP_ROLE:
            return clip.id
        if role == Qt.ItemDataRole.DecorationRole and column == NAME:
            if take := self._takes.get(clip.id):
                return _take_icon(take)
            return icon(_STATUS_ICONS[clip.status] or "ph.activity")
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._told(clip)
        return None

    def setData(
        self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole
    ) -> bool:
        clip = self._clips[index.row()]
        text = str(value).strip()
        if role != Qt.ItemDataRole.EditRole or self._session.project.read_only:
            return False
        if index.column() == NAME and text and text != clip.name:
            with self._session.project.edit("Rename clip") as edit:
                edit.update_clip(clip.id, name=text)
            return True
        if index.column() == TAGS:
            tags = tuple(dict.fromkeys(t.strip() for t in text.split(",") if t.strip()))
            if tags != clip.tags:
                with self._session.project.edit("Tag clip") as edit:
                    edit.update_clip(clip.id, tags=tags)
                return True
        return False

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if index.column() in (NAME, TAGS) and not self._session.project.read_only:
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def _take_change(self, change: Change) -> None:
        touched = set(change.rows["clips"])
        if change.rows["takes"]:
            before, self._takes = self._takes, self._read_takes()
            both = before.keys() | self._takes.keys()
            touched |= {c for c in both if before.get(c) != self._takes.get(c)}
        if not touched:
            return
        now = self._session.project.clips_by_id(map(int, touched))
        here = self._row.keys() & touched
        new, gone = now.keys() - here, here - now.keys()
        # Of several that go, the table would show one while it takes out another.
        if len(gone) > 1 or len(new) > _ONE_BY_ONE:
            self.reload()
            return
        for clip in here - gone:
            row = self._row[int(clip)]
            self._clips[row] = now[int(clip)]
            self.redraw(row)
        for clip in gone:
            self._remove(int(clip))
        for clip in sorted(new):
            self._insert(now[clip])

    def _remove(self, clip: int) -> None:
        row = self._row[clip]
        self.beginRemoveRows(QModelIndex(), row, row)
        del self._clips[row]
        self._count_rows()
        self.endRemoveRows()

    def _insert(self, clip: Clip) -> None:
        row = bisect_left(self._clips, clip.id, key=lambda known: known.id)
        self.beginInsertRows(QModelIndex(), row, row)
        self._clips.insert(row, clip)
        self._count_rows()
        self.endInsertRows()

    def _index(self) -> None:
        self._count_rows()
        self._takes = self._read_takes()

    def _count_rows(self) -> None:
        self._row = {clip.id: row for row, clip in enumerate(self._clips)}

    def _read_takes(self) -> dict[int, Take]:
        takes = self._session.project.takes()
        return {take.clip: take for take in takes if take.clip is not None}

    def _told(self, clip: Clip) -> str:
        """What the tool tip of a clip says."""
        lines = [
            clip.name,
            f"{duration(clip.frames / clip.rate)}, {clip.rate} Hz, {clip.channels} ch",
        ]
        lines += notes_of(self._session.project, clip)
        if take := self._takes.get(clip.id):
            lines.append("Generated")
            if take.check:
                lines.append(f"Checked: {take.check.get('summary', '')}")
        return "\n".join(lines)


def _take_icon(take: Take) -> QIcon:
    """A warning if the check of a take heard anything else than its text."""
    if take.check.get("wer"):
        return icon("ph.warning", color=current_palette().warning)
    return icon("ph.check-circle" if take.check else "ph.sparkle")


def _shown(clip: Clip, column: int) -> str:
    if column == NAME:
        return clip.name
    if column == LENGTH:
        return duration(clip.frames / clip.rate)
    if column == RATE:
        return f"{clip.rate / 1000:g} kHz"
    return ", ".join(clip.tags)


def _sorted_by(clip: Clip, column: int) -> Any:
    if column == NAME:
        return clip.name.casefold()
    if column == LENGTH:
        return clip.frames / clip.rate
    if column == RATE:
        return clip.rate
    return ", ".join(clip.tags).casefold()


class _Filter(QSortFilterProxyModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._words: list[str] = []
        self.setSortRole(SORT_ROLE)
        self.setDynamicSortFilter(True)

    def search(self, text: str) -> None:
        self._words = text.casefold().split()
        self.invalidate()

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:
        if not self._words:
            return True
        model = self.sourceModel()
        found = " ".join(
            str(model.index(row, column).data()) for column in (NAME, TAGS)
        ).casefold()
        return all(word in found for word in self._words)


class Browser(QWidget):
    """The clips of the project.

    Parameters
    ----------
    session : Session
    open_files : callable
        Asks for files and imports them.
    drop : callable
        Takes the paths that were dropped.
    fill_menu : callable
        Takes a menu and the ids of the clips it is for, and fills it.
    remove : callable
        Removes the selected clips.
    """

    def __init__(
        self,
        session: Session,
        *,
        open_files: Callable[[], None],
        drop: Callable[[list[Path]], None],
        fill_menu: Callable[[QMenu, tuple[int, ...]], None],
        remove: Callable[[], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._following = False
        self._drop = drop
        self._fill_menu = fill_menu
        self.setAcceptDrops(True)
        self.model = ClipModel(session)
        self._proxy = _Filter(self)
        self._proxy.setSourceModel(self.model)
        self.filter = search_field("Filter clips", self)
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(120)
        self._wait.timeout.connect(lambda: self._proxy.search(self.filter.text()))
        self.filter.textChanged.connect(lambda _: self._wait.start())
        self.table = RowTable("Clips", self, delete=remove)
        self.table.setModel(self._proxy)
        # Names of recordings often begin alike.
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.table.sortByColumn(NAME, Qt.SortOrder.AscendingOrder)
        self.table.setSortingEnabled(True)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        for column, width in ((LENGTH, 60), (RATE, 72), (TAGS, 52)):
            self.table.setColumnWidth(column, width)
        self.table.setColumnHidden(RATE, True)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(self._choose_columns)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._show_menu)
        self.empty = EmptyState(
            "ph.folder-open",
            "No clips yet",
            "Drop recordings or whole folders here.",
            button("Open files…", open_files, role="primary"),
            parent=self,
        )
        add = dock_button("ph.plus", "Open files", open_files)
        dock_header(self, self.filter, add)
        pages = QWidget(self)
        self._pages = QStackedLayout(pages)
        self._pages.addWidget(self.empty)
        self._pages.addWidget(self.table)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(pages, 1)
        self.model.modelReset.connect(self._take_reset)
        self.model.rowsInserted.connect(self._take_rows)
        self.model.rowsRemoved.connect(self._take_rows)
        self.table.selectionModel().selectionChanged.connect(self._take_selection)
        self.table.selectionModel().currentRowChanged.connect(self._take_current)
        session.clip_changed.connect(self._mark_shown)
        session.clips_selected.connect(self._follow)
        self._take_reset()

    def select(self, clips: tuple[int, ...]) -> None:
        """Select clips; those that are gone or filtered out are left out."""
        chosen = QItemSelection()
        for clip in clips:
            row = self.model.row_of(clip)
            if row is not None:
                index = self._proxy.mapFromSource(self.model.index(row, 0))
                chosen.select(index, index)
        self.table.selectionModel().select(
            chosen,
            QItemSelectionModel.SelectionFlag.ClearAndSelect
            | QItemSelectionModel.SelectionFlag.Rows,
        )

    def rename(self, clip: int) -> None:
        """Open the name of a clip where it stands."""
        row = self.model.row_of(clip)
        if row is None:
            return
        index = self._proxy.mapFromSource(self.model.index(row, NAME))
        if not index.isValid():
            self.filter.clear()
            self._proxy.search("")
            index = self._proxy.mapFromSource(self.model.index(row, NAME))
        self.table.setFocus()
        self.table.scrollTo(index)
        self.table.edit(index)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self._drop(
            [Path(u.toLocalFile()) for u in event.mimeData().urls() if u.isLocalFile()]
        )

    def header_state(self) -> QByteArray:
        """The columns as they stand, to be saved."""
        return self.table.horizontalHeader().saveState()

    def _take_rows(self, *_: object) -> None:
        self._pages.setCurrentIndex(1 if self.model.rowCount() else 0)
        self.filter.setEnabled(self.model.rowCount() > 0)

    def _take_reset(self) -> None:
        self._take_rows()
        # A reset takes the selection away without a word.
        self.select(self._session.selected_clips)
        self._take_selection()
        if not self._session.selected_clips:
            self._mark_shown()

    def _take_selection(self, *_: object) -> None:
        if not self._following:
            self._session.select_clips(self._chosen())

    def _follow(self) -> None:
        """Select the clips that were selected elsewhere."""
        if set(self._chosen()) != set(self._session.selected_clips):
            self._following = True
            self.select(self._session.selected_clips)
            self._following = False

    def _chosen(self) -> list[int]:
        rows = self.table.selectionModel().selectedRows()
        return [row.data(CLIP_ROLE) for row in rows]

    def _take_current(self, current: QModelIndex, _: QModelIndex) -> None:
        if current.isValid() and self.table.hasFocus():
            self._session.show_clip(current.data(CLIP_ROLE))

    def _mark_shown(self) -> None:
        clip = self._session.clip
        row = None if clip is None else self.model.row_of(clip.id)
        if clip is None or row is None or clip.id in self._session.selected_clips:
            return
        index = self._proxy.mapFromSource(self.model.index(row, 0))
        if index.isValid():
            self.table.selectionModel().setCurrentIndex(
                index,
                QItemSelectionModel.SelectionFlag.ClearAndSelect
                | QItemSelectionModel.SelectionFlag.Rows,
            )
            self.table.scrollTo(index)

    def _show_menu(self, at: QPoint) -> None:
        if self._session.selected_clips:
            menu = QMenu(self)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            self._fill_menu(menu, self._session.selected_clips)
            menu.popup(self.table.viewport().mapToGlobal(at))

    def _choose_columns(self, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for column in (LENGTH, RATE, TAGS):
            action = menu.addAction(self.model.titles[column])
            action.setCheckable(True)
            action.setChecked(not self.table.isColumnHidden(column))
            action.toggled.connect(
                lambda on, column=column: self.table.setColumnHidden(column, not on)
            )
        menu.popup(self.table.horizontalHeader().mapToGlobal(at))
