"""What every voice does, and speaking faster or slower where a model cannot."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from earmark.api import EarmarkError

Samples = NDArray[np.float32]


class Voice(Protocol):
    """A loaded voice."""

    @property
    def name(self) -> str:
        """Which of the model's voices it is."""

    @property
    def language(self) -> str:
        """ISO 639 code."""

    @property
    def rate(self) -> int:
        """Frames per second."""

    @property
    def longest(self) -> int:
        """Characters that it can speak at once."""

    def speak(self, sentence: str, seed: int) -> Samples:
        """Speak a sentence, shape (frames,); none if it knows none of the letters.

        The same seed gives the same samples.
        """


def choose(wanted: str, names: Sequence[str], model: str) -> str:
    """The voice that was asked for, or the first.

    Raises
    ------
    EarmarkError
        If there is no such voice; it lists those there are.
    """
    if not wanted and names:
        return names[0]
    if wanted in names:
        return wanted
    known = f"It has: {', '.join(names[:20])}." if names else "It has one voice only."
    raise EarmarkError(f"{model} has no voice “{wanted}”.", known)


def at_speed(samples: Samples, rate: int, speed: float) -> Samples:
    """Speech at another speed and the same pitch, by FFmpeg's WSOLA (`atempo`).

    Parameters
    ----------
    samples : ndarray, float32, shape (frames,)
    rate : int
    speed : float
        0.5 to 2.
    """
    if speed == 1.0 or not len(samples):
        return samples
    # Its types leave out what frames of a sound have.
    av: Any = importlib.import_module("av")
    graph = importlib.import_module("av.filter").Graph()
    source = graph.add_abuffer(format="flt", sample_rate=rate, layout="mono")
    tempo = graph.add("atempo", str(speed))
    sink = graph.add("abuffersink")
    source.link_to(tempo)
    tempo.link_to(sink)
    graph.configure()
    # The filter keeps what does not fill its window: silence behind drives it out.
    filled = np.pad(samples, (0, rate // 2))
    frame = av.AudioFrame.from_ndarray(filled[None], format="flt", layout="mono")
    frame.sample_rate = rate
    source.push(frame)
    source.push(None)
    parts = []
    while True:
        try:
            parts.append(sink.pull().to_ndarray().reshape(-1))
        except (av.BlockingIOError, av.EOFError):
            break
    return np.concatenate(parts)[: round(len(samples) / speed)]
