"""All that a plugin may import."""

from __future__ import annotations

import subprocess
import sys

import pytest

import earmark.api


@pytest.mark.parametrize("name", earmark.api.__all__)
def test_every_name_is_there_at_run_time(name: str) -> None:
    assert getattr(earmark.api, name) is not None


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Project'"):
        _ = earmark.api.Project


def test_importing_it_is_light() -> None:
    code = (
        "import sys, earmark.api;"
        "print(sorted({'torch', 'transformers', 'PySide6', 'apsw', 'soundfile',"
        " 'earmark.engine.context'} & sys.modules.keys()))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    assert told.stdout.strip() == "[]"
