"""A project with one clip of two sources, and what to make more of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from earmark.core.clips import Clip, Source, Span
from earmark.core.project import Project, hash_file

RATE = 8000
FRAMES = 1000


@pytest.fixture
def make_source(tmp_path: Path) -> Callable[..., Source]:
    """Write a file and give it as a source; the core never looks into it."""

    def make(name: str = "sea.wav", folder: Path | None = None) -> Source:
        path = (folder or tmp_path) / name
        path.write_bytes(f"the sound of {name}".encode())
        return Source(hash_file(path), path, RATE, 1, FRAMES)

    return make


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A new, empty project."""
    project = Project.create(tmp_path / "Birds")
    yield project
    project.close()


@pytest.fixture
def clip(project: Project, make_source: Callable[..., Source]) -> Clip:
    """A clip of 1000 frames of one source, in `project`."""
    source = make_source()
    with project.edit("Import") as edit:
        edit.add_source(source)
        clip = edit.add_clip("sea", RATE, 1, (Span(source.id, 0, FRAMES),))
    return project.clip(clip)


@pytest.fixture
def track(project: Project, clip: Clip) -> int:
    """A label track of `clip`."""
    with project.edit("Add a track") as edit:
        return edit.add_track(clip.id, "Calls")
