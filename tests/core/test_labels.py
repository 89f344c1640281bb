"""The labels of a track as arrays."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from earmark.core.labels import LabelArrays

ROWS = st.lists(
    st.tuples(
        st.integers(0, 50), st.integers(0, 20), st.integers(0, 9), st.integers(0, 4)
    ).map(lambda row: (row[0], row[1], row[1] + row[2], row[3])),
    unique_by=lambda row: row[0],
    max_size=12,
)


def rows(arrays: LabelArrays) -> list[tuple[int, ...]]:
    """What the arrays hold, as given to `LabelArrays.of`."""
    columns = (arrays.ids, arrays.starts, arrays.stops, arrays.statuses)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@given(ROWS)
def test_arrays_hold_the_labels_in_order_of_start(given: list[tuple[int, ...]]) -> None:
    arrays = LabelArrays.of(given)
    assert rows(arrays) == sorted(given, key=lambda row: (row[1], row[0]))
    assert len(arrays) == len(given)


@given(ROWS, ROWS, st.sets(st.integers(0, 50)))
def test_changed_arrays_are_those_of_the_changed_labels(
    before: list[tuple[int, ...]], changed: list[tuple[int, ...]], removed: set[int]
) -> None:
    ids = frozenset(removed | {row[0] for row in changed})
    expected = [row for row in before if row[0] not in ids] + changed
    after = LabelArrays.of(before).changed(ids, changed)
    assert sorted(rows(after)) == sorted(expected)
    assert after.starts.tolist() == sorted(after.starts.tolist())
    assert after.statuses.dtype == "uint8"


@given(ROWS, st.integers(0, 25), st.integers(0, 25))
def test_overlapping_gives_the_labels_that_touch_a_range(
    given: list[tuple[int, ...]], a: int, b: int
) -> None:
    start, stop = sorted((a, b))
    arrays = LabelArrays.of(given)
    assert arrays.ids[arrays.overlapping(start, stop)].tolist() == [
        key
        for key, first, last, _ in rows(arrays)
        if first < stop and (last > start or first == start)
    ]
