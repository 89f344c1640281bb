"""Jobs that are given together, and the one step of the history they make."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import apsw
import pytest

from earmark.core import schema, storage
from earmark.core.clips import Clip
from earmark.core.project import Project
from earmark.core.tasks import AudioInput, Example, Job, JobState, Prediction


def audio_of(project: Project, clip: Clip) -> AudioInput:
    return AudioInput(
        clip=clip.id,
        name=clip.name,
        rate=clip.rate,
        channels=1,
        spans=clip.spans,
        sources=tuple(project.sources()),
        start=0,
        stop=clip.frames,
    )


@pytest.fixture
def batch(project: Project) -> int:
    return project.new_batch()


@pytest.fixture
def jobs(project: Project, clip: Clip, batch: int) -> list[int]:
    """Six jobs of one batch, each of which heard a dog."""
    audio = audio_of(project, clip)
    job = Job(0, "audio-events", {}, None, audio, batch=batch)
    jobs = project.add_jobs([job] * 6)
    project.add_results_of(
        {job: [Prediction("events", at, at + 50, "dog")] for at, job in enumerate(jobs)}
    )
    return jobs


def test_a_batch_is_known_by_a_number_of_its_own(project: Project, clip: Clip) -> None:
    first, second = project.new_batch(), project.new_batch()
    assert first != second
    audio = audio_of(project, clip)
    job = project.add_job(Job(0, "a", {}, None, audio, batch=second))
    project.add_job(Job(0, "a", {}, None, audio))
    assert project.job(job).batch == second
    assert project.unfinished_of_batch(second)
    assert not project.unfinished_of_batch(first)
    project.update_jobs([job], state=JobState.DONE)
    assert not project.unfinished_of_batch(second)


def test_accepting_a_batch_bit_by_bit_is_one_step(
    project: Project, clip: Clip, jobs: list[int], batch: int
) -> None:
    before = len(project.history())
    for job in jobs:
        project.accept_batch([job], "Events", batch)
    assert len(project.tracks(clip.id)) == 6
    *_, step = project.history()
    assert len(project.history()) == before + 1
    assert step.title == project.undo_title == "Events (6 clips)"
    change = project.undo()
    assert change is not None
    assert len(change.rows["labels"]) == len(change.tracks) == 6
    assert project.tracks(clip.id) == []
    assert project.redo_title == "Events (6 clips)"
    project.redo()
    assert len(project.tracks(clip.id)) == 6
    assert not project.can_redo


def test_several_jobs_are_accepted_at_once(
    project: Project, clip: Clip, jobs: list[int], batch: int
) -> None:
    accepted = project.accept_batch(jobs, "Events", batch)
    assert [project.track(track).job for track in accepted.tracks] == jobs
    assert {project.job_state(job) for job in jobs} == {JobState.DONE}


def test_an_edit_between_makes_two_steps_of_a_batch(
    project: Project, clip: Clip, jobs: list[int], batch: int
) -> None:
    before = len(project.history())
    project.accept_batch(jobs[:2], "Events", batch)
    with project.edit("Rename") as edit:
        edit.update_clip(clip.id, name="shore")
    project.accept_batch(jobs[2:], "Events", batch)
    assert len(project.history()) == before + 3
    project.undo()
    assert (len(project.tracks(clip.id)), project.clip(clip.id).name) == (2, "shore")
    project.undo()
    project.undo()
    assert project.tracks(clip.id) == []


def test_what_comes_after_an_undo_is_a_step_without_what_was_undone(
    project: Project, clip: Clip, jobs: list[int], batch: int
) -> None:
    project.accept_batch(jobs[:3], "Events", batch)
    project.undo()
    project.accept_batch(jobs[3:], "Events", batch)
    assert len(project.tracks(clip.id)) == 3
    project.undo()
    assert project.tracks(clip.id) == []


def test_going_back_takes_whole_steps(
    project: Project, clip: Clip, jobs: list[int], batch: int
) -> None:
    start = project.history()[-1].id
    for job in jobs:
        project.accept_batch([job], "Events", batch)
    end = project.history()[-1].id
    project.go_to(start)
    assert project.tracks(clip.id) == []
    project.go_to(end)
    assert len(project.tracks(clip.id)) == 6


def test_a_step_leaves_the_history_whole(tmp_path: Path) -> None:
    with closing(Project.create(tmp_path / "Small", history_bytes=2000)) as project:
        batch = project.new_batch()
        for number in range(8):
            with project.edit("Words", batch=batch) as edit:
                edit.set_word(f"word {number}", "#000000")
        assert [step.title for step in project.history()] == ["Words"]
        for number in range(40):
            with project.edit("More") as edit:
                edit.set_word(f"more {number}", "#000000")
        assert {step.title for step in project.history()} == {"More"}
        while project.undo():
            pass
        assert len(project.vocabulary()) >= 8


def test_examples_of_a_job_move_with_the_project(
    project: Project, clip: Clip, tmp_path: Path
) -> None:
    project.collect()
    audio = audio_of(project, clip)
    given = Job(0, "who", {}, None, audio, examples=(Example("Ann", audio),))
    job = project.add_job(given)
    assert project.job(job).examples == given.examples
    project.save_as(tmp_path / "Elsewhere")
    (example,) = project.job(job).examples
    assert example.audio.sources[0].path.is_relative_to(project.folder)
    assert example.audio.sources[0].path.is_file()


def test_a_project_of_the_first_version_keeps_what_it_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "Old.earmark"
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        storage.make(folder)
    with closing(apsw.Connection(str(folder / storage.DATABASE))) as old:
        old.execute("INSERT INTO vocabulary VALUES (1, 'owl', '#000000', '')")
    with closing(Project.open(folder)) as project:
        with project.edit("Keep a list") as edit:
            edit.set_list("keywords", "birds", "owl\nwren")
        assert [word.name for word in project.vocabulary()] == ["owl"]
        assert [kept.text for kept in project.lists("keywords")] == ["owl\nwren"]
