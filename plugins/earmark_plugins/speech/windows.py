"""Where in a recording there is speech, window by window, without holding it all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from earmark.api import Context, Limits, Unheard, Why, flaw_of
from earmark_plugins.speech.transcript import (
    RATE,
    Samples,
    Segment,
    Word,
)

BLOCK_S = 120.0
"""How much is read and searched for voices at a time. What is held back of a block is
searched again with the next one, so that short blocks would cost more."""

_EVERYTHING = Limits(clipped_percent=100.0)
"""Speech is written down however much of it is clipped."""

_PAD_S = 0.3
_PAUSE_S = 0.5
_QUIET_S = 0.2


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of the recording with speech in it; `start` counts samples at `RATE`."""

    start: int
    samples: Samples


@dataclass(frozen=True, slots=True)
class Window:
    """Stretches of speech, one behind the other, for a recognizer to hear at once.

    Without any it says that up to `stop_s` there was no speech.
    """

    stretches: tuple[Stretch, ...]
    stop_s: float

    @property
    def samples(self) -> Samples:
        """What is to be heard, shape (frames,) at `RATE`."""
        parts = [stretch.samples for stretch in self.stretches]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    @property
    def speech_s(self) -> float:
        """Length of the speech in it."""
        return sum(len(stretch.samples) for stretch in self.stretches) / RATE

    def place(self, segment: Segment) -> Segment:
        """Move a segment from the window's seconds to those of the recording."""
        words = tuple(
            Word(*self._range(word.start_s, word.stop_s), word.text, word.score)
            for word in segment.words
        )
        start_s, stop_s = self._range(segment.start_s, segment.stop_s)
        return Segment(start_s, stop_s, segment.text, segment.score, words)

    def _range(self, start_s: float, stop_s: float) -> tuple[float, float]:
        start = self._at(start_s, is_end=False)
        return start, max(start, self._at(stop_s, is_end=True))

    def _at(self, seconds: float, *, is_end: bool) -> float:
        """Where a moment of the window is; an end at a joint belongs before it."""
        at = seconds * RATE
        before = 0
        for stretch in self.stretches:
            after = before + len(stretch.samples)
            if at < after or (is_end and at <= after):
                return (stretch.start + max(0.0, at - before)) / RATE
            before = after
        return self.stop_s


def noted(ctx: Context, blocks: Iterable[Samples]) -> Iterator[Samples]:
    """The same blocks at `RATE`, gapless; where they are flawed is said at the end."""
    unheard = Unheard(ctx)
    start = 0
    for block in blocks:
        for first in range(start, start + len(block), RATE):
            start_s = first / RATE
            stop_s = min(first + RATE, start + len(block)) / RATE
            flaw = flaw_of(ctx, start_s, stop_s, _EVERYTHING)
            if flaw != Why.UNREADABLE:
                unheard.notice(flaw, start_s, stop_s)
        start += len(block)
        yield block
    unheard.say()


def speech_windows(
    blocks: Iterable[Samples],
    *,
    window_s: float,
    fill: bool,
    vad: bool,
    threshold: float,
    pause_s: float = _PAUSE_S,
    pad_s: float = _PAD_S,
) -> Iterator[Window]:
    """Give the speech of a recording in windows, as it is read.

    Parameters
    ----------
    blocks : iterable of ndarray, float32, shape (frames,)
        The recording at `RATE`, gapless.
    window_s : float
        The longest a window may be.
    fill : bool
        Put several stretches of speech into a window as long as they fit.
    vad : bool
        Look for voices; otherwise all of the recording is taken, cut where it is quiet.
    threshold : float
        How sure the voice detector must be, 0 to 1.
    pause_s, pad_s : float
        A shorter pause ends no stretch; how much around a voice is taken along.
    """
    longest = int(window_s * RATE)
    look = _Look(longest, threshold, round(1000 * pause_s), round(1000 * pad_s))
    held: list[Stretch] = []
    for searched, stretches in _stretches(blocks, look, vad):
        for stretch in stretches:
            length = sum(len(other.samples) for other in held)
            if held and (not fill or length + len(stretch.samples) > longest):
                yield _window(held)
                held = []
            held.append(stretch)
        if not held:
            yield Window((), searched / RATE)
    if held:
        yield _window(held)


def _window(stretches: list[Stretch]) -> Window:
    last = stretches[-1]
    return Window(tuple(stretches), (last.start + len(last.samples)) / RATE)


@dataclass(frozen=True, slots=True)
class _Look:
    """How voices are looked for; `longest` counts samples."""

    longest: int
    threshold: float
    pause_ms: int
    pad_ms: int


def _stretches(
    blocks: Iterable[Samples], look: _Look, vad: bool
) -> Iterator[tuple[int, list[Stretch]]]:
    """Give, block by block, how far was searched and the speech found.

    What may go on in the next block is held back until it is read.
    """
    held = np.zeros(0, np.float32)
    going_on: list[tuple[int, int]] = []
    start = keep = 0
    for block in blocks:
        start += keep
        held = np.concatenate([held[keep:], block])
        ranges = _voices(held, look) if vad else _cuts(held, look.longest)
        settled = len(held) - (look.pause_ms + 2 * look.pad_ms) * RATE // 1000
        done = [(first, after) for first, after in ranges if after <= settled]
        going_on = ranges[len(done) :]
        keep = going_on[0][0] if going_on else max(settled, 0)
        if done:
            keep = max(keep, done[-1][1])
        yield start + keep, [_stretch(held, start, *found) for found in done]
    yield start + len(held), [_stretch(held, start, *found) for found in going_on]


def _stretch(held: Samples, start: int, first: int, after: int) -> Stretch:
    return Stretch(start + first, held[first:after].copy())


def _voices(samples: Samples, look: _Look) -> list[tuple[int, int]]:
    """Where Silero VAD finds voices, with a little around them."""
    if not len(samples):
        return []
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        threshold=look.threshold,
        min_silence_duration_ms=look.pause_ms,
        speech_pad_ms=look.pad_ms,
        max_speech_duration_s=look.longest / RATE,
    )
    found: list[dict[str, Any]] = get_speech_timestamps(samples, options)
    return [(int(each["start"]), int(each["end"])) for each in found]


def _cuts(samples: Samples, longest: int) -> list[tuple[int, int]]:
    """Cut samples into ranges no longer than `longest`, at the quietest places."""
    ranges = []
    start = 0
    while len(samples) - start > longest:
        width = int(_QUIET_S * RATE)
        first = start + longest // 2
        parts = samples[first : start + longest]
        parts = parts[: len(parts) // width * width].reshape(-1, width)
        quietest = int(np.argmin(np.square(parts).mean(axis=1)))
        cut = first + quietest * width + width // 2
        ranges.append((start, cut))
        start = cut
    if start < len(samples):
        ranges.append((start, len(samples)))
    return ranges
