"""Speech intent: what somebody wants who says something."""

from collections.abc import Sequence
from typing import Literal

from earmark.api import Params, Task, hookimpl, param
from earmark_plugins import speech


class SpeechIntent(Params):
    """Which intents there are, and how they are told."""

    intents: str = param(
        "",
        "Intents",
        "One a line, each with phrases: “book flight: fly me to Paris; a ticket to "
        "Rome”. A model with intents of its own needs none.",
        lines="intents",
    )
    along: Literal["time", "clip"] = param(
        "time",
        "Answer",
        "A label for each utterance, or one answer about all that is said.",
        choices=(("time", "Along time"), ("clip", "For the whole")),
    )
    threshold: float = param(
        0.3,
        "Threshold",
        "What scores less is “none of these”.",
        ge=0,
        le=1,
        step=0.05,
    )
    language: str = speech.LANGUAGE
    pause_s: float = param(
        0.5,
        "Pause",
        "A pause this long ends an utterance.",
        unit="s",
        ge=0.1,
        le=10,
        step=0.1,
        advanced=True,
    )


@hookimpl
def register_tasks() -> Sequence[Task]:
    """Give the task of this plugin."""
    return [
        Task(
            id="speech-intent",
            title="Speech intent",
            summary="Tell what is wanted, from a list of intents with examples.",
            group="understand",
            input="audio",
            params=SpeechIntent,
            runner="earmark_plugins.speech_intent.runner:run",
            many="earmark_plugins.speech_intent.runner:run_many",
            formats=("transformers",),
            architectures=(
                *speech.CLASSIFIERS,
                "BertModel",
                "DistilBertModel",
                "MPNetModel",
                "RobertaModel",
                "XLMRobertaModel",
            ),
            companions=("speech-recognition",),
            icon="ph.chat-teardrop-text",
        )
    ]
