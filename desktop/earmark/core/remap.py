"""Where a range of a clip is after the clip was edited."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from earmark.core.clips import Span, Spans, count_frames, positions


class Remap:
    """Where ranges of a clip as it was are in the clip as it is now.

    Both clips are cut into the longest runs that each of them holds whole or not at
    all. Runs that kept their order are matched first, so that most frames are; a run
    that is left over on both sides was moved; a stretch that gave way to new sound or
    silence of the same length was replaced in place (silenced, or rendered by an
    effect) and keeps its positions.

    Parameters
    ----------
    old, new : Spans
    """

    def __init__(self, old: Spans, new: Spans) -> None:
        self._old_frames = count_frames(old)
        if [_place(span) for span in old] == [_place(span) for span in new]:
            self._kept = _Matches([_Match(0, 0, self._old_frames, False)])
            self._moved = _Matches([])
        else:
            kept, moved = _match(_runs(old, new), _runs(new, old))
            self._kept, self._moved = _Matches(kept), _Matches(moved)

    def __call__(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Where `[start, stop)` is now.

        What kept its order gives one range, with whatever was inserted inside it, just
        as a label that is there during the edit grows with it. What was moved
        elsewhere gives a range each. An empty list says that all of it is gone. An
        empty range follows the frame after it, or the one before it at the end.
        """
        if not 0 <= start <= stop <= self._old_frames:
            raise ValueError(
                f"[{start}, {stop}) is not inside the {self._old_frames} frames"
            )
        if start == stop:
            return self._point(start)
        kept = self._kept.parts(start, stop)
        moved = self._moved.parts(start, stop)
        ranges = []
        if kept:
            ranges.append((min(a for a, _ in kept), max(b for _, b in kept)))
        return ranges + _touching_joined(moved)

    def _point(self, at: int) -> list[tuple[int, int]]:
        if not self._old_frames:
            return [(0, 0)]
        if at < self._old_frames:
            return [(a, a) for a, _ in self(at, at + 1)]
        return [(b, b) for _, b in self(at - 1, at)]


def _place(span: Span) -> tuple[str | None, int, int, bool]:
    """What a span plays, without how loud."""
    return span.source, span.offset, span.frames, span.reverse


@dataclass(frozen=True, slots=True)
class _Run:
    """A piece of a clip that the other clip holds whole or not at all."""

    begin: int
    source: str | None
    offset: int
    frames: int
    reverse: bool

    @property
    def key(self) -> tuple[str | None, int, int]:
        return self.source, self.offset, self.frames


@dataclass(frozen=True, slots=True)
class _Match:
    """Frames `[old, old + frames)` that are now at `[new, new + frames)`."""

    old: int
    new: int
    frames: int
    mirrored: bool

    def part(self, start: int, stop: int) -> tuple[int, int]:
        """Where the part of `[start, stop)` that it holds is now; it holds some."""
        first = max(start - self.old, 0)
        last = min(stop - self.old, self.frames)
        if self.mirrored:
            first, last = self.frames - last, self.frames - first
        return self.new + first, self.new + last


