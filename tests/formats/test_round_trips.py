"""Arbitrary documents through each format and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.formats import FormatRegistry, LabelDocument, ReadContext
from formats.samples import documents

FORMATS = FormatRegistry().formats


def _switched(options: object, on: bool) -> dict[str, bool]:
    return dict.fromkeys(type(options).model_fields, on)


@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.id)
@given(document=documents(), on=st.booleans())
@settings(max_examples=60, deadline=None)
def test_what_a_format_carries_is_read_back(
    registry: FormatRegistry, folder: Path, known, document: LabelDocument, on: bool
) -> None:
    options = known.options(**_switched(known.options(), on))
    path = folder / f"one{known.suffixes[0]}"

    report = registry.export_labels(path, [document], known.id, options)

    assert known.carry is not None
    carried = known.carry([document], options)
    reread = known.read(path, ReadContext(document.recording))
    assert report.labels == sum(found.label_count for found in reread)
    assert report.labels == sum(found.label_count for found in carried)
    positions = [
        sorted((la.start, la.stop) for found in side for t in found.tiers for la in t.labels)
        for side in (carried, reread)
    ]
    assert positions[0] == positions[1]


@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.id)
@given(document=documents(), on=st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_second_round_trip_changes_nothing(
    registry: FormatRegistry, folder: Path, known, document: LabelDocument, on: bool
) -> None:
    options = known.options(**_switched(known.options(), on))
    first, second = (folder / f"{name}{known.suffixes[0]}" for name in "ab")
    registry.export_labels(first, [document], known.id, options)
    reread = known.read(first, ReadContext(document.recording))
    if not reread:
        return
    registry.export_labels(second, reread, known.id, options)
    again = known.read(second, ReadContext(document.recording))
    assert [found.label_count for found in again] == [
        found.label_count for found in reread
    ]
    assert first.read_text(encoding="utf-8") == second.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "known", [k for k in FORMATS if k.many], ids=lambda known: known.id
)
@given(several=st.lists(documents(), min_size=2, max_size=4))
@settings(max_examples=40, deadline=None)
def test_many_recordings_in_one_file_stay_apart(
    registry: FormatRegistry, folder: Path, known, several: list[LabelDocument]
) -> None:
    path = folder / f"many{known.suffixes[0]}"
    report = registry.export_labels(path, several, known.id)
    assert report.labels >= sum(document.label_count for document in several)
