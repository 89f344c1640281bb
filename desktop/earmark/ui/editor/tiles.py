"""Pictures of columns that are kept while the view is scrolled."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage, QPixmap

from earmark.ui.editor.timeline import TimeView

TILE_COLUMNS = 256
_KEPT_COLUMNS = 64 * TILE_COLUMNS
_MOST_TOGETHER = 2
"""Tiles rendered at once: a part of the time goes into each call, however few."""
_MOST_STRETCHED = 8
_BUDGET_S = 0.002
"""What a frame may spend on rendering while there is something to show instead."""

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

    @property
    def start(self) -> float:
        """The first frame that it shows."""
        return self.tiles.start * TILE_COLUMNS * self.frames_per_column

    @property
    def stop(self) -> float:
        """The frame after the last."""
        return self.tiles.stop * TILE_COLUMNS * self.frames_per_column


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a pixmap, and where it is drawn.

    Attributes
    ----------
    x, width : float
        In Qt's pixels, from the left edge of the view.
    pixmap : QPixmap
    first, columns : float
        The part of the pixmap.
    """

    x: float
    width: float
    pixmap: QPixmap
    first: float
    columns: float


class ColumnTiles:
    """Tiles of 256 columns, rendered when first seen, coloured by a table.

    Columns are pixels of the display, not of Qt's coordinates, so that the picture is
    sharp where a display packs several of them into one.

    Parameters
    ----------
    render : callable
        See `Render`.

    Attributes
    ----------
    pending : bool
        Whether what was last given is to be drawn again, finer.
    """

    def __init__(self, render: Render) -> None:
        self._render = render
        self._colors: Sequence[int] = (0,)
        self._strips: list[_Strip] = []
        self.pending = False

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
    ) -> list[Piece]:
        """The pictures that show a part of a view, in the order to draw them.

        What is missing is rendered, but for no longer than a frame may take: the rest
        is stretched from pictures of another fineness, as far as there are any, and
        `pending` tells that there is more to do.

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
        known = [
            strip
            for strip in self._strips
            if strip.frames_per_column == frames_per_column
            and strip.height == height
            and strip.tiles.start < wanted.stop
            and wanted.start < strip.tiles.stop
        ]
        missing = sorted(set(wanted).difference(*(strip.tiles for strip in known)))
        pieces: list[Piece] = []
        self.pending = False
        deadline = time.perf_counter() + _BUDGET_S
        for tiles in runs(missing, _MOST_TOGETHER):
            if time.perf_counter() > deadline:
                begin = tiles.start * TILE_COLUMNS * frames_per_column
                end = tiles.stop * TILE_COLUMNS * frames_per_column
                stretched = self._stretched(
                    view,
                    height,
                    frames_per_column,
                    max(begin, (view.first + left) * view.frames_per_px),
                    min(end, (view.first + right) * view.frames_per_px),
                )
                if stretched:
                    pieces += stretched
                    self.pending = True
                    continue
            pixels = self._render(
                tiles.start * TILE_COLUMNS, len(tiles) * TILE_COLUMNS, frames_per_column
            )
            known.append(_Strip(frames_per_column, height, tiles, pixels))
        self._keep(known)
        pieces += [self._piece(strip, view, strip.start, strip.stop) for strip in known]
        return pieces

    def _stretched(
        self,
        view: TimeView,
        height: int,
        frames_per_column: float,
        start: float,
        stop: float,
    ) -> list[Piece]:
        """Pieces of strips of another fineness; none if they leave gaps in a range.

        The fineness nearest to the wanted one is taken.
        """
        least = frames_per_column / _MOST_STRETCHED
        most = frames_per_column * _MOST_STRETCHED
        others = [
            strip
            for strip in self._strips
            if strip.height == height and least <= strip.frames_per_column <= most
        ]
        others.sort(
            key=lambda strip: abs(math.log(strip.frames_per_column / frames_per_column))
        )
        at, stop = start, min(stop, view.clip_frames)
        pieces: list[Piece] = []
        while at < stop:
            strip = next((s for s in others if s.start <= at < s.stop), None)
            if strip is None:
                return []
            pieces.append(self._piece(strip, view, at, min(strip.stop, stop)))
            at = strip.stop
        return pieces

    def _piece(self, strip: _Strip, view: TimeView, start: float, stop: float) -> Piece:
        if strip.pixmap is None:
            strip.pixmap = colored_pixmap(strip.pixels, self._colors)
        return Piece(
            view.x_of(start),
            (stop - start) / view.frames_per_px,
            strip.pixmap,
            (start - strip.start) / strip.frames_per_column,
            (stop - start) / strip.frames_per_column,
        )

    def _keep(self, used: list[_Strip]) -> None:
        """Those in use go to the end, so that others are dropped before them."""
        ids = set(map(id, used))
        self._strips = [s for s in self._strips if id(s) not in ids] + used
        kept = sum(strip.pixels.shape[1] for strip in self._strips)
        while kept > _KEPT_COLUMNS and len(self._strips) > len(used):
            kept -= self._strips.pop(0).pixels.shape[1]


def runs(numbers: list[int], most: int) -> Iterator[range]:
    """Ordered numbers as ranges of at most so many that follow each other."""
    begin = 0
    for end in range(1, len(numbers) + 1):
        together = end - begin
        if (
            end == len(numbers)
            or numbers[end] != numbers[begin] + together
            or together == most
        ):
            yield range(numbers[begin], numbers[begin] + together)
            begin = end


def colored_pixmap(pixels: Pixels, colors: Sequence[int]) -> QPixmap:
    """A pixmap of colour indices, shape (height, width)."""
    height, width = pixels.shape
    # The image borrows this memory, which has to live until it was copied.
    kept = np.ascontiguousarray(pixels)
    image = QImage(kept.data, width, height, width, QImage.Format.Format_Indexed8)
    image.setColorTable(colors)
    return QPixmap.fromImage(image)
