"""Peaks: the pyramid of a source, and the picture of a clip made from it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from audio.samples import write
from audio.test_sources import Gate
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from earmark.audio.files import import_file
from earmark.audio.peaks import LEVELS, Peaks, PeaksStore, clip_peaks, level_for
from earmark.audio.render import read
from earmark.audio.sources import Sources
from earmark.core.clips import (
    Source,
    Span,
    Spans,
    delete,
    fade_in,
    gain,
    reverse,
    silence,
)

RATE = 48_000
FRAMES = 1_200_000  # more than one step of building, and no whole number of runs


def noise(channels: int, frames: int = FRAMES) -> NDArray[np.float32]:
    """Noise that gets louder, off centre, different in each channel."""
    chance = np.random.default_rng(channels)
    sound = chance.uniform(-0.8, 0.7, (frames, channels)).astype(np.float32)
    sound *= np.linspace(0.1, 1.0, frames, dtype=np.float32)[:, None]
    return sound


@pytest.fixture
def store(sources: Sources) -> Iterator[PeaksStore]:
    """Peaks of sources."""
    opened = PeaksStore(sources)
    yield opened
    opened.close()


def by_definition(
    sound: NDArray[np.float32], start: int, width: int, columns: int
) -> NDArray[np.float32]:
    """Least, greatest and RMS of columns of a channel."""
    runs = sound[start : start + width * columns].reshape(columns, width)
    rms = np.sqrt(np.mean(np.square(runs, dtype=np.float64), axis=1))
    return np.array([runs.min(axis=1), runs.max(axis=1), rms], np.float32)


@pytest.mark.parametrize(
    "kind", ["wav-16", "wav-24", "wav-float", "aiff-16", "flac-16"]
)
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_every_level_holds_what_the_samples_say(
    tmp_path: Path, sources: Sources, store: PeaksStore, kind: str, channels: int
) -> None:
    source = import_file(write(tmp_path / "sound", kind, noise(channels), RATE))
    peaks = store.peaks(source)
    assert peaks.wait(120)
    assert peaks.error is None
    assert (peaks.ready, peaks.channels, peaks.frames) == (FRAMES, channels, FRAMES)
    sound = sources.reader(source).read(0, FRAMES)
    for size in LEVELS:
        columns = FRAMES // size
        for channel in range(channels):
            found = np.array(peaks.summary(channel, 0, size, columns))
            expected = by_definition(sound[:, channel], 0, size, columns)
            # float16 keeps 11 bits, int16 rounds the RMS.
            np.testing.assert_allclose(found, expected, rtol=2**-10, atol=2**-15)


def test_the_last_run_is_not_thinned_by_what_is_not_there(
    tmp_path: Path, store: PeaksStore
) -> None:
    sound = np.full((1000, 1), 0.5, np.float32)
    peaks = store.peaks(import_file(write(tmp_path / "a", "wav-16", sound, RATE)))
    assert peaks.wait(60)
    mins, maxs, rms = peaks.summary(0, 0, 256, 5)
    assert mins.tolist() == maxs.tolist() == [0.5, 0.5, 0.5, 0.5, 0.0]
    assert rms.tolist() == [0.5, 0.5, 0.5, 0.5, 0.0]
    whole = np.array(peaks.summary(0, 0, 1000, 1))
    np.testing.assert_array_equal(whole[:, 0], [0.5, 0.5, 0.5])


def test_the_coarsest_level_that_is_fine_enough_is_taken() -> None:
    assert level_for(1.0) is None
    assert level_for(255.9) is None
    assert level_for(256.0) == 0
    assert level_for(1023.0) == 0
    assert level_for(1024.0) == 1
    assert level_for(1e9) == len(LEVELS) - 1


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Source, Peaks]]:
    """A stereo source and its peaks, that all examples of a property share."""
    folder = tmp_path_factory.mktemp("peaks")
    source = import_file(write(folder / "a.wav", "wav-16", noise(2), RATE))
    sources = Sources(folder / "cache")
    store = PeaksStore(sources)
    peaks = store.peaks(source)
    assert peaks.wait(120)
    yield source, peaks
    store.close()
    sources.close()


@given(
    start=st.integers(-5000, FRAMES + 5000),
    frames_per_px=st.floats(0.1, 5000.0),
    columns=st.integers(1, 300),
)
@settings(max_examples=60)
def test_no_peak_is_ever_lost_and_none_comes_from_far_away(
    built: tuple[Source, Peaks], start: int, frames_per_px: float, columns: int
) -> None:
    _, peaks = built
    mins, maxs, rms = peaks.summary(1, start, frames_per_px, columns)
    reach = LEVELS[level] if (level := level_for(frames_per_px)) is not None else 0
    first = max(start - reach, 0)
    last = start + int(columns * frames_per_px) + 2 + reach
    sound = peaks.reader.read(first, max(last - first, 0), 1)[:, 0]
    for column in range(columns):
        a = int(np.floor(start + column * frames_per_px))
        b = max(int(np.floor(start + (column + 1) * frames_per_px)), a + 1)
        a, b = max(a, 0), min(b, FRAMES)
        if a >= b:
            assert (mins[column], maxs[column], rms[column]) == (0.0, 0.0, 0.0)
            continue
        exact = sound[a - first : b - first]
        wide = sound[max(a - reach - first, 0) : min(b + reach, FRAMES) - first]
        assert wide.min() <= mins[column] <= exact.min()
        assert exact.max() <= maxs[column] <= wide.max()
        assert rms[column] <= max(-wide.min(), wide.max()) + 2**-15


def clip_by_definition(
    spans: Spans, peaks: Peaks, start: int, width: int, columns: int
) -> NDArray[np.float32]:
    """The picture of a clip from its samples."""
    sound = read(spans, RATE, 2, lambda _: peaks.reader, start, width * columns)
    return np.array(
        [by_definition(sound[:, c], 0, width, columns) for c in range(2)], np.float32
    )


@pytest.mark.parametrize("width", [64, 256, 1024, 3000])
def test_the_picture_of_an_edited_clip_is_that_of_its_samples(
    built: tuple[Source, Peaks], width: int
) -> None:
    source, peaks = built
    spans: Spans = (Span(source.id, 0, FRAMES),)
    # Edits at multiples of all runs, so that no run lies over a border.
    edge = 12_288 * 4
    spans = silence(delete(spans, edge, 2 * edge), 3 * edge, 4 * edge)
    spans = reverse(gain(spans, edge, 3 * edge, -6.0), 4 * edge, 6 * edge)
    spans = fade_in(spans, 0, edge)
    columns = 8 * edge // width
    found = clip_peaks(spans, RATE, 2, lambda _: peaks, 0, width, columns)
    expected = clip_by_definition(spans, peaks, 0, width, columns)
    assert found.shape == (2, 3, columns)
    # A column over which a fade goes on has one gain for all of it, and runs that do
    # not begin with a column take in a little of the next.
    slack = width / edge + 0.02 if width > 256 else width / edge + 2**-14
    exact = np.s_[:, :, edge // width + 1 :] if width in (256, 1024) else np.s_[:]
    np.testing.assert_allclose(found, expected, atol=slack)
    if width in (256, 1024):
        np.testing.assert_allclose(found[exact], expected[exact], atol=2**-14)


def test_spans_shorter_than_a_pixel_are_put_together(
    built: tuple[Source, Peaks],
) -> None:
    source, peaks = built
    loud = Span(source.id, 4600 * 256, 256)
    quiet = Span(source.id, 0, 256)
    spans = (quiet, loud, Span(None, 0, 512)) * 50
    found = clip_peaks(spans, RATE, 2, lambda _: peaks, 0, 1024, 50)
    expected = clip_by_definition(spans, peaks, 0, 1024, 50)
    np.testing.assert_allclose(found, expected, atol=2**-12)


def test_beyond_the_clip_there_is_nothing(built: tuple[Source, Peaks]) -> None:
    source, peaks = built
    spans = (Span(source.id, 0, 10_240),)
    found = clip_peaks(spans, RATE, 2, lambda _: peaks, -1024, 1024, 20)
    assert not found[:, :, 0].any()
    assert found[:, :, 1:11].all()
    assert not found[:, :, 11:].any()
    nothing = clip_peaks((), RATE, 2, lambda _: peaks, 0, 1024, 20)
    assert not nothing.any()


def test_a_mono_source_is_shown_in_every_channel_of_the_clip(
    tmp_path: Path, store: PeaksStore
) -> None:
    source = import_file(write(tmp_path / "a", "wav-16", noise(1, 20_000), RATE))
    peaks = store.peaks(source)
    assert peaks.wait(60)
    spans = (Span(source.id, 0, 20_000),)
    for width in (16, 512):
        found = clip_peaks(spans, RATE, 2, lambda _: peaks, 0, width, 30)
        assert found.any()
        np.testing.assert_array_equal(found[0], found[1])


def test_the_picture_fills_while_the_source_is_decoded(
    tmp_path: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.flac", "flac-16", noise(1, 3_000_000), RATE)
    source = import_file(path)
    gate = Gate(monkeypatch)
    store = PeaksStore(sources)
    peaks = store.peaks(source)
    partly = threading.Event()
    peaks.on_progress(partly.set)
    assert (peaks.ready, peaks.done) == (0, False)
    assert not np.array(peaks.summary(0, 0, 1024, 10)).any()
    gate.open(20)
    assert partly.wait(60)
    assert 0 < peaks.ready < 3_000_000
    columns = peaks.ready // 1024
    assert np.array(peaks.summary(0, 0, 1024, columns))[1].all()
    assert not np.array(peaks.summary(0, peaks.ready, 1024, 10)).any()
    gate.open(100)
    assert peaks.wait(60)
    assert peaks.ready == 3_000_000
    store.close()


def test_they_are_built_once_and_a_damaged_cache_is_built_again(
    tmp_path: Path, cache: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = import_file(write(tmp_path / "a.wav", "wav-16", noise(2), RATE))
    store = PeaksStore(sources)
    peaks = store.peaks(source)
    assert peaks.wait(60)
    expected = np.array(peaks.summary(0, 0, 1024, 1000))
    store.close()
    (cached,) = (cache / "peaks").iterdir()
    content = cached.read_bytes()
    reader = sources.reader(source)
    os.utime(cached, (0, 0))
    assert Peaks(reader, cached).done
    assert cached.stat().st_mtime > 0  # the trimming of the cache counts from here
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    for damaged in (content[:-9], content[:100], b"", bytes(flipped), b"x" * 5000):
        cached.write_bytes(damaged)
        again = Peaks(reader, cached)
        assert not again.done
        again.build()
        np.testing.assert_array_equal(again.summary(0, 0, 1024, 1000), expected)
        assert cached.read_bytes() == content
    assert [path.name for path in (cache / "peaks").iterdir()] == [cached.name]


def test_peaks_that_cannot_be_kept_are_shown_all_the_same(
    tmp_path: Path, cache: Path, sources: Sources
) -> None:
    source = import_file(write(tmp_path / "a.wav", "wav-16", noise(1, 5000), RATE))
    cache.mkdir()
    (cache / "peaks").write_text("a file where the folder should be")
    store = PeaksStore(sources)
    peaks = store.peaks(source)
    assert peaks.wait(60)
    assert peaks.error is not None
    assert np.array(peaks.summary(0, 0, 256, 10)).all()
    store.close()


def test_closing_stops_the_building(
    tmp_path: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = import_file(write(tmp_path / "a.flac", "flac-16", noise(1), RATE))
    gate = Gate(monkeypatch)
    store = PeaksStore(sources)
    peaks = store.peaks(source)
    gate.open(1)
    store.close()
    assert peaks.done
    assert peaks.ready < FRAMES
    gate.open(1000)
