"""Runs language identification."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from earmark.api import (
    Classifier,
    Context,
    EarmarkError,
    Job,
    Outcome,
    Prediction,
    Progress,
    Result,
    Text,
    entries,
    outcomes,
)
from earmark_plugins.language_identification import LanguageIdentification
from earmark_plugins.language_identification.models import load
from earmark_plugins.language_identification.names import code_of, name_of
from earmark_plugins.speech.stretches import (
    Scores,
    Stretch,
    mean_scores,
    stretches_of,
    stretches_of_many,
)

TIER = "language"
UNCERTAIN = "uncertain"

_TOLD = 5


def run(job: Job, ctx: Context) -> Iterator[Result]:
    """Label the languages of one recording."""
    params = LanguageIdentification(**job.params)
    classifier = _among(load(ctx), params)
    stretches: list[Stretch] = []
    for each in stretches_of(ctx, classifier, vad_threshold=params.vad_threshold):
        if isinstance(each, Progress):
            yield each
        else:
            stretches.append(each)
    yield from _results(ctx, classifier, params, stretches)


def run_many(contexts: Sequence[Context]) -> Iterator[Outcome]:
    """Label the languages of short recordings."""
    params = LanguageIdentification(**contexts[0].job.params)
    classifier = _among(load(contexts[0]), params)
    heard = stretches_of_many(contexts, classifier, vad_threshold=params.vad_threshold)
    yield from outcomes(
        heard, lambda ctx, found: _results(ctx, classifier, params, found)
    )


def _among(classifier: Classifier, params: LanguageIdentification) -> Classifier:
    """The classifier of the languages that are asked for.

    Raises
    ------
    EarmarkError
        If one of them is none, or the model does not know it.
    """
    wanted = list(dict.fromkeys(map(code_of, entries(params.languages))))
    if not wanted:
        return classifier
    unknown = [code for code in wanted if code not in classifier.names]
    if unknown:
        raise EarmarkError(
            f"The model does not know {', '.join(map(name_of, unknown))}.",
            f"It knows {', '.join(sorted(classifier.names))}.",
        )
    places = [classifier.names.index(code) for code in wanted]

    def score(prepared: Any) -> Scores:
        known = classifier.score(prepared)[:, places]
        scores: Scores = known / np.maximum(known.sum(-1, keepdims=True), 1e-30)
        return scores

    return replace(classifier, names=tuple(wanted), score=score)


def _results(
    ctx: Context,
    classifier: Classifier,
    params: LanguageIdentification,
    stretches: Sequence[Stretch],
) -> Iterator[Result]:
    """Labels along time or for the whole, then what is said about all of it."""
    if not stretches:
        ctx.note("no speech was found")
        yield Text(TIER, "", {"speech_s": 0.0, "note": "no speech was found"})
        yield Progress(1.0, "no speech was found")
        return
    whole = mean_scores(stretches)
    speech_s = sum(stretch.length_s for stretch in stretches)
    answer, best = _answer(whole, speech_s, classifier.names, params)
    certain = answer != UNCERTAIN
    seconds: dict[str, float] = defaultdict(float)
    for label, score, run in _runs(stretches, classifier.names, params):
        seconds[label] += sum(stretch.length_s for stretch in run)
        if params.along == "time":
            yield _label(ctx, run[0].start_s, run[-1].stop_s, label, score)
    if params.along == "clip":
        yield _label(ctx, 0.0, None, answer, float(whole[best]))
    else:
        spoken = sorted(seconds.keys() - {UNCERTAIN}, key=lambda code: -seconds[code])
        answer = ", ".join(spoken) or UNCERTAIN
    order = np.argsort(-whole, kind="stable")[:_TOLD]
    data = {
        "name": name_of(classifier.names[best]),
        "probability": float(whole[best]),
        "certain": certain,
        "scores": {classifier.names[i]: round(float(whole[i]), 6) for i in order},
        "score_kind": classifier.kind,
        "speech_s": round(speech_s, 3),
        "languages_s": {code: round(length, 3) for code, length in seconds.items()},
    }
    yield Text(TIER, answer, data)
    yield Progress(1.0)


def _runs(
    stretches: Sequence[Stretch],
    names: Sequence[str],
    params: LanguageIdentification,
) -> Iterator[tuple[str, float, list[Stretch]]]:
    """Neighbours of one language, with its code and mean score."""
    run: list[Stretch] = []
    best, label = -1, ""
    for stretch in stretches:
        answer, here = _answer(stretch.scores, stretch.length_s, names, params)
        goes_on = (
            bool(run)
            and answer == label
            and (stretch.start_s - run[-1].stop_s <= params.bridge_s)
        )
        if run and not goes_on:
            yield label, float(mean_scores(run)[best]), run
            run = []
        if not run:
            label, best = answer, here
        run.append(stretch)
    if run:
        yield label, float(mean_scores(run)[best]), run


def _answer(
    scores: Scores,
    speech_s: float,
    names: Sequence[str],
    params: LanguageIdentification,
) -> tuple[str, int]:
    """The code of the best language, or "uncertain", and which one is the best."""
    best = int(scores.argmax())
    sure = scores[best] >= params.threshold and speech_s >= params.shortest_s
    return names[best] if sure else UNCERTAIN, best


def _label(
    ctx: Context, start_s: float, stop_s: float | None, text: str, score: float
) -> Prediction:
    return ctx.label(start_s, stop_s, text, tier=TIER, score=score)
