"""BEATs, an encoder of sounds in general, and its head for AudioSet's classes.

Chen et al., "BEATs: Audio Pre-Training with Acoustic Tokenizers", 2022
(https://arxiv.org/abs/2212.09058), by the names and the settings of its checkpoints
(https://github.com/microsoft/unilm/tree/master/beats).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from earmark.api import Context, log_mel_energies
from earmark_plugins.networks.weights import load_network

RATE = 16000

_SHORTEST_S = 0.5
_FRAME = 400
_BINS = 257
_MELS = 128
_LOWEST_HZ = 20.0
_MEAN, _DEVIATION = 15.41663, 6.55582
"""Of the log-mel energies of AudioSet's 16-bit samples."""

_PRE_NORM = "layer_norm_first"


class Beats(nn.Module):
    """The encoder, and its head if it was trained to tell classes.

    Parameters
    ----------
    config : dict
        As in the `cfg` of a checkpoint.

    Raises
    ------
    ValueError
        If it is a variant that was never published.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        if config.get(_PRE_NORM) or config.get("activation_fn", "gelu") != "gelu":
            raise ValueError("its layers are not those of a published BEATs")
        width, patch = config["encoder_embed_dim"], config["input_patch_size"]
        self.patch_embedding = nn.Conv2d(
            1, config["embed_dim"], patch, patch, bias=config.get("conv_bias", False)
        )
        self.layer_norm = nn.LayerNorm(config["embed_dim"])
        self.post_extract_proj = (
            nn.Linear(config["embed_dim"], width)
            if config["embed_dim"] != width
            else nn.Identity()
        )
        self.encoder = _Encoder(config)
        self.predictor = (
            nn.Linear(width, config["predictor_class"])
            if config.get("finetuned_model")
            else None
        )

    def encode(self, mels: Tensor) -> Tensor:
        """What the encoder makes of a batch of features.

        Parameters
        ----------
        mels : Tensor, float32, shape (batch, frames, 128)
            Made by `features`.

        Returns
        -------
        Tensor, float32, shape (batch, patches, width)
            A patch is 16 frames (0.16 s) of 16 mels.
        """
        patches = self.patch_embedding(mels[:, None]).flatten(2).transpose(1, 2)
        encoded: Tensor = self.encoder(self.post_extract_proj(self.layer_norm(patches)))
        return encoded

    def forward(self, mels: Tensor) -> Tensor:
        """The logits of the classes, shape (batch, classes)."""
        if self.predictor is None:
            raise ValueError("this BEATs was not trained to tell classes")
        logits: Tensor = self.predictor(self.encode(mels)).mean(1)
        return logits


class _Encoder(nn.Module):
    """Transformer layers over a convolutional and a relative position."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width, kernel = config["encoder_embed_dim"], config["conv_pos"]
        convolution = nn.Conv1d(
            width,
            width,
            kernel,
            padding=kernel // 2,
            groups=config["conv_pos_groups"],
        )
        self.pos_conv = nn.Sequential(convolution)
        self.layer_norm = nn.LayerNorm(width)
        heads = config["encoder_attention_heads"]
        relative = bool(config.get("relative_position_embedding"))
        self.relative_attention_bias = (
            nn.Embedding(config["num_buckets"], heads) if relative else None
        )
        self.max_distance = int(config.get("max_distance", 0))
        self.layers = nn.ModuleList(
            _Layer(config) for _ in range(config["encoder_layers"])
        )

    def forward(self, x: Tensor) -> Tensor:
        # A kernel of even length gives one position more than it was given.
        positions = self.pos_conv(x.transpose(1, 2))[..., : x.shape[1]]
        x = self.layer_norm(x + functional.gelu(positions).transpose(1, 2))
        bias = self._bias(x.shape[1])
        for layer in self.layers:
            x = layer(x, bias)
        return x

    def _bias(self, length: int) -> Tensor | None:
        """What is added to the attention by distance, shape (heads, length, length)."""
        table = self.relative_attention_bias
        if table is None:
            return None
        positions = torch.arange(length, device=table.weight.device)
        buckets = distance_buckets(
            positions[None, :] - positions[:, None],
            table.num_embeddings,
            self.max_distance,
        )
        bias: Tensor = table(buckets).permute(2, 0, 1)
        return bias


