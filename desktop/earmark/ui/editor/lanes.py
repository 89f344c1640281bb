"""The lanes above the label tracks, and what lies over all of them.

They are items of one scene whose coordinates are the pixels of the view. Each draws
from the stage, and no more than what was exposed.
"""

from __future__ import annotations

import math
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from earmark.ui.editor import waveform
from earmark.ui.editor.layout import GUTTER_PX, Lane
from earmark.ui.editor.stage import Stage
from earmark.ui.editor.texts import Texts
from earmark.ui.editor.tiles import ColumnTiles, Pixels
from earmark.ui.editor.timeline import ruler_ticks, tick_step
from earmark.ui.theme import Palette

if TYPE_CHECKING:
    from earmark.ui.editor.clip_audio import ClipAudio
    from earmark.ui.session import Selection

_DOTS_BELOW = 0.25
_HANDLE_PX = 6.0
_TICK_TEXT_PX = 1000.0


class LaneItem(QGraphicsItem):
    """A rectangle of the picture that draws itself from the stage."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        self.width = 1.0
        self.height = 1.0
        # Without it `exposedRect` is always the whole item.
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemUsesExtendedStyleOption)

    def place(self, left: float, top: float, width: float, height: float) -> None:
        """Move and resize it, in pixels of the view."""
        if (width, height) != (self.width, self.height):
            self.prepareGeometryChange()
            self.width, self.height = width, height
        self.setPos(left, top)
        self.setVisible(height > 0 and width > 0)

    def boundingRect(self) -> QRectF:
        """All of it, from its own upper left corner."""
        return QRectF(0, 0, self.width, self.height)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        """Draw what was exposed."""
        exposed = option.exposedRect & self.boundingRect()
        painter.setClipRect(exposed)
        try:
            self.draw(painter, exposed)
        except Exception:  # noqa: BLE001 - reported; Qt would take the process with it
            sys.excepthook(*sys.exc_info())

    def draw(self, painter: QPainter, exposed: QRectF) -> None:
        """Draw the part of the lane in `exposed`; the painter is clipped to it."""
        raise NotImplementedError


class Ruler(LaneItem):
    """The time axis."""

    def __init__(self, stage: Stage, font: QFont) -> None:
        super().__init__(stage)
        self.selection: Selection | None = None
        self._texts = Texts(font)

    def draw(self, painter: QPainter, exposed: QRectF) -> None:
        """Draw the marks and the selected time."""
        stage, height = self.stage, self.height
        painter.fillRect(exposed, stage.color("panel"))
        if stage.clip is None:
            return
        if self.selection is not None and self.selection.frames:
            left = GUTTER_PX + stage.view.x_of(self.selection.start)
            right = GUTTER_PX + stage.view.x_of(self.selection.stop)
            painter.fillRect(
                QRectF(left, 0, right - left, height), stage.color("selection")
            )
        ticks = ruler_ticks(stage.view, stage.rate, stage.time_format)
        painter.setPen(stage.color("grid").lighter(170))
        lines = [
            QLineF(GUTTER_PX + x, height - 5, GUTTER_PX + x, height)
            for x in ticks.minor
        ]
        lines += [
            QLineF(GUTTER_PX + x, height - 12, GUTTER_PX + x, height)
            for x, _ in ticks.major
        ]
        painter.drawLines(lines)
        painter.setFont(self._texts.font)
        painter.setPen(stage.color("axis_text"))
        for x, text in ticks.major:
            shown = self._texts.fitted(text, _TICK_TEXT_PX)
            if shown is not None:
                painter.drawStaticText(QPointF(GUTTER_PX + x + 4, 3), shown)
        painter.fillRect(QRectF(0, 0, GUTTER_PX, height), stage.color("panel"))
        painter.fillRect(QRectF(0, height - 1, self.width, 1), stage.color("divider"))


class WaveformLane(LaneItem):
    """All channels of the clip, below each other."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.audio: ClipAudio | None = None
        self.amplitude_scale: waveform.AmplitudeScale = "linear"
        self.tiles = ColumnTiles(self._render)

    def recolor(self) -> None:
        """Take over the colours of the palette."""
        self.tiles.set_colors(waveform_colors(self.stage.palette))

    def draw(self, painter: QPainter, exposed: QRectF) -> None:
        """Draw columns, or the samples themselves where they are far apart."""
        stage = self.stage
        painter.fillRect(exposed, stage.color("background"))
        if self.audio is None:
            return
        if stage.view.frames_per_px < 1:
            self._draw_samples(painter, self.audio, exposed)
        else:
            height = round(self.height * stage.scale)
            fineness = stage.view.frames_per_px / stage.scale
            if stage.zooming:
                # Between two powers of two, columns that are there are only stretched.
                fineness = 2.0 ** math.ceil(math.log2(fineness))
            for piece in self.tiles.visible(
                stage.view, height, fineness, exposed.left(), exposed.right()
            ):
                target = QRectF(piece.x, 0, piece.width, self.height)
                source = QRectF(piece.first, 0, piece.columns, height)
                painter.drawPixmap(target, piece.pixmap, source)
            if self.tiles.pending:
                self.update()
        for index in range(1, stage.channels):
            lane = stage.layout.channel(index, stage.channels)
            y = lane.top - stage.layout.waveform.top
            painter.fillRect(QRectF(0, y, self.width, 1), stage.color("divider"))

    def _render(self, first: int, columns: int, frames_per_column: float) -> Pixels:
        assert self.audio is not None
        peaks = self.audio.columns(first, columns, frames_per_column)
        parts = [
            waveform.draw_columns(
                peaks[index], height, self.stage.amplitude_zoom, self.amplitude_scale
            )
            for index, height in enumerate(self._channel_heights())
        ]
        pixels = np.concatenate(parts)
        stage = self.stage
        step = tick_step(frames_per_column * stage.scale, stage.rate, stage.time_format)
        nearest = math.ceil(first * frames_per_column / step)
        last = (first + columns) * frames_per_column
        ticks = np.arange(nearest * step, last, step) / frames_per_column - first
        waveform.draw_grid(pixels, ticks.astype(np.intp))
        return pixels

    def _channel_heights(self) -> list[int]:
        stage = self.stage
        top = stage.layout.waveform.top
        lanes = [stage.layout.channel(n, stage.channels) for n in range(stage.channels)]
        edges = [round((lane.top - top) * stage.scale) for lane in lanes]
        edges.append(round(self.height * stage.scale))
        return [max(0, b - a) for a, b in pairwise(edges)]

    def _draw_samples(
        self, painter: QPainter, audio: ClipAudio, exposed: QRectF
    ) -> None:
        stage, view = self.stage, self.stage.view
        start = max(0, view.frame_at(exposed.left()) - 2)
        stop = min(view.clip_frames, view.frame_at(exposed.right()) + 3)
        if start >= stop:
            return
        samples = audio.samples(start, stop - start)
        xs = (np.arange(start, stop) / view.frames_per_px - view.first).tolist()
        painter.setPen(stage.color("grid"))
        ticks = ruler_ticks(view, stage.rate, stage.time_format).major
        painter.drawLines([QLineF(x, 0, x, self.height) for x, _ in ticks])
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = QPen(stage.color("waveform"), 1.4)
        dots = QPen(stage.color("waveform_rms"), 5, c=Qt.PenCapStyle.RoundCap)
        for channel in range(stage.channels):
            lane = stage.layout.channel(channel, stage.channels)
            top = lane.top - stage.layout.waveform.top
            middle, reach = top + lane.height / 2, lane.height / 2
            heights = waveform.heights(samples[:, channel], self.amplitude_scale)
            ys = middle - np.clip(heights * stage.amplitude_zoom, -1, 1) * reach
            points = [QPointF(x, y) for x, y in zip(xs, ys.tolist(), strict=True)]
            painter.fillRect(QRectF(0, middle, self.width, 1), stage.color("grid"))
            painter.setPen(line)
            painter.drawPolyline(QPolygonF(points))
            if view.frames_per_px <= _DOTS_BELOW:
                painter.setPen(dots)
                painter.drawPoints(points)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)


