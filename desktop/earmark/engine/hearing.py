"""From audio to what a model makes of its windows, of one input or of many.

What is cut, left out because nothing is to be heard in it, batched and put in order
again is the same for models that classify and for those that embed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from earmark.core.errors import EarmarkError
from earmark.core.windows import Windowing
from earmark.engine import loaders
from earmark.engine.context import (
    Context,
    Samples,
    Window,
    audio_of,
    overlapped,
    read_ahead,
    windows_of,
)
from earmark.engine.unheard import Limits, Why, is_heard, matter_with

T = TypeVar("T")
Made = TypeVar("Made")

Rows = NDArray[np.float32]

USUAL = Limits()

Prepared = tuple[list[Window], list[Why | None], list[Any]]


@dataclass(frozen=True, slots=True)
class Heard:
    """A window and what the model makes of it.

    Attributes
    ----------
    window : Window
    why : Why or None
        What is the matter with it, if anything is.
    row : ndarray, float32, shape (values,), or None
        None if it was not scored, and `why` says why.
    """

    window: Window
    why: Why | None
    row: Rows | None


Found = list[Heard] | EarmarkError
HeardOf = tuple[Context, Found]


class Hearer(Protocol):
    """A model that makes something of windows.

    Attributes
    ----------
    rate : int
        What it wants.
    window_s, longest_s : float
        What it is made for, and can take at most.
    batch : int
        How many windows it takes at once.
    mixes : bool
        It takes windows of different lengths together as it takes each alone.
    prepare : callable
        Takes windows, float32, shape (frames,) each, and gives what `score` wants. It
        is called on another thread, for the next windows while these are scored.
    score : callable
        Gives what it makes of what was prepared, float32, shape (windows, values).
    workers : int
        On how many threads `score` may be called at once.
    """

    @property
    def rate(self) -> int: ...
    @property
    def window_s(self) -> float: ...
    @property
    def longest_s(self) -> float: ...
    @property
    def batch(self) -> int: ...
    @property
    def mixes(self) -> bool: ...
    @property
    def workers(self) -> int: ...
    @property
    def prepare(self) -> Callable[[Sequence[Samples]], Any]: ...
    @property
    def score(self) -> Callable[[Any], Rows]: ...


def lengths(hearer: Hearer, params: Windowing) -> tuple[float, float]:
    """The window and the hop in seconds, the hop in whole samples of the model.

    Raises
    ------
    EarmarkError
        If the window is longer than what the model can take.
    """
    window_s = params.window_s or hearer.window_s
    if window_s > hearer.longest_s:
        raise EarmarkError(
            f"The model hears {hearer.longest_s:g} s at once, not {window_s:g} s.",
            f"Set the window to {hearer.longest_s:g} s or less.",
        )
    hop_s = min(params.hop_s or window_s / 2, window_s)
    return window_s, max(1, round(hop_s * hearer.rate)) / hearer.rate


def hear(
    ctx: Context,
    hearer: Hearer,
    window_s: float,
    hop_s: float,
    *,
    limits: Limits = USUAL,
) -> Iterator[list[Heard]]:
    """What a model makes of the windows of one input, batch after batch.

    Parameters
    ----------
    ctx : Context
    hearer : Hearer
    window_s, hop_s : float
        Length, and distance from start to start.
    limits : Limits, optional
        What is not scored.

    Raises
    ------
    EarmarkError
        If the model gives values that are no numbers.
    """

    def prepared() -> Iterator[Prepared]:
        for windows in _batched(ctx, hearer, window_s, hop_s):
            whys = [matter_with(ctx, each, limits) for each in windows]
            samples = [
                each.samples
                for each, why in zip(windows, whys, strict=True)
                if is_heard(why)
            ]
            runs = [samples] if hearer.mixes else _runs_of_equal_length(samples)
            yield windows, whys, [hearer.prepare(run) for run in runs if run]

    def score(given: Prepared) -> Iterator[Rows]:
        return iter([row for part in given[2] for row in checked(hearer.score(part))])

    for (windows, whys, _), rows in _scored(read_ahead(prepared()), score, hearer):
        yield [
            Heard(window, why, next(rows) if is_heard(why) else None)
            for window, why in zip(windows, whys, strict=True)
        ]


def hear_many(
    contexts: Sequence[Context],
    hearer: Hearer,
    window_s: float,
    hop_s: float,
    *,
    limits: Limits = USUAL,
) -> Iterator[HeardOf]:
    """`hear` for short inputs: windows of several of them are taken at once.

    Yields
    ------
    context : Context
        Each once, as soon as all of its windows were heard.
    heard : list of Heard, or EarmarkError
        Of all its windows; or why it cannot be read.
    """

    def score(given: _Batch | HeardOf) -> Rows:
        if isinstance(given, _Batch):
            return checked(hearer.score(given.features))
        return np.zeros((0, 0), np.float32)

    batches = read_ahead(_batches(contexts, hearer, window_s, hop_s, limits))
    for found, rows in _scored(batches, score, hearer):
        if not isinstance(found, _Batch):
            yield found
            continue
        for (clip, index), row in zip(found.places, rows, strict=True):
            clip.rows[index] = row
            clip.missing -= 1
            if not clip.missing:
                yield clip.ctx, clip.heard()


def _scored(
    given: Iterable[T], score: Callable[[T], Made], hearer: Hearer
) -> Iterator[tuple[T, Made]]:
    """What was prepared and its scores, of several batches at once if it may be."""
    if hearer.workers == 1:
        return ((each, score(each)) for each in given)
    return overlapped(
        given,
        score,
        ahead=2 * hearer.workers,
        workers=hearer.workers,
        begin=loaders.compute_alone,
    )


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


def checked(rows: Rows) -> Rows:
    """What a model made of windows, refused if it is no numbers.

    Raises
    ------
    EarmarkError
    """
    if not np.isfinite(rows).all():
        raise EarmarkError(
            "The model gave scores that are no numbers.",
            "Run it in float32 on the CPU, or choose another model.",
        )
    return rows


@dataclass(slots=True)
class _Clip:
    """A short input among many, and what was made of its windows so far."""

    ctx: Context
    windows: list[Window]
    whys: list[Why | None]
    rows: dict[int, Rows] = field(default_factory=dict)
    missing: int = 0

    def heard(self) -> list[Heard]:
        return [
            Heard(window, why, self.rows.get(index))
            for index, (window, why) in enumerate(
                zip(self.windows, self.whys, strict=True)
            )
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
    limits: Limits,
) -> Iterator[_Batch | HeardOf]:
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
        clip = _Clip(ctx, windows, [matter_with(ctx, each, limits) for each in windows])
        for index, window in enumerate(windows):
            if is_heard(clip.whys[index]):
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
