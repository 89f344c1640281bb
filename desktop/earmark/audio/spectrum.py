"""How a spectrogram is analysed and shown, and the spectrum of a run of samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache, partial
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from earmark.core.errors import EarmarkError

Scale = Literal["linear", "mel", "log"]
WindowFunction = Literal[
    "hann", "hamming", "blackman", "blackman-harris", "flat-top", "rectangular"
]
Rfft = Callable[[NDArray[np.float32], int], NDArray[np.complex64]]

WINDOWS = tuple(1 << k for k in range(8, 15))
COLOR_MAPS = {
    "magma": "magma",
    "inferno": "inferno",
    "plasma": "plasma",
    "viridis": "viridis",
    "cividis": "cividis",
    "grey": "CET-L1",
    "heat": "CET-L3",
    "green": "CET-L5",
    "blue": "CET-L6",
}
"""Perceptually uniform maps by our name, and the name of their table in pyqtgraph."""

DB_FLOOR = -120.0
DB_STEP = 0.5
"""A tile's value `v` stands for `DB_FLOOR + DB_STEP * v`; a full-scale sine is 0 dB."""

LOWEST_LOG_HZ = 20.0
"""Where a logarithmic axis ends."""

_COLUMN_FRAMES = 1 << 13
_MOST_WINDOWS = 8
_COSINES: dict[str, tuple[float, ...]] = {
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.5, 0.08),
    "blackman-harris": (0.35875, 0.48829, 0.14128, 0.01168),
    "flat-top": (0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368),
    "rectangular": (1.0,),
}


@dataclass(frozen=True, slots=True)
class SpectrogramSettings:
    """How a spectrogram is computed and shown.

    Attributes
    ----------
    window : int
        Frames of a window, a power of two from 256 to 16384.
    overlap : float
        Of neighbouring windows at full zoom, 0 to 0.95.
    function : str
        The window function.
    padding : {1, 2, 4}
        The FFT is so many times longer than the window: rows closer together, which
        draws low frequencies sharper.
    tilt_db : float
        Decibels per octave added above 1 kHz and taken away below it.
    scale : {"linear", "mel", "log"}
    low_hz, high_hz : float
        The range shown; a `high_hz` of 0 is half the rate.
    floor_db, ceiling_db : float
        What the darkest and the brightest colour stand for.
    colormap : str
        A key of `COLOR_MAPS`.
    channel : int or None
        The one shown, from 0; None is the mix of all, as it is where a clip does not
        have so many.

    Raises
    ------
    EarmarkError
        If a value is out of its range.
    """

    window: int = 2048
    overlap: float = 0.75
    function: WindowFunction = "hann"
    padding: int = 1
    tilt_db: float = 0.0
    scale: Scale = "mel"
    low_hz: float = 0.0
    high_hz: float = 0.0
    floor_db: float = -100.0
    ceiling_db: float = -20.0
    colormap: str = "magma"
    channel: int | None = None

    def __post_init__(self) -> None:
        faults = [
            name
            for name, right in (
                ("window", self.window in WINDOWS),
                ("overlap", 0.0 <= self.overlap <= 0.95),
                ("function", self.function in get_args(WindowFunction)),
                ("padding", self.padding in (1, 2, 4)),
                ("tilt_db", -12.0 <= self.tilt_db <= 12.0),
                ("scale", self.scale in get_args(Scale)),
                ("low_hz", 0.0 <= self.low_hz < float("inf")),
                ("high_hz", self.high_hz == 0.0 or self.high_hz > self.low_hz),
                ("ceiling_db", self.ceiling_db > self.floor_db),
                ("colormap", self.colormap in COLOR_MAPS),
                ("channel", self.channel is None or self.channel >= 0),
            )
            if not right
        ]
        if faults:
            values = ", ".join(f"{name} = {getattr(self, name)}" for name in faults)
            raise EarmarkError(f"The spectrogram cannot be drawn with {values}.")

    def channel_of(self, channels: int) -> int | None:
        """The channel shown of a clip with so many; None is the mix."""
        if self.channel is None or self.channel >= channels:
            return None
        return self.channel

    @property
    def bins(self) -> int:
        """Rows of a tile."""
        return self.window * self.padding // 2 + 1

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> SpectrogramSettings:
        """Settings from stored values; what is unknown or out of range is left out."""
        settings = cls()
        for field in fields(cls):
            if field.name in values:
                try:
                    settings = replace(settings, **{field.name: values[field.name]})
                except (EarmarkError, TypeError):
                    continue  # a project from another version; the default will do
        return settings