class _Layer(nn.Module):
    """Attention and two dense layers, each with a weighed way around (DeepNorm)."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width, inner = config["encoder_embed_dim"], config["encoder_ffn_embed_dim"]
        self.self_attn = _Attention(config)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)
        self.final_layer_norm = nn.LayerNorm(width)
        deep = config.get("deep_norm")
        self.around = (2 * config["encoder_layers"]) ** 0.25 if deep else 1.0

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        x = self.self_attn_layer_norm(x * self.around + self.self_attn(x, bias))
        dense = self.fc2(functional.gelu(self.fc1(x)))
        given: Tensor = self.final_layer_norm(x * self.around + dense)
        return given


class _Attention(nn.Module):
    """Self-attention whose relative position is gated by the query (as in WavLM)."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width, self.heads = (
            config["encoder_embed_dim"],
            config["encoder_attention_heads"],
        )
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)
        self.gated = bool(config.get("gru_rel_pos"))
        if self.gated:
            self.grep_linear = nn.Linear(width // self.heads, 8)
            self.grep_a = nn.Parameter(torch.ones(1, self.heads, 1, 1))

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        query, key, value = (
            projection(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        if bias is not None:
            bias = bias[None]
            if self.gated:
                gates = self.grep_linear(query).unflatten(-1, (2, 4)).sum(-1).sigmoid()
                first, second = gates.chunk(2, dim=-1)
                bias = (first * (second * self.grep_a - 1.0) + 2.0) * bias
        heard = functional.scaled_dot_product_attention(query, key, value, bias)
        given: Tensor = self.out_proj(heard.transpose(1, 2).flatten(2))
        return given


def distance_buckets(distances: Tensor, buckets: int, longest: int) -> Tensor:
    """The bucket of each distance: half of them are for those ahead.

    Of each half, half are for one distance each and the others are wider the further
    away they are, as in T5 (Raffel et al. 2020).

    Parameters
    ----------
    distances : Tensor, int64
    buckets : int
    longest : int
        Distances from here on share the last bucket.
    """
    half = buckets // 2
    exact = half // 2
    away = distances.abs()
    ratio = (away.float() / exact).log() / math.log(longest / exact)
    wide = exact + (ratio * (half - exact)).clamp(min=0).long()
    near = torch.where(away < exact, away, wide.clamp(max=half - 1))
    return near + (distances > 0).long() * half


def features(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The normalised log-mel energies of a sound.

    Parameters
    ----------
    samples : ndarray, float32, shape (frames,)
        At 16 kHz, no shorter than a patch: 0.175 s; full scale is 1.

    Returns
    -------
    ndarray, float32, shape (frames, 128)
        A frame each 10 ms.
    """
    window, filters = _window_and_filters()
    mels = log_mel_energies(samples * np.float32(1 << 15), window, filters)
    return (mels - np.float32(_MEAN)) / np.float32(2 * _DEVIATION)


@lru_cache(maxsize=1)
def _window_and_filters() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Kaldi's own window, and triangles that are even on its mel scale."""
    window = np.hanning(_FRAME) ** 0.85
    hz = np.arange(_BINS) * RATE / 2 / (_BINS - 1)
    mel = 1127.0 * np.log1p(hz / 700.0)
    lowest, highest = 1127.0 * np.log1p(np.array([_LOWEST_HZ, RATE / 2]) / 700.0)
    edges = np.linspace(lowest, highest, _MELS + 2)[:, None]
    rise = (mel - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - mel) / (edges[2:] - edges[1:-1])
    return window, np.maximum(0.0, np.minimum(rise, fall)).T


def batch_of(windows: Sequence[NDArray[np.float32]]) -> Tensor:
    """The features of sounds of one length, shape (sounds, frames, 128).

    Less than half a second is filled up with silence.
    """
    missing = max(0, round(_SHORTEST_S * RATE) - len(windows[0]))
    heard = [features(np.pad(window, (0, missing))) for window in windows]
    return torch.from_numpy(np.stack(heard))


def load_beats(ctx: Context) -> tuple[Beats, dict[str, Any]]:
    """The network of the job's model, and its settings.

    Raises
    ------
    EarmarkError
        If the folder does not hold such a model.
    """
    return load_network(ctx, Beats, _renamed)


def _renamed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights without what they hold twice.

    The convolution's weight is stored as a direction and a length, and each layer has
    the same biases by distance.
    """
    direction = "encoder.pos_conv.0.weight_v"
    if direction in weights:
        vectors = weights.pop(direction)
        length = weights.pop("encoder.pos_conv.0.weight_g")
        norm = vectors.norm(dim=(0, 1), keepdim=True)
        weights["encoder.pos_conv.0.weight"] = vectors * (length / norm)
    shared = "self_attn.relative_attention_bias.weight"
    for name in [name for name in weights if name.endswith(shared)]:
        weights["encoder.relative_attention_bias.weight"] = weights.pop(name)
    return weights
