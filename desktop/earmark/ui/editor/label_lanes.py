"""The label tracks: only what is in sight, each visible label once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from earmark.core.labels import STATUSES, Label
from earmark.ui.editor.label_index import Ints, coverage
from earmark.ui.editor.lanes import LaneItem
from earmark.ui.editor.layout import GUTTER_PX, ROW_PX, TRACK_PADDING_PX, Lane
from earmark.ui.editor.stage import Stage, TrackView
from earmark.ui.editor.texts import Texts

NARROW_PX = 4.0
_MOST_POINTS = 300
_TEXT_PX = 16.0
_PREDICTED = STATUSES.index("predicted")
_HATCH_PX = 8


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
        self._italic, self._struck, self._bold = map(Texts, (italic, struck, bold))

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        """Draw the tracks that are in sight."""
        stage = self.stage
        exposed = option.exposedRect & self.boundingRect()
        painter.setClipRect(exposed)
        painter.fillRect(exposed, stage.color("background"))
        top = stage.layout.labels.top
        for view, lane in zip(stage.tracks, stage.layout.tracks, strict=True):
            lane = Lane(lane.top - top, lane.height)
            if lane.bottom <= exposed.top() or lane.top >= exposed.bottom():
                continue
            active = view.track.id == stage.active_track
            if active:
                band = QRectF(exposed.left(), lane.top, exposed.width(), lane.height)
                painter.fillRect(band, stage.color("hover"))
            painter.setClipRect(exposed & QRectF(GUTTER_PX, 0, self.width, self.height))
            self._draw_track(painter, view, lane, exposed)
            painter.setClipRect(exposed)
            if exposed.left() < GUTTER_PX:
                self._draw_header(painter, view, lane, active=active)
            painter.fillRect(
                QRectF(exposed.left(), lane.bottom - 1, exposed.width(), 1),
                stage.color("divider"),
            )

    def _draw_header(
        self, painter: QPainter, view: TrackView, lane: Lane, *, active: bool
    ) -> None:
        stage = self.stage
        box = QRectF(0, lane.top, GUTTER_PX, lane.height - 1)
        painter.fillRect(box, stage.color("panel"))
        if active:
            painter.fillRect(QRectF(0, lane.top, 3, lane.height - 1),
                             stage.color("accent"))  # fmt: skip
        texts = self._bold if active else self._texts
        painter.setFont(texts.font)
        painter.setPen(stage.color("text"))
        middle = lane.top + (lane.height - 1) / 2
        name = texts.fitted(view.track.name, GUTTER_PX - 16)
        painter.drawStaticText(QPointF(10, middle - texts.height / 2), name)

    def _draw_track(
        self, painter: QPainter, view: TrackView, lane: Lane, exposed: QRectF
    ) -> None:
        stage, index = self.stage, view.index
        time, arrays = stage.view, index.arrays
        # A point's words stand to the right of it.
        start = time.frame_at(exposed.left() - GUTTER_PX - 4)
        stop = time.frame_at(exposed.right() - GUTTER_PX + 4)
        places = index.visible(start, stop)
        if stage.preview:
            held = np.isin(arrays.ids[places], list(stage.preview))
            places = places[~held]
        lengths = arrays.stops[places] - arrays.starts[places]
        wide = lengths >= NARROW_PX * time.frames_per_px
        points = lengths == 0
        if points.sum() <= _MOST_POINTS:
            wide |= points
        self._draw_narrow(painter, view, places[~wide], lane)
        shown = view.labels(places[wide]) if wide.any() else []
        rows = [int(row) for row in index.rows[places[wide]]]
        for label, bounds in stage.preview.items():
            place = index.place(label)
            if place is not None:
                (whole,) = view.labels(np.array([place]))
                shown.append(replace(whole, start=bounds.start, stop=bounds.stop))
                rows.append(int(index.rows[place]))
        self._draw_labels(painter, shown, rows, lane)

    def _draw_narrow(
        self, painter: QPainter, view: TrackView, places: Ints, lane: Lane
    ) -> None:
        if not len(places):
            return
        time, index = self.stage.view, view.index
        predicted = index.arrays.statuses[places] == _PREDICTED
        painter.setPen(Qt.PenStyle.NoPen)
        for row in np.unique(index.rows[places]):
            in_row = index.rows[places] == row
            for group, name in ((predicted, "predicted"), (~predicted, "confirmed")):
                found = places[in_row & group]
                if not len(found):
                    continue
                covered = coverage(
                    index, found, time.first, time.width, time.frames_per_px
                )
                edges = np.flatnonzero(np.diff(covered, prepend=False, append=False))
                color = QColor(self.stage.color(name))
                color.setAlpha(110 if name == "predicted" else 150)
                painter.setBrush(color)
                y, height = _row_box(lane, int(row))
                painter.drawRects(
                    [
                        QRectF(GUTTER_PX + left, y + 4, right - left, height - 8)
                        for left, right in edges.reshape(-1, 2).tolist()
                    ]
                )

    def _draw_labels(
        self, painter: QPainter, labels: list[Label], rows: list[int], lane: Lane
    ) -> None:
        stage, time = self.stage, self.stage.view
        fills: dict[tuple[int, Qt.BrushStyle], list[QRectF]] = defaultdict(list)
        edges: dict[int, list[QRectF]] = defaultdict(list)
        dashes: dict[int, list[QLineF]] = defaultdict(list)
        outlines: list[QRectF] = []
        words: dict[str, list[tuple[Label, float, float, float]]] = defaultdict(list)
        far_left, far_right = GUTTER_PX - 20.0, GUTTER_PX + time.width + 20.0
        solid, hatched = Qt.BrushStyle.SolidPattern, Qt.BrushStyle.BDiagPattern
        for number, (label, row) in enumerate(zip(labels, rows, strict=True)):
            color = stage.label_color(label)
            y, height = _row_box(lane, row)
            left = max(far_left, GUTTER_PX + time.x_of(label.start))
            right = min(far_right, GUTTER_PX + time.x_of(label.stop))
            chosen = label.id in stage.selected
            rgb = color.rgb()
            if label.start == label.stop:
                edges[rgb].append(QRectF(left - 1, y, 2, height))
                edges[rgb].append(QRectF(left - 4, y, 8, 5))
                following = (
                    labels[number + 1].start if number + 1 < len(labels) else None
                )
                end = (
                    far_right if following is None else GUTTER_PX + time.x_of(following)
                )
                if chosen:
                    outlines.append(QRectF(left - 5, y - 1, 10, height + 2))
                words[label.status].append((label, left + 6, end - 4, y))
                continue
            box = QRectF(left, y, max(1.0, right - left), height)
            if label.status == "predicted":
                fills[_tint(color, 110 if chosen else 34), solid].append(box)
                if box.width() >= _TEXT_PX:
                    fills[_tint(color, 90), hatched].append(box)
                    dashes[rgb].append(QLineF(left, y, right, y))
                    bottom = y + height - 1
                    dashes[rgb].append(QLineF(left, bottom, right, bottom))
                if label.score is not None and 0 < label.score <= 1:
                    length = box.width() * label.score
                    edges[rgb].append(QRectF(left, y + height - 3, length, 3))
            else:
                dim = label.status == "rejected"
                fills[_tint(color, 150 if chosen else 28 if dim else 84), solid].append(
                    box
                )
            edge = 2.0 if box.width() > 8 else 1.0
            edges[rgb].append(QRectF(left, y, edge, height))
            edges[rgb].append(QRectF(right - edge, y, edge, height))
            if chosen:
                outlines.append(box.adjusted(0, -0.5, 0, 0.5))
            text_left = max(left, float(GUTTER_PX)) + 6
            if right - 4 - text_left >= _TEXT_PX and label.text:
                words[label.status].append((label, text_left, right - 4, y))
        painter.setBrushOrigin(QPointF(-(time.first % _HATCH_PX), 0))
        painter.setPen(Qt.PenStyle.NoPen)
        for (rgba, style), boxes in fills.items():
            painter.setBrush(QBrush(QColor.fromRgba(rgba), style))
            painter.drawRects(boxes)
        for rgb, boxes in edges.items():
            painter.setBrush(QColor(rgb))
            painter.drawRects(boxes)
        for rgb, lines in dashes.items():
            painter.setPen(QPen(QColor(rgb), 1, Qt.PenStyle.DashLine))
            painter.drawLines(lines)
        if outlines:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(stage.color("selection_edge"), 2))
            painter.drawRects(outlines)
        for status, found in words.items():
            self._draw_words(painter, status, found)

    def _draw_words(
        self,
        painter: QPainter,
        status: str,
        found: Iterable[tuple[Label, float, float, float]],
    ) -> None:
        texts = {"predicted": self._italic, "rejected": self._struck}.get(
            status, self._texts
        )
        painter.setFont(texts.font)
        painter.setPen(
            self.stage.color("muted" if status == "rejected" else "label_text")
        )
        drop = (ROW_PX - TRACK_PADDING_PX - texts.height) / 2
        for label, left, right, y in found:
            room = right - left
            if room >= _TEXT_PX:
                painter.drawStaticText(
                    QPointF(left, y + drop), texts.fitted(label.text, room)
                )


def _row_box(lane: Lane, row: int) -> tuple[float, float]:
    """Top and height of a row of labels."""
    return lane.top + TRACK_PADDING_PX + row * ROW_PX, ROW_PX - TRACK_PADDING_PX


def _tint(color: QColor, alpha: int) -> int:
    tinted = QColor(color)
    tinted.setAlpha(alpha)
    return tinted.rgba()
