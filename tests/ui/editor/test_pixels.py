"""Waveforms and labels as pixels."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.core.labels import STATUSES
from earmark.ui.editor import waveform
from earmark.ui.editor.label_raster import Look, draw_row
from earmark.ui.editor.tile_pictures import interpolated
from earmark.ui.editor.waveform import CLIPPED, EMPTY, LINE, PEAK, RMS

LOOK = Look(width=100, height=20, first=0, scale=1.0, ground=0x101010, outline=0xFFFFFF)


def peaks(low: float, high: float, rms: float, columns: int = 5) -> np.ndarray:
    return np.tile(np.array([[low], [high], [rms]], np.float32), columns)


def test_full_scale_reaches_both_edges() -> None:
    pixels = waveform.draw_columns(peaks(-0.999, 0.999, 0.5), 101, 1.0, "linear")
    assert pixels.shape == (101, 5)
    assert (pixels[1] == PEAK).all()
    assert (pixels[-2] == PEAK).all()
    assert (pixels[50] == RMS).all()


def test_the_rms_lies_within_the_peaks() -> None:
    pixels = waveform.draw_columns(peaks(-0.5, 0.5, 0.25), 100, 1.0, "linear")
    column = pixels[:, 0]
    assert np.flatnonzero(column == PEAK).min() == 25
    assert np.flatnonzero(column == RMS).min() == pytest.approx(37, abs=1)
    assert np.flatnonzero(column == RMS).max() == pytest.approx(62, abs=1)


def test_clipped_columns_have_their_own_colour() -> None:
    pixels = waveform.draw_columns(peaks(-1.0, 1.0, 0.5), 50, 1.0, "linear")
    assert (pixels == CLIPPED).any()
    assert not (pixels == PEAK).any()


def test_silence_is_a_line() -> None:
    pixels = waveform.draw_columns(peaks(0, 0, 0), 51, 1.0, "linear")
    assert (pixels[25] != EMPTY).all()
    assert (pixels[:20] == EMPTY).all()


def test_a_zoomed_waveform_is_cut_at_the_edges() -> None:
    pixels = waveform.draw_columns(peaks(-0.5, 0.5, 0.1), 40, 8.0, "linear")
    assert (pixels[0] != EMPTY).all()
    assert (pixels[-1] != EMPTY).all()


def test_an_offset_waveform_leaves_the_centre_line() -> None:
    pixels = waveform.draw_columns(peaks(0.5, 0.6, 0.55), 100, 1.0, "linear")
    assert (pixels[50] == LINE).all()
    assert (pixels[20:25] != EMPTY).all()
    assert (pixels[26:50] == EMPTY).all()


def test_minus_thirty_db_is_half_way_up_on_the_db_scale() -> None:
    level = np.array([10 ** (-30 / 20), -(10 ** (-30 / 20)), 0.0], np.float32)
    assert waveform.heights(level, "db") == pytest.approx([0.5, -0.5, 0.0], abs=1e-6)


def test_columns_are_joined_to_the_ones_before() -> None:
    mins = np.array([[0.0, 0.5, -0.6]], np.float32)
    maxs = np.array([[0.1, 0.7, -0.4]], np.float32)
    low, high = waveform.joined(mins, maxs)
    assert low[0] == pytest.approx([0.1, -0.6])
    assert high[0] == pytest.approx([0.7, 0.5])


def row(
    *labels: tuple[float, float, str], chosen: int = -1, look: Look = LOOK
) -> np.ndarray:
    lefts, rights, statuses = zip(*labels, strict=True)
    return draw_row(
        np.array(lefts, float),
        np.array(rights, float),
        np.full(len(labels), 0x40C080, np.uint32),
        np.array([STATUSES.index(status) for status in statuses], np.uint8),
        np.full(len(labels), 0.5),
        np.arange(len(labels)) == chosen,
        look,
    )


def test_between_labels_the_ground_is_seen() -> None:
    pixels = row((10, 30, "confirmed"), (60, 80, "confirmed"))
    assert (pixels[:, [0, 9, 30, 59, 80, 99]] == 0xFF101010).all()
    assert (pixels[:, 11:29] != 0xFF101010).all()


def test_a_label_has_solid_edges() -> None:
    pixels = row((10, 30, "confirmed"))
    assert (pixels[:, [10, 11, 28, 29]] == 0xFF40C080).all()
    assert (pixels[5, 12:28] != 0xFF40C080).all()


def test_predictions_do_not_look_like_confirmed_labels() -> None:
    confirmed, predicted = row((10, 60, "confirmed")), row((10, 60, "predicted"))
    inner = (slice(4, 15), slice(14, 56))
    assert len(np.unique(confirmed[inner])) == 1
    assert len(np.unique(predicted[inner])) == 2
    assert np.isin(predicted[0, 12:58], [0xFF40C080]).any()


def test_the_hatching_scrolls_with_the_label() -> None:
    here = row((10, 60, "predicted"))
    moved = Look(100, 20, 3, 1.0, 0x101010, 0xFFFFFF)
    there = row((7, 57, "predicted"), look=moved)
    assert (here[4:15, 14:56] == there[4:15, 11:53]).all()


def test_a_selected_label_is_outlined() -> None:
    pixels = row((10, 30, "confirmed"), (40, 60, "confirmed"), chosen=1)
    assert (pixels[0, 40:60] == 0xFFFFFFFF).all()
    assert not (pixels[:, :35] == 0xFFFFFFFF).any()


def test_labels_narrower_than_a_pixel_are_still_seen() -> None:
    pixels = row(*((20 + n / 10, 20 + n / 10 + 0.05, "confirmed") for n in range(100)))
    assert (pixels[:, 20:30] != 0xFF101010).all()
    assert (pixels[:, 31:] == 0xFF101010).all()


def test_labels_out_of_sight_draw_nothing() -> None:
    pixels = row((-50, -10, "confirmed"), (120, 140, "confirmed"))
    assert (pixels == 0xFF101010).all()


def test_a_row_without_labels_is_ground() -> None:
    none = np.zeros(0)
    pixels = draw_row(
        none, none, none.astype(np.uint32), none.astype(np.uint8), none, none > 0, LOOK
    )
    assert (pixels == 0xFF101010).all()


def test_columns_between_are_on_a_straight_line() -> None:
    values = np.array([[0, 100, 200]], np.uint8)
    between = interpolated(values, 4)
    assert between.shape == (1, 12)
    assert (np.diff(between[0].astype(int)) >= 0).all()
    assert between[0, 1] <= 5
    assert between[0, 5] == pytest.approx(87, abs=3)
