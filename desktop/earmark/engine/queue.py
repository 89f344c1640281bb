"""The job queue: what waits, what runs, and what became of it.

The queue lives in the project, so it survives the program; only what runs right now is
also in the engine, one job of a task at a time. All methods are called on the thread
that owns the project, and the engine's messages are brought there by `post`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from earmark.core.errors import EarmarkError
from earmark.core.jobs import WaitingJob
from earmark.core.listeners import Listeners
from earmark.core.plugins import Plugins
from earmark.core.project import Project
from earmark.core.tasks import (
    AudioInput,
    Example,
    Job,
    JobState,
    ModelRef,
    Params,
    Usage,
)
from earmark.engine import protocol, resuming
from earmark.engine.acceptance import accept
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
from earmark.engine.submission import check_input, check_model, validated
from earmark.engine.waiting import SHORT_S, TOGETHER, Waiting
from earmark.settings import Settings, folders

__all__ = ["ENDED", "SHORT_S", "TOGETHER", "JobEvent", "JobProgress", "JobQueue"]

LOST_AT_MOST = 3
"""So many engines may end before a job has begun; then the job is taken to be why."""

ACCEPTED_AT_ONCE = 8
"""So many jobs of a batch enter the project before the owner's thread does anything
else: the window has 50 ms for it."""

ENDED = frozenset(
    (JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.INTERRUPTED)
)

LAST_WORD = protocol.Done | protocol.Failed | protocol.Stopped
"""The last word of the engine about a job."""


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
        self._trials: set[int] = set()
        self._lost: Counter[int] = Counter()
        self._found: dict[int, list[StoredResult]] = {}
        self._done: dict[int, Usage] = {}
        self._failed: dict[int, dict[str, Any]] = {}
        self._waiting = Waiting(project)

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
            task_id,
            params,
            model,
            [input],
            None,
            examples,
            companions or {},
            trial=True,
        )
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
        *,
        trial: bool = False,
    ) -> list[int]:
        task = self._plugins.task(task_id)
        checked = validated(task, params)
        check_model(task, model)
        for given in inputs:
            check_input(task, checked, given)
        values = checked.model_dump(mode="json")
        used = model and model.identified()
        others = {key: other.identified() for key, other in companions.items()}
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        jobs = self._project.add_jobs(
            [
                Job(
                    id=0,
                    task=task.id,
                    params=values,
                    model=used,
                    input=given,
                    created=now,
                    batch=batch,
                    examples=tuple(examples),
                    companions=others,
                    trial=trial,
                )
                for given in inputs
            ]
        )
        if trial:
            self._trials.update(jobs)
        self._waiting.add(
            WaitingJob(job, task.id, batch, given.length_s if given else None)
            for job, given in zip(jobs, inputs, strict=True)
        )
        self._tell(jobs, "added", JobState.WAITING)
        self._pump()
        return jobs

    def start(self) -> None:
        """Let the jobs go on that waited when the project was opened."""
        self._waiting.let_go()
        self._pump()

    def cancel(self, *jobs: int) -> None:
        """Stop jobs. What they found so far is kept; what comes late is dropped.

        The row of one that ran says how long it took to stop and how much memory came
        back as soon as that is known.
        """
        if not self._done.keys().isdisjoint(jobs):
            self._accept_all()
        self._tell_failures()
        running = {job: self._running[job] for job in jobs if job in self._running}
        stopped = {job: Usage() for job in jobs if job in self._waiting}
        stopped |= {job: one.usage for job, one in running.items()}
        self._project.end_jobs(stopped, JobState.CANCELLED)
        self._waiting.take(stopped)
        for job, one in running.items():
            del self._running[job]
            self._found.pop(job, None)
            self._stopping[job] = one.job.task
            self._engine.cancel(job)
        self._tell(list(stopped), "state", JobState.CANCELLED)
        self.remove(*self._trials.intersection(stopped))

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

    def resume(self, *jobs: int) -> None:
        """Let jobs that did not reach their end go on behind their last segments.

        Raises
        ------
        EarmarkError
            If one is done, or has not ended; then none goes on.
        """
        for job in jobs:
            state = self._project.job_state(job)
            if state not in ENDED - {JobState.DONE} or job in self._stopping:
                raise EarmarkError(
                    f"The job {job} is {state} and cannot be resumed.",
                    "Resume a job that failed, was cancelled or was interrupted.",
                )
        self._put_back(jobs)
        self._pump()

    def remove(self, *jobs: int) -> None:
        """Take jobs out of the queue, stopping those that run."""
        if not jobs:
            return
        self._trials.difference_update(jobs)
        self.cancel(*jobs)
        state = self._project.job_state
        unused = [job for job in jobs if state(job) != JobState.DONE]
        resuming.remove_audio(self._project, self._project.audio_results(unused))
        self._project.remove_jobs(*jobs)
        self._removed.update(self._stopping.keys() & set(jobs))
        self._tell(jobs, "removed")

    def move(self, job: int, before: int | None) -> None:
        """Put a job before another one, or at the end for None."""
        self._project.move_job(job, before)
        self._waiting.read()
        self._tell([job], "state", self._project.job_state(job))

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
        return (
            not self._running
            and not self._stopping
            and not self._waiting.firsts(self._busy())
        )

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
        interrupted = list(self._running)
        self._running.clear()
        self._found.clear()
        self._put_back_or_fail(interrupted)

    def go_on(self) -> None:
        """Run jobs again after `halt`."""
        self._halted = False
        self._pump()

    def set_project(self, project: Project) -> None:
        """Go on with another project; what runs is interrupted, and can be resumed."""
        try:
            if self._running or self._stopping:
                self._engine.kill()
                self._engine = self._new_engine()
                self._interrupt()
        finally:
            self._open(project)

    def close(self) -> None:
        """Interrupt what runs and end the engine."""
        self._epoch += 1  # what it still says is not heard
        try:
            self._interrupt()
        finally:
            self._engine.close()

    def _interrupt(self) -> None:
        if not self._project.closed:
            self._accept_all()
            self._tell_failures()
            self._project.end_jobs(
                {job: running.usage for job, running in self._running.items()},
                JobState.INTERRUPTED,
            )
            self._project.remove_jobs(*self._trials)
        self._running.clear()
        self._stopping.clear()

    def _busy(self) -> set[str]:
        """The tasks that run, or whose runner has not stopped yet."""
        busy = {
            running.job.task
            for job, running in self._running.items()
            if job not in self._done  # the engine is free; its results are not in yet
        }
        busy.update(self._stopping.values())
        return busy

    def _pump(self) -> None:
        """Give the engine what may run now."""
        if self._project.closed or self._project.read_only:
            return
        self._tell_failures()
        if self._halted:
            return
        for name, first in self._waiting.firsts(self._busy()).items():
            try:
                task = self._plugins.task(name)
            except EarmarkError as error:  # its plugin is gone
                self._waiting.take([first])
                self._fail(first, str(error))
                self._tell_failures()
                continue
            chosen = self._waiting.together(first) if task.many else [first]
            self._project.update_jobs(
                chosen, state=JobState.RUNNING, usage=Usage(), error="", traceback=""
            )
            self._waiting.take(chosen)
            known = self._project.jobs_by_id(chosen)
            jobs = tuple(known[job] for job in chosen)
            for job in jobs:
                self._running[job.id] = Running(job, task.title, len(jobs) > 1)
            settings = self._settings()
            self._engine.run(
                protocol.Run(
                    jobs=jobs,
                    runner=task.runner,
                    many=task.many,
                    device=settings.device,
                    cache=folders(settings).cache,
                    base=self._project.folder,
                    output=self._project.audio_folder,
                    memory_budget_mb=settings.memory_budget_mb,
                    told=resuming.told(self._project, jobs[0])
                    if len(jobs) == 1
                    else (),
                )
            )
            self._tell(chosen, "state", JobState.RUNNING)

    def _put_back(self, jobs: Sequence[int]) -> None:
        """Let jobs wait again, to go on behind their last segments."""
        for job in self._project.jobs_by_id(jobs).values():
            frame = resuming.resume_frame(self._project, job)
            resuming.rewind(self._project, job.id, frame)
        self._project.update_jobs(jobs, state=JobState.WAITING, error="", traceback="")
        self._waiting.read()
        self._tell(jobs, "state", JobState.WAITING)

    def _put_back_or_fail(self, jobs: Sequence[int]) -> None:
        """Let jobs that ran wait again; those fail of which that cannot be stored."""
        try:
            self._put_back(jobs)
        except EarmarkError as error:
            for job in jobs:
                self._fail(job, str(error))

    def _take_message(self, message: protocol.FromEngine) -> None:
        """What the engine says about a job; nothing lands once that was cancelled."""
        if isinstance(message, protocol.Ready):
            return
        job = message.job
        running = self._running.get(job)
        try:
            if job in self._stopping:
                if isinstance(message, LAST_WORD):
                    self._take_stop(job, message.usage)
            elif running is not None and running.fault:
                if isinstance(message, LAST_WORD):
                    self._fail(job, running.fault, usage=message.usage)
            elif running is not None:
                self._take_news(running, message)
        finally:
            self._pump()

    def _take_news(self, running: Running, message: protocol.FromEngine) -> None:
        """What the engine says about a job that runs."""
        job = running.job.id
        match message:
            case protocol.Started():
                running.started = True
                self._tell([job], "progress")
            case protocol.Progressed(_, fraction, text):
                running.progress = progress_of(running, fraction, text)
                self._tell([job], "progress")
            case protocol.Used(_, device, dtype, note):
                running.usage = replace(
                    running.usage, device=device, dtype=dtype, note=note
                )
                if not running.together:  # it ends in a moment, and is stored then
                    self._project.update_jobs([job], usage=running.usage)
                    self._tell([job], "state", JobState.RUNNING)
            case protocol.Results(_, results):
                self._take_results(running, results)
            case protocol.Rewound(_, frame, note):
                self._rewind(running, frame, note)
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
        job = running.job.id
        try:
            self._found.setdefault(job, []).extend(
                resuming.completed(self._project, running.job, found)
                for found in results
            )
            # What ends in a moment is stored with the others then.
            stored = {} if running.together else self._store([job])
        except EarmarkError as error:
            self._give_up(running, error)
            return
        self._tell_results(stored)

    def _rewind(self, running: Running, frame: int | None, note: str) -> None:
        """A job begins again, by itself from now on, behind what it keeps."""
        job = running.job.id
        running.together = False
        running.usage = replace(running.usage, note=note)
        running.first_fraction = None
        try:
            stored = self._store([job])
            resuming.rewind(self._project, job, frame)
            running.job = self._project.update_job(job, usage=running.usage)
        except EarmarkError as error:
            self._give_up(running, error)
            return
        self._tell_results(stored)
        self._tell([job], "state", JobState.RUNNING)

    def _store(self, jobs: Iterable[int]) -> dict[int, list[StoredResult]]:
        """Store what jobs found, of all or none; gives what that was."""
        found = {job: self._found[job] for job in jobs if job in self._found}
        if found:
            self._project.add_results_of(found)
        for job in found:
            del self._found[job]
        return found

    def _give_up(self, running: Running, error: EarmarkError) -> None:
        """Stop a job whose results cannot be stored; it has failed when it stops."""
        running.fault = str(error)
        self._engine.cancel(running.job.id)

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
        most = TOGETHER if self._project.stores_in_bulk else ACCEPTED_AT_ONCE
        done = {job: self._done.pop(job) for job in jobs[:most]}
        try:
            stored = self._store(done)
        except EarmarkError as error:
            for job, usage in done.items():
                self._fail(job, str(error), usage=usage)
            return
        try:
            self._tell_results(stored)
        finally:
            self._accept(done, first)

    def _accept(self, done: Mapping[int, Usage], first: Running) -> None:
        """Accept what was stored, read again, or say why that cannot be done."""
        try:
            accept(self._project, done, first.title, first.job.batch)
        except Exception as error:
            if self._project.job_state(first.job.id) == JobState.DONE:
                self._settle(done)
                raise  # a view's failure, told after all was stored
            if len(done) == 1 or not isinstance(error, EarmarkError):
                for job, usage in done.items():
                    self._fail(job, str(error), usage=usage)
            else:  # one of them is to blame; the others' turn comes whatever it raises
                with ExitStack() as each:
                    for job, usage in reversed(list(done.items())):
                        each.callback(self._accept, {job: usage}, self._running[job])
            if not isinstance(error, EarmarkError):
                raise
        else:
            self._settle(done)

    def _finish(self, running: Running, usage: Usage) -> None:
        """A job that was given alone has ended well."""
        job = running.job.id
        if job not in self._trials:
            self._accept({job: usage}, running)
            return
        try:
            resuming.remove_audio(self._project, self._project.results(job))
            self._project.clear_results(job)
            self._project.update_jobs([job], state=JobState.DONE, usage=usage)
        except EarmarkError as error:
            self._fail(job, str(error), usage=usage)
            return
        self._settle([job])
        self.remove(job)

    def _settle(self, jobs: Iterable[int]) -> None:
        """The results of jobs are in the project."""
        settled = tuple(jobs)
        for job in settled:
            del self._running[job]
        self._tell(settled, "state", JobState.DONE)

    def _fail(
        self, job: int, error: str, traceback: str = "", usage: Usage | None = None
    ) -> None:
        """A job has failed, which its row says as soon as that can be stored."""
        running = self._running.pop(job, None)
        self._found.pop(job, None)
        if usage is None:
            usage = running.usage if running else Usage()
        self._failed[job] = {"error": error, "traceback": traceback, "usage": usage}

    def _tell_failures(self) -> None:
        """Store which jobs have failed; on a full disk they are kept until later."""
        while self._failed:
            job, fields = next(iter(self._failed.items()))
            self._project.update_jobs([job], state=JobState.FAILED, **fields)
            del self._failed[job]
            self._tell([job], "state", JobState.FAILED)
            if job in self._trials:
                self.remove(job)

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
            self._project.update_jobs([job], usage=usage)
            self._tell([job], "state", JobState.CANCELLED)

    def _take_exit(self, reason: ExitReason) -> None:
        """The engine is gone: fail what it ran, put back what it had not begun."""
        again: list[int] = []
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
            if running.fault:
                self._fail(job, running.fault)
                continue
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
                self._waiting.keep_apart(job)
            del self._running[job]
            self._found.pop(job, None)
            again.append(job)
        self._put_back_or_fail(again)
        self._pump()

    def _tell_results(self, stored: Mapping[int, Sequence[StoredResult]]) -> None:
        for job, results in stored.items():
            self._tell([job], "results", new_results=tuple(results))

    def _tell(
        self,
        jobs: Sequence[int],
        kind: EventKind,
        state: JobState | None = None,
        new_results: tuple[StoredResult, ...] = (),
    ) -> None:
        if jobs:
            self._listeners.tell(JobEvent(tuple(jobs), kind, state, new_results))
