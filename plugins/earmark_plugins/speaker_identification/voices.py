"""The voices that a job was given, and who of them is heard."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from earmark.api import Context, Window
from earmark_plugins.speaker_identification.encoders import Encoder, Samples, Vectors
from earmark_plugins.speaker_identification.turns import centre, windows_in

LONGEST_S = 10.0
"""The most that is embedded at once."""


@dataclass(frozen=True, slots=True)
class Voices:
    """The voices that are known by name.

    Attributes
    ----------
    names : tuple of str
    vectors : ndarray, float32, shape (voices, size)
        The mean of the unit vectors of each one's samples: the product with another
        unit vector is the mean of the cosines to them.
    """

    names: tuple[str, ...]
    vectors: Vectors

    def cosines(self, vectors: Vectors) -> Vectors:
        """The mean cosines of several vectors to each voice, shape (voices,)."""
        given: Vectors = (vectors @ self.vectors.T).mean(axis=0)
        return given

    def best(self, cosines: Vectors, least: float) -> str:
        """The voice that is nearest; empty if none is near enough."""
        if not self.names or cosines.max() < least:
            return ""
        return self.names[int(cosines.argmax())]


def enrolled(
    ctx: Context, encoder: Encoder, speech_of: Callable[[Samples], Samples]
) -> Voices:
    """The voices of the job's examples.

    Parameters
    ----------
    ctx : Context
    encoder : Encoder
    speech_of : callable
        Gives what of a sound is speech; all of it if none is found.
    """
    known: dict[str, list[Vectors]] = defaultdict(list)
    for name, samples in ctx.examples(encoder.rate):
        ctx.check()
        if not samples.any():
            ctx.note(f"a sample of {name} holds no sound and was left out")
            continue
        speech = speech_of(samples)
        whole = Window(0.0, len(speech) / encoder.rate, speech)
        pieces = windows_in(whole, encoder.rate, LONGEST_S, LONGEST_S)
        vectors = encoder.embed([piece.samples for piece in pieces])
        known[name].append(centre(vectors))
    if not known:
        return Voices((), np.zeros((0, 0), np.float32))
    means = np.stack([np.mean(samples, axis=0) for samples in known.values()])
    return Voices(tuple(known), means)