def waveform_colors(palette: Palette) -> list[int]:
    """The colour table of the waveform's tiles."""
    ground, peak = QColor(palette.background), QColor(palette.waveform)
    return [
        *(
            _mixed(ground, peak, n / waveform.SHADES)
            for n in range(waveform.SHADES + 1)
        ),
        QColor(palette.waveform_rms).rgb(),
        QColor(palette.waveform_clipped).rgb(),
        _mixed(ground, peak, 0.55),
        QColor(palette.grid).rgb(),
    ]


def _mixed(ground: QColor, color: QColor, part: float) -> int:
    channels = (
        round(below + (above - below) * part)
        for below, above in zip(ground.getRgb()[:3], color.getRgb()[:3], strict=True)  # type: ignore[index]
    )
    return QColor(*channels).rgb()


class GapsItem(LaneItem):
    """Hatching and a sentence where audio is missing or still to come."""

    def __init__(self, stage: Stage, font: QFont) -> None:
        super().__init__(stage)
        self.audio: ClipAudio | None = None
        self._font = font

    def draw(self, painter: QPainter, exposed: QRectF) -> None:
        """Draw what has to be said about the audio."""
        if self.audio is None:
            return
        stage, whole = self.stage, self.boundingRect()
        painter.setFont(self._font)
        for gap in self.audio.gaps:
            left, right = stage.view.x_of(gap.start), stage.view.x_of(gap.stop)
            box = QRectF(left, 0, right - left, self.height) & whole
            if box.isEmpty():
                continue
            painter.fillRect(box, stage.color("panel"))
            painter.fillRect(
                box, QBrush(stage.color("border"), Qt.BrushStyle.BDiagPattern)
            )
            self._say(painter, box, gap.reason)
        if not self.audio.done:
            text = f"Reading the audio: {self.audio.ready:.0%}"
            self._say(painter, QRectF(8, 8, 220, 28), text)

    def _say(self, painter: QPainter, box: QRectF, text: str) -> None:
        room = box.adjusted(12, 4, -12, -4)
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        needed = painter.boundingRect(room, int(flags), text)
        if needed.width() > room.width() + 1 or room.width() < 20:
            return
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.stage.color("raised"))
        painter.drawRoundedRect(needed.adjusted(-10, -5, 10, 5), 4, 4)
        painter.setPen(self.stage.color("text"))
        painter.drawText(room, int(flags), text)


