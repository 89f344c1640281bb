"""The spectrogram, with the boxes of the labels that have frequency bounds."""

from __future__ import annotations

import math
import os
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap

from earmark.audio.sources import SourceReader
from earmark.audio.spectrogram import (
    DB_FLOOR,
    DB_STEP,
    TILE_COLUMNS,
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
from earmark.ui.editor.tile_pictures import TilePictures

_KEPT_YS = 10_000
_MOST_BOXES = 400
_ASK_AGAIN_S = 0.12
_BUDGET_S = 0.002
"""What a frame may spend on turning new tiles into pixmaps."""

_TILE_BYTES = 64 << 20
_NO_READERS: dict[str, SourceReader] = {}
_NOTHING = SpectrogramView(
    (), 1, 1, _NO_READERS.__getitem__, SpectrogramSettings(), (), 0, 0, 1
)


class SpectrogramLane(LaneItem):
    """The spectrogram of one channel, or of the mix of all.

    Attributes
    ----------
    sharp_tiles : int
        How many tiles of the wanted fineness were last drawn.

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
        self.sharp_tiles = 0
        self._pictures = TilePictures()
        self._rows_height = 0
        self._server = TileServer(
            on_ready,
            prepare=self._pictures.prepare,
            cache_bytes=_TILE_BYTES,
            # One core is left to draw with.
            threads=min(2, max(1, (os.cpu_count() or 2) - 1)),
        )
        self._shown = TileSet((), complete=True)
        self._requested: tuple[int, ...] = ()
        self._ask_again = 0.0
        self._pending = False
        self._on_ready = on_ready
        self._axis: FrequencyAxis | None = None
        self._ys: dict[float, float] = {}

    @property
    def axis(self) -> FrequencyAxis:
        """Where frequencies are, from bottom to top."""
        if self._axis is None:
            self._axis = FrequencyAxis.of(self.settings, self.stage.rate)
        return self._axis

    @property
    def complete(self) -> bool:
        """Whether all that is in sight is drawn as fine as it will be."""
        return bool(self._requested) and self._shown.complete and not self._pending

    def close(self) -> None:
        """Stop the threads."""
        self._server.close()

    def held(self) -> AbstractContextManager[None]:
        """Let the threads stand still while a frame is drawn."""
        return self._server.held()

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
        self._pictures.set_colors(packed.tolist())

    def clear(self) -> None:
        """Draw all anew."""
        self._pictures.clear()
        self._rows_height = 0
        self._requested = ()
        self._axis = None
        self._ys.clear()
        self.update()

    def take_ready(self) -> None:
        """Show what the threads have made since."""
        if not self._shown.complete and self._server.error is None:
            self._requested = ()
            self.update()
        elif self._pending:
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
        part = self._ys.get(hz)
        if part is None:
            if len(self._ys) > _KEPT_YS:
                self._ys.clear()
            part = self._ys[hz] = 1 - float(self.axis.fraction(hz))
        return part * self.height

    def hz_at(self, y: float) -> float:
        """The frequency at so many pixels from the top, within the range shown."""
        part = min(max(0.0, 1 - y / max(1.0, self.height)), 1.0)
        return float(self.axis.hz(part))

    def draw(self, painter: QPainter, exposed: QRectF) -> None:
        """Draw what there is and ask for what is missing."""
        stage = self.stage
        if self.audio is None:
            painter.fillRect(exposed, stage.color("background"))
            return
        self._request()
        view_end = stage.view.x_of(stage.view.clip_frames)
        if not self._shown.complete or view_end < exposed.right():
            painter.fillRect(exposed, stage.color("background"))
        self._draw_tiles(painter, exposed)
        self._draw_boxes(painter, exposed)

    def boxes(self) -> list[tuple[Label, QRectF]]:
        """The labels in sight that have frequency bounds, and where they are drawn."""
        stage, view = self.stage, self.stage.view
        found: list[tuple[Label, QRectF]] = []
        for track in stage.tracks:
            places = track.index.longer(
                view.start, view.stop, NARROW_PX * view.frames_per_px
            )
            if not len(places) or len(places) > _MOST_BOXES:
                continue
            for label in track.bounded(places, load=not stage.zooming):
                bounds = stage.preview.get(label.id) or bounds_of(label)
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
        stage = self.stage
        left, right = exposed.left() - 4, exposed.right() + 4
        top, bottom = -4.0, self.height + 4
        drawn: dict[tuple[int, bool, bool], list[QRectF]] = defaultdict(list)
        for label, box in self.boxes():
            if box.left() < right and box.right() > left:
                chosen, dashed = label.id in stage.selected, label.status == "predicted"
                color = stage.label_rgb(label)
                box.setCoords(
                    max(left, box.left()) + 0.5,
                    max(top, box.top()) + 0.5,
                    min(right, box.right()) - 0.5,
                    min(bottom, box.bottom()) - 0.5,
                )
                drawn[color, chosen, dashed].append(box)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for (color, chosen, dashed), boxes in drawn.items():
            pen = QPen(QColor(color), 2 if chosen else 1)
            pen.setStyle(Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine)
            painter.setPen(pen)
            painter.setBrush(
                stage.color("selection") if chosen else Qt.BrushStyle.NoBrush
            )
            painter.drawRects(boxes)

    def _request(self) -> None:
        """Ask for the tiles of the view and a little beyond it."""
        view, audio = self.stage.view, self.audio
        assert audio is not None
        hop = hop_for(self.settings, view.frames_per_px / self.stage.scale)
        # In steps of a tile, so that most frames of a pan or a zoom ask for nothing.
        length = hop * TILE_COLUMNS
        first, last = view.start // length - 1, -(-view.stop // length) + 1
        wanted = (hop, first, last)
        # A zoom passes through many views; not each of them is worth asking for.
        passing = (
            self.stage.zooming
            and self._requested[:1] == (hop,)
            and time.perf_counter() < self._ask_again
        )
        if wanted == self._requested or passing:
            return
        self._requested = wanted
        self._ask_again = time.perf_counter() + _ASK_AGAIN_S
        self._shown = self._server.request(
            SpectrogramView(
                spans=audio.spans,
                rate=audio.clip.rate,
                channels=audio.clip.channels,
                readers=audio.reader,
                settings=self.settings,
                lanes=(self.settings.channel_of(audio.clip.channels),),
                # Beyond the ends of the clip there are no tiles.
                start=first * length,
                stop=last * length,
                width_px=(last - first) * TILE_COLUMNS,
            )
        )

    def _draw_tiles(self, painter: QPainter, exposed: QRectF) -> None:
        view = self.stage.view
        height = round(self.height * self.stage.scale)
        if height != self._rows_height:
            self._rows_height = height
            rows = RowMap(self.settings, self.stage.rate, max(1, height))
            self._pictures.set_rows(rows)
        shown = [
            tile
            for tile in self._shown.tiles
            if view.x_of(tile.first) < exposed.right()
            and view.x_of(tile.last) > exposed.left()
        ]
        finest = hop_for(self.settings, view.frames_per_px / self.stage.scale)
        budget = _BUDGET_S / 3 if self.stage.zooming else _BUDGET_S
        deadline = time.perf_counter() + budget
        self._pending = False
        ready: list[tuple[PlacedTile, QPixmap]] = []
        covered: list[tuple[int, int]] = []
        # The finest come last, and what they cover needs no stand-in.
        for tile in reversed(shown):
            if any(low <= tile.first and tile.last <= high for low, high in covered):
                continue
            fine = tile.hop == finest
            px_per_column = tile.hop / view.frames_per_px * self.stage.scale
            in_time = time.perf_counter() < deadline
            pixmap = self._pictures.picture(
                tile, px_per_column if fine else 1.0, make=in_time
            )
            if pixmap is None:
                self._pending = True
            else:
                ready.append((tile, pixmap))
                if fine:
                    covered = merged([*covered, (tile.first, tile.last)])
        for tile, pixmap in reversed(ready):
            self._draw_tile(painter, tile, pixmap)
        self.sharp_tiles = sum(tile.hop == finest for tile, _ in ready)
        if self._pending:
            self._on_ready()

    def _draw_tile(self, painter: QPainter, tile: PlacedTile, pixmap: QPixmap) -> None:
        view = self.stage.view
        left = max(-1, math.floor(view.x_of(tile.first)))
        right = min(view.width + 1, math.ceil(view.x_of(tile.last)))
        # Columns of the pixmap for each of values, and for each pixel of the view.
        columns = pixmap.width() / tile.values.shape[1]
        per_px = view.frames_per_px * columns / tile.hop
        skipped = tile.start / tile.hop * columns
        # Qt reads beyond the pixmap if it is asked to.
        first = min(
            max(0.0, (view.first + left) * per_px - skipped), pixmap.width() - 1.0
        )
        width = min((right - left) * per_px, pixmap.width() - first)
        painter.drawPixmap(
            QRectF(left, 0, right - left, self.height),
            pixmap,
            QRectF(first, 0, width, pixmap.height()),
        )


def merged(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges joined where they touch."""
    out: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if out and low <= out[-1][1]:
            out[-1] = (out[-1][0], max(high, out[-1][1]))
        else:
            out.append((low, high))
    return out
