"""An hour of stereo: import, peaks, spectrogram tiles."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import scipy.fft

from earmark.audio.files import import_file
from earmark.audio.peaks import PeaksStore
from earmark.audio.sources import Sources
from earmark.audio.spectrogram import SpectrogramSettings, SpectrogramView, TileServer
from earmark.core.clips import Source, Span
from tests.benchmarks.material import hour_of_stereo
from tests.benchmarks.table import Row, percentile_ms, stopwatch

WIDTH_PX = 1920


def rows(short: bool) -> Iterator[Row]:
    """Measure what the editor waits for."""
    path = hour_of_stereo(short)
    with stopwatch() as watch:
        source = import_file(path)
    yield Row("import: header and hash", watch.seconds, "s")
    with tempfile.TemporaryDirectory() as cache:
        sources = Sources(Path(cache), None)
        try:
            yield from peaks_rows(sources, source)
            yield from tile_rows(sources, source, short)
        finally:
            sources.close()


def peaks_rows(sources: Sources, source: Source) -> Iterator[Row]:
    """The pyramid, and a full-width request on it."""
    store = PeaksStore(sources)
    try:
        first = threading.Event()
        with stopwatch() as watch:
            peaks = store.peaks(source)
            peaks.on_progress(first.set)
            first.wait(60)
            first_s = watch.seconds
            peaks.wait()
        yield Row("peaks: first part there", first_s, "s", 0.3)
        yield Row("peaks: all of it", watch.seconds, "s", 1.5)
        per_px = source.frames / WIDTH_PX
        summary_ms = percentile_ms(
            lambda number: peaks.summary(number % 2, 0, per_px, WIDTH_PX), 50, 99
        )
        yield Row("peaks: 1920 columns of all of it, p99", summary_ms, "ms")
    finally:
        store.close()


def tile_rows(sources: Sources, source: Source, short: bool) -> Iterator[Row]:
    """The visible spectrogram at several zooms, cold, and its throughput."""
    settings = SpectrogramSettings()
    slowest, slowest_first = 0.0, 0.0
    middle = source.frames // 2

    def view_at(per_px: float) -> SpectrogramView:
        length = min(int(per_px * WIDTH_PX), source.frames)
        start = max(middle - length // 2, 0)
        return SpectrogramView(
            (Span(source.id, 0, source.frames),),
            source.rate,
            source.channels,
            sources.readers([source]),
            settings,
            (None,),
            start,
            start + length,
            WIDTH_PX,
        )

    for per_px in (4, 64, 1024, source.frames / WIDTH_PX):
        first_s, all_s, _ = time_tiles(view_at(per_px), threads=2)
        slowest_first = max(slowest_first, first_s)
        slowest = max(slowest, all_s)
    yield Row("spectrogram complete, slowest of four zooms", slowest, "s", 0.7)
    yield Row("spectrogram: first tile, slowest", slowest_first, "s", 0.15)
    ours = bare = 0.0
    for _ in range(1 if short else 20):
        # In turns, and by the time on the core: the thread that makes tiles lets
        # whatever else the machine does go first.
        began_s = time.process_time()
        _, _, columns = time_tiles(view_at(1024), threads=1)
        ours = max(ours, columns / (time.process_time() - began_s))
        bare = max(bare, bare_columns_per_s(settings.window, 500 if short else 4000))
    yield Row(
        f"spectrogram against bare scipy ({bare:,.0f} columns/s), one thread each",
        ours / bare * 100,
        "%",
        60,
        "high",
    )


def time_tiles(view: SpectrogramView, threads: int) -> tuple[float, float, int]:
    """Seconds to the first tile and to all of a view, and the columns made."""
    first = threading.Event()
    server = TileServer(first.set, threads=threads)
    try:
        with stopwatch() as watch:
            server.request(view)
            first.wait(60)
            first_s = watch.seconds
            server.wait()
        made = server.request(view)
        assert made.complete
        return first_s, watch.seconds, sum(t.values.shape[1] for t in made.tiles)
    finally:
        server.close()


def bare_columns_per_s(window: int, columns: int) -> float:
    """Columns of FFT and dB that scipy alone makes on one core."""
    frames = np.random.default_rng(1).standard_normal((columns, window), np.float32)
    hann = np.hanning(window).astype(np.float32)
    began_s = time.process_time()
    for part in range(0, columns, 256):
        spectrum = scipy.fft.rfft(frames[part : part + 256] * hann, axis=1)
        power = spectrum.real**2 + spectrum.imag**2
        10 * np.log10(power + 1e-12)
    return columns / (time.process_time() - began_s)
