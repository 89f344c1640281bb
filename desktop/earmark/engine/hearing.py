"""From audio to what a model makes of its windows, of one input or of many.

What is cut, left out because nothing is to be heard in it, batched and put in order
again is the same for models that classify and for those that embed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from earmark.core.errors import EarmarkError
from earmark.engine.context import (
    Context,
    Samples,
    Window,
    audio_of,
    read_ahead,
    windows_of,
)
from earmark.engine.labelling import SILENT_DB, Scores, scorable

Heard = list[tuple[Window, Scores | None]]
"""Windows in order, each with what the model makes of it, float32, shape (values,);
those in which nothing is to be heard have None."""


class Hearer(Protocol):
    """A model that makes something of windows.

    Attributes
    ----------
    rate : int
        What it wants.
    batch : int
        How many windows it takes at once.
    mixes : bool
        It takes windows of different lengths together as it takes each alone.
    prepare : callable
        Takes windows, float32, shape (frames,) each, and gives what `score` wants. It
        is called on another thread, for the next windows while these are scored.
    score : callable
        Gives what it makes of what was prepared, float32, shape (windows, values).
    """

    @property
    def rate(self) -> int: ...
    @property
    def batch(self) -> int: ...
    @property
    def mixes(self) -> bool: ...
    @property
    def prepare(self) -> Callable[[Sequence[Samples]], Any]: ...
    @property
    def score(self) -> Callable[[Any], Scores]: ...


def hear(
    ctx: Context,
    hearer: Hearer,
    window_s: float,
    hop_s: float,
    *,
    silent_db: float = SILENT_DB,
) -> Iterator[Heard]:
    """What a model makes of the windows of one input, batch after batch.

    Parameters
    ----------
    ctx : Context
    hearer : Hearer
    window_s, hop_s : float
        Length, and distance from start to start.
    silent_db : float, optional
        Windows that are nowhere louder are silent, in dB of full scale.

    Raises
    ------
    EarmarkError
        If the model gives values that are no numbers.
    """

    def prepared() -> Iterator[tuple[list[Window], list[bool], list[Any]]]:
        for windows in _batched(ctx, hearer, window_s, hop_s):
            heard = [scorable(each.samples, silent_db) for each in windows]
            samples = [
                each.samples
                for each, is_heard in zip(windows, heard, strict=True)
                if is_heard
            ]
            runs = [samples] if hearer.mixes else _runs_of_equal_length(samples)
            yield windows, heard, [hearer.prepare(run) for run in runs if run]

    for windows, heard, features in read_ahead(prepared()):
        scores = iter(
            [row for each in features for row in _checked(hearer.score(each))]
        )
        yield [
            (window, next(scores) if is_heard else None)
            for window, is_heard in zip(windows, heard, strict=True)
        ]


def hear_many(
    contexts: Sequence[Context],
    hearer: Hearer,
    window_s: float,
    hop_s: float,
    *,
    silent_db: float = SILENT_DB,
) -> Iterator[tuple[Context, Heard | EarmarkError]]:
    """`hear` for short inputs: windows of several of them are taken at once.

    Yields
    ------
    context : Context
        Each once, as soon as all of its windows were heard.
    heard : list, or EarmarkError
        Of all its windows; or why it cannot be read.
    """
    batches = _batches(contexts, hearer, window_s, hop_s, silent_db)
    for found in read_ahead(batches):
        if not isinstance(found, _Batch):
            yield found
            continue
        scores = _checked(hearer.score(found.features))
        for (clip, index), row in zip(found.places, scores, strict=True):
            clip.scores[index] = row
            clip.missing -= 1
            if not clip.missing:
                yield clip.ctx, clip.heard()


def _batched(
    ctx: Context, hearer: Hearer, window_s: float, hop_s: float
) -> Iterator[list[Window]]:
    windows: list[Window] = []
    for window in ctx.windows(hearer.rate, window_s, hop_s, pad=False):
        windows.append(window)
        if len(windows) == hearer.batch:
            yield windows
            windows = []
    if windows:
        yield windows


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
    """A short input among many, and what was made of its windows so far."""

    ctx: Context
    windows: list[Window]
    scores: dict[int, Scores] = field(default_factory=dict)
    missing: int = 0

    def heard(self) -> Heard:
        return [
            (window, self.scores.get(index))
            for index, window in enumerate(self.windows)
        ]


@dataclass(frozen=True, slots=True)
class _Batch:
    """Windows of several clips, prepared to be scored, and whose they are."""

    places: list[tuple[_Clip, int]]
    features: Any


def _batches(
    contexts: Sequence[Context],
    hearer: Hearer,
    window_s: float,
    hop_s: float,
    silent_db: float,
) -> Iterator[_Batch | tuple[Context, Heard | EarmarkError]]:
    """What is to be scored together; what needs no scores is given at once."""
    waiting: dict[int, list[tuple[_Clip, int]]] = defaultdict(list)

    def batch(places: list[tuple[_Clip, int]]) -> _Batch:
        heard = [clip.windows[index].samples for clip, index in places]
        return _Batch(places, hearer.prepare(heard))

    for ctx, audio in audio_of(contexts, hearer.rate):
        if isinstance(audio, EarmarkError):
            yield ctx, audio
            continue
        windows = list(
            windows_of(iter([audio]), hearer.rate, window_s, hop_s, pad=False)
        )
        clip = _Clip(ctx, windows)
        for index, window in enumerate(windows):
            if scorable(window.samples, silent_db):
                length = 0 if hearer.mixes else len(window.samples)
                waiting[length].append((clip, index))
                clip.missing += 1
        if not clip.missing:
            yield ctx, clip.heard()
        for alike in waiting.values():
            while len(alike) >= hearer.batch:
                yield batch(alike[: hearer.batch])
                del alike[: hearer.batch]
    for alike in filter(None, waiting.values()):
        yield batch(alike)
