"""Audio events: which sounds are heard, and when; several may be at once."""

from earmark.api import EventParams, Task, classifier_task, hookimpl


@hookimpl
def register_tasks() -> list[Task]:
    """Give the task of this plugin."""
    return [
        classifier_task(
            "audio-events",
            "Audio events",
            "Label the sounds that are heard, such as dogs, doors and guitars.",
            params=EventParams,
            runner="earmark_plugins.audio_events.runner",
            formats=("musicnn", "beats", "transformers"),
            icon="ph.bell-ringing",
        )
    ]
