"""Malformed sound files."""

from __future__ import annotations

import os
from pathlib import Path

from audio.fuzz import attack

COUNT = int(os.environ.get("EARMARK_FUZZ", "310"))


def test_a_damaged_file_is_opened_or_refused_with_a_clear_error(tmp_path: Path) -> None:
    outcomes = attack(tmp_path, COUNT)
    assert outcomes.total() == COUNT
    # Damage that is never noticed, or always, would be no test.
    assert outcomes["opened"] > COUNT // 5
    assert outcomes["refused"] > COUNT // 5
