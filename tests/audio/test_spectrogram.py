"""Spectrograms: tiles on demand, frequency axes, colours."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from audio.samples import write
from audio.test_sources import Gate
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from earmark.audio import spectrogram
from earmark.audio.files import import_file
from earmark.audio.render import read
from earmark.audio.sources import Sources
from earmark.audio.spectrogram import (
    COLOR_MAPS,
    DB_FLOOR,
    DB_STEP,
    WINDOWS,
    FrequencyAxis,
    RowMap,
    Scale,
    SpectrogramSettings,
    SpectrogramView,
    TileCache,
    TileKey,
    TileServer,
    WindowFunction,
    color_map,
    compute,
    hop_for,
    lookup_table,
    places,
)
from earmark.audio.spectrum import scipy_rfft, spectra, windows_per_column
from earmark.core.clips import (
    Source,
    Span,
    Spans,
    count_frames,
    delete,
    fade_in,
    gain,
    merge,
    reverse,
    silence,
    slice_spans,
)
from earmark.core.errors import EarmarkError

RATE = 48_000
FRAMES = 480_000


class Stage:
    """A stereo source that an analysis can tell apart everywhere."""

    def __init__(self, folder: Path, kind: str = "wav-16") -> None:
        chance = np.random.default_rng(0)
        sweep = np.sin(np.cumsum(np.linspace(0.0, 2.5, FRAMES)))
        noise = chance.uniform(-0.2, 0.2, FRAMES)
        sound = np.stack([0.5 * sweep, noise], axis=1).astype(np.float32)
        self.source: Source = import_file(write(folder / "a", kind, sound, RATE))
        self.sources = Sources(folder / "cache")
        self.readers = self.sources.readers([self.source])
        self.spans: Spans = (Span(self.source.id, 0, FRAMES),)

    def view(self, **fields: Any) -> SpectrogramView:
        values: dict[str, Any] = {
            "spans": self.spans,
            "rate": RATE,
            "channels": 2,
            "readers": self.readers,
            "settings": SpectrogramSettings(window=512),
            "lanes": (None,),
            "start": 0,
            "stop": FRAMES,
            "width_px": 1000,
        }
        return SpectrogramView(**(values | fields))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A source that all tests share."""
    made = Stage(tmp_path_factory.mktemp("spectrogram"))
    yield made
    made.sources.close()


