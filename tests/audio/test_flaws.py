"""What is clipped, and what holds no numbers, is found where it is."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from earmark.audio.flaws import Flaws, clipped_frames, runs_of

Samples = NDArray[np.float32]

RATE = 44_100


def column(*values: float) -> Samples:
    return np.array(values, np.float32)[:, None]


def where(samples: Samples) -> list[int]:
    found = clipped_frames(samples)
    return [] if found is None else np.flatnonzero(found).tolist()


def tone(peak: float, hz: float = 220.0) -> Samples:
    """Two seconds, cut off at full scale."""
    sound = peak * np.sin(2 * np.pi * hz * np.arange(2 * RATE) / RATE)
    return np.clip(sound, -1, 1).astype(np.float32)[:, None]


def test_three_in_a_row_at_full_scale_are_clipped() -> None:
    assert where(column(0.5, 1, 1, 1, 0.5, -1, -1, -1, -1)) == [1, 2, 3, 5, 6, 7, 8]
    assert where(column(0.5, 1, 1, 0.5, 1, -1, 1, -1)) == []
    assert where(column(1, 1)) == []
    assert where(np.zeros((0, 1), np.float32)) == []


def test_what_is_flat_below_full_scale_is_not_clipped() -> None:
    assert where(column(0.5, 0.9, 0.9, 0.9, 0.9)) == []


def test_what_was_dithered_or_turned_down_a_little_is_still_clipped() -> None:
    steps = np.array([32767, 32766, 32767, 32765, 100]) / 32768 * 0.99
    assert where(column(*steps)) == [0, 1, 2, 3]


def test_a_peak_that_touches_full_scale_is_not_clipped() -> None:
    # A tone and a chord at full scale, in 16 bits, as a master has them.
    sound = np.round(tone(1.0, 997.0) * 32767) / 32768
    found = clipped_frames(sound.astype(np.float32))
    assert found is None or found.mean() < 0.05


def test_a_channel_is_enough() -> None:
    quiet, loud = np.zeros(4, np.float32), np.ones(4, np.float32)
    assert where(np.stack([quiet, loud], 1)) == [0, 1, 2, 3]


@pytest.mark.parametrize(("gain_db", "share"), [(3, 0.5), (6, 0.665), (12, 0.84)])
def test_a_tone_that_is_driven_is_clipped_as_much_as_arithmetic_says(
    gain_db: float, share: float
) -> None:
    found = clipped_frames(tone(10 ** (gain_db / 20)))
    assert found is not None
    assert found.mean() == pytest.approx(share, abs=0.03)


def test_flaws_are_asked_of_any_range_of_what_was_read() -> None:
    flaws = Flaws()
    assert flaws.share("clipped", 0, 100) == 0
    flaws.notice(0, column(*[0.1] * 10))
    flaws.notice(10, column(*[0.1] * 6, 1, 1, 1, 1))
    flaws.notice(20, column(1, 1, 1, *[0] * 7), np.arange(10)[:, None] >= 8)
    assert flaws.runs("clipped", 0, 30).tolist() == [[16, 20], [20, 23]]
    assert flaws.share("clipped", 0, 30) == pytest.approx(7 / 30)
    assert flaws.share("clipped", 18, 22) == 1
    assert flaws.runs("unreadable", 0, 29).tolist() == [[28, 29]]
    assert flaws.share("unreadable", 0, 28) == 0
    assert flaws.share("unreadable", 29, 40) == pytest.approx(1 / 11)


def test_stretches_that_are_true_are_half_open() -> None:
    flags = np.array([1, 1, 0, 0, 1], bool)
    assert runs_of(flags).tolist() == [[0, 2], [4, 5]]
    assert runs_of(flags[:0]).tolist() == []
