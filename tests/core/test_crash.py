"""Killing the process at any moment loses nothing that was committed."""

from __future__ import annotations

import random
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from earmark.core.clips import silent_spans
from earmark.core.project import Project
from earmark.core.tasks import Job, Prediction

WORK = """
import sys
from pathlib import Path
from earmark.core.labels import Label
from earmark.core.project import Project
from earmark.core.tasks import Prediction

project = Project.open(Path(sys.argv[1]))
(clip,) = project.clips()
(track,) = project.tracks(clip.id)
(job,) = project.jobs()
number = int(project.clip(clip.id).name)
while True:
    number += 1
    with project.edit(f"Edit {number}") as edit:
        edit.update_clip(clip.id, name=str(number))
        edit.add_labels(Label(0, track.id, 500, 501, str(number)) for _ in range(20))
        edit.shift_labels(track.id, 1 if number % 2 else -1)
    if number % 3 == 0:
        project.undo()
        project.redo()
    project.add_results(job.id, [Prediction("", 0, 1, str(number))])
    print(number, flush=True)
"""


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_process_leaves_every_committed_edit_whole(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    project = Project.create(tmp_path / "Work")
    with project.edit("Begin") as edit:
        clip = edit.add_clip("0", 8000, 1, silent_spans(1000))
        track = edit.add_track(clip, "Labels")
    job = project.add_job(Job(0, "task", {}, None, None))
    project.close()
    for _ in range(5):
        reported = _run_and_kill(project.folder, after=chance.randrange(1, 40))
        with closing(Project.open(project.folder)) as found:
            number = int(found.clip(clip).name)
            undone = found.redo_title is not None
            assert number + undone >= reported
            assert found.label_count(track) == 20 * number
            texts = {label.text for label in found.labels(track)}
            assert texts == {str(n) for n in range(1, number + 1)}
            last = found.results(job)[-1]
            assert isinstance(last, Prediction)
            assert int(last.text) >= reported
            if undone:
                found.redo()
            newest = int(found.clip(clip).name)
            assert found.undo_title == f"Edit {newest}"
            found.undo()
            assert found.label_count(track) == 20 * (newest - 1)
            found.redo()


def _run_and_kill(folder: Path, *, after: int) -> int:
    """The last number reported by a process that is killed after so many."""
    last = 0
    with subprocess.Popen(
        [sys.executable, "-c", WORK, str(folder)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for _ in range(after):
            last = int(process.stdout.readline())
        process.kill()
        for line in process.stdout:
            if line.endswith("\n"):
                last = int(line)
    return last
