"""Runs speech recognition, and the check of a take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field

from earmark.api import (
    Context,
    EarmarkError,
    Job,
    Prediction,
    Progress,
    Result,
    Text,
    audio_of,
)
from earmark_plugins.speech_recognition import SpeechRecognition, TakeCheck
from earmark_plugins.speech_recognition.languages import LANGUAGES
from earmark_plugins.speech_recognition.transcript import (
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
from earmark_plugins.speech_recognition.windows import (
    BLOCK_S,
    Window,
    speech_windows,
)

_SURE = 0.5
_SURE_S = 1.5
"""Below this probability, or with less speech, a detected language is a guess."""


_BATCH = 8
"""Short recordings that are heard at once; more of them gain nothing on a CPU."""


@dataclass(slots=True)
class _Transcript:
    """What has been heard so far."""

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


def run(job: Job, ctx: Context) -> Iterator[Result]:
    """Transcribe a recording, segment by segment."""
    params = SpeechRecognition(**job.params)
    recognizer = _load(ctx, params)
    transcript = _Transcript(language=params.language)
    for segment in _transcribe(ctx, recognizer, params, transcript):
        if isinstance(segment, Progress):
            yield segment
        else:
            yield from _labels(ctx, segment, params)
    yield from _texts(ctx, transcript)


def run_many(
    contexts: Sequence[Context],
) -> Iterator[tuple[Context, Sequence[Result] | EarmarkError]]:
    """Transcribe short recordings, those of about the same length at once.

    One that does not fit a window of the recognizer gains nothing from that and is
    heard by itself, as is each by a recognizer that has no batches.
    """
    params = SpeechRecognition(**contexts[0].job.params)
    # Each context says what runs, and keeps the model from being given up.
    recognizer, *_ = (_load(ctx, params) for ctx in contexts)
    short: list[tuple[Context, Window]] = []
    for ctx, audio in audio_of(contexts, RATE):
        if isinstance(audio, EarmarkError):
            yield ctx, audio
            continue
        windows = list(_speech([audio], recognizer, params))
        with_speech = [window for window in windows if window.stretches]
        if isinstance(recognizer, BatchRecognizer) and len(with_speech) == 1:
            short.append((ctx, with_speech[0]))
            continue
        transcript = _Transcript(language=params.language)
        for window in with_speech:
            heard = recognizer.transcribe(window.samples, transcript.language)
            transcript.take(window, heard)
        yield ctx, _all(ctx, transcript, params)
    if not isinstance(recognizer, BatchRecognizer):
        return
    short.sort(key=lambda each: len(each[1].samples))
    size = 1 if contexts[0].small else _BATCH
    for first in range(0, len(short), size):
        batch = short[first : first + size]
        clips = [window.samples for _, window in batch]
        found = recognizer.transcribe_many(clips, params.language)
        for (ctx, window), heard in zip(batch, found, strict=True):
            transcript = _Transcript(language=params.language)
            transcript.take(window, heard)
            yield ctx, _all(ctx, transcript, params)


def check(job: Job, ctx: Context) -> Iterator[Result]:
    """Transcribe a take back and mark where it differs most from its text."""
    from earmark_plugins.speech_recognition.check import compare

    params = TakeCheck(**job.params)
    listening = SpeechRecognition(language=params.language)
    transcript = _Transcript(language=params.language)
    recognizer = _load(ctx, listening)
    for each in _transcribe(ctx, recognizer, listening, transcript):
        if isinstance(each, Progress):
            yield each
    words = [word for segment in transcript.segments for word in _words(segment)]
    language = transcript.language or params.language or "en"
    heard = paragraphs(transcript.segments)
    found = compare(params.text, heard, words, language)
    data = asdict(found)
    data["longest_divergent"] = data.pop("longest")
    if found.longest is not None:
        yield ctx.label(
            found.longest.start_s,
            found.longest.stop_s,
            f"“{found.longest.expected}” heard as “{found.longest.heard}”",
            tier="check",
        )
    yield Text("check", found.summary, data)


def _load(ctx: Context, params: SpeechRecognition) -> Recognizer:
    if ctx.model is None:
        raise EarmarkError(
            "No model for speech recognition was chosen.",
            "Choose one in the panel, or fetch the starter models.",
        )
    if ctx.model.format == "ctranslate2":
        from earmark_plugins.speech_recognition import faster_whisper_models

        return faster_whisper_models.load(ctx, params)
    if ctx.model.format == "transformers":
        from earmark_plugins.speech_recognition import transformers_models

        return transformers_models.load(ctx, params)
    raise EarmarkError(
        f"{ctx.model.id} is in the format “{ctx.model.format}”.",
        "Choose a CTranslate2 or a transformers model.",
    )


def _transcribe(
    ctx: Context,
    recognizer: Recognizer,
    params: SpeechRecognition,
    transcript: _Transcript,
) -> Iterator[Progress | Segment]:
    """Give the segments of the whole recording, and write down what they are."""
    blocks = (block for _, block in ctx.blocks(RATE, BLOCK_S))
    for window in _speech(blocks, recognizer, params):
        ctx.check()
        if window.stretches:
            heard = recognizer.transcribe(window.samples, transcript.language)
            yield from transcript.take(window, heard)
        yield Progress(min(window.stop_s / max(ctx.duration_s, 1e-9), 1.0))


def _speech(
    blocks: Iterable[Samples], recognizer: Recognizer, params: SpeechRecognition
) -> Iterator[Window]:
    return speech_windows(
        blocks,
        window_s=recognizer.window_s,
        fill=recognizer.fills_windows,
        vad=params.vad,
        threshold=params.vad_threshold,
    )


def _all(
    ctx: Context, transcript: _Transcript, params: SpeechRecognition
) -> list[Result]:
    labels = [
        label
        for segment in transcript.segments
        for label in _labels(ctx, segment, params)
    ]
    return [*labels, *_texts(ctx, transcript)]


def _labels(
    ctx: Context, segment: Segment, params: SpeechRecognition
) -> Iterator[Prediction]:
    """A segment behind its words: a job resumes behind its last segment."""
    for word in segment.words if params.words else ():
        yield ctx.label(
            word.start_s,
            word.stop_s,
            word.text,
            tier="words",
            kind="words",
            score=word.score,
        )
    yield ctx.label(
        segment.start_s,
        segment.stop_s,
        segment.text,
        tier="segments",
        kind="segments",
        score=segment.score,
    )


def _words(segment: Segment) -> Sequence[Word]:
    """The words; without times of their own they have the segment's."""
    return segment.words or [
        Word(segment.start_s, segment.stop_s, text) for text in segment.text.split()
    ]


def _texts(ctx: Context, transcript: _Transcript) -> Iterator[Text | Progress]:
    """The language and the transcript as a whole."""
    if transcript.language:
        data: dict[str, object] = {
            "probability": transcript.probability,
            "name": LANGUAGES.get(transcript.language, transcript.language),
            "certain": transcript.sure,
        }
        yield Text("language", transcript.language, data)
    note = "" if transcript.segments else "no speech was found"
    yield Text(
        "transcript",
        paragraphs(transcript.segments),
        {
            "speech_s": round(transcript.speech_s, 3),
            "resumed_at_s": ctx.offset_s,
            "note": note,
        },
    )
    yield Progress(1.0, note)
