"""From a classifier to labels along the time axis.

A plugin gives the classifier and the rules; what is windowed, batched, put together
again and labelled is the same for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

import numpy as np

from earmark.core.errors import EarmarkError
from earmark.core.tasks import Job, Params, Progress, Result
from earmark.core.windows import EventParams, ExclusiveParams
from earmark.engine import loaders
from earmark.engine.classes import thresholds, wanted
from earmark.engine.context import (
    Context,
    Outcome,
    Samples,
    Window,
    audio_of,
    outcomes,
    overlapped,
)
from earmark.engine.hearing import Found, Heard, HeardOf, hear, hear_many, lengths
from earmark.engine.labelling import Labeller, Rules, Scores
from earmark.engine.unheard import Limits, Why, flaw_of, is_heard

BATCH = 8
"""Windows that are scored at once: more is hardly faster on a CPU."""

AST_HOP_S = 0.01
"""A frame of the AST's features each 10 ms (Gong et al. 2021)."""

P = TypeVar("P", bound=Params)


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
        What it is made for.
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
    longest_s : float
        What it can take at most.
    workers : int
        On how many threads it may score at once.
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
    longest_s: float = math.inf
    workers: int = 1


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

    @property
    def exclusive(self) -> bool:
        """One class at a time."""
        return True


@dataclass(frozen=True, slots=True)
class Hearing:
    """What a task hears with, and what becomes of it.

    Attributes
    ----------
    classifier : Classifier or FrameClassifier
    params : ExclusiveParams
        `EventParams` also say which of its classes are wanted.
    tier : str
        Name of the label track, and role of the text that sums up the whole.
    thresholds : mapping of str to float
        Class to threshold, where it is not that of `params`.
    silence : str
        What stretches of silence are labelled; without it they get no label.
    """

    classifier: Classifier | FrameClassifier
    params: ExclusiveParams
    tier: str
    thresholds: Mapping[str, float] = field(default_factory=dict)
    silence: str = ""


def runners(
    params: type[P], prepare: Callable[[Context, P], Hearing]
) -> tuple[
    Callable[[Job, Context], Iterator[Result]],
    Callable[[Sequence[Context]], Iterator[Outcome]],
]:
    """The two runners of a task that labels what a classifier hears.

    Parameters
    ----------
    params : type of Params
        The task's.
    prepare : callable
        Gives what to hear with by the job's model and its parameters.

    Returns
    -------
    run : callable
        A task's `runner`.
    run_many : callable
        Its `many`.
    """

    def run(job: Job, ctx: Context) -> Iterator[Result]:
        yield from classify(ctx, prepare(ctx, params(**job.params)))

    def run_many(contexts: Sequence[Context]) -> Iterator[Outcome]:
        first = contexts[0]
        hearing = prepare(first, params(**first.job.params))
        yield from classify_many(contexts, hearing)

    return run, run_many


