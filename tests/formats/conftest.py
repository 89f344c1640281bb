"""Fixtures of the tests of the label formats."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from formats.samples import demo_document

from earmark.formats import FormatRegistry, LabelDocument, ReadContext, Recording


@pytest.fixture(scope="session")
def registry() -> FormatRegistry:
    """The built-in formats."""
    return FormatRegistry()


@pytest.fixture
def demo() -> LabelDocument:
    """A document with some of everything."""
    return demo_document()


@pytest.fixture
def context() -> ReadContext:
    """Labels about one minute of mono at 16 kHz."""
    return ReadContext(Recording("clip.wav", 16000, 16000 * 60))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for examples of one property; nothing temporary may stay in it."""
    path = tmp_path_factory.mktemp("labels")
    yield path
    assert not list(path.glob(".*"))
