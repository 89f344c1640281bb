"""From the vectors of windows to who speaks when."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from earmark.api import Window
from earmark_plugins.speaker_identification.encoders import Encoder, Vectors

Group = NDArray[np.intp]
"""Indices of the windows that are taken for one speaker's."""

_AT_ONCE = 2000
"""Windows that are grouped at once, since memory grows with their square: 16 MB."""

_LEAST_SHARE = 0.03
_LEAST, _LEAST_ENOUGH = 3, 12
"""A speaker has this share of the windows, at least three of them; twelve will do."""

_SURE_S = 1.0
"""Shorter windows say too little to found a speaker on."""

_AROUND = 2
"""A window is grouped by the mean of this many on either side, in the same stretch."""

_CHANGE = 0.1
"""A change of speaker within speech has to gain so much cosine, summed up over the
cells of half a step that it explains better."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a window is, and which stretch of speech it is in."""

    stretch: int
    start_s: float
    stop_s: float

    @property
    def length_s(self) -> float:
        """How long it is."""
        return self.stop_s - self.start_s


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker says; the score is the mean cosine to the speaker's centre."""

    start_s: float
    stop_s: float
    speaker: int
    score: float


def windows_in(
    speech: Window, rate: int, window_s: float, hop_s: float
) -> list[Window]:
    """Windows over a stretch of speech; the last one ends with it.

    A stretch that is shorter than a window is one.
    """
    length, hop = round(window_s * rate), max(1, round(hop_s * rate))
    last = max(0, len(speech.samples) - length)
    starts = [min(at, last) for at in range(0, last + hop, hop)]
    return [
        Window(
            speech.start_s + start / rate,
            speech.start_s + min(start + length, len(speech.samples)) / rate,
            speech.samples[start : start + length],
        )
        for start in dict.fromkeys(starts)
    ]


def speakers(
    places: Sequence[Place], vectors: Vectors, encoder: Encoder, count: int | None
) -> list[Group]:
    """The windows of each speaker, in the order in which they first speak.

    Windows are put together as long as they are alike on average; what is too little
    for a speaker is left out, and goes to whom it is nearest later.

    Parameters
    ----------
    places : sequence of Place
    vectors : ndarray, float32, shape (windows, size)
    encoder : Encoder
    count : int or None
        How many there are; None finds out.
    """
    long = [place.length_s >= _SURE_S for place in places]
    if not any(long):
        long = [True] * len(places)
    sure = np.flatnonzero(long)
    stretches = np.array([place.stretch for place in places])
    heard = _steadied(stretches[sure], vectors[sure])
    if count is None:
        found = _joined(heard, _grouped(heard, encoder.alike), _closeness, encoder.one)
        least = min(max(_LEAST, _LEAST_SHARE * len(heard)), _LEAST_ENOUGH)
        largest = max(found, key=len)
        found = [each for each in found if len(each) >= least or each is largest]
    else:
        alike = encoder.alike
        groups = _grouped(heard, alike)
        while len(groups) < min(count, len(heard)) and alike < 1:
            alike = (1 + alike) / 2
            groups = _grouped(heard, alike)
        found = _joined(heard, groups, _ward, -math.inf, fewest=count)
    return sorted((sure[np.sort(each)] for each in found), key=lambda each: each[0])


def turns(
    places: Sequence[Place], vectors: Vectors, centres: Vectors, hop_s: float
) -> Iterator[Turn]:
    """Who speaks when, given the centre of each speaker.

    Speech is cut into cells of half a step. A cell is as near to a speaker as the
    windows over it are, those around their middle counting most, and a change of
    speaker within a stretch has to be worth it (Viterbi).
    """
    index = range(len(places))
    for _, group in groupby(index, key=lambda each: places[each].stretch):
        inside = list(group)
        first, last = places[inside[0]].start_s, places[inside[-1]].stop_s
        cells = max(1, round(2 * (last - first) / hop_s))
        edges = np.linspace(first, last, cells + 1)
        near = _near(edges, [places[each] for each in inside], hop_s)
        cosines = near @ (vectors[inside] @ centres.T)
        path = _steady(cosines)
        at = 0
        for speaker, cell in groupby(path):
            until = at + len(list(cell))
            score = float(cosines[at:until, speaker].mean())
            yield Turn(float(edges[at]), float(edges[until]), speaker, score)
            at = until


