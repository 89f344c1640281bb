"""Tiny checkpoints of the families that classify or embed audio.

As in `checkpoints`, each folder is as the hub holds it. The weights are random but
always the same, and large enough that the scores of different sounds differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import transformers as hf

hf.logging.set_verbosity_error()
hf.logging.disable_progress_bar()

_WAV2VEC2: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "classifier_proj_size": 16,
    "mask_time_prob": 0.0,
}
_X_VECTOR: dict[str, Any] = {
    "tdnn_dim": (16, 16, 16, 16, 32),
    "tdnn_kernel": (5, 3, 3, 1, 1),
    "tdnn_dilation": (1, 2, 3, 1, 1),
    "xvector_output_dim": 24,
}
_STEMS = {
    "wav2vec2": "Wav2Vec2",
    "hubert": "Hubert",
    "distilhubert": "Hubert",
    "wavlm": "WavLM",
    "xlsr": "Wav2Vec2",
    "conformer": "Wav2Vec2Conformer",
}
_VARIANTS: dict[str, dict[str, Any]] = {
    "distilhubert": {"feat_proj_layer_norm": False},
    # The large ones normalise each layer: XLS-R, and MMS after it.
    "xlsr": {
        "feat_extract_norm": "layer",
        "do_stable_layer_norm": True,
        "conv_bias": True,
    },
}

FAMILIES = ("ast", "whisper", *_STEMS)
"""What `classifier` can make."""


def classifier(folder: Path, family: str, names: Sequence[str]) -> None:
    """An audio classifier of a family with the classes `names`."""
    labels = {
        "num_labels": len(names),
        "id2label": dict(enumerate(names)),
        "label2id": {name: index for index, name in enumerate(names)},
    }
    torch.manual_seed(3)
    if family == "ast":
        config = hf.ASTConfig(
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_length=128,
            num_mel_bins=128,
            **labels,
        )
        model: Any = hf.ASTForAudioClassification(config)
        extractor: Any = hf.ASTFeatureExtractor(max_length=128)
    elif family == "whisper":
        config = hf.WhisperConfig(
            d_model=16,
            encoder_layers=2,
            encoder_attention_heads=2,
            encoder_ffn_dim=32,
            decoder_layers=1,
            decoder_attention_heads=2,
            decoder_ffn_dim=32,
            classifier_proj_size=16,
            use_weighted_layer_sum=True,
            **labels,
        )
        model = hf.WhisperForAudioClassification(config)
        extractor = hf.WhisperFeatureExtractor()
    else:
        stem = _STEMS[family]
        more = _VARIANTS.get(family, {})
        config = getattr(hf, f"{stem}Config")(**_WAV2VEC2, **more, **labels)
        model = getattr(hf, f"{stem}ForSequenceClassification")(config)
        extractor = hf.Wav2Vec2FeatureExtractor(return_attention_mask=True)
    with torch.no_grad():
        if family != "ast":
            model.classifier.weight.mul_(20)
    model.eval().save_pretrained(folder)
    extractor.save_pretrained(folder)


def x_vectors(folder: Path, family: str) -> None:
    """A speaker-verification model, "wavlm" or "wav2vec2"."""
    stem = _STEMS[family]
    torch.manual_seed(3)
    config = getattr(hf, f"{stem}Config")(**_WAV2VEC2, **_X_VECTOR, num_labels=4)
    getattr(hf, f"{stem}ForXVector")(config).eval().save_pretrained(folder)
    hf.Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(folder)


def decide(folder: Path, index: int) -> None:
    """Make a classifier that was saved take everything for one of its classes."""
    path = folder / "model.safetensors"
    weights = safetensors.torch.load_file(path)
    last = "classifier.dense" if "classifier.dense.weight" in weights else "classifier"
    weights[f"{last}.weight"].zero_()
    weights[f"{last}.bias"].zero_()
    weights[f"{last}.bias"][index] = 5.0
    safetensors.torch.save_file(weights, path, metadata={"format": "pt"})
