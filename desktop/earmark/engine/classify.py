"""From a classifier to labels along the time axis.

A plugin gives the classifier and the rules; what is windowed, batched, put together
again and labelled is the same for all of them.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np

from earmark.core.errors import EarmarkError
from earmark.core.tasks import Job, Progress, Result
from earmark.core.windows import ExclusiveParams
from earmark.engine import loaders
from earmark.engine.context import Context, Samples, Window, audio_of
from earmark.engine.hearing import Heard, hear, hear_many
from earmark.engine.labelling import SILENT_DB, Labeller, Rules, Scores

BATCH = 8
"""Windows that are scored at once: more is hardly faster on a CPU."""

AST_HOP_S = 0.01
"""A frame of the AST's features each 10 ms (Gong et al. 2021)."""

Outcome = tuple[Context, Sequence[Result] | EarmarkError]


@dataclass(frozen=True, slots=True)
class Classifier:
    """A model that scores windows.

    Attributes
    ----------
    names : tuple of str
        The classes.
    rate : int
        What the model wants.
    window_s : float
        What it is made for, or can take at most.
    score : callable
        Gives the scores of what was prepared, shape (windows, classes), float32.
    kind : str
        What the scores are: "softmax", "sigmoid", "cosine".
    exclusive : bool
        One class at a time; otherwise several may be true at once.
    batch : int
        How many windows it scores at once.
    mixes : bool
        It scores windows of different lengths together as it scores each alone.
    prepare : callable
        Takes windows, float32, shape (frames,) each, and gives what `score` wants. It
        is called on another thread, for the next windows while these are scored.
    """

    names: tuple[str, ...]
    rate: int
    window_s: float
    score: Callable[[Any], Scores]
    kind: str
    exclusive: bool
    batch: int = 8
    mixes: bool = False
    prepare: Callable[[Sequence[Samples]], Any] = list


@dataclass(frozen=True, slots=True)
class FrameClassifier:
    """A model that follows a sound frame by frame; one class at a time.

    Attributes
    ----------
    names : tuple of str
        The classes.
    rate : int
        What the model wants.
    frame_s : float
        From one frame to the next.
    score : callable
        Takes samples, float32, shape (frames,), finite, and gives the scores of their
        frames, shape (frames, classes), float32; those of a silent frame are NaN. It is
        called on several threads.
    kind : str
        What the scores are: "probability".
    block_s, context_s : float
        What is scored at once of a long sound, and how much is heard before and after
        it, in whole frames.
    """

    names: tuple[str, ...]
    rate: int
    frame_s: float
    score: Callable[[Samples], Scores]
    kind: str
    block_s: float = 60.0
    context_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """What a task hears with, and what becomes of it; see `classify`."""

    classifier: Classifier | FrameClassifier
    params: ExclusiveParams
    tier: str
    thresholds: Mapping[str, float] = field(default_factory=dict)
    silence: str = ""
    silent_db: float = SILENT_DB


def runners(
    prepare: Callable[[Context], Hearing],
) -> tuple[
    Callable[[Job, Context], Iterator[Result]],
    Callable[[Sequence[Context]], Iterator[Outcome]],
]:
    """The two runners of a task that labels what a classifier hears.

    Parameters
    ----------
    prepare : callable
        Gives what to hear with for a context, whose `model` and `job.params` say which.

    Returns
    -------
    run : callable
        A task's `runner`.
    run_many : callable
        Its `many`.
    """

    def options(hearing: Hearing) -> dict[str, Any]:
        return {each.name: getattr(hearing, each.name) for each in fields(hearing)}

    def run(job: Job, ctx: Context) -> Iterator[Result]:
        yield from classify(ctx, **options(prepare(ctx)))

    def run_many(contexts: Sequence[Context]) -> Iterator[Outcome]:
        first, *others = contexts
        hearing = prepare(first)
        for ctx in others:
            ctx.use(*first.used)
        yield from classify_many(contexts, **options(hearing))

    return run, run_many


