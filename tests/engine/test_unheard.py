"""What is the matter with the audio is told apart, put together and said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from earmark.audio.flaws import Flaws
from earmark.core.tasks import AudioInput, Job
from earmark.engine.context import Context, Surroundings, Window
from earmark.engine.loaders import ModelCache
from earmark.engine.unheard import Limits, Unheard, Why, is_heard, matter_with

RATE = 100
START = 500
"""The job is about a region that begins 5 s into its clip."""

Samples = NDArray[np.float32]


def context(sound: Samples) -> Context:
    """A job whose audio was read."""

    def read(given: AudioInput, rate: int, flaws: Flaws) -> Iterator[Samples]:
        finite = np.nan_to_num(sound)
        flaws.notice(given.start, finite[:, None], np.isnan(sound)[:, None])
        yield finite

    given = AudioInput(1, "a", RATE, 1, (), (), START, START + len(sound))
    ctx = Context(
        Job(1, "a-task", {}, None, given),
        Surroundings(
            read=read,
            output=Path(),
            cache=Path(),
            models=ModelCache(),
            memory_budget_mb=1.0,
            cancelled=lambda: False,
        ),
    )
    ctx.audio(RATE)
    return ctx


def why(
    sound: Samples, limits: Limits | None = None, stop_s: float = 1.0
) -> Why | None:
    """What is the matter with the first seconds of a sound."""
    ctx = context(sound)
    window = Window(0.0, stop_s, np.nan_to_num(sound[: round(stop_s * RATE)]))
    return matter_with(ctx, window, limits or Limits())


def clipped(percent: int, length: int = RATE) -> Samples:
    """A sound of which so much is flat at full scale."""
    sound = np.where(np.arange(length) % 2, 0.5, -0.5).astype(np.float32)
    sound[: length * percent // 100] = 1.0
    return sound


def test_a_sound_is_well_silent_or_unreadable() -> None:
    quiet = np.full(RATE, 0.001, np.float32)
    assert why(quiet) is None
    assert why(quiet * 0) == Why.SILENT
    assert why(quiet, Limits(silence_db=-59)) == Why.SILENT
    quiet[99] = np.nan
    assert why(quiet) == Why.UNREADABLE
    assert why(quiet, stop_s=0.5) is None


@pytest.mark.parametrize(
    ("percent", "said"),
    [(0, None), (4, Why.PARTLY), (10, Why.PARTLY), (11, Why.CLIPPED)],
)
def test_how_much_is_clipped_decides(percent: int, said: Why | None) -> None:
    assert why(clipped(percent)) == said
    assert is_heard(said) == (percent <= 10)
    assert is_heard(why(clipped(100), Limits(clipped_percent=100)))


def test_how_much_is_clipped_is_measured_over_a_second_at_least() -> None:
    sound = clipped(8)
    assert why(sound, stop_s=0.08) == Why.PARTLY
    assert why(np.concatenate([sound, clipped(0)]), stop_s=1.0) == Why.PARTLY


def test_all_is_said_with_its_times_in_the_clip() -> None:
    sound = np.ones(10 * RATE, np.float32)
    sound[200:220] = np.nan
    sound[300] = np.nan
    ctx = context(sound)
    unheard = Unheard(ctx)
    unheard.notice(None, 0, 1)
    unheard.notice(Why.UNREADABLE, 2, 3)
    unheard.notice(Why.UNREADABLE, 3, 4)
    for start_s in (0, 2, 4, 6, 8):
        unheard.notice(Why.SILENT, start_s, start_s + 1)
    unheard.say()
    three = "5.0 to 6.0 s, 7.0 to 8.0 s, 9.0 to 10.0 s"
    assert ctx.notes.split("; ") == [
        "values that are no numbers: 7.0 to 7.2 s, 8.0 s",
        "not scored because of them: 7.0 to 9.0 s",
        f"silent, not scored: {three}, … (5.0 s in all)",
    ]
    assert unheard.seconds == {"unreadable_s": 2, "silent_s": 5}


def test_silence_need_not_be_said() -> None:
    ctx = context(np.zeros(RATE, np.float32))
    unheard = Unheard(ctx)
    unheard.notice(Why.SILENT, 0, 1)
    unheard.say(silence=False)
    assert ctx.notes == ""
