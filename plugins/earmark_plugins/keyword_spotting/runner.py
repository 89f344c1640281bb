"""Runs keyword spotting."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from earmark.api import (
    Context,
    EarmarkError,
    Hearing,
    Job,
    Outcome,
    Prediction,
    Progress,
    Result,
    Text,
    WindowParams,
    classify,
    classify_many,
    entries,
    load_classifier,
    outcomes,
)
from earmark_plugins.keyword_spotting import KeywordSpotting
from earmark_plugins.keyword_spotting.matching import find, fold
from earmark_plugins.speech import Listening
from earmark_plugins.speech.recognition import (
    Transcript,
    classifies,
    transcribe,
    transcribe_many,
)

TIER = "keywords"

_COMMAND_S = 1.0
"""The clips of Speech Commands (Warden 2018)."""
_NONE = ("_unknown_", "_silence_")
"""What is none of the words, in the models trained on it."""


def run(job: Job, ctx: Context) -> Iterator[Result]:
    """Label the keywords in one recording."""
    params = KeywordSpotting(**job.params)
    if classifies(ctx.model):
        yield from _summed_up(classify(ctx, _hearing(ctx, params)))
        return
    wanted = _wanted(params)
    transcript = Transcript(language=params.language)
    for each in transcribe(ctx, Listening(language=params.language), transcript):
        if isinstance(each, Progress):
            yield each
    yield from _results(ctx, transcript, wanted, params)


def run_many(contexts: Sequence[Context]) -> Iterator[Outcome]:
    """Label the keywords in short recordings."""
    params = KeywordSpotting(**contexts[0].job.params)
    if classifies(contexts[0].model):
        found = classify_many(contexts, _hearing(contexts[0], params))
        yield from outcomes(found, lambda _, results: _summed_up(results))
        return
    wanted = _wanted(params)
    heard = transcribe_many(contexts, Listening(language=params.language))
    yield from outcomes(heard, lambda ctx, each: _results(ctx, each, wanted, params))


def _hearing(ctx: Context, params: KeywordSpotting) -> Hearing:
    """What a model hears with that knows some words only."""
    classifier = load_classifier(ctx, window_s=_COMMAND_S)
    wanted = {fold(word, params.language) for word in entries(params.keywords)}
    known = {fold(name, params.language): name for name in classifier.names}
    unknown = wanted - known.keys()
    if unknown:
        words = [word for word in classifier.names if word not in _NONE]
        raise EarmarkError(
            f"The model does not know {', '.join(sorted(unknown))}.",
            f"It knows {', '.join(words)}. One that recognises speech finds any word.",
        )
    meant = {known[word] for word in wanted} or {*classifier.names} - {*_NONE}
    # No score reaches the threshold of what is not looked for.
    thresholds = {name: math.inf for name in classifier.names if name not in meant}
    rules = WindowParams(
        threshold=params.threshold, window_s=params.window_s, hop_s=params.hop_s
    )
    return Hearing(classifier, rules, TIER, thresholds)


def _summed_up(results: Iterable[Result]) -> Iterator[Result]:
    """What a classifier gives, with the keywords that were found for its text."""
    counts: Counter[str] = Counter()
    for result in results:
        if isinstance(result, Prediction):
            counts[result.text] += 1
        if isinstance(result, Text):
            data = result.data | {"counts": dict(counts)}
            result = replace(result, text=", ".join(counts), data=data)
        yield result


def _wanted(params: KeywordSpotting) -> tuple[str, ...]:
    wanted = entries(params.keywords)
    if not wanted:
        raise EarmarkError(
            "There are no keywords to look for.", "Write some, one a line."
        )
    return wanted


def _results(
    ctx: Context,
    transcript: Transcript,
    wanted: Sequence[str],
    params: KeywordSpotting,
) -> Iterator[Result]:
    found = find(
        transcript.words,
        wanted,
        language=transcript.language or "en",
        alike=params.similarity if params.match == "fuzzy" else None,
    )
    for each in found:
        yield ctx.label(
            each.start_s, each.stop_s, each.keyword, tier=TIER, score=each.score
        )
    counts = Counter(each.keyword for each in found)
    yield Text(
        TIER,
        ", ".join(counts),
        {
            "counts": {word: counts[word] for word in wanted},
            "heard": [each.heard for each in found],
            "score_kind": "ratio" if params.match == "fuzzy" else "probability",
            "transcript": transcript.text,
            "speech_s": round(transcript.speech_s, 3),
        },
    )
    if not transcript.segments:
        ctx.note("no speech was found")
    yield Progress(1.0)
