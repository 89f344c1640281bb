"""musiCNN: small ones with random weights, and the trained ones on instruments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import recordings
import soundfile
import torch
from plugins.runners import Runners
from safetensors.torch import save_file

from earmark.core.tasks import ModelRef
from earmark_plugins.networks.musicnn import MelPatches, MusiCnn

CONFIG: dict[str, Any] = {
    "architectures": ["MusiCNN"],
    "model_type": "musicnn",
    "sampling_rate": 16000,
    "n_fft": 512,
    "hop_length": 256,
    "num_mel_bins": 96,
    "mel_low_hz": 0.0,
    "mel_high_hz": 8000.0,
    "mel_scale": "slaney",
    "mel_norm": "slaney",
    "log_scale": 10000.0,
    "window_frames": 62,
    "front_filters": [4, 3, 2],
    "front_kernels": [[7, 38], [32, 1], [4, 1]],
    "middle_filters": 5,
    "middle_kernel": 7,
    "hidden_size": 6,
    "norm_eps": 0.001,
    "id2label": {"0": "guitar", "1": "piano", "2": "slow"},
}


def tiny() -> MusiCnn:
    """Its weights are random, but always the same."""
    torch.manual_seed(4)
    network = MusiCnn(CONFIG).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
    return network


def sounds(*lengths: int) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    random = np.random.default_rng(7)
    return [random.uniform(-1, 1, length).astype(np.float32) for length in lengths]


def test_a_short_sound_is_repeated_until_it_fills_a_patch() -> None:
    patches = MelPatches(CONFIG)
    assert patches.window_s == pytest.approx(0.992)
    found = patches(sounds(15872, 2560))
    assert found.shape == (2, 62, 96)
    frames = 1 + 2560 // 256
    torch.testing.assert_close(found[1, :frames], found[1, frames : 2 * frames])
    assert found.min() >= 0


def test_a_tone_is_loudest_in_its_own_band() -> None:
    time_s = np.arange(15872) / 16000
    tone = (0.5 * np.sin(2 * np.pi * 1000 * time_s)).astype(np.float32)
    (patch,) = MelPatches(CONFIG)([tone])
    # Slaney's scale is even below 1 kHz, which is 15 of its 45.245 steps to 8 kHz.
    assert int(patch[30].argmax()) == round(15 / 45.245 * 97) - 1


def test_a_batch_is_scored_as_each_alone() -> None:
    network, patches = tiny(), MelPatches(CONFIG)
    batch = patches(sounds(15872, 9000, 400))
    with torch.inference_mode():
        together = network(batch)
        alone = torch.cat([network(each[None]) for each in batch])
        embedded = network.embed(batch)
    assert embedded.shape == (3, 6)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
    assert len({tuple(row) for row in together.tolist()}) == 3


def test_samples_far_above_full_scale_are_heard() -> None:
    (patch,) = MelPatches(CONFIG)([1000 * sounds(15872)[0]])
    assert torch.isfinite(patch).all()


def test_its_tags_are_labels_along_time(run_task: Runners, tmp_path: Path) -> None:
    folder = tmp_path / "musicnn"
    folder.mkdir()
    save_file(tiny().state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(CONFIG), "utf-8")
    recording = tmp_path / "noise.wav"
    soundfile.write(recording, sounds(3 * 15872)[0], 16000, subtype="FLOAT")
    model = ModelRef("tiny", "musicnn", folder)
    run = run_task("audio-events", model, recording, threshold=0)
    assert {each.text for each in run.tier("events")} == {"guitar", "piano", "slow"}
    assert all(each.score and 0 < each.score < 1 for each in run.tier("events"))
    assert run.text("events").data["score_kind"] == "sigmoid"


@pytest.mark.weights
def test_instruments_are_told(run_task: Runners, models_folder: Path) -> None:
    model = ModelRef("musicnn-mtt", "musicnn", models_folder / "musicnn-mtt")
    tags = "\n".join(
        dict.fromkeys([*recordings.INSTRUMENTS.values(), "sitar", "harpsichord"])
    )
    files = {path.stem: path for path in recordings.instruments()}
    first = among_three = 0
    for name, tag in recordings.INSTRUMENTS.items():
        run = run_task("audio-events", model, files[name], classes=tags, along="clip")
        scores = list(run.text("events").data["scores"])
        first += scores[0] == tag
        among_three += tag in scores[:3]
    assert first >= 8
    assert among_three == 10