def load_classifier(
    ctx: Context,
    *,
    kind: Literal["softmax", "sigmoid"] = "softmax",
    window_s: float = 10.0,
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
    """
    pipeline = ctx.pipeline("audio-classification")
    scorer = loaders.scorer_of(pipeline, kind)
    extractor = pipeline.feature_extractor
    rate = int(extractor.sampling_rate)
    frames = getattr(extractor, "max_length", None)
    longest_s = math.inf
    if pipeline.model.config.model_type == "audio-spectrogram-transformer" and frames:
        window_s = longest_s = frames * AST_HOP_S
    elif hasattr(extractor, "chunk_length"):
        longest_s = float(extractor.chunk_length)
        window_s = min(window_s, longest_s)
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
        longest_s=longest_s,
    )


def classify(ctx: Context, hearing: Hearing) -> Iterator[Result]:
    """Label what a classifier hears in the audio of a job.

    Yields
    ------
    Progress, Prediction or Text
        Labels as soon as they have ended, then the text: the best class of all, with
        the best scores and what was not scored in its data.
    """
    classifier, rules = _wanted(hearing, [ctx])
    limits = _limits(hearing)
    labeller = Labeller(ctx, rules, ctx.duration_s)
    if isinstance(classifier, FrameClassifier):
        batches = _by_frames(ctx, classifier, limits)
    else:
        batches = hear(ctx, classifier, rules.window_s, rules.hop_s, limits=limits)
    for batch in batches:
        for heard in batch:
            yield from labeller.take(heard)
        stop_s = batch[-1].window.stop_s
        yield Progress(min(1.0, stop_s / max(ctx.duration_s, 1e-9)))
    yield from labeller.end()


def classify_many(contexts: Sequence[Context], hearing: Hearing) -> Iterator[Outcome]:
    """`classify` for short inputs: the windows of several of them are scored at once.

    Yields
    ------
    context : Context
        In any order; what the first one said of how it runs is true of all.
    outcome : sequence of Result, or EarmarkError
    """
    for ctx in contexts[1:]:
        ctx.use(*contexts[0].used)
    classifier, rules = _wanted(hearing, contexts)
    limits = _limits(hearing)

    def labels(ctx: Context, found: Sequence[Heard]) -> Iterator[Result]:
        labeller = Labeller(ctx, rules, ctx.duration_s)
        for heard in found:
            yield from labeller.take(heard)
        yield from labeller.end()

    if isinstance(classifier, FrameClassifier):
        heard = _many_by_frames(contexts, classifier, limits)
    else:
        heard = hear_many(
            contexts, classifier, rules.window_s, rules.hop_s, limits=limits
        )
    yield from outcomes(heard, labels)


def _wanted(
    hearing: Hearing, contexts: Sequence[Context]
) -> tuple[Classifier | FrameClassifier, Rules]:
    """The classifier of the classes that are wanted, and what becomes a label."""
    classifier, params = hearing.classifier, hearing.params
    own = dict(hearing.thresholds)
    if isinstance(params, EventParams):
        classifier = _of_classes(classifier, wanted(classifier.names, params.classes))
        own |= thresholds(classifier.names, params.thresholds)
    if isinstance(classifier, FrameClassifier):
        window_s = hop_s = classifier.frame_s
        if params.window_s or params.hop_s:
            for ctx in contexts:
                ctx.note("this model goes by frames, so window and step are not used")
    else:
        window_s, hop_s = lengths(classifier, params)
    rules = Rules(
        names=classifier.names,
        kind=classifier.kind,
        exclusive=classifier.exclusive,
        params=params,
        tier=hearing.tier,
        window_s=window_s,
        hop_s=hop_s,
        thresholds=own,
        silence=hearing.silence,
    )
    return classifier, rules


def _of_classes(
    classifier: Classifier | FrameClassifier, kept: Sequence[int]
) -> Classifier | FrameClassifier:
    """The same of some of its classes."""
    if len(kept) == len(classifier.names):
        return classifier
    score = classifier.score
    return replace(
        classifier,
        names=tuple(classifier.names[index] for index in kept),
        score=lambda given: score(given)[:, kept],
    )


def _limits(hearing: Hearing) -> Limits:
    return Limits(hearing.params.silence_db, hearing.params.clipped_percent)


def _by_frames(
    ctx: Context, classifier: FrameClassifier, limits: Limits
) -> Iterator[list[Heard]]:
    """What is heard in the frames of one input, block after block."""
    around = round(classifier.context_s / classifier.frame_s)
    length_s = classifier.block_s + 2 * classifier.context_s
    cells: list[Heard] = []
    for block in ctx.windows(classifier.rate, length_s, classifier.block_s, pad=False):
        # The end of a block is heard again, with what is behind it, in the next one.
        cells = _cells(ctx, classifier, limits, block, classifier.score(block.samples))
        if block.start_s:
            cells = cells[around:]
        inner = cells[: len(cells) - around]
        if inner:
            yield inner
        cells = cells[len(inner) :]
    if cells:
        yield cells


def _many_by_frames(
    contexts: Sequence[Context], classifier: FrameClassifier, limits: Limits
) -> Iterator[HeardOf]:
    """What is heard in the frames of short inputs, several of them scored at once."""

    def heard(given: tuple[Context, Samples | EarmarkError]) -> Found:
        ctx, audio = given
        if isinstance(audio, EarmarkError):
            return audio
        block = Window(0.0, len(audio) / classifier.rate, audio)
        return _cells(ctx, classifier, limits, block, classifier.score(audio))

    read = audio_of(contexts, classifier.rate)
    at_once = loaders.WORKERS
    for (ctx, _), found in overlapped(read, heard, ahead=2 * at_once, workers=at_once):
        yield ctx, found


def _cells(
    ctx: Context,
    classifier: FrameClassifier,
    limits: Limits,
    block: Window,
    scores: Scores,
) -> list[Heard]:
    """The frames of a block; one that is silent or flawed has no scores."""
    length = round(classifier.frame_s * classifier.rate)
    cells = []
    for index, row in enumerate(scores):
        samples = block.samples[index * length : (index + 1) * length]
        start_s = block.start_s + index * classifier.frame_s
        stop_s = min(start_s + classifier.frame_s, block.stop_s)
        why = flaw_of(ctx, start_s, stop_s, limits)
        if is_heard(why) and not np.isfinite(row).all():
            why = Why.SILENT
        window = Window(start_s, stop_s, samples)
        cells.append(Heard(window, why, row if is_heard(why) else None))
    return cells
