"""From scores along time to labels, cell after cell."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.core.tasks import Prediction, Progress, Result, Text
from earmark.core.windows import ExclusiveParams, WindowParams
from earmark.engine.context import Context
from earmark.engine.hearing import Heard
from earmark.engine.unheard import Unheard, Why, is_heard

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Rules:
    """What becomes a label.

    Attributes
    ----------
    names : tuple of str
        The classes.
    kind : str
        What the scores are: "softmax", "sigmoid", "probability", "cosine".
    exclusive : bool
        One class at a time; otherwise several may be true at once.
    params : ExclusiveParams or WindowParams
    tier : str
        Name of the label track, and role of the text that sums up the whole.
    window_s, hop_s : float
        What is scored at once, and from the start of one to that of the next.
    thresholds : mapping
        Class to threshold, where it is not that of `params`.
    silence : str
        What stretches of silence are labelled; empty leaves them without a label.
    """

    names: tuple[str, ...]
    kind: str
    exclusive: bool
    params: ExclusiveParams
    tier: str
    window_s: float
    hop_s: float
    thresholds: Mapping[str, float]
    silence: str = ""


@dataclass(slots=True)
class _Run:
    """A label that goes on: its cells so far."""

    first: int
    last: int
    scores: list[float]


class Labeller:
    """Turns the scores of windows into labels, window after window.

    Time is divided into cells, one for each hop. A cell's scores are those of the
    windows over it, combined; with the window that begins at a cell the last of them is
    known.

    Parameters
    ----------
    ctx : Context
    rules : Rules
    duration_s : float
    """

    def __init__(self, ctx: Context, rules: Rules, duration_s: float) -> None:
        self._ctx = ctx
        self._rules = rules
        self._duration_s = duration_s
        self._thresholds = np.array(
            [
                rules.thresholds.get(name, rules.params.threshold)
                for name in rules.names
            ],
            np.float32,
        )
        reach = max(1, round(rules.window_s / rules.hop_s))
        self._over: deque[Scores | None] = deque([None] * reach, reach)
        self._why: Why | None = None
        self._cells = 0
        self._runs: dict[int, _Run] = {}
        self._sum = np.zeros(len(rules.names), np.float64)
        self._most = np.zeros(len(rules.names), np.float32)
        self._scored = 0
        self._unheard = Unheard(ctx)

    def take(self, heard: Heard) -> list[Prediction]:
        """The labels that ended before a window."""
        self._why, scores = heard.why, heard.row
        if scores is not None:
            self._sum += scores
            self._most = np.maximum(self._most, scores) if self._scored else scores
            self._scored += 1
        self._over.append(scores)
        return self._next_cell()

    def end(self) -> list[Result]:
        """The labels that reach to the end, and the text about all of it."""
        found: list[Prediction] = []
        while self._cells * self._rules.hop_s < self._duration_s - 1e-6 and self._over:
            self._over.popleft()
            found += self._next_cell()
        found += self._labels([*self._runs])
        whole = self._whole()
        if self._rules.params.along == "clip":
            found = self._of_all(whole)
        # A label says where there is silence, if that is wanted.
        self._unheard.say(silence=not self._rules.silence)
        return [*found, self._text(whole), Progress(1.0)]

    def _next_cell(self) -> list[Prediction]:
        rules = self._rules
        cell, self._cells = self._cells, self._cells + 1
        # A cell is unheard only if all windows over it are.
        if all(scores is None for scores in self._over) or is_heard(self._why):
            stop_s = min((cell + 1) * rules.hop_s, self._duration_s)
            self._unheard.notice(self._why, cell * rules.hop_s, stop_s)
        if rules.params.along == "clip":
            return []
        for name, score in self._in_cell():
            run = self._runs.get(name)
            if run is None:
                run = self._runs[name] = _Run(cell, cell, [])
            run.last = cell
            run.scores.append(score)
        bridge = rules.params.bridge_s
        ended = [
            name
            for name, run in self._runs.items()
            if run.last < cell and (cell - run.last) * rules.hop_s > bridge + 1e-9
        ]
        return self._labels(ended)

    def _in_cell(self) -> list[tuple[int, float]]:
        """The classes that are true in the next cell; silence is behind the last."""
        over = [scores for scores in self._over if scores is not None]
        if over:
            stacked = np.stack(over)
            highest = self._rules.params.combine == "max"
            return self._chosen(stacked.max(0) if highest else stacked.mean(0))
        if self._why == Why.SILENT and self._rules.silence:
            return [(len(self._rules.names), 0.0)]
        return []

    def _chosen(self, scores: Scores | None) -> list[tuple[int, float]]:
        """The classes that are true, the best first."""
        if scores is None:
            return []
        params, exclusive = self._rules.params, self._rules.exclusive
        best = np.argsort(-scores, kind="stable")[: 1 if exclusive else None]
        true = [
            (int(name), float(scores[name]))
            for name in best
            if scores[name] >= self._thresholds[name]
        ]
        return true[: params.top] if isinstance(params, WindowParams) else true[:1]

    def _labels(self, names: Sequence[int]) -> list[Prediction]:
        """What classes that go on no longer are labelled, if they went on for long."""
        rules = self._rules
        labels = []
        for name in names:
            run = self._runs.pop(name)
            start_s = run.first * rules.hop_s
            stop_s = min((run.last + 1) * rules.hop_s, self._duration_s)
            if stop_s - start_s < rules.params.shortest_s - 1e-9:
                continue
            if name == len(rules.names):
                text, score = rules.silence, None
            else:
                most = rules.params.combine == "max"
                score = max(run.scores) if most else sum(run.scores) / len(run.scores)
                text = rules.names[name]
            labels.append(
                self._ctx.label(start_s, stop_s, text, tier=rules.tier, score=score)
            )
        return labels

    def _whole(self) -> Scores:
        if self._rules.params.combine == "max" or not self._scored:
            return self._most
        return (self._sum / self._scored).astype(np.float32)

    def _of_all(self, whole: Scores) -> list[Prediction]:
        rules = self._rules
        if not self._scored and self._why == Why.SILENT and rules.silence:
            return [self._ctx.label(0, None, rules.silence, tier=rules.tier)]
        scores = whole if self._scored else None
        return [
            self._ctx.label(0, None, rules.names[name], tier=rules.tier, score=score)
            for name, score in self._chosen(scores)
        ]

    def _text(self, whole: Scores) -> Text:
        rules = self._rules
        best = np.argsort(-whole, kind="stable")[:10] if self._scored else ()
        scores = {rules.names[name]: round(float(whole[name]), 6) for name in best}
        data = {
            "scores": scores,
            "score_kind": rules.kind,
            **self._unheard.seconds,
        }
        silence = rules.silence if self._why == Why.SILENT else ""
        return Text(rules.tier, next(iter(scores), silence), data)
