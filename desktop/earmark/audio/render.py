"""Rendering: the samples of a clip, made from its spans."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soxr
from numpy.typing import NDArray

from earmark.audio.flaws import Flaws
from earmark.audio.sources import Readers
from earmark.core.clips import Clip, Span, Spans
from earmark.core.errors import EarmarkError
from earmark.core.sources import Step, unwatched

if TYPE_CHECKING:
    from earmark.audio.files import AudioInfo
    from earmark.core.tasks import AudioInput

BLOCK = 1 << 16

Marks = NDArray[np.bool_] | None
Notice = Callable[[int, NDArray[np.float32], Marks], None]
"""Is told the first frame of what was read, the samples as the source holds them, shape
(frames, channels), and which of them are no numbers, if any."""


def read(
    spans: Spans,
    rate: int,
    channels: int,
    readers: Readers,
    start: int,
    frames: int,
    *,
    wait: bool = False,
    notice: Notice | None = None,
) -> NDArray[np.float32]:
    """Samples of a clip from anywhere, silence outside it.

    Parameters
    ----------
    spans : Spans
    rate, channels : int
        Of the clip.
    readers : callable
        Gives the reader of a source by its id.
    start, frames : int
        In frames of the clip.
    wait : bool
        Wait for what is still being decoded; otherwise it is silent.
    notice : callable, optional
        Is told of what the sources hold, before it is changed: see `Flaws.notice`.

    Returns
    -------
    ndarray, float32, shape (frames, channels)

    Raises
    ------
    EarmarkError
        If a source cannot be read, or has another rate.
    """
    samples = np.zeros((frames, channels), np.float32)
    begin = 0
    for span in spans:
        if begin >= start + frames:
            break
        first = max(start - begin, 0)
        last = min(start + frames - begin, span.frames)
        if first < last and span.source is not None:
            out = samples[begin + first - start : begin + last - start]
            told = None if notice is None else partial(notice, begin + first)
            out[:] = _heard(span, rate, channels, readers, first, last, wait, told)
        begin += span.frames
    return samples


def _heard(
    span: Span,
    rate: int,
    channels: int,
    readers: Readers,
    first: int,
    last: int,
    wait: bool,
    notice: Callable[[NDArray[np.float32], Marks], None] | None,
) -> NDArray[np.float32]:
    """The frames `[first, last)` of a span."""
    assert span.source is not None
    reader = readers(span.source)
    if reader.rate != rate:
        raise EarmarkError(
            f"A source of {reader.rate} Hz cannot be played in a clip of {rate} Hz.",
            "Make the clip again from its file.",
        )
    at = span.offset + (span.frames - last if span.reverse else first)
    if wait:
        reader.wait(at + last - first)
        if reader.error is not None:
            raise reader.error

    def placed(held: NDArray[Any]) -> NDArray[Any]:
        if span.reverse:
            held = held[::-1]
        if held.shape[1] != channels:
            held = held[:, np.arange(channels) % held.shape[1]]
        return held

    samples: NDArray[np.float32] = placed(reader.read(at, last - first))
    if notice is not None:
        unreadable = reader.unreadable(at, last - first)
        notice(samples, None if unreadable is None else placed(unreadable))
    if span.fades or span.gain_db:
        samples = samples * span.gains(first, last)[:, None]
    return samples


def blocks(
    spans: Spans,
    rate: int,
    channels: int,
    readers: Readers,
    start: int,
    stop: int,
    block_frames: int = BLOCK,
    *,
    notice: Notice | None = None,
) -> Iterator[NDArray[np.float32]]:
    """The samples in `[start, stop)`, one block after the other, all decoded.

    Yields
    ------
    ndarray, float32, shape (block_frames, channels)
        The last may be shorter.
    """
    for at in range(start, stop, block_frames):
        count = min(block_frames, stop - at)
        yield read(spans, rate, channels, readers, at, count, wait=True, notice=notice)


def input_blocks(
    audio: AudioInput,
    rate: int | None,
    mono: bool,
    readers: Readers,
    *,
    start: int | None = None,
    block_frames: int = BLOCK,
    flaws: Flaws | None = None,
) -> Iterator[NDArray[np.float32]]:
    """The audio of a job in blocks, at the rate its model wants.

    Parameters
    ----------
    audio : AudioInput
        Its `channel`, if any, is the only one that is read.
    rate : int or None
        None leaves it as it is.
    mono : bool
        Mix all channels.
    readers : callable
    start : int, optional
        A frame of the clip to begin at instead of the region's start.
    block_frames : int
        Frames read at once, before the rate is changed.
    flaws : Flaws, optional
        Is told of what the sources hold before a block is given that is made of it.

    Yields
    ------
    ndarray, float32, shape (n,) if mono, else (n, channels)
        Not empty; of any length once the rate is changed.
    """

    def notice(at: int, samples: NDArray[np.float32], unreadable: Marks) -> None:
        assert flaws is not None
        if audio.channel is not None:
            channel = slice(audio.channel, audio.channel + 1)
            samples = samples[:, channel]
            unreadable = None if unreadable is None else unreadable[:, channel]
        flaws.notice(at, samples, unreadable)

    mixed = (
        _mixed(block, audio.channel, mono)
        for block in blocks(
            audio.spans,
            audio.rate,
            audio.channels,
            readers,
            audio.start if start is None else start,
            audio.stop,
            block_frames,
            notice=None if flaws is None else notice,
        )
    )
    one = mono or audio.channel is not None
    for block in resampled(mixed, audio.rate, rate, 1 if one else audio.channels):
        yield block[:, 0] if mono else block


def read_input(
    audio: AudioInput,
    rate: int | None,
    mono: bool,
    readers: Readers,
    *,
    start: int | None = None,
) -> NDArray[np.float32]:
    """The whole audio of a job, at the rate its model wants; see `input_blocks`.

    Returns
    -------
    ndarray, float32, shape (n,) if mono, else (n, channels)
    """
    parts = list(input_blocks(audio, rate, mono, readers, start=start))
    if parts:
        return np.concatenate(parts)
    width = 1 if audio.channel is not None else audio.channels
    return np.zeros((0,) if mono else (0, width), np.float32)


def _mixed(
    block: NDArray[np.float32], channel: int | None, mono: bool
) -> NDArray[np.float32]:
    if channel is not None:
        return block[:, channel : channel + 1]
    if mono and block.shape[1] > 1:
        mix: NDArray[np.float32] = block.mean(axis=1, keepdims=True)
        return mix
    return block


def resampled(
    samples: Iterator[NDArray[np.float32]],
    rate: int,
    to_rate: int | None,
    channels: int,
) -> Iterator[NDArray[np.float32]]:
    """Blocks at another rate, as one continuous sound.

    Yields
    ------
    ndarray, float32, shape (n, channels)
        Not empty.
    """
    if to_rate is None or to_rate == rate:
        yield from samples
        return
    stream = soxr.ResampleStream(rate, to_rate, channels, dtype="float32")
    shape = (-1, channels)
    for block in samples:
        out = stream.resample_chunk(np.ascontiguousarray(block)).reshape(shape)
        if len(out):
            yield out
    nothing = np.zeros((0, channels), np.float32)
    rest = stream.resample_chunk(nothing, last=True).reshape(shape)
    if len(rest):
        yield rest


def _check_is_no_source(path: Path, clip: Clip, readers: Readers) -> None:
    """Refuse to overwrite what a clip is made of."""
    if not path.exists():
        return
    for source in {span.source for span in clip.spans if span.source is not None}:
        if path.samefile(readers(source).path):
            raise EarmarkError(
                f"“{path.name}” is a recording that “{clip.name}” is made of.",
                "Choose another name; recordings are never overwritten.",
            )


def export(
    clip: Clip,
    readers: Readers,
    path: Path,
    start: int = 0,
    stop: int | None = None,
    *,
    rate: int | None = None,
    mono: bool = False,
    subtype: str | None = None,
    step: Step = unwatched,
) -> AudioInfo:
    """Write a clip, or a part of it, as a sound file.

    Parameters
    ----------
    clip : Clip
    readers : callable
    path : Path
        Its ending says which format; see `write_audio`.
    start, stop : int, optional
        The range in frames of the clip; all of it by default.
    rate : int, optional
        The rate of the file; that of the clip by default.
    mono : bool
        Mix all channels.
    subtype : str, optional
    step : callable, optional
        Is told of each block of bytes that was rendered; may raise to end it.

    Returns
    -------
    AudioInfo
        Of the file, re-opened.

    Raises
    ------
    EarmarkError
        As `write_audio`, or if a source cannot be read, or is the file that would be
        overwritten. Nothing is left behind then.
    """
    from earmark.audio.files import write_audio

    _check_is_no_source(path, clip, readers)

    stop = clip.frames if stop is None else min(stop, clip.frames)
    start = max(start, 0)
    if start >= stop:
        raise EarmarkError(
            f"There is nothing to export from “{clip.name}”: the range is empty.",
            "Select a range first.",
        )
    to_rate = rate or clip.rate
    channels = 1 if mono else clip.channels
    read_blocks = blocks(clip.spans, clip.rate, clip.channels, readers, start, stop)

    def mixed() -> Iterator[NDArray[np.float32]]:
        for block in read_blocks:
            step(block.nbytes)
            yield _mixed(block, None, mono)

    return write_audio(
        path,
        resampled(mixed(), clip.rate, to_rate, channels),
        to_rate,
        channels,
        subtype=subtype,
        frames=round((stop - start) * to_rate / clip.rate),
    )