def load_classifier(
    ctx: Context,
    *,
    kind: Literal["softmax", "sigmoid"] = "softmax",
    window_s: float = 10.0,
    allow_pickle: bool = False,
) -> Classifier:
    """The classifier of the job's model, a transformers audio classifier.

    Parameters
    ----------
    ctx : Context
    kind : {"softmax", "sigmoid"}
        One class of all, or each class for itself.
    window_s : float
        What is heard at once of a model that takes any length; others hear what they
        were made for.
    allow_pickle : bool
        See `Context.pipeline`.
    """
    pipeline = ctx.pipeline("audio-classification", allow_pickle=allow_pickle)
    scorer = loaders.scorer_of(pipeline, kind)
    extractor = pipeline.feature_extractor
    rate = int(extractor.sampling_rate)
    frames = getattr(extractor, "max_length", None)
    if pipeline.model.config.model_type == "audio-spectrogram-transformer" and frames:
        window_s = frames * AST_HOP_S
    elif hasattr(extractor, "chunk_length"):
        window_s = min(window_s, float(extractor.chunk_length))
    return Classifier(
        names=loaders.class_names(pipeline),
        rate=rate,
        window_s=window_s,
        score=scorer.score,
        kind=kind,
        exclusive=kind == "softmax",
        batch=1 if ctx.small else BATCH,
        mixes=scorer.mixes,
        prepare=scorer.prepare,
    )


def classify(
    ctx: Context,
    classifier: Classifier | FrameClassifier,
    params: ExclusiveParams,
    *,
    tier: str,
    thresholds: Mapping[str, float] | None = None,
    silence: str = "",
    silent_db: float = SILENT_DB,
) -> Iterator[Result]:
    """Label what a classifier hears in the audio of a job.

    Parameters
    ----------
    ctx : Context
    classifier : Classifier or FrameClassifier
    params : ExclusiveParams
    tier : str
        Name of the label track, and role of the text that sums up the whole.
    thresholds : mapping, optional
        Class to threshold, where it is not that of `params`.
    silence : str, optional
        What stretches of silence are labelled; without it they get no label.
    silent_db : float, optional
        Windows that are nowhere louder are silent, in dB of full scale.

    Yields
    ------
    Progress, Prediction or Text
        Labels as soon as they have ended, then the text: the best class of all, with
        the best scores and what was not scored in its data.
    """
    rules = _rules(classifier, params, tier, thresholds or {}, silence, silent_db)
    labeller = Labeller(ctx, rules, ctx.duration_s)
    if isinstance(classifier, FrameClassifier):
        scored = _by_frames(ctx, classifier)
    else:
        scored = hear(ctx, classifier, rules.window_s, rules.hop_s, silent_db=silent_db)
    for windows in scored:
        for window, scores in windows:
            yield from labeller.take(window, scores)
        stop_s = windows[-1][0].stop_s
        yield Progress(min(1.0, stop_s / max(ctx.duration_s, 1e-9)))
    yield from labeller.end()


def classify_many(
    contexts: Sequence[Context],
    classifier: Classifier | FrameClassifier,
    params: ExclusiveParams,
    *,
    tier: str,
    thresholds: Mapping[str, float] | None = None,
    silence: str = "",
    silent_db: float = SILENT_DB,
) -> Iterator[Outcome]:
    """`classify` for short inputs: the windows of several of them are scored at once.

    Yields
    ------
    context : Context
    outcome : sequence of Result, or EarmarkError
    """
    rules = _rules(classifier, params, tier, thresholds or {}, silence, silent_db)
    if isinstance(classifier, FrameClassifier):
        yield from _many_by_frames(contexts, classifier, rules)
        return
    for ctx, heard in hear_many(
        contexts, classifier, rules.window_s, rules.hop_s, silent_db=silent_db
    ):
        if isinstance(heard, EarmarkError):
            yield ctx, heard
            continue
        duration_s = heard[-1][0].stop_s if heard else 0.0
        labeller = Labeller(ctx, rules, duration_s)
        found: list[Result] = []
        for window, scores in heard:
            found += labeller.take(window, scores)
        yield ctx, [*found, *labeller.end()]


