"""What makes a vector of a voice: GE2E, and x-vector models."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from earmark.api import Context, EarmarkError
from earmark_plugins.speech.transcript import RATE

Samples = NDArray[np.float32]
Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Encoder:
    """A model that turns a voice into a unit vector.

    Attributes
    ----------
    rate : int
        What it wants, in Hz.
    embed : callable
        Takes sounds, float32, shape (frames,) each, and gives their unit vectors,
        float32, shape (sounds, size).
    same : tuple of (float, float)
        Seconds of speech, and the cosine from which two such are of one voice.
    alike : float
        The mean cosine from which windows of a recording are put together.
    one : float
        The cosine of their means from which groups of windows are one speaker.
    advised : bool
        The model's documentation suggests these cosines; they were not measured.
    """

    rate: int
    embed: Callable[[Sequence[Samples]], Vectors]
    same: tuple[tuple[float, float], ...]
    alike: float
    one: float
    advised: bool = False

    def threshold(self, length_s: float) -> float:
        """The cosine from which speech of a length is of the voice it is held against.

        The longer it is, the more alike are any two voices, and one voice to itself.
        """
        lengths, cosines = zip(*self.same, strict=True)
        return float(np.interp(length_s, lengths, cosines))


# Where as many stretches of a voice are missed as of others are taken for it, held
# against three samples of the voice: of the studio prompts of seven voices that the
# benchmarks measure. With those of five of them, of the other two voices 8 % are missed
# and fewer than 1 % taken at two to four seconds.
_GE2E_SAME = ((0.5, 0.58), (1.0, 0.67), (2.0, 0.72), (4.0, 0.745), (8.0, 0.77))
_GE2E_ALIKE, _GE2E_ONE = 0.75, 0.84


def is_classifier(ctx: Context) -> bool:
    """Whether the job's model knows speakers by name instead of hearing voices.

    Raises
    ------
    EarmarkError
        If no model was chosen, or its folder does not say what it is.
    """
    return (
        ctx.model is not None
        and ctx.model.format == "transformers"
        and not any(fnmatchcase(each, "*ForXVector") for each in _architectures(ctx))
    )


def load_encoder(ctx: Context) -> Encoder:
    """The encoder of the job's model.

    Raises
    ------
    EarmarkError
        If none was chosen, or it cannot be opened.
    """
    encoder = _load(ctx)
    if encoder.rate != RATE:
        raise EarmarkError(
            f"The model listens at {encoder.rate} Hz; voices are heard at {RATE} Hz.",
            "Choose another model.",
        )
    return encoder


def _load(ctx: Context) -> Encoder:
    if ctx.model is None:
        raise EarmarkError(
            "No model for speaker identification was chosen.",
            "Choose one in the panel, or fetch the starter models.",
        )
    if ctx.model.format == "ge2e":
        from earmark_plugins.networks.ge2e import load_ge2e

        ge2e = load_ge2e(ctx)
        return Encoder(ge2e.rate, ge2e.embed, _GE2E_SAME, _GE2E_ALIKE, _GE2E_ONE)
    from earmark_plugins.speaker_identification.x_vectors import load_x_vectors

    return load_x_vectors(ctx)


def _architectures(ctx: Context) -> Sequence[str]:
    path = ctx.folder / "config.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8")).get("architectures")
    except (OSError, ValueError, AttributeError) as error:
        raise EarmarkError(
            f"{path} cannot be read: {error}",
            "Import the model again, or choose another one.",
        ) from error
    return [str(each) for each in found or ()]
