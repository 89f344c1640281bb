"""The voices that a job was given, and who of them is heard."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from earmark.api import Context, Window
from earmark_plugins.speaker_identification.encoders import Encoder, Samples, Vectors
from earmark_plugins.speaker_identification.stretches import (
    LONGEST_S,
    speech_in,
    windows_in,
)
from earmark_plugins.speaker_identification.turns import centre
from earmark_plugins.speech.transcript import RATE

_SAMPLES = 2
"""Of so many voices so many samples are needed to tell how alike a voice has to be."""


@dataclass(frozen=True, slots=True)
class Voices:
    """The voices that are known by name.

    Attributes
    ----------
    names : tuple of str
    vectors : ndarray, float32, shape (voices, size)
        The mean of the unit vectors of each one's samples: the product with another
        unit vector is the mean of the cosines to them.
    apart : float or None
        The cosine that tells their samples apart best; None if these are too few.
    """

    names: tuple[str, ...]
    vectors: Vectors
    apart: float | None = None

    def cosines(self, vectors: Vectors) -> Vectors:
        """The mean cosines of several vectors to each voice, shape (voices,)."""
        given: Vectors = (vectors @ self.vectors.T).mean(axis=0)
        return given

    def best(self, cosines: Vectors, least: float) -> str:
        """The voice that is nearest; empty if none is near enough."""
        if not self.names or cosines.max() < least:
            return ""
        return self.names[int(cosines.argmax())]


def enrolled(ctx: Context, encoder: Encoder, vad_threshold: float) -> Voices:
    """The voices of the job's examples, of which only the speech is heard, if any is.

    Parameters
    ----------
    ctx : Context
    encoder : Encoder
    vad_threshold : float
        How sure the voice detector must be, 0 to 1.
    """
    known: dict[str, list[Vectors]] = defaultdict(list)
    for name, samples in ctx.examples(RATE):
        ctx.check()
        if not samples.any():
            ctx.note(f"a sample of {name} holds no sound and was left out")
            continue
        speech = _speech_of(samples, vad_threshold)
        whole = Window(0.0, len(speech) / RATE, speech)
        pieces = windows_in(whole, LONGEST_S, LONGEST_S)
        known[name].append(centre(encoder.embed([piece.samples for piece in pieces])))
    if not known:
        return Voices((), np.zeros((0, 0), np.float32))
    samples_of = [np.stack(vectors) for vectors in known.values()]
    means = np.stack([vectors.mean(axis=0) for vectors in samples_of])
    return Voices(tuple(known), means, telling_apart(samples_of))


def telling_apart(samples_of: Sequence[Vectors]) -> float | None:
    """The cosine from which samples are taken for one voice with the fewest errors.

    Each sample is held against the mean of its voice's others, and against the other
    voices. The larger one of the shares of what is missed and of what is taken for
    another is as small as can be.

    Parameters
    ----------
    samples_of : sequence of ndarray, float32, shape (samples, size)
        The unit vectors of each voice's samples.

    Returns
    -------
    float or None
        None if there are fewer than two voices with two samples.
    """
    if sum(len(vectors) >= _SAMPLES for vectors in samples_of) < _SAMPLES:
        return None
    same, other = [], []
    for index, vectors in enumerate(samples_of):
        others = [each for at, each in enumerate(samples_of) if at != index]
        other += [vectors @ each.mean(axis=0) for each in others]
        if len(vectors) > 1:
            rest = (vectors.sum(axis=0) - vectors) / (len(vectors) - 1)
            same.append(np.sum(vectors * rest, axis=1))
    own, foreign = np.concatenate(same), np.concatenate(other)
    found = np.unique(np.concatenate([own, foreign]))
    between = (found[1:] + found[:-1]) / 2
    missed = (own[:, None] < between).mean(axis=0)
    taken = (foreign[:, None] >= between).mean(axis=0)
    worse = np.maximum(missed, taken)
    return float(between[worse == worse.min()].mean()) if len(between) else None


def _speech_of(samples: Samples, vad_threshold: float) -> Samples:
    found = [each.samples for each in speech_in([samples], vad_threshold)]
    return np.concatenate(found) if any(map(len, found)) else samples
