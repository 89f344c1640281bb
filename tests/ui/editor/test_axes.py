"""The scales beside the plots."""

from __future__ import annotations

from itertools import pairwise

import pytest

from earmark.audio.spectrogram import FrequencyAxis, SpectrogramSettings
from earmark.ui.editor.axes import amplitude_marks, format_hz, frequency_marks
from earmark.ui.editor.presets import PRESETS, nearest_window


@pytest.mark.parametrize("scale", ["linear", "mel", "log"])
@pytest.mark.parametrize("height", [60, 300, 900])
def test_frequencies_stand_apart_and_in_order(scale: str, height: int) -> None:
    axis = FrequencyAxis.of(SpectrogramSettings(scale=scale), 44_100)  # type: ignore[arg-type]
    marks = frequency_marks(axis, height)
    places = [part * height for part, _ in marks]
    assert len(marks) >= (1 if height < 100 else 2)
    assert all(b - a >= 26 for a, b in pairwise(places))


def test_a_kilohertz_is_on_every_tall_scale() -> None:
    for scale in ("mel", "log"):
        axis = FrequencyAxis.of(SpectrogramSettings(scale=scale), 44_100)
        assert "1k" in [text for _, text in frequency_marks(axis, 500)]


@pytest.mark.parametrize(("hz", "text"), [(800, "800"), (1500, "1.5k"), (20000, "20k")])
def test_frequencies_are_written_short(hz: float, text: str) -> None:
    assert format_hz(hz) == text


def test_amplitudes_are_symmetric() -> None:
    marks = amplitude_marks("linear", 1.0, 300)
    assert (0.5, "0") in marks
    assert [1 - part for part, _ in reversed(marks)] == pytest.approx(
        [part for part, _ in marks]
    )


def test_a_zoomed_amplitude_has_finer_marks() -> None:
    texts = [text for _, text in amplitude_marks("linear", 8.0, 300)]
    assert "0.1" in texts
    assert "1" not in texts


@pytest.mark.parametrize("rate", [8_000, 44_100, 384_000])
@pytest.mark.parametrize("name", list(PRESETS))
def test_presets_fit_every_rate(name: str, rate: int) -> None:
    settings = PRESETS[name](SpectrogramSettings(), rate)
    axis = FrequencyAxis.of(settings, rate)
    assert axis.low_hz < axis.high_hz <= rate / 2


def test_windows_are_chosen_by_their_length_in_time() -> None:
    assert nearest_window(0.025, 16_000) == 512
    assert nearest_window(0.025, 44_100) == 1024
