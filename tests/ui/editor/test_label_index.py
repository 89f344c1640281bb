"""Finding labels by where they are."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from earmark.core.labels import LabelArrays
from earmark.ui.editor.label_index import MAX_ROWS, LabelIndex, coverage

Ranges = list[tuple[int, int]]
ranges = st.lists(
    st.tuples(st.integers(0, 1000), st.integers(0, 200)).map(
        lambda pair: (pair[0], pair[0] + pair[1])
    ),
    max_size=40,
)


def index_of(found: Ranges) -> LabelIndex:
    rows = [(n + 1, start, stop, 0) for n, (start, stop) in enumerate(found)]
    return LabelIndex(LabelArrays.of(rows))


@given(ranges, st.integers(0, 1200), st.integers(0, 400))
def test_visible_labels_are_those_that_touch_the_range(
    found: Ranges, start: int, length: int
) -> None:
    index = index_of(found)
    seen = set(index.arrays.ids[index.visible(start, start + length)].tolist())
    expected = {
        n + 1
        for n, (low, high) in enumerate(found)
        if low <= start + length and high >= start
    }
    assert seen == expected


@given(ranges, st.integers(0, 1200), st.integers(0, 400), st.integers(0, 250))
def test_longer_labels_are_the_visible_ones_of_that_length(
    found: Ranges, start: int, length: int, frames: int
) -> None:
    index = index_of(found)
    visible = index.visible(start, start + length)
    lengths = index.arrays.stops[visible] - index.arrays.starts[visible]
    longer = index.longer(start, start + length, frames)
    assert longer.tolist() == visible[lengths >= frames].tolist()


@given(ranges, st.integers(0, 1200), st.integers(1, 400), st.integers(1, 400))
def test_of_labels_in_a_crowd_the_first_in_each_column_is_told_apart(
    found: Ranges, start: int, length: int, frames_per_px: int
) -> None:
    index = index_of(found)
    visible = index.visible(start, start + length)
    shown = index.told_apart(start, start + length, float(frames_per_px))
    assert set(shown) <= set(visible)
    assert (np.diff(shown) > 0).all()

    def columns(places: np.ndarray) -> set[tuple[int, int]]:
        begun = places[index.arrays.starts[places] >= start]
        at = index.arrays.starts[begun] // frames_per_px
        return set(zip(at.tolist(), index.rows[begun].tolist(), strict=True))

    assert columns(shown) == columns(visible)
    heads = shown[index.arrays.starts[shown] >= start]
    assert len(shown) == len(visible) or len(heads) == len(columns(shown))


def test_of_a_crowd_no_more_is_drawn_than_there_are_columns() -> None:
    index = index_of([(n, n + 1) for n in range(1000)])
    assert len(index.told_apart(0, 1000, 100.0)) == 10


@given(ranges)
def test_labels_of_one_row_do_not_overlap(found: Ranges) -> None:
    index = index_of(found)
    # The last row takes all that find no other.
    for row in range(min(index.row_count, MAX_ROWS - 1)):
        mine = np.flatnonzero(index.rows == row)
        assert np.all(index.arrays.stops[mine][:-1] <= index.arrays.starts[mine][1:])


def test_labels_that_only_touch_share_a_row() -> None:
    assert index_of([(0, 10), (10, 20), (20, 30)]).row_count == 1


@given(ranges, st.integers(0, 1200), st.integers(1, 50))
def test_the_nearest_edge_is_the_nearest(
    found: Ranges, frame: int, tolerance: int
) -> None:
    edges = [edge for pair in found for edge in pair]
    near = [edge for edge in edges if abs(edge - frame) <= tolerance]
    nearest = index_of(found).nearest_edge(frame, tolerance)
    if near:
        assert nearest is not None
        assert abs(nearest - frame) == min(abs(edge - frame) for edge in near)
    else:
        assert nearest is None


def test_what_is_moved_is_no_place_to_snap_to() -> None:
    index = index_of([(100, 200), (300, 400)])
    assert index.nearest_edge(101, 5, frozenset({1})) is None


@given(ranges.filter(len), st.integers(1, 20))
def test_coverage_is_where_labels_are(found: Ranges, frames_per_px: int) -> None:
    index = index_of(found)
    every = np.arange(len(index))
    covered = coverage(index, every, 10, 50, float(frames_per_px))
    for column in range(50):
        expected = any(
            start // frames_per_px <= column + 10 <= stop // frames_per_px
            for start, stop in found
        )
        assert covered[column] == expected
