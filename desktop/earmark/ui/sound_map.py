"""The sound map: clips or moments as points, alike ones close together."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from earmark.core.clips import slice_spans
from earmark.core.errors import EarmarkError
from earmark.core.project import Change
from earmark.ui.appearance import current_palette
from earmark.ui.background import Ticket
from earmark.ui.lasso import LassoView, within
from earmark.ui.session import Selection, Session
from earmark.ui.sound_index import MAP, Moment, SoundIndex, keep_labels
from earmark.ui.widgets import (
    EmptyState,
    button,
    dock_button,
    dock_header,
    muted,
    rule,
    set_role,
)
from earmark.ui.wording import count, duration
from earmark.vector_files import SUFFIXES, Embedded, write_vectors
from earmark.vectors import Vectors

TRACK = "Map"

COLORS = (
    "#0090ff", "#f76b15", "#46a758", "#d6409f", "#ffba18", "#12a594", "#e5484d",
    "#6e56cf", "#978365", "#5fc2e0",
)  # fmt: skip
"""Told apart on dark and on light; what comes after them shares one grey."""

_FEWEST = 3
_HOVER_MS = 120
_POINT_PX = 9

Places = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Layout:
    """What is on the map.

    Attributes
    ----------
    moments : tuple of Moment
    places : ndarray, float32, shape (moments, 2)
    groups : ndarray, int, shape (moments,)
        -1 is in none.
    """

    moments: tuple[Moment, ...]
    places: Places
    groups: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be laid out, and the file that the engine reads it from."""

    moments: tuple[Moment, ...]
    vectors: Path

    @property
    def places(self) -> Path:
        """Where the engine writes."""
        return self.vectors.with_suffix(".map.npy")


