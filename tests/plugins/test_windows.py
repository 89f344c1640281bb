"""Where a recording is cut for a recognizer, and how times find back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark_plugins.speech.transcript import RATE, Samples, Segment, Word
from earmark_plugins.speech.windows import (
    Stretch,
    Window,
    speech_windows,
)


def in_blocks(samples: Samples, sizes: list[int]) -> Iterator[Samples]:
    """Samples in blocks of these sizes, over and over."""
    start = index = 0
    while start < len(samples):
        size = sizes[index % len(sizes)]
        yield samples[start : start + size]
        start += size
        index += 1


def windows(
    samples: Samples,
    *,
    window_s: float = 30.0,
    fill: bool = True,
    vad: bool = True,
    block: int = 60 * RATE,
) -> list[Window]:
    """All windows of some samples."""
    blocks = in_blocks(samples, [block])
    return list(
        speech_windows(blocks, window_s=window_s, fill=fill, vad=vad, threshold=0.5)
    )


@pytest.fixture(scope="session")
def speech(demo_recording: Path) -> Samples:
    """A real voice, 5 s of it, at `RATE`."""
    samples, rate = soundfile.read(demo_recording, dtype="float32")
    return soxr.resample(samples, rate, RATE)[: 5 * RATE].astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(
    length=st.integers(1, 40 * RATE // 10),
    sizes=st.lists(st.integers(1, 2 * RATE), min_size=1, max_size=4),
    fill=st.booleans(),
)
def test_without_voice_detection_nothing_is_left_out(
    length: int, sizes: list[int], fill: bool
) -> None:
    samples = np.random.default_rng(0).standard_normal(length).astype(np.float32)
    found = speech_windows(
        in_blocks(samples, sizes), window_s=1.0, fill=fill, vad=False, threshold=0.5
    )
    at = 0
    for window in found:
        assert len(window.samples) <= RATE
        for stretch in window.stretches:
            assert stretch.start == at
            at += len(stretch.samples)
            assert (samples[stretch.start : at] == stretch.samples).all()
    assert at == length


def test_long_sound_is_cut_where_it_is_quiet() -> None:
    samples = np.full(3 * RATE, 0.5, np.float32)
    samples[int(1.4 * RATE) : int(1.8 * RATE)] = 0
    first = windows(samples, window_s=2.0, fill=False, vad=False)[0]
    assert 1.4 <= len(first.samples) / RATE <= 1.8


def test_silence_has_no_speech() -> None:
    found = windows(np.zeros(90 * RATE, np.float32))
    assert all(not window.stretches for window in found)
    assert found[-1].stop_s == pytest.approx(90)


def test_noise_and_tones_have_no_speech() -> None:
    random = np.random.default_rng(0)
    noise = 0.1 * random.standard_normal(10 * RATE).astype(np.float32)
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(10 * RATE) / RATE)
    sound = np.concatenate([noise, tone.astype(np.float32)])
    assert all(not window.stretches for window in windows(sound))


def test_an_empty_recording_has_no_speech() -> None:
    assert all(not window.stretches for window in windows(np.zeros(0, np.float32)))


@pytest.mark.parametrize("block_s", [1.5, 7.0, 60.0])
def test_speech_is_found_where_it_is(speech: Samples, block_s: float) -> None:
    silence = np.zeros(10 * RATE, np.float32)
    sound = np.concatenate([silence, speech, silence, speech, silence])
    found = windows(sound, block=int(block_s * RATE))
    stretches = [stretch for window in found for stretch in window.stretches]
    heard = np.zeros(len(sound), bool)
    for stretch in stretches:
        assert not heard[stretch.start : stretch.start + len(stretch.samples)].any()
        heard[stretch.start : stretch.start + len(stretch.samples)] = True
    assert heard[10 * RATE + RATE // 2 : 14 * RATE].mean() > 0.7
    assert heard[25 * RATE + RATE // 2 : 29 * RATE].mean() > 0.7
    assert not heard[: 9 * RATE].any()
    assert not heard[17 * RATE : 24 * RATE].any()


def test_windows_are_filled_only_where_that_pays(speech: Samples) -> None:
    silence = np.zeros(3 * RATE, np.float32)
    sound = np.concatenate([speech[: 2 * RATE], silence, speech[: 2 * RATE], silence])
    (filled,) = (window for window in windows(sound) if window.stretches)
    assert len(filled.stretches) == 2
    single = [window for window in windows(sound, fill=False) if window.stretches]
    assert [len(window.stretches) for window in single] == [1, 1]


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        ((0.5, 1.0), (10.5, 11.0)),
        ((1.5, 2.5), (11.5, 20.5)),
        ((2.0, 3.0), (20.0, 21.0)),
        ((1.0, 2.0), (11.0, 12.0)),
        ((2.5, 99.0), (20.5, 21.0)),
    ],
    ids=["in the first", "across", "in the second", "up to the joint", "beyond"],
)
def test_times_in_a_window_find_back_to_the_recording(
    inside: tuple[float, float], outside: tuple[float, float]
) -> None:
    two, one = np.zeros(2 * RATE, np.float32), np.zeros(RATE, np.float32)
    window = Window((Stretch(10 * RATE, two), Stretch(20 * RATE, one)), 21.0)
    segment = window.place(Segment(*inside, "a", 0.5, (Word(*inside, "a", 0.5),)))
    assert (segment.start_s, segment.stop_s) == outside
    assert segment.words == (Word(*outside, "a", 0.5),)
