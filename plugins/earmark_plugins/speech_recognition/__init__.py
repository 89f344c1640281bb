"""Speech recognition: what is said in a recording, as segments, words and a text."""

from collections.abc import Sequence
from typing import Literal

from earmark.api import Command, Host, Params, Task, hookimpl, param
from earmark_plugins.speech import (
    ARCHITECTURES,
    FORMATS,
    LANGUAGE,
    LANGUAGE_CHOICES,
    VOICE_THRESHOLD,
)


class SpeechRecognition(Params):
    """How a recording is transcribed."""

    language: str = LANGUAGE
    translate: bool = param(
        False, "Translate to English", "Write English whatever language is spoken."
    )
    words: bool = param(
        True, "Words", "Also give each word with its time and its score."
    )
    vad: bool = param(
        True,
        "Skip silence",
        "Listen only where a voice is found, so that silence and noise are not "
        "mistaken for speech.",
    )
    prompt: str = param(
        "",
        "Names and terms",
        "Words that may come up and how they are spelled, for Whisper.",
        multiline=True,
    )
    beam_size: int = param(
        1,
        "Beams",
        "How many readings are followed at once: more is slower and seldom better.",
        ge=1,
        le=10,
        advanced=True,
    )
    vad_threshold: float = VOICE_THRESHOLD
    precision: Literal["auto", "int8", "float16", "float32"] = param(
        "auto",
        "Precision",
        "The numbers to compute with; auto takes int8 on the CPU and float16 on a "
        "graphics card where the model allows it.",
        advanced=True,
    )


class TakeCheck(Params):
    """What a spoken take is compared with."""

    text: str = param(
        ..., "Text", "What should be heard in the recording.", multiline=True
    )
    language: str = param(
        "",
        "Language",
        "The language of the text; empty detects it from the recording.",
        choices=LANGUAGE_CHOICES,
    )


@hookimpl
def register_tasks() -> Sequence[Task]:
    """Give the tasks of this plugin."""
    return [
        Task(
            id="speech-recognition",
            title="Speech recognition",
            summary="Write down what is said, with the time of every segment and word.",
            group="understand",
            input="audio",
            params=SpeechRecognition,
            runner="earmark_plugins.speech_recognition.runner:run",
            many="earmark_plugins.speech_recognition.runner:run_many",
            formats=FORMATS,
            architectures=ARCHITECTURES,
            icon="ph.microphone",
        ),
        Task(
            id="take-check",
            title="Check a take",
            summary="Transcribe a spoken take back and compare it with its text.",
            group="generate",
            input="audio",
            params=TakeCheck,
            runner="earmark_plugins.speech_recognition.runner:check",
            formats=FORMATS,
            architectures=ARCHITECTURES,
            icon="ph.check-circle",
        ),
    ]


@hookimpl
def register_commands(host: Host) -> Sequence[Command]:
    """Give the commands that compare transcripts."""
    from earmark_plugins.speech_recognition.commands import commands

    return commands(host)
