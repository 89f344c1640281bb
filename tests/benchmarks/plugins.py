"""How long a plugin is that labels what a classifier hears."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

from tests.benchmarks.table import Row

NAMES = ("audio_content", "audio_events")


def rows(short: bool) -> Iterator[Row]:
    """All lines of each, with docstrings and what is empty."""
    for name in NAMES:
        modules = [
            each
            for each in files(f"earmark_plugins.{name}").iterdir()
            if each.name.endswith(".py")
        ]
        lines = sum(len(each.read_text("utf-8").splitlines()) for each in modules)
        yield Row(f"{name}: lines of the plugin", lines, "", 40)
