"""What the engine may say at an awkward moment, said by a scripted one."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from engine.host import RunnerPlugin

from earmark.core.clips import Source, Span
from earmark.core.errors import EarmarkError
from earmark.core.plugins import Plugins
from earmark.core.project import Project
from earmark.core.tasks import (
    AudioFile,
    AudioInput,
    JobState,
    ModelRef,
    Prediction,
    Text,
    Usage,
)
from earmark.engine import protocol
from earmark.engine.client import ExitReason
from earmark.engine.queue import JobEvent, JobQueue
from earmark.settings import Settings

SEGMENT = Prediction("s", 0, 100, "one", kind="segments")
LONG = Prediction("s", 100, 200, "two" * 100_000, kind="segments")


class ScriptedEngine:
    """Takes what the queue says, and says what the test wants."""

    def __init__(
        self,
        on_message: Callable[[protocol.FromEngine], None],
        on_exit: Callable[[ExitReason], None],
    ) -> None:
        self.say = on_message
        self.exit = on_exit
        self.runs: list[protocol.Run] = []
        self.cancelled: list[int] = []

    def run(self, run: protocol.Run) -> None:
        self.runs.append(run)

    def cancel(self, job: int) -> None:
        self.cancelled.append(job)

    def kill(self) -> None:
        """The test speaks for it."""

    def close(self) -> None:
        """The test speaks for it."""


class Scene:
    """A queue over a scripted engine."""

    def __init__(self, folder: Path) -> None:
        self.posted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.engines: list[ScriptedEngine] = []
        plugins = Plugins()
        plugins.register(RunnerPlugin(), "runners")
        self.project = Project.create(folder)
        source = Source("0" * 32, folder / "gone.wav", 100, 1, 1000)
        spans = (Span(source.id, 0, 1000),)
        with self.project.edit("Import") as edit:
            edit.add_source(source)
            clip = edit.add_clip("gone", 100, 1, spans)
        self.audio = AudioInput(clip, "gone", 100, 1, spans, (source,), 0, 1000)

        def engine(**callbacks: Any) -> ScriptedEngine:
            self.engines.append(ScriptedEngine(**callbacks))
            return self.engines[-1]

        self.queue = JobQueue(
            self.project, plugins, engine, post=self.posted.put, settings=Settings
        )

    @property
    def engine(self) -> ScriptedEngine:
        return self.engines[-1]

    def submit(self, task: str = "segments") -> int:
        return self.queue.submit(task, {}, input=self.audio)

    def submit_batch(self, count: int) -> list[int]:
        """Jobs that the engine is given together."""
        return self.queue.submit_batch("alone", {}, [self.audio] * count)

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Meanwhile the database may not grow."""
        database = self.project._database.connection
        database.pragma("max_page_count", database.pragma("page_count"))
        yield
        database.pragma("max_page_count", 1 << 30)

    def labels(self) -> list[str]:
        """What the clip is labelled."""
        tracks = self.project.tracks(self.audio.clip)
        return [x.text for track in tracks for x in self.project.labels(track.id)]

    def hear(self, *messages: protocol.FromEngine | ExitReason) -> None:
        """Let the engine say this, and handle it."""
        for message in messages:
            if isinstance(message, ExitReason):
                self.engine.exit(message)
            else:
                self.engine.say(message)
        while not self.posted.empty():
            self.posted.get()()

    def state(self, job: int) -> JobState:
        return self.project.job(job).state


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path / "Scene.earmark")
    yield made
    made.queue.close()
    made.project.close()


def gone(*jobs: int, asked: bool = False, was_ready: bool = True) -> ExitReason:
    return ExitReason("The engine is gone.", "tail", jobs, asked, was_ready)


def test_a_late_result_of_a_cancelled_job_never_lands(scene: Scene) -> None:
    job = scene.submit()
    scene.hear(protocol.Started(job), protocol.Results(job, (SEGMENT,)))
    scene.queue.cancel(job)
    scene.hear(
        protocol.Results(job, (Text("transcript", "late"),)),
        protocol.Done(job, Usage("cpu")),
    )
    assert scene.project.results(job) == [SEGMENT]
    assert scene.state(job) == JobState.CANCELLED
    assert scene.project.tracks(scene.audio.clip) == []
    assert scene.queue.idle


def test_the_next_job_of_a_task_waits_until_the_cancelled_one_has_stopped(
    scene: Scene,
) -> None:
    first, second = scene.submit(), scene.submit()
    scene.queue.cancel(first)
    assert scene.engine.cancelled == [first]
    assert [run.jobs[0].id for run in scene.engine.runs] == [first]
    scene.hear(protocol.Stopped(first, Usage(freed_mb=5.0, stop_s=0.5)))
    assert [run.jobs[0].id for run in scene.engine.runs] == [first, second]
    assert scene.project.job(first).usage.freed_mb == 5.0


