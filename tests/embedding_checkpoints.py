"""Tiny checkpoints of the families that embed sounds, and of CLAP.

As in `checkpoints`, each folder is as the hub holds it, or as the model library makes
it. The weights are random but always the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers as hf
from classifier_checkpoints import classifier, x_vectors
from safetensors.torch import save_file
from tokenizers import pre_tokenizers

from earmark_plugins.networks.beats import Beats
from earmark_plugins.networks.ge2e import SpeakerLstm

FAMILIES = ("wav2vec2", "hubert", "wavlm", "distilhubert", "ast", "whisper")
"""What `classifier` makes whose encoders embed."""

_BEATS: dict[str, Any] = {
    "architectures": ["BEATsModel"],
    "model_type": "beats",
    "embed_dim": 12,
    "input_patch_size": 16,
    "encoder_layers": 2,
    "encoder_embed_dim": 16,
    "encoder_ffn_embed_dim": 24,
    "encoder_attention_heads": 2,
    "deep_norm": True,
    "conv_pos": 16,
    "conv_pos_groups": 4,
    "relative_position_embedding": True,
    "num_buckets": 32,
    "max_distance": 64,
    "gru_rel_pos": True,
}
_GE2E: dict[str, Any] = {
    "architectures": ["GE2ESpeakerEncoder"],
    "model_type": "ge2e",
    "sampling_rate": 16000,
    "n_fft": 400,
    "hop_length": 160,
    "num_mel_bins": 40,
    "mel_low_hz": 0.0,
    "mel_high_hz": 8000.0,
    "mel_scale": "slaney",
    "mel_norm": "slaney",
    "window_frames": 160,
    "windows_per_second": 1.3,
    "min_coverage": 0.75,
    "target_level_db": -30.0,
    "num_hidden_layers": 3,
    "hidden_size": 24,
    "embedding_size": 20,
}


def encoder(folder: Path, family: str) -> None:
    """An encoder of one of `FAMILIES`, with the head of a classifier over it."""
    classifier(folder, family, ["a", "b"])


def speaker_encoder(folder: Path) -> None:
    """A WavLM with x-vectors."""
    x_vectors(folder, "wavlm")


def ge2e(folder: Path) -> None:
    """A GE2E encoder as the model library converts it."""
    _network(folder, SpeakerLstm(_seeded(_GE2E)), _GE2E)


def beats(folder: Path, names: Sequence[str] = ()) -> None:
    """A BEATs as the model library converts it, which tells classes if it has any."""
    config = _BEATS
    if names:
        config = config | {
            "finetuned_model": True,
            "predictor_class": len(names),
            "id2label": {str(index): name for index, name in enumerate(names)},
        }
    _network(folder, Beats(_seeded(config)), config)


def clap(folder: Path, truncation: str = "rand_trunc") -> None:
    """A CLAP; "fusion" makes one that takes long sounds."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: id for id, token in enumerate([*special, *alphabet])}
    tokenizer = hf.RobertaTokenizer(vocab=vocabulary, merges=[], model_max_length=77)
    config = hf.ClapConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 32,
            "max_position_embeddings": 514,
            "projection_dim": 16,
            "pad_token_id": 1,
            "bos_token_id": 0,
            "eos_token_id": 2,
        },
        audio_config={
            "num_mel_bins": 64,
            "spec_size": 256,
            "window_size": 8,
            "patch_size": 4,
            "patch_stride": [4, 4],
            "patch_embeds_hidden_size": 8,
            "hidden_size": 64,
            "depths": [1, 1, 1, 1],
            "num_attention_heads": [1, 1, 1, 1],
            "projection_dim": 16,
            "num_classes": 4,
            "enable_fusion": truncation == "fusion",
        },
        projection_dim=16,
    )
    torch.manual_seed(3)
    model = hf.ClapModel(config).eval()
    extractor = hf.ClapFeatureExtractor(truncation=truncation)
    model.save_pretrained(folder)
    hf.ClapProcessor(extractor, tokenizer).save_pretrained(folder)


def _seeded(config: dict[str, Any]) -> dict[str, Any]:
    torch.manual_seed(3)
    return config


def _network(folder: Path, network: torch.nn.Module, config: dict[str, Any]) -> None:
    folder.mkdir(parents=True)
    weights = {name: each.contiguous() for name, each in network.state_dict().items()}
    save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
