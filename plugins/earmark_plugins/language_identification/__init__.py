"""Language identification: which languages are spoken, and where."""

from collections.abc import Sequence
from typing import Literal

from earmark.api import Params, Task, hookimpl, param
from earmark_plugins import speech
from earmark_plugins.speech.languages import LANGUAGES


class LanguageIdentification(Params):
    """How the language of speech is told."""

    along: Literal["time", "clip"] = param(
        "time",
        "Answer",
        "A label for each stretch of one language, or one answer about all of it.",
        choices=(("time", "Along time"), ("clip", "For the whole")),
    )
    threshold: float = param(
        0.5,
        "Sure from",
        "Below this probability the answer is “uncertain”.",
        ge=0,
        le=1,
        step=0.05,
    )
    languages: str = param(
        "",
        "Only these",
        "The languages that it may be, one a line; empty for all that the model knows.",
        choices=tuple(LANGUAGES.items()),
        lines="languages",
    )
    shortest_s: float = param(
        1.5,
        "Shortest speech",
        "The answer about less speech is “uncertain”.",
        unit="s",
        ge=0,
        le=30,
        advanced=True,
    )
    bridge_s: float = param(
        2.0,
        "Bridge",
        "Neighbours of one language with a pause up to this long are one label.",
        unit="s",
        ge=0,
        le=60,
        step=0.5,
        advanced=True,
    )
    vad_threshold: float = speech.VOICE_THRESHOLD


@hookimpl
def register_tasks() -> Sequence[Task]:
    """Give the task of this plugin."""
    return [
        Task(
            id="language-identification",
            title="Language identification",
            summary="Tell which language is spoken, stretch by stretch or for all.",
            group="understand",
            input="audio",
            params=LanguageIdentification,
            runner="earmark_plugins.language_identification.runner:run",
            many="earmark_plugins.language_identification.runner:run_many",
            formats=speech.FORMATS,
            architectures=("WhisperForConditionalGeneration", *speech.CLASSIFIERS),
            icon="ph.translate",
        )
    ]
