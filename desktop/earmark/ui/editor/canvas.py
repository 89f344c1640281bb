"""The picture of a clip: a pyqtgraph view whose items are the lanes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QGraphicsItem, QWidget

from earmark.audio.spectrogram import SpectrogramSettings
from earmark.ui.editor.axes import Marks, amplitude_marks, frequency_marks
from earmark.ui.editor.clip_audio import ClipAudio
from earmark.ui.editor.label_lanes import LabelLanes
from earmark.ui.editor.lanes import (
    GapsItem,
    LaneItem,
    Playhead,
    Ruler,
    SelectionItem,
    WaveformLane,
)
from earmark.ui.editor.layout import GUTTER_PX, Lane, Shares, arrange
from earmark.ui.editor.spectrogram import SpectrogramLane
from earmark.ui.editor.stage import Stage, TrackView
from earmark.ui.editor.timeline import TimeFormat, TimeView, whole_clip
from earmark.ui.editor.waveform import AmplitudeScale
from earmark.ui.session import Selection
from earmark.ui.theme import Palette

_ZOOM_PAUSE_MS = 90
_READY_PAUSE_MS = 25
_LEAST_AMPLITUDE_ZOOM, _MOST_AMPLITUDE_ZOOM = 0.5, 256.0


class Canvas(pg.GraphicsView):  # type: ignore[misc]  # pyqtgraph has no types
    """All lanes over one time axis. It draws; it knows no gestures and makes no edits.

    Attributes
    ----------
    stage : Stage
    """

    view_changed = Signal()
    """Another part of the clip is seen."""
    layout_changed = Signal()
    """A lane has another place or height."""
    spectrogram_ready = Signal()
    """There is more to be shown; sent by other threads."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, background=None)
        # The lanes cover every pixel: a background, and a copy of it, would be drawn
        # for nothing.
        self.setCacheMode(self.CacheModeFlag.CacheNone)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setFrameShape(self.Shape.NoFrame)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Waveform, spectrogram and labels")
        self.setAccessibleDescription(
            "Arrow keys move the playhead, Tab goes to the next label."
        )
        self.stage = Stage()
        self.scroll = 0
        font, small = QFont(self.font()), QFont(self.font())
        small.setPointSizeF(max(7.0, font.pointSizeF() - 1))
        self.ground = Ground(self.stage)
        self.ruler = Ruler(self.stage, small)
        self.waveform = WaveformLane(self.stage)
        self.spectrogram = SpectrogramLane(self.stage, self.spectrogram_ready.emit)
        self.labels = LabelLanes(self.stage, font)
        self.gaps = GapsItem(self.stage, font)
        self.selection = SelectionItem(self.stage)
        self.playhead = Playhead(self.stage)
        self.band = RubberBand(self.stage)
        self._frame = 0
        self._amplitude_axes: list[Any] = []
        self._hz_axis = _value_axis()
        self.lanes: tuple[LaneItem, ...] = (
            self.ground,
            self.ruler,
            self.waveform,
            self.spectrogram,
            self.labels,
            self.gaps,
            self.selection,
            self.playhead,
            self.band,
        )
        for item in (*self.lanes, self._hz_axis):
            self.scene().addItem(item)
        self._zoom_timer = self._pause(_ZOOM_PAUSE_MS, self._end_zoom)
        self._ready_timer = self._pause(_READY_PAUSE_MS, self.spectrogram.take_ready)
        self.spectrogram_ready.connect(
            self._take_ready, Qt.ConnectionType.QueuedConnection
        )
        self.set_palette(self.stage.palette)

    def close_threads(self) -> None:
        """Stop the threads that make the spectrogram."""
        self._zoom_timer.stop()
        self._ready_timer.stop()
        self.spectrogram.close()

    def show_audio(self, audio: ClipAudio | None, *, keep_view: bool = False) -> None:
        """Draw a clip, from its beginning to its end unless the view is to stay."""
        stage = self.stage
        stage.clip = audio.clip if audio else None
        frames = audio.clip.frames if audio else 0
        for lane in (self.waveform, self.gaps):
            lane.audio = audio
        self.waveform.tiles.clear()
        self.spectrogram.show_audio(audio)
        self._place_lanes()
        if keep_view:
            view = replace(stage.view, clip_frames=frames)
            self.set_view(view.resized(stage.layout.plot_width))
        else:
            self.set_view(whole_clip(frames, stage.layout.plot_width))
        self.redraw()

    def show_tracks(self, tracks: Sequence[TrackView]) -> None:
        """Draw other label tracks."""
        self.stage.tracks = list(tracks)
        self._place_lanes()

    def set_view(self, view: TimeView) -> None:
        """Show another part of the clip."""
        old = self.stage.view
        if view == old:
            return
        self.stage.view = view
        if view.frames_per_px != old.frames_per_px:
            # Of zooms that follow each other closely, only the last is drawn finely.
            self.stage.zooming = self._zoom_timer.isActive()
            self._zoom_timer.start()
        self.playhead.move_to(self._frame)
        self._update_band()
        self.viewport().update()
        self.view_changed.emit()

    def set_shares(self, shares: Shares) -> None:
        """Give the lanes other heights."""
        self.stage.shares = shares
        self._place_lanes()

    def scroll_tracks(self, by_px: int) -> None:
        """Scroll the label tracks."""
        layout = self.stage.layout
        most = max(0, layout.content - layout.labels.height)
        scroll = min(max(0, self.scroll + by_px), most)
        if scroll != self.scroll:
            self.scroll = scroll
            self._place_lanes()

    def set_palette(self, palette: Palette) -> None:
        """Draw in other colours."""
        self.stage.set_palette(palette)
        for axis in (self._hz_axis, *self._amplitude_axes):
            self._color_axis(axis)
        self.waveform.recolor()
        self.spectrogram.recolor()
        self.redraw()

    def set_spectrogram(self, settings: SpectrogramSettings) -> None:
        """Draw the spectrogram in another way."""
        self.spectrogram.set_settings(settings)
        self._mark_axes()
        self._update_band()

    def set_time_format(self, time_format: TimeFormat) -> None:
        """Write times in minutes and seconds, or count frames."""
        self.stage.time_format = time_format
        self.waveform.tiles.clear()
        self.redraw()

    def set_amplitude(
        self, *, zoom: float | None = None, scale: AmplitudeScale | None = None
    ) -> None:
        """Draw the waveform higher or lower, or on another scale."""
        if zoom is not None:
            limited = min(max(_LEAST_AMPLITUDE_ZOOM, zoom), _MOST_AMPLITUDE_ZOOM)
            self.stage.amplitude_zoom = limited
        if scale is not None:
            self.waveform.amplitude_scale = scale
        self.waveform.tiles.clear()
        self._mark_axes()
        self.waveform.update()

    def show_selection(self, selection: Selection | None) -> None:
        """Draw another selection."""
        self.ruler.selection = selection
        self.ruler.update()
        self.selection.selection = selection
        self._update_band()
        self.selection.update()

    def show_playhead(self, frame: int) -> None:
        """Move the playhead."""
        self._frame = frame
        self.playhead.move_to(frame)

    def redraw(self) -> None:
        """Draw everything anew."""
        self.viewport().update()

    def redraw_labels(self) -> None:
        """Draw the labels anew, wherever they are seen."""
        self.labels.update()
        self.spectrogram.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw, while no tile is made."""
        with self.spectrogram.held():
            super().paintEvent(event)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Fit the lanes into the new size."""
        super().resizeEvent(event)
        # pyqtgraph calls this once before there is anything to place.
        if hasattr(self, "lanes"):
            self._place_lanes()
            self.set_view(self.stage.view.resized(self.stage.layout.plot_width))

    def changeEvent(self, event: Any) -> None:
        """Take over another font."""
        super().changeEvent(event)
        if event.type() == event.Type.FontChange and hasattr(self, "lanes"):
            self.labels.set_font(self.font())
            self.redraw()

    def _pause(self, interval_ms: int, act: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(interval_ms)
        timer.timeout.connect(act)
        return timer

    def _end_zoom(self) -> None:
        if self.stage.zooming:
            self.stage.zooming = False
            self.redraw()

    def _take_ready(self) -> None:
        # Tiles come in quick succession: they are shown a few at a time.
        if not self._ready_timer.isActive():
            self._ready_timer.start()

    def _place_lanes(self) -> None:
        stage = self.stage
        stage.scale = self.devicePixelRatioF()
        size = self.viewport().size()
        rows = tuple(track.index.row_count for track in stage.tracks)
        old = stage.layout
        stage.layout = layout = arrange(
            size.width(), size.height(), rows, stage.shares, self.scroll
        )
        self.scroll = min(self.scroll, max(0, layout.content - layout.labels.height))
        left, width = layout.left, layout.plot_width
        below = layout.height - layout.ruler.bottom
        self.ground.place(0, 0, layout.width, layout.height)
        self.ruler.place(0, 0, layout.width, layout.ruler.height)
        for lane, place in (
            (self.waveform, layout.waveform),
            (self.spectrogram, layout.spectrogram),
        ):
            lane.place(left, place.top, width, place.height)
        bottom = max(layout.waveform.bottom, layout.spectrogram.bottom)
        self.gaps.place(left, layout.ruler.bottom, width, bottom - layout.ruler.bottom)
        self.labels.place(0, layout.labels.top, layout.width, layout.labels.height)
        self.selection.place(left, layout.ruler.bottom, width, below)
        self.band.place(left, layout.labels.top, width, layout.labels.height)
        self.playhead.place(0, 0, 1, layout.height)
        self.playhead.move_to(self._frame)
        if old.waveform.height != layout.waveform.height:
            self.waveform.tiles.clear()
        if old.spectrogram.height != layout.spectrogram.height:
            self.spectrogram.clear()
        self._mark_axes()
        self._update_band()
        self.redraw()
        self.layout_changed.emit()

    def _mark_axes(self) -> None:
        stage, layout = self.stage, self.stage.layout
        shown = stage.channels if layout.waveform.height and stage.clip else 0
        while len(self._amplitude_axes) < shown:
            axis = _value_axis()
            self._color_axis(axis)
            self._amplitude_axes.append(axis)
            self.scene().addItem(axis)
        for index, axis in enumerate(self._amplitude_axes):
            axis.setVisible(index < shown)
            if index < shown:
                lane = layout.channel(index, shown)
                marks = amplitude_marks(
                    self.waveform.amplitude_scale, stage.amplitude_zoom, lane.height
                )
                _mark(axis, lane, marks)
        lane = layout.spectrogram
        self._hz_axis.setVisible(lane.height > 0 and stage.clip is not None)
        if lane.height:
            _mark(
                self._hz_axis, lane, frequency_marks(self.spectrogram.axis, lane.height)
            )

    def _color_axis(self, axis: Any) -> None:
        axis.setPen(QColor(self.stage.palette.grid).lighter(150))
        axis.setTextPen(QColor(self.stage.palette.axis_text))

    def _update_band(self) -> None:
        """Where the selected frequencies lie."""
        selection, lane = self.selection.selection, self.stage.layout.spectrogram
        if selection is None or (
            selection.low_hz is None and selection.high_hz is None
        ):
            self.selection.band = None
            return
        low, high = selection.low_hz, selection.high_hz
        spectrogram = self.spectrogram
        top = (
            0.0 if high is None else min(max(0.0, spectrogram.y_of(high)), lane.height)
        )
        bottom = lane.height if low is None else min(spectrogram.y_of(low), lane.height)
        height = max(1, round(bottom - top))
        self.selection.band = Lane(lane.top + round(top), height)


class Ground(LaneItem):
    """What shows between the lanes: the gutter and the dividers."""

    def draw(self, painter: QPainter, exposed: QRectF) -> None:
        """Fill with the colour of the panels."""
        stage, layout = self.stage, self.stage.layout
        plots = (layout.waveform, layout.spectrogram)
        gutter = QRectF(0, 0, GUTTER_PX, self.height)
        painter.fillRect(exposed & gutter, stage.color("panel"))
        for lane in plots:
            if lane.height:
                gap = QRectF(0, lane.bottom, self.width, 6)
                painter.fillRect(exposed & gap, stage.color("divider"))
        if not stage.clip:
            painter.fillRect(exposed, stage.color("background"))


class RubberBand(LaneItem):
    """The rectangle dragged around labels."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.box = QRectF()
        self.setZValue(6)

    def show_box(self, box: QRectF) -> None:
        """Draw another rectangle; an empty one is none."""
        self.box = box
        self.update()

    def draw(self, painter: QPainter, exposed: QRectF) -> None:
        """Draw it."""
        if self.box.isEmpty():
            return
        painter.setPen(self.stage.color("selection_edge"))
        painter.setBrush(self.stage.color("selection"))
        painter.drawRect(self.box)


def _value_axis() -> Any:
    axis = pg.AxisItem("left", maxTickLength=-6)
    axis.setStyle(tickTextOffset=3, autoExpandTextSpace=False)
    axis.setWidth(GUTTER_PX)
    axis.setRange(0, 1)
    # Its pixels stay the same while the time axis moves.
    axis.setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)
    return axis


def _mark(axis: Any, lane: Lane, marks: Marks) -> None:
    axis.setGeometry(QRectF(0, lane.top, GUTTER_PX, lane.height))
    axis.setTicks([marks])
