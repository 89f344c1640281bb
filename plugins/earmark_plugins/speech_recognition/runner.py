"""Runs speech recognition, and the check of a take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from earmark.api import (
    Context,
    Job,
    Outcome,
    Prediction,
    Progress,
    Result,
    Text,
    outcomes,
)
from earmark_plugins.speech import Listening
from earmark_plugins.speech.languages import LANGUAGES
from earmark_plugins.speech.recognition import Transcript, transcribe, transcribe_many
from earmark_plugins.speech.transcript import Segment
from earmark_plugins.speech_recognition import SpeechRecognition, TakeCheck


def run(job: Job, ctx: Context) -> Iterator[Result]:
    """Transcribe a recording, segment by segment."""
    params = SpeechRecognition(**job.params)
    transcript = Transcript(language=params.language)
    if not params.language and (earlier := ctx.told("language")):
        # The rest alone might be taken for another language.
        transcript.language = earlier.text
        transcript.probability = earlier.data.get("probability")
        transcript.sure = earlier.data.get("certain", True)
    told = False
    for each in transcribe(ctx, Listening(**params.model_dump()), transcript):
        if isinstance(each, Progress):
            yield each
            continue
        if not told:
            # Before the segments behind which the job may have to go on.
            yield from _language(transcript)
            told = True
        yield from _labels(ctx, each, params)
    if not told:
        yield from _language(transcript)
    yield from _texts(ctx, transcript)


def run_many(contexts: Sequence[Context]) -> Iterator[Outcome]:
    """Transcribe short recordings, those of about the same length at once."""
    params = SpeechRecognition(**contexts[0].job.params)
    listening = Listening(**params.model_dump())
    yield from outcomes(
        transcribe_many(contexts, listening),
        lambda ctx, heard: _all(ctx, heard, params),
    )


def check(job: Job, ctx: Context) -> Iterator[Result]:
    """Transcribe a take back and mark where it differs most from its text."""
    from earmark_plugins.speech_recognition.check import compare

    params = TakeCheck(**job.params)
    transcript = Transcript(language=params.language)
    for each in transcribe(ctx, Listening(language=params.language), transcript):
        if isinstance(each, Progress):
            yield each
    language = transcript.language or "en"
    found = compare(params.text, transcript.text, transcript.words, language)
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


def _all(
    ctx: Context, transcript: Transcript, params: SpeechRecognition
) -> list[Result]:
    labels = [
        label
        for segment in transcript.segments
        for label in _labels(ctx, segment, params)
    ]
    return [*_language(transcript), *labels, *_texts(ctx, transcript)]


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


def _language(transcript: Transcript) -> Iterator[Text]:
    """The language, if it is known."""
    if transcript.language:
        data: dict[str, object] = {
            "probability": transcript.probability,
            "name": LANGUAGES.get(transcript.language, transcript.language),
            "certain": transcript.sure,
        }
        yield Text("language", transcript.language, data)


def _texts(ctx: Context, transcript: Transcript) -> Iterator[Text | Progress]:
    """The transcript as a whole."""
    note = "" if transcript.segments else "no speech was found"
    yield Text(
        "transcript",
        transcript.text,
        {
            "speech_s": round(transcript.speech_s, 3),
            "resumed_at_s": ctx.offset_s,
            "note": note,
        },
    )
    yield Progress(1.0, note)
