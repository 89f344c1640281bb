"""Pictures of columns that are kept while the view is scrolled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage, QPixmap

from earmark.ui.editor.timeline import TimeView

TILE_COLUMNS = 256
_KEPT_COLUMNS = 64 * TILE_COLUMNS

Pixels = NDArray[np.uint8]
Render = Callable[[int, int, float], Pixels]
"""From a first column, a number of columns and the frames in each, to colour indices
of shape (height, columns)."""


@dataclass(slots=True)
class _Strip:
    """Neighbouring tiles that were rendered together."""

    frames_per_column: float
    height: int
    tiles: range
    pixels: Pixels
    pixmap: QPixmap | None = None


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
        self._strips: list[_Strip] = []

    def set_colors(self, colors: Sequence[int]) -> None:
        """Show the same pixels in other colours; `0xaarrggbb` for each index."""
        self._colors = colors
        for strip in self._strips:
            strip.pixmap = None

    def clear(self) -> None:
        """Forget all; what is drawn has changed."""
        self._strips.clear()

    def visible(
        self,
        view: TimeView,
        height: int,
        frames_per_column: float,
        left: float = 0,
        right: float | None = None,
    ) -> Iterator[tuple[float, float, QPixmap]]:
        """The pictures that show a part of a view, each with its position and width.

        Parameters
        ----------
        view : TimeView
        height : int
            In display pixels.
        frames_per_column : float
            How fine to draw; a column is then stretched to its place in the view.
        left, right : float, optional
            The part of the view to draw, in Qt's pixels.
        """
        right = view.width if right is None else min(right, view.width)
        columns_per_px = view.frames_per_px / frames_per_column
        last_column = int(np.ceil(view.clip_frames / frames_per_column))
        first = int((view.first + left) * columns_per_px) // TILE_COLUMNS
        stop = min(int((view.first + right) * columns_per_px) + 1, last_column)
        wanted = range(first, -(-stop // TILE_COLUMNS))
        for strip in self._covering(frames_per_column, height, wanted):
            if strip.pixmap is None:
                strip.pixmap = colored_pixmap(strip.pixels, self._colors)
            x = strip.tiles.start * TILE_COLUMNS / columns_per_px - view.first
            yield x, strip.pixmap.width() / columns_per_px, strip.pixmap

    def _covering(
        self, frames_per_column: float, height: int, wanted: range
    ) -> list[_Strip]:
        """The strips over some tiles; what is missing is rendered."""
        known = [
            strip
            for strip in self._strips
            if strip.frames_per_column == frames_per_column
            and strip.height == height
            and strip.tiles.start < wanted.stop
            and wanted.start < strip.tiles.stop
        ]
        missing = sorted(set(wanted).difference(*(strip.tiles for strip in known)))
        while missing:
            # Neighbours are rendered together: most of the time goes into each call.
            run = 1
            while run < len(missing) and missing[run] == missing[0] + run:
                run += 1
            tiles = range(missing[0], missing[0] + run)
            pixels = self._render(
                tiles.start * TILE_COLUMNS, run * TILE_COLUMNS, frames_per_column
            )
            known.append(_Strip(frames_per_column, height, tiles, pixels))
            missing = missing[run:]
        # The strips in use go to the end, so that others are dropped before them.
        used = set(map(id, known))
        self._strips = [s for s in self._strips if id(s) not in used] + known
        kept = sum(strip.pixels.shape[1] for strip in self._strips)
        while kept > _KEPT_COLUMNS and len(self._strips) > len(known):
            kept -= self._strips.pop(0).pixels.shape[1]
        return known


def colored_pixmap(pixels: Pixels, colors: Sequence[int]) -> QPixmap:
    """A pixmap of colour indices, shape (height, width)."""
    height, width = pixels.shape
    # The image borrows this memory, which has to live until it was copied.
    kept = np.ascontiguousarray(pixels)
    image = QImage(kept.data, width, height, width, QImage.Format.Format_Indexed8)
    image.setColorTable(colors)
    return QPixmap.fromImage(image)
