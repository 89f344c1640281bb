"""The labels of the shown clip as rows, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QColor

from earmark.core.errors import EarmarkError
from earmark.core.labels import STATUSES, Label, LabelStatus, LabelTrack
from earmark.core.project import Change
from earmark.ui.appearance import current_palette
from earmark.ui.session import Session
from earmark.ui.tables import Index, RowModel
from earmark.ui.wording import clock, duration

START, STOP, LENGTH, TEXT, TRACK, SCORE, STATUS = range(7)
STATUS_WORDS: dict[LabelStatus, str] = {
    "confirmed": "By hand",
    "predicted": "Predicted",
    "accepted": "Accepted",
    "edited": "Edited",
    "rejected": "Rejected",
}
_TEXTS_AT_ONCE = 2000
_LABELS_KEPT = 4096


class LabelModel(RowModel):
    """Label rows that are read when they come into sight.

    Times and states are held as arrays; everything else of a label is read from the
    project when its row is asked for. Sorting or filtering by text needs all texts:
    they are read in slices between events.
    """

    titles = ("Start", "End", "Length", "Text", "Track", "Score", "Status")

    settled = Signal()
    """The rows are those that the filter and the order ask for."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._tracks: list[LabelTrack] = []
        self._ids = np.zeros(0, np.int64)
        self._starts = np.zeros(0, np.int64)
        self._stops = np.zeros(0, np.int64)
        self._statuses = np.zeros(0, np.uint8)
        self._track_of = np.zeros(0, np.int64)
        self._order = np.zeros(0, np.int64)
        self._labels: dict[int, Label] = {}
        self._texts: dict[int, str] = {}
        self._scores: dict[int, float] = {}
        self._texts_known = False
        self._reader: Iterator[None] | None = None
        self._sort: tuple[int, Qt.SortOrder] = (START, Qt.SortOrder.AscendingOrder)
        self._words = ""
        self._status: LabelStatus | None = None
        self._slice = QTimer(self)
        self._slice.setInterval(0)
        self._slice.timeout.connect(self._read_slice)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self.reload)
        session.clip_changed.connect(self._soon.start)
        session.project_opened.connect(self._forget)
        session.project_changed.connect(self._take_change)
        self.reload()

    def reload(self) -> None:
        """Read the times and states of all labels of the shown clip."""
        self._soon.stop()
        project, clip = self._session.project, self._session.clip
        tracks = [] if clip is None else project.tracks(clip.id)
        arrays = [project.label_arrays(track.id) for track in tracks]
        none = np.zeros(0, np.int64)
        self.beginResetModel()
        self._tracks = tracks
        self._ids = np.concatenate([none, *(a.ids for a in arrays)])
        self._starts = np.concatenate([none, *(a.starts for a in arrays)])
        self._stops = np.concatenate([none, *(a.stops for a in arrays)])
        self._statuses = np.concatenate(
            [none.astype(np.uint8), *(a.statuses for a in arrays)]
        )
        self._track_of = np.repeat(
            np.arange(len(tracks)), [len(array.ids) for array in arrays]
        )
        self._order = self._arranged()
        self.endResetModel()
        self._settle()

    @property
    def total(self) -> int:
        """How many labels there are before filtering."""
        return len(self._ids)

    def arrange(self, *, words: str | None = None, status: str | None = None) -> None:
        """Filter by text, or by status ("" is all)."""
        if words is not None:
            self._words = words.casefold()
        if status is not None:
            self._status = next((each for each in STATUSES if each == status), None)
        self._rearrange()

    def sort(
        self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder
    ) -> None:
        self._sort = (column, order)
        self._rearrange()

    def label_at(self, row: int) -> Label | None:
        """The label of a row."""
        key = int(self._ids[self._order[row]])
        if key not in self._labels:
            label = self._session.project.label(key)
            if label is None:
                return None
            if len(self._labels) >= _LABELS_KEPT:
                self._labels.clear()
            self._labels[key] = label
        return self._labels[key]

    def id_at(self, row: int) -> int:
        """The label id of a row."""
        return int(self._ids[self._order[row]])

    def rows_of(self, labels: frozenset[int]) -> list[int]:
        """The rows of labels, those that are shown."""
        wanted = np.fromiter(labels, np.int64, len(labels))
        found: list[int] = np.flatnonzero(
            np.isin(self._ids[self._order], wanted)
        ).tolist()
        return found

    def row_total(self) -> int:
        return len(self._order)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        at = self._order[index.row()]
        column = index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._shown(index.row(), int(at), column)
        if role == Qt.ItemDataRole.EditRole and column == TEXT:
            label = self.label_at(index.row())
            return label.text if label else ""
        if role == Qt.ItemDataRole.ToolTipRole and column == TEXT:
            label = self.label_at(index.row())
            return label.text if label and len(label.text) > 24 else None
        if role == Qt.ItemDataRole.ForegroundRole and column == STATUS:
            palette = current_palette()
            return QColor(getattr(palette, STATUSES[self._statuses[at]]))
        return None

    def setData(
        self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole
    ) -> bool:
        label = self.label_at(index.row())
        if label is None or index.column() != TEXT or value == label.text:
            return False
        try:
            with self._session.project.edit("Edit label") as edit:
                edit.update_label(label.id, text=str(value))
        except EarmarkError as error:
            self._session.error.emit(error)
            return False
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if index.column() == TEXT and not self._session.project.read_only:
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def _shown(self, row: int, at: int, column: int) -> str:
        clip = self._session.clip
        rate = clip.rate if clip else 1
        if column == START:
            return clock(int(self._starts[at]), rate)
        if column == STOP:
            return clock(int(self._stops[at]), rate)
        if column == LENGTH:
            frames = int(self._stops[at] - self._starts[at])
            return duration(frames / rate) if frames else "point"
        if column == TRACK:
            return self._tracks[int(self._track_of[at])].name
        if column == STATUS:
            return STATUS_WORDS[STATUSES[int(self._statuses[at])]]
        label = self.label_at(row)
        if label is None:
            return ""
        if column == SCORE:
            return "" if label.score is None else f"{label.score:.2f}"
        text = " ".join(label.text.split())
        # A turn says who speaks, and nothing else.
        if label.speaker in ("", label.text):
            return text
        return f"{label.speaker}: {text}"

    def _take_change(self, change: Change) -> None:
        labels = change.rows.get("labels", frozenset())
        # Of the two, what is kept is the shorter one when a file was imported.
        for label in [known for known in self._labels if known in labels]:
            del self._labels[label]
        if labels:
            self._texts_known = False
        ours = {track.id for track in self._tracks}
        now = {
            track.id
            for track in (
                self._session.project.tracks(self._session.clip.id)
                if self._session.clip
                else ()
            )
        }
        if change.tracks & (ours | now) or change.rows.get("tracks"):
            self._soon.start()

    def _forget(self) -> None:
        self._labels.clear()
        self._texts_known = False
        self._soon.start()

    def _rearrange(self) -> None:
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        kept = [(index, int(self._ids[self._order[index.row()]])) for index in before]
        self._order = self._arranged()
        row_of = (
            dict(zip(self._ids[self._order].tolist(), count(), strict=False))
            if kept
            else {}
        )
        for index, label in kept:
            row = row_of.get(label)
            moved = QModelIndex() if row is None else self.index(row, index.column())
            self.changePersistentIndex(index, moved)
        self.layoutChanged.emit()
        self._settle()

    def _arranged(self) -> NDArray[np.int64]:
        """Indices of the labels that pass the filter, in the order asked for."""
        rows = np.arange(len(self._ids))
        if self._status is not None:
            rows = rows[self._statuses == STATUSES.index(self._status)]
        if self._words:
            texts = self._texts
            rows = np.array(
                [r for r in rows if self._words in texts.get(int(self._ids[r]), "")],
                np.int64,
            )
        column, order = self._sort
        keys: Any
        if column in (TEXT, SCORE):
            ids = self._ids[rows]
            if column == TEXT:
                keys = np.array([self._texts.get(int(i), "") for i in ids], np.str_)
            else:
                keys = np.array([self._scores.get(int(i), -1.0) for i in ids])
        else:
            keys = {
                START: self._starts,
                STOP: self._stops,
                LENGTH: self._stops - self._starts,
                TRACK: self._track_of,
                STATUS: self._statuses,
            }[column][rows]
        ranked = rows[np.lexsort((self._starts[rows], keys))] if len(rows) else rows
        return ranked[::-1] if order == Qt.SortOrder.DescendingOrder else ranked

    def _settle(self) -> None:
        """Read the texts if the order or the filter needs them, else be done."""
        needed = bool(self._words) or self._sort[0] in (TEXT, SCORE)
        if not needed or self._texts_known:
            self._slice.stop()
            self.settled.emit()
            return
        self._reader = self._texts_read(self._ids)
        self._slice.start()

    def _texts_read(self, ids: NDArray[np.int64]) -> Iterator[None]:
        for first in range(0, len(ids), _TEXTS_AT_ONCE):
            some = ids[first : first + _TEXTS_AT_ONCE].tolist()
            for key, label in self._session.project.labels_by_id(some).items():
                self._texts[key] = label.text.casefold()
                self._scores[key] = -1.0 if label.score is None else label.score
            yield

    def _read_slice(self) -> None:
        assert self._reader is not None
        try:
            next(self._reader)
        except StopIteration:
            self._slice.stop()
            self._texts_known = True
            self._rearrange()
