"""The job queue: what waits, what runs, and what became of it.

The queue lives in the project, so it survives the program; only what runs right now is
also in the engine, one job of a task at a time. All methods are called on the thread
that owns the project, and the engine's messages are brought there by `post`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from earmark.core.errors import EarmarkError
from earmark.core.listeners import Listeners
from earmark.core.plugins import Plugins
from earmark.core.project import Project
from earmark.core.tasks import (
    AudioFile,
    AudioInput,
    Example,
    Job,
    JobState,
    ModelRef,
    Params,
    Prediction,
    Text,
    Usage,
)
from earmark.engine import protocol
from earmark.engine.client import EngineClient, ExitReason
from earmark.engine.events import (
    Engine,
    EngineFactory,
    EventKind,
    JobEvent,
    JobProgress,
    Running,
    progress_of,
)
from earmark.engine.protocol import StoredResult
from earmark.engine.submission import (
    check_files,
    check_input,
    check_model,
    validated,
)
from earmark.settings import Settings, folders

__all__ = ["ENDED", "SHORT_S", "JobEvent", "JobProgress", "JobQueue"]

TOGETHER = 64
TOGETHER_S = 600.0
SHORT_S = 60.0
"""Up to so many inputs of a batch, each no longer than `SHORT_S`, run together where a
task can do that; a longer one is followed segment by segment."""

LOST_AT_MOST = 3
"""So many engines may end before a job has begun; then the job is taken to be why."""

ACCEPTED_AT_ONCE = 8
"""So many jobs of a batch enter the project before the owner's thread does anything
else: the window has 50 ms for it."""

ENDED = frozenset(
    (JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.INTERRUPTED)
)


class JobQueue:
    """The jobs of a project, run in order.

    Parameters
    ----------
    project : Project
    plugins : Plugins
    engine : callable
        Makes the engine.
    post : callable
        Runs a function on the owner's thread, soon.
    settings : callable
        Gives the settings of the moment.

    Notes
    -----
    Jobs that waited when the project was opened wait for `start`; jobs that are
    submitted run as soon as their task is free.
    """

    def __init__(
        self,
        project: Project,
        plugins: Plugins,
        engine: EngineFactory = EngineClient,
        *,
        post: Callable[[Callable[[], None]], None],
        settings: Callable[[], Settings],
    ) -> None:
        self._plugins = plugins
        self._make_engine = engine
        self._post = post
        self._settings = settings
        self._listeners: Listeners[[JobEvent]] = Listeners()
        self._epoch = 0
        self._halted = False
        self._engine = self._new_engine()
        self._open(project)

    def _open(self, project: Project) -> None:
        self._project = project
        self._running: dict[int, Running] = {}
        self._stopping: dict[int, str] = {}
        self._removed: set[int] = set()
        self._alone: set[int] = set()
        self._trials: set[int] = set()
        self._lost: Counter[int] = Counter()
        self._found: dict[int, list[StoredResult]] = {}
        self._done: dict[int, Usage] = {}
        self._read_order()
        self._held = set(self._waiting)

    def _read_order(self) -> None:
        """The waiting jobs in order, each with its task and its batch."""
        self._waiting = {
            job: (task, batch) for job, task, batch in self._project.waiting_jobs()
        }

    def _new_engine(self) -> Engine:
        """An engine whose messages are dropped once it was replaced."""
        self._epoch += 1
        epoch = self._epoch

        def deliver(take: Callable[[], None]) -> None:
            self._post(lambda: take() if epoch == self._epoch else None)

        return self._make_engine(
            on_message=lambda message: deliver(lambda: self._take_message(message)),
            on_exit=lambda reason: deliver(lambda: self._take_exit(reason)),
        )

    def submit(
        self,
        task_id: str,
        params: Mapping[str, Any] | Params,
        *,
        model: ModelRef | None = None,
        input: AudioInput | None = None,
        batch: int | None = None,
        examples: Sequence[Example] = (),
        companions: Mapping[str, ModelRef] | None = None,
    ) -> int:
        """Add a job to the queue; it runs when its turn comes.

        Parameters
        ----------
        task_id : str
        params : mapping or Params
        model : ModelRef, optional
        input : AudioInput, optional
        batch : int, optional
            Jobs of one `Project.new_batch` have the same task, parameters and model;
            what they find is one step of the history.
        examples : sequence of Example, optional
            What the task compares its input with.
        companions : mapping, optional
            The models of the other tasks that it needs, by their ids.

        Returns
        -------
        int
            The job's id.

        Raises
        ------
        EarmarkError
            If the task is unknown, a parameter does not fit, or the model or the audio
            that the task needs is missing.
        """
        (job,) = self._submit(
            task_id, params, model, [input], batch, examples, companions or {}
        )
        return job

    def try_out(
        self,
        task_id: str,
        params: Mapping[str, Any] | Params,
        *,
        model: ModelRef | None,
        input: AudioInput,
        examples: Sequence[Example] = (),
        companions: Mapping[str, ModelRef] | None = None,
    ) -> int:
        """Run a job to see what it takes; nothing that it finds is kept.

        When it has ended it is told of as any other, and then it is gone.
        """
        (job,) = self._submit(
            task_id, params, model, [input], None, examples, companions or {}
        )
        self._trials.add(job)
        return job

    def submit_batch(
        self,
        task_id: str,
        params: Mapping[str, Any] | Params,
        inputs: Sequence[AudioInput | None],
        *,
        model: ModelRef | None = None,
        batch: int | None = None,
        examples: Sequence[Example] = (),
        companions: Mapping[str, ModelRef] | None = None,
    ) -> list[int]:
        """Add a job for each of many inputs; see `submit`.

        What all of them find is one step of the history.
        """
        if batch is None and len(inputs) > 1:
            batch = self._project.new_batch()
        return self._submit(
            task_id, params, model, inputs, batch, examples, companions or {}
        )

    def _submit(
        self,
        task_id: str,
        params: Mapping[str, Any] | Params,
        model: ModelRef | None,
        inputs: Sequence[AudioInput | None],
        batch: int | None,
        examples: Sequence[Example],
        companions: Mapping[str, ModelRef],
    ) -> list[int]:
        task = self._plugins.task(task_id)
        checked = validated(task, params)
        check_model(task, model)
        for given in inputs:
            check_input(task, checked, given)
        values = checked.model_dump(mode="json")
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        jobs = self._project.add_jobs(
            [
                Job(
                    id=0,
                    task=task.id,
                    params=values,
                    model=model,
                    input=given,
                    created=now,
                    batch=batch,
                    examples=tuple(examples),
                    companions=dict(companions),
                )
                for given in inputs
            ]
        )
        for job in jobs:
            self._waiting[job] = task.id, batch
            self._tell(job, "added")
        self._pump()
        return jobs

    def start(self) -> None:
        """Let the jobs go on that waited when the project was opened."""
        self._held.clear()
        self._pump()

    def cancel(self, *jobs: int) -> None:
        """Stop jobs. What they found so far is kept; what comes late is dropped.

        The row of one that ran says how long it took to stop and how much memory came
        back as soon as that is known.
        """
        if not self._done.keys().isdisjoint(jobs):
            self._accept_all()
        waiting = [job for job in jobs if self._waiting.pop(job, None) is not None]
        self._held.difference_update(waiting)
        self._project.update_jobs(waiting, state=JobState.CANCELLED, usage=Usage())
        for job in waiting:
            self._tell(job, "state")
        for job in jobs:
            running = self._running.pop(job, None)
            if running is None:
                continue
            self._found.pop(job, None)
            self._project.update_job(job, state=JobState.CANCELLED, usage=running.usage)
            self._stopping[job] = running.job.task
            self._engine.cancel(job)
            self._tell(job, "state")

    def retry(self, job: int) -> int:
        """Submit the same work once more; gives the new job."""
        old = self._project.job(job)
        return self.submit(
            old.task,
            old.params,
            model=old.model,
            input=old.input,
            examples=old.examples,
            companions=old.companions,
        )

    def resume(self, job: int) -> None:
        """Let a job that did not reach its end go on behind its last segment.

        Raises
        ------
        EarmarkError
            If it is done, or has not ended.
        """
        old = self._project.job(job)
        if old.state not in ENDED - {JobState.DONE} or job in self._stopping:
            raise EarmarkError(
                f"The job {job} is {old.state} and cannot be resumed.",
                "Resume a job that failed, was cancelled or was interrupted.",
            )
        self._put_back(job)
        self._pump()

    def remove(self, job: int) -> None:
        """Take a job out of the queue, stopping it if it runs."""
        self.cancel(job)
        old = self._project.job(job)
        if old.state != JobState.DONE:
            self._discard(self._project.results(job))
        self._project.remove_job(job)
        if job in self._stopping:
            self._removed.add(job)
        self._tell(job, "removed")

    def move(self, job: int, before: int | None) -> None:
        """Put a job before another one, or at the end for None."""
        self._project.move_job(job, before)
        self._read_order()
        self._tell(job, "state")

    def jobs(self) -> list[Job]:
        """All jobs in order, whatever became of them."""
        return self._project.jobs()

    def progress(self, job: int) -> JobProgress:
        """How far a job is; nothing is known of one that does not run."""
        running = self._running.get(job)
        return running.progress if running else JobProgress()

    @property
    def idle(self) -> bool:
        """Whether nothing runs, stops or is about to run."""
        return not self._running and not self._stopping and not self._next_tasks()

    def subscribe(self, listener: Callable[[JobEvent], None]) -> Callable[[], None]:
        """Have events told on the owner's thread; gives what ends that."""
        return self._listeners.add(listener)

    def halt(self) -> None:
        """Put back what runs until `go_on`, because the project's folder will move.

        It is done again, or goes on behind its last segment.
        """
        self._halted = True
        if not self._running and not self._stopping:
            return
        self._engine.kill()
        self._engine = self._new_engine()
        self._stopping.clear()
        self._accept_all()
        for job in list(self._running):
            del self._running[job]
            self._put_back(job)
        self._found.clear()

    def go_on(self) -> None:
        """Run jobs again after `halt`."""
        self._halted = False
        self._pump()

    def set_project(self, project: Project) -> None:
        """Go on with another project; what runs is interrupted, and can be resumed."""
        if self._running or self._stopping:
            self._engine.kill()
            self._interrupt()
            self._engine = self._new_engine()
        self._open(project)

    def close(self) -> None:
        """Interrupt what runs and end the engine."""
        self._epoch += 1  # what it still says is not heard
        self._interrupt()
        self._engine.close()

    def _interrupt(self) -> None:
        if not self._project.closed:
            self._accept_all()
        for job, running in self._running.items():
            if not self._project.closed:
                self._project.update_job(
                    job, state=JobState.INTERRUPTED, usage=running.usage
                )
        self._running.clear()
        self._stopping.clear()

    def _next_tasks(self) -> dict[str, int]:
        """The tasks that are free, each with its first waiting job."""
        busy = {
            running.job.task
            for job, running in self._running.items()
            if job not in self._done  # the engine is free; its results are not in yet
        }
        busy.update(self._stopping.values())
        chosen: dict[str, int] = {}
        for job, (task, _) in self._waiting.items():
            if task not in busy and task not in chosen and job not in self._held:
                chosen[task] = job
        return chosen

    def _pump(self) -> None:
        """Give the engine what may run now."""
        if self._halted or self._project.closed or self._project.read_only:
            return
        for name, first in self._next_tasks().items():
            try:
                task = self._plugins.task(name)
            except EarmarkError as error:  # its plugin is gone
                del self._waiting[first]
                self._fail(first, str(error))
                continue
            jobs = self._together(first) if task.many else [first]
            self._project.update_jobs(
                jobs, state=JobState.RUNNING, usage=Usage(), error="", traceback=""
            )
            running = [self._project.job(job) for job in jobs]
            for job in running:
                del self._waiting[job.id]
                self._running[job.id] = Running(job, task.title, len(jobs) > 1)
            settings = self._settings()
            self._engine.run(
                protocol.Run(
                    jobs=tuple(running),
                    runner=task.runner,
                    many=task.many,
                    device=settings.device,
                    cache=folders(settings).cache,
                    base=self._project.folder,
                    output=self._project.audio_folder,
                    memory_budget_mb=settings.memory_budget_mb,
                    told=self._told(running[0]) if len(running) == 1 else (),
                )
            )
            for job in running:
                self._tell(job.id, "state")

    def _told(self, job: Job) -> tuple[Text, ...]:
        """What a job that goes on has told of its input already."""
        if job.resume_frame is None:
            return ()
        results = self._project.results(job.id)
        return tuple(result for result in results if isinstance(result, Text))

    def _together(self, first: int) -> list[int]:
        """A waiting job and those of its batch that can run in one go with it."""
        batch = self._waiting[first][1]
        chosen: list[int] = []
        total_s = 0.0
        for job, (_, other) in self._waiting.items():
            if (
                batch is None
                or other != batch
                or job in self._held
                or job in self._alone
            ):
                continue
            given = self._project.job(job).input
            assert given is not None
            length_s = (given.stop - given.start) / given.rate
            if length_s > SHORT_S or total_s + length_s > TOGETHER_S:
                continue
            total_s += length_s
            chosen.append(job)
            if len(chosen) == TOGETHER:
                break
        return chosen if first in chosen else [first]

    def _put_back(self, job: int) -> None:
        """Let a job wait again, to go on behind its last segment."""
        self._rewind(job, self._resume_frame(self._project.job(job)))
        self._project.update_job(job, state=JobState.WAITING, error="", traceback="")
        self._read_order()
        self._tell(job, "state")

    def _take_message(self, message: protocol.FromEngine) -> None:
        """What the engine says about a job; nothing lands once that was cancelled."""
        if isinstance(message, protocol.Ready):
            return
        job = message.job
        if job in self._stopping:
            if isinstance(message, protocol.Done | protocol.Failed | protocol.Stopped):
                self._take_stop(job, message.usage)
            return
        running = self._running.get(job)
        if running is None:
            return
        try:
            self._take_news(running, message)
        finally:
            self._pump()

    def _take_news(self, running: Running, message: protocol.FromEngine) -> None:
        """What the engine says about a job that runs."""
        job = running.job.id
        match message:
            case protocol.Started():
                running.started = True
                self._tell(job, "progress")
            case protocol.Progressed(_, fraction, text):
                running.progress = progress_of(running, fraction, text)
                self._tell(job, "progress")
            case protocol.Used(_, device, dtype, note):
                running.usage = replace(
                    running.usage, device=device, dtype=dtype, note=note
                )
                self._project.update_job(job, usage=running.usage)
                self._tell(job, "state")
            case protocol.Results(_, results):
                self._take_results(running, results)
            case protocol.Rewound(_, frame, note):
                self._rewind(job, frame)
                running.usage = replace(running.usage, note=note)
                running.first_fraction = None
                running.job = self._project.update_job(job, usage=running.usage)
                self._tell(job, "state")
            case protocol.Done(_, usage) if running.job.batch is not None:
                self._done[job] = usage
                self._accept_soon()
            case protocol.Done(_, usage):
                self._finish(running, usage)
            case protocol.Failed(_, error, traceback, usage):
                self._fail(job, error, traceback, usage)
            case protocol.Stopped():
                self._fail(job, "The runner stopped without being asked to.")

    def _take_results(
        self, running: Running, results: tuple[StoredResult, ...]
    ) -> None:
        if running.job.resume_frame is not None:
            results = tuple(self._completed(running.job, found) for found in results)
        if running.together:
            # It ends in a moment and is stored with the others then.
            self._found.setdefault(running.job.id, []).extend(results)
            return
        self._project.add_results(running.job.id, results)
        self._tell(running.job.id, "results", results)

    def _accept_soon(self) -> None:
        """Have the jobs of batches that are done accepted, a few at a time.

        It is posted behind what the engine has said already, so that what ends at
        nearly the same time enters the project in one transaction.
        """
        epoch = self._epoch

        def accept() -> None:
            if epoch != self._epoch or not self._done:
                return
            try:
                self._accept_some()
            finally:
                if self._done:
                    self._post(accept)
                self._pump()

        if len(self._done) == 1:
            self._post(accept)

    def _accept_all(self) -> None:
        while self._done:
            self._accept_some()

    def _accept_some(self) -> None:
        """Make what a few jobs of one batch found part of the project."""
        first = self._running[next(iter(self._done))]
        batch = first.job.batch
        jobs = [job for job in self._done if self._running[job].job.batch == batch]
        jobs = jobs[:ACCEPTED_AT_ONCE]
        found = {job: self._found.pop(job) for job in jobs if job in self._found}
        if found:
            self._project.add_results_of(found)
        for job, results in found.items():
            self._tell(job, "results", tuple(results))
        try:
            for results in found.values():
                check_files(results)
            self._project.accept_batch(jobs, first.title, batch)
        except EarmarkError:
            if self._accepted(jobs[0]):
                raise
            for job in jobs:  # one of them is to blame
                self._finish(self._running[job], self._done.pop(job))
        finally:
            for job in jobs:
                if job in self._done and self._accepted(job):
                    self._settle(job, self._done.pop(job))

    def _completed(self, job: Job, result: StoredResult) -> StoredResult:
        """The transcript of a resumed job, which heard only the rest, as a whole."""
        if not isinstance(result, Text) or result.role != "transcript":
            return result
        assert job.resume_frame is not None
        earlier = [
            found.text.strip()
            for found in self._project.results(job.id)
            if isinstance(found, Prediction)
            and found.kind == "segments"
            and found.stop <= job.resume_frame
        ]
        return replace(result, text=" ".join([*earlier, result.text]).strip())

    def _finish(self, running: Running, usage: Usage) -> None:
        """Accept what was stored, read again, or say why that cannot be done."""
        job = running.job.id
        if job in self._trials:
            self._trials.remove(job)
            self._discard(self._project.results(job))
            self._project.clear_results(job)
            self._settle(job, usage)
            self.remove(job)
            return
        try:
            check_files(self._project.results(job))
            self._project.accept_batch([job], running.title, running.job.batch)
        except EarmarkError as error:
            if self._accepted(job):
                raise  # a view's failure, told after all was stored
            self._fail(job, str(error), usage=usage)
        finally:
            if self._accepted(job):
                self._settle(job, usage)

    def _accepted(self, job: int) -> bool:
        return self._project.job_state(job) == JobState.DONE

    def _settle(self, job: int, usage: Usage) -> None:
        """A job's results are in the project."""
        if not self._project.has_results(job):
            notes = (usage.note, "it ended well and found nothing")
            usage = replace(usage, note="; ".join(note for note in notes if note))
        del self._running[job]
        self._project.update_jobs([job], state=JobState.DONE, usage=usage)
        self._tell(job, "state")

    def _fail(
        self, job: int, error: str, traceback: str = "", usage: Usage | None = None
    ) -> None:
        running = self._running.pop(job, None)
        self._found.pop(job, None)
        if usage is None:
            usage = running.usage if running else Usage()
        self._project.update_job(
            job, state=JobState.FAILED, error=error, traceback=traceback, usage=usage
        )
        self._tell(job, "state")

    def _take_stop(self, job: int, usage: Usage) -> None:
        """A cancelled job has stopped: its row says what that took."""
        del self._stopping[job]
        if job in self._removed:
            self._removed.remove(job)
        else:
            if not usage.device:  # killed: what it had said before is all there is
                usage = replace(
                    self._project.job(job).usage,
                    memory_mb=usage.memory_mb,
                    freed_mb=usage.freed_mb,
                    stop_s=usage.stop_s,
                )
            self._project.update_job(job, usage=usage)
            self._tell(job, "state")
        self._pump()

    def _take_exit(self, reason: ExitReason) -> None:
        """The engine is gone: fail what it ran, put back what it had not begun."""
        for job in reason.jobs:
            if job in self._stopping:
                self._take_stop(job, Usage())
                continue
            running = self._running.get(job)
            if running is None:
                continue
            if job in self._done:
                continue
            self._lost[job] += 1
            innocent = reason.asked or (
                reason.was_ready
                and not running.started
                and self._lost[job] <= LOST_AT_MOST
            )
            if not innocent and not running.together:
                self._fail(job, reason.message, reason.output)
                continue
            if not innocent:
                # One of several is to blame: which one shows when each runs alone.
                self._alone.add(job)
            del self._running[job]
            self._found.pop(job, None)
            self._put_back(job)
        self._pump()

    def _resume_frame(self, job: Job) -> int | None:
        """Where the last segment ends that leaves something to be heard."""
        if job.input is None:
            return None
        stops = [
            result.stop
            for result in self._project.results(job.id)
            if isinstance(result, Prediction)
            and result.kind == "segments"
            and result.stop < job.input.stop
        ]
        return max(stops, default=None)

    def _rewind(self, job: int, frame: int | None) -> None:
        """Keep the predictions up to a frame, and texts, which may be told anew.

        Forget everything else; without a frame, all.
        """
        results = self._project.results(job)
        kept: Sequence[StoredResult] = [
            result
            for result in results
            if frame is not None
            and (
                isinstance(result, Text)
                or (isinstance(result, Prediction) and result.stop <= frame)
            )
        ]
        if len(kept) < len(results):
            self._project.clear_results(job)
            self._project.add_results(job, kept)
            self._discard(results)
        self._project.update_job(job, resume_frame=frame)

    def _discard(self, results: Sequence[StoredResult]) -> None:
        """Remove the audio of results that never became part of the project."""
        for result in results:
            if isinstance(result, AudioFile) and result.path.is_relative_to(
                self._project.audio_folder
            ):
                result.path.unlink(missing_ok=True)

    def _tell(
        self, job: int, kind: EventKind, results: tuple[StoredResult, ...] = ()
    ) -> None:
        self._listeners.tell(JobEvent(job, kind, results))
