"""What the speaker encoder hears of a sound."""

from __future__ import annotations

import json
from pathlib import Path

import embedding_checkpoints
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from plugins.runners import Runners

from earmark.api import ModelRef
from earmark_plugins.networks.ge2e import Ge2eEncoder, MelWindows, load_ge2e

RATE = 16_000


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The folder of a tiny encoder."""
    folder = tmp_path / "ge2e"
    embedding_checkpoints.ge2e(folder)
    return folder


@pytest.fixture
def windows(model: Path) -> MelWindows:
    """What it hears."""
    return MelWindows(json.loads((model / "config.json").read_text(encoding="utf-8")))


@pytest.fixture
def encoder(run_task: Runners, model: Path) -> Ge2eEncoder:
    """It and what it hears."""
    chosen = ModelRef("tiny", "ge2e", model)
    context, _ = run_task.start("speaker-identification", chosen)
    return load_ge2e(context)


def noise(seconds: float, level: float = 0.1) -> NDArray[np.float32]:
    """Noise without pauses."""
    chance = np.random.default_rng(0)
    return (level * chance.standard_normal(round(seconds * RATE))).astype(np.float32)


@pytest.mark.parametrize(
    ("seconds", "frames"),
    [
        (0.6, [61]),
        (1.59, [160]),
        (1.95, [160]),
        (1.98, [160, 160]),
        (2.73, [160, 160]),
        (2.76, [160, 160, 160]),
    ],
)
def test_a_last_window_has_three_quarters_of_sound(
    windows: MelWindows, seconds: float, frames: list[int]
) -> None:
    assert [len(window) for window in windows(noise(seconds))] == frames


def test_windows_overlap_by_half(windows: MelWindows) -> None:
    first, second = windows(noise(2.4))
    assert torch.equal(first[77:], second[:-77])


def test_silence_behind_a_short_sound_is_hardly_heard(windows: MelWindows) -> None:
    short = noise(0.6)
    (alone,) = windows(short)
    (before_silence,) = windows(np.concatenate([short, np.zeros(RATE, np.float32)]))
    assert len(before_silence) < len(alone) + 20
    # What little of the silence is left counts for the level.
    louder = before_silence[:59] / alone[:59]
    assert 1.0 < louder.mean() < 1.2
    torch.testing.assert_close(louder, louder.mean().expand_as(louder))


def test_short_pauses_stay_and_long_ones_go(windows: MelWindows) -> None:
    def between(pause_s: float) -> int:
        pause = np.zeros(round(pause_s * RATE), np.float32)
        (heard,) = windows(np.concatenate([noise(0.6), pause, noise(0.6)]))
        return len(heard)

    assert between(0.12) == 133
    assert between(0.3) == between(3.0) == 139


@pytest.mark.parametrize("level", [0.001, 0.03, 0.5])
def test_how_loud_a_sound_is_changes_nothing(windows: MelWindows, level: float) -> None:
    (heard,) = windows(noise(1.0, level))
    (usual,) = windows(noise(1.0, 0.1))
    torch.testing.assert_close(heard, usual, rtol=1e-3, atol=1e-6)


def test_a_sound_has_the_same_vector_alone_and_among_others(
    encoder: Ge2eEncoder,
) -> None:
    sounds = [noise(seconds) for seconds in (0.5, 4.0, 1.2, 1.7)] * 6
    together = encoder.embed(sounds)
    alone = np.concatenate([encoder.embed([sound]) for sound in sounds])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-6)


def test_a_vector_is_the_mean_of_those_of_the_windows(
    encoder: Ge2eEncoder, windows: MelWindows
) -> None:
    sound = noise(2.4)
    (whole,) = encoder.embed([sound])
    first, second = encoder.embed([sound[: 160 * 160], sound[77 * 160 :]])
    assert len(windows(sound)) == 2
    middle = first + second
    assert whole @ (middle / np.linalg.norm(middle)) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("frames", [1, 300, RATE])
def test_silence_has_a_vector_of_numbers(encoder: Ge2eEncoder, frames: int) -> None:
    assert np.isfinite(encoder.embed([np.zeros(frames, np.float32)])).all()
