"""CLAP, which puts sounds and descriptions of them into one space.

Wu et al., "Large-Scale Contrastive Language-Audio Pretraining with Feature Fusion and
Keyword-to-Caption Augmentation", 2023 (https://arxiv.org/abs/2211.06687).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoFeatureExtractor, AutoTokenizer, ClapModel

from earmark.api import Context
from earmark_plugins.networks.pretrained import load_pretrained

Samples = NDArray[np.float32]
Vectors = NDArray[np.float32]

_SHORTEST_S = 0.5
"""Less is filled up with silence before it is repeated."""


class Clap:
    """The model with what prepares its sounds and its texts.

    Attributes
    ----------
    rate : int
        What it wants, in Hz.
    window_s : float
        What it can take at most; of more it would hear a part at random.
    scale : float
        A cosine times this is a logit.
    """

    def __init__(self, model: Any, extractor: Any, tokenizer: Any) -> None:
        self._model = model
        self._extractor = extractor
        self._tokenizer = tokenizer
        self.rate = int(extractor.sampling_rate)
        self.window_s = float(extractor.nb_max_samples / extractor.sampling_rate)
        self.scale = float(model.logit_scale_a.detach().exp())

    def features(self, windows: Sequence[Samples]) -> Any:
        """What `sounds` takes, of windows no longer than `window_s`.

        Parameters
        ----------
        windows : sequence of ndarray, float32, shape (frames,)
        """
        shortest = round(_SHORTEST_S * self.rate)
        heard = [
            np.pad(window, (0, max(0, shortest - len(window)))) for window in windows
        ]
        features = self._extractor(heard, sampling_rate=self.rate, return_tensors="pt")
        # Where no window is long the extractor calls one of them long, by chance; a
        # window that is alone is always the one.
        if self._extractor.truncation == "fusion":
            features["is_longer"] = torch.ones_like(features["is_longer"])
        return features

    @torch.inference_mode()
    def sounds(self, features: Any) -> Vectors:
        """The unit vectors of sounds, float32, shape (windows, dimensions)."""
        found = self._model.get_audio_features(
            **features.to(self._model.device, self._model.dtype)
        )
        vectors: Vectors = found.pooler_output.float().cpu().numpy()
        return vectors

    @torch.inference_mode()
    def texts(self, texts: Sequence[str]) -> Vectors:
        """The unit vectors of descriptions, float32, shape (texts, dimensions)."""
        tokens = self._tokenizer(
            list(texts), return_tensors="pt", padding=True, truncation=True
        )
        found = self._model.get_text_features(**tokens.to(self._model.device))
        vectors: Vectors = found.pooler_output.float().cpu().numpy()
        return vectors


def load_clap(ctx: Context) -> Clap:
    """The job's model.

    Raises
    ------
    EarmarkError
        If the folder does not hold such a model.
    """
    return Clap(*load_pretrained(ctx, ClapModel, AutoFeatureExtractor, AutoTokenizer))