def lengths(classifier: Classifier, params: ExclusiveParams) -> tuple[float, float]:
    """The window and the hop in seconds, the hop in whole samples of the model."""
    window_s = params.window_s or classifier.window_s
    hop_s = min(params.hop_s or window_s / 2, window_s)
    return window_s, max(1, round(hop_s * classifier.rate)) / classifier.rate


def _rules(
    classifier: Classifier | FrameClassifier,
    params: ExclusiveParams,
    tier: str,
    thresholds: Mapping[str, float],
    silence: str,
    silent_db: float,
) -> Rules:
    if isinstance(classifier, FrameClassifier):
        window_s = hop_s = classifier.frame_s
        exclusive = True
    else:
        window_s, hop_s = lengths(classifier, params)
        exclusive = classifier.exclusive
    return Rules(
        names=classifier.names,
        kind=classifier.kind,
        exclusive=exclusive,
        params=params,
        tier=tier,
        window_s=window_s,
        hop_s=hop_s,
        thresholds=thresholds,
        silence=silence,
        silent_db=silent_db,
    )


def _by_frames(ctx: Context, classifier: FrameClassifier) -> Iterator[Heard]:
    """The frames of one input and their scores, block after block."""
    around = round(classifier.context_s / classifier.frame_s)
    length_s = classifier.block_s + 2 * classifier.context_s
    cells: Heard = []
    for block in ctx.windows(classifier.rate, length_s, classifier.block_s, pad=False):
        # The end of a block is heard again, with what is behind it, in the next one.
        cells = _cells(classifier, block, classifier.score(_finite(block.samples)))
        if block.start_s:
            cells = cells[around:]
        inner = cells[: len(cells) - around]
        if inner:
            yield inner
        cells = cells[len(inner) :]
    if cells:
        yield cells


def _many_by_frames(
    contexts: Sequence[Context], classifier: FrameClassifier, rules: Rules
) -> Iterator[Outcome]:
    """The outcomes of short inputs, several of them scored at once."""

    def results(ctx: Context, audio: Samples, scores: Future[Scores]) -> Outcome:
        duration_s = len(audio) / classifier.rate
        labeller = Labeller(ctx, rules, duration_s)
        found: list[Result] = []
        for window, row in _cells(
            classifier, Window(0.0, duration_s, audio), scores.result()
        ):
            found += labeller.take(window, row)
        return ctx, [*found, *labeller.end()]

    workers = min(os.cpu_count() or 1, 4)
    with ThreadPoolExecutor(workers, "scorer") as pool:
        coming: deque[tuple[Context, Samples, Future[Scores]]] = deque()
        try:
            for ctx, audio in audio_of(contexts, classifier.rate):
                if isinstance(audio, EarmarkError):
                    yield ctx, audio
                    continue
                scores = pool.submit(classifier.score, _finite(audio))
                coming.append((ctx, audio, scores))
                if len(coming) > 2 * workers:
                    yield results(*coming.popleft())
            while coming:
                yield results(*coming.popleft())
        finally:
            pool.shutdown(cancel_futures=True)


def _cells(classifier: FrameClassifier, block: Window, scores: Scores) -> Heard:
    """The frames of a block; one that is silent or unreadable has no scores."""
    length = round(classifier.frame_s * classifier.rate)
    cells: Heard = []
    for index, row in enumerate(scores):
        samples = block.samples[index * length : (index + 1) * length]
        start_s = block.start_s + index * classifier.frame_s
        stop_s = min(start_s + classifier.frame_s, block.stop_s)
        heard = np.isfinite(row).all() and np.isfinite(samples).all()
        cells.append((Window(start_s, stop_s, samples), row if heard else None))
    return cells


def _finite(samples: Samples) -> Samples:
    return np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
