"""Arbitrary documents through each format and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats.samples import documents
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.formats import FormatRegistry, LabelDocument, ReadContext

FORMATS = FormatRegistry().formats


def _switched(options: object, on: bool) -> dict[str, bool]:
    return dict.fromkeys(type(options).model_fields, on)


@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.id)
@given(document=documents(), on=st.booleans())
@settings(max_examples=40, deadline=None)
def test_what_a_format_carries_is_read_back(
    registry: FormatRegistry, folder: Path, known, document: LabelDocument, on: bool
) -> None:
    options = known.options(**_switched(known.options(), on))
    path = folder / f"one{known.suffixes[0]}"

    report = registry.export_labels(path, [document], known.id, options)

    assert known.carry is not None
    carried = known.carry([document], options)
    reread = known.read(path, ReadContext(document.recording))
    assert report.labels == len(_ranges(carried))
    assert _ranges(reread) == _ranges(carried)


def _ranges(documents: list[LabelDocument]) -> list[tuple[int, int]]:
    return sorted(
        (label.start, label.stop)
        for document in documents
        for tier in document.tiers
        for label in tier.labels
    )


@pytest.mark.parametrize(
    "known", [k for k in FORMATS if k.many], ids=lambda known: known.id
)
@given(several=st.lists(documents(), min_size=2, max_size=4))
@settings(max_examples=15, deadline=None)
def test_many_recordings_in_one_file_stay_apart(
    registry: FormatRegistry, folder: Path, known, several: list[LabelDocument]
) -> None:
    path = folder / f"many{known.suffixes[0]}"

    registry.export_labels(path, several, known.id)

    # All have the same default, so only the names in the file can tell them apart.
    reread = known.read(path, ReadContext(several[0].recording))
    assert known.carry is not None
    carried = [found for found in known.carry(several, known.options()) if found.tiers]
    assert sorted(found.label_count for found in reread if found.tiers) == sorted(
        found.label_count for found in carried
    )
