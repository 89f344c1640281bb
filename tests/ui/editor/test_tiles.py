"""Pictures of columns that are kept, and stretched until finer ones are there."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtWidgets import QApplication

from earmark.ui.editor import tiles
from earmark.ui.editor.tiles import TILE_COLUMNS, ColumnTiles, Piece, Pixels, runs
from earmark.ui.editor.timeline import TimeView

HEIGHT = 4
VIEW = TimeView(clip_frames=100_000, width=1000, frames_per_px=8.0, first=500)


class Renderer:
    """Columns of one colour, and what was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, float]] = []

    def __call__(self, first: int, columns: int, frames_per_column: float) -> Pixels:
        self.asked.append((first, columns, frames_per_column))
        return np.zeros((HEIGHT, columns), np.uint8)


@pytest.fixture
def renderer(qapp: QApplication) -> Renderer:
    return Renderer()


@pytest.fixture
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """No frame has time for what can be stretched instead."""
    monkeypatch.setattr(tiles, "_BUDGET_S", -1.0)


def shown(pieces: list[Piece], view: TimeView) -> np.ndarray:
    """Which pixels of the view the pieces reach."""
    pixels = np.zeros(view.width, bool)
    for piece in pieces:
        left, right = round(piece.x), round(piece.x + piece.width)
        pixels[max(0, left) : max(0, right)] = True
    return pixels


def test_what_was_rendered_is_not_rendered_again(renderer: Renderer) -> None:
    kept = ColumnTiles(renderer)
    assert shown(kept.visible(VIEW, HEIGHT, 8.0), VIEW).all()
    asked = len(renderer.asked)
    assert shown(kept.visible(VIEW.scrolled_to(510), HEIGHT, 8.0), VIEW).all()
    assert len(renderer.asked) == asked


def test_scrolling_renders_only_what_comes_into_sight(renderer: Renderer) -> None:
    kept = ColumnTiles(renderer)
    kept.visible(VIEW, HEIGHT, 8.0)
    renderer.asked.clear()
    kept.visible(VIEW.scrolled_to(500 + TILE_COLUMNS), HEIGHT, 8.0)
    assert renderer.asked == [(6 * TILE_COLUMNS, TILE_COLUMNS, 8.0)]


@pytest.mark.usefixtures("in_a_hurry")
def test_without_another_picture_all_is_rendered_at_once(renderer: Renderer) -> None:
    kept = ColumnTiles(renderer)
    assert shown(kept.visible(VIEW, HEIGHT, 8.0), VIEW).all()
    assert not kept.pending


@pytest.mark.usefixtures("in_a_hurry")
@pytest.mark.parametrize("fineness", [6.5, 10.0])
def test_without_time_what_is_there_is_stretched(
    renderer: Renderer, fineness: float
) -> None:
    kept = ColumnTiles(renderer)
    kept.visible(VIEW, HEIGHT, 8.0)
    renderer.asked.clear()
    closer = VIEW.zoomed_to(fineness, 500)
    pieces = kept.visible(closer, HEIGHT, fineness, 200, 800)
    assert not renderer.asked
    assert kept.pending
    assert shown(pieces, closer)[200:800].all()
    for piece in pieces:
        assert piece.width / piece.columns == pytest.approx(8.0 / fineness)


@pytest.mark.usefixtures("in_a_hurry")
def test_beyond_what_is_there_it_is_rendered(renderer: Renderer) -> None:
    kept = ColumnTiles(renderer)
    kept.visible(VIEW, HEIGHT, 8.0)
    renderer.asked.clear()
    wider = VIEW.zoomed_to(24.0, 500)
    pieces = kept.visible(wider, HEIGHT, 24.0)
    assert shown(pieces, wider).all()
    assert renderer.asked


def test_it_sharpens_frame_by_frame(
    renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = ColumnTiles(renderer)
    kept.visible(VIEW, HEIGHT, 8.0)
    closer = VIEW.zoomed_to(6.0, 500)
    with monkeypatch.context() as hurry:
        hurry.setattr(tiles, "_BUDGET_S", -1.0)
        kept.visible(closer, HEIGHT, 6.0)
    assert kept.pending
    monkeypatch.setattr(tiles, "_BUDGET_S", 60.0)
    pieces = kept.visible(closer, HEIGHT, 6.0)
    assert not kept.pending
    assert {piece.width / piece.columns for piece in pieces} == {1.0}


def test_other_colours_need_no_rendering(renderer: Renderer) -> None:
    kept = ColumnTiles(renderer)
    kept.set_colors([0xFF112233])
    kept.visible(VIEW, HEIGHT, 8.0)
    asked = len(renderer.asked)
    kept.set_colors([0xFF445566])
    (first, *_) = kept.visible(VIEW, HEIGHT, 8.0)
    assert len(renderer.asked) == asked
    assert first.pixmap.toImage().pixel(0, 0) == 0xFF445566


@given(st.sets(st.integers(0, 60)), st.integers(1, 5))
def test_runs_are_all_the_numbers_in_order(numbers: set[int], most: int) -> None:
    found = list(runs(sorted(numbers), most))
    assert [number for run in found for number in run] == sorted(numbers)
    assert all(0 < len(run) <= most for run in found)
    for one, other in itertools.pairwise(found):
        assert one.stop < other.start or len(one) == most
