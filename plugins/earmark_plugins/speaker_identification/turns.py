"""From the vectors of windows to who speaks when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from earmark_plugins.speaker_identification.encoders import Encoder, Vectors
from earmark_plugins.speaker_identification.stretches import Place

Group = NDArray[np.intp]
"""Indices of the windows that are taken for one speaker's."""

_AT_ONCE = 2000
"""Windows that are grouped at once, since memory grows with their square: 16 MB."""

_FEW = 5
"""Groups are one speaker's if putting them together loses no more than so many windows
do that are just too unlike to be grouped. Found with conversations of four of the seven
voices that the benchmarks measure, and held up with the other three."""

_SURE_S = 1.0
"""Shorter windows say too little to found a speaker on."""

_AROUND = 2
"""A window is grouped by the mean of this many on either side, in the same stretch."""

_CHANGE = 0.1
"""A change of speaker within speech has to gain so much cosine, summed up over the
cells of half a step that it explains better."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker says; the score is the mean cosine to the speaker's centre."""

    start_s: float
    stop_s: float
    speaker: int
    score: float


def speakers(
    places: Sequence[Place], vectors: Vectors, encoder: Encoder, count: int | None
) -> list[Group]:
    """The windows of each speaker, in the order in which they first speak.

    Windows are put together as long as they are alike on average, and groups of them
    as long as they are one speaker's, or there are more than `count`. Short windows are
    left out, and go to whom they are nearest later.

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
    alike = encoder.alike
    groups = _grouped(heard, alike)
    while len(groups) < min(count or 1, len(heard)) and alike < 1:
        alike = (1 + alike) / 2
        groups = _grouped(heard, alike)
    found = _joined(heard, groups, encoder, count)
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


def _joined(
    vectors: Vectors, groups: Sequence[Group], encoder: Encoder, count: int | None
) -> list[Group]:
    """Put groups together, two at a time, until there are `count` of them.

    Those go first by which the least is lost: they are small, or alike. Without a count
    that ends where more than a little would be lost and no two means, which are clear
    of what single windows differ in, are near enough to be one speaker's.
    """
    little = _FEW * (1 - encoder.alike)
    joined = list(groups)
    means = np.stack([vectors[each].mean(axis=0) for each in joined])
    while len(joined) > (count or 1):
        sizes = np.array([len(each) for each in joined])
        cosines = _unit(means) @ _unit(means).T
        # Half of what Ward (1963) minimizes, of the directions of the means.
        lost = np.outer(sizes, sizes) / np.add.outer(sizes, sizes) * (1 - cosines)
        np.fill_diagonal(lost, np.inf)
        pair = np.unravel_index(lost.argmin(), lost.shape)
        if count is None and lost[pair] > little:
            np.fill_diagonal(cosines, -np.inf)
            pair = np.unravel_index(cosines.argmax(), cosines.shape)
            if cosines[pair] < encoder.one:
                break
        kept, gone = sorted(pair)
        joined[kept] = np.concatenate([joined[kept], joined.pop(gone)])
        means[kept] = vectors[joined[kept]].mean(axis=0)
        means = np.delete(means, gone, axis=0)
    return joined


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
