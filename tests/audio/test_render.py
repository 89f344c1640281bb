"""The samples of a clip, made from its spans."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from audio.samples import tones, write
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from earmark.audio import render
from earmark.audio.files import import_file, probe
from earmark.audio.flaws import Flaws
from earmark.audio.sources import Readers, Sources
from earmark.core.clips import (
    Clip,
    Fade,
    Source,
    Span,
    Spans,
    count_frames,
    fade_in,
    fade_out,
    gain,
    reverse,
)
from earmark.core.errors import EarmarkError
from earmark.core.tasks import AudioInput

RATE = 48_000
FRAMES = 3000


class Two:
    """A mono and a stereo source, and their samples."""

    def __init__(self, folder: Path) -> None:
        self.sound: dict[str, NDArray[np.float32]] = {}
        self.known: list[Source] = []
        for channels in (1, 2):
            sound = tones(RATE, channels, FRAMES)
            path = write(folder / f"{channels}.wav", "wav-float", sound, RATE)
            source = import_file(path)
            self.known.append(source)
            self.sound[source.id] = sound
        self.sources = Sources(folder / "cache")
        self.readers: Readers = self.sources.readers(self.known)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    """Sources that all examples of a property share."""
    made = Two(tmp_path_factory.mktemp("render"))
    yield made
    made.sources.close()


@st.composite
def span_lists(draw: st.DrawFn) -> list[tuple[int | None, Span]]:
    """Which source, and a span of it."""
    spans = []
    for _ in range(draw(st.integers(1, 6))):
        which = draw(st.sampled_from([None, 0, 1]))
        frames = draw(st.integers(1, 500))
        offset = 0 if which is None else draw(st.integers(0, FRAMES - frames))
        fades = draw(
            st.lists(
                st.builds(Fade, st.integers(0, 50), st.just(600), st.booleans()),
                max_size=2,
            )
        )
        silent = which is None
        spans.append(
            (
                which,
                Span(
                    None if silent else "?",
                    offset,
                    frames,
                    gain_db=0.0 if silent else draw(st.sampled_from([0.0, -6.0, 3.5])),
                    reverse=False if silent else draw(st.booleans()),
                    fades=() if silent else tuple(fades),
                ),
            )
        )
    return spans


def by_definition(spans: Spans, channels: int, two: Two) -> NDArray[np.float32]:
    """A clip frame by frame, as `Span` says it."""
    rows: list[Any] = []
    for span in spans:
        for i in range(span.frames):
            if span.source is None:
                rows.append(np.zeros(channels))
                continue
            sound = two.sound[span.source]
            at = span.offset + (span.frames - 1 - i if span.reverse else i)
            heard = sound[at] * span.gains(i, i + 1)[0]
            rows.append([heard[c % sound.shape[1]] for c in range(channels)])
    return np.array(rows, np.float32)


@given(picked=span_lists(), channels=st.integers(1, 3), data=st.data())
def test_any_range_is_what_the_spans_say(
    two: Two, picked: list[tuple[int | None, Span]], channels: int, data: st.DataObject
) -> None:
    spans = tuple(
        span
        if which is None
        else Span(
            two.known[which].id,
            span.offset,
            span.frames,
            span.gain_db,
            span.reverse,
            span.fades,
        )
        for which, span in picked
    )
    whole = by_definition(spans, channels, two)
    start = data.draw(st.integers(-100, len(whole) + 100))
    frames = data.draw(st.integers(0, len(whole) + 200))
    framed = np.pad(whole, ((100, 400 + frames), (0, 0)))
    expected = framed[start + 100 : start + 100 + frames]
    found = render.read(spans, RATE, channels, two.readers, start, frames)
    assert found.shape == (frames, channels)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def edited(two: Two) -> Spans:
    """Some of each edit."""
    stereo, mono = two.known[1].id, two.known[0].id
    spans: Spans = (Span(stereo, 0, 2000), Span(None, 0, 100), Span(mono, 500, 900))
    spans = reverse(gain(spans, 1500, 2500, -3.0), 300, 700)
    return fade_out(fade_in(spans, 0, 400), 2200, 3000)


def test_blocks_put_together_are_the_whole(two: Two) -> None:
    spans = edited(two)
    total = count_frames(spans)
    whole = render.read(spans, RATE, 2, two.readers, 0, total)
    for size in (1, 256, 10_000):
        parts = list(render.blocks(spans, RATE, 2, two.readers, 10, total, size))
        np.testing.assert_array_equal(np.concatenate(parts), whole[10:])
        assert all(len(part) == size for part in parts[:-1])


def job_input(two: Two, **fields: Any) -> AudioInput:
    """The input of a job on an edited clip."""
    spans = edited(two)
    values: dict[str, Any] = {"start": 100, "stop": 2900, "channel": None} | fields
    return AudioInput(1, "clip", RATE, 2, spans, tuple(two.known), **values)


def test_a_job_gets_its_range_mixed_or_one_channel(two: Two) -> None:
    given = job_input(two)
    both = render.read(given.spans, RATE, 2, two.readers, 100, 2800)
    np.testing.assert_allclose(
        render.read_input(given, None, False, two.readers), both, atol=1e-6
    )
    mono = render.read_input(given, None, True, two.readers)
    np.testing.assert_allclose(mono, both.mean(axis=1), atol=1e-6)
    right = job_input(two, channel=1)
    np.testing.assert_allclose(
        render.read_input(right, None, True, two.readers), both[:, 1], atol=1e-6
    )
    later = render.read_input(given, None, True, two.readers, start=1000)
    np.testing.assert_allclose(later, both[900:].mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("rate", [16_000, 44_100, 96_000])
def test_changing_the_rate_in_blocks_leaves_no_seams(two: Two, rate: int) -> None:
    given = job_input(two)
    whole = render.read_input(given, rate, True, two.readers)
    assert abs(len(whole) - 2800 * rate / RATE) <= 1
    small = render.input_blocks(given, rate, True, two.readers, block_frames=100)
    np.testing.assert_allclose(np.concatenate(list(small)), whole, atol=1e-5)


def flaws_of(given: AudioInput, readers: Readers) -> Flaws:
    """What a job is told of the flaws in its audio."""
    flaws = Flaws()
    for _ in render.input_blocks(given, 16_000, True, readers, flaws=flaws):
        pass
    return flaws


def test_flaws_are_those_of_the_sources_in_the_places_of_the_clip(
    tmp_path: Path,
) -> None:
    sound = np.full((1000, 2), 0.25, np.float32)
    sound[100:110, 0] = 1.0
    sound[200:205, 1] = np.nan
    path = write(tmp_path / "a.wav", "wav-float", sound, RATE)
    source = import_file(path)
    spans: Spans = (Span(source.id, 0, 1000),)
    # Quieter, the other way round, and behind silence.
    spans = (Span(None, 0, 500), *reverse(gain(spans, 0, 1000, -12.0), 0, 1000))
    whole = AudioInput(1, "clip", RATE, 2, spans, (source,), 0, 1500)
    sources = Sources(tmp_path / "cache")
    readers = sources.readers([source])
    try:
        both = flaws_of(whole, readers)
        left = flaws_of(replace(whole, channel=0), readers)
    finally:
        sources.close()
    assert both.runs("clipped", 0, 1500).tolist() == [[1390, 1400]]
    assert both.runs("unreadable", 0, 1500).tolist() == [[1295, 1300]]
    assert left.runs("clipped", 0, 1500).tolist() == [[1390, 1400]]
    assert left.runs("unreadable", 0, 1500).tolist() == []


def test_an_empty_range_gives_no_samples(two: Two) -> None:
    empty = job_input(two, start=50, stop=50)
    assert render.read_input(empty, 16_000, True, two.readers).shape == (0,)
    assert render.read_input(empty, None, False, two.readers).shape == (0, 2)


def test_a_source_of_another_rate_is_refused(two: Two) -> None:
    with pytest.raises(EarmarkError, match="48000 Hz cannot be played"):
        render.read(edited(two), 44_100, 2, two.readers, 0, 10)


def test_a_clip_is_exported_whole_or_in_part(two: Two, tmp_path: Path) -> None:
    clip = Clip(1, "clip", RATE, 2, edited(two))
    info = render.export(clip, two.readers, tmp_path / "a.wav", subtype="FLOAT")
    read, _ = soundfile.read(info.path, dtype="float32")
    whole = render.read(clip.spans, RATE, 2, two.readers, 0, clip.frames)
    np.testing.assert_array_equal(read, whole)
    part = render.export(
        clip, two.readers, tmp_path / "b.flac", 1000, 2000, rate=16_000, mono=True
    )
    assert (part.rate, part.channels) == (16_000, 1)
    assert abs(part.frames - 333) <= 1
    assert probe(part.path).frames == part.frames


def test_an_export_never_overwrites_what_the_clip_is_made_of(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "own.wav", "wav-16", tones(RATE, 1, 1000), RATE)
    before = path.read_bytes()
    source = import_file(path)
    sources = Sources(tmp_path / "cache")
    clip = Clip(1, "cut", RATE, 1, (Span(source.id, 0, 500),))
    with pytest.raises(EarmarkError, match="is a recording that “cut” is made of"):
        render.export(clip, sources.readers([source]), tmp_path / "own.wav")
    (tmp_path / "other.wav").symlink_to(path)
    with pytest.raises(EarmarkError, match="Choose another name"):
        render.export(clip, sources.readers([source]), tmp_path / "other.wav")
    assert path.read_bytes() == before
    sources.close()


def test_nothing_to_export_is_a_clear_error(two: Two, tmp_path: Path) -> None:
    clip = Clip(1, "clip", RATE, 2, edited(two))
    with pytest.raises(EarmarkError, match="the range is empty"):
        render.export(clip, two.readers, tmp_path / "a.wav", 500, 500)
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_is_ended_leaves_nothing_behind(tmp_path: Path) -> None:
    class Enough(Exception):  # noqa: N818 - nothing is wrong
        pass

    clip = Clip(1, "silence", RATE, 1, (Span(None, 0, 3 * render.BLOCK),))
    told: list[int] = []

    def step(count: int) -> None:
        told.append(count)
        if len(told) == 2:
            raise Enough

    with pytest.raises(Enough):
        render.export(
            clip, Sources(tmp_path).readers([]), tmp_path / "a.wav", step=step
        )

    assert told == [4 * render.BLOCK] * 2
    assert list(tmp_path.iterdir()) == []


def test_an_export_waits_for_what_is_still_decoded(tmp_path: Path) -> None:
    sound = tones(RATE, 1, 200_000)
    source = import_file(write(tmp_path / "a.flac", "flac-16", sound, RATE))
    sources = Sources(tmp_path / "cache")
    clip = Clip(1, "clip", RATE, 1, (Span(source.id, 0, 200_000),))
    info = render.export(clip, sources.readers([source]), tmp_path / "b.wav")
    read, _ = soundfile.read(info.path, dtype="float32", always_2d=True)
    np.testing.assert_allclose(read, sound, atol=2.0**-15)
    sources.close()
