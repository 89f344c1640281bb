"""The whole clip in a strip, with the part that is seen."""

from __future__ import annotations

from typing import Literal

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QSizePolicy, QWidget

from earmark.ui.editor import waveform
from earmark.ui.editor.clip_audio import ClipAudio
from earmark.ui.editor.label_index import coverage
from earmark.ui.editor.lanes import waveform_colors
from earmark.ui.editor.stage import Stage
from earmark.ui.editor.tiles import colored_pixmap

_HEIGHT = 46
_LABELS_PX = 4
_EDGE_PX = 6

Grip = Literal["start", "stop", "window"]


class Overview(QWidget):
    """A picture of the whole clip; dragging in it moves what the editor shows.

    Parameters
    ----------
    stage : Stage
    """

    range_chosen = Signal(int, int)
    """The frames that the editor is to show."""

    def __init__(self, stage: Stage, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._stage = stage
        self._audio: ClipAudio | None = None
        self._picture: QPixmap | None = None
        self._playhead = 0
        self._grip: Grip | None = None
        self._offset = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName("Overview of the clip")
        self.setToolTip("Drag to scroll, drag an edge to zoom")

    def sizeHint(self) -> QSize:
        """A low strip of any width."""
        return QSize(400, _HEIGHT)

    def show_audio(self, audio: ClipAudio | None) -> None:
        """Draw another clip, or the same once there is more of it."""
        self._audio = audio
        self.redraw()

    def redraw(self) -> None:
        """Draw the picture anew."""
        self._picture = None
        self.update()

    def show_playhead(self, frame: int) -> None:
        """Move the playhead; only what it crosses is drawn."""
        old, self._playhead = self._x(self._playhead), frame
        new = self._x(frame)
        for x in (old, new):
            self.update(int(x) - 1, 0, 3, self.height())

    def resizeEvent(self, event: object) -> None:
        """Draw the picture at another size."""
        self._picture = None

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the picture, dimmed where the editor does not look."""
        stage, painter = self._stage, QPainter(self)
        painter.setClipRect(event.rect())
        painter.fillRect(self.rect(), stage.color("background"))
        if self._audio is None or not self._audio.clip.frames:
            return
        if self._picture is None:
            self._picture = self._draw_picture()
        painter.drawPixmap(0, 0, self._picture)
        left, right = self._x(stage.view.start), self._x(stage.view.stop)
        dimmed = QColor(stage.color("panel"))
        dimmed.setAlpha(170)
        painter.fillRect(QRectF(0, 0, left, self.height()), dimmed)
        painter.fillRect(QRectF(right, 0, self.width() - right, self.height()), dimmed)
        painter.setPen(QPen(stage.color("selection_edge"), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        window = QRectF(left, 0, max(2.0, right - left), self.height())
        painter.drawRect(window.adjusted(0.5, 0.5, -0.5, -0.5))
        x = self._x(self._playhead)
        painter.fillRect(QRectF(int(x), 0, 1, self.height()), stage.color("playhead"))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold of the window or of an edge; elsewhere, bring the window there."""
        if event.button() is not Qt.MouseButton.LeftButton or self._audio is None:
            return
        x = event.position().x()
        self._grip = self._grip_at(x)
        view = self._stage.view
        left, right = self._x(view.start), self._x(view.stop)
        if not left - _EDGE_PX <= x <= right + _EDGE_PX:
            self._grip, self._offset = "window", (right - left) / 2
            self._drag(x)
        else:
            self._offset = x - left

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move what is held."""
        x = event.position().x()
        if self._grip is not None:
            self._drag(x)
            return
        at_edge = self._audio is not None and self._grip_at(x) != "window"
        self.setCursor(
            Qt.CursorShape.SizeHorCursor if at_edge else Qt.CursorShape.ArrowCursor
        )

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let go."""
        self._grip = None

    def _drag(self, x: float) -> None:
        view = self._stage.view
        frame = self._frame(x)
        if self._grip == "start":
            self.range_chosen.emit(min(frame, view.stop - 1), view.stop)
        elif self._grip == "stop":
            self.range_chosen.emit(view.start, max(frame, view.start + 1))
        else:
            start = self._frame(x - self._offset)
            length = view.stop - view.start
            start = min(max(0, start), max(0, view.clip_frames - length))
            self.range_chosen.emit(start, start + length)

    def _grip_at(self, x: float) -> Grip:
        view = self._stage.view
        left, right = self._x(view.start), self._x(view.stop)
        reach = min(_EDGE_PX, (right - left) / 3)
        if abs(x - left) <= max(2.0, reach):
            return "start"
        if abs(x - right) <= max(2.0, reach):
            return "stop"
        return "window"

    def _x(self, frame: int) -> float:
        return frame * self.width() / max(1, self._stage.view.clip_frames)

    def _frame(self, x: float) -> int:
        frames = self._stage.view.clip_frames
        return min(max(0, round(x * frames / max(1, self.width()))), frames)

    def _draw_picture(self) -> QPixmap:
        assert self._audio is not None
        scale = self.devicePixelRatioF()
        width = max(1, round(self.width() * scale))
        height = max(1, round((self.height() - _LABELS_PX) * scale))
        frames_per_column = self._audio.clip.frames / width
        peaks = self._audio.columns(0, width, max(1.0, frames_per_column))
        together = np.stack(
            [
                peaks[:, 0].min(axis=0),
                peaks[:, 1].max(axis=0),
                np.sqrt(np.square(peaks[:, 2]).mean(axis=0)),
            ]
        )
        pixels = waveform.draw_columns(
            together,
            height,
            1.0,
            "linear",
        )
        stage = self._stage
        picture = QPixmap(width, round(self.height() * scale))
        picture.fill(stage.color("background"))
        painter = QPainter(picture)
        colors = waveform_colors(stage.palette)
        painter.drawPixmap(0, 0, colored_pixmap(pixels, colors))
        for track in stage.tracks:
            if track.track.id == stage.active_track and len(track.index):
                everywhere = np.arange(len(track.index))
                covered = coverage(track.index, everywhere, 0, width, frames_per_column)
                edges = np.flatnonzero(np.diff(covered, prepend=False, append=False))
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(stage.color("accent"))
                painter.drawRects(
                    [
                        QRectF(left, height, right - left, _LABELS_PX * scale)
                        for left, right in edges.reshape(-1, 2).tolist()
                    ]
                )
        painter.end()
        picture.setDevicePixelRatio(scale)
        return picture
