"""Spectrograms: tiles of a clip's short-time spectrum, on demand.

A tile is an image of up to 256 columns of uint8 decibels on the linear frequency grid
of the FFT. Frequency scale, colours and range are applied to it afterwards, by a gather
of rows and a lookup table, and cost nothing to change.

Columns lie `hop` frames apart, and `hop` grows by powers of two as the picture is
zoomed out, so that a screen never needs more than two columns per pixel. The grid of a
span starts at frame 0 of its source, and a tile is kept under the very audio that it is
made from: a cut elsewhere in the clip moves tiles, but does not make them anew.
"""

from __future__ import annotations

import itertools
import sys
import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from earmark.audio.priority import go_behind
from earmark.audio.render import read
from earmark.audio.scales import FrequencyAxis, RowMap, color_map, lookup_table
from earmark.audio.sources import Readers
from earmark.audio.spectrum import (
    COLOR_MAPS,
    DB_FLOOR,
    DB_STEP,
    WINDOWS,
    Rfft,
    Scale,
    SpectrogramSettings,
    WindowFunction,
    hop_for,
    numpy_rfft,
    scipy_rfft,
    spectra,
    windows_per_column,
)
from earmark.core.clips import Span, Spans, merge, slice_spans
from earmark.core.errors import EarmarkError

__all__ = [
    "COLOR_MAPS",
    "DB_FLOOR",
    "DB_STEP",
    "WINDOWS",
    "FrequencyAxis",
    "PlacedTile",
    "RowMap",
    "Scale",
    "SpectrogramSettings",
    "SpectrogramView",
    "TileCache",
    "TileKey",
    "TilePlace",
    "TileServer",
    "TileSet",
    "WindowFunction",
    "color_map",
    "compute",
    "hop_for",
    "lookup_table",
    "places",
]

TILE_COLUMNS = 256

_BATCH_SAMPLES = 1 << 18
_SHORT_SPAN_COLUMNS = 32
_PATIENCE_S = 0.1
"""How long a thread waits for decoding before it looks for a tile that can be made."""

_LONGEST_HOLD_S = 0.02
"""How long the threads stand still, at most, for who asked them to."""


@dataclass(frozen=True, slots=True)
class SpectrogramView:
    """What a picture shows of a clip.

    Attributes
    ----------
    spans : Spans
    rate, channels : int
        Of the clip.
    readers : callable
        Gives the reader of a source by its id; called on worker threads.
    settings : SpectrogramSettings
    lanes : tuple of (int or None)
        The channels shown one above the other; None is the mix of all.
    start, stop : int
        The visible range, in frames of the clip.
    width_px : int
    """

    spans: Spans
    rate: int
    channels: int
    readers: Readers
    settings: SpectrogramSettings
    lanes: tuple[int | None, ...]
    start: int
    stop: int
    width_px: int

    @property
    def frames_per_px(self) -> float:
        """Frames of the clip in a column of the picture."""
        return max(self.stop - self.start, 1) / max(self.width_px, 1)


@dataclass(frozen=True, slots=True)
class TileKey:
    """The audio a tile is made from, and how; equal keys make equal tiles.

    Attributes
    ----------
    analysis : tuple
        Window, function, padding and tilt.
    rate, channels : int
    channel : int or None
    hop, columns : int
    lead : int
        Frames of silence before `spans`, where a window reaches beyond the clip.
    spans : Spans
        All that the windows of the tile take in.
    """

    analysis: tuple[Any, ...]
    rate: int
    channels: int
    channel: int | None
    hop: int
    columns: int
    lead: int
    spans: Spans


