"""Clips: lists of spans over immutable sources, and the edits on them.

A clip is an edit decision list. Every function here takes a tuple of spans and gives
a new one; no samples are touched.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
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


def positions(spans: Spans) -> Iterator[tuple[int, Span]]:
    """Each span with the frame at which it begins."""
    begin = 0
    for span in spans:
        yield begin, span
        begin += span.frames


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
    for begin, span in positions(spans):
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


def _check_range(spans: Spans, start: int, stop: int) -> None:
    frames = count_frames(spans)
    if not 0 <= start <= stop <= frames:
        raise ValueError(f"[{start}, {stop}) is not inside the clip's {frames} frames")


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
        for begin, span in positions(middle)
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
