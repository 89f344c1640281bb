"""Fixtures of the tests of audio."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from earmark.audio.sources import Sources


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache folder."""
    return tmp_path / "cache"


@pytest.fixture
def sources(cache: Path) -> Iterator[Sources]:
    """Readers of sources."""
    opened = Sources(cache)
    yield opened
    opened.close()
