"""A row of labels as pixels, in time that does not grow with their number."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from earmark.core.labels import STATUSES

Floats = NDArray[np.float64]
Colors = NDArray[np.uint32]

_PREDICTED = STATUSES.index("predicted")
_OPACITY = np.full(len(STATUSES), 0.34)
_OPACITY[_PREDICTED] = 0.13
_OPACITY[STATUSES.index("rejected")] = 0.1
_CHOSEN_OPACITY = 0.6
_HATCH_OPACITY = 0.42
_TEXTURED_PX = 14
_THICK_EDGE_PX = 8


@dataclass(frozen=True, slots=True)
class Look:
    """What is the same for all labels of a row.

    Attributes
    ----------
    width, height : int
        Of the row.
    first : int
        The column of the clip at the left edge, so that patterns scroll with it.
    scale : float
        Display pixels for each of Qt's.
    ground, outline : int
        `0xrrggbb` between labels, and around selected ones.
    """

    width: int
    height: int
    first: int
    scale: float
    ground: int
    outline: int


def draw_row(
    lefts: Floats,
    rights: Floats,
    colors: Colors,
    statuses: NDArray[np.uint8],
    scores: Floats,
    chosen: NDArray[np.bool_],
    look: Look,
) -> Colors:
    """Draw labels that follow each other.

    Parameters
    ----------
    lefts, rights : ndarray, float64, shape (labels,)
        In pixels of the display, from the left edge; ordered. Of labels that overlap,
        the later one is seen.
    colors : ndarray, uint32, shape (labels,)
        `0xrrggbb`.
    statuses : ndarray, uint8, shape (labels,)
        Indices into `STATUSES`; predictions are hatched, with dashes above and below.
    scores : ndarray, float64, shape (labels,)
        A line at the bottom is so long, as a part of the label; 0 is none.
    chosen : ndarray, bool, shape (labels,)
    look : Look

    Returns
    -------
    ndarray, uint32, shape (look.height, look.width)
        `0xffrrggbb`.
    """
    width, height = look.width, look.height
    if not len(lefts):
        return np.full((height, width), 0xFF000000 | look.ground, np.uint32)
    columns = np.arange(width)
    owner = np.searchsorted(lefts, columns + 0.5, side="right") - 1
    owner[(owner >= 0) & (columns + 0.5 > rights[owner])] = -1
    # Labels too narrow to reach the middle of a column still get one.
    at = np.floor(lefts).astype(np.intp)
    seen = (at >= 0) & (at < width)
    owner[at[seen]] = np.flatnonzero(seen)

    opacity = np.where(chosen, _CHOSEN_OPACITY, _OPACITY[statuses])
    fill = _with_ground(mixed(look.ground, colors, opacity), look)[owner]
    solid = _with_ground(colors, look)[owner]
    row = np.where(_edges(owner, lefts, rights, look.scale), solid, fill)
    pixels = np.repeat(row[None], height, axis=0)

    thick = max(1, round(look.scale))
    textured = (statuses == _PREDICTED) & (rights - lefts >= _TEXTURED_PX * look.scale)
    if textured.any():
        hatched = np.append(textured, False)[owner]
        period = round(8 * look.scale)
        lines = _hatching(width, height, period, thick)[:, look.first % period :][
            :, :width
        ]
        hatch = mixed(look.ground, colors, np.full(len(colors), _HATCH_OPACITY))
        np.copyto(
            pixels, _with_ground(hatch, look)[owner][None], where=lines & hatched[None]
        )
        dashed = hatched & ((columns + look.first) % period < period * 5 // 8)
        for edge in (slice(0, thick), slice(height - thick, height)):
            np.copyto(pixels[edge], solid[None], where=dashed[None])
    ends = np.append(lefts + np.clip(scores, 0, 1) * (rights - lefts), -1.0)[owner]
    bar = slice(height - round(3 * look.scale), height)
    np.copyto(pixels[bar], solid[None], where=(columns < ends)[None])
    if chosen.any():
        outline = np.uint32(0xFF000000 | look.outline)
        around = np.append(chosen, False)[owner]
        for edge in (slice(0, 2 * thick), slice(height - 2 * thick, height)):
            np.copyto(pixels[edge], outline, where=around[None])
        sides = around & _edges(owner, lefts, rights, 2 * look.scale)
        np.copyto(pixels, outline, where=sides[None])
    return pixels


def mixed(ground: int, colors: Colors, opacity: Floats) -> Colors:
    """Colours laid over the ground; `0xrrggbb`."""
    out = np.zeros(len(colors), np.uint32)
    for shift in (16, 8, 0):
        below = ground >> shift & 255
        above = (colors >> np.uint32(shift) & np.uint32(255)).astype(np.float64)
        level = np.rint(below + (above - below) * opacity).astype(np.uint32)
        out |= level << np.uint32(shift)
    return out


@lru_cache(maxsize=8)
def _hatching(width: int, height: int, period: int, thick: int) -> NDArray[np.bool_]:
    """Where slanting lines run; one period wider than asked for."""
    columns = np.arange(width + period)
    lines: NDArray[np.bool_] = (columns + np.arange(height)[:, None]) % period < thick
    return lines


def _with_ground(colors: Colors, look: Look) -> Colors:
    """The colours made opaque, and the ground's as the last of them, at index -1."""
    return np.append(colors, np.uint32(look.ground)) | np.uint32(0xFF000000)


def _edges(
    owner: NDArray[np.intp], lefts: Floats, rights: Floats, scale: float
) -> NDArray[np.bool_]:
    """The columns at the left and right edge of their label."""
    columns = np.arange(len(owner))
    thick = np.where(rights - lefts > _THICK_EDGE_PX * scale, 2 * scale, 1.0)
    # The last label, at -1, is what lies between the others.
    left, right, reach = (
        np.append(ends, 0.0)[owner] for ends in (lefts, rights, thick)
    )
    near: NDArray[np.bool_] = (owner >= 0) & (
        (columns < np.floor(left) + reach) | (columns + reach >= right)
    )
    return near