class _Matches:
    """Matches that can be asked for a range; they do not overlap."""

    def __init__(self, matches: list[_Match]) -> None:
        self._matches = sorted(matches, key=lambda match: match.old)
        self._starts = [match.old for match in self._matches]
        self._stops = [match.old + match.frames for match in self._matches]

    def parts(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Where the parts of `[start, stop)` are now."""
        first = bisect_right(self._stops, start)
        last = bisect_left(self._starts, stop)
        return [match.part(start, stop) for match in self._matches[first:last]]


def _runs(spans: Spans, other: Spans) -> list[_Run]:
    """The spans, cut wherever a span of either clip begins or ends in its source."""
    edges: defaultdict[str | None, set[int]] = defaultdict(set)
    for span in spans + other:
        if span.source is not None:
            edges[span.source] |= {span.offset, span.offset + span.frames}
    ordered = {source: np.array(sorted(cuts)) for source, cuts in edges.items()}
    runs = []
    for begin, span in positions(spans):
        stop = span.offset + span.frames
        if span.source is None:
            runs.append(_Run(begin, None, 0, span.frames, False))
            continue
        cuts = ordered[span.source]
        inside = cuts[
            np.searchsorted(cuts, span.offset) : np.searchsorted(cuts, stop, "right")
        ]
        pieces = [
            _Run(
                begin + (stop - b if span.reverse else a - span.offset),
                span.source,
                a,
                b - a,
                span.reverse,
            )
            for a, b in pairwise(inside.tolist())
        ]
        runs += reversed(pieces) if span.reverse else pieces
    return runs


def _match(old: list[_Run], new: list[_Run]) -> tuple[list[_Match], list[_Match]]:
    """The runs that kept their order, and those that were moved."""
    pairs = _common(old, new)
    kept = [_matched(old[i], new[j]) for i, j in pairs]
    edges = [(-1, -1), *pairs, (len(old), len(new))]
    gaps = [
        (old[i + 1 : next_i], new[j + 1 : next_j])
        for (i, j), (next_i, next_j) in pairwise(edges)
    ]
    arrivals = defaultdict(list)
    for _, arrived in gaps:
        for run in arrived:
            if run.source is not None:
                arrivals[run.key].append(run)
    known = {run.key for run in old if run.source is not None}
    moved = []
    for gone, arrived in gaps:
        found = [
            _matched(run, arrivals[run.key].pop(0)) for run in gone if arrivals[run.key]
        ]
        moved += found
        frames = sum(run.frames for run in gone)
        replaced = not found and all(run.key not in known for run in arrived)
        if replaced and gone and frames == sum(run.frames for run in arrived):
            kept.append(_Match(gone[0].begin, arrived[0].begin, frames, False))
    return kept, moved


def _common(old: list[_Run], new: list[_Run]) -> list[tuple[int, int]]:
    """Pairs of indices of the same runs in both, in order, with the most frames.

    A longest common subsequence weighted by frames, after Hunt and Szymanski, "A fast
    algorithm for computing longest common subsequences", CACM 20 (1977).
    """
    shorter = min(len(old), len(new))
    keys = [run.key for run in old], [run.key for run in new]
    head = next((i for i in range(shorter) if keys[0][i] != keys[1][i]), shorter)
    tail = next(
        (i for i in range(shorter - head) if keys[0][~i] != keys[1][~i]),
        shorter - head,
    )
    places = defaultdict(list)
    for j in reversed(range(head, len(new) - tail)):
        places[keys[1][j]].append(j)
    # The best chains so far: each ends later in `new` and is heavier than the last.
    ends: list[int] = []
    chains: list[tuple[int, _Chain | None]] = []
    for i in range(head, len(old) - tail):
        for j in places[keys[0][i]]:
            at = bisect_left(ends, j)
            weight, chain = chains[at - 1] if at else (0, None)
            weight += old[i].frames
            stop = at
            while stop < len(ends) and chains[stop][0] <= weight:
                stop += 1
            if at == len(ends) or ends[at] > j or stop > at:
                ends[at:stop] = [j]
                chains[at:stop] = [(weight, _Chain(i, j, chain))]
    middle = []
    link = chains[-1][1] if chains else None
    while link is not None:
        middle.append((link.old, link.new))
        link = link.before
    return [
        *((i, i) for i in range(head)),
        *reversed(middle),
        *((len(old) - i, len(new) - i) for i in range(tail, 0, -1)),
    ]


@dataclass(frozen=True, slots=True)
class _Chain:
    """A common subsequence: its last pair, and what comes before."""

    old: int
    new: int
    before: _Chain | None


def _matched(old: _Run, new: _Run) -> _Match:
    return _Match(old.begin, new.begin, old.frames, old.reverse != new.reverse)


def _touching_joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, stop in sorted(ranges):
        if joined and joined[-1][1] >= start:
            joined[-1] = joined[-1][0], max(joined[-1][1], stop)
        else:
            joined.append((start, stop))
    return joined