def whole(view: SpectrogramView, hop: int) -> NDArray[np.uint8]:
    """Every frame column of a view, put together from its tiles."""
    count = -(-(view.stop - view.start) // hop)
    image = np.zeros((view.settings.bins, count), np.uint8)
    drawn = np.zeros(count, bool)
    middles = view.start + np.arange(count) * hop + hop // 2
    for place in places(view, hop):
        values = compute(place.key, view.readers, view.settings)
        assert values.shape == (view.settings.bins, place.key.columns)
        inside = (middles >= place.first) & (middles < place.last)
        assert not drawn[inside].any(), "tiles do not overlap"
        drawn |= inside
        image[:, inside] = values[:, (middles[inside] - place.start) // hop]
    assert drawn[middles < count_frames(view.spans)].all(), "tiles leave no gap"
    return image


def by_definition(view: SpectrogramView, hop: int) -> NDArray[np.uint8]:
    """The same from the samples of the clip, if its grid starts at 0."""
    length = view.settings.window
    count = -(-(view.stop - view.start) // hop)
    per_column = windows_per_column(length, hop)
    columns = []
    for column in range(count):
        inside = (2 * np.arange(per_column) + 1) * hop // (2 * per_column)
        starts = view.start + column * hop + inside - length // 2
        frames = [
            read(view.spans, RATE, 2, view.readers, int(at), length).mean(axis=1)
            for at in starts
        ]
        made = spectra(np.array(frames, np.float32), view.settings, RATE)
        columns.append(made.max(axis=0))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("length", WINDOWS)
@pytest.mark.parametrize("function", get_args(WindowFunction))
def test_a_full_scale_sine_has_0_db_at_its_frequency(
    length: int, function: WindowFunction
) -> None:
    settings = SpectrogramSettings(window=length, function=function)
    row = length // 16
    sine = np.sin(2 * np.pi * row * np.arange(length) / length).astype(np.float32)
    values = spectra(sine[None], settings, RATE)
    assert values.shape == (1, length // 2 + 1)
    assert int(values[0].argmax()) == row
    assert abs(DB_FLOOR + DB_STEP * int(values[0, row])) <= DB_STEP / 2
    quieter = spectra(sine[None] * np.float32(0.1), settings, RATE)
    assert int(values[0, row]) - int(quieter[0, row]) == round(20 / DB_STEP)


@pytest.mark.parametrize("length", [256, 2048, 16_384])
@pytest.mark.parametrize("padding", [1, 2])
def test_both_transforms_give_the_same(length: int, padding: int) -> None:
    settings = SpectrogramSettings(window=length, padding=padding)
    sound = np.random.default_rng(0).standard_normal((5, length)).astype(np.float32)
    first = spectra(sound, settings, RATE).astype(int)
    later = spectra(sound, settings, RATE, scipy_rfft())
    assert np.abs(later - first).max() <= 1


def test_silence_and_overload_stay_within_the_values() -> None:
    settings = SpectrogramSettings()
    frames = np.zeros((2, 2048), np.float32)
    frames[1] = 1e6
    values = spectra(frames, settings, RATE)
    assert not values[0].any()
    assert values[1, 0] == 255


def test_padding_puts_rows_between_the_rows() -> None:
    sound = np.random.default_rng(0).standard_normal((3, 512)).astype(np.float32)
    plain = spectra(sound, SpectrogramSettings(window=512), RATE)
    padded = spectra(sound, SpectrogramSettings(window=512, padding=4), RATE)
    assert padded.shape == (3, 1025)
    assert np.abs(padded[:, ::4].astype(int) - plain).max() <= 1


def test_the_tilt_lifts_what_is_above_1_khz() -> None:
    sound = np.random.default_rng(0).standard_normal((1, 512)).astype(np.float32)
    plain = spectra(sound, SpectrogramSettings(window=512), RATE).astype(int)
    tilted = spectra(sound, SpectrogramSettings(window=512, tilt_db=6.0), RATE)
    hz = np.arange(257) * RATE / 512
    lifted = (tilted - plain)[0] * DB_STEP
    free = (tilted[0] > 0) & (tilted[0] < 255)
    expected = 6.0 * np.log2(np.maximum(hz, 20.0) / 1000.0)
    assert np.abs(lifted - expected)[free].max() <= DB_STEP


def test_columns_are_at_most_two_to_a_pixel_and_never_fewer_than_one() -> None:
    settings = SpectrogramSettings(window=2048, overlap=0.75)
    assert hop_for(settings, 0.1) == 512
    for frames_per_px in np.geomspace(512, 1e6, 200):
        hop = hop_for(settings, float(frames_per_px))
        assert hop <= frames_per_px < 2 * hop


@pytest.mark.parametrize("channel", [0, 1, None])
@pytest.mark.parametrize("hop", [128, 1000, 6000])
def test_tiles_are_the_spectrum_of_the_clip(
    stage: Stage, channel: int | None, hop: int
) -> None:
    view = stage.view(lanes=(channel,), start=0, stop=min(FRAMES, 700 * hop))
    found = whole(view, hop)
    if channel is None:
        expected = by_definition(view, hop)
        assert np.abs(found.astype(int) - expected).max() <= 1
    else:
        # The sweep is in the one, the noise in the other.
        assert (float(found.std(axis=0).mean()) > 30) == (channel == 0)


@pytest.mark.parametrize("kind", ["wav-24", "wav-float", "flac-16", "aiff-16"])
def test_every_kind_of_source_gives_the_same_tiles(
    stage: Stage, tmp_path: Path, kind: str
) -> None:
    other = Stage(tmp_path, kind)
    assert other.sources.reader(other.source).wait(FRAMES, 60)
    hop = 2000
    expected = whole(stage.view(), hop).astype(int)
    found = whole(other.view(), hop)
    loud = expected > 80  # below is the noise of 16 bits
    assert np.abs(found - expected)[loud].max() <= 1
    other.sources.close()


def edits(spans: Spans) -> list[Spans]:
    """A clip after different edits."""
    return [
        reverse(spans, 100_000, 300_000),
        gain(spans, 50_000, 200_000, -20.0),
        silence(spans, 120_000, 200_000),
        fade_in(spans, 0, 240_000),
        delete(spans, 100_000, 137_123),
        merge(spans[:1] + spans[:1]),
        tuple(slice_spans(spans, at, at + 999)[0] for at in range(0, 400_000, 1500)),
    ]


@pytest.mark.parametrize("edit", range(7))
@pytest.mark.parametrize("hop", [256, 4096])
def test_an_edited_clip_shows_what_is_heard(stage: Stage, edit: int, hop: int) -> None:
    spans = edits(stage.spans)[edit]
    view = stage.view(spans=spans, stop=count_frames(spans))
    for place in places(view, hop):
        found = compute(place.key, view.readers, view.settings)
        part = replace(view, start=place.start, stop=place.last)
        expected = by_definition(part, hop)[:, : place.key.columns]
        off = np.abs(found.astype(int) - expected)
        assert off[expected > 80].max(initial=0) <= 1
        assert float(off.mean()) < 0.5  # below is the noise of the arithmetic


def test_a_cut_makes_only_the_tiles_anew_that_it_touches(stage: Stage) -> None:
    hop = 128
    before = {place.key for place in places(stage.view(), hop)}
    cut = delete(stage.spans, 200_000, 212_345)
    after = {place.key for place in places(stage.view(spans=cut), hop)}
    assert len(before) == 15
    assert len(after - before) <= 2
    louder = gain(stage.spans, 200_000, 212_345, 3.0)
    changed = {place.key for place in places(stage.view(spans=louder), hop)}
    assert len(changed - before) <= 3


def test_many_short_spans_share_tiles(stage: Stage) -> None:
    spans = tuple(Span(stage.source.id, 7 * n, 400) for n in range(1000))
    view = stage.view(spans=spans, stop=400_000)
    assert len(list(places(view, 400))) == 4


@given(
    lengths=st.lists(st.integers(1, 5000), min_size=1, max_size=30),
    hop=st.sampled_from([16, 128, 700, 5000]),
    data=st.data(),
)
def test_tiles_cover_any_view_of_any_clip_once(
    stage: Stage, lengths: list[int], hop: int, data: st.DataObject
) -> None:
    names = data.draw(st.lists(st.sampled_from([None, "a", "b"]), min_size=30))
    spans = tuple(
        Span(name, 0 if name is None else 997 * n, frames)
        for n, (name, frames) in enumerate(zip(names, lengths, strict=False))
    )
    total = count_frames(spans)
    start = data.draw(st.integers(-100, total))
    stop = data.draw(st.integers(start + 1, total + 200))
    covered = np.zeros(total, int)
    for place in places(stage.view(spans=spans, start=start, stop=stop), hop):
        assert place.start <= place.first < place.last
        assert place.last <= place.start + place.key.columns * hop
        covered[place.first : place.last] += 1
    assert covered.max(initial=0) <= 1
    assert covered[max(start, 0) : max(stop, 0)].all()


def test_scrolling_does_not_make_tiles_anew(stage: Stage) -> None:
    spans = edits(stage.spans)[-1] + stage.spans
    keys = {place.key for place in places(stage.view(spans=spans, stop=10**9), 512)}
    for start in range(0, 700_000, 12_345):
        view = stage.view(spans=spans, start=start, stop=start + 50_000)
        assert {place.key for place in places(view, 512)} <= keys


def settled(server: TileServer, view: SpectrogramView) -> int:
    """The tiles of a view, once they are complete."""
    server.request(view)
    assert server.wait(60)
    found = server.request(view)
    assert found.complete
    return len(found.tiles)


def test_tiles_come_as_they_are_made_until_the_view_is_complete(stage: Stage) -> None:
    made = threading.Semaphore(0)
    server = TileServer(made.release)
    view = stage.view(lanes=(0, 1))
    first = server.request(view)
    assert not first.complete
    count = settled(server, view)
    assert count == 2 * len({place.start for place in places(view, 256)})
    for _ in range(count):
        assert made.acquire(timeout=60)
    tiles = server.request(view).tiles
    assert {tile.channel for tile in tiles} == {0, 1}
    assert all(tile.values.dtype == np.uint8 for tile in tiles)
    server.close()


def test_tiles_are_prepared_before_they_are_ready(stage: Stage) -> None:
    prepared: list[int] = []
    ready: list[int] = []
    server = TileServer(
        lambda: ready.append(len(prepared)),
        prepare=lambda values: prepared.append(id(values)),
        threads=1,
    )
    view = stage.view()
    count = settled(server, view)
    server.close()
    assert ready == list(range(1, count + 1))


def test_no_tile_is_made_while_the_threads_are_held(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spectrogram, "_LONGEST_HOLD_S", 60.0)
    server = TileServer(lambda: None)
    with server.held():
        server.request(stage.view())
        assert not server.wait(0.01)
        assert not len(server.cache)
    assert server.wait(60)
    assert len(server.cache)
    server.close()


def test_meanwhile_tiles_of_another_zoom_stand_in(stage: Stage) -> None:
    server = TileServer(lambda: None)
    coarse = stage.view(width_px=500)
    settled(server, coarse)
    near = stage.view(width_px=1000)
    found = server.request(near)
    assert not found.complete
    assert {tile.hop for tile in found.tiles} >= {512}
    assert server.wait(60)
    found = server.request(near)
    assert found.complete
    assert {tile.hop for tile in found.tiles} == {256}
    server.close()


def test_only_the_latest_request_is_worked_on(stage: Stage) -> None:
    entered, leave = threading.Event(), threading.Event()
    asked: list[str] = []

    def slow(source: str) -> Any:
        asked.append(threading.current_thread().name)
        entered.set()
        assert leave.wait(60)
        return stage.readers(source)

    server = TileServer(lambda: None, threads=1)
    stale = stage.view(readers=slow, width_px=4000)
    server.request(stale)
    assert entered.wait(60)
    latest = stage.view(start=0, stop=20_000, width_px=10)
    server.request(latest)
    leave.set()
    assert server.wait(60)
    assert server.request(latest).complete
    # The one that was under way was finished; the others were never begun.
    stale_hop = hop_for(stale.settings, stale.frames_per_px)
    there = [
        place
        for place in places(stale, stale_hop)
        if server.cache.get(place.key) is not None
    ]
    assert len(there) == 1
    server.close()


def test_tiles_wait_for_what_is_still_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    stage = Stage(tmp_path, "flac-16")
    ready = threading.Event()
    server = TileServer(ready.set)
    view = stage.view()
    assert not server.request(view).complete
    gate.open(2)
    assert ready.wait(60)
    assert 0 < len(server.cache) < len(list(places(view, 256)))
    gate.open(100)
    settled(server, view)
    server.close()
    stage.sources.close()


def test_a_source_that_cannot_be_read_is_reported(stage: Stage) -> None:
    def gone(source: str) -> Any:
        raise EarmarkError(f"{source} is gone.")

    told = threading.Event()
    server = TileServer(told.set)
    server.request(stage.view(readers=gone))
    assert told.wait(60)
    assert server.error is not None
    assert "is gone" in server.error.message
    assert settled(server, stage.view()) > 0
    assert server.error is None
    server.close()


def test_the_cache_keeps_what_was_used_last_within_its_bytes() -> None:
    def key(number: int) -> TileKey:
        return TileKey((), RATE, 1, 0, number, 1, 0, ())

    cache = TileCache(3000)
    for number in range(3):
        cache.put(key(number), np.zeros((1000, 1), np.uint8))
    assert cache.get(key(0)) is not None
    cache.put(key(3), np.zeros((1000, 1), np.uint8))
    assert (cache.bytes, len(cache)) == (3000, 3)
    assert cache.get(key(1)) is None
    assert cache.get(key(0)) is not None
    cache.clear()
    assert (cache.bytes, len(cache)) == (0, 0)


@given(
    scale=st.sampled_from(get_args(Scale)),
    low_hz=st.floats(0.0, 5000.0),
    high_hz=st.floats(6000.0, 24_000.0),
    fraction=st.floats(0.0, 1.0),
)
def test_a_frequency_axis_goes_there_and_back(
    scale: Scale, low_hz: float, high_hz: float, fraction: float
) -> None:
    settings = SpectrogramSettings(scale=scale, low_hz=low_hz, high_hz=high_hz)
    axis = FrequencyAxis.of(settings, RATE)
    hz = axis.hz(fraction)
    assert axis.low_hz - 1e-6 <= hz <= axis.high_hz + 1e-6
    assert axis.fraction(hz) == pytest.approx(fraction, abs=1e-9)
    rows = RowMap(settings, RATE, 400)
    assert rows.row(rows.hz(123.0)) == pytest.approx(123.0)


@pytest.mark.parametrize("scale", get_args(Scale))
@pytest.mark.parametrize("height", [50, 400, 2000])
def test_a_tone_is_drawn_in_the_row_of_its_frequency(scale: Scale, height: int) -> None:
    settings = SpectrogramSettings(scale=scale)
    rows = RowMap(settings, RATE, height)
    for hz in (440.0, 3000.0, 15_000.0):
        bin_hz = RATE / settings.window
        at = round(hz / bin_hz)
        values = np.zeros((settings.bins, 3), np.uint8)
        values[at] = 200
        image = rows.apply(values)
        assert image.shape == (height, 3)
        lit = np.flatnonzero(image[:, 0])
        assert len(lit), "no bin is lost, however few rows there are"
        top, bottom = rows.row((at + 0.5) * bin_hz), rows.row((at - 0.5) * bin_hz)
        assert np.floor(top) - 1 <= lit[0] <= lit[-1] <= np.ceil(bottom) + 1


@pytest.mark.parametrize("name", COLOR_MAPS)
def test_colour_maps_get_steadily_brighter(name: str) -> None:
    colors = color_map(name).astype(float)
    assert colors.shape == (256, 3)
    luma = colors @ (0.2126, 0.7152, 0.0722)
    assert luma[-1] - luma[0] > 100
    assert np.diff(luma).min() > -1.5


def test_the_range_is_a_matter_of_the_lookup_table() -> None:
    settings = SpectrogramSettings(floor_db=-80.0, ceiling_db=-20.0)
    table = lookup_table(settings)
    colors = color_map(settings.colormap)
    assert table.shape == (256, 3)
    at = {db: round((db - DB_FLOOR) / DB_STEP) for db in (-120, -80, -50, -20, 0)}
    for db, color in ((-120, 0), (-80, 0), (-50, 128), (-20, 255), (0, 255)):
        np.testing.assert_array_equal(table[at[db]], colors[color])


def test_settings_out_of_range_are_refused_and_stored_ones_forgiven() -> None:
    with pytest.raises(EarmarkError, match="window = 1000"):
        SpectrogramSettings(window=1000)
    with pytest.raises(EarmarkError, match="ceiling_db"):
        SpectrogramSettings(floor_db=-20.0, ceiling_db=-20.0)
    with pytest.raises(EarmarkError, match="no colour map"):
        color_map("rainbow")
    stored = asdict(SpectrogramSettings(window=4096, scale="log", colormap="viridis"))
    assert SpectrogramSettings.from_values(stored) == SpectrogramSettings(**stored)
    stored |= {"window": 77, "scale": "bark", "low_hz": "x", "from a later version": 1}
    forgiven = SpectrogramSettings.from_values(stored)
    assert forgiven == SpectrogramSettings(colormap="viridis")


def test_nothing_slow_is_imported_with_what_the_window_needs_at_once() -> None:
    import subprocess
    import sys

    code = (
        "import sys, earmark.audio.spectrogram, earmark.audio.peaks;"
        "import earmark.audio.transport;"
        "from earmark.audio.spectrogram import color_map; color_map('magma');"
        "print([name for name in sys.modules if name.split('.')[0] in "
        "('PySide6', 'pyqtgraph', 'scipy', 'av', 'soundfile', 'torch')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"
