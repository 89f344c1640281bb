"""Malformed label files."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats.fuzz import attack

from earmark.formats import FormatRegistry

FORMATS = [known.id for known in FormatRegistry().formats]


@pytest.mark.parametrize("format_id", FORMATS)
def test_a_damaged_file_is_read_or_refused_with_a_clear_error(
    registry: FormatRegistry, tmp_path: Path, format_id: str
) -> None:
    outcomes = attack(registry, format_id, tmp_path, 200)
    assert outcomes.total() == 200
    # Damage that is never noticed, or always, would be no test of the reader.
    assert outcomes["read"] >= 5
    assert outcomes["refused"] >= 20
