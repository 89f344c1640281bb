"""musiCNN, which tells instruments, genres and moods of music.

Pons and Serra, "musicnn: Pre-trained convolutional neural networks for music audio
tagging", 2019 (https://arxiv.org/abs/1909.06654).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from earmark.api import WORKERS, Context
from earmark_plugins.networks.mel import MelEnergies
from earmark_plugins.networks.weights import load_network

PATCHES = 8
"""That are computed at once where more gain nothing."""


class MusiCnn(nn.Module):
    """Filters for timbre and for tempo, dense layers over time, and a dense head.

    Parameters
    ----------
    config : dict
        As in the `config.json` of a converted model.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        eps, kernel = float(config["norm_eps"]), int(config["middle_kernel"])
        front, middle = config["front_filters"], int(config["middle_filters"])
        self.input_norm = nn.BatchNorm2d(1, eps)
        self.front = nn.ModuleList(
            _Filters(filters, tuple(size), eps)
            for filters, size in zip(front, config["front_kernels"], strict=True)
        )
        widths = (sum(front), middle, middle)
        self.middle = nn.ModuleList(
            _Filters(middle, (kernel, width), eps) for width in widths
        )
        pooled, hidden = 2 * (sum(front) + 3 * middle), int(config["hidden_size"])
        self.pool_norm = nn.BatchNorm1d(pooled, eps)
        self.dense = nn.Linear(pooled, hidden)
        self.dense_norm = nn.BatchNorm1d(hidden, eps)
        self.output = nn.Linear(hidden, len(config["id2label"]))

    def embed(self, mels: Tensor) -> Tensor:
        """What the last dense layer makes of a batch of features.

        Parameters
        ----------
        mels : Tensor, float32, shape (batch, frames, mels)
            Made by `features`.

        Returns
        -------
        Tensor, float32, shape (batch, hidden)
        """
        x = self.input_norm(mels[:, None])
        front = [filters(x).amax(3) for filters in self.front]
        layer = torch.cat(front, 1).transpose(1, 2)
        layers = [layer]
        around: Tensor | None = None
        for filters in self.middle:
            layer = filters(layer[:, None])[..., 0].transpose(1, 2)
            if around is not None:
                layer = layer + around
            around = layer
            layers.append(layer)
        over_time = torch.cat(layers, 2)
        pooled = torch.stack([over_time.amax(1), over_time.mean(1)], 2).flatten(1)
        hidden: Tensor = functional.relu(self.dense(self.pool_norm(pooled)))
        return hidden

    def forward(self, mels: Tensor) -> Tensor:
        """The logits of the tags, shape (batch, tags)."""
        logits: Tensor = self.output(self.dense_norm(self.embed(mels)))
        return logits


class _Filters(nn.Module):
    """A convolution, as long as its input, rectified and normalised."""

    def __init__(self, outputs: int, kernel: tuple[int, ...], eps: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, outputs, (kernel[0], kernel[1]))
        self.norm = nn.BatchNorm2d(outputs, eps)
        self._edges = (0, 0, (kernel[0] - 1) // 2, kernel[0] // 2)

    def forward(self, x: Tensor) -> Tensor:
        found = self.conv(functional.pad(x, self._edges))
        given: Tensor = self.norm(functional.relu(found))
        return given


class MelPatches:
    """What musiCNN hears of sounds: their log-mel spectra in patches of one length.

    Parameters
    ----------
    config : dict
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self._energies = MelEnergies(config)
        self.rate, self.hop = self._energies.rate, self._energies.hop
        self.frames = int(config["window_frames"])
        self._scale = float(config["log_scale"])

    @property
    def window_s(self) -> float:
        """Length of a patch."""
        return self.frames * self.hop / self.rate

    def __call__(self, windows: Sequence[NDArray[np.float32]]) -> Tensor:
        """The patches of sounds; a shorter one is repeated until it is full.

        Parameters
        ----------
        windows : sequence of ndarray, float32, shape (samples,)

        Returns
        -------
        Tensor, float32, shape (windows, frames, mels)
        """
        return torch.stack([self._patch(window) for window in windows])

    def _patch(self, window: NDArray[np.float32]) -> Tensor:
        energies = self._energies(window)
        # The network was trained on energies that had been stored as float16.
        stored = energies.clamp(max=torch.finfo(torch.float16).max).half().float()
        mels = torch.log10(self._scale * stored + 1)
        repeats = -(-self.frames // len(mels))
        return mels.repeat(repeats, 1)[: self.frames]


def load_musicnn(ctx: Context) -> tuple[MusiCnn, dict[str, Any]]:
    """The network of the job's model, and its settings.

    Raises
    ------
    EarmarkError
        If the folder does not hold such a model.
    """
    return load_network(ctx, MusiCnn)


def computed_at_once(ctx: Context) -> tuple[int, int]:
    """How many patches the network computes at once, and on how many threads.

    What its wide filters give for a patch fills a processor's cache, and so little is
    not worth sharing out: a processor computes one after the other on each thread.
    """
    if ctx.device != "cpu":
        return PATCHES, 1
    return 1, 1 if ctx.small else WORKERS
