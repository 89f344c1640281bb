"""Spectrogram tiles as pixmaps that are stretched along the time axis when drawn."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QPixmap

from earmark.audio.spectrogram import PlacedTile, RowMap
from earmark.ui.editor.tiles import colored_pixmap

_KEPT_BYTES = 28 << 20
_MOST_BETWEEN = 8

Pixels = NDArray[np.uint8]


class TilePictures:
    """The tiles of one height, coloured by a table.

    A tile is turned into a pixmap once; at any zoom it is then only stretched, which is
    so cheap that nothing has to be kept per zoom.
    """

    def __init__(self) -> None:
        self._rows: RowMap | None = None
        self._colors: Sequence[int] = (0,)
        # By the id of a tile's values, which are kept so that no others get this id.
        self._mapped: OrderedDict[int, tuple[Pixels, Pixels]] = OrderedDict()
        self._prepared: deque[tuple[RowMap, Pixels, Pixels]] = deque()
        self._pixmaps: OrderedDict[tuple[int, int], QPixmap] = OrderedDict()
        self._bytes = 0

    def set_colors(self, colors: Sequence[int]) -> None:
        """Draw the same values in other colours; `0xaarrggbb` for each."""
        self._colors = colors
        self._forget_pixmaps()

    def set_rows(self, rows: RowMap) -> None:
        """Draw on another frequency scale, or at another height."""
        self._rows = rows
        self.clear()

    def prepare(self, values: Pixels) -> None:
        """Do what takes longest for a new tile; called on any thread."""
        rows = self._rows
        if rows is not None:
            self._prepared.append((rows, values, rows.apply(values)))

    def clear(self) -> None:
        """Forget all tiles."""
        self._mapped.clear()
        self._forget_pixmaps()

    def picture(
        self, tile: PlacedTile, px_per_column: float, *, make: bool
    ) -> QPixmap | None:
        """A tile's pixmap.

        Parameters
        ----------
        tile : PlacedTile
        px_per_column : float
            How far apart the columns of values will be drawn. If that is far, the
            pixmap has columns between them.
        make : bool
            Whether there is time to make it; if not, one that is less fitting will do.
            None if there is none.
        """
        between = 1
        while between * 2 <= min(px_per_column, _MOST_BETWEEN):
            between *= 2
        key = (id(tile.values), between)
        pixmap = self._pixmaps.get(key)
        if pixmap is not None:
            self._pixmaps.move_to_end(key)
            return pixmap
        if not make:
            others = (self._pixmaps.get((id(tile.values), 2**n)) for n in range(4))
            return next((other for other in others if other is not None), None)
        values = self._values(tile)
        if between > 1:
            values = interpolated(values, between)
        pixmap = self._pixmaps[key] = colored_pixmap(values, self._colors)
        self._bytes += 4 * values.size
        while self._bytes > _KEPT_BYTES and len(self._pixmaps) > 1:
            _, dropped = self._pixmaps.popitem(last=False)
            self._bytes -= 4 * dropped.width() * dropped.height()
        return pixmap

    def _values(self, tile: PlacedTile) -> Pixels:
        assert self._rows is not None
        while self._prepared:
            rows, values, mapped = self._prepared.popleft()
            if rows is self._rows:
                self._keep(values, mapped)
        found = self._mapped.get(id(tile.values))
        if found is None:
            mapped = self._rows.apply(tile.values)
            self._keep(tile.values, mapped)
            return mapped
        self._mapped.move_to_end(id(tile.values))
        return found[1]

    def _keep(self, values: Pixels, mapped: Pixels) -> None:
        self._mapped[id(values)] = values, mapped
        if len(self._mapped) > _KEPT_BYTES // (4 * mapped.size) * 2 + 8:
            oldest, _ = self._mapped.popitem(last=False)
            for key in [key for key in self._pixmaps if key[0] == oldest]:
                dropped = self._pixmaps.pop(key)
                self._bytes -= 4 * dropped.width() * dropped.height()

    def _forget_pixmaps(self) -> None:
        self._pixmaps.clear()
        self._bytes = 0


def interpolated(values: Pixels, times: int) -> Pixels:
    """Columns with others between them, on straight lines from one to the next.

    Parameters
    ----------
    values : ndarray, uint8, shape (rows, columns)
    times : int

    Returns
    -------
    ndarray, uint8, shape (rows, columns * times)
        Each run of `times` columns has the original one in its middle.
    """
    columns = values.shape[1]
    at = np.clip((np.arange(columns * times) + 0.5) / times - 0.5, 0, columns - 1)
    left = np.minimum(at.astype(np.intp), max(0, columns - 2))
    right = np.minimum(left + 1, columns - 1)
    part = np.rint((at - left) * 256).astype(np.uint16)
    mixed = values[:, left] * (256 - part) + values[:, right] * part
    return (mixed >> 8).astype(np.uint8)
