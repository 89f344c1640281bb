"""Windows are heard in batches and put in order again, of one input or of many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from earmark.audio.flaws import Flaws
from earmark.core.errors import EarmarkError
from earmark.core.tasks import AudioInput, Job
from earmark.engine import loaders
from earmark.engine.context import Context, Surroundings
from earmark.engine.hearing import Heard, hear, hear_many

RATE = 100

Samples = NDArray[np.float32]


@dataclass
class Means:
    """Makes of a window its mean and its length; remembers what came together."""

    mixes: bool = False
    rate: int = RATE
    window_s: float = 1.0
    longest_s: float = 2.0
    workers: int = 1
    batch: int = 3
    together: list[list[int]] = field(default_factory=list)

    def prepare(self, windows: Sequence[Samples]) -> list[Samples]:
        self.together.append([len(window) for window in windows])
        return list(windows)

    def score(self, windows: Sequence[Samples]) -> Samples:
        return np.array([[w.mean(), len(w)] for w in windows], np.float32)


def context(sound: Samples | EarmarkError) -> Context:
    def read(given: AudioInput, rate: int, flaws: Flaws) -> Iterator[Samples]:
        if isinstance(sound, EarmarkError):
            raise sound
        finite = np.nan_to_num(sound)
        flaws.notice(0, finite[:, None], np.isnan(sound)[:, None])
        yield from np.array_split(finite, 3)

    frames = 1 if isinstance(sound, EarmarkError) else len(sound)
    given = AudioInput(1, "clip", RATE, 1, (), (), 0, frames)
    surroundings = Surroundings(
        read=read,
        output=Path(),
        cache=Path(),
        models=loaders.ModelCache(),
        memory_budget_mb=100.0,
        cancelled=lambda: False,
    )
    return Context(Job(1, "a-task", {}, None, given), surroundings)


def levels(*seconds: float) -> Samples:
    """A second of each level."""
    return np.repeat(np.array(seconds, np.float32), RATE)


def told(heard: Sequence[Heard]) -> list[tuple[float, float, float | None]]:
    return [
        (
            each.window.start_s,
            each.window.stop_s,
            None if each.row is None else round(float(each.row[0]), 3),
        )
        for each in heard
    ]


def test_windows_come_in_order_batch_after_batch() -> None:
    means = Means()
    batches = list(hear(context(levels(0.1, 0.2, 0.3, 0.4)), means, 1.0, 1.0))
    assert [len(batch) for batch in batches] == [3, 1]
    assert [row for batch in batches for row in told(batch)] == [
        (0, 1, 0.1),
        (1, 2, 0.2),
        (2, 3, 0.3),
        (3, 4, 0.4),
    ]


def test_what_is_silent_or_no_number_is_not_heard() -> None:
    sound = levels(0.1, 0.0, 0.2, 0.3)
    sound[2 * RATE] = np.nan
    (first, second) = hear(context(sound), Means(), 1.0, 1.0)
    assert told(first + second) == [
        (0, 1, 0.1),
        (1, 2, None),
        (2, 3, None),
        (3, 4, 0.3),
    ]


@pytest.mark.parametrize(
    ("mixes", "together"), [(False, [[100, 100], [50]]), (True, [[100, 100, 50]])]
)
def test_windows_of_other_lengths_go_along_only_where_that_is_all_the_same(
    mixes: bool, together: list[list[int]]
) -> None:
    means = Means(mixes)
    sound = np.concatenate([levels(0.1, 0.2), levels(0.3)[:50]])
    (heard,) = hear(context(sound), means, 1.0, 1.0)
    assert told(heard) == [(0, 1, 0.1), (1, 2, 0.2), (2, 2.5, 0.3)]
    assert means.together == together


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("mixes", [False, True])
def test_many_are_heard_together_as_each_is_alone(mixes: bool, workers: int) -> None:
    sounds = [
        levels(0.1),
        levels(0.2, 0.3, 0.4),
        np.concatenate([levels(0.5), levels(0.6)[:40]]),
        levels(0.0),
        np.zeros(0, np.float32),
        levels(0.7)[:40],
    ]
    means = Means(mixes, workers=workers)
    contexts = [context(sound) for sound in sounds]
    together = dict(hear_many(contexts, means, 1.0, 1.0))
    assert set(together) == set(contexts)
    assert max(map(len, means.together)) == 3
    for ctx, sound in zip(contexts, sounds, strict=True):
        one = Means(workers=workers)
        alone = [row for batch in hear(context(sound), one, 1.0, 1.0) for row in batch]
        heard = together[ctx]
        assert not isinstance(heard, EarmarkError)
        assert told(heard) == told(alone)


def test_one_that_cannot_be_read_is_one_outcome_among_others() -> None:
    broken = context(EarmarkError("It is broken."))
    well = context(levels(0.1))
    outcomes = dict(hear_many([broken, well], Means(), 1.0, 1.0))
    assert isinstance(outcomes[broken], EarmarkError)
    assert isinstance(outcomes[well], list)


def test_values_that_are_no_numbers_are_an_error() -> None:
    class Broken(Means):
        def score(self, windows: Sequence[Samples]) -> Samples:
            return np.full((len(windows), 2), np.nan, np.float32)

    with pytest.raises(EarmarkError, match="no numbers"):
        list(hear(context(levels(0.1)), Broken(), 1.0, 1.0))
    with pytest.raises(EarmarkError, match="no numbers"):
        list(hear_many([context(levels(0.1))], Broken(), 1.0, 1.0))
