"""The colours: every text can be read on what it is written on."""

from __future__ import annotations

import pytest

from earmark.ui.theme import DARK, LIGHT, Palette


def luminance(color: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize("ground", ["panel", "raised", "field", "background"])
@pytest.mark.parametrize("text", ["text", "muted", "good", "warning", "danger"])
def test_text_has_enough_contrast(palette: Palette, ground: str, text: str) -> None:
    assert contrast(getattr(palette, text), getattr(palette, ground)) >= 4.5


@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
def test_text_on_the_accent_has_enough_contrast(palette: Palette) -> None:
    assert contrast(palette.accent_text, palette.accent) >= 4.5


@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
def test_what_is_disabled_can_still_be_read(palette: Palette) -> None:
    assert contrast(palette.disabled, palette.panel) >= 2.5


@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize(
    "mark", ["waveform", "playhead", "selection_edge", "predicted", "confirmed"]
)
def test_marks_stand_out_from_the_canvas(palette: Palette, mark: str) -> None:
    assert contrast(getattr(palette, mark), palette.background) >= 3
