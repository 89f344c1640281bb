"""What makes a picture of a tile: the frequency axis and the colours."""

from __future__ import annotations

import csv
import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earmark.audio.spectrum import (
    COLOR_MAPS,
    DB_FLOOR,
    DB_STEP,
    LOWEST_LOG_HZ,
    Scale,
    SpectrogramSettings,
)
from earmark.core.errors import EarmarkError


@dataclass(frozen=True, slots=True)
class FrequencyAxis:
    """Where a frequency is on the vertical axis of a picture, and back.

    Attributes
    ----------
    scale : {"linear", "mel", "log"}
        Mel is 2595 log10(1 + f / 700) (O'Shaughnessy, Speech Communication, 1987).
    low_hz, high_hz : float
    """

    scale: Scale
    low_hz: float
    high_hz: float

    @classmethod
    def of(cls, settings: SpectrogramSettings, rate: int) -> FrequencyAxis:
        """The axis of a spectrogram at a rate."""
        nyquist = rate / 2
        high = min(settings.high_hz or nyquist, nyquist)
        low = settings.low_hz if settings.low_hz < high else 0.0
        if settings.scale == "log":
            low = max(low, min(LOWEST_LOG_HZ, high / 2))
        return cls(settings.scale, low, high)

    def fraction(self, hz: ArrayLike) -> NDArray[np.float64]:
        """0 at the bottom, 1 at the top; beyond these outside the range."""
        low, high = self._warped(self.low_hz), self._warped(self.high_hz)
        return (self._warped(hz) - low) / (high - low)

    def hz(self, fraction: ArrayLike) -> NDArray[np.float64]:
        """The frequency at a place, 0 at the bottom and 1 at the top."""
        low, high = self._warped(self.low_hz), self._warped(self.high_hz)
        warped = low + np.asarray(fraction, np.float64) * (high - low)
        if self.scale == "mel":
            return np.asarray(700.0 * (10.0 ** (warped / 2595.0) - 1.0))
        if self.scale == "log":
            return np.asarray(np.exp2(warped))
        return warped

    def _warped(self, hz: ArrayLike) -> NDArray[np.float64]:
        hz = np.asarray(hz, np.float64)
        if self.scale == "mel":
            return np.asarray(2595.0 * np.log10(1.0 + np.maximum(hz, 0.0) / 700.0))
        if self.scale == "log":
            return np.asarray(np.log2(np.maximum(hz, 1.0)))
        return hz


class RowMap:
    """Turns the rows of a tile into the rows of a picture, the highest on top.

    A row that covers several bins shows the loudest.

    Parameters
    ----------
    settings : SpectrogramSettings
    rate, height_px : int
    """

    def __init__(
        self, settings: SpectrogramSettings, rate: int, height_px: int
    ) -> None:
        self.axis = FrequencyAxis.of(settings, rate)
        self.height_px = height_px
        edges = self.axis.hz(np.arange(height_px + 1) / height_px)
        per_bin = rate / 2 / (settings.bins - 1)
        # A bin reaches half its width to either side.
        bins = np.floor(edges / per_bin + 0.5).astype(np.int64)
        self._bins = np.clip(bins, 0, settings.bins - 1)

    def apply(self, values: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The rows of a picture.

        Parameters
        ----------
        values : ndarray, uint8, shape (bins, columns)

        Returns
        -------
        ndarray, uint8, shape (height_px, columns)
        """
        rows = np.maximum.reduceat(values, self._bins, axis=0)[:-1]
        return np.ascontiguousarray(rows[::-1])

    def row(self, hz: ArrayLike) -> NDArray[np.float64]:
        """Where a frequency is, in pixels from the top."""
        return (1.0 - self.axis.fraction(hz)) * self.height_px

    def hz(self, row: ArrayLike) -> NDArray[np.float64]:
        """The frequency at so many pixels from the top."""
        return self.axis.hz(1.0 - np.asarray(row, np.float64) / self.height_px)


@lru_cache(maxsize=len(COLOR_MAPS))
def color_map(name: str) -> NDArray[np.uint8]:
    """A perceptually uniform map from dark to bright.

    Returns
    -------
    ndarray, uint8, shape (256, 3)
        Red, green, blue.

    Raises
    ------
    EarmarkError
        If there is no such map.
    """
    if name not in COLOR_MAPS:
        raise EarmarkError(
            f"There is no colour map “{name}”.",
            f"Choose one of {', '.join(COLOR_MAPS)}.",
        )
    # The tables are read without importing pyqtgraph, which would import Qt.
    spec = importlib.util.find_spec("pyqtgraph")
    assert spec is not None and spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "colors" / "maps"
    text = (folder / f"{COLOR_MAPS[name]}.csv").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if line and not line.startswith(";"))
    table = np.array([[float(cell) for cell in row] for row in csv.reader(lines)])
    at = np.linspace(0.0, len(table) - 1.0, 256)
    levels = [np.interp(at, np.arange(len(table)), table[:, k]) for k in range(3)]
    colors = np.rint(np.stack(levels, axis=1) * 255.0).astype(np.uint8)
    if int(colors[0].sum()) > int(colors[-1].sum()):
        colors = colors[::-1]
    colors.setflags(write=False)
    return colors


def lookup_table(settings: SpectrogramSettings) -> NDArray[np.uint8]:
    """The colour of each value of a tile, for the range of the settings.

    Returns
    -------
    ndarray, uint8, shape (256, 3)
    """
    db = DB_FLOOR + DB_STEP * np.arange(256)
    span = settings.ceiling_db - settings.floor_db
    at = np.clip((db - settings.floor_db) / span, 0.0, 1.0)
    colors: NDArray[np.uint8] = color_map(settings.colormap)[
        np.rint(at * 255.0).astype(np.int64)
    ]
    return colors
