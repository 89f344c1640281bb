"""Clips: lists of spans over immutable sources, and the edits on them.

A clip is an edit decision list. Every function here takes a tuple of spans and gives
a new one; no samples are touched.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Origin = Literal["import", "recording", "generated"]
ReviewStatus = Literal["new", "in_progress", "done"]


@dataclass(frozen=True, slots=True)
class Source:
    """An immutable audio file.

    Attributes
    ----------
    id : str
        xxh3-128 of the file's bytes, 32 hex digits.
    path : Path
        Absolute; a source inside the project folder is stored relative to it.
    rate : int
        Frames per second.
    channels, frames : int
    origin : {"import", "recording", "generated"}
    job : int or None
        The job that generated it.
    size, modified_ns : int
        Of the file when its content was last looked at; 0 if that is not known.
    """

    id: str
    path: Path
    rate: int
    channels: int
    frames: int
    origin: Origin = "import"
    job: int | None = None
    size: int = 0
    modified_ns: int = 0


@dataclass(frozen=True, slots=True)
class Fade:
    """A linear ramp of which a span plays a part, or all.

    The gain of the span's `i`-th frame, counted as it is heard, is ::

        x = (offset + i + 0.5) / length
        gain = x if rising else 1 - x

    that is, the ramp taken at the middle of the frame. Because the ramp is kept apart
    from the span, and in whole frames, a span can be split, joined and reversed
    without any change to what is heard.

    Attributes
    ----------
    offset : int
        Where in the ramp the span begins, in frames.
    length : int
        Frames of the whole ramp; `offset` and the span's frames lie within it.
    rising : bool
        True fades in, False fades out.
    """

    offset: int
    length: int
    rising: bool


@dataclass(frozen=True, slots=True)
class Span:
    """A run of frames of one source, or of silence.

    The `i`-th frame heard is frame `offset + i` of the source, or, if reversed, frame
    `offset + frames - 1 - i`, times `gains(i, i + 1)`.

    Attributes
    ----------
    source : str or None
        The id of the source; None is silence.
    offset : int
        The first frame of the source, counted from its beginning even if reversed; 0
        for silence.
    frames : int
        At least 1.
    gain_db : float
    reverse : bool
        Play the run backwards.
    fades : tuple of Fade
        Ramps over the whole span, multiplied with each other. A fade over a part of a
        clip is made by splitting its spans at the ends of the fade.
    """

    source: str | None
    offset: int
    frames: int
    gain_db: float = 0.0
    reverse: bool = False
    fades: tuple[Fade, ...] = ()

    def gains(self, start: int, stop: int) -> NDArray[np.float32]:
        """The factor of each frame in `[start, stop)` of the span, as heard.

        Returns
        -------
        ndarray, float32, shape (stop - start,), or (1,) if all are equal
            To be multiplied with the samples after reversing.
        """
        gain = 10.0 ** (self.gain_db / 20.0)
        if not self.fades:
            return np.full(1, gain, np.float32)
        middle = np.arange(start, stop) + 0.5
        gains = np.full(stop - start, gain)
        for fade in self.fades:
            x = (fade.offset + middle) / fade.length
            gains *= x if fade.rising else 1.0 - x
        return gains.astype(np.float32)


Spans = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Clip:
    """What the editor shows: a name and spans at one rate.

    All spans' sources have the clip's rate. A source with fewer channels than the clip
    is repeated over the missing ones; positions are frames at `rate`.
    """

    id: int
    name: str
    rate: int
    channels: int
    spans: Spans
    tags: tuple[str, ...] = ()
    status: ReviewStatus = "new"

    @property
    def frames(self) -> int:
        """Length in frames."""
        return count_frames(self.spans)


@dataclass(frozen=True, slots=True)
class Voice:
    """A sample of somebody's voice, kept to recognise them by.

    It holds its own spans, so that it stays when its clip goes. Several samples with
    one name are of one person.
    """

    id: int
    name: str
    rate: int
    channels: int
    spans: Spans

    @property
    def frames(self) -> int:
        """Length in frames."""
        return count_frames(self.spans)


def count_frames(spans: Spans) -> int:
    """The length of spans in frames."""
    return sum(span.frames for span in spans)


def silent_spans(frames: int) -> Spans:
    """Silence of a length, which may be 0."""
    return (Span(None, 0, frames),) if frames else ()


def slice_spans(spans: Spans, start: int, stop: int) -> Spans:
    """What is heard in `[start, stop)`.

    Raises
    ------
    ValueError
        If the range is reversed or not inside the spans.
    """
    _check_range(spans, start, stop)
    parts = []
    for begin, span in _positions(spans):
        first, last = max(start - begin, 0), min(stop - begin, span.frames)
        if first < last:
            parts.append(_part(span, first, last))
    return tuple(parts)


def insert(spans: Spans, at: int, inserted: Spans) -> Spans:
    """`inserted` put in at a frame; what was there comes after it."""
    left, right = split(spans, at)
    return merge(left + inserted + right)


def delete(spans: Spans, start: int, stop: int) -> Spans:
    """All but `[start, stop)`; what comes after moves up."""
    _check_range(spans, start, stop)
    return merge(split(spans, start)[0] + split(spans, stop)[1])


def trim(spans: Spans, start: int, stop: int) -> Spans:
    """Only `[start, stop)`."""
    return merge(slice_spans(spans, start, stop))


def split(spans: Spans, at: int) -> tuple[Spans, Spans]:
    """What comes before a frame, and what comes from it on."""
    return slice_spans(spans, 0, at), slice_spans(spans, at, count_frames(spans))


def silence(spans: Spans, start: int, stop: int) -> Spans:
    """The same length, with silence in `[start, stop)`."""
    left, _, right = _around(spans, start, stop)
    return merge(left + silent_spans(stop - start) + right)


def gain(spans: Spans, start: int, stop: int, db: float) -> Spans:
    """The same, `db` decibels louder in `[start, stop)`.

    Raises
    ------
    ValueError
        If `db` is not finite.
    """
    if not math.isfinite(db):
        raise ValueError(f"a gain of {db} dB is not a number of decibels")
    left, middle, right = _around(spans, start, stop)
    louder = tuple(
        span if span.source is None else replace(span, gain_db=span.gain_db + db)
        for span in middle
    )
    return merge(left + louder + right)


def fade_in(spans: Spans, start: int, stop: int) -> Spans:
    """The same, rising linearly from silence over `[start, stop)`."""
    return _fade(spans, start, stop, rising=True)


def fade_out(spans: Spans, start: int, stop: int) -> Spans:
    """The same, falling linearly to silence over `[start, stop)`."""
    return _fade(spans, start, stop, rising=False)


def reverse(spans: Spans, start: int, stop: int) -> Spans:
    """The same, with `[start, stop)` played backwards."""
    left, middle, right = _around(spans, start, stop)
    return merge(left + tuple(_reversed(span) for span in reversed(middle)) + right)


def merge(spans: Spans) -> Spans:
    """The same sound in the fewest spans."""
    merged: list[Span] = []
    for span in spans:
        if merged and _continues(merged[-1], span):
            merged[-1] = _joined(merged[-1], span)
        else:
            merged.append(span)
    return tuple(merged)


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


def remap(old: Spans, new: Spans, start: int, stop: int) -> list[tuple[int, int]]:
    """Where the range `[start, stop)` of `old` is in `new`; see `Remap`."""
    return Remap(old, new)(start, stop)


def _check_range(spans: Spans, start: int, stop: int) -> None:
    frames = count_frames(spans)
    if not 0 <= start <= stop <= frames:
        raise ValueError(f"[{start}, {stop}) is not inside the clip's {frames} frames")


def _positions(spans: Spans) -> Iterator[tuple[int, Span]]:
    """Each span with the frame at which it begins."""
    begin = 0
    for span in spans:
        yield begin, span
        begin += span.frames


def _around(spans: Spans, start: int, stop: int) -> tuple[Spans, Spans, Spans]:
    """What is before, in and after `[start, stop)`."""
    frames = count_frames(spans)
    return (
        slice_spans(spans, 0, start),
        slice_spans(spans, start, stop),
        slice_spans(spans, stop, frames),
    )


def _part(span: Span, first: int, last: int) -> Span:
    """The frames `[first, last)` of a span, as heard."""
    if first == 0 and last == span.frames:
        return span
    if span.source is None:
        return Span(None, 0, last - first)
    skipped = span.frames - last if span.reverse else first
    return replace(
        span,
        offset=span.offset + skipped,
        frames=last - first,
        fades=_advanced(span.fades, first),
    )


def _advanced(fades: tuple[Fade, ...], frames: int) -> tuple[Fade, ...]:
    """The fades as a span sees them that begins so many frames later."""
    return tuple(replace(fade, offset=fade.offset + frames) for fade in fades)


def _reversed(span: Span) -> Span:
    if span.source is None:
        return span
    fades = tuple(
        Fade(fade.length - fade.offset - span.frames, fade.length, not fade.rising)
        for fade in span.fades
    )
    return replace(span, reverse=not span.reverse, fades=fades)


def _fade(spans: Spans, start: int, stop: int, *, rising: bool) -> Spans:
    left, middle, right = _around(spans, start, stop)
    faded = tuple(
        span
        if span.source is None
        else replace(span, fades=(*span.fades, Fade(begin, stop - start, rising)))
        for begin, span in _positions(middle)
    )
    return merge(left + faded + right)


def _continues(left: Span, right: Span) -> bool:
    """Whether two spans sound the same as one over both."""
    if left.source is None or right.source is None:
        return left.source == right.source
    follows = (
        right.offset + right.frames == left.offset
        if left.reverse
        else left.offset + left.frames == right.offset
    )
    return (
        follows
        and left.source == right.source
        and left.reverse == right.reverse
        and left.gain_db == right.gain_db
        and _advanced(left.fades, left.frames) == right.fades
    )


def _joined(left: Span, right: Span) -> Span:
    return replace(
        left,
        offset=min(left.offset, right.offset),
        frames=left.frames + right.frames,
    )


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
    for begin, span in _positions(spans):
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
