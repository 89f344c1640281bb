"""Labels, the tracks that hold them, and the vocabulary they are chosen from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

LabelStatus = Literal["confirmed", "predicted", "accepted", "rejected", "edited"]
TrackKind = Literal["labels", "segments", "words", "speakers"]

STATUSES: tuple[LabelStatus, ...] = get_args(LabelStatus)
"""The statuses in the order of their codes in `LabelArrays`."""


@dataclass(frozen=True, slots=True)
class Label:
    """A named range of a clip.

    Attributes
    ----------
    id, track : int
        0 until stored.
    start, stop : int
        Half-open range in frames of the clip; equal for a point.
    text : str
        Any length; line breaks allowed.
    low_hz, high_hz : float or None
        Frequency bounds; None is unbounded.
    channel : int or None
        0-based; None is all channels.
    score : float or None
        As the model gave it.
    speaker : str
        Who speaks; empty if unknown.
    status : {"confirmed", "predicted", "accepted", "rejected", "edited"}
        "confirmed" was made by hand; "predicted" by a job and untouched since.
    job : int or None
        The job that made it; None was made by hand. Never lost by an edit.
    """

    id: int
    track: int
    start: int
    stop: int
    text: str = ""
    low_hz: float | None = None
    high_hz: float | None = None
    channel: int | None = None
    score: float | None = None
    speaker: str = ""
    status: LabelStatus = "confirmed"
    job: int | None = None


@dataclass(frozen=True, slots=True)
class LabelTrack:
    """An ordered lane of labels under a clip."""

    id: int
    clip: int
    name: str
    kind: TrackKind = "labels"
    position: int = 0
    job: int | None = None


@dataclass(frozen=True, slots=True)
class Word:
    """A vocabulary entry: a label text with its colour and its class key.

    Attributes
    ----------
    color : str
        `#rrggbb`.
    key : str
        "1" to "9", or empty.
    """

    id: int
    name: str
    color: str
    key: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class LabelArrays:
    """The labels of one track as arrays, ordered by start and id; not to be written to.

    Attributes
    ----------
    ids, starts, stops : ndarray, int64, shape (labels,)
        `starts` and `stops` in frames.
    statuses : ndarray, uint8, shape (labels,)
        Indices into `STATUSES`.
    """

    ids: NDArray[np.int64]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    statuses: NDArray[np.uint8]

    @classmethod
    def of(cls, rows: list[tuple[int, int, int, int]]) -> LabelArrays:
        """From rows of id, start, stop and status code."""
        columns = np.array(rows, np.int64).reshape(-1, 4)
        columns = columns[np.lexsort((columns[:, 0], columns[:, 1]))].T
        ids, starts, stops, statuses = (np.ascontiguousarray(c) for c in columns)
        return cls(ids, starts, stops, statuses.astype(np.uint8))

    def __len__(self) -> int:
        return len(self.ids)

    def overlapping(self, start: int, stop: int) -> NDArray[np.intp]:
        """Indices of the labels that touch `[start, stop)`, in order of start."""
        before = int(np.searchsorted(self.starts, stop))
        stops = self.stops[:before]
        touching = (stops > start) | (self.starts[:before] == start)
        return np.flatnonzero(touching)

    def without(self, ids: frozenset[int]) -> LabelArrays:
        """These but for some labels."""
        gone = np.fromiter(ids, np.int64, len(ids))
        keep = ~np.isin(self.ids, gone)
        if keep.all():
            return self
        return LabelArrays(
            self.ids[keep], self.starts[keep], self.stops[keep], self.statuses[keep]
        )

    def with_rows(self, rows: list[tuple[int, int, int, int]]) -> LabelArrays:
        """These and more labels: rows of id, start, stop and status code."""
        if not rows:
            return self
        more = LabelArrays.of(rows)
        at = np.searchsorted(self.starts, more.starts, "right")
        return LabelArrays(
            np.insert(self.ids, at, more.ids),
            np.insert(self.starts, at, more.starts),
            np.insert(self.stops, at, more.stops),
            np.insert(self.statuses, at, more.statuses),
        )
