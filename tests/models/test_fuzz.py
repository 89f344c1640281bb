"""Damaged models."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from models.fuzz import attack

COUNT = int(os.environ.get("EARMARK_FUZZ", "100"))


@pytest.mark.parametrize("kind", ["configurations", "weights", "packs"])
def test_a_damaged_model_is_refused_with_a_clear_error_or_whole(
    tmp_path: Path, kind: str
) -> None:
    outcomes = attack(kind, tmp_path, COUNT)
    assert outcomes.total() == COUNT
    # Damage that is never noticed, or always, would be no test.
    assert outcomes["accepted"] > 0
    assert outcomes["refused"] > COUNT // 5
