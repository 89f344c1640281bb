"""Spectrogram settings for common material."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from earmark.audio.spectrogram import WINDOWS, SpectrogramSettings

Preset = Callable[[SpectrogramSettings, int], SpectrogramSettings]


def speech(settings: SpectrogramSettings, rate: int) -> SpectrogramSettings:
    """Formants and plosives of a voice: windows of 25 ms, up to 8 kHz."""
    return replace(
        settings,
        window=nearest_window(0.025, rate),
        overlap=0.75,
        function="hann",
        padding=2,
        scale="mel",
        low_hz=0.0,
        high_hz=_below_nyquist(8000.0, rate),
        floor_db=-100.0,
        ceiling_db=-25.0,
        tilt_db=0.0,
    )


def music(settings: SpectrogramSettings, rate: int) -> SpectrogramSettings:
    """Notes and their overtones: windows of 90 ms, octaves equally high."""
    return replace(
        settings,
        window=nearest_window(0.09, rate),
        overlap=0.75,
        function="hann",
        padding=2,
        scale="log",
        low_hz=30.0,
        high_hz=_below_nyquist(16000.0, rate),
        floor_db=-100.0,
        ceiling_db=-15.0,
        tilt_db=3.0,
    )


def wildlife(settings: SpectrogramSettings, rate: int) -> SpectrogramSettings:
    """Calls of birds, frogs and bats: windows of 12 ms, all frequencies alike."""
    return replace(
        settings,
        window=nearest_window(0.012, rate),
        overlap=0.75,
        function="hann",
        padding=1,
        scale="linear",
        low_hz=0.0,
        high_hz=0.0,
        floor_db=-105.0,
        ceiling_db=-40.0,
        tilt_db=0.0,
    )


def fine(settings: SpectrogramSettings, rate: int) -> SpectrogramSettings:
    """Close frequencies told apart: windows of 190 ms with little leakage."""
    return replace(
        settings,
        window=nearest_window(0.19, rate),
        overlap=0.9,
        function="blackman-harris",
        padding=2,
        low_hz=0.0,
        high_hz=0.0,
        floor_db=-120.0,
        ceiling_db=-20.0,
        tilt_db=0.0,
    )


PRESETS: dict[str, Preset] = {
    "Speech": speech,
    "Music": music,
    "Birds and wildlife": wildlife,
    "Fine": fine,
}


def nearest_window(seconds: float, rate: int) -> int:
    """The window whose length is nearest to so many seconds."""
    return int(min(WINDOWS, key=lambda window: abs(window - seconds * rate)))


def _below_nyquist(hz: float, rate: int) -> float:
    """A frequency, or 0 for the highest there is."""
    return hz if hz < rate / 2 else 0.0
