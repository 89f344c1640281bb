"""Log-mel energies as Kaldi computes them, for all frames of a sound at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FRAME = 400
HOP = 160
FFT = 512
"""Samples: 25 ms, 10 ms and the next power of two, at 16 kHz."""

FLOOR = float(np.finfo(np.float32).eps)
PRE_EMPHASIS = 0.97


def log_mel_energies(
    samples: NDArray[np.float32],
    window: NDArray[np.float64],
    filters: NDArray[np.float64],
) -> NDArray[np.float32]:
    """The log-mel energies of a sound.

    Each frame loses its mean, is pre-emphasised and windowed; its power spectrum is
    weighed by the filters, and the natural logarithm is taken, as by Kaldi's
    `compute-fbank-feats` without dither:
    https://github.com/kaldi-asr/kaldi/blob/master/src/feat/feature-window.cc

    Parameters
    ----------
    samples : ndarray, float32, shape (frames,)
        At least `FRAME` of them.
    window : ndarray, float64, shape (FRAME,)
    filters : ndarray, float64, shape (FFT // 2 + 1, mels)

    Returns
    -------
    ndarray, float32, shape (1 + (frames - FRAME) // HOP, mels)
    """
    from scipy.fft import rfft

    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP]
    # In float32 the noise of the transform would drown what is quiet beside a tone.
    heard = frames.astype(np.float64)
    heard -= heard.mean(axis=1, keepdims=True)
    heard[:, 1:] -= PRE_EMPHASIS * heard[:, :-1]
    heard[:, 0] *= 1 - PRE_EMPHASIS
    heard *= window
    spectrum = rfft(heard, FFT)
    power = (np.square(spectrum.real) + np.square(spectrum.imag)).astype(np.float32)
    energies = np.maximum(power @ filters.astype(np.float32), np.float32(FLOOR))
    given: NDArray[np.float32] = np.log(energies)
    return given
