"""Runs speaker identification."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from earmark.api import (
    Context,
    EarmarkError,
    Hearing,
    Job,
    Outcome,
    Prediction,
    Progress,
    Result,
    WindowParams,
    audio_of,
    classify,
    classify_many,
    load_classifier,
    outcomes,
)
from earmark_plugins.speaker_identification import SpeakerIdentification
from earmark_plugins.speaker_identification.answer import (
    TIER,
    Answer,
    Piece,
    load_listener,
)
from earmark_plugins.speaker_identification.encoders import Encoder, is_classifier
from earmark_plugins.speech.transcript import RATE
from earmark_plugins.speech.windows import BLOCK_S

_TOGETHER = 16
"""Short inputs whose speech is embedded together."""

_CLASSIFIER_WINDOW_S = 4.0
_CLASSIFIER_SURE = 0.5


def run(job: Job, ctx: Context) -> Iterator[Result]:
    """Tell who speaks in one recording."""
    params = SpeakerIdentification(**job.params)
    if is_classifier(ctx):
        for result in classify(ctx, _known_speakers(ctx, params)):
            yield _as_speaker(result)
        return
    listener = load_listener(ctx, params)
    answer = Answer(ctx, listener)
    blocks = (block for _, block in ctx.blocks(RATE, BLOCK_S))
    for stop_s, pieces in answer.pieces(blocks):
        if pieces:
            vectors = listener.encoder.embed([piece.samples for piece in pieces])
            yield from answer.take(pieces, vectors)
        yield Progress(min(1.0, stop_s / max(ctx.duration_s, 1e-9)))
    yield from answer.end()


def run_many(contexts: Sequence[Context]) -> Iterator[Outcome]:
    """Tell who speaks in short recordings, the voices of several heard together."""
    first, *others = contexts
    params = SpeakerIdentification(**first.job.params)
    if is_classifier(first):
        found = classify_many(contexts, _known_speakers(first, params))
        yield from outcomes(found, lambda _, results: map(_as_speaker, results))
        return
    listener = load_listener(first, params)
    for ctx in others:
        ctx.use(*first.used)
    held: list[tuple[Answer, list[Piece]]] = []
    for ctx, audio in audio_of(contexts, RATE):
        if isinstance(audio, EarmarkError):
            yield ctx, audio
            continue
        answer = Answer(ctx, listener)
        heard = [piece for _, pieces in answer.pieces([audio]) for piece in pieces]
        held.append((answer, heard))
        if len(held) == _TOGETHER:
            yield from _together(listener.encoder, held)
            held = []
    yield from _together(listener.encoder, held)


def _together(
    encoder: Encoder, held: Sequence[tuple[Answer, list[Piece]]]
) -> Iterator[tuple[Context, Sequence[Result]]]:
    pieces = [piece.samples for _, found in held for piece in found]
    vectors = encoder.embed(pieces) if pieces else np.zeros((0, 0), np.float32)
    at = 0
    for answer, found in held:
        labels = list(answer.take(found, vectors[at : at + len(found)]))
        at += len(found)
        yield answer.ctx, [*labels, *answer.end()]


def _known_speakers(ctx: Context, params: SpeakerIdentification) -> Hearing:
    """A model that knows speakers by name, and how it is asked."""
    classifier = load_classifier(ctx, window_s=_CLASSIFIER_WINDOW_S)
    if ctx.job.examples:
        ctx.note(
            f"the model knows its own {len(classifier.names)} speakers only; the "
            "voices of the project were not used"
        )
    rules = WindowParams(
        along="clip" if params.along == "clip" else "time",
        threshold=min(1.0, max(0.0, _CLASSIFIER_SURE + params.shift)),
        top=1,
        bridge_s=params.bridge_s,
    )
    return Hearing(classifier, rules, TIER)


def _as_speaker(result: Result) -> Result:
    if isinstance(result, Prediction):
        return replace(result, kind="speakers", speaker=result.text)
    return result
