"""Which of the jobs that wait may run next, and which of them together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from earmark.core.clips import Source, Span
from earmark.core.project import Project
from earmark.core.tasks import AudioInput, Job, JobState
from earmark.engine.waiting import SHORT_S, TOGETHER, TOGETHER_S, Waiting

RATE = 100


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project.create(tmp_path / "Jobs")
    yield made
    made.close()


def add(
    project: Project, task: str, *lengths_s: float | None, batch: int | None = None
) -> list[int]:
    """Store jobs of a task, each of so many seconds of audio."""
    source = Source("0" * 32, Path("/none.wav"), RATE, 1, 10**6)

    def audio(length_s: float | None) -> AudioInput | None:
        if length_s is None:
            return None
        frames = round(length_s * RATE)
        spans = (Span(source.id, 0, frames),)
        return AudioInput(1, "none", RATE, 1, spans, (source,), 0, frames)

    return project.add_jobs(
        [Job(0, task, {}, None, audio(length), batch=batch) for length in lengths_s]
    )


def waiting_from_now_on(project: Project, jobs: list[int]) -> Waiting:
    """What waits, with jobs that were added after the project was opened."""
    waiting = Waiting(project)
    waiting.take(jobs)
    known = {job.id: job for job in project.waiting_jobs()}
    waiting.add(known[job] for job in jobs)
    return waiting


def test_the_first_job_of_each_free_task_is_next(project: Project) -> None:
    first, second = add(project, "a", 1, 1)
    (other,) = add(project, "b", 1)
    waiting = waiting_from_now_on(project, [first, second, other])

    assert waiting.firsts(()) == {"a": first, "b": other}
    assert waiting.firsts({"a"}) == {"b": other}
    assert waiting.take([first, 99]) == [first]
    assert first not in waiting
    assert waiting.firsts(()) == {"a": second, "b": other}
    waiting.take([second])
    assert waiting.firsts(()) == {"b": other}


def test_what_waited_when_the_project_was_opened_is_held(project: Project) -> None:
    (held,) = add(project, "a", 1)
    waiting = Waiting(project)
    (new,) = add(project, "a", 1)
    waiting.read()

    assert held in waiting
    assert waiting.firsts(()) == {"a": new}
    waiting.let_go()
    assert waiting.firsts(()) == {"a": held}


def test_the_order_is_that_of_the_rows(project: Project) -> None:
    first, second = add(project, "a", 1, 1)
    waiting = waiting_from_now_on(project, [first, second])
    project.move_job(first, None)
    waiting.read()
    assert waiting.firsts(()) == {"a": second}
    project.update_jobs([second], state=JobState.CANCELLED)
    waiting.read()
    assert second not in waiting


def test_short_inputs_of_a_batch_run_together_up_to_a_number(project: Project) -> None:
    jobs = add(project, "a", *[1.0] * (TOGETHER + 3), batch=1)
    others = add(project, "a", 1, 1, batch=2)
    waiting = waiting_from_now_on(project, jobs + others)
    assert waiting.together(jobs[0]) == jobs[:TOGETHER]
    waiting.take(jobs)
    assert waiting.together(others[0]) == others


def test_not_more_runs_together_than_so_many_seconds(project: Project) -> None:
    fits = int(TOGETHER_S // SHORT_S)
    jobs = add(project, "a", *[SHORT_S] * (fits + 2), batch=1)
    waiting = waiting_from_now_on(project, jobs)
    assert waiting.together(jobs[0]) == jobs[:fits]


def test_what_is_long_or_in_no_batch_runs_by_itself(project: Project) -> None:
    (long, *short) = add(project, "a", SHORT_S + 1, 1, 1, batch=1)
    (single,) = add(project, "b", 1)
    (spoken,) = add(project, "c", None, batch=2)
    waiting = waiting_from_now_on(project, [long, *short, single, spoken])
    assert waiting.together(long) == [long]
    assert waiting.together(single) == [single]
    assert waiting.together(spoken) == [spoken]
    waiting.take([long])
    assert waiting.together(short[0]) == short


def test_what_ended_an_engine_runs_alone(project: Project) -> None:
    first, blamed, third = add(project, "a", 1, 1, 1, batch=1)
    waiting = waiting_from_now_on(project, [first, blamed, third])
    waiting.keep_apart(blamed)
    assert waiting.together(first) == [first, third]
    waiting.take([first, third])
    assert waiting.together(blamed) == [blamed]
