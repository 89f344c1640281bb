"""What is wrong with samples: frames that are clipped, or that hold no numbers."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Flaw = Literal["unreadable", "clipped"]

FULL_SCALE = 0.98
FLAT = 1e-4
SHORTEST = 3
"""Samples are clipped if so many in a row are at full scale and differ by no more than
this, three steps of 16 bits: what was cut off is often dithered or turned down a little
afterwards, and a peak that only touches full scale has one or two such samples."""

Runs = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Block:
    """The flaws of frames that were read at once: runs, shape (n, 2), half-open."""

    start: int
    stop: int
    unreadable: Runs
    clipped: Runs


class Flaws:
    """Where what is read of a clip is flawed, told block after block.

    Of blocks without a flaw nothing is kept. It may be asked on one thread while the
    next block is noticed on another.
    """

    def __init__(self) -> None:
        self._blocks: list[_Block] = []

    def notice(
        self,
        start: int,
        samples: NDArray[np.float32],
        unreadable: NDArray[np.bool_] | None = None,
    ) -> None:
        """Look at what was read, block after block.

        Parameters
        ----------
        start : int
            The first frame.
        samples : ndarray, float32, shape (frames, channels)
            As the source holds them; full scale is 1.
        unreadable : ndarray, bool, shape (frames, channels), optional
            Those that are no numbers.
        """
        clipped = clipped_frames(samples)
        if unreadable is None and clipped is None:
            return
        none = bad = np.zeros((0, 2), np.int64)
        if unreadable is not None:
            bad = start + runs_of(np.asarray(unreadable.any(axis=1)))
        cut = none if clipped is None else start + runs_of(clipped)
        self._blocks.append(_Block(start, start + len(samples), bad, cut))

    def runs(self, flaw: Flaw, start: int, stop: int) -> Runs:
        """The flawed frames in a range, shape (n, 2), half-open."""
        first = bisect_right(self._blocks, start, key=attrgetter("stop"))
        after = bisect_left(self._blocks, stop, key=attrgetter("start"))
        found = [
            np.clip(getattr(block, flaw), start, stop)
            for block in self._blocks[first:after]
        ]
        runs = np.concatenate([np.zeros((0, 2), np.int64), *found])
        return runs[runs[:, 0] < runs[:, 1]]

    def share(self, flaw: Flaw, start: int, stop: int) -> float:
        """The share of the frames in a range that are flawed, 0 to 1."""
        if not self._blocks:
            return 0.0
        runs = self.runs(flaw, start, stop)
        return float((runs[:, 1] - runs[:, 0]).sum()) / max(stop - start, 1)


def clipped_frames(samples: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """The frames that are clipped in a channel: flat stretches at full scale.

    Parameters
    ----------
    samples : ndarray, float32, shape (frames, channels)

    Returns
    -------
    ndarray, bool, shape (frames,), or None
        None if there are none.
    """
    if len(samples) < SHORTEST:
        return None
    if max(float(samples.max()), -float(samples.min())) < FULL_SCALE:
        return None
    loud = np.abs(samples) >= FULL_SCALE
    flat = loud[1:] & loud[:-1] & (np.abs(np.diff(samples, axis=0)) <= FLAT)
    count = len(samples) - SHORTEST + 1
    begins = np.logical_and.reduce(
        [flat[at : at + count] for at in range(SHORTEST - 1)]
    )
    begins = begins.any(axis=1)
    if not begins.any():
        return None
    clipped = np.zeros(len(samples), bool)
    for at in range(SHORTEST):
        clipped[at : at + count] |= begins
    return clipped


def runs_of(flags: NDArray[np.bool_]) -> Runs:
    """The stretches that are true, half-open, shape (stretches, 2)."""
    edges: Runs = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
    return edges.reshape(-1, 2)
