"""The waveform as columns of pixels."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

AmplitudeScale = Literal["linear", "db"]

SHADES = 4
EMPTY, PEAK, RMS, CLIPPED, LINE, GRID = 0, *range(SHADES, SHADES + 5)
"""Colour indices; from 1 to `PEAK` the shades that smooth the outline."""
FLOOR_DB = -60.0
_FULL_SCALE = 1 - 2**-15

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]


def heights(samples: Floats, scale: AmplitudeScale) -> Floats:
    """Samples as displacements from the centre line, 1 at full scale.

    On the dB scale, -60 dBFS and everything below lie on the centre line.
    """
    if scale == "linear":
        return samples
    magnitude = np.maximum(np.abs(samples), 10 ** (FLOOR_DB / 20))
    level = 1 - np.log10(magnitude) * np.float32(20 / FLOOR_DB)
    return np.copysign(level, samples).astype(np.float32)


def draw_columns(
    peaks: Floats, height: int, zoom: float, scale: AmplitudeScale
) -> Pixels:
    """Draw one channel.

    Parameters
    ----------
    peaks : ndarray, float32, shape (3, columns)
        The least, the greatest and the RMS sample of each column.
    height : int
    zoom : float
        Full scale reaches the edges at 1.
    scale : {"linear", "db"}

    Returns
    -------
    ndarray, uint8, shape (height, columns)
        Colour indices.
    """
    mins, maxs, rms = peaks
    middle = np.float32(height / 2)
    reach = np.float32(middle * zoom)
    top = np.clip(middle - heights(maxs, scale) * reach, 0, height)
    bottom = np.clip(middle - heights(mins, scale) * reach, 0, height)
    # A column is never thinner than a pixel, so that silence is still a line.
    thin = np.maximum(0, 1 - (bottom - top)) / 2
    top, bottom = np.maximum(0, top - thin), np.minimum(height, bottom + thin)
    body = heights(np.minimum(rms, np.maximum(maxs, -mins)), scale) * reach
    first, last = np.ceil(top).astype(np.intp), np.floor(bottom).astype(np.intp)
    last = np.maximum(first, last)
    inner = np.clip(np.rint(middle - body).astype(np.intp), first, last)
    outer = np.clip(np.rint(middle + body).astype(np.intp), inner, last)
    clipped = (maxs >= _FULL_SCALE) | (mins <= -1)
    peak = np.where(clipped, CLIPPED, PEAK).astype(np.uint8)
    step = np.where(clipped, CLIPPED, RMS).astype(np.uint8) - peak
    # Where the colour changes going down, summed up afterwards: a few times faster
    # than asking of every pixel which part it belongs to.
    columns = np.arange(len(mins))
    pixels = np.zeros((height + 1, len(mins)), np.uint8)
    for row, change in ((first, peak), (inner, step), (outer, -step), (last, -peak)):
        pixels[row, columns] += change
    for row in range(int(first.min(initial=height)) + 1, height):
        np.add(pixels[row - 1], pixels[row], out=pixels[row])
    pixels = pixels[:height]
    for row, part in ((first - 1, first - top), (last, bottom - last)):
        shade = np.rint(part * SHADES).astype(np.uint8)
        edge = (shade > 0) & (row >= 0) & (row < height)
        pixels[row[edge], columns[edge]] = shade[edge]
    pixels[min(height - 1, height // 2)][pixels[height // 2] == EMPTY] = LINE
    return pixels


def draw_grid(pixels: Pixels, columns: NDArray[np.intp]) -> None:
    """Draw vertical lines, in place, behind what is there."""
    lines = pixels[:, columns]
    lines[lines == EMPTY] = GRID
    pixels[:, columns] = lines


def joined(mins: Floats, maxs: Floats) -> tuple[Floats, Floats]:
    """Columns stretched to touch the one before, so that steep slopes have no gaps.

    Parameters
    ----------
    mins, maxs : ndarray, float32, shape (channels, columns + 1)
        With one column more at the left.

    Returns
    -------
    tuple of ndarray, float32, shape (channels, columns)
    """
    return (
        np.minimum(mins[:, 1:], maxs[:, :-1]),
        np.maximum(maxs[:, 1:], mins[:, :-1]),
    )
