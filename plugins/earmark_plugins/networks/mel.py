"""The mel energies of sounds, as librosa computes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers.audio_utils import mel_filter_bank


class MelEnergies:
    """What makes the mel energies of a sound, by the settings of a model.

    Parameters
    ----------
    config : dict
        As in the `config.json` of a converted model.

    Attributes
    ----------
    rate : int
        What the model wants, in Hz.
    hop : int
        Samples from one frame to the next.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self.rate, self.hop = int(config["sampling_rate"]), int(config["hop_length"])
        self._fft = int(config["n_fft"])
        filters = mel_filter_bank(
            self._fft // 2 + 1,
            int(config["num_mel_bins"]),
            float(config["mel_low_hz"]),
            float(config["mel_high_hz"]),
            self.rate,
            norm=config["mel_norm"],
            mel_scale=config["mel_scale"],
        )
        self._filters = torch.from_numpy(filters.astype(np.float32))
        self._window = torch.hann_window(self._fft)

    def __call__(self, samples: NDArray[np.float32]) -> Tensor:
        """The energies of a sound, beyond the ends of which is silence.

        Parameters
        ----------
        samples : ndarray, float32, shape (samples,)

        Returns
        -------
        Tensor, float32, shape (1 + samples // hop, mels)
        """
        spectrum = torch.stft(
            torch.from_numpy(samples),
            self._fft,
            self.hop,
            window=self._window,
            center=True,
            pad_mode="constant",
            return_complex=True,
        )
        return spectrum.abs().square().T @ self._filters
