"""Stretches of speech, and what is embedded of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from earmark.api import Window
from earmark_plugins.speaker_identification.encoders import Samples
from earmark_plugins.speech.transcript import RATE
from earmark_plugins.speech.windows import speech_windows

LONGEST_S = 10.0
"""The most that is embedded at once."""

_PAUSE_S, _PAD_S = 0.25, 0.1
"""Speakers often change at a short pause, and what is around a voice is another's."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something that is embedded is, and which stretch of speech it is in."""

    stretch: int
    start_s: float
    stop_s: float

    @property
    def length_s(self) -> float:
        """How long it is."""
        return self.stop_s - self.start_s


def speech_in(blocks: Iterable[Samples], threshold: float) -> Iterator[Window]:
    """The stretches of speech; one without samples says how far there was none.

    Parameters
    ----------
    blocks : iterable of ndarray, float32, shape (frames,)
        The recording at `RATE`, gapless.
    threshold : float
        How sure the voice detector must be, 0 to 1.
    """
    for window in speech_windows(
        blocks,
        window_s=LONGEST_S,
        fill=False,
        vad=True,
        threshold=threshold,
        pause_s=_PAUSE_S,
        pad_s=_PAD_S,
    ):
        for stretch in window.stretches:
            start_s = stretch.start / RATE
            stop_s = start_s + len(stretch.samples) / RATE
            yield Window(start_s, stop_s, stretch.samples)
        if not window.stretches:
            nothing = np.zeros(0, np.float32)
            yield Window(window.stop_s, window.stop_s, nothing)


def windows_in(speech: Window, window_s: float, hop_s: float) -> list[Window]:
    """Windows over a stretch of speech; the last one ends with it.

    A stretch that is shorter than a window is one.
    """
    length, hop = round(window_s * RATE), max(1, round(hop_s * RATE))
    last = max(0, len(speech.samples) - length)
    starts = [min(at, last) for at in range(0, last + hop, hop)]
    return [
        Window(
            speech.start_s + start / RATE,
            speech.start_s + min(start + length, len(speech.samples)) / RATE,
            speech.samples[start : start + length],
        )
        for start in dict.fromkeys(starts)
    ]
