"""Jobs and their results, and what accepting them makes of a project."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from earmark.core.clips import Clip, Source, Span
from earmark.core.errors import EarmarkError
from earmark.core.jobs import WaitingJob
from earmark.core.labels import Label
from earmark.core.project import Project, ProjectCorrupt, hash_file
from earmark.core.tasks import (
    AudioFile,
    AudioInput,
    Job,
    JobState,
    ModelRef,
    Prediction,
    Text,
    Usage,
)


@pytest.fixture
def job(project: Project, clip: Clip) -> Job:
    """A job over all of `clip`, stored."""
    sources = tuple(project.sources())
    audio = AudioInput(
        clip.id, clip.name, clip.rate, 1, clip.spans, sources, 0, clip.frames
    )
    model = ModelRef("tiny", "ctranslate2", Path("/models/tiny"), "abc", "Tiny")
    key = project.add_job(
        Job(0, "speech-recognition", {"language": "de"}, model, audio)
    )
    return project.job(key)


def words(*starts: int) -> list[Prediction]:
    """A word of 10 frames at each of some frames."""
    return [
        Prediction("words", at, at + 10, f"w{at}", "words", score=0.5) for at in starts
    ]


def test_a_job_is_read_back_as_it_was_stored(project: Project, job: Job) -> None:
    assert job.params == {"language": "de"}
    assert job.input is not None
    assert job.input.sources == tuple(project.sources())
    changed = project.update_job(
        job.id,
        state=JobState.DONE,
        usage=Usage("cpu", "int8", 12.5),
        resume_frame=77,
        error="",
    )
    assert changed.usage.audio_s == 12.5
    assert changed.model == job.model
    project.close()
    reopened = Project.open(project.folder)
    assert reopened.job(job.id) == changed
    reopened.close()


def test_a_job_on_text_is_read_back_as_it_was_stored(project: Project) -> None:
    given = Job(0, "text-to-speech", {"text": "ä\n", "speed": 1.5}, None, None)
    key = project.add_job(given)
    assert project.jobs() == [
        Job(key, "text-to-speech", {"text": "ä\n", "speed": 1.5}, None, None)
    ]
    with pytest.raises(TypeError, match="no colour"):
        project.update_job(key, colour="red")


def test_a_source_with_any_file_name_can_be_worked_on(
    project: Project, tmp_path: Path
) -> None:
    source = Source("a" * 32, tmp_path / os.fsdecode(b"caf\xe9.wav"), 8000, 1, 10)
    audio = AudioInput(0, "café", 8000, 1, (Span("a" * 32, 0, 10),), (source,), 0, 10)
    key = project.add_job(Job(0, "task", {}, None, audio))
    assert project.job(key).input == audio


def test_jobs_that_share_most_are_read_back_as_they_were_stored(
    project: Project, job: Job
) -> None:
    given = [
        replace(job, id=0),
        replace(job, id=0, model=None, input=None, batch=7),
        replace(job, id=0, resume_frame=7, error="None", traceback=""),
    ]
    keys = project.add_jobs(given)
    assert keys == [job.id + 1, job.id + 2, job.id + 3]
    assert project.jobs_by_id([*keys, 99]) == {
        key: replace(one, id=key) for key, one in zip(keys, given, strict=True)
    }
    assert project.add_jobs([]) == []
    assert project.job_ids() == [job.id, *keys]


def test_what_waits_is_known_with_its_length(project: Project, job: Job) -> None:
    assert job.input is not None
    part = replace(job.input, start=400, stop=1000)
    keys = project.add_jobs(
        [replace(job, input=part, batch=3), replace(job, input=None)]
    )
    project.update_jobs([job.id], state=JobState.RUNNING)
    assert project.waiting_jobs() == [
        WaitingJob(keys[0], job.task, 3, 600 / job.input.rate),
        WaitingJob(keys[1], job.task, None, None),
    ]


def test_a_job_whose_input_is_damaged_is_found_out_when_it_is_read(
    project: Project, job: Job
) -> None:
    project._database.run("UPDATE jobs SET input = '{'")
    assert project.waiting_jobs() == [WaitingJob(job.id, job.task, None, None)]
    with pytest.raises(ProjectCorrupt):
        project.job(job.id)


def test_what_jobs_took_is_stored_with_what_they_found(
    project: Project, job: Job
) -> None:
    project.add_results(job.id, words(0))
    usage = Usage("cpu", "int8", 1.0)
    project.accept_batch([job.id], "Speech", usages={job.id: usage})
    accepted = project.job(job.id)
    assert (accepted.state, accepted.usage) == (JobState.DONE, usage)
    with pytest.raises(EarmarkError, match="not there any more"):
        project.accept_batch([job.id, 99], "Speech")


def test_the_queue_keeps_its_order(project: Project) -> None:
    keys = [project.add_job(Job(0, name, {}, None, None)) for name in "abc"]
    project.move_job(keys[2], keys[0])
    assert [job.task for job in project.jobs()] == ["c", "a", "b"]
    project.move_job(keys[2], None)
    assert [job.task for job in project.jobs()] == ["a", "b", "c"]
    project.move_job(keys[0], keys[0])
    with pytest.raises(EarmarkError, match="not there any more"):
        project.move_job(keys[0], 99)
    assert [job.task for job in project.jobs()] == ["a", "b", "c"]
    project.remove_jobs(keys[0])
    assert project.add_job(Job(0, "d", {}, None, None)) > keys[2]
    assert [job.task for job in project.jobs()] == ["b", "c", "d"]


def test_jobs_that_ran_when_the_program_ended_are_interrupted(
    project: Project,
) -> None:
    states = [JobState.RUNNING, JobState.WAITING, JobState.DONE]
    for state in states:
        project.add_job(Job(0, "task", {}, None, None, state))
    project.close()
    reopened = Project.open(project.folder)
    assert [job.state for job in reopened.jobs()] == [
        JobState.INTERRUPTED,
        JobState.WAITING,
        JobState.DONE,
    ]
    reopened.close()


def test_trials_are_gone_when_the_project_is_opened_again(
    project: Project, job: Job
) -> None:
    trials = project.add_jobs([replace(job, trial=True)] * 3)
    assert project.job(trials[0]).trial
    project.update_jobs(trials[:1], state=JobState.RUNNING)
    project.update_jobs(trials[1:2], state=JobState.FAILED)
    file = spoken(project, "trial-job2.wav")
    project.add_results(trials[0], [file])
    project.close()
    with closing(Project.open(project.folder)) as reopened:
        assert [kept.id for kept in reopened.jobs(removed=True)] == [job.id]
        assert reopened.results(trials[0]) == []
        assert not file.path.exists()


def test_jobs_and_results_are_not_part_of_the_history(
    project: Project, job: Job
) -> None:
    project.add_results(job.id, [*words(0), Text("transcript", "w0")])
    project.undo()
    assert project.results(job.id) == [*words(0), Text("transcript", "w0")]
    project.clear_results(job.id)
    assert project.results(job.id) == []
    assert project.job(job.id) == job


def test_accepted_predictions_become_a_track_for_each_tier(
    project: Project, clip: Clip, job: Job
) -> None:
    segment = Prediction("", 0, 400, "all of it", "segments", 50.0, 900.0, 0, 0.9, "A")
    project.add_results(
        job.id, [segment, *words(10, 30), Text("transcript", "all", {"n": 2})]
    )
    accepted = project.accept_results(job.id, "Speech recognition")
    assert project.job(job.id).state == JobState.DONE
    tracks = project.tracks(clip.id)
    assert accepted.tracks == tuple(track.id for track in tracks)
    assert [(track.name, track.kind, track.job) for track in tracks] == [
        ("Speech recognition", "segments", job.id),
        ("words", "words", job.id),
    ]
    (label,) = project.labels(tracks[0].id)
    assert label == Label(
        label.id,
        tracks[0].id,
        0,
        400,
        "all of it",
        50.0,
        900.0,
        0,
        0.9,
        "A",
        "predicted",
        job.id,
    )
    stored = project.text(job.id, "transcript")
    assert stored is not None
    assert (stored.text, stored.data, stored.clip) == ("all", {"n": 2}, clip.id)
    assert project.texts(clip.id) == [stored]
    assert project.undo_title == "Speech recognition"
    project.undo()
    assert project.tracks(clip.id) == []
    assert project.texts(clip.id) == []
    project.redo()
    assert project.label_count(tracks[1].id) == 2


def test_predictions_land_where_their_audio_is_now(
    project: Project, clip: Clip, job: Job
) -> None:
    project.add_results(job.id, words(10, 100, 195, 300, 900))
    with project.edit("Edit meanwhile") as edit:
        edit.delete(clip.id, 90, 200)
        cut = edit.cut(clip.id, 780, 890)
        edit.paste(clip.id, 0, cut)
        edit.gain(clip.id, 0, 200, -3.0)
    (track,) = project.accept_results(job.id, "Speech recognition").tracks
    assert [
        (label.text, label.start, label.stop) for label in project.labels(track)
    ] == [
        ("w900", 10, 20),
        ("w10", 120, 130),
        ("w195", 200, 205),
        ("w300", 300, 310),
    ]


def test_predictions_for_a_clip_that_was_removed_are_refused(
    project: Project, clip: Clip, job: Job
) -> None:
    project.add_results(job.id, words(10))
    with project.edit("Remove") as edit:
        edit.remove_clip(clip.id)
    with pytest.raises(EarmarkError, match="not there"):
        project.accept_results(job.id, "Speech recognition")
    assert project.undo_title == "Remove"
    project.undo()
    assert project.accept_results(job.id, "Speech recognition").tracks


def test_labels_that_no_audio_can_have_are_refused(project: Project, job: Job) -> None:
    project.add_results(job.id, [Prediction("", 990, 1001, "too far")])
    with pytest.raises(EarmarkError, match="from frame 990 to 1001 of 1000"):
        project.accept_results(job.id, "Speech recognition")
    key = project.add_job(Job(0, "text-to-speech", {}, None, None))
    project.add_results(key, words(0))
    with pytest.raises(EarmarkError, match="had no audio"):
        project.accept_results(key, "Text to speech")


def spoken(project: Project, name: str = "speech.wav") -> AudioFile:
    """A file as a runner leaves it in the project."""
    path = project.audio_folder / name
    path.write_bytes(b"spoken " + name.encode())
    return AudioFile(path, 22050, 1, 500, "Hello", {"wer": 0.25})


def test_accepted_audio_becomes_a_clip_and_a_take(project: Project) -> None:
    key = project.add_job(Job(0, "text-to-speech", {"text": "Hello"}, None, None))
    file = spoken(project)
    project.add_results(key, [file])
    accepted = project.accept_results(key, "Text to speech")
    (clip,) = project.clips()
    (take,) = project.takes()
    (source,) = project.sources()
    assert accepted.clips == (clip.id,)
    assert accepted.takes == (take.id,)
    assert (clip.name, clip.rate, clip.frames) == ("Hello", 22050, 500)
    assert (source.origin, source.job, source.path) == ("generated", key, file.path)
    assert source.id == hash_file(file.path)
    assert (take.source, take.clip, take.job) == (source.id, clip.id, key)
    assert project.take(take.id).scores == {"wer": 0.25}
    project.undo()
    assert (project.clips(), project.takes(), project.sources()) == ([], [], [])


def test_generated_audio_that_nothing_leads_to_is_removed(project: Project) -> None:
    names = {
        kept: spoken(project, f"{kept}-job{number}.wav")
        for number, kept in enumerate(("taken", "undone", "found", "asked", "lost"), 1)
    }
    for kept in ("recording.wav", "sea-job.wav", "x-job7.wav.bak"):
        spoken(project, kept)
    for kept in ("taken", "undone"):
        key = project.add_job(Job(0, "text-to-speech", {}, None, None))
        project.add_results(key, [names[kept]])
        project.accept_results(key, "Text to speech")
        project.remove_jobs(key)
    project.undo()
    found = project.add_job(Job(0, "text-to-speech", {}, None, None))
    project.add_results(found, [names["found"]])
    source = Source("c" * 32, names["asked"].path, 22050, 1, 500)
    audio = AudioInput(1, "Hello", 22050, 1, (), (source,), 0, 500)
    project.add_job(Job(0, "take-check", {}, None, audio))

    def there() -> set[str]:
        project.close()
        reopened = Project.open(project.folder)
        reopened.close()
        return {path.name.partition("-")[0] for path in project.audio_folder.iterdir()}

    others = {"recording.wav", "sea", "x"}
    assert there() == {"taken", "undone", "found", "asked"} | others
    with closing(Project.open(project.folder)) as again:
        with again.edit("Go on") as edit:  # what was undone cannot be redone any more
            edit.set_word("bird", "#000000")
        again.remove_jobs(found)
    assert there() == {"taken", "asked"} | others


def test_nothing_is_removed_that_a_damaged_history_may_mean(project: Project) -> None:
    path = spoken(project, "lost-job1.wav").path
    with project.edit("Word") as edit:
        edit.set_word("bird", "#000000")
    project._database.run("UPDATE history SET packed = 1, changeset = x'0011'")
    project.close()
    Project.open(project.folder).close()
    assert path.exists()


def test_opening_to_read_removes_nothing(project: Project) -> None:
    path = spoken(project, "lost-job1.wav").path
    project.close()
    Project.open(project.folder, read_only=True).close()
    assert path.exists()


def test_audio_of_takes_goes_once_they_cannot_be_brought_back(
    project: Project,
) -> None:
    file = spoken(project, "speech-job1.wav")
    key = project.add_job(Job(0, "text-to-speech", {}, None, None))
    project.add_results(key, [file])
    project.accept_results(key, "Text to speech")
    project.undo()
    project.close()

    with closing(Project.open(project.folder)) as reopened:
        assert file.path.exists()
        reopened.redo()
        assert [source.path for source in reopened.sources()] == [file.path]
        reopened.undo()
        with reopened.edit("Add word") as edit:
            edit.set_word("dog", "#ff0000")
    with closing(Project.open(project.folder)) as reopened:
        assert not file.path.exists()
        assert [job.id for job in reopened.jobs()] == [key]


def test_the_outcome_of_a_check_is_kept_on_its_take(project: Project) -> None:
    key = project.add_job(Job(0, "text-to-speech", {"text": "Hello"}, None, None))
    for name in ("first.wav", "second.wav"):
        project.add_results(key, [spoken(project, name)])
    first, second = project.accept_results(key, "Text to speech").clips
    clip = project.clip(second)
    audio = AudioInput(clip.id, "Hello", clip.rate, 1, clip.spans, (), 0, clip.frames)
    check = project.add_job(Job(0, "take-check", {"text": "Hello"}, None, audio))
    project.add_results(check, [Text("check", "1 of 1 words differ", {"wer": 1.0})])

    project.accept_results(check, "Check a take")

    outcomes = {take.clip: take.check for take in project.takes()}
    assert outcomes == {first: {}, second: {"summary": "1 of 1 words differ", "wer": 1}}
    project.undo()
    assert [take.check for take in project.takes()] == [{}, {}]
    project.redo()
    assert project.takes()[1].check["wer"] == 1


def test_the_same_audio_twice_is_one_source_with_two_takes(project: Project) -> None:
    file = spoken(project)
    for _ in range(2):
        key = project.add_job(Job(0, "text-to-speech", {}, None, None))
        project.add_results(key, [file])
        project.accept_results(key, "Text to speech")
    assert len(project.sources()) == 1
    assert len(project.takes()) == len(project.clips()) == 2


def test_audio_that_is_missing_is_refused(project: Project) -> None:
    key = project.add_job(Job(0, "text-to-speech", {}, None, None))
    file = spoken(project)
    project.add_results(key, [file])
    file.path.unlink()
    with pytest.raises(EarmarkError, match=r"speech\.wav cannot be read"):
        project.accept_results(key, "Text to speech")
    assert project.history() == []


def test_removing_an_accepted_job_keeps_what_made_the_labels(
    project: Project, job: Job
) -> None:
    project.add_results(job.id, words(10))
    project.accept_results(job.id, "Speech recognition")
    project.remove_jobs(job.id)
    assert project.jobs() == []
    assert project.results(job.id) == []
    assert project.job(job.id) == replace(job, state=JobState.DONE)
    other = project.add_job(Job(0, "task", {}, None, None))
    project.remove_jobs(other)
    with pytest.raises(EarmarkError, match="not there"):
        project.job(other)


def test_results_move_with_the_project(
    project: Project, make_source: Callable[..., Source], tmp_path: Path
) -> None:
    file = spoken(project)
    inside = make_source("inside.wav", project.audio_folder)
    audio = AudioInput(0, "x", 8000, 1, (), (inside,), 0, 0)
    key = project.add_job(Job(0, "task", {}, None, audio))
    project.add_results(key, [file])
    project.save_as(tmp_path / "elsewhere" / "Copy")
    (moved,) = project.results(key)
    assert isinstance(moved, AudioFile)
    assert moved.path == project.audio_folder / "speech.wav"
    assert moved.path.is_file()
    found = project.job(key).input
    assert found is not None
    assert found.sources[0].path == project.audio_folder / "inside.wav"


def test_results_are_replaced_as_a_whole_or_not_at_all(
    project: Project, job: Job
) -> None:
    project.add_results(job.id, words(10))
    with pytest.raises(KeyError):
        project.replace_results(job.id, [*words(2), "no result"])  # type: ignore[list-item]  # on purpose
    assert project.results(job.id) == words(10)
    project.replace_results(job.id, words(2))
    assert project.results(job.id) == words(2)
