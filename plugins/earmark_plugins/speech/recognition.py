"""Speech written down: the entry of every task that needs its words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from earmark.api import (
    Context,
    EarmarkError,
    ModelRef,
    Progress,
    audio_of,
    config_of,
)
from earmark_plugins.speech import CLASSIFIERS, Listening
from earmark_plugins.speech.transcript import (
    RATE,
    BatchRecognizer,
    Heard,
    Recognizer,
    Samples,
    Segment,
    Word,
    paragraphs,
    without_loop,
)
from earmark_plugins.speech.windows import (
    BLOCK_S,
    Window,
    noted,
    speech_windows,
)

_SURE = 0.5
_SURE_S = 2.0
"""Below this probability, or with less speech and what is around it, a detected
language is a guess."""

_PAD_S = 0.6
"""Voices are often found a little late, and weak ones at the end not at all: with half
as much around them, Whisper takes “Please” for “Raise”."""

_BATCH = 8
"""Short recordings that are heard at once; more of them gain nothing on a CPU."""


@dataclass(slots=True)
class Transcript:
    """What has been heard so far.

    Attributes
    ----------
    segments : list of Segment
    speech_s : float
    language : str
        That was asked for, or that was detected first.
    probability : float or None
        Of the language; None if it was asked for.
    sure : bool
        Whether there was speech enough to tell the language.
    """

    segments: list[Segment] = field(default_factory=list)
    speech_s: float = 0.0
    language: str = ""
    probability: float | None = None
    sure: bool = True

    def take(self, window: Window, heard: Heard) -> list[Segment]:
        """Add what was heard in a window; gives its segments in their places."""
        if not self.language and heard.language:
            self.language = heard.language
            self.probability = heard.probability
            self.sure = heard.probability is None or (
                heard.probability >= _SURE and window.speech_s >= _SURE_S
            )
        self.speech_s += window.speech_s
        placed = [
            without_loop(window.place(segment))
            for segment in heard.segments
            if any(map(str.isalnum, segment.text))
        ]
        self.segments += placed
        return placed

    @property
    def text(self) -> str:
        """All that was said; a long pause starts a new line."""
        return paragraphs(self.segments)

    @property
    def words(self) -> list[Word]:
        """The words; without times of their own they have their segment's."""
        return [
            word
            for segment in self.segments
            for word in segment.words
            or [
                Word(segment.start_s, segment.stop_s, text, segment.score)
                for text in segment.text.split()
            ]
        ]


def transcribe(
    ctx: Context,
    listening: Listening,
    transcript: Transcript,
    *,
    model: ModelRef | None = None,
) -> Iterator[Progress | Segment]:
    """Write down what is said in the audio of a job, segment by segment.

    Parameters
    ----------
    ctx : Context
    listening : Listening
    transcript : Transcript
        Is added to.
    model : ModelRef, optional
        What recognises speech, if it is not the job's model.
    """
    recognizer = load(ctx, listening, model)
    blocks = (block for _, block in ctx.blocks(RATE, BLOCK_S))
    for window in _speech(noted(ctx, blocks), recognizer, listening):
        ctx.check()
        if window.stretches:
            heard = recognizer.transcribe(window.samples, transcript.language)
            yield from transcript.take(window, heard)
        yield Progress(min(window.stop_s / max(ctx.duration_s, 1e-9), 1.0))


def transcribe_many(
    contexts: Sequence[Context],
    listening: Listening,
    *,
    model: ModelRef | None = None,
) -> Iterator[tuple[Context, Transcript | EarmarkError]]:
    """Transcribe short recordings, those of about the same length at once.

    One that does not fit a window of the recognizer gains nothing from that and is
    heard by itself, as is each by a recognizer that has no batches.
    """
    first, *others = contexts
    recognizer = load(first, listening, model)
    for ctx in others:
        ctx.use(*first.used, first.notes)
    short: list[tuple[Context, Window]] = []
    for ctx, audio in audio_of(contexts, RATE):
        if isinstance(audio, EarmarkError):
            yield ctx, audio
            continue
        windows = _speech(noted(ctx, [audio]), recognizer, listening)
        with_speech = [window for window in windows if window.stretches]
        if isinstance(recognizer, BatchRecognizer) and len(with_speech) == 1:
            short.append((ctx, with_speech[0]))
            continue
        transcript = Transcript(language=listening.language)
        for window in with_speech:
            heard = recognizer.transcribe(window.samples, transcript.language)
            transcript.take(window, heard)
        yield ctx, transcript
    if not isinstance(recognizer, BatchRecognizer):
        return
    short.sort(key=lambda each: len(each[1].samples))
    size = 1 if first.small else _BATCH
    for start in range(0, len(short), size):
        batch = short[start : start + size]
        clips = [window.samples for _, window in batch]
        found = recognizer.transcribe_many(clips, listening.language)
        for (ctx, window), heard in zip(batch, found, strict=True):
            transcript = Transcript(language=listening.language)
            transcript.take(window, heard)
            yield ctx, transcript


def load(
    ctx: Context, listening: Listening, model: ModelRef | None = None
) -> Recognizer:
    """The recognizer of a model, by default the job's.

    Raises
    ------
    EarmarkError
        If there is none, or it cannot do what is asked.
    """
    model = model or ctx.model
    if model is None or model.path is None:
        raise EarmarkError(
            "No model for speech recognition was chosen.",
            "Choose one in the panel, or fetch the starter models.",
        )
    if model.format == "ctranslate2":
        from earmark_plugins.speech import faster_whisper_models

        return faster_whisper_models.load(ctx, listening, model)
    if model.format == "transformers":
        from earmark_plugins.speech import transformers_models

        return transformers_models.load(ctx, listening, model)
    raise EarmarkError(
        f"{model.id} is in the format “{model.format}”.",
        "Choose a CTranslate2 or a transformers model.",
    )


def classifies(model: ModelRef | None) -> bool:
    """Whether a model tells classes of speech without its words, by its class."""
    if model is None or model.path is None or model.format != "transformers":
        return False
    return any(
        fnmatchcase(architecture, pattern)
        for architecture in config_of(model.path).get("architectures") or ()
        for pattern in CLASSIFIERS
    )


def _speech(
    blocks: Iterable[Samples], recognizer: Recognizer, listening: Listening
) -> Iterator[Window]:
    return speech_windows(
        blocks,
        window_s=recognizer.window_s,
        fill=recognizer.fills_windows,
        vad=listening.vad,
        threshold=listening.vad_threshold,
        pad_s=_PAD_S,
    )
