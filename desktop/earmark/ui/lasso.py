"""A view of points in which dragging draws an outline around some of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QColor, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsPathItem

from earmark.ui.appearance import current_palette

Places = NDArray[np.float32]

_MARGIN = 0.08


class LassoView(pg.ViewBox):  # type: ignore[misc]  # pyqtgraph has no types
    """A view in which dragging draws around points; the wheel zooms, others pan."""

    drawn = Signal(object, bool)
    """The outline, float32, shape (corners, 2), and whether it adds to a selection."""
    clicked = Signal()
    """Where there is no point."""

    def __init__(self) -> None:
        super().__init__(enableMenu=False, defaultPadding=_MARGIN)
        self._corners: list[tuple[float, float]] = []
        self._line = QGraphicsPathItem()
        self._line.setZValue(10)
        self.addItem(self._line, ignoreBounds=True)

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        """Draw an outline, or move the map with another button."""
        event.accept()
        at = self.mapSceneToView(event.scenePos())
        if event.button() != Qt.MouseButton.LeftButton:
            was = self.mapSceneToView(event.lastScenePos())
            self.translateBy(x=was.x() - at.x(), y=was.y() - at.y())
            return
        if event.isStart():
            start = self.mapSceneToView(event.buttonDownScenePos())
            self._corners = [(start.x(), start.y())]
        self._corners.append((at.x(), at.y()))
        if not event.isFinish():
            self._draw()
            return
        self._line.setPath(QPainterPath())
        outline = np.array(self._corners, np.float32)
        adds = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        self.drawn.emit(outline, bool(adds))

    def mouseClickEvent(self, event: Any) -> None:
        """Select nothing; twice shows all."""
        event.accept()
        if event.double():
            self.show_all()
        else:
            self.clicked.emit()

    def show_all(self) -> None:
        """Bring every point into sight."""
        self.autoRange(padding=_MARGIN)

    def _draw(self) -> None:
        path = QPainterPath(QPointF(*self._corners[0]))
        for corner in self._corners[1:]:
            path.lineTo(*corner)
        path.closeSubpath()
        palette = current_palette()
        pen = QPen(QColor(palette.selection_edge), 1.5)
        pen.setCosmetic(True)
        self._line.setPen(pen)
        self._line.setBrush(QColor(palette.selection))
        self._line.setPath(path)


def within(places: Places, outline: Places) -> NDArray[np.bool_]:
    """Which points lie within a closed outline, by the even-odd rule.

    Parameters
    ----------
    places : ndarray, float32, shape (points, 2)
    outline : ndarray, float32, shape (corners, 2)

    Returns
    -------
    ndarray, bool, shape (points,)
    """
    inside = np.zeros(len(places), bool)
    x, y = places[:, 0], places[:, 1]
    for (x1, y1), (x2, y2) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        if y1 == y2:
            continue
        crosses = (y1 > y) != (y2 > y)
        inside ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return inside
