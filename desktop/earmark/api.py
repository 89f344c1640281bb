"""All that a plugin may import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from earmark.core.errors import Cancelled, EarmarkError
from earmark.core.hookspecs import hookimpl
from earmark.core.labels import Label, LabelTrack
from earmark.core.ontology import audioset
from earmark.core.plugins import Command, Host
from earmark.core.tasks import (
    AudioFile,
    Job,
    ModelRef,
    Params,
    Prediction,
    Progress,
    Result,
    Task,
    Text,
    entries,
    param,
)
from earmark.core.windows import (
    EventParams,
    ExclusiveParams,
    Windowing,
    WindowParams,
    classifier_task,
)

if TYPE_CHECKING:
    from earmark.engine.classify import (
        Classifier,
        FrameClassifier,
        Hearing,
        classify,
        classify_many,
        load_classifier,
        runners,
    )
    from earmark.engine.context import Context, Outcome, Window, audio_of, outcomes
    from earmark.engine.filterbank import log_mel_energies
    from earmark.engine.hearing import Heard, Hearer, checked, hear, hear_many, lengths
    from earmark.engine.loaders import (
        WORKERS,
        config_of,
        fast_features,
        require_vocabulary,
        require_weights,
        unopened,
    )
    from earmark.engine.unheard import Limits, Unheard, Why, flaw_of, is_heard
    from earmark.formats import LabelFormat
    from earmark.transcripts import SpokenWord, compare_words, differing, words_of
    from earmark.vectors import Vectors, VectorStore, unit

__all__ = [
    "WORKERS",
    "AudioFile",
    "Cancelled",
    "Classifier",
    "Command",
    "Context",
    "EarmarkError",
    "EventParams",
    "ExclusiveParams",
    "FrameClassifier",
    "Heard",
    "Hearer",
    "Hearing",
    "Host",
    "Job",
    "Label",
    "LabelFormat",
    "LabelTrack",
    "Limits",
    "ModelRef",
    "Outcome",
    "Params",
    "Prediction",
    "Progress",
    "Result",
    "SpokenWord",
    "Task",
    "Text",
    "Unheard",
    "VectorStore",
    "Vectors",
    "Why",
    "Window",
    "WindowParams",
    "Windowing",
    "audio_of",
    "audioset",
    "checked",
    "classifier_task",
    "classify",
    "classify_many",
    "compare_words",
    "config_of",
    "differing",
    "entries",
    "fast_features",
    "flaw_of",
    "hear",
    "hear_many",
    "hookimpl",
    "is_heard",
    "lengths",
    "load_classifier",
    "log_mel_energies",
    "outcomes",
    "param",
    "require_vocabulary",
    "require_weights",
    "runners",
    "unit",
    "unopened",
    "words_of",
]

_LAZY = {
    "Classifier": "earmark.engine.classify",
    "classify": "earmark.engine.classify",
    "classify_many": "earmark.engine.classify",
    "FrameClassifier": "earmark.engine.classify",
    "Hearing": "earmark.engine.classify",
    "runners": "earmark.engine.classify",
    "load_classifier": "earmark.engine.classify",
    "Context": "earmark.engine.context",
    "Window": "earmark.engine.context",
    "Outcome": "earmark.engine.context",
    "audio_of": "earmark.engine.context",
    "outcomes": "earmark.engine.context",
    "Heard": "earmark.engine.hearing",
    "Hearer": "earmark.engine.hearing",
    "checked": "earmark.engine.hearing",
    "hear": "earmark.engine.hearing",
    "hear_many": "earmark.engine.hearing",
    "lengths": "earmark.engine.hearing",
    "WORKERS": "earmark.engine.loaders",
    "config_of": "earmark.engine.loaders",
    "fast_features": "earmark.engine.loaders",
    "require_vocabulary": "earmark.engine.loaders",
    "require_weights": "earmark.engine.loaders",
    "unopened": "earmark.engine.loaders",
    "LabelFormat": "earmark.formats",
    "log_mel_energies": "earmark.engine.filterbank",
    "Limits": "earmark.engine.unheard",
    "Unheard": "earmark.engine.unheard",
    "Why": "earmark.engine.unheard",
    "flaw_of": "earmark.engine.unheard",
    "is_heard": "earmark.engine.unheard",
    "SpokenWord": "earmark.transcripts",
    "compare_words": "earmark.transcripts",
    "differing": "earmark.transcripts",
    "words_of": "earmark.transcripts",
    "Vectors": "earmark.vectors",
    "VectorStore": "earmark.vectors",
    "unit": "earmark.vectors",
}


def __getattr__(name: str) -> Any:
    """Import what only some plugins need when it is first asked for."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)
