"""Finding labels by where they are, among 100,000 of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from earmark.core.labels import LabelArrays

MAX_ROWS = 6
_CROWD = 3
"""With more labels to a column than that, only the first in each can be told apart."""

Ints = NDArray[np.int64]
Codes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class LabelIndex:
    """The labels of one track, ready to be searched.

    Attributes
    ----------
    arrays : LabelArrays
        Ordered by start.
    rows : ndarray, uint8, shape (labels,)
        Overlapping labels are stacked; 0 is the uppermost row.
    row_count : int
        How many rows the labels need; at least 1.
    """

    arrays: LabelArrays
    rows: Codes = field(init=False)
    row_count: int = field(init=False)
    _reach: Ints = field(init=False)
    _by_row: tuple[tuple[Ints, Ints], ...] = field(init=False)

    def __post_init__(self) -> None:
        starts, stops = self.arrays.starts, self.arrays.stops
        reach = np.maximum.accumulate(stops) if len(stops) else stops
        rows = _stack(starts, stops, reach)
        count = int(rows.max()) + 1 if len(rows) else 1
        # The positions and the starts of the labels of each row.
        places = [np.flatnonzero(rows == row) for row in range(count)]
        object.__setattr__(self, "_reach", reach)
        object.__setattr__(self, "rows", rows)
        object.__setattr__(self, "row_count", count)
        object.__setattr__(self, "_by_row", tuple((p, starts[p]) for p in places))

    def __len__(self) -> int:
        return len(self.arrays)

    def visible(self, start: int, stop: int) -> Ints:
        """The positions in the arrays of the labels that touch `[start, stop]`."""
        first, last = self._ends(start, stop)
        return np.concatenate([self._reaching(start), np.arange(first, last)])

    def told_apart(self, start: int, stop: int, frames_per_px: float) -> Ints:
        """As `visible`, but of labels that crowd, only what a picture can show.

        Of a crowd these are the first in each column, and row: what is wide enough to
        be seen by itself begins in a column of its own. It takes time for each column,
        not for each label.

        Parameters
        ----------
        start, stop : int
        frames_per_px : float
            The width of a column; the first begins at frame 0.
        """
        first, last = self._ends(start, stop)
        columns = np.arange(start // frames_per_px, stop // frames_per_px + 2)
        if last - first <= _CROWD * len(columns):
            return self.visible(start, stop)
        edges = np.ceil(columns * frames_per_px).astype(np.int64)
        edges = np.clip(edges, start, stop + 1)
        found = [self._reaching(start)]
        for places, starts in self._by_row:
            heads = np.searchsorted(starts, edges)
            found.append(places[heads[:-1][heads[:-1] < heads[1:]]])
        return np.sort(np.concatenate(found))

    def longer(self, start: int, stop: int, frames: float) -> Ints:
        """The positions of the labels in `[start, stop]` with at least so many frames.

        It is quick where there are many that are shorter.
        """
        arrays = self.arrays
        first, last = self._ends(start, stop)
        long = arrays.stops[first:last] - arrays.starts[first:last] >= frames
        before = self._reaching(start)
        before = before[arrays.stops[before] - arrays.starts[before] >= frames]
        return np.concatenate([before, np.flatnonzero(long) + first])

    def _ends(self, start: int, stop: int) -> tuple[int, int]:
        """The first label that begins in `[start, stop]`, and one after the last."""
        starts = self.arrays.starts
        return (
            int(np.searchsorted(starts, start)),
            int(np.searchsorted(starts, stop, side="right")),
        )

    def _reaching(self, start: int) -> Ints:
        """The labels that begin before `start` and reach it."""
        first = int(np.searchsorted(self._reach, start))
        last = int(np.searchsorted(self.arrays.starts, start))
        return first + np.flatnonzero(self.arrays.stops[first:last] >= start)

    def near(self, frame: int, tolerance: float) -> Ints:
        """The positions of the labels at a frame, give or take a tolerance."""
        margin = int(tolerance)
        return self.visible(frame - margin, frame + margin)

    def place(self, label: int) -> int | None:
        """The position of a label in the arrays, None if it is not in this track."""
        found = np.flatnonzero(self.arrays.ids == label)
        return int(found[0]) if len(found) else None

    def nearest_edge(
        self, frame: int, tolerance: float, ignore: frozenset[int] = frozenset()
    ) -> int | None:
        """The start or end of a label nearest to a frame, None if none is near.

        Parameters
        ----------
        frame : int
        tolerance : float
            In frames.
        ignore : frozenset of int
            Ids of labels that do not count: those that are being moved.
        """
        margin = int(tolerance) + 1
        found = self.visible(frame - margin, frame + margin)
        if ignore:
            found = found[~np.isin(self.arrays.ids[found], list(ignore))]
        edges = np.concatenate([self.arrays.starts[found], self.arrays.stops[found]])
        if not len(edges):
            return None
        nearest = int(edges[np.abs(edges - frame).argmin()])
        return nearest if abs(nearest - frame) <= tolerance else None


def coverage(
    index: LabelIndex, found: Ints, first: int, width: int, frames_per_px: float
) -> NDArray[np.bool_]:
    """Which columns some labels cover, for labels too narrow to be drawn one by one.

    Parameters
    ----------
    index : LabelIndex
    found : ndarray of int
        Positions in the index.
    first : int
        The first column, counted from the beginning of the clip.
    width : int
        How many columns.
    frames_per_px : float

    Returns
    -------
    ndarray, bool, shape (width,)
    """
    left = (index.arrays.starts[found] / frames_per_px).astype(np.int64) - first
    right = (index.arrays.stops[found] / frames_per_px).astype(np.int64) - first
    steps = np.bincount(np.clip(left, 0, width), minlength=width + 2)
    steps -= np.bincount(np.clip(right + 1, 0, width + 1), minlength=width + 2)
    return np.cumsum(steps)[:width] > 0


def _stack(starts: Ints, stops: Ints, reach: Ints) -> Codes:
    """The row of each label: the uppermost that is free where the label starts."""
    rows = np.zeros(len(starts), np.uint8)
    if len(starts) < 2:
        return rows
    joined = starts[1:] < reach[:-1]
    if not joined.any():
        return rows
    # Only runs of labels that overlap need the loop; most tracks have few.
    edges = np.flatnonzero(np.diff(np.concatenate([[False], joined, [False]])))
    for first, last in edges.reshape(-1, 2):
        free: list[int] = []
        for place in range(first, last + 1):
            start = int(starts[place])
            row = next((n for n, end in enumerate(free) if end <= start), len(free))
            if row == len(free):
                free.append(0)
            free[row] = int(stops[place])
            rows[place] = min(row, MAX_ROWS - 1)
    return rows
