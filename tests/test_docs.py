"""The documents say what the code does."""

from __future__ import annotations

import re

import pytest
from conftest import REPOSITORY

from earmark.cli import COMMANDS
from earmark.core import hookspecs

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_the_plugin_of_the_readme_is_the_one_that_is_tested() -> None:
    plugin = REPOSITORY / "tests" / "third_party_plugin" / "earmark_silence.py"
    assert plugin.read_text(encoding="utf-8").rstrip() in README


@pytest.mark.parametrize(
    "hook", [name for name in vars(hookspecs) if re.match("(register|make)_", name)]
)
def test_every_hook_is_documented(hook: str) -> None:
    assert f"`{hook}`" in README
    said = getattr(hookspecs, hook).__doc__
    assert "Called" in said, "a hook says when it is called"
    assert "thread" in said, "a hook says on which thread it is called"


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"earmark {command}" in README or f"bootstrap.py {command}" in README


def test_the_pictures_of_the_readme_are_there() -> None:
    for picture in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (REPOSITORY / picture).is_file(), picture
