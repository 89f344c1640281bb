"""Text to speech: a typed text as a spoken clip."""

from collections.abc import Sequence

from earmark.api import Params, Task, hookimpl, param


class TextToSpeech(Params):
    """What is spoken, and how."""

    text: str = param(..., "Text", "What is to be spoken.", multiline=True)
    voice: str = param(
        "",
        "Voice",
        "One of the model's voices; empty takes its first. A name that it does not "
        "have is answered with those it has.",
        choices=(("", "The model's first"),),
    )
    speed: float = param(
        1.0, "Speed", "Twice as fast is 2; the pitch stays.", ge=0.5, le=2.0, step=0.05
    )
    pause_s: float = param(
        0.25,
        "Pause",
        "The silence between two sentences.",
        unit="s",
        ge=0,
        le=5,
        step=0.05,
    )
    seed: int | None = param(
        None,
        "Seed",
        "The same seed gives the same take; automatic takes a new one, which is noted "
        "with the take.",
        ge=0,
        le=2**31 - 1,
    )
    language: str = param(
        "",
        "Language",
        "Code of the text's language, for reading numbers and finding sentences; "
        "empty takes the model's.",
        advanced=True,
    )
    spell_out: bool = param(
        True,
        "Spell out",
        "Write numbers, dates, amounts and abbreviations as words before speaking.",
        advanced=True,
    )


@hookimpl
def register_tasks() -> Sequence[Task]:
    """Give the task of this plugin."""
    return [
        Task(
            id="text-to-speech",
            title="Text to speech",
            summary="Speak a text in a voice that runs on this computer.",
            group="generate",
            input="text",
            params=TextToSpeech,
            runner="earmark_plugins.text_to_speech.runner:run",
            formats=("hibari", "transformers"),
            architectures=(
                "VitsModel",
                "SpeechT5ForTextToSpeech",
                "BarkModel",
                "FastSpeech2ConformerWithHifiGan",
            ),
            icon="ph.speaker-high",
            text_param="text",
        )
    ]
