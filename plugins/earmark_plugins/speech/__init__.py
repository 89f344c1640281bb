"""Listening to speech: what several tasks share. A library, and no plugin."""

from dataclasses import dataclass

from earmark.api import param
from earmark_plugins.speech.languages import LANGUAGES

FORMATS = ("ctranslate2", "transformers")

ARCHITECTURES = (
    "WhisperForConditionalGeneration",
    "MoonshineForConditionalGeneration",
    "MoonshineStreamingForConditionalGeneration",
    "ParakeetForTDT",
    "*ForCTC",
)
"""What recognises speech, in transformers' format."""

CLASSIFIERS = (
    "ASTForAudioClassification",
    "WhisperForAudioClassification",
    "Wav2Vec2*ForSequenceClassification",
    "HubertForSequenceClassification",
    "WavLMForSequenceClassification",
    "UniSpeech*ForSequenceClassification",
    "Data2VecAudioForSequenceClassification",
)
"""What tells classes of sounds or of speech without its words."""

LANGUAGE_CHOICES = (("", "Detect"), *LANGUAGES.items())

LANGUAGE = param(
    "",
    "Language",
    "The language spoken; if none is given, it is detected.",
    choices=LANGUAGE_CHOICES,
)
VOICE_THRESHOLD = param(
    0.5,
    "Voice threshold",
    "How sure the voice detector must be; lower finds quieter voices.",
    ge=0.05,
    le=0.95,
    step=0.05,
    advanced=True,
)
"""Fields of the parameters of several tasks."""


@dataclass(frozen=True, slots=True)
class Listening:
    """How a recording is transcribed.

    Attributes
    ----------
    language : str
        A code; empty detects it from the first speech.
    translate : bool
        Write English whatever is spoken.
    words : bool
        Give each word with its time.
    vad : bool
        Listen only where a voice is found.
    prompt : str
        Words that may come up, for Whisper.
    beam_size : int
        How many readings are followed at once.
    vad_threshold : float
        How sure the voice detector must be.
    precision : {"auto", "int8", "float16", "float32"}
    """

    language: str = ""
    translate: bool = False
    words: bool = True
    vad: bool = True
    prompt: str = ""
    beam_size: int = 1
    vad_threshold: float = 0.5
    precision: str = "auto"
