"""Finding labels by where they are, among 100,000 of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from earmark.core.labels import LabelArrays

MAX_ROWS = 6

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
    """

    arrays: LabelArrays
    rows: Codes = field(init=False)
    _reach: Ints = field(init=False)

    def __post_init__(self) -> None:
        starts, stops = self.arrays.starts, self.arrays.stops
        reach = np.maximum.accumulate(stops) if len(stops) else stops
        object.__setattr__(self, "_reach", reach)
        object.__setattr__(self, "rows", _stack(starts, stops, reach))

    def __len__(self) -> int:
        return len(self.arrays)

    @property
    def row_count(self) -> int:
        """How many rows the labels need; at least 1."""
        return int(self.rows.max()) + 1 if len(self.rows) else 1

    def visible(self, start: int, stop: int) -> Ints:
        """The positions in the arrays of the labels that touch `[start, stop]`."""
        first = np.searchsorted(self._reach, start, side="left")
        last = np.searchsorted(self.arrays.starts, stop, side="right")
        found = np.arange(first, last)
        return found[self.arrays.stops[first:last] >= start]

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
