"""Pictures of columns that are kept while the view is scrolled."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage, QPixmap

from earmark.ui.editor.timeline import TimeView

TILE_COLUMNS = 256
_KEPT = 48

Pixels = NDArray[np.uint8]
Key = tuple[float, int, int]
"""Frames in a column, number of the tile, height."""
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
        self._pixels: OrderedDict[Key, Pixels] = OrderedDict()
        self._pixmaps: dict[Key, QPixmap] = {}

    def set_colors(self, colors: Sequence[int]) -> None:
        """Show the same pixels in other colours; `0xaarrggbb` for each index."""
        self._colors = colors
        self._pixmaps.clear()

    def clear(self) -> None:
        """Forget all; what is drawn has changed."""
        self._pixels.clear()
        self._pixmaps.clear()

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
        tiles = range(first, -(-stop // TILE_COLUMNS))
        self._render_missing(frames_per_column, tiles, height)
        for tile in tiles:
            pixmap = self._pixmap((frames_per_column, tile, height))
            pixmap.setDevicePixelRatio(scale)
            yield tile * TILE_COLUMNS / scale - view.first, pixmap

    def _render_missing(
        self, frames_per_column: float, tiles: range, height: int
    ) -> None:
        """Render neighbours together: most of the time goes into each call."""
        missing = [
            tile
            for tile in tiles
            if (frames_per_column, tile, height) not in self._pixels
        ]
        while missing:
            run = 1
            while run < len(missing) and missing[run] == missing[0] + run:
                run += 1
            pixels = self._render(
                missing[0] * TILE_COLUMNS, run * TILE_COLUMNS, frames_per_column
            )
            for number, tile in enumerate(missing[:run]):
                part = slice(number * TILE_COLUMNS, (number + 1) * TILE_COLUMNS)
                self._pixels[frames_per_column, tile, height] = pixels[:, part]
            missing = missing[run:]
        while len(self._pixels) > max(_KEPT, len(tiles)):
            oldest, _ = self._pixels.popitem(last=False)
            self._pixmaps.pop(oldest, None)

    def _pixmap(self, key: Key) -> QPixmap:
        self._pixels.move_to_end(key)
        pixmap = self._pixmaps.get(key)
        if pixmap is None:
            pixmap = colored_pixmap(self._pixels[key], self._colors)
            self._pixmaps[key] = pixmap
        return pixmap


def colored_pixmap(pixels: Pixels, colors: Sequence[int]) -> QPixmap:
    """A pixmap of colour indices, shape (height, width)."""
    height, width = pixels.shape
    # The image borrows this memory, which has to live until it was copied.
    kept = np.ascontiguousarray(pixels)
    image = QImage(kept.data, width, height, width, QImage.Format.Format_Indexed8)
    image.setColorTable(colors)
    return QPixmap.fromImage(image)
