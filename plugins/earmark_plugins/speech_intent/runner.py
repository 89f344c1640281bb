"""Runs speech intent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.api import (
    Classifier,
    Context,
    Job,
    Outcome,
    Progress,
    Result,
    Text,
    load_classifier,
    outcomes,
)
from earmark_plugins.speech import Listening
from earmark_plugins.speech.languages import UNSPACED
from earmark_plugins.speech.recognition import (
    Transcript,
    classifies,
    transcribe,
    transcribe_many,
)
from earmark_plugins.speech.stretches import (
    Stretch,
    mean_scores,
    stretches_of,
    stretches_of_many,
)
from earmark_plugins.speech.transcript import Word
from earmark_plugins.speech_intent import SpeechIntent
from earmark_plugins.speech_intent.phrases import Intent, intents_of
from earmark_plugins.speech_intent.sentences import sentence_vectors

TIER = "intent"
NONE = "none of these"

_COMPANION = "speech-recognition"
_WINDOW_S = 30.0
_TOLD = 5


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something that was said, and how well each intent fits.

    `text` is empty if the model hears intents without words.
    """

    start_s: float
    stop_s: float
    text: str
    scores: NDArray[np.float32]


def run(job: Job, ctx: Context) -> Iterator[Result]:
    """Label the intents in one recording."""
    params = SpeechIntent(**job.params)
    if classifies(ctx.model):
        classifier = load_classifier(ctx, window_s=_WINDOW_S)
        stretches: list[Stretch] = []
        for each in stretches_of(ctx, classifier):
            if isinstance(each, Progress):
                yield each
            else:
                stretches.append(each)
        yield from _results_of(ctx, params, classifier, stretches)
        return
    intents = intents_of(params.intents)
    transcript = Transcript(language=params.language)
    model = ctx.companion(_COMPANION)
    for step in transcribe(
        ctx, Listening(language=params.language), transcript, model=model
    ):
        if isinstance(step, Progress):
            yield step
    yield from _results_by_words(ctx, params, intents, transcript)


def run_many(contexts: Sequence[Context]) -> Iterator[Outcome]:
    """Label the intents in short recordings."""
    first = contexts[0]
    params = SpeechIntent(**first.job.params)
    if classifies(first.model):
        classifier = load_classifier(first, window_s=_WINDOW_S)
        yield from outcomes(
            stretches_of_many(contexts, classifier),
            lambda ctx, found: _results_of(ctx, params, classifier, found),
        )
        return
    intents = intents_of(params.intents)
    listening, model = Listening(language=params.language), first.companion(_COMPANION)
    yield from outcomes(
        transcribe_many(contexts, listening, model=model),
        lambda ctx, heard: _results_by_words(ctx, params, intents, heard),
    )


def _results_of(
    ctx: Context,
    params: SpeechIntent,
    classifier: Classifier,
    stretches: Sequence[Stretch],
) -> Iterator[Result]:
    """What a classifier made of stretches of speech."""
    heard = [
        Utterance(each.start_s, each.stop_s, "", each.scores) for each in stretches
    ]
    if params.along == "clip" and heard:
        heard = [Utterance(0.0, ctx.duration_s, "", mean_scores(stretches))]
    yield from _results(ctx, params, classifier.names, heard, classifier.kind)


def _results_by_words(
    ctx: Context,
    params: SpeechIntent,
    intents: Sequence[Intent],
    transcript: Transcript,
) -> Iterator[Result]:
    """What words were said, beside the phrases of each intent."""
    said = [*_utterances(transcript, params.pause_s)]
    if params.along == "clip" and said:
        said = [(0.0, ctx.duration_s, transcript.text)]
    phrases = [phrase for intent in intents for phrase in intent.phrases]
    vectors = sentence_vectors(ctx, [*phrases, *(text for _, _, text in said)])
    cosines = vectors[len(phrases) :] @ vectors[: len(phrases)].T
    # The phrase that is nearest decides, not how many of them an intent has.
    begins = np.cumsum([0, *(len(intent.phrases) for intent in intents[:-1])])
    scores = np.maximum.reduceat(cosines, begins, axis=1) if said else ()
    heard = [Utterance(*each, found) for each, found in zip(said, scores, strict=True)]
    names = [intent.name for intent in intents]
    yield from _results(ctx, params, names, heard, "cosine")


def _utterances(
    transcript: Transcript, pause_s: float
) -> Iterator[tuple[float, float, str]]:
    """Join words with short pauses between them: start, stop and text."""
    space = "" if transcript.language in UNSPACED else " "
    words: list[Word] = []
    for word in [*transcript.words, None]:
        if words and (word is None or word.start_s - words[-1].stop_s >= pause_s):
            text = space.join(each.text for each in words)
            yield words[0].start_s, words[-1].stop_s, text
            words = []
        if word is not None:
            words.append(word)


def _results(
    ctx: Context,
    params: SpeechIntent,
    names: Sequence[str],
    heard: Sequence[Utterance],
    kind: str,
) -> Iterator[Result]:
    """A label for each utterance, then what is said about all of them."""
    told: list[dict[str, object]] = []
    intents: Counter[str] = Counter()
    for each in heard:
        best = int(each.scores.argmax())
        score = float(each.scores[best])
        name = names[best] if score >= params.threshold else NONE
        intents[name] += 1
        yield ctx.label(each.start_s, each.stop_s, name, tier=TIER, score=score)
        order = np.argsort(-each.scores, kind="stable")[:_TOLD]
        scores = {names[index]: round(float(each.scores[index]), 6) for index in order}
        told.append({"text": each.text, "intent": name, "scores": scores})
    if not heard:
        ctx.note("no speech was found")
    found = [name for name, _ in intents.most_common() if name != NONE]
    answer = ", ".join(found) or (NONE if heard else "")
    yield Text(TIER, answer, {"utterances": told, "score_kind": kind})
    yield Progress(1.0)
