"""What the parts of the picture share: view, layout, colours, labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor

from earmark.core.clips import Clip
from earmark.core.database import Key
from earmark.core.labels import Label, LabelTrack, Word
from earmark.core.project import Project
from earmark.ui.editor.label_edits import Bounds
from earmark.ui.editor.label_index import Ints, LabelIndex
from earmark.ui.editor.layout import Layout, Shares, arrange
from earmark.ui.editor.timeline import TimeFormat, TimeView, whole_clip
from earmark.ui.theme import DARK, Palette

_KEPT_LABELS = 20_000
_SPEAKER_COLORS = (
    "#4e9af1", "#f19a4e", "#5fc27e", "#d97bd0", "#e0c44c", "#57c4c4", "#ef6f6c",
    "#9c8cf0",
)  # fmt: skip


class TrackView:
    """A label track as it is shown: where its labels are, and those in sight whole.

    Attributes
    ----------
    track : LabelTrack
    index : LabelIndex
    """

    def __init__(self, project: Project, track: LabelTrack) -> None:
        self.track = track
        self._project = project
        self._labels: dict[int, Label] = {}
        self._bounded: dict[int, Label] = {}
        self.index = LabelIndex(project.label_arrays(track.id))

    def refresh(self, touched: frozenset[Key] | None) -> bool:
        """Take over changed labels; None is all. Gives whether the rows changed."""
        if touched is None:
            self._forget()
        else:
            # An edit may touch many more labels than are at hand.
            for label in self._labels.keys() & touched:
                del self._labels[label]
                self._bounded.pop(label, None)
        rows = self.index.row_count
        self.index = LabelIndex(self._project.label_arrays(self.track.id))
        return rows != self.index.row_count

    def labels(self, places: Ints) -> list[Label]:
        """The labels at some positions of the index, in the same order."""
        ids = self.index.arrays.ids[places].tolist()
        if not all(label in self._labels for label in ids):
            self._load(places)
        return [self._labels[label] for label in ids]

    def loaded(self, places: Ints) -> NDArray[np.bool_]:
        """Which of some labels are at hand, without asking the project."""
        ids = self.index.arrays.ids[places].tolist()
        return np.fromiter(map(self._labels.__contains__, ids), bool, len(ids))

    def bounded(self, places: Ints, *, load: bool) -> list[Label]:
        """Those of some labels that have frequency bounds, perhaps only if at hand."""
        ids = self.index.arrays.ids[places].tolist()
        if load and not all(label in self._labels for label in ids):
            self._load(places)
        if not self._bounded:
            return []
        return [self._bounded[label] for label in ids if label in self._bounded]

    def _forget(self) -> None:
        self._labels.clear()
        self._bounded.clear()

    def _load(self, places: Ints) -> None:
        # Neighbours come along, so that scrolling does not ask at every step.
        margin = max(50, len(places) // 2)
        first, last = int(places[0]), int(places[-1])
        ids = self.index.arrays.ids
        around = np.concatenate(
            [
                ids[max(0, first - margin) : first],
                ids[places],
                ids[last : last + margin],
            ]
        )
        if len(self._labels) > _KEPT_LABELS:
            self._forget()
        wanted = [label for label in around.tolist() if label not in self._labels]
        loaded = self._project.labels_by_id(wanted)
        self._labels.update(loaded)
        self._bounded.update(
            (label.id, label)
            for label in loaded.values()
            if label.low_hz is not None or label.high_hz is not None
        )


@dataclass
class Stage:
    """The state that is drawn. The canvas changes it, the lanes read it.

    Attributes
    ----------
    clip : Clip or None
    view : TimeView
    layout : Layout
    palette : Palette
    scale : float
        Display pixels for each of Qt's.
    tracks : list of TrackView
    selected : frozenset of int
        Ids of labels.
    preview : mapping of int to Bounds
        Where labels are shown while they are dragged.
    zooming : bool
        The zoom is changing from frame to frame: what is slow may be drawn coarsely.
    """

    clip: Clip | None = None
    view: TimeView = field(default_factory=lambda: whole_clip(0, 1))
    shares: Shares = field(default_factory=Shares)
    layout: Layout = field(default_factory=lambda: arrange(1, 1, (), Shares()))
    palette: Palette = DARK
    scale: float = 1.0
    time_format: TimeFormat = "time"
    amplitude_zoom: float = 1.0
    tracks: list[TrackView] = field(default_factory=list)
    active_track: int | None = None
    selected: frozenset[int] = frozenset()
    preview: Mapping[int, Bounds] = field(default_factory=dict)
    zooming: bool = False
    _colors: dict[str, QColor] = field(default_factory=dict)
    _vocabulary: dict[str, QColor] = field(default_factory=dict)
    _label_colors: dict[tuple[str, str, str], int] = field(default_factory=dict)
    _selected: tuple[frozenset[int], Ints] = field(
        default_factory=lambda: (frozenset(), np.zeros(0, np.int64))
    )

    @property
    def rate(self) -> int:
        """Frames per second; 1 while no clip is shown."""
        return self.clip.rate if self.clip else 1

    @property
    def channels(self) -> int:
        """Channels of the clip; 1 while none is shown."""
        return self.clip.channels if self.clip else 1

    def color(self, name: str) -> QColor:
        """A colour of the palette by its name."""
        text: str = getattr(self.palette, name)
        color = self._colors.get(text)
        if color is None:
            color = self._colors[text] = QColor(text)
        return color

    def chosen(self, ids: Ints) -> NDArray[np.bool_]:
        """Which of some labels are selected, however many others are."""
        if self._selected[0] is not self.selected:
            ordered = np.sort(np.fromiter(self.selected, np.int64, len(self.selected)))
            self._selected = self.selected, ordered
        ordered = self._selected[1]
        if not len(ordered):
            return np.zeros(len(ids), bool)
        at = np.minimum(np.searchsorted(ordered, ids), len(ordered) - 1)
        found: NDArray[np.bool_] = ordered[at] == ids
        return found

    def label_rgb(self, label: Label) -> int:
        """The colour of a label as `0xrrggbb`."""
        key = (label.text, label.speaker, label.status)
        rgb = self._label_colors.get(key)
        if rgb is None:
            if len(self._label_colors) > _KEPT_LABELS:
                self._label_colors.clear()
            rgb = self._label_colors[key] = self.label_color(label).rgb() & 0xFFFFFF
        return rgb

    def set_vocabulary(self, words: Iterable[Word]) -> None:
        """Draw labels in other colours."""
        self._vocabulary = {word.name: QColor(word.color) for word in words}
        self._label_colors.clear()

    def set_palette(self, palette: Palette) -> None:
        """Draw in other colours."""
        self.palette = palette
        self._label_colors.clear()

    def label_color(self, label: Label) -> QColor:
        """The colour of a label: its class's, its speaker's, or its status's."""
        known = self._vocabulary.get(label.text)
        if known is not None:
            return known
        if label.speaker:
            # The built-in hash differs from one start to the next.
            place = sum(label.speaker.encode()) % len(_SPEAKER_COLORS)
            return QColor(_SPEAKER_COLORS[place])
        return self.color(label.status)