class SelectionItem(LaneItem):
    """The selected time, and in the spectrogram the selected frequencies."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.selection: Selection | None = None
        self.band: Lane | None = None
        self.setZValue(5)

    def draw(self, painter: QPainter, exposed: QRectF) -> None:
        """Draw a wash of colour and its two edges."""
        if self.selection is None or not self.selection.frames:
            return
        stage, layout = self.stage, self.stage.layout
        left = max(-2.0, stage.view.x_of(self.selection.start))
        right = min(self.width + 2, stage.view.x_of(self.selection.stop))
        if right < 0 or left > self.width:
            return
        wash, edge = stage.color("selection"), stage.color("selection_edge")
        top = layout.ruler.bottom
        width = max(1.0, right - left)
        for lane in (layout.waveform, layout.spectrogram, layout.labels):
            box = QRectF(left, lane.top - top, width, lane.height)
            if lane is layout.spectrogram and self.band is not None:
                band = QRectF(left, self.band.top - top, width, self.band.height)
                painter.fillRect(box & band, wash)
                painter.setPen(QPen(edge, 1))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect((box & band).adjusted(0, 0, -1, -1))
                continue
            if lane is layout.waveform and self.selection.channel is not None:
                one = layout.channel(self.selection.channel, stage.channels)
                box = QRectF(left, one.top - top, width, one.height)
            painter.fillRect(box, wash)
            painter.fillRect(QRectF(left, box.top(), 1, box.height()), edge)
            painter.fillRect(QRectF(right - 1, box.top(), 1, box.height()), edge)


class Playhead(LaneItem):
    """A line through all lanes, which moves without them being drawn anew."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.setZValue(10)

    def boundingRect(self) -> QRectF:
        """The line, with its handle in the ruler."""
        return QRectF(-_HANDLE_PX, 0, 2 * _HANDLE_PX, self.height)

    def move_to(self, frame: int) -> None:
        """Show another frame; out of sight it is hidden."""
        x = self.stage.view.x_of(frame)
        shown = 0 <= x <= self.stage.view.width and self.stage.clip is not None
        self.setVisible(shown)
        if shown:
            self.setPos(GUTTER_PX + math.floor(x), 0)

    def draw(self, painter: QPainter, exposed: QRectF) -> None:
        """Draw the line and the handle."""
        color = self.stage.color("playhead")
        bottom = float(self.stage.layout.ruler.bottom)
        painter.fillRect(QRectF(0, bottom, 1, self.height - bottom), color)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        painter.drawPolygon(
            [
                QPointF(0.5 - _HANDLE_PX + 1, bottom - 9),
                QPointF(0.5 + _HANDLE_PX - 1, bottom - 9),
                QPointF(0.5, bottom),
            ]
        )
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
