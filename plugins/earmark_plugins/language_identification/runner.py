"""Runs language identification."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.api import (
    Classifier,
    Context,
    EarmarkError,
    Job,
    Prediction,
    Progress,
    Result,
    Text,
    audio_of,
    entries,
)
from earmark_plugins.language_identification import LanguageIdentification
from earmark_plugins.language_identification.models import RATE, Scores, load
from earmark_plugins.language_identification.names import code_of, name_of
from earmark_plugins.speech_recognition.windows import (
    BLOCK_S,
    Window,
    speech_windows,
)

TIER = "language"
UNCERTAIN = "uncertain"

_TOGETHER = 16
"""Inputs whose speech is put in order of length before it is scored."""
_TOLD = 5


@dataclass(frozen=True, slots=True)
class Stretch:
    """Speech between two pauses, and the scores of the languages."""

    start_s: float
    stop_s: float
    scores: Scores

    @property
    def length_s(self) -> float:
        """How long it is."""
        return self.stop_s - self.start_s


def run(job: Job, ctx: Context) -> Iterator[Result]:
    """Label the languages of one recording."""
    params = LanguageIdentification(**job.params)
    classifier = _among(load(ctx), params)
    blocks = (block for _, block in ctx.blocks(RATE, BLOCK_S))
    stretches: list[Stretch] = []
    waiting: list[Window] = []
    for window in _speech(blocks, classifier, params):
        if window.stretches:
            waiting.append(window)
        if len(waiting) == classifier.batch:
            stretches += _scored(classifier, waiting)
            waiting = []
        yield Progress(min(1.0, window.stop_s / max(ctx.duration_s, 1e-9)))
    stretches += _scored(classifier, waiting)
    yield from _results(ctx, classifier, params, stretches)


def run_many(
    contexts: Sequence[Context],
) -> Iterator[tuple[Context, Sequence[Result] | EarmarkError]]:
    """Label the languages of short recordings, stretches of like length together."""
    params = LanguageIdentification(**contexts[0].job.params)
    classifier = _among(load(contexts[0]), params)
    held: list[tuple[Context, list[Window]]] = []
    for ctx, audio in audio_of(contexts, RATE):
        if isinstance(audio, EarmarkError):
            yield ctx, audio
            continue
        windows = _speech([audio], classifier, params)
        held.append((ctx, [window for window in windows if window.stretches]))
        if len(held) == _TOGETHER:
            yield from _together(classifier, params, held)
            held = []
    yield from _together(classifier, params, held)


def _together(
    classifier: Classifier,
    params: LanguageIdentification,
    held: Sequence[tuple[Context, list[Window]]],
) -> Iterator[tuple[Context, Sequence[Result]]]:
    windows = [window for _, found in held for window in found]
    order = sorted(range(len(windows)), key=lambda index: windows[index].speech_s)
    scored: dict[int, Stretch] = {}
    for first in range(0, len(order), classifier.batch):
        batch = order[first : first + classifier.batch]
        stretches = _scored(classifier, [windows[index] for index in batch])
        scored.update(zip(batch, stretches, strict=True))
    index = 0
    for ctx, found in held:
        stretches = [scored[index + offset] for offset in range(len(found))]
        index += len(found)
        yield ctx, [*_results(ctx, classifier, params, stretches)]


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


def _speech(
    blocks: Iterable[NDArray[np.float32]],
    classifier: Classifier,
    params: LanguageIdentification,
) -> Iterator[Window]:
    return speech_windows(
        blocks,
        window_s=classifier.window_s,
        fill=False,
        vad=True,
        threshold=params.vad_threshold,
    )


def _scored(classifier: Classifier, windows: Sequence[Window]) -> list[Stretch]:
    """The stretches of windows that hold one each, with their scores."""
    step = len(windows) if classifier.mixes else 1
    scores: list[Scores] = []
    for first in range(0, len(windows), step or 1):
        heard = [window.samples for window in windows[first : first + step]]
        scores.extend(classifier.score(classifier.prepare(heard)))
    return [
        Stretch(window.stop_s - window.speech_s, window.stop_s, found)
        for window, found in zip(windows, scores, strict=True)
    ]


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
    whole = _mean(stretches)
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
            yield label, float(_mean(run)[best]), run
            run = []
        if not run:
            label, best = answer, here
        run.append(stretch)
    if run:
        yield label, float(_mean(run)[best]), run


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


def _mean(stretches: Sequence[Stretch]) -> Scores:
    """The mean of the scores, weighted by how long each stretch is."""
    weights = [stretch.length_s for stretch in stretches]
    scores = np.average([stretch.scores for stretch in stretches], 0, weights)
    mean: Scores = scores.astype(np.float32)
    return mean


def _label(
    ctx: Context, start_s: float, stop_s: float | None, text: str, score: float
) -> Prediction:
    return ctx.label(start_s, stop_s, text, tier=TIER, score=score)
