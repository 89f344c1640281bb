"""The spectrogram, with the boxes of the labels that have frequency bounds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from earmark.audio.spectrogram import (
    DB_FLOOR,
    DB_STEP,
    FrequencyAxis,
    PlacedTile,
    RowMap,
    SpectrogramSettings,
    SpectrogramView,
    TileServer,
    TileSet,
    hop_for,
    lookup_table,
)
from earmark.core.labels import Label
from earmark.ui.editor.clip_audio import ClipAudio
from earmark.ui.editor.label_edits import Bounds, bounds_of
from earmark.ui.editor.label_lanes import NARROW_PX
from earmark.ui.editor.lanes import LaneItem
from earmark.ui.editor.stage import Stage
from earmark.ui.editor.tiles import TILE_COLUMNS, ColumnTiles, Pixels

_KEPT_ROWS = 80
_NOTHING = SpectrogramView((), 1, 1, {}.__getitem__, SpectrogramSettings(), (), 0, 0, 1)
_MOST_BOXES = 400


class SpectrogramLane(LaneItem):
    """The spectrogram of the mix of all channels.

    Parameters
    ----------
    stage : Stage
    on_ready : callable
        Called on another thread when there is more to be shown.
    """

    def __init__(self, stage: Stage, on_ready: Callable[[], None]) -> None:
        super().__init__(stage)
        self.audio: ClipAudio | None = None
        self.settings = SpectrogramSettings()
        self.tiles = ColumnTiles(self._render)
        self._server = TileServer(on_ready)
        self._shown = TileSet((), complete=True)
        self._requested: tuple[object, ...] = ()
        self._rows: RowMap | None = None
        self._mapped: OrderedDict[int, tuple[PlacedTile, Pixels]] = OrderedDict()
        self._unfinished: set[tuple[int, int]] = set()

    @property
    def axis(self) -> FrequencyAxis:
        """Where frequencies are, from bottom to top."""
        return FrequencyAxis.of(self.settings, self.stage.rate)

    @property
    def complete(self) -> bool:
        """Whether all that is in sight is drawn as fine as it will be."""
        return self._shown.complete

    def close(self) -> None:
        """Stop the threads."""
        self._server.close()

    def show_audio(self, audio: ClipAudio | None) -> None:
        """Draw another clip, or the same after an edit."""
        self.audio = audio
        self.clear()
        if audio is None:
            # Its files may be closed next: what reads them has to be done by then.
            self._shown = self._server.request(_NOTHING)
            self._server.wait()

    def set_settings(self, settings: SpectrogramSettings) -> None:
        """Draw in another way."""
        old, self.settings = self.settings, settings
        self.recolor()
        colors = {"floor_db", "ceiling_db", "colormap"}
        if any(
            getattr(old, name) != getattr(settings, name)
            for name in SpectrogramSettings.__dataclass_fields__
            if name not in colors
        ):
            self.clear()
        self.update()

    def recolor(self) -> None:
        """Take over the colours of the settings."""
        table = lookup_table(self.settings).astype(np.uint32)
        packed = 0xFF000000 | table[:, 0] << 16 | table[:, 1] << 8 | table[:, 2]
        self.tiles.set_colors(packed.tolist())

    def clear(self) -> None:
        """Draw all anew."""
        self.tiles.clear()
        self._mapped.clear()
        self._rows = None
        self._requested = ()
        self.update()

    def take_ready(self) -> None:
        """Show what the threads have made since."""
        if self._shown.complete or self._server.error is not None:
            return
        self._requested = ()
        self.update()

    def level_at(self, frame: int, hz: float) -> float | None:
        """The level in dB at a place, None if it is not known."""
        for tile in reversed(self._shown.tiles):
            if tile.first <= frame < tile.last:
                column = min((frame - tile.start) // tile.hop, tile.values.shape[1] - 1)
                nyquist = self.stage.rate / 2
                row = round(hz / nyquist * (tile.values.shape[0] - 1))
                if 0 <= row < tile.values.shape[0]:
                    return DB_FLOOR + DB_STEP * int(tile.values[row, column])
        return None

    def y_of(self, hz: float) -> float:
        """Where a frequency is, in pixels from the top of the lane."""
        return (1 - float(self.axis.fraction(hz))) * self.height

    def hz_at(self, y: float) -> float:
        """The frequency at so many pixels from the top, within the range shown."""
        part = min(max(0.0, 1 - y / max(1.0, self.height)), 1.0)
        return float(self.axis.hz(part))

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        """Draw what there is and ask for what is missing."""
        stage = self.stage
        exposed = option.exposedRect & self.boundingRect()
        painter.setClipRect(exposed)
        if self.audio is None:
            painter.fillRect(exposed, stage.color("background"))
            return
        self._request()
        height = round(self.height * stage.scale)
        shown_to = 0.0
        for x, pixmap in self.tiles.visible(
            stage.view, height, stage.scale, exposed.left(), exposed.right()
        ):
            painter.drawPixmap(QPointF(x, 0), pixmap)
            shown_to = x + pixmap.width() / stage.scale
        if shown_to < exposed.right():
            rest = QRectF(shown_to, 0, exposed.right() - shown_to, self.height)
            painter.fillRect(rest, stage.color("background"))
        self._draw_boxes(painter, exposed)

    def boxes(self) -> list[tuple[Label, QRectF]]:
        """The labels in sight that have frequency bounds, and where they are drawn."""
        stage, view = self.stage, self.stage.view
        found: list[tuple[Label, QRectF]] = []
        for track in stage.tracks:
            arrays = track.index.arrays
            places = track.index.visible(view.start, view.stop)
            lengths = arrays.stops[places] - arrays.starts[places]
            places = places[lengths >= NARROW_PX * view.frames_per_px]
            if not len(places) or len(places) > _MOST_BOXES:
                continue
            for label in track.labels(places):
                bounds = stage.preview.get(label.id, bounds_of(label))
                if bounds.low_hz is not None or bounds.high_hz is not None:
                    found.append((label, self.box(bounds)))
        return found

    def box(self, bounds: Bounds) -> QRectF:
        """Where bounds are drawn, in pixels of the lane."""
        view = self.stage.view
        top = 0.0 if bounds.high_hz is None else self.y_of(bounds.high_hz)
        bottom = self.height if bounds.low_hz is None else self.y_of(bounds.low_hz)
        left, right = view.x_of(bounds.start), view.x_of(bounds.stop)
        return QRectF(left, top, right - left, bottom - top)

    def _draw_boxes(self, painter: QPainter, exposed: QRectF) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for label, box in self.boxes():
            box = box & self.boundingRect().adjusted(-4, -4, 4, 4)
            if not box.intersects(exposed):
                continue
            chosen = label.id in self.stage.selected
            dashed = label.status == "predicted"
            pen = QPen(self.stage.label_color(label), 2 if chosen else 1.2)
            pen.setStyle(Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine)
            painter.setPen(pen)
            painter.drawRect(box.adjusted(0.5, 0.5, -0.5, -0.5))
            if chosen:
                painter.fillRect(box, self.stage.color("selection"))

    def _request(self) -> None:
        """Ask for the tiles of the view and a little beyond it."""
        stage, audio = self.stage, self.audio
        assert audio is not None
        frames_per_column = stage.view.frames_per_px / stage.scale
        first = int(stage.view.first * stage.scale) // TILE_COLUMNS - 1
        last = int((stage.view.first + stage.view.width) * stage.scale) // TILE_COLUMNS
        key = (frames_per_column, first, last)
        if key == self._requested:
            return
        self._requested = key
        length = TILE_COLUMNS * frames_per_column
        columns = (last + 2 - first) * TILE_COLUMNS
        self._shown = self._server.request(
            SpectrogramView(
                spans=audio.spans,
                rate=audio.clip.rate,
                channels=audio.clip.channels,
                readers=audio.reader,
                settings=self.settings,
                lanes=(None,),
                # The part of it beyond the clip's ends has no tiles.
                start=int(first * length),
                stop=int((last + 2) * length),
                width_px=columns,
            )
        )
        for start, stop in self._unfinished:
            self.tiles.forget(start, stop)
        self._unfinished.clear()

    def _render(self, first: int, columns: int, frames_per_column: float) -> Pixels:
        stage = self.stage
        height = max(1, round(self.height * stage.scale))
        if self._rows is None or self._rows.height_px != height:
            self._rows = RowMap(self.settings, stage.rate, height)
            self._mapped.clear()
        image = np.zeros((height, columns), np.uint8)
        middles = (first + np.arange(columns) + 0.5) * frames_per_column
        finest = hop_for(self.settings, frames_per_column)
        covered = 0
        for tile in self._shown.tiles:
            low, high = np.searchsorted(middles, (tile.first, tile.last)).tolist()
            if low >= high:
                continue
            at = ((middles[low:high] - tile.start) // tile.hop).astype(np.intp)
            np.clip(at, 0, tile.values.shape[1] - 1, out=at)
            np.take(
                self._rows_of(tile), at, axis=1, out=image[:, low:high], mode="clip"
            )
            if tile.hop == finest:
                covered += high - low
        inside = int(np.searchsorted(middles, stage.view.clip_frames))
        if covered < inside:
            self._unfinished.add((int(first * frames_per_column), int(middles[-1]) + 1))
        return image

    def _rows_of(self, tile: PlacedTile) -> Pixels:
        """The rows of a tile as they are drawn; one tile is asked for many times."""
        assert self._rows is not None
        key = id(tile.values)
        found = self._mapped.get(key)
        if found is None:
            # Keeping the tile keeps its id from being given to another.
            found = self._mapped[key] = (tile, self._rows.apply(tile.values))
            if len(self._mapped) > _KEPT_ROWS:
                self._mapped.popitem(last=False)
        return found[1]
