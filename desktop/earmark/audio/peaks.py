"""Peaks: the least, the greatest and the RMS sample of every run of frames.

They are kept for runs of 256 * 4^k frames, so that a picture of any length is made from
at most a few thousand of them. They are built once per source, channel by channel, and
kept in the cache under the id of the source.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from earmark.audio.priority import go_behind
from earmark.audio.render import read
from earmark.audio.sources import SourceReader, Sources
from earmark.core.clips import Source, Span, Spans
from earmark.core.errors import EarmarkError
from earmark.core.listeners import Listeners

LEVELS = tuple(256 * 4**k for k in range(7))
"""Frames in a run, per level."""

_STEP = LEVELS[-1]
_CHUNK = 1 << 17
"""Samples worked on at once: they stay in the processor's cache."""

_MOST = 65504.0
"""The greatest float16."""

_PATIENCE_S = 0.1
"""How long decoding is waited for before looking whether to go on."""

_VERSION = 1
_DIGEST_BYTES = 8


class Peaks:
    """The peaks of one source, which may still be being built.

    Attributes
    ----------
    reader : SourceReader
        Read itself where there are fewer than 256 frames to a pixel.
    channels, frames : int
        Of the source.
    ready : int
        Frames from the beginning that are covered; beyond it all is 0.
    error : EarmarkError or None
        Why it could not be built.
    """

    def __init__(self, reader: SourceReader, cached: Path) -> None:
        self.reader = reader
        self.channels = reader.channels
        self.frames = reader.frames
        self.ready = 0
        self.error: EarmarkError | None = None
        self._cached = cached
        self._closed = threading.Event()
        self._finished = threading.Event()
        self._listeners: Listeners[[]] = Listeners()
        # One more than there are, so that an index may be the end of a level.
        lengths = [-(-self.frames // size) + 1 for size in LEVELS]
        self._offsets = [0, *accumulate(lengths)]
        self._table: NDArray[Any] | None = None
        self._scale = np.float32(1.0)
        table = _load(cached, (self.channels, 3, self._offsets[-1]))
        if table is not None:
            self._use(table)
            self.ready = self.frames
            self._finished.set()

    @property
    def levels(self) -> tuple[int, ...]:
        """Frames in a run, per level."""
        return LEVELS

    @property
    def done(self) -> bool:
        """Whether nothing more will come."""
        return self._finished.is_set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it is done; False if the time ran out."""
        return self._finished.wait(timeout_s)

    def on_progress(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call back whenever more is ready, on the building thread.

        Returns
        -------
        callable
            Ends it.
        """
        return self._listeners.add(listener)

    def summary(
        self, channel: int, start: int, frames_per_px: float, columns: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """What each column of a picture shows of a channel.

        Parameters
        ----------
        channel : int
        start : int
            Frame of the source at the left edge.
        frames_per_px : float
        columns : int

        Returns
        -------
        tuple of ndarray, float32, shape (columns,)
            The least, the greatest and the RMS sample; 0 outside the source.
        """
        edges = _edges(start, frames_per_px, columns)
        out = np.zeros((3, columns), np.float32)
        first = np.clip(edges[:-1], 0, self.frames)
        last = np.clip(np.maximum(edges[1:], edges[:-1] + 1), 0, self.frames)
        inside = first < last
        if inside.any():
            out[:, inside] = self.reduced(
                channel, first[inside], last[inside], frames_per_px
            )
        return out[0], out[1], out[2]

    def reduced(
        self,
        channel: int,
        first: NDArray[np.int64],
        last: NDArray[np.int64],
        frames_per_px: float,
    ) -> NDArray[np.float32]:
        """The least, the greatest and the RMS sample of many ranges.

        Parameters
        ----------
        channel : int
        first, last : ndarray, int64, shape (n,)
            Ranges `[first, last)` in frames, not empty and inside the source.
        frames_per_px : float
            How fine it has to be. Runs of at most so many frames are used, the finest
            for a range shorter than these; a range takes in every run it touches.

        Returns
        -------
        ndarray, float32, shape (3, n)
        """
        level = level_for(frames_per_px)
        if level is None:
            begin, end = int(first.min()), int(last.max())
            samples = self.reader.read(begin, end - begin + 1, channel)[:, 0]
            return reduce_ranges(samples, samples, samples, first - begin, last - begin)
        reduced = np.zeros((3, len(first)), np.float32)
        short = last - first < LEVELS[level]
        for at, these in ((level, ~short), (0, short)):
            if these.any():
                reduced[:, these] = self._from(at, channel, first[these], last[these])
        return reduced

    def _from(
        self,
        level: int,
        channel: int,
        first: NDArray[np.int64],
        last: NDArray[np.int64],
    ) -> NDArray[np.float32] | float:
        """As `reduced`, from the runs of one level."""
        if self._table is None:
            return 0.0
        runs = first // LEVELS[level]
        ends = (last - 1) // LEVELS[level] + 1
        begin, end = int(runs.min()), int(ends.max())
        base = self._offsets[level]
        lows, highs, rms = self._table[channel, :, base + begin : base + end + 1]
        return self._scale * reduce_ranges(lows, highs, rms, runs - begin, ends - begin)

    def build(self) -> None:
        """Fill it in; called once, on a worker thread."""
        try:
            for start in range(0, self.frames, _STEP):
                stop = min(start + _STEP, self.frames)
                while not self.reader.wait(stop, _PATIENCE_S):
                    if self._closed.is_set():
                        return
                if self._closed.is_set():
                    return
                stop = min(stop, self.reader.ready)
                if stop > start:
                    self._build_step(start, stop)
                self.ready = min(start + _STEP, self.frames)
                self._listeners.tell()
            self.error = self.reader.error
            if self._table is not None and self.error is None:
                self._save(self._table)
        except EarmarkError as error:
            self.error = error
        except OSError as error:
            # They are whole, but will have to be built again next time.
            self.error = EarmarkError(
                f"The peaks could not be kept in “{self._cached.parent}”: {error}.",
                "Is there room on the disk?",
            )
        finally:
            self._finished.set()
            self._listeners.tell()

    def close(self) -> None:
        """Stop building."""
        self._closed.set()

    def _use(self, table: NDArray[Any]) -> None:
        self._scale = np.float32(2.0**-15 if table.dtype == np.int16 else 1.0)
        self._table = table

    def _build_step(self, start: int, stop: int) -> None:
        lows, highs, energies = self._finest(start, stop)
        counts = np.full(lows.shape[1], float(LEVELS[0]))
        counts[-1] = (stop - start - 1) % LEVELS[0] + 1
        if self._table is None:
            dtype = np.int16 if lows.dtype == np.int16 else np.float16
            shape = (self.channels, 3, self._offsets[-1])
            self._use(np.zeros(shape, dtype))
        table = self._table
        assert table is not None
        for level, size in enumerate(LEVELS):
            at = self._offsets[level] + start // size
            part = table[:, :, at : at + lows.shape[1]]
            rms = np.sqrt(energies / counts)
            if table.dtype == np.int16:
                rms = np.minimum(np.rint(rms), np.iinfo(np.int16).max)
            part[:, 0], part[:, 1], part[:, 2] = lows, highs, rms
            lows = _by_four(lows, np.minimum)
            highs = _by_four(highs, np.maximum)
            energies = _by_four(energies, np.add)
            counts = _by_four(counts[None], np.add)[0]

    def _finest(
        self, start: int, stop: int
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64]]:
        """Least, greatest and energy per run and channel, shape (channels, runs)."""
        size = LEVELS[0]
        chunk = max(_CHUNK // self.channels // size, 1) * size
        parts: list[tuple[NDArray[Any], ...]] = []
        for at in range(start, stop, chunk):
            raw, encoding = self.reader.stored(at, min(chunk, stop - at))
            whole = encoding.name == "PCM_16"
            samples = raw if whole else np.clip(encoding.floats(raw), -_MOST, _MOST)
            byte_order = samples.dtype.newbyteorder("=")
            lined = np.ascontiguousarray(samples.T, byte_order)
            full = lined.shape[1] // size * size
            if full:
                parts.append(_summed(lined[:, :full].reshape(self.channels, -1, size)))
            if full < lined.shape[1]:
                parts.append(_summed(lined[:, None, full:]))
        lows, highs, energies = (
            np.concatenate(kind, axis=1) for kind in zip(*parts, strict=True)
        )
        return lows, highs, energies.astype(np.float64)

    def _save(self, table: NDArray[Any]) -> None:
        self._cached.parent.mkdir(parents=True, exist_ok=True)
        part = self._cached.with_name(f"{self._cached.name}.{uuid.uuid4().hex}.part")
        try:
            with part.open("wb") as file:
                np.lib.format.write_array(file, table, allow_pickle=False)
                file.write(_digest(table))
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._cached)
        finally:
            part.unlink(missing_ok=True)
        mapped = _load(self._cached, table.shape)
        if mapped is not None:
            self._table = mapped


def level_for(frames_per_px: float) -> int | None:
    """The coarsest level whose runs are not longer; None if even the finest are."""
    fitting = [level for level, size in enumerate(LEVELS) if size <= frames_per_px]
    return fitting[-1] if fitting else None


def reduce_ranges(
    lows: NDArray[Any],
    highs: NDArray[Any],
    rms: NDArray[Any],
    first: NDArray[np.int64],
    last: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Least, greatest and RMS over ranges of runs; `last` must be a valid index."""
    if len(first) > 1 and (first[1:] < first[:-1]).any():
        # What lies between two ranges is reduced, too, and must stay short.
        order = np.argsort(first, kind="stable")
        ordered = reduce_ranges(lows, highs, rms, first[order], last[order])
        reduced = np.empty_like(ordered)
        reduced[:, order] = ordered
        return reduced
    at = np.empty(2 * len(first), np.int64)
    at[0::2] = first
    at[1::2] = last
    squares = np.square(rms, dtype=np.float32)
    energies = np.add.reduceat(squares, at)[0::2] / (last - first)
    return np.array(
        [
            np.minimum.reduceat(lows, at)[0::2],
            np.maximum.reduceat(highs, at)[0::2],
            np.sqrt(energies),
        ],
        np.float32,
    )


def clip_peaks(
    spans: Spans,
    rate: int,
    channels: int,
    peaks_of: Callable[[str], Peaks],
    start: int,
    frames_per_px: float,
    columns: int,
) -> NDArray[np.float32]:
    """What each column of a picture of a clip shows.

    Parameters
    ----------
    spans : Spans
    rate, channels : int
        Of the clip.
    peaks_of : callable
        Gives the peaks of a source by its id.
    start : int
        Frame of the clip at the left edge.
    frames_per_px : float
    columns : int

    Returns
    -------
    ndarray, float32, shape (channels, 3, columns)
        The least, the greatest and the RMS sample; 0 outside the clip.
    """
    edges = _edges(start, frames_per_px, columns)
    if frames_per_px < LEVELS[0]:
        begin, end = int(edges[0]), int(edges[-1]) + 1
        samples = read(
            spans,
            rate,
            channels,
            lambda source: peaks_of(source).reader,
            begin,
            end - begin + 1,
        )
        first = edges[:-1] - begin
        last = np.maximum(edges[1:] - begin, first + 1)
        lined = np.ascontiguousarray(samples.T)
        return np.array([reduce_ranges(one, one, one, first, last) for one in lined])
    return _through_spans(spans, channels, peaks_of, edges, frames_per_px)


def _through_spans(
    spans: Spans,
    channels: int,
    peaks_of: Callable[[str], Peaks],
    edges: NDArray[np.int64],
    frames_per_px: float,
) -> NDArray[np.float32]:
    """As `clip_peaks`, from the levels of the sources.

    The columns are cut at the borders of the spans, so that each piece lies in one span
    and in one column; the pieces of a column are put together again at the end.
    """
    columns = len(edges) - 1
    out = np.zeros((channels, 3, columns), np.float32)
    borders = np.array([0, *accumulate(span.frames for span in spans)], np.int64)
    low, high = max(int(edges[0]), 0), min(int(edges[-1]), int(borders[-1]))
    if low >= high:
        return out
    # `np.unique` would load all of `numpy.ma`, which stops the window for 25 ms.
    cuts = np.sort(np.concatenate([edges, borders, [low, high]]))
    cuts = cuts[(cuts >= low) & (cuts <= high) & (np.diff(cuts, prepend=-1) > 0)]
    starts, stops = cuts[:-1], cuts[1:]
    owner = np.searchsorted(borders, starts, "right") - 1
    column = np.searchsorted(edges, starts, "right") - 1
    pieces = np.zeros((channels, 3, len(starts)), np.float32)
    by_source: dict[str, list[int]] = {}
    for index in range(int(owner[0]), int(owner[-1]) + 1):
        source = spans[index].source
        if source is not None:
            by_source.setdefault(source, []).append(index)
    for source, indices in by_source.items():
        mine = np.flatnonzero(np.isin(owner, indices))
        first, last, gains = _in_source(
            spans, borders, owner[mine], starts[mine], stops[mine]
        )
        peaks = peaks_of(source)
        there = np.minimum(last, peaks.frames) > first
        mine, first = mine[there], first[there]
        last, gains = np.minimum(last[there], peaks.frames), gains[there]
        if not len(mine):
            continue
        for channel in range(channels):
            pieces[channel][:, mine] = gains * peaks.reduced(
                channel % peaks.channels, first, last, frames_per_px
            )
    heads = np.flatnonzero(np.diff(column, prepend=-1))
    shown = column[heads]
    frames = (stops - starts).astype(np.float32)
    energy = np.add.reduceat(np.square(pieces[:, 2]) * frames, heads, axis=1)
    out[:, 0, shown] = np.minimum.reduceat(pieces[:, 0], heads, axis=1)
    out[:, 1, shown] = np.maximum.reduceat(pieces[:, 1], heads, axis=1)
    out[:, 2, shown] = np.sqrt(energy / np.add.reduceat(frames, heads))
    return out


def _in_source(
    spans: Spans,
    borders: NDArray[np.int64],
    owner: NDArray[np.int64],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """The ranges of the source that pieces of a clip play, and how loud."""
    first = np.empty(len(owner), np.int64)
    last = np.empty(len(owner), np.int64)
    gains = np.empty(len(owner), np.float32)
    heads = np.flatnonzero(np.diff(owner, prepend=-1))
    for a, b in zip(heads, [*heads[1:], len(owner)], strict=True):
        span = spans[owner[a]]
        begins = starts[a:b] - borders[owner[a]]
        ends = stops[a:b] - borders[owner[a]]
        if span.reverse:
            first[a:b] = span.offset + span.frames - ends
            last[a:b] = span.offset + span.frames - begins
        else:
            first[a:b] = span.offset + begins
            last[a:b] = span.offset + ends
        gains[a:b] = _gains_at(span, (begins + ends) / 2)
    return first, last, gains


def _gains_at(span: Span, middle: NDArray[np.float64]) -> NDArray[np.float64]:
    """The gain of a span, as `Span.gains` has it, in the middle of pieces of it."""
    gains = np.full(len(middle), 10.0 ** (span.gain_db / 20.0))
    for fade in span.fades:
        x = (fade.offset + middle) / fade.length
        gains *= x if fade.rising else 1.0 - x
    return gains


def _edges(start: int, frames_per_px: float, columns: int) -> NDArray[np.int64]:
    edges = np.floor(start + np.arange(columns + 1) * float(frames_per_px))
    return np.asarray(edges, np.int64)


def _summed(
    runs: NDArray[Any],
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float32]]:
    """Least, greatest and energy along the last axis."""
    samples = runs.astype(np.float32)
    energies = np.einsum("crf,crf->cr", samples, samples)
    return runs.min(axis=-1), runs.max(axis=-1), energies


def _by_four(values: NDArray[Any], reduce: np.ufunc) -> NDArray[Any]:
    """Four neighbours along the last axis made one."""
    at = np.arange(0, values.shape[1], 4)
    reduced: NDArray[Any] = reduce.reduceat(values, at, axis=1)
    return reduced


def _digest(table: NDArray[Any]) -> bytes:
    return xxhash.xxh3_64(np.ascontiguousarray(table).data).digest()


def _load(path: Path, shape: tuple[int, ...]) -> NDArray[Any] | None:
    """A table from the cache, mapped; None if there is none, or it is damaged."""
    try:
        with path.open("rb") as file:
            file.seek(-_DIGEST_BYTES, os.SEEK_END)
            digest = file.read()
        table: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if table.shape != shape or table.dtype not in (np.int16, np.float16):
        return None
    if _digest(table) != digest:
        return None
    with suppress(OSError):  # another Earmark may have removed it
        os.utime(path)  # it was used; see trim_cache
    return table


class PeaksStore:
    """The peaks of a project's sources, built by two threads; Qt-free.

    Parameters
    ----------
    sources : Sources
    limit : int
        How many are kept in memory; the others are mapped again from the cache.
    """

    def __init__(self, sources: Sources, *, limit: int = 64) -> None:
        self._sources = sources
        self._limit = limit
        self._open: OrderedDict[str, Peaks] = OrderedDict()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(2, "peaks", go_behind)

    def peaks(self, source: Source) -> Peaks:
        """The peaks of a source, built in the background if they are not cached.

        Raises
        ------
        EarmarkError
            If the source cannot be opened.
        """
        with self._lock:
            peaks = self._open.get(source.id)
            if peaks is None:
                cached = self._sources.cache / "peaks" / f"{source.id}.{_VERSION}.npy"
                peaks = Peaks(self._sources.reader(source), cached)
                self._open[source.id] = peaks
                if not peaks.done:
                    self._pool.submit(peaks.build)
            self._open.move_to_end(source.id)
            finished = [key for key, one in self._open.items() if one.done]
            for key in finished[: max(len(self._open) - self._limit, 0)]:
                del self._open[key]
            return peaks

    def forget(self, source_id: str) -> None:
        """Make them anew when next asked for: the source's file was found elsewhere."""
        with self._lock:
            peaks = self._open.pop(source_id, None)
        if peaks is not None:
            peaks.close()

    def close(self) -> None:
        """Stop building."""
        with self._lock:
            for peaks in self._open.values():
                peaks.close()
            self._open.clear()
        self._pool.shutdown(cancel_futures=True)
