"""BEATs beside the numbers of its makers' code, on weights that are a pattern.

The numbers were computed by the module of speechbrain 1.1.2, which is the code of
https://github.com/microsoft/unilm/tree/master/beats with another way of reading.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray
from plugins.runners import Runners
from transformers.models.t5.modeling_t5 import T5Attention

from earmark.core.errors import EarmarkError
from earmark.core.tasks import ModelRef
from earmark.models.convert import convert_pickles
from earmark_plugins.networks.beats import (
    Beats,
    batch_of,
    distance_buckets,
    features,
)

CONFIG: dict[str, Any] = {
    "embed_dim": 12,
    "input_patch_size": 16,
    "conv_bias": False,
    "encoder_layers": 2,
    "encoder_embed_dim": 16,
    "encoder_ffn_embed_dim": 24,
    "encoder_attention_heads": 2,
    "activation_fn": "gelu",
    "layer_norm_first": False,
    "deep_norm": True,
    "conv_pos": 16,
    "conv_pos_groups": 4,
    "relative_position_embedding": True,
    "num_buckets": 32,
    "max_distance": 64,
    "gru_rel_pos": True,
    "finetuned_model": True,
    "predictor_class": 3,
}
MIDS = {0: "/m/0bt9lr", 1: "/m/01yrx", 2: "/m/0k4j"}
PROBABILITIES = [0.949733555, 0.766143143, 0.097922035]
FIRST_PATCH = [-0.85307038, 2.54610372, 0.97968847, -1.23262358]
LAST_PATCH = [-0.96015525, -0.52705139, 0.14307368, -0.53463942]


def published(config: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Weights with the names that checkpoints have; each is a sine of its own."""
    shapes = {
        name: tuple(tensor.shape) for name, tensor in Beats(config).state_dict().items()
    }
    kernel = shapes.pop("encoder.pos_conv.0.weight")
    shapes["encoder.pos_conv.0.weight_v"] = kernel
    shapes["encoder.pos_conv.0.weight_g"] = (1, 1, kernel[-1])
    biases = shapes.pop("encoder.relative_attention_bias.weight")
    for layer in range(config["encoder_layers"]):
        prefix = f"encoder.layers.{layer}.self_attn"
        shapes[f"{prefix}.relative_attention_bias.weight"] = biases
    weights = {}
    for number, name in enumerate(sorted(shapes)):
        shared = name.endswith("relative_attention_bias.weight")
        angles = np.arange(np.prod(shapes[name])) * 0.7 + (99 if shared else number)
        values = torch.from_numpy(np.sin(angles).astype(np.float32) * np.float32(0.5))
        if name.endswith("norm.weight"):
            values = values * 0.4 + 1
        if name.endswith("weight_g"):
            values = values.abs() + 0.5
        weights[name] = values.reshape(shapes[name])
    return weights


def second() -> NDArray[np.float32]:
    """A dying tone and a rising one."""
    time_s = np.arange(16000) / 16000
    dying = 0.3 * np.sin(2 * np.pi * 440 * time_s) * np.exp(-3 * time_s)
    rising = 0.05 * np.sin(2 * np.pi * 3000 * time_s * time_s)
    return (dying + rising).astype(np.float32)


@pytest.fixture
def checkpoint(tmp_path: Path) -> ModelRef:
    """A checkpoint as it is published, made into safetensors on its way in."""
    return imported(tmp_path, {"cfg": CONFIG, "label_dict": MIDS}, CONFIG)


def imported(folder: Path, rest: dict[str, Any], config: dict[str, Any]) -> ModelRef:
    torch.save({**rest, "model": published(config)}, folder / "BEATs.pt")
    model = folder / "model"
    model.mkdir()
    convert_pickles(folder, ["BEATs.pt"], model, lambda: False)
    return ModelRef("tiny-beats", "beats", model)


def test_it_gives_the_numbers_of_its_makers(
    checkpoint: ModelRef, run_task: Runners, tmp_path: Path
) -> None:
    recording = tmp_path / "tones.wav"
    soundfile.write(recording, second(), 16000, subtype="FLOAT")
    run = run_task("audio-events", checkpoint, recording, threshold=0)
    found = {each.text: each.score for each in run.tier("events")}
    expected = dict(zip(("Dog", "Cat", "Car"), PROBABILITIES, strict=True))
    assert found == pytest.approx(expected, abs=1e-5)
    assert run.text("events").text == "Dog"
    assert run.context.used == ("cpu", "float32")
    ((network, _),) = (entry.loaded for entry in run_task.models._entries.values())
    with torch.inference_mode():
        encoded = network.encode(batch_of([second()]))
    assert encoded.shape == (1, 48, 16)
    assert encoded[0, 0, :4].tolist() == pytest.approx(FIRST_PATCH, abs=1e-3)
    assert encoded[0, -1, -4:].tolist() == pytest.approx(LAST_PATCH, abs=1e-3)


def test_features_are_those_of_kaldi() -> None:
    found = features(second())
    assert found.shape == (98, 128)
    first = [0.02870346, -0.11616591, 0.14645572]
    middle = [-0.97022212, -0.97821480, -1.05824590]
    np.testing.assert_allclose(found[0, :3], first, atol=1e-4)
    np.testing.assert_allclose(found[50, 60:63], middle, atol=1e-4)


@pytest.mark.parametrize(
    "change",
    [{"gru_rel_pos": False}, {"relative_position_embedding": False}, {"embed_dim": 16}],
)
def test_a_batch_is_scored_as_each_alone(change: dict[str, Any]) -> None:
    torch.manual_seed(0)
    network = Beats(CONFIG | change).eval()
    sounds = [second(), second()[::-1].copy()]
    with torch.inference_mode():
        together = network(batch_of(sounds))
        alone = torch.cat([network(batch_of([sound])) for sound in sounds])
    assert together.shape == (2, 3)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_distances_share_buckets_as_in_t5() -> None:
    distances = torch.arange(-900, 900)
    expected = T5Attention._relative_position_bucket(
        distances, num_buckets=320, max_distance=800
    )
    assert torch.equal(distance_buckets(distances, 320, 800), expected)


def test_one_that_tells_no_classes_is_not_for_audio_events(
    run_task: Runners, tmp_path: Path, demo_recording: Path
) -> None:
    config = CONFIG | {"finetuned_model": False}
    model = imported(tmp_path, {"cfg": config}, config)
    with pytest.raises(EarmarkError, match="not trained to tell classes"):
        run_task("audio-events", model, demo_recording)


def test_a_folder_with_other_weights_is_refused(
    checkpoint: ModelRef, run_task: Runners, demo_recording: Path
) -> None:
    assert checkpoint.path is not None
    config = checkpoint.path / "config.json"
    text = config.read_text("utf-8")
    config.write_text(text.replace('"encoder_layers": 2', '"encoder_layers": 3'))
    with pytest.raises(EarmarkError, match="could not be opened"):
        run_task("audio-events", checkpoint, demo_recording)
    config.write_text(text.replace('"gelu"', '"relu"'))
    with pytest.raises(EarmarkError, match="not those of a published BEATs"):
        run_task("audio-events", checkpoint, demo_recording)
    (checkpoint.path / "model.safetensors").write_bytes(b"no weights")
    config.write_text(text)
    with pytest.raises(EarmarkError, match="could not be opened"):
        run_task("audio-events", checkpoint, demo_recording)