@dataclass(frozen=True, slots=True)
class PlacedTile:
    """A tile and where it goes.

    Attributes
    ----------
    values : ndarray, uint8, shape (bins, columns)
        Row 0 is 0 Hz. Shared: do not change it.
    channel : int or None
        The lane it belongs to.
    start : int
        Frame of the clip at the left edge of the first column.
    hop : int
        Frames per column.
    first, last : int
        The frames of the clip `[first, last)` that it may be drawn over.
    """

    values: NDArray[np.uint8]
    channel: int | None
    start: int
    hop: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class TileSet:
    """What can be drawn now.

    Attributes
    ----------
    tiles : tuple of PlacedTile
        To be drawn in this order: stand-ins of another zoom first.
    complete : bool
        Whether nothing more is to come for this view.
    """

    tiles: tuple[PlacedTile, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class TilePlace:
    """Where a tile goes, as in `PlacedTile`, before it is there."""

    key: TileKey
    start: int
    first: int
    last: int

    def put(self, values: NDArray[np.uint8]) -> PlacedTile:
        return PlacedTile(
            values, self.key.channel, self.start, self.key.hop, self.first, self.last
        )


def places(view: SpectrogramView, hop: int) -> Iterator[TilePlace]:
    """The tiles that cover a view, with columns `hop` apart, from left to right."""
    settings = view.settings
    analysis = (settings.window, settings.function, settings.padding, settings.tilt_db)
    borders = [0, *itertools.accumulate(span.frames for span in view.spans)]
    half = settings.window // 2
    centres = _centres(settings.window, hop)
    for begin, end, origin in _regions(view.spans, hop):
        low, high = max(begin, view.start), min(end, view.stop)
        if low >= high:
            continue
        shift = begin - origin
        # Tiles are counted from the origin of the region's grid.
        length = hop * TILE_COLUMNS
        for index in range((low - shift) // length, -(-(high - shift) // length)):
            tile_start = shift + index * length
            first = max(tile_start, begin)
            last = min(tile_start + length, end)
            skipped = (first - tile_start) // hop
            start = tile_start + skipped * hop
            columns = -(-(last - start) // hop)
            needed = start + int(centres[0]) - half
            beyond = start + (columns - 1) * hop + int(centres[-1]) + half
            low_frame, high_frame = np.clip((needed, beyond), 0, borders[-1]).tolist()
            heard = _cut(view.spans, borders, low_frame, high_frame)
            for channel in view.lanes:
                key = TileKey(
                    analysis, view.rate, view.channels, channel, hop, columns,
                    low_frame - needed, heard,
                )  # fmt: skip
                yield TilePlace(key, start, first, last)


def _regions(spans: Spans, hop: int) -> Iterator[tuple[int, int, int]]:
    """Stretches of a clip with one grid: begin, end, and where the grid is at begin.

    Spans that follow each other in their source share a grid, and so do short ones,
    which would else need a tile each.
    """
    begin = end = origin = 0
    short = False
    for span in spans:
        anchor = 0
        if span.source is not None:
            anchor = -(span.offset + span.frames) if span.reverse else span.offset
        is_short = span.frames < _SHORT_SPAN_COLUMNS * hop
        follows = anchor - end == origin - begin
        if end > begin and not (follows or (short and is_short)):
            yield begin, end, origin
            begin = end
        if end == begin:
            origin, short = 0 if is_short else anchor, is_short
        end += span.frames
    if end > begin:
        yield begin, end, origin


def _cut(spans: Spans, borders: list[int], low: int, high: int) -> Spans:
    """The spans in `[low, high)`, without looking at the others."""
    if low == high:
        return ()
    first = bisect_right(borders, low) - 1
    last = bisect_left(borders, high)
    base = borders[first]
    return merge(slice_spans(spans[first:last], low - base, high - base))


def compute(
    key: TileKey,
    readers: Readers,
    settings: SpectrogramSettings,
    rfft: Rfft = numpy_rfft,
    give_way: Callable[[], None] | None = None,
) -> NDArray[np.uint8]:
    """The values of a tile.

    Parameters
    ----------
    key : TileKey
    readers : Readers
    settings : SpectrogramSettings
    rfft : callable, optional
    give_way : callable, optional
        Called about every millisecond; it may wait.

    Returns
    -------
    ndarray, uint8, shape (settings.bins, key.columns)

    Raises
    ------
    EarmarkError
        If a source cannot be read.
    """
    values = np.zeros((settings.bins, key.columns), np.uint8)
    if all(span.source is None for span in key.spans):
        return values
    centres = _centres(settings.window, key.hop)
    count = len(centres)
    batch = max(_BATCH_SAMPLES // (settings.window * settings.padding * count), 1)
    for begin in range(0, key.columns, batch):
        if give_way is not None:
            give_way()
        end = min(begin + batch, key.columns)
        columns = np.arange(begin, end)[:, None] * key.hop
        starts = (columns + (centres - centres[0])).ravel() - key.lead
        frames = _windows(key, readers, settings.window, starts)
        made = spectra(frames, settings, key.rate, rfft)
        if count > 1:
            made = made.reshape(end - begin, count, -1).max(axis=1)
        values[:, begin:end] = made.T
    return values


@lru_cache(maxsize=64)
def _centres(window: int, hop: int) -> NDArray[np.int64]:
    """Where the windows of a column are centred, from its left edge."""
    count = windows_per_column(window, hop)
    return (2 * np.arange(count) + 1) * hop // (2 * count)


def _windows(
    key: TileKey, readers: Readers, length: int, starts: NDArray[np.int64]
) -> NDArray[np.float32]:
    """The samples under windows, shape (n, length)."""
    span = key.spans[0]
    if len(key.spans) == 1 and not span.fades and span.source is not None:
        direct = _direct(key, span, readers, starts, length)
        if direct is not None:
            return direct

    def mono(start: int, frames: int) -> NDArray[np.float32]:
        samples = read(key.spans, key.rate, key.channels, readers, start, frames)
        if key.channel is not None:
            return np.ascontiguousarray(samples[:, key.channel])
        mixed: NDArray[np.float32] = samples.mean(axis=1)
        return mixed

    if key.hop < 2 * length:
        first = int(starts[0])
        samples = mono(first, int(starts[-1]) - first + length)
        return sliding_window_view(samples, length)[starts - first]
    return np.array([mono(int(start), length) for start in starts], np.float32)


def _direct(
    key: TileKey, span: Span, readers: Readers, starts: NDArray[np.int64], length: int
) -> NDArray[np.float32] | None:
    """The samples under the windows, straight from the only source they need."""
    assert span.source is not None
    reader = readers(span.source)
    if key.channel is None and reader.channels not in (1, key.channels):
        return None
    if starts[0] < 0 or starts[-1] + length > span.frames:
        return None
    channel = None if key.channel is None else key.channel % reader.channels
    at = span.offset + starts
    if span.reverse:
        # The spectrum of a window is the same backwards; its function is symmetrical
        # but for the first frame, which has none to match it at the end.
        at = (span.offset + span.frames - 1 - length - starts)[::-1]
    frames = reader.windows(at, length, channel)
    if span.reverse:
        frames = frames[::-1]
    if span.gain_db:
        frames = frames * span.gains(0, 1)
    return frames


class TileCache:
    """Tiles in memory, the least recently used dropped first; thread-safe.

    Parameters
    ----------
    limit : int
        Bytes.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.bytes = 0
        self._tiles: OrderedDict[TileKey, NDArray[np.uint8]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._tiles)

    def get(self, key: TileKey) -> NDArray[np.uint8] | None:
        """The tile, which is then the last to be dropped; None if it is not there."""
        with self._lock:
            values = self._tiles.get(key)
            if values is not None:
                self._tiles.move_to_end(key)
            return values

    def put(self, key: TileKey, values: NDArray[np.uint8]) -> None:
        """Keep a tile."""
        with self._lock:
            if key in self._tiles:
                return
            self._tiles[key] = values
            self.bytes += values.nbytes
            while self.bytes > self.limit and len(self._tiles) > 1:
                _, dropped = self._tiles.popitem(last=False)
                self.bytes -= dropped.nbytes

    def clear(self) -> None:
        """Drop all."""
        with self._lock:
            self._tiles.clear()
            self.bytes = 0


class TileServer:
    """Makes tiles on worker threads, those of the latest request only.

    Parameters
    ----------
    on_ready : callable
        Called on a worker thread after each tile; ask again with `request` then.
    prepare : callable, optional
        Given the values of each tile before it is ready, on the same thread: what has
        to be done to draw it is best done there.
    cache_bytes : int
    threads : int
    """

    def __init__(
        self,
        on_ready: Callable[[], None],
        *,
        prepare: Callable[[NDArray[np.uint8]], None] | None = None,
        cache_bytes: int = 96 << 20,
        threads: int = 2,
    ) -> None:
        self.cache = TileCache(cache_bytes)
        self.error: EarmarkError | None = None
        self._on_ready = on_ready
        self._prepare = prepare
        self._free = threading.Event()
        self._free.set()
        self._latest: SpectrogramView | None = None
        self._wanted: deque[TilePlace] = deque()
        self._working: set[TileKey] = set()
        self._state = threading.Condition()
        self._closed = False
        # The first screen is drawn sooner than scipy is imported.
        self._rfft = scipy_rfft() if "scipy.fft" in sys.modules else numpy_rfft
        self._threads = [
            threading.Thread(target=self._work, name=f"spectrogram {n}", daemon=True)
            for n in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def request(self, view: SpectrogramView) -> TileSet:
        """What can be drawn of a view now; the rest is made, older requests are not.

        Never blocks.
        """
        hop = hop_for(view.settings, view.frames_per_px)
        there: list[PlacedTile] = []
        missing: list[TilePlace] = []
        for place in places(view, hop):
            values = self.cache.get(place.key)
            if values is None:
                missing.append(place)
            else:
                there.append(place.put(values))
        middle = (view.start + view.stop) // 2
        missing.sort(key=lambda place: abs((place.first + place.last) // 2 - middle))
        with self._state:
            self.error = None
            self._latest = view
            self._wanted = deque(
                place for place in missing if place.key not in self._working
            )
            self._state.notify_all()
        stand_ins = self._stand_ins(view, hop) if missing else []
        return TileSet((*stand_ins, *there), not missing)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let the threads stand still while something more urgent is done.

        A picture that is drawn meanwhile would else wait, at each of its hundreds of
        steps, for a turn at Python's lock.
        """
        self._free.clear()
        try:
            yield
        finally:
            self._free.set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until nothing is wanted or worked on; False if the time ran out."""
        with self._state:
            return self._state.wait_for(
                lambda: not self._wanted and not self._working, timeout_s
            )

    def close(self) -> None:
        """Stop the threads; a tile that is being made is finished first."""
        with self._state:
            self._closed = True
            self._wanted.clear()
            self._state.notify_all()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()
        self.cache.clear()

    def _stand_ins(self, view: SpectrogramView, hop: int) -> list[PlacedTile]:
        """Tiles of other zooms, coarse ones first."""
        finest = hop_for(view.settings, 0)
        others = [hop * 8, hop * 4, hop * 2]
        if hop > finest:
            others.append(hop // 2)
        found = []
        for other in others:
            for place in places(view, other):
                values = self.cache.get(place.key)
                if values is not None:
                    found.append(place.put(values))
        return found

    def _work(self) -> None:
        go_behind()
        while True:
            with self._state:
                self._state.wait_for(lambda: bool(self._wanted) or self._closed)
                if self._closed or self._latest is None:
                    return
                place, view = self._wanted.popleft(), self._latest
                if place.key in self._working:
                    continue
                self._working.add(place.key)
            made = True
            try:
                made = self._make(place, view)
            except EarmarkError as error:
                self.error = error
            finally:
                with self._state:
                    self._working.discard(place.key)
                    if not made and self._latest is view and not self._closed:
                        self._wanted.append(place)
                    idle = not self._wanted
                    self._state.notify_all()
            if made:
                self._on_ready()
            if idle and self._rfft is numpy_rfft:
                self._rfft = scipy_rfft()

    def _make(self, place: TilePlace, view: SpectrogramView) -> bool:
        """Make a tile; False if what it needs is not decoded yet."""
        for span in place.key.spans:
            if span.source is not None:
                reader = view.readers(span.source)
                if not reader.wait(span.offset + span.frames, _PATIENCE_S):
                    return False
        values = compute(
            place.key, view.readers, view.settings, self._rfft, self._give_way
        )
        if self._prepare is not None:
            self._prepare(values)
        self.cache.put(place.key, values)
        return True

    def _give_way(self) -> None:
        self._free.wait(_LONGEST_HOLD_S)
