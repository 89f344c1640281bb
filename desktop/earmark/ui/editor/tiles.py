"""Pictures of columns that are kept while the view is scrolled."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage, QPixmap

from earmark.ui.editor.timeline import TimeView

TILE_COLUMNS = 256
_KEPT = 96

Pixels = NDArray[np.uint8]
Render = Callable[[int, int, float], Pixels]
"""From a first column, a number of columns and the frames in each, to colour indices
of shape (height, columns)."""


class ColumnTiles:
    """Tiles of 256 columns, rendered when first seen, coloured by a table.

    Columns are pixels of the display, not of Qt's coordinates, so that the picture is
    sharp where a display packs several of them into one.

    Parameters
    ----------
    render : callable
        See `Render`.
    """

    def __init__(self, render: Render) -> None:
        self._render = render
        self._colors: Sequence[int] = (0,)
        self._pixels: OrderedDict[Hashable, Pixels] = OrderedDict()
        self._pixmaps: dict[Hashable, QPixmap] = {}

    def set_colors(self, colors: Sequence[int]) -> None:
        """Show the same pixels in other colours; `0xaarrggbb` for each index."""
        self._colors = colors
        self._pixmaps.clear()

    def clear(self) -> None:
        """Forget all; what is drawn has changed."""
        self._pixels.clear()
        self._pixmaps.clear()

    def forget(self, start: int, stop: int) -> None:
        """Forget the tiles that show any of some frames."""
        for key in list(self._pixels):
            frames_per_column, tile = key[0], key[1]  # type: ignore[index]
            first = tile * TILE_COLUMNS * frames_per_column
            if first < stop and start < first + TILE_COLUMNS * frames_per_column:
                del self._pixels[key]
                self._pixmaps.pop(key, None)

    def visible(
        self,
        view: TimeView,
        height: int,
        scale: float,
        left: float = 0,
        right: float | None = None,
    ) -> Iterator[tuple[float, QPixmap]]:
        """The tiles that show a part of a view, each with its horizontal position.

        Parameters
        ----------
        view : TimeView
        height : int
            In display pixels.
        scale : float
            Display pixels for each of Qt's.
        left, right : float, optional
            The part of the view to draw, in Qt's pixels.
        """
        right = view.width if right is None else min(right, view.width)
        frames_per_column = view.frames_per_px / scale
        last_column = int(np.ceil(view.clip_frames / frames_per_column))
        first = int((view.first + left) * scale) // TILE_COLUMNS
        stop = min(int((view.first + right) * scale) + 1, last_column)
        for tile in range(first, -(-stop // TILE_COLUMNS)):
            column = tile * TILE_COLUMNS
            pixmap = self._pixmap(frames_per_column, tile, height)
            pixmap.setDevicePixelRatio(scale)
            yield column / scale - view.first, pixmap

    def _pixmap(self, frames_per_column: float, tile: int, height: int) -> QPixmap:
        key = (frames_per_column, tile, height)
        pixels = self._pixels.get(key)
        if pixels is None:
            column = tile * TILE_COLUMNS
            pixels = self._render(column, TILE_COLUMNS, frames_per_column)
            self._pixels[key] = pixels
            if len(self._pixels) > _KEPT:
                oldest, _ = self._pixels.popitem(last=False)
                self._pixmaps.pop(oldest, None)
        else:
            self._pixels.move_to_end(key)
        pixmap = self._pixmaps.get(key)
        if pixmap is None:
            pixmap = QPixmap.fromImage(indexed_image(pixels, self._colors))
            self._pixmaps[key] = pixmap
        return pixmap


def indexed_image(pixels: Pixels, colors: Sequence[int]) -> QImage:
    """An image that shares the memory of `pixels`, shape (height, width)."""
    height, width = pixels.shape
    pixels = np.ascontiguousarray(pixels)
    image = QImage(pixels.data, width, height, width, QImage.Format.Format_Indexed8)
    image.setColorTable(colors)
    return image