def test_a_killed_job_keeps_what_it_had_said_of_its_device(scene: Scene) -> None:
    job = scene.submit()
    scene.hear(protocol.Started(job), protocol.Used(job, "cuda:0", "float16", ""))
    scene.queue.cancel(job)
    scene.hear(protocol.Stopped(job, Usage(freed_mb=900.0, stop_s=2.1)))
    usage = scene.project.job(job).usage
    assert (usage.device, usage.dtype) == ("cuda:0", "float16")
    assert (usage.freed_mb, usage.stop_s) == (900.0, 2.1)


def test_an_engine_that_ends_while_a_job_is_cancelled_frees_its_task(
    scene: Scene,
) -> None:
    first, second = scene.submit(), scene.submit()
    scene.queue.cancel(first)
    scene.hear(gone(first))
    assert scene.state(first) == JobState.CANCELLED
    assert scene.state(second) == JobState.RUNNING


def test_a_job_that_had_not_begun_is_not_to_blame_for_a_crash(scene: Scene) -> None:
    begun, waiting = scene.submit("segments"), scene.submit("nothing")
    scene.hear(protocol.Started(begun), gone(begun, waiting))
    assert scene.state(begun) == JobState.FAILED
    assert scene.project.job(begun).traceback == "tail"
    assert scene.state(waiting) == JobState.RUNNING
    assert [run.jobs[0].id for run in scene.engine.runs] == [begun, waiting, waiting]


def test_an_engine_that_never_comes_up_is_not_started_for_ever(scene: Scene) -> None:
    job = scene.submit()
    scene.hear(gone(job, was_ready=False))
    assert scene.state(job) == JobState.FAILED
    assert len(scene.engine.runs) == 1


def test_a_job_lost_to_the_cancel_of_another_goes_on_where_it_was(
    scene: Scene,
) -> None:
    job = scene.submit()
    word = Prediction("w", 90, 130, "beyond", kind="words")
    scene.hear(
        protocol.Started(job),
        protocol.Results(job, (SEGMENT, word, Text("language", "en"))),
        gone(job, asked=True),
    )
    again = scene.engine.runs[-1]
    assert (again.jobs[0].id, again.jobs[0].resume_frame) == (job, 100)
    # The word reaches into what is heard again.
    assert scene.project.results(job) == [SEGMENT, Text("language", "en")]
    assert again.told == (Text("language", "en"),)


def test_a_segment_that_ends_with_the_input_leaves_nothing_to_resume_at(
    scene: Scene,
) -> None:
    job = scene.submit()
    last = Prediction("s", 100, 1000, "two", kind="segments")
    scene.hear(protocol.Started(job), protocol.Results(job, (SEGMENT, last)), gone(job))
    scene.queue.resume(job)
    assert scene.engine.runs[-1].jobs[0].resume_frame == 100
    assert scene.project.results(job) == [SEGMENT]


def test_a_job_without_segments_is_resumed_from_its_start(scene: Scene) -> None:
    job = scene.submit()
    label = Prediction("", 0, 100, "bird")
    text = Text("language", "en")
    scene.hear(protocol.Started(job), protocol.Results(job, (label, text)), gone(job))
    scene.queue.resume(job)
    assert scene.engine.runs[-1].jobs[0].resume_frame is None
    assert scene.engine.runs[-1].told == ()
    assert scene.project.results(job) == []


def test_a_file_that_is_not_there_is_no_result(scene: Scene, tmp_path: Path) -> None:
    job = scene.submit()
    missing = AudioFile(tmp_path / "missing.wav", 8000, 1, 80, "a")
    scene.hear(protocol.Results(job, (missing,)), protocol.Done(job, Usage()))
    failed = scene.project.job(job)
    assert failed.state == JobState.FAILED
    assert "missing.wav" in failed.error
    assert scene.project.takes() == []


def test_labels_for_a_clip_that_was_removed_meanwhile_are_refused(
    scene: Scene,
) -> None:
    job = scene.submit()
    with scene.project.edit("Remove") as edit:
        edit.remove_clip(scene.audio.clip)
    scene.hear(protocol.Results(job, (SEGMENT,)), protocol.Done(job, Usage()))
    assert scene.state(job) == JobState.FAILED
    assert scene.project.results(job) == [SEGMENT]


