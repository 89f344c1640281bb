"""Audio events: which sounds are heard, and when; several may be at once."""

from collections.abc import Sequence

from earmark.api import Task, WindowParams, hookimpl, param
from earmark_plugins.audio_events.ontology import choices


class AudioEvents(WindowParams):
    """Which classes are looked for, and how sure the model must be."""

    threshold: float = param(
        0.3, "Threshold", "Label what scores at least this.", ge=0, le=1, step=0.05
    )
    classes: str = param(
        "",
        "Only",
        "Sounds or kinds of sounds, such as Animal; empty takes all the model knows.",
        choices=choices(),
        lines="classes",
    )
    thresholds: str = param(
        "",
        "Thresholds",
        "Sounds with a threshold of their own, such as “Dog: 0.2”.",
        lines="thresholds",
        advanced=True,
    )


@hookimpl
def register_tasks() -> Sequence[Task]:
    """Give the task of this plugin."""
    return [
        Task(
            id="audio-events",
            title="Audio events",
            summary="Label the sounds that are heard, such as dogs, doors and guitars.",
            group="understand",
            input="audio",
            params=AudioEvents,
            runner="earmark_plugins.audio_events.runner:run",
            many="earmark_plugins.audio_events.runner:run_many",
            formats=("musicnn", "beats", "transformers"),
            architectures=("*ForAudioClassification", "*ForSequenceClassification"),
            icon="ph.bell-ringing",
        )
    ]
