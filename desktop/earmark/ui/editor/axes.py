"""The scales at the left of the waveform and of the spectrogram."""

from __future__ import annotations

import math
from collections.abc import Iterator

from earmark.audio.spectrogram import FrequencyAxis
from earmark.ui.editor.waveform import FLOOR_DB, AmplitudeScale

Marks = list[tuple[float, str]]
"""Positions, 0 at the bottom and 1 at the top, and their texts."""

_APART_PX = 26
_EDGE_PX = 8
_MANTISSAS = (1, 5, 2, 3, 7, 4, 6, 8, 9, 1.5, 2.5)


def frequency_marks(axis: FrequencyAxis, height_px: float) -> Marks:
    """Marks at round frequencies, as many as there is room for."""
    marks: Marks = []
    taken: list[float] = []
    for hz in _round_frequencies(axis, height_px):
        if not axis.low_hz <= hz <= axis.high_hz:
            continue
        part = float(axis.fraction(hz))
        y = part * height_px
        free = all(abs(y - other) >= _APART_PX for other in taken)
        if free and _EDGE_PX <= y <= height_px - _EDGE_PX:
            taken.append(y)
            marks.append((part, format_hz(hz)))
    return sorted(marks)


def amplitude_marks(scale: AmplitudeScale, zoom: float, height_px: float) -> Marks:
    """Marks of one channel's waveform, symmetric about its centre line."""
    half = height_px / 2
    if scale == "db":
        levels = [
            db for db in (-1.0, -6.0, -12.0, -24.0, -36.0, -48.0) if db > FLOOR_DB
        ]
        steps = [((1 - db / FLOOR_DB) * zoom, f"{db:.0f} dB") for db in levels]
    else:
        wanted = _APART_PX / max(1.0, half) / zoom
        step = next((s for s in (0.01, 0.02, 0.05, 0.1, 0.25, 0.5) if s >= wanted), 1.0)
        steps = [
            (n * step * zoom, f"{n * step:.2f}".rstrip("0").rstrip("."))
            for n in range(1, math.floor(1 / step) + 1)
        ]
    marks: Marks = [(0.5, "-∞" if scale == "db" else "0")]
    last = 0.0
    for part, text in sorted(steps):
        y = part * half
        if y - last >= _APART_PX and y <= half - _EDGE_PX:
            last = y
            sign = "" if scale == "db" else "-"
            marks += [(0.5 + part / 2, text), (0.5 - part / 2, sign + text)]
    return sorted(marks)


def format_hz(hz: float) -> str:
    """A frequency as short as it can be read: `800`, `1.5k`."""
    if hz < 1000:
        return f"{hz:g}"
    return f"{hz / 1000:g}k"


def _round_frequencies(axis: FrequencyAxis, height_px: float) -> Iterator[float]:
    """Candidates, the roundest first."""
    if axis.scale == "linear":
        wanted = (axis.high_hz - axis.low_hz) * _APART_PX / max(1.0, height_px)
        power = 10 ** math.floor(math.log10(max(1e-3, wanted)))
        step = next(m * power for m in (1, 2, 5, 10) if m * power >= wanted)
        first = math.ceil(axis.low_hz / step)
        yield from (n * step for n in range(first, math.floor(axis.high_hz / step) + 1))
        return
    powers = range(1, math.ceil(math.log10(max(10.0, axis.high_hz))) + 1)
    for mantissa in _MANTISSAS:
        yield from (mantissa * 10.0**power for power in reversed(powers))