def windows_per_column(window: int, hop: int) -> int:
    """How many windows a column takes the maximum of.

    Zoomed out, a column stands for more than one window covers; what is short must not
    fall between two. As many are taken as keep a screen within half a second.
    """
    return max(min(hop // window, _COLUMN_FRAMES // window, _MOST_WINDOWS), 1)


def hop_for(settings: SpectrogramSettings, frames_per_px: float) -> int:
    """The distance of columns, in frames, that a picture needs at this zoom."""
    hop = max(round(settings.window * (1.0 - settings.overlap)), 1)
    while hop * 2 <= frames_per_px:
        hop *= 2
    return hop


@lru_cache(maxsize=16)
def window(function: WindowFunction, length: int) -> NDArray[np.float32]:
    """A periodic window, scaled so that the spectrum of a full-scale sine peaks at 1.

    The coefficients are those of Harris, “On the use of windows for harmonic analysis
    with the discrete Fourier transform”, Proc. IEEE 66 (1978), and, for the flat top,
    of D'Antona and Ferrero, Digital Signal Processing for Measurement Systems (2006).
    """
    phase = 2.0 * np.pi * np.arange(length) / length
    shape = np.zeros(length)
    for k, coefficient in enumerate(_COSINES[function]):
        shape += (-1.0) ** k * coefficient * np.cos(k * phase)
    scaled: NDArray[np.float32] = (shape * (2.0 / shape.sum())).astype(np.float32)
    scaled.setflags(write=False)
    return scaled


def numpy_rfft(frames: NDArray[np.float32], length: int) -> NDArray[np.complex64]:
    """The spectrum of each row, zero-padded to a length; there at once."""
    return np.fft.rfft(frames, length, axis=1).astype(np.complex64, copy=False)


def scipy_rfft() -> Rfft:
    """The same twice as fast, but it takes half a second to import."""
    from scipy import fft

    return partial(fft.rfft, axis=1, overwrite_x=True, workers=1)


def spectra(
    frames: NDArray[np.float32],
    settings: SpectrogramSettings,
    rate: int,
    rfft: Rfft = numpy_rfft,
) -> NDArray[np.uint8]:
    """Columns of decibels.

    Parameters
    ----------
    frames : ndarray, float32, shape (columns, settings.window)
        One window of samples per column; not changed.
    settings : SpectrogramSettings
    rate : int
    rfft : callable, optional

    Returns
    -------
    ndarray, uint8, shape (columns, settings.bins)
    """
    weighted = frames * window(settings.function, settings.window)
    spectrum = rfft(weighted, settings.window * settings.padding)
    values: NDArray[np.float32] = np.abs(spectrum)
    values += np.float32(1e-10)
    np.log(values, out=values)
    values *= np.float32(20.0 / np.log(10.0) / DB_STEP)
    values += _offsets(settings, rate)
    np.clip(values, 0.0, 255.0, out=values)
    return values.astype(np.uint8)


@lru_cache(maxsize=16)
def _tilt(bins: int, rate: int, tilt_db: float) -> NDArray[np.float32]:
    hz = np.maximum(np.arange(bins) * rate / (2.0 * (bins - 1)), LOWEST_LOG_HZ)
    return (tilt_db * np.log2(hz / 1000.0) / DB_STEP).astype(np.float32)


def _offsets(settings: SpectrogramSettings, rate: int) -> NDArray[np.float32]:
    """What is added to each row, in steps; the half rounds to the nearest."""
    base = np.float32(0.5 - DB_FLOOR / DB_STEP)
    if not settings.tilt_db:
        return np.full(1, base)
    return _tilt(settings.bins, rate, settings.tilt_db) + base
