"""The command line as a person calls it: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Earmark = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def earmark(earmark_home: Path, tmp_path: Path) -> Earmark:
    """Call `earmark` in an empty folder and give what it printed."""

    def call(*arguments: object, text: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "earmark", *map(str, arguments)],
            cwd=tmp_path,
            env=os.environ | {"EARMARK_HOME": str(earmark_home), "DISPLAY": ""},
            input=text,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )

    return call
