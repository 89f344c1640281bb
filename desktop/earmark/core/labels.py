"""Labels, the tracks that hold them, and the vocabulary they are chosen from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
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


@dataclass(frozen=True, slots=True)
class NamedList:
    """Words that are used together and kept under a name: keywords, intents, classes.

    Attributes
    ----------
    kind : str
        What they are for; a task offers the lists of its own kind.
    text : str
        One entry a line.
    """

    id: int
    kind: str
    name: str
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class LabelArrays:
    """The labels of one track as arrays, ordered by start; not to be written to.

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
    def of(cls, rows: Sequence[tuple[int, ...]]) -> LabelArrays:
        """From rows of id, start, stop and status code."""
        values = np.fromiter(chain.from_iterable(rows), np.int64, 4 * len(rows))
        columns = values.reshape(-1, 4)
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

    def changed(
        self, ids: frozenset[int], rows: Sequence[tuple[int, ...]]
    ) -> LabelArrays:
        """These after an edit of a few labels.

        Parameters
        ----------
        ids : frozenset of int
            The labels that were added, changed or removed, or belong elsewhere.
        rows : sequence of tuple
            What is there of them now, as for `of`.
        """
        at = np.array([i for key in ids for i in np.flatnonzero(self.ids == key)], int)
        new = LabelArrays.of(rows)
        at = at[np.lexsort((self.ids[at], self.starts[at]))]
        if np.array_equal(self.ids[at], new.ids):
            if not len(at) or self._same_at(at, new):
                return self
            starts, stops, statuses = (
                self.starts.copy(),
                self.stops.copy(),
                self.statuses.copy(),
            )
            starts[at], stops[at], statuses[at] = new.starts, new.stops, new.statuses
            if (starts[1:] >= starts[:-1]).all():
                return LabelArrays(self.ids, starts, stops, statuses)
        rest = [
            np.delete(column, at)
            for column in (self.ids, self.starts, self.stops, self.statuses)
        ]
        place = np.searchsorted(rest[1], new.starts, "right")
        return LabelArrays(
            np.insert(rest[0], place, new.ids),
            np.insert(rest[1], place, new.starts),
            np.insert(rest[2], place, new.stops),
            np.insert(rest[3], place, new.statuses).astype(np.uint8),
        )

    def _same_at(self, at: NDArray[np.int_], other: LabelArrays) -> bool:
        return (
            np.array_equal(self.starts[at], other.starts)
            and np.array_equal(self.stops[at], other.stops)
            and np.array_equal(self.statuses[at], other.statuses)
        )
