"""From a classifier that hears windows to labels along the time axis.

A plugin gives the classifier and the rules; what is windowed, batched, put together
again and labelled is the same for all of them.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from earmark.core.errors import EarmarkError
from earmark.core.tasks import Prediction, Progress, Result, Text
from earmark.core.windows import WindowParams
from earmark.engine import loaders
from earmark.engine.context import Context, Samples, Window, audio_of, windows_of

Scores = NDArray[np.float32]

SILENT = 1e-4
"""A window that is nowhere louder (-80 dB of full scale) is silent."""

BATCH = 8
"""Windows that are scored at once: more is hardly faster on a CPU."""

AST_HOP_S = 0.01
"""A frame of the AST's features each 10 ms (Gong et al. 2021)."""

FULL_SCALE = 0.999
CLIPPED = 0.005
"""A window with a larger share of samples at full scale is clipped."""


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
        Gives the scores of windows, shape (windows, classes), float32.
    kind : str
        What the scores are: "softmax", "sigmoid", "cosine".
    exclusive : bool
        One class at a time; otherwise several may be true at once.
    batch : int
        How many windows it scores at once.
    mixes : bool
        It scores windows of different lengths together as it scores each alone.
    """

    names: tuple[str, ...]
    rate: int
    window_s: float
    score: Callable[[Sequence[Samples]], Scores]
    kind: str
    exclusive: bool
    batch: int = 8
    mixes: bool = False


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
    score, mixes = loaders.scorer_of(pipeline, kind)
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
        score=score,
        kind=kind,
        exclusive=kind == "softmax",
        batch=1 if ctx.small else BATCH,
        mixes=mixes,
    )


def classify(
    ctx: Context,
    classifier: Classifier,
    params: WindowParams,
    *,
    tier: str,
    thresholds: Mapping[str, float] | None = None,
) -> Iterator[Result]:
    """Label what a classifier hears in the audio of a job.

    Parameters
    ----------
    ctx : Context
    classifier : Classifier
    params : WindowParams
    tier : str
        Name of the label track, and role of the text that sums up the whole.
    thresholds : mapping, optional
        Class to threshold, where it is not that of `params`.

    Yields
    ------
    Progress, Prediction or Text
        Labels as soon as they have ended, then the text: the best class of all, with
        the best scores and what was not scored in its data.
    """
    window_s, hop_s = lengths(classifier, params)
    labeller = _Labeller(
        ctx, classifier, params, tier, thresholds or {}, ctx.duration_s
    )
    windows: list[Window] = []
    for window in ctx.windows(classifier.rate, window_s, hop_s, pad=False):
        windows.append(window)
        if len(windows) == classifier.batch:
            yield from _score(classifier, labeller, windows)
            yield Progress(min(1.0, windows[-1].stop_s / max(ctx.duration_s, 1e-9)))
            windows = []
    yield from _score(classifier, labeller, windows)
    yield from labeller.end()


def classify_many(
    contexts: Sequence[Context],
    classifier: Classifier,
    params: WindowParams,
    *,
    tier: str,
    thresholds: Mapping[str, float] | None = None,
) -> Iterator[tuple[Context, Sequence[Result] | EarmarkError]]:
    """`classify` for short inputs: the windows of several of them are scored at once.

    Yields
    ------
    context : Context
    outcome : sequence of Result, or EarmarkError
    """
    window_s, hop_s = lengths(classifier, params)
    waiting: dict[int, list[tuple[_Clip, int, Samples]]] = defaultdict(list)
    for ctx, audio in audio_of(contexts, classifier.rate):
        if isinstance(audio, EarmarkError):
            yield ctx, audio
            continue
        duration_s = len(audio) / classifier.rate
        labeller = _Labeller(
            ctx, classifier, params, tier, thresholds or {}, duration_s
        )
        windows = list(
            windows_of(iter([audio]), classifier.rate, window_s, hop_s, pad=False)
        )
        clip = _Clip(ctx, labeller, windows)
        for index, window in enumerate(windows):
            if scorable(window.samples):
                length = 0 if classifier.mixes else len(window.samples)
                waiting[length].append((clip, index, window.samples))
                clip.missing += 1
        if not clip.missing:
            yield ctx, clip.results()
        for alike in waiting.values():
            while len(alike) >= classifier.batch:
                yield from _score_many(classifier, alike[: classifier.batch])
                del alike[: classifier.batch]
    for alike in filter(None, waiting.values()):
        yield from _score_many(classifier, alike)


def lengths(classifier: Classifier, params: WindowParams) -> tuple[float, float]:
    """The window and the hop in seconds, the hop in whole samples of the model."""
    window_s = params.window_s or classifier.window_s
    hop_s = min(params.hop_s or window_s / 2, window_s)
    return window_s, max(1, round(hop_s * classifier.rate)) / classifier.rate


def scorable(samples: Samples) -> bool:
    """Whether there is something to be heard in a window."""
    peak = float(np.abs(samples).max()) if len(samples) else 0.0
    return bool(np.isfinite(peak)) and peak > SILENT


def _score(
    classifier: Classifier, labeller: _Labeller, windows: Sequence[Window]
) -> Iterator[Prediction]:
    """Have windows of one input scored and take what they say, in order."""
    heard = [window.samples for window in windows if scorable(window.samples)]
    scores: list[Scores] = []
    batches = [heard] if classifier.mixes else _runs_of_equal_length(heard)
    for batch in filter(None, batches):
        scores.extend(_checked(classifier.score(batch)))
    left = iter(scores)
    for window in windows:
        found = next(left) if scorable(window.samples) else None
        yield from labeller.take(window, found)


def _score_many(
    classifier: Classifier, waiting: Sequence[tuple[_Clip, int, Samples]]
) -> Iterator[tuple[Context, Sequence[Result]]]:
    scores = _checked(classifier.score([samples for _, _, samples in waiting]))
    for (clip, index, _), found in zip(waiting, scores, strict=True):
        clip.scores[index] = found
        clip.missing -= 1
        if not clip.missing:
            yield clip.ctx, clip.results()


def _runs_of_equal_length(windows: Sequence[Samples]) -> list[list[Samples]]:
    runs: list[list[Samples]] = []
    for window in windows:
        if not runs or len(runs[-1][0]) != len(window):
            runs.append([])
        runs[-1].append(window)
    return runs


def _checked(scores: Scores) -> Scores:
    if not np.isfinite(scores).all():
        raise EarmarkError(
            "The model gave scores that are no numbers.",
            "Run it in float32 on the CPU, or choose another model.",
        )
    return scores


@dataclass(slots=True)
class _Clip:
    """A short input among many, and the scores of its windows so far."""

    ctx: Context
    labeller: _Labeller
    windows: list[Window]
    scores: dict[int, Scores] = field(default_factory=dict)
    missing: int = 0

    def results(self) -> list[Result]:
        found: list[Result] = []
        for index, window in enumerate(self.windows):
            found += self.labeller.take(window, self.scores.get(index))
        return [*found, *self.labeller.end()]


@dataclass(slots=True)
class _Run:
    """A label that goes on: its cells so far."""

    first: int
    last: int
    scores: list[float]


class _Labeller:
    """Turns the scores of windows into labels, window after window.

    Time is divided into cells, one for each hop. A cell's scores are those of the
    windows over it, combined; with the window that begins at a cell the last of them is
    known.
    """

    def __init__(
        self,
        ctx: Context,
        classifier: Classifier,
        params: WindowParams,
        tier: str,
        thresholds: Mapping[str, float],
        duration_s: float,
    ) -> None:
        window_s, self._hop_s = lengths(classifier, params)
        self._ctx = ctx
        self._names = classifier.names
        self._kind = classifier.kind
        self._exclusive = classifier.exclusive
        self._params = params
        self._tier = tier
        self._duration_s = duration_s
        self._thresholds = np.array(
            [thresholds.get(name, params.threshold) for name in self._names], np.float32
        )
        reach = max(1, round(window_s / self._hop_s))
        self._over: deque[Scores | None] = deque([None] * reach, reach)
        self._cells = 0
        self._runs: dict[int, _Run] = {}
        self._sum = np.zeros(len(self._names), np.float64)
        self._most = np.zeros(len(self._names), np.float32)
        self._scored = 0
        self._unheard: dict[str, float] = defaultdict(float)

    def take(self, window: Window, scores: Scores | None) -> list[Prediction]:
        """The labels that ended before a window; one that is unheard has no scores."""
        self._notice(window)
        if scores is not None:
            self._sum += scores
            self._most = np.maximum(self._most, scores) if self._scored else scores
            self._scored += 1
        return self._next_cell(scores)

    def end(self) -> list[Result]:
        """The labels that reach to the end, and the text about all of it."""
        found: list[Prediction] = []
        while self._cells * self._hop_s < self._duration_s - 1e-6 and any(
            scores is not None for scores in list(self._over)[1:]
        ):
            self._over.popleft()
            found += self._next_cell(None, grow=False)
        found += self._labels([*self._runs])
        whole = self._whole()
        if self._params.along == "clip":
            found = self._of_all(whole)
        self._say_unheard()
        return [*found, self._text(whole), Progress(1.0)]

    def _next_cell(
        self, scores: Scores | None, *, grow: bool = True
    ) -> list[Prediction]:
        if grow:
            self._over.append(scores)
        cell, self._cells = self._cells, self._cells + 1
        if self._params.along == "clip":
            return []
        over = [scores for scores in self._over if scores is not None]
        combined = None
        if over:
            stacked = np.stack(over)
            combined = (
                stacked.max(0) if self._params.combine == "max" else stacked.mean(0)
            )
        for name, score in self._chosen(combined):
            run = self._runs.get(name)
            if run is None:
                self._runs[name] = _Run(cell, cell, [score])
            else:
                run.last = cell
                run.scores.append(score)
        bridge = self._params.bridge_s
        ended = [
            name
            for name, run in self._runs.items()
            if run.last < cell and (cell - run.last) * self._hop_s > bridge + 1e-9
        ]
        return self._labels(ended)

    def _chosen(self, scores: Scores | None) -> list[tuple[int, float]]:
        """The classes that are true, the best first."""
        if scores is None:
            return []
        top = 1 if self._exclusive else self._params.top
        best = np.argsort(-scores, kind="stable")[:top]
        return [
            (int(name), float(scores[name]))
            for name in best
            if scores[name] >= self._thresholds[name]
        ]

    def _labels(self, names: Sequence[int]) -> list[Prediction]:
        """What classes that go on no longer are labelled, if they went on for long."""
        labels = []
        for name in names:
            run = self._runs.pop(name)
            start_s = run.first * self._hop_s
            stop_s = min((run.last + 1) * self._hop_s, self._duration_s)
            if stop_s - start_s < self._params.shortest_s - 1e-9:
                continue
            most = self._params.combine == "max"
            score = max(run.scores) if most else sum(run.scores) / len(run.scores)
            text = self._names[name]
            labels.append(
                self._ctx.label(start_s, stop_s, text, tier=self._tier, score=score)
            )
        return labels

    def _whole(self) -> Scores:
        if self._params.combine == "max" or not self._scored:
            return self._most
        return (self._sum / self._scored).astype(np.float32)

    def _of_all(self, whole: Scores) -> list[Prediction]:
        scores = whole if self._scored else None
        return [
            self._ctx.label(0, None, self._names[name], tier=self._tier, score=score)
            for name, score in self._chosen(scores)
        ]

    def _text(self, whole: Scores) -> Text:
        best = np.argsort(-whole, kind="stable")[:10] if self._scored else ()
        scores = {self._names[name]: round(float(whole[name]), 6) for name in best}
        data = {
            "scores": scores,
            "score_kind": self._kind,
            **{f"{why}_s": round(seconds, 3) for why, seconds in self._unheard.items()},
        }
        return Text(self._tier, next(iter(scores), ""), data)

    def _notice(self, window: Window) -> None:
        """Count the seconds in which there is nothing to be heard, or too much."""
        samples = window.samples
        length_s = min(self._hop_s, window.stop_s - window.start_s)
        if not np.isfinite(samples).all():
            self._unheard["unreadable"] += length_s
        elif not scorable(samples):
            self._unheard["silent"] += length_s
        elif float(np.mean(np.abs(samples) >= FULL_SCALE)) > CLIPPED:
            self._unheard["clipped"] += length_s

    def _say_unheard(self) -> None:
        words = {
            "silent": "are silent and were not scored",
            "unreadable": "hold values that are no numbers and were not scored",
            "clipped": "are clipped: their scores are uncertain",
        }
        for why, seconds in self._unheard.items():
            self._ctx.note(f"{seconds:.1f} s {words[why]}")
