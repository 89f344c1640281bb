"""Speaker identification: who speaks, and when."""

from collections.abc import Sequence
from typing import Literal

from earmark.api import Params, Task, hookimpl, param
from earmark_plugins.speech import CLASSIFIERS, VOICE_THRESHOLD


class SpeakerIdentification(Params):
    """How voices are told apart."""

    along: Literal["turns", "speech", "clip"] = param(
        "turns",
        "Answer",
        "Who speaks when, the voices told apart by the model; or who of the known "
        "voices speaks, in each stretch of speech or in all of it.",
        choices=(
            ("turns", "Speaker turns"),
            ("speech", "Each stretch of speech"),
            ("clip", "For the whole"),
        ),
    )
    speakers: int | None = param(
        None,
        "Speakers",
        "How many take turns; automatic finds out, which is less sure.",
        ge=1,
        le=30,
    )
    shift: float = param(
        0.0,
        "Strictness",
        "Raise it if others are taken for a known voice, lower it if one is not "
        "found; 0 asks GE2E for a cosine of 0.58 to 0.77.",
        ge=-0.3,
        le=0.3,
        step=0.01,
    )
    window_s: float = param(
        1.6,
        "Window",
        "How much is heard at once to find turns.",
        unit="s",
        ge=0.5,
        le=10,
        step=0.1,
        advanced=True,
    )
    hop_s: float = param(
        0.8,
        "Step",
        "From the start of a window to that of the next.",
        unit="s",
        ge=0.1,
        le=10,
        step=0.1,
        advanced=True,
    )
    bridge_s: float = param(
        1.0,
        "Bridge",
        "What one speaker says with a pause up to this long is one turn.",
        unit="s",
        ge=0,
        le=60,
        step=0.1,
        advanced=True,
    )
    vad_threshold: float = VOICE_THRESHOLD


@hookimpl
def register_tasks() -> Sequence[Task]:
    """Give the task of this plugin."""
    return [
        Task(
            id="speaker-identification",
            title="Speaker identification",
            summary="Tell who speaks and when, by voices that you name once.",
            group="understand",
            input="audio",
            params=SpeakerIdentification,
            runner="earmark_plugins.speaker_identification.runner:run",
            many="earmark_plugins.speaker_identification.runner:run_many",
            formats=("ge2e", "transformers"),
            architectures=("GE2ESpeakerEncoder", "*ForXVector", *CLASSIFIERS),
            icon="ph.users",
            examples="Voices",
        )
    ]
