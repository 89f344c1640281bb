"""The label tracks: only what is in sight, drawn at once for all labels of a row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFont, QImage, QPainter, QPen

from earmark.core.labels import STATUSES, Label, LabelStatus
from earmark.ui.editor.label_index import Ints
from earmark.ui.editor.label_raster import Look, draw_row
from earmark.ui.editor.lanes import LaneItem
from earmark.ui.editor.layout import GUTTER_PX, ROW_PX, TRACK_PADDING_PX, Lane
from earmark.ui.editor.stage import Stage, TrackView
from earmark.ui.editor.texts import Texts

NARROW_PX = 4.0
"""Below it a label shows neither its class nor its score."""

_MOST_POINTS = 300
_LEAST_TEXT_PX = 18.0
_TEXT_PADDING_PX = 5.0
_POINT_PX = 2.0


class LabelLanes(LaneItem):
    """All label tracks of the clip, below each other, with their headers."""

    def __init__(self, stage: Stage, font: QFont) -> None:
        super().__init__(stage)
        self.set_font(font)

    def set_font(self, font: QFont) -> None:
        """Draw in another font."""
        italic, struck, bold = QFont(font), QFont(font), QFont(font)
        italic.setItalic(True)
        struck.setStrikeOut(True)
        bold.setWeight(QFont.Weight.DemiBold)
        self._texts = Texts(font)
        self._bold = Texts(bold)
        self._by_status: dict[LabelStatus, Texts] = {
            "predicted": Texts(italic),
            "rejected": Texts(struck),
        }

    def draw(self, painter: QPainter, exposed: QRectF) -> None:
        """Draw the tracks that are in sight."""
        stage = self.stage
        painter.fillRect(exposed, stage.color("background"))
        top = stage.layout.labels.top
        for view, lane in zip(stage.tracks, stage.layout.tracks, strict=True):
            lane = Lane(lane.top - top, lane.height)
            if lane.bottom <= exposed.top() or lane.top >= exposed.bottom():
                continue
            if exposed.right() > GUTTER_PX:
                self._draw_track(painter, view, lane, exposed)
            if exposed.left() < GUTTER_PX:
                self._draw_header(painter, view, lane)
            painter.fillRect(
                QRectF(exposed.left(), lane.bottom - 1, exposed.width(), 1),
                stage.color("divider"),
            )

    def _draw_header(self, painter: QPainter, view: TrackView, lane: Lane) -> None:
        stage = self.stage
        active = view.track.id == stage.active_track
        box = QRectF(0, lane.top, GUTTER_PX, lane.height - 1)
        painter.fillRect(box, stage.color("panel"))
        if active:
            mark = QRectF(0, lane.top, 3, lane.height - 1)
            painter.fillRect(mark, stage.color("accent"))
        texts = self._bold if active else self._texts
        painter.setFont(texts.font)
        painter.setPen(stage.color("text"))
        name = texts.fitted(view.track.name, GUTTER_PX - 16)
        if name is not None:
            middle = lane.top + (lane.height - 1) / 2
            painter.drawStaticText(QPointF(10, middle - texts.height / 2), name)

    def _draw_track(
        self, painter: QPainter, view: TrackView, lane: Lane, exposed: QRectF
    ) -> None:
        stage, index = self.stage, view.index
        time = stage.view
        left = max(exposed.left(), GUTTER_PX)
        # A point's flag and words stand beside it.
        start = time.frame_at(left - GUTTER_PX - 8)
        stop = time.frame_at(exposed.right() - GUTTER_PX + 8)
        places = index.told_apart(start, stop, time.frames_per_px)
        held = sorted(
            place
            for label in stage.preview
            if (place := index.place(label)) is not None
        )
        if held:
            # Those that are dragged lie on top of the others.
            places = places[~np.isin(places, held)]
        whole = Sight(view, stage, places)
        for row in range(index.row_count):
            self._draw_row(painter, whole.row(row), _row_lane(lane, row), exposed)
        if held:
            dragged = Sight(view, stage, np.array(held, np.int64))
            for row in range(index.row_count):
                row_lane, labels = _row_lane(lane, row), dragged.row(row)
                for number in range(len(labels.places)):
                    one = labels.only(number)
                    area = QRectF(
                        GUTTER_PX + one.lefts[0],
                        row_lane.top,
                        max(_POINT_PX, one.rights[0] - one.lefts[0]),
                        row_lane.height,
                    )
                    self._draw_row(painter, one, row_lane, area & exposed)

    def _draw_row(
        self, painter: QPainter, labels: Sight, lane: Lane, exposed: QRectF
    ) -> None:
        """Draw the labels of a row where it was exposed."""
        stage = self.stage
        first = max(0, int(exposed.left()) - GUTTER_PX)
        last = min(stage.view.width, int(np.ceil(exposed.right())) - GUTTER_PX)
        if last <= first or not len(labels.places):
            return
        scale = stage.scale
        is_point = labels.rights == labels.lefts
        look = Look(
            width=round((last - first) * scale),
            height=round(lane.height * scale),
            first=round((stage.view.first + first) * scale),
            scale=scale,
            ground=stage.color("background").rgb() & 0xFFFFFF,
            outline=stage.color("selection_edge").rgb() & 0xFFFFFF,
        )
        pixels = draw_row(
            (labels.lefts - first) * scale,
            (labels.rights - first + _POINT_PX * is_point) * scale,
            labels.colors,
            labels.statuses,
            labels.scores,
            labels.chosen,
            look,
        )
        image = QImage(pixels.data, look.width, look.height, QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(scale)
        painter.drawImage(QPointF(GUTTER_PX + first, lane.top), image)
        if is_point.any() and is_point.sum() <= _MOST_POINTS:
            self._draw_flags(painter, labels, np.flatnonzero(is_point), lane)
        self._draw_words(painter, labels, lane)

    def _draw_flags(
        self, painter: QPainter, labels: Sight, points: Ints, lane: Lane
    ) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        for number in points.tolist():
            x = GUTTER_PX + float(labels.lefts[number])
            painter.setBrush(Qt.BrushStyle.SolidPattern)
            painter.setBrush(self.stage.label_color(labels.label(number)))
            painter.drawRect(QRectF(x, lane.top, 7, 7))
            if labels.chosen[number]:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(self.stage.color("selection_edge"), 2))
                painter.drawRect(QRectF(x, lane.top, 7, 7))
                painter.setPen(Qt.PenStyle.NoPen)

    def _draw_words(self, painter: QPainter, labels: Sight, lane: Lane) -> None:
        stage = self.stage
        lefts, ends = np.maximum(labels.lefts, 0.0), labels.rights.copy()
        # A point's words reach up to the next label.
        points = np.flatnonzero(labels.rights == labels.lefts)
        following = np.append(labels.lefts[1:], float(stage.view.width))
        ends[points] = following[points]
        lefts[points] += _POINT_PX + 4
        rooms = ends - lefts - 2 * _TEXT_PADDING_PX
        shown = np.flatnonzero((rooms >= _LEAST_TEXT_PX) & labels.wide)
        by_status: dict[LabelStatus, list[int]] = {}
        for number in shown.tolist():
            status = STATUSES[labels.statuses[number]]
            by_status.setdefault(status, []).append(number)
        for status, numbers in by_status.items():
            texts = self._by_status.get(status, self._texts)
            painter.setFont(texts.font)
            dim = status == "rejected"
            painter.setPen(stage.color("muted" if dim else "label_text"))
            y = lane.top + (lane.height - texts.height) / 2
            for number in numbers:
                text = texts.fitted(labels.label(number).text, float(rooms[number]))
                if text is not None:
                    x = GUTTER_PX + float(lefts[number]) + _TEXT_PADDING_PX
                    painter.drawStaticText(QPointF(x, y), text)


class Sight:
    """Labels that are in sight, as arrays of what is drawn of them.

    Attributes
    ----------
    places : ndarray of int
        Positions in the index of the track.
    lefts, rights : ndarray, float64
        In pixels, from the beginning of the time axis.
    colors, statuses, scores, chosen : ndarray
        As `draw_row` wants them.
    wide : ndarray, bool
        Whether a label is wide enough, or there are few enough, to say more than its
        status.
    """

    def __init__(self, view: TrackView, stage: Stage, places: Ints) -> None:
        self._view = view
        arrays, time = view.index.arrays, stage.view
        self.places = places
        starts, stops = arrays.starts[places], arrays.stops[places]
        if stage.preview:
            starts, stops = starts.copy(), stops.copy()
            for number, label in enumerate(arrays.ids[places].tolist()):
                if label in stage.preview:
                    starts[number] = stage.preview[label].start
                    stops[number] = stage.preview[label].stop
        self.lefts = starts / time.frames_per_px - time.first
        self.rights = stops / time.frames_per_px - time.first
        self.statuses = arrays.statuses[places]
        self.wide = self.rights - self.lefts >= NARROW_PX
        points = self.rights == self.lefts
        if points.sum() <= _MOST_POINTS:
            self.wide |= points
        self.chosen = stage.chosen(arrays.ids[places])
        by_status = [stage.color(status).rgb() & 0xFFFFFF for status in STATUSES]
        self.colors = np.array(by_status, np.uint32)[self.statuses]
        self.scores = np.zeros(len(places))
        if stage.zooming:
            # The database is asked once the zoom has come to rest.
            self.wide[self.wide] = view.loaded(places[self.wide])
        wide = np.flatnonzero(self.wide)
        if len(wide):
            labels = view.labels(places[wide])
            self.colors[wide] = [stage.label_rgb(label) for label in labels]
            predicted = self.statuses[wide] == STATUSES.index("predicted")
            scores = [label.score or 0.0 for label in labels]
            self.scores[wide] = np.where(predicted, scores, 0.0)

    def row(self, row: int) -> Sight:
        """Those in one row."""
        if self._view.index.row_count == 1:
            return self
        return self._picked(self._view.index.rows[self.places] == row)

    def only(self, number: int) -> Sight:
        """One of them."""
        return self._picked(slice(number, number + 1))

    def label(self, number: int) -> Label:
        """The whole of one label."""
        (label,) = self._view.labels(self.places[number : number + 1])
        return label

    def _picked(self, which: slice | NDArray[np.bool_]) -> Sight:
        part = object.__new__(Sight)
        part._view = self._view
        for name in (
            "places", "lefts", "rights", "statuses", "wide", "chosen", "colors",
            "scores",
        ):  # fmt: skip
            setattr(part, name, getattr(self, name)[which])
        return part


def _row_lane(lane: Lane, row: int) -> Lane:
    """Where a row of labels lies in its track."""
    return Lane(lane.top + TRACK_PADDING_PX + row * ROW_PX, ROW_PX - TRACK_PADDING_PX)