def bridged(found: Iterable[Turn], longest_s: float) -> Iterator[Turn]:
    """The turns, those of one speaker put together over short pauses."""
    before: Turn | None = None
    for turn in found:
        if (
            before is not None
            and before.speaker == turn.speaker
            and turn.start_s - before.stop_s <= longest_s
        ):
            lengths = [each.stop_s - each.start_s for each in (before, turn)]
            score = float(np.average([before.score, turn.score], weights=lengths))
            before = replace(before, stop_s=turn.stop_s, score=score)
            continue
        if before is not None:
            yield before
        before = turn
    if before is not None:
        yield before


def centre(vectors: Vectors) -> Vectors:
    """The unit vector in the middle of some, shape (size,)."""
    given: Vectors = _unit(vectors.mean(axis=0)[None])[0]
    return given


def _steadied(of: NDArray[np.int_], vectors: Vectors) -> Vectors:
    """The mean of each vector with its neighbours in the same stretch, as unit vectors.

    A voice is more like itself then, and two voices hardly more like each other. `of`
    tells which stretch each is in.
    """
    total = np.zeros_like(vectors)
    for offset in range(-_AROUND, _AROUND + 1):
        inside = slice(max(0, -offset), len(of) - max(0, offset))
        beside = slice(max(0, offset), len(of) - max(0, -offset))
        together = of[inside] == of[beside]
        total[inside][together] += vectors[beside][together]
    return _unit(total)


def _grouped(vectors: Vectors, alike: float) -> list[Group]:
    """Groups by average linkage: within them the mean cosine is at least `alike`."""
    groups = []
    for start in range(0, len(vectors), _AT_ONCE):
        block = vectors[start : start + _AT_ONCE].astype(np.float64)
        if len(block) == 1:
            groups.append(np.array([start]))
            continue
        tree = linkage(block, "average", "cosine")
        names = fcluster(tree, 1 - alike, "distance")
        groups += [start + np.flatnonzero(names == name) for name in np.unique(names)]
    return groups


Gain = Callable[[Vectors, NDArray[np.int64]], NDArray[np.floating]]
"""Takes the means and the sizes of groups; says how well each two go together."""


def _joined(
    vectors: Vectors, groups: list[Group], gain: Gain, least: float, *, fewest: int = 1
) -> list[Group]:
    """Put the two groups together that go together best, as long as they do."""
    joined = list(groups)
    means = np.stack([vectors[each].mean(axis=0) for each in joined])
    while len(joined) > fewest:
        sizes = np.array([len(each) for each in joined])
        gains = gain(means, sizes)
        np.fill_diagonal(gains, -np.inf)
        one, other = sorted(np.unravel_index(gains.argmax(), gains.shape))
        if gains[one, other] < least:
            break
        joined[one] = np.concatenate([joined[one], joined[other]])
        means[one] = vectors[joined[one]].mean(axis=0)
        del joined[other]
        means = np.delete(means, other, axis=0)
    return joined


def _closeness(means: Vectors, sizes: NDArray[np.int64]) -> NDArray[np.floating]:
    """The cosines of the means: many windows of one voice have one that is clear."""
    unit = _unit(means)
    return unit @ unit.T


def _ward(means: Vectors, sizes: NDArray[np.int64]) -> NDArray[np.floating]:
    """How little is lost by taking two groups for one (Ward 1963): small ones are
    given up before large ones that are alike."""
    weights = np.outer(sizes, sizes) / np.add.outer(sizes, sizes)
    return weights * (_closeness(means, sizes) - 1)


def _near(
    edges: NDArray[np.float64], windows: Sequence[Place], hop_s: float
) -> NDArray[np.float64]:
    """How much each window says of each cell, shape (cells, windows), rows sum to 1."""
    cells = (edges[:-1] + edges[1:]) / 2
    middles = np.array([(each.start_s + each.stop_s) / 2 for each in windows])
    apart = np.abs(cells[:, None] - middles[None])
    # The edges of a stretch may be farther than a step from any middle.
    near = np.maximum(1 - apart / hop_s, 1e-6 / (1 + apart))
    given: NDArray[np.float64] = near / near.sum(axis=1, keepdims=True)
    return given


def _steady(cosines: NDArray[np.float64]) -> list[int]:
    """The speaker of each cell, so that the cosines less what changes cost are most."""
    most = cosines[0].copy()
    came_from = np.zeros(cosines.shape, int)
    same = np.arange(cosines.shape[1])
    for cell in range(1, len(cosines)):
        best = int(most.argmax())
        changed = most[best] - _CHANGE
        came_from[cell] = np.where(most >= changed, same, best)
        most = np.maximum(most, changed) + cosines[cell]
    path = [int(most.argmax())]
    for cell in range(len(cosines) - 1, 0, -1):
        path.append(int(came_from[cell, path[-1]]))
    return path[::-1]


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    given: Vectors = vectors / np.maximum(lengths, 1e-9)
    return given