def test_what_the_engine_of_another_project_says_is_not_heard(
    scene: Scene, tmp_path: Path
) -> None:
    job = scene.submit()
    old = scene.engine
    other = Project.create(tmp_path / "Other.earmark")
    scene.queue.set_project(other)
    assert scene.state(job) == JobState.INTERRUPTED
    old.say(protocol.Results(job, (SEGMENT,)))
    scene.hear()
    assert scene.project.results(job) == []
    scene.queue.set_project(scene.project)
    other.close()


def test_the_time_left_is_told_from_how_fast_it_went(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter((10.0, 13.0))
    monkeypatch.setattr("earmark.engine.events.time.monotonic", lambda: next(clock))
    job = scene.submit()
    scene.hear(protocol.Progressed(job, 0.25, "one"))
    assert scene.queue.progress(job).eta_s is None
    scene.hear(protocol.Progressed(job, 0.75, "two"))
    progress = scene.queue.progress(job)
    assert (progress.fraction, progress.message) == (0.75, "two")
    assert progress.eta_s == pytest.approx(1.5)


@pytest.mark.parametrize("fault", [ZeroDivisionError, EarmarkError])
def test_a_view_that_fails_does_not_hold_up_the_jobs(
    scene: Scene, fault: type[Exception]
) -> None:
    def view(change: object) -> None:
        raise fault("a view is broken")

    first, second = scene.submit(), scene.submit()
    unsubscribe = scene.project.subscribe(view)
    with pytest.raises(fault, match="a view is broken"):
        scene.hear(
            protocol.Started(first),
            protocol.Results(first, (SEGMENT,)),
            protocol.Done(first, Usage("cpu")),
        )
    unsubscribe()
    assert scene.state(first) == JobState.DONE
    assert len(scene.project.tracks(scene.audio.clip)) == 1
    assert scene.state(second) == JobState.RUNNING


def test_a_view_that_fails_does_not_hold_up_a_batch_with_a_bad_result(
    scene: Scene,
) -> None:
    def view(change: object) -> None:
        raise ZeroDivisionError("a view is broken")

    jobs = scene.submit_batch(3)
    beyond = Prediction("s", 0, 99_999, "beyond", kind="segments")
    scene.hear(*(protocol.Started(job) for job in jobs))
    for job, result in zip(jobs, [SEGMENT, SEGMENT, beyond], strict=True):
        scene.engine.say(protocol.Results(job, (result,)))
        scene.engine.say(protocol.Done(job, Usage("cpu")))
    scene.project.subscribe(view)
    with pytest.raises(ZeroDivisionError):
        scene.hear()
    scene.hear()
    done, failed = JobState.DONE, JobState.FAILED
    assert [scene.state(job) for job in jobs] == [done, done, failed]
    assert scene.queue.idle


def test_engines_that_end_before_a_job_has_begun_are_not_started_for_ever(
    scene: Scene,
) -> None:
    job = scene.submit()
    for _ in range(3):
        scene.hear(gone(job))
        assert scene.state(job) == JobState.RUNNING
    scene.hear(gone(job))
    assert scene.state(job) == JobState.FAILED


def test_many_jobs_are_told_of_at_once(scene: Scene) -> None:
    told: list[JobEvent] = []
    scene.queue.subscribe(told.append)
    jobs = tuple(scene.queue.submit_batch("alone", {}, [scene.audio] * 20))

    assert [(event.jobs, event.kind, event.state) for event in told] == [
        (jobs, "added", JobState.WAITING),
        (jobs, "state", JobState.RUNNING),
    ]
    told.clear()
    scene.hear(*(protocol.Done(job, Usage("cpu")) for job in jobs))
    done = [event for event in told if event.state == JobState.DONE]
    assert sum((event.jobs for event in done), ()) == jobs
    assert len(done) < len(jobs)
    assert {scene.project.job(job).usage.device for job in jobs} == {"cpu"}
    told.clear()
    scene.queue.cancel(*jobs)
    assert not told


@pytest.mark.parametrize(
    "end",
    [
        lambda job: protocol.Done(job, Usage("cpu")),
        lambda job: protocol.Failed(job, "It went wrong.", "", Usage()),
        lambda job: gone(job),
    ],
)
def test_a_trial_leaves_nothing_but_what_was_told_of_it(
    scene: Scene, end: Callable[[int], protocol.FromEngine | ExitReason]
) -> None:
    told: list[JobEvent] = []
    scene.queue.subscribe(told.append)
    job = scene.queue.try_out("segments", {}, model=None, input=scene.audio)
    scene.hear(protocol.Started(job), protocol.Results(job, (SEGMENT,)), end(job))

    assert told[-2].state in (JobState.DONE, JobState.FAILED)
    assert told[-1].kind == "removed"
    assert scene.project.jobs(removed=True) == []
    assert [edit.title for edit in scene.project.history()] == ["Import"]


def test_a_trial_that_is_cancelled_leaves_nothing(scene: Scene) -> None:
    running, waiting = (
        scene.queue.try_out("segments", {}, model=None, input=scene.audio)
        for _ in range(2)
    )
    scene.queue.cancel(running, waiting)
    assert scene.project.jobs(removed=True) == []
    scene.hear(protocol.Stopped(running, Usage()))
    assert scene.queue.idle


def test_a_trial_that_runs_when_the_project_is_left_is_not_kept(
    scene: Scene, tmp_path: Path
) -> None:
    scene.queue.try_out("segments", {}, model=None, input=scene.audio)
    with closing(Project.create(tmp_path / "Other")) as other:
        scene.queue.set_project(other)
        assert scene.project.jobs(removed=True) == []


def test_a_batch_that_a_full_disk_cannot_take_has_failed_and_can_be_run_again(
    scene: Scene,
) -> None:
    jobs = scene.submit_batch(10)
    with scene.full_disk():
        for job in jobs:
            scene.engine.say(protocol.Started(job))
            scene.engine.say(protocol.Results(job, (LONG,)))
            scene.engine.say(protocol.Done(job, Usage("cpu")))
        scene.hear()
    assert {scene.state(job) for job in jobs} == {JobState.FAILED}
    assert "is full" in scene.project.job(jobs[0]).error
    assert scene.project.tracks(scene.audio.clip) == []
    assert scene.queue.idle
    scene.queue.resume(jobs[0])
    scene.hear(protocol.Results(jobs[0], (LONG,)), protocol.Done(jobs[0], Usage()))
    assert scene.state(jobs[0]) == JobState.DONE
    assert scene.labels() == [LONG.text]


def test_a_job_whose_results_cannot_be_stored_is_stopped_and_goes_on_behind_them(
    scene: Scene,
) -> None:
    job, behind = scene.submit(), scene.submit()
    scene.hear(protocol.Started(job), protocol.Results(job, (SEGMENT,)))
    with scene.full_disk():
        scene.hear(protocol.Results(job, (LONG,)))
    assert scene.engine.cancelled == [job]
    late = Prediction("s", 200, 300, "three", kind="segments")
    scene.hear(protocol.Results(job, (late,)))
    assert scene.state(behind) == JobState.WAITING
    scene.hear(protocol.Stopped(job, Usage("cpu")))
    failed = scene.project.job(job)
    assert (failed.state, failed.usage.device) == (JobState.FAILED, "cpu")
    assert "is full" in failed.error
    assert scene.project.results(job) == [SEGMENT]
    assert scene.state(behind) == JobState.RUNNING
    scene.queue.resume(job)
    scene.hear(protocol.Done(behind, Usage()))
    assert scene.engine.runs[-1].jobs[0].resume_frame == SEGMENT.stop


@pytest.mark.parametrize("ends", [True, False])
def test_an_engine_that_ends_before_it_could_stop_a_job_changes_nothing(
    scene: Scene, ends: bool
) -> None:
    job = scene.submit()
    with scene.full_disk():
        scene.hear(protocol.Started(job), protocol.Results(job, (LONG,)))
    scene.hear(protocol.Done(job, Usage()) if ends else gone(job, asked=True))
    assert scene.state(job) == JobState.FAILED
    assert "is full" in scene.project.job(job).error


def test_that_a_job_has_failed_is_stored_as_soon_as_it_can_be(scene: Scene) -> None:
    job = scene.submit()
    told: list[JobEvent] = []
    scene.queue.subscribe(told.append)
    database = scene.project._database.connection
    database.pragma("query_only", True)
    with pytest.raises(EarmarkError, match="cannot be written"):
        scene.hear(protocol.Failed(job, "no memory", "deep down", Usage("cpu")))
    assert scene.state(job) == JobState.RUNNING
    with pytest.raises(EarmarkError, match="cannot be written"):
        scene.queue.cancel(job)
    database.pragma("query_only", False)
    scene.queue.start()
    failed = scene.project.job(job)
    assert (failed.state, failed.error, failed.traceback, failed.usage.device) == (
        JobState.FAILED,
        "no memory",
        "deep down",
        "cpu",
    )
    assert told == [JobEvent((job,), "state", JobState.FAILED)]
    assert scene.queue.idle


def test_jobs_that_cannot_be_cancelled_go_on(scene: Scene) -> None:
    running, waiting = scene.submit(), scene.submit()
    database = scene.project._database.connection
    database.pragma("query_only", True)
    with pytest.raises(EarmarkError, match="cannot be written"):
        scene.queue.cancel(running, waiting)
    database.pragma("query_only", False)
    assert scene.engine.cancelled == []
    scene.hear(protocol.Results(running, (SEGMENT,)), protocol.Done(running, Usage()))
    assert scene.state(running) == JobState.DONE
    assert scene.state(waiting) == JobState.RUNNING


def test_a_job_that_cannot_be_resumed_is_as_it_was(scene: Scene) -> None:
    job = scene.submit()
    scene.hear(protocol.Started(job), protocol.Results(job, (SEGMENT,)))
    scene.queue.cancel(job)
    scene.hear(protocol.Stopped(job, Usage("cuda:0", stop_s=1.0)))
    before = scene.project.job(job)
    database = scene.project._database.connection
    database.pragma("query_only", True)
    with pytest.raises(EarmarkError, match="cannot be written"):
        scene.queue.resume(job)
    database.pragma("query_only", False)
    scene.queue.start()
    assert scene.project.job(job) == before


def test_a_job_that_begins_again_among_others_keeps_one_try_only(scene: Scene) -> None:
    first, second = scene.submit_batch(2)
    scene.hear(
        protocol.Started(first),
        protocol.Results(first, (Prediction("", 0, 50, "first try"),)),
        protocol.Rewound(first, None, "again"),
        protocol.Results(first, (Prediction("", 0, 50, "second try"),)),
        protocol.Done(first, Usage()),
        protocol.Done(second, Usage()),
    )
    assert scene.labels() == ["second try"]


def test_a_job_that_begins_again_among_others_tells_all_that_it_heard(
    scene: Scene,
) -> None:
    first, second = scene.submit_batch(2)
    more = Prediction("s", 100, 200, "two", kind="segments")
    scene.hear(
        protocol.Started(first),
        protocol.Results(first, (SEGMENT,)),
        protocol.Rewound(first, SEGMENT.stop, "again"),
        protocol.Results(first, (more, Text("transcript", "two"))),
        protocol.Done(first, Usage()),
        protocol.Done(second, Usage()),
    )
    assert scene.labels() == ["one", "two"]
    assert scene.project.results(first)[-1] == Text("transcript", "one two")


def test_a_trial_that_ran_when_the_program_was_killed_is_no_job_afterwards(
    tmp_path: Path,
) -> None:
    killed = Scene(tmp_path / "Killed.earmark")
    for _ in range(2):
        killed.queue.try_out("segments", {}, model=None, input=killed.audio)
    killed.project.close()
    with closing(Project.open(killed.project.folder)) as project:
        assert project.jobs(removed=True) == []


def test_a_job_says_what_the_files_of_its_models_were(
    scene: Scene, tmp_path: Path
) -> None:
    weights = tmp_path / "model"
    weights.mkdir()
    (weights / "model.safetensors").write_bytes(b"one")
    model = ModelRef(str(weights), "transformers", weights)
    job = scene.queue.submit(
        "modelled", {}, model=model, input=scene.audio, companions={"other": model}
    )
    before = scene.project.job(job)
    assert before.model == before.companions["other"] == model.identified()
    (weights / "model.safetensors").write_bytes(b"another")
    after = scene.project.job(scene.queue.retry(job))
    assert after.model == after.companions["other"] == model.identified()
    assert after.model != before.model


def test_many_jobs_are_removed_at_once(scene: Scene) -> None:
    running = scene.submit()
    waiting = [scene.submit() for _ in range(3)]
    told: list[JobEvent] = []
    scene.queue.subscribe(told.append)
    scene.queue.remove(running, *waiting[:2])

    assert [(event.jobs, event.kind, event.state) for event in told] == [
        ((*waiting[:2], running), "state", JobState.CANCELLED),
        ((running, *waiting[:2]), "removed", None),
    ]
    assert [job.id for job in scene.project.jobs()] == [waiting[2]]
    assert scene.engine.cancelled == [running]
    scene.hear(protocol.Stopped(running, Usage()))
    assert scene.state(waiting[2]) == JobState.RUNNING
    scene.queue.remove()
    assert scene.state(waiting[2]) == JobState.RUNNING


def test_what_is_stored_in_bulk_is_accepted_in_one_go(scene: Scene) -> None:
    jobs = tuple(scene.queue.submit_batch("alone", {}, [scene.audio] * 20))
    told: list[JobEvent] = []
    scene.queue.subscribe(told.append)
    with scene.project.in_bulk():
        scene.hear(*(protocol.Done(job, Usage()) for job in jobs))
    assert [event.jobs for event in told if event.state == JobState.DONE] == [jobs]
