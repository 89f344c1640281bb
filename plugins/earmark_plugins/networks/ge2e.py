"""The GE2E speaker encoder, which tells voices apart.

Wan et al., "Generalized End-to-End Loss for Speaker Verification", 2018
(https://arxiv.org/abs/1710.10467), with the front end of Resemblyzer
(https://github.com/resemble-ai/Resemblyzer), whose weights it takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from earmark.api import Context
from earmark_plugins.networks.mel import MelEnergies
from earmark_plugins.networks.weights import load_network

Samples = NDArray[np.float32]

_FRAME_S = 0.03
_QUIET_DB = 40.0
_FLOOR_DB = -60.0
_AROUND = 7
"""What is so far below the loudest, or so quiet, is a pause; those that last less than
so many frames of 30 ms are kept."""
_LEAST_FRAMES = 10

_BATCH = 32


class SpeakerLstm(nn.Module):
    """Three recurrent layers over mel energies, and a dense one.

    Parameters
    ----------
    config : dict
        As in the `config.json` of a converted model.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        hidden = int(config["hidden_size"])
        self.lstm = nn.LSTM(
            int(config["num_mel_bins"]),
            hidden,
            int(config["num_hidden_layers"]),
            batch_first=True,
        )
        self.linear = nn.Linear(hidden, int(config["embedding_size"]))

    def forward(self, mels: PackedSequence) -> Tensor:
        """The unit vectors of windows.

        Parameters
        ----------
        mels : PackedSequence of float32, shape (frames, mels) each

        Returns
        -------
        Tensor, float32, shape (windows, embedding)
        """
        _, (states, _) = self.lstm(mels)
        vectors: Tensor = functional.relu(self.linear(states[-1]))
        return functional.normalize(vectors, dim=1)


class MelWindows:
    """What the encoder hears of a sound: overlapping windows of its mel energies.

    Parameters
    ----------
    config : dict
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self._energies = MelEnergies(config)
        self.rate, self._hop = self._energies.rate, self._energies.hop
        self._frames = int(config["window_frames"])
        self._step = round(self.rate / float(config["windows_per_second"]) / self._hop)
        self._least = float(config["min_coverage"])
        self._level_db = float(config["target_level_db"])

    def __call__(self, samples: Samples) -> list[Tensor]:
        """The windows of a sound, without its pauses and as loud as is usual.

        Parameters
        ----------
        samples : ndarray, float32, shape (frames,)

        Returns
        -------
        list of Tensor, float32, shape (frames, mels)
            At least one. The last one is filled up with silence, or left out if too
            little of the sound is in it. A sound that is shorter than a window is one
            of its own length, since silence behind a voice makes voices more alike.
        """
        heard = _levelled(_without_pauses(samples, self.rate), self._level_db)
        length = self._frames * self._hop
        if len(heard) < length:
            return [self._energies(heard)]
        last = int((len(heard) - self._least * length) / self._hop)
        starts = range(0, last + 1, self._step)
        missing = starts[-1] * self._hop + length - len(heard)
        mels = self._energies(np.pad(heard, (0, max(0, missing))))
        return [mels[first : first + self._frames] for first in starts]


class Ge2eEncoder:
    """The encoder with its front end.

    Attributes
    ----------
    rate : int
        What it wants, in Hz.
    """

    def __init__(self, network: SpeakerLstm, windows: MelWindows) -> None:
        self.rate = windows.rate
        self._network = network
        self._windows = windows

    @torch.inference_mode()
    def embed(self, sounds: Sequence[Samples]) -> NDArray[np.float32]:
        """The unit vectors of sounds, each the mean of those of its windows.

        Parameters
        ----------
        sounds : sequence of ndarray, float32, shape (frames,)

        Returns
        -------
        ndarray, float32, shape (sounds, embedding)
        """
        heard = [self._windows(sound) for sound in sounds]
        counts = [len(windows) for windows in heard]
        device = next(self._network.parameters()).device
        windows = [window.to(device) for windows in heard for window in windows]
        batches = []
        for first in range(0, len(windows), _BATCH):
            batch = pack_sequence(windows[first : first + _BATCH], enforce_sorted=False)
            batches.append(self._network(batch).cpu())
        vectors = torch.cat(batches)
        means = [each.mean(0) for each in torch.split(vectors, counts)]
        given: NDArray[np.float32] = functional.normalize(torch.stack(means)).numpy()
        return given


def load_ge2e(ctx: Context) -> Ge2eEncoder:
    """The encoder of the job's model.

    Raises
    ------
    EarmarkError
        If the folder does not hold such a model.
    """
    network, config = load_network(ctx, SpeakerLstm)
    return Ge2eEncoder(network, MelWindows(config))


def _without_pauses(samples: Samples, rate: int) -> Samples:
    """The sound without stretches far below its loudest, unless little is left."""
    length = int(_FRAME_S * rate)
    count = len(samples) // length
    if count < _LEAST_FRAMES:
        return samples
    frames = samples[: count * length].reshape(count, length)
    levels = _level_db(frames)
    loud = levels > max(float(levels.max()) - _QUIET_DB, _FLOOR_DB)
    kept = np.convolve(loud, np.ones(_AROUND), "same") > 0
    return frames[kept].reshape(-1) if kept.sum() >= _LEAST_FRAMES else samples


def _levelled(samples: Samples, level_db: float) -> Samples:
    """The sound at a level, in dB of full scale.

    Resemblyzer only raises what is quieter. The network hears power, though, and takes
    a voice that is louder for another one.
    """
    if not samples.any():
        return samples
    missing_db = level_db - float(_level_db(samples[None])[0])
    return samples * np.float32(10 ** (missing_db / 20))


def _level_db(frames: Samples) -> NDArray[np.float32]:
    """The mean level of frames, in dB of full scale, shape (count,)."""
    given: NDArray[np.float32] = 10 * np.log10(np.square(frames).mean(axis=1) + 1e-12)
    return given