class SoundMap(QWidget):
    """The panel: points that play, select and are selected, and get labels.

    Parameters
    ----------
    session : Session
    index : SoundIndex
    find : callable
        Opens the panel where a model is chosen.
    """

    laid_out = Signal()

    def __init__(
        self,
        session: Session,
        index: SoundIndex,
        find: Callable[[], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._index = index
        self._find = find
        self._job: int | None = None
        self._request: Request | None = None
        self._preparing: Ticket | None = None
        self._seen: tuple[object, ...] = ()
        self._hovered: int | None = None
        self._selected: NDArray[np.int64] = np.zeros(0, np.int64)
        self._following = False
        self.layout_shown: Layout | None = None
        self.points = _choice(
            "Points", self.refresh, (("Clips", "clips"), ("Moments", "moments")), self
        )
        self.method = _choice(
            "Method", self.refresh, (("UMAP", "umap"), ("PCA", "pca")), self
        )
        self.coloring = _choice(
            "Colours",
            self._paint,
            (("Groups", "groups"), ("Labels", "labels"), ("Tags", "tags")),
            self,
        )
        self.export_button = dock_button("ph.export", "Export vectors", self.export)
        dock_header(self, self.points, self.method, self.coloring, self.export_button)
        self.view = LassoView()
        # A plot would bring axes, buttons and menus along.
        self.plot = pg.GraphicsView(self, background=None)
        self.plot.setCentralItem(self.view)
        self.plot.setFrameShape(self.plot.Shape.NoFrame)
        self.plot.setAccessibleName("Sound map")
        self.scatter = pg.ScatterPlotItem(
            size=_POINT_PX, pxMode=True, hoverable=True, hoverSize=14, tip=None
        )
        self.marks = pg.ScatterPlotItem(size=15, pxMode=True)
        self.shown = pg.ScatterPlotItem(size=19, pxMode=True)
        for item in (self.shown, self.marks, self.scatter):
            self.view.addItem(item)
        self.scatter.sigHovered.connect(self._take_hover)
        self.scatter.sigClicked.connect(self._take_click)
        self.view.drawn.connect(self._take_lasso)
        self.view.clicked.connect(lambda: self.select(()))
        self.legend = QLabel(self.plot)
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.legend.move(10, 8)
        self.hover_plays = QCheckBox("Play under the pointer", self)
        self.hover_plays.setChecked(True)
        self.told = muted("", self)
        self.text = QLineEdit(self)
        self.text.setAccessibleName("Label for the selected points")
        self.text.returnPressed.connect(self.label_selected)
        self.label_button = button("Label these", self.label_selected, self)
        self.action = button("", self._act, self, role="primary")
        self.empty = EmptyState(
            "ph.circles-three-plus", "", "", self.action, parent=self
        )
        self._hover_wait = QTimer(self)
        self._hover_wait.setSingleShot(True)
        self._hover_wait.setInterval(_HOVER_MS)
        self._hover_wait.timeout.connect(self._play_hovered)
        self._lay_out()
        index.changed.connect(self.refresh)
        session.job_event.connect(self._take_event)
        session.clips_selected.connect(self._follow)
        session.clip_changed.connect(self._mark_shown)
        session.project_changed.connect(self._take_change)
        session.project_opened.connect(self._clear)
        index.wake()
        self.refresh()

    def refresh(self) -> None:
        """Lay out anew if what is embedded, or how it is shown, has changed."""
        self._show_page()
        wanted = (
            self._index.model,
            self._index.version,
            self.method.currentData(),
            self.points.currentData(),
        )
        if wanted == self._seen or not self._index.ready or self._index.indexing:
            return
        self._seen = wanted
        self._index.contents(self._prepare)

    def select(self, points: Sequence[int] | NDArray[np.int64]) -> None:
        """Select points, and their clips in the browser."""
        self._selected = np.asarray(points, np.int64)
        self._mark_selected()
        if self.layout_shown is None:
            return
        moments = [self.layout_shown.moments[point] for point in self._selected]
        clips = dict.fromkeys(moment.clip for moment in moments)
        self._following = True
        self._session.select_clips(tuple(clips))
        self._following = False

    @property
    def selected(self) -> tuple[Moment, ...]:
        """The moments whose points are selected."""
        if self.layout_shown is None:
            return ()
        return tuple(self.layout_shown.moments[point] for point in self._selected)

    def label_selected(self) -> None:
        """Give every selected point a label with the text; one edit."""
        text = self.text.text().strip()
        if not text or not self.selected:
            return
        try:
            made = keep_labels(self._session, self.selected, text, TRACK)
        except EarmarkError as error:
            self._say(str(error), "error")
            return
        self.text.clear()
        self._say(f"Made {count(made, 'label')} “{text}”", "good")

    def show_point(self, point: int) -> None:
        """Select a point, and show its moment in the editor."""
        assert self.layout_shown is not None
        moment = self.layout_shown.moments[point]
        self.select((point,))
        self._session.show_clip(moment.clip)
        if self.points.currentData() == "moments":
            self._session.select(Selection(moment.start, moment.stop))
            self._session.reveal(moment.start, moment.stop)

    def export(self) -> None:
        """Ask for a file, and write the vectors that are on the map."""
        endings = " ".join(f"*{suffix}" for suffix in SUFFIXES)
        name, _ = QFileDialog.getSaveFileName(
            self, "Export vectors", "vectors.npy", f"Vectors ({endings})"
        )
        if name:
            self.export_to(Path(name))

    def export_to(self, path: Path) -> None:
        """Write the vectors of all clips, or of all moments, to a file."""
        project = self._session.project
        clips = {clip.id: clip for clip in project.clips()}
        whole = self.points.currentData() == "clips"

        def work(found: list[tuple[int, Vectors]]) -> tuple[Path, ...]:
            sounds = [
                Embedded(
                    clips[clip].name,
                    clips[clip].rate,
                    vectors.whole() if whole else vectors,
                )
                for clip, vectors in found
                if clip in clips
            ]
            return write_vectors(path, sounds)

        def told(written: tuple[Path, ...]) -> None:
            names = " and ".join(each.name for each in written)
            self._say(f"Wrote {names}", "good")

        def failed(error: Exception) -> None:
            if not isinstance(error, EarmarkError):
                raise error
            self._say(str(error), "error")

        def write(found: list[tuple[int, Vectors]]) -> None:
            self._session.background.run(lambda _: work(found), told, failed)

        self._index.contents(write)

    def _prepare(self, found: list[tuple[int, Vectors]]) -> None:
        """Hand the vectors to the engine, unless it has laid them out before."""
        whole = self.points.currentData() == "clips"
        method = self.method.currentData()
        cache = self._session.folders.cache

        def work(_: object) -> Request | None:
            # In one order whatever came first, so that an old layout is found again.
            inside = sorted(found, key=lambda one: one[0])
            sounds = [(clip, v.whole() if whole else v) for clip, v in inside]
            moments = tuple(
                Moment(clip, int(start), int(stop))
                for clip, vectors in sounds
                for start, stop in zip(vectors.starts, vectors.stops, strict=True)
            )
            if len(moments) < _FEWEST:
                return None
            matrix = np.concatenate([vectors.vectors for _, vectors in sounds])
            digest = hashlib.sha256(matrix.tobytes() + method.encode()).hexdigest()
            path = cache / "vectors" / "maps" / f"{digest[:24]}.npy"
            request = Request(moments, path)
            if _layout_of(request) is None:
                path.parent.mkdir(parents=True, exist_ok=True)
                np.save(path, matrix)
            return request

        if self._preparing is not None:
            self._preparing.cancel()
        self._preparing = self._session.background.run(
            work, self._request_layout, _raise
        )

    def _request_layout(self, request: Request | None) -> None:
        if request is not None and request == self._request and self.layout_shown:
            self._say(self._summary(), "muted")
            return  # what was done meanwhile changed no vector
        self._request = request
        if request is None:
            self.layout_shown = None
            self._show_page()
        elif (layout := _layout_of(request)) is not None:
            self._take_layout(layout)
        else:
            values = {
                "vectors": str(request.vectors),
                "method": self.method.currentData(),
            }
            try:
                self._job = self._session.queue.submit(MAP, values)
            except EarmarkError as error:
                self._say(str(error), "error")
            self._show_page()

    def _take_event(self, event: Any) -> None:
        if self._job is None or self._job not in event.jobs or event.kind != "state":
            return
        outcome = self._index.outcome(self._job)
        if outcome is None:
            return
        self._job = None
        if outcome:
            self._say(outcome, "error")
            self._show_page()
        elif self._request is not None:
            layout = _layout_of(self._request)
            if layout is None:
                self._say("The map cannot be read back from the cache folder.", "error")
                self._show_page()
            else:
                self._take_layout(layout)

    def _take_layout(self, layout: Layout) -> None:
        self.layout_shown = layout
        self._selected = np.zeros(0, np.int64)
        self._paint()
        self.view.show_all()
        self._follow()
        self._say(self._summary(), "muted")
        self._show_page()
        self.laid_out.emit()

    def _summary(self) -> str:
        assert self.layout_shown is not None
        noun = "clip" if self.points.currentData() == "clips" else "moment"
        told = [count(len(self.layout_shown.moments), noun)]
        if self._index.missing:
            told.append(f"{len(self._index.missing):,} not indexed")
        return "  ·  ".join([*told, "drag around points to select them"])

    def _paint(self) -> None:
        """Give the points their colours, and say which is which."""
        layout = self.layout_shown
        if layout is None:
            return
        palette = current_palette()
        self.plot.setBackground(palette.background)
        names = self._names(layout)
        usual = [name for name, _ in Counter(filter(None, names)).most_common()]
        colors = dict(zip(usual, COLORS, strict=False))
        brushes = {name: pg.mkBrush(color) for name, color in colors.items()}
        other = pg.mkBrush(palette.disabled)
        self.scatter.setData(
            pos=layout.places,
            data=np.arange(len(layout.moments)),
            brush=[brushes.get(name, other) for name in names],
            pen=pg.mkPen(palette.background, width=1),
            hoverPen=pg.mkPen(palette.text, width=2),
        )
        self._mark_selected()
        self._mark_shown()
        rows = [
            f'<span style="color:{color}">●</span> {_escaped(name)}'
            for name, color in colors.items()
        ]
        if len(usual) > len(COLORS):
            rows.append(f'<span style="color:{palette.disabled}">●</span> others')
        self.legend.setText("<br>".join(rows))
        self.legend.setStyleSheet(
            f"background: transparent; color: {palette.axis_text};"
        )
        self.legend.adjustSize()

    def _names(self, layout: Layout) -> list[str]:
        """What each point is coloured by; empty is nothing."""
        kind = self.coloring.currentData()
        if kind == "groups":
            sizes = Counter(group for group in layout.groups.tolist() if group >= 0)
            ranks = {group: n for n, (group, _) in enumerate(sizes.most_common(), 1)}
            return [
                f"Group {ranks[group]}" if group in ranks else ""
                for group in layout.groups.tolist()
            ]
        project = self._session.project
        by_clip = (
            project.usual_labels()
            if kind == "labels"
            else {clip.id: clip.tags[0] for clip in project.clips() if clip.tags}
        )
        return [by_clip.get(moment.clip, "") for moment in layout.moments]

    def _mark_selected(self) -> None:
        palette = current_palette()
        places = np.zeros((0, 2), np.float32)
        if self.layout_shown is not None:
            places = self.layout_shown.places[self._selected]
        self.marks.setData(
            pos=places, brush=None, pen=pg.mkPen(palette.selection_edge, width=2)
        )
        chosen = len(self._selected)
        self.label_button.setEnabled(
            bool(chosen) and not self._session.project.read_only
        )
        self.text.setEnabled(bool(chosen))
        self.text.setPlaceholderText(
            f"Label for {count(chosen, 'point')}"
            if chosen
            else "Select points to label"
        )

    def _mark_shown(self) -> None:
        """Put a ring around what the editor shows."""
        layout, clip = self.layout_shown, self._session.clip
        places = np.zeros((0, 2), np.float32)
        if layout is not None and clip is not None:
            here = [n for n, each in enumerate(layout.moments) if each.clip == clip.id]
            places = layout.places[here]
        pen = pg.mkPen(current_palette().playhead, width=2)
        self.shown.setData(pos=places, brush=None, pen=pen)

    def _follow(self) -> None:
        """Select the points of the clips that are selected elsewhere."""
        if self._following or self.layout_shown is None:
            return
        chosen = set(self._session.selected_clips)
        moments = self.layout_shown.moments
        self._selected = np.array(
            [n for n, each in enumerate(moments) if each.clip in chosen], np.int64
        )
        self._mark_selected()

    def _take_change(self, change: Change) -> None:
        watched = {"labels": "labels", "tags": "clips"}
        table = watched.get(self.coloring.currentData())
        if table is not None and change.rows[table]:
            self._paint()

    def _take_hover(self, _: object, points: Sequence[Any]) -> None:
        found = int(points[0].data()) if len(points) else None
        if found == self._hovered:
            return
        self._hovered = found
        self._hover_wait.stop()
        if found is None or self.layout_shown is None:
            return
        self._say(self._named(self.layout_shown.moments[found]), "muted")
        self._hover_wait.start()

    def _named(self, moment: Moment) -> str:
        clip = self._index.clip(moment.clip)
        if clip is None:
            return "This clip is not there any more."
        if self.points.currentData() == "clips":
            return f"{clip.name}  ·  {duration(clip.frames / clip.rate)}"
        start, stop = moment.start / clip.rate, moment.stop / clip.rate
        return f"{clip.name}  ·  {duration(start)} \N{EN DASH} {duration(stop)}"

    def _play_hovered(self) -> None:
        if self._hovered is not None and self.hover_plays.isChecked():
            self.play(self._hovered)

    def play(self, point: int) -> None:
        """Play the moment of a point, unless the editor is playing."""
        if self.layout_shown is None or self._session.player.playing:
            return
        moment = self.layout_shown.moments[point]
        clip = self._index.clip(moment.clip)
        if clip is not None:
            spans = slice_spans(clip.spans, moment.start, min(moment.stop, clip.frames))
            self._session.player.audition(spans, clip.rate, clip.channels)

    def _take_click(self, _: object, points: Sequence[Any], event: Any) -> None:
        event.accept()
        point = int(points[0].data())
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.select(np.setxor1d(self._selected, [point]))
        else:
            self.show_point(point)

    def _take_lasso(self, outline: Places, adds: bool) -> None:
        if self.layout_shown is None:
            return
        inside = np.flatnonzero(within(self.layout_shown.places, outline))
        self.select(np.union1d(self._selected, inside) if adds else inside)

    def _clear(self) -> None:
        if self._preparing is not None:
            self._preparing.cancel()
        self.layout_shown, self._request, self._job = None, None, None
        self._seen = ()
        self._show_page()

    def _show_page(self) -> None:
        """The map, or what is missing for there to be one."""
        ready = self.layout_shown is not None
        self._pages.setCurrentIndex(1 if ready else 0)
        for widget in (self.coloring, self.export_button):
            widget.setEnabled(ready)
        for widget in (self.method, self.points):
            widget.setEnabled(self._index.total >= _FEWEST)
        title, hint, action = self._missing()
        self.empty.say(title, hint)
        self.action.setText(action)
        self.action.setVisible(bool(action))

    def _missing(self) -> tuple[str, str, str]:
        index = self._index
        if index.model is None:
            hint = "The map needs a model that turns sounds into vectors."
            return "No model yet", hint, "Choose a model…"
        if self._job is not None:
            return "Laying out the map", "The first time takes about a minute.", ""
        if index.indexing:
            return "Indexing", f"{count(index.indexing, 'clip')} to go.", ""
        if not index.ready:
            return "Sound map", "Looking at what is indexed…", ""
        if index.total < _FEWEST:
            return "Sound map", "Open at least three recordings to map them.", ""
        hint = (
            f"The map shows what sounds alike. {count(len(index.missing), 'clip')} of "
            f"{index.total:,} must be indexed first."
        )
        return "Sound map", hint, "Index them"

    def _act(self) -> None:
        if self._index.model is None:
            self._find()
            return
        try:
            self._index.index_missing()
        except EarmarkError as error:
            self.empty.say("Sound map", str(error))

    def _say(self, text: str, role: str) -> None:
        self.told.setText(text)
        set_role(self.told, role)

    def changeEvent(self, event: Any) -> None:
        """Draw in the colours of the new palette."""
        super().changeEvent(event)
        if event.type() == event.Type.PaletteChange:
            self._paint()

    def _lay_out(self) -> None:
        board = QWidget(self)
        inner = QVBoxLayout(board)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(0)
        inner.addWidget(self.plot, 1)
        inner.addWidget(rule(board))
        foot = QVBoxLayout()
        foot.setContentsMargins(12, 8, 12, 8)
        foot.setSpacing(8)
        said = QHBoxLayout()
        said.addWidget(self.told, 1)
        said.addWidget(self.hover_plays)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.text, 1)
        row.addWidget(self.label_button)
        foot.addLayout(said)
        foot.addLayout(row)
        inner.addLayout(foot)
        pages = QWidget(self)
        self._pages = QStackedLayout(pages)
        self._pages.addWidget(self.empty)
        self._pages.addWidget(board)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(pages, 1)


def _layout_of(request: Request) -> Layout | None:
    """What the engine wrote; None if it has not, or if that is damaged."""
    try:
        found = np.load(request.places)
    except (OSError, ValueError, EOFError):
        return None
    if found.shape != (len(request.moments), 3):
        return None
    return Layout(request.moments, found[:, :2], found[:, 2].astype(np.int64))


def _choice(
    name: str,
    act: Callable[[], None],
    choices: Sequence[tuple[str, str]],
    parent: QWidget,
) -> QComboBox:
    box = QComboBox(parent)
    box.setAccessibleName(name)
    box.setToolTip(name)
    for caption, value in choices:
        box.addItem(caption, value)
    box.currentIndexChanged.connect(lambda _: act())
    return box


def _escaped(text: str) -> str:
    short = text if len(text) <= 24 else f"{text[:23]}…"
    return short.replace("&", "&amp;").replace("<", "&lt;")


def _raise(error: Exception) -> None:
    raise error
