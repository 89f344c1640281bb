"""A project that another thread reads and edits through a connection of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from earmark.core.clips import Clip
from earmark.core.errors import EarmarkError
from earmark.core.labels import Label
from earmark.core.project import Change, Project


def add_labels(project: Project, track: int, count: int) -> list[Change]:
    """Add labels beside a project, on another thread; gives what was told there."""
    other = project.beside()
    told: list[Change] = []

    def work() -> None:
        with closing(other):
            other.subscribe(told.append)
            with other.edit("Import labels") as edit:
                edit.add_labels(Label(0, track, n, n + 1) for n in range(count))

    with ThreadPoolExecutor(1) as threads:
        threads.submit(work).result()
    return told


def test_an_edit_beside_is_a_step_of_the_same_history(
    project: Project, track: int
) -> None:
    told: list[Change] = []
    project.subscribe(told.append)
    assert len(project.label_arrays(track).ids) == 0

    (change,) = add_labels(project, track, 500)
    assert not told
    project.take_in(change)

    assert told == [change]
    assert change.tracks == {track}
    assert len(project.label_arrays(track).ids) == 500
    assert project.undo_title == "Import labels"
    project.undo()
    assert project.label_count(track) == 0
    project.redo()
    assert project.label_count(track) == 500


def test_what_fails_beside_leaves_nothing(project: Project, track: int) -> None:
    other = project.beside()
    before = project.history()

    with closing(other), pytest.raises(EarmarkError), other.edit("Import") as edit:
        edit.add_labels([Label(0, track, 0, 5)])
        edit.add_labels([Label(0, track, 9, 5)])

    assert project.label_count(track) == 0
    assert project.history() == before


def test_it_stays_open_and_locked_when_what_was_beside_is_closed(
    project: Project, clip: Clip
) -> None:
    project.beside().close()

    with project.edit("Rename") as edit:
        edit.update_clip(clip.id, name="ocean")
    with pytest.raises(EarmarkError, match="open in another"):
        Project.open(project.folder)


def test_a_salvaged_project_is_read_beside_too(
    project: Project, clip: Clip, tmp_path: Path
) -> None:
    project.save_as(tmp_path / "Copy")
    with closing(Project.salvage(project.folder)) as salvaged:
        other = salvaged.beside()
        with closing(other):
            assert other.clips() == [clip]
            with pytest.raises(EarmarkError, match="read-only"), other.edit("Edit"):
                pass
