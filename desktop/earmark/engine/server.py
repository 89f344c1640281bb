"""The engine process: runs jobs and tells the host how they go.

The main thread reads what the host says. Each task has a worker thread, made when its
first job comes, so that tasks do not wait for each other's models; each device has a
line of jobs that take turns on it, so that two models never fight for it. A turn lasts
from one result of a runner to its next: a sentence to be spoken waits for a segment of
a long transcription, not for its end.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import math
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from earmark.audio.flaws import Flaws
from earmark.core.errors import Cancelled, EarmarkError
from earmark.core.tasks import (
    AudioInput,
    Job,
    Prediction,
    Progress,
    Result,
    Text,
    Usage,
)
from earmark.engine import loaders, protocol
from earmark.engine.child import end_with_parent
from earmark.engine.context import Context, Outcome, Read, Samples, Surroundings
from earmark.engine.protocol import StoredResult

if TYPE_CHECKING:
    from earmark.audio.sources import Sources

BATCH_S = 0.05
"""Results and progress wait this long for company."""

NICENESS = 10

Runner = Callable[[Job, Context], Iterator[Result]]

ManyRunner = Callable[[Sequence[Context]], Iterator[Outcome]]
"""Runs short inputs together, such as a batch of clips.

It is a generator that gives each context once, in any order and as soon as it can, with
the outcome of its job. The contexts have the same model and parameters. An input that
cannot be read is one outcome among others; `earmark.api.audio_of` tells them apart. If
the generator raises, what it did not give is run again by `Task.runner`, one by one.
"""


class Outbox:
    """The way to the host: batches results, throttles progress.

    What a runner yields in one go, such as a segment and its words, travels together,
    so that the host stores both or neither.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._changed = threading.Condition()
        self._results: dict[int, list[StoredResult]] = defaultdict(list)
        self._progress: dict[int, protocol.Progressed] = {}
        threading.Thread(target=self._keep_sending, name="outbox", daemon=True).start()

    def result(self, job: int, result: StoredResult) -> None:
        """Send a result soon."""
        with self._changed:
            self._results[job].append(result)
            self._changed.notify()

    def progress(self, progress: protocol.Progressed) -> None:
        """Send how far a job is soon; only the last word counts."""
        with self._changed:
            self._progress[progress.job] = progress
            self._changed.notify()

    def message(self, message: protocol.FromEngine) -> None:
        """Send what waits, then this, now."""
        with self._changed:
            self._send_waiting()
            self._write(message)

    def _keep_sending(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._results or self._progress)
            time.sleep(BATCH_S)
            with self._changed:
                self._send_waiting()

    def _send_waiting(self) -> None:
        results, self._results = self._results, defaultdict(list)
        progress, self._progress = self._progress, {}
        for job, found in results.items():
            self._write(protocol.Results(job, tuple(found)))
        for latest in progress.values():
            self._write(latest)

    def _write(self, message: protocol.FromEngine) -> None:
        # A host that is gone is noticed by the main thread, which ends the process.
        with contextlib.suppress(BrokenPipeError):
            self._stream.write(protocol.encode(message))
            self._stream.flush()


class Turns:
    """The line in front of a device: first come, first served, one at a time."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._line: deque[object] = deque()

    @contextlib.contextmanager
    def turn(self, cancelled: threading.Event) -> Iterator[None]:
        """Wait for the turn; raises `Cancelled` if the job is cancelled meanwhile."""
        ticket = object()
        with self._changed:
            self._line.append(ticket)
            self._changed.wait_for(
                lambda: self._line[0] is ticket or cancelled.is_set()
            )
            if cancelled.is_set():
                self._line.remove(ticket)
                self._changed.notify_all()
                raise Cancelled
        try:
            yield
        finally:
            with self._changed:
                self._line.popleft()
                self._changed.notify_all()

    def wake(self) -> None:
        """Let those who wait see that they were cancelled."""
        with self._changed:
            self._changed.notify_all()


class Execution:
    """One job on its way through the engine.

    Parameters
    ----------
    run : protocol.Run
    job : Job
        Of the run.
    cancelled : Event
        Set when the job, or each that runs together with it, is to stop.
    server : Server
    """

    def __init__(
        self, run: protocol.Run, job: Job, cancelled: threading.Event, server: Server
    ) -> None:
        self._run = run
        self._job = job
        self._cancelled = cancelled
        self._server = server
        self._context: Context | None = None
        self._import_s = 0.0
        self._run_s = 0.0
        self._kept_to = job.resume_frame
        self._told = {text.role: text for text in run.told}

    def begin(self) -> Context:
        """A context for a job that runs among others."""
        device, note = loaders.pick_device(self._run.device)
        return self._make_context(device, note)

    def deliver(
        self, given: Sequence[Result] | EarmarkError, run_s: float
    ) -> protocol.Done | protocol.Failed:
        """Send what came of a job among others; gives how it ended."""
        self._run_s = run_s
        try:
            if isinstance(given, EarmarkError):
                raise given
            for result in given:
                self._deliver(result)
        except EarmarkError as error:
            told = _describe(error), traceback.format_exc()
            return protocol.Failed(self._job.id, *told, self._usage())
        return protocol.Done(self._job.id, self._usage())

    def outcome(self) -> protocol.Done | protocol.Failed | protocol.Stopped:
        """Run the job and say how it ended."""
        job = self._job.id
        try:
            self._run_within_memory()
            return protocol.Done(job, self._usage())
        except Cancelled:
            failure = None
            self._server.models.drop(job)
        except BaseException as error:  # noqa: BLE001 - a runner may raise anything
            failure = _describe(error), traceback.format_exc()
        # Now that the runner's frames are gone, what they held can be freed.
        self._server.models.release(job)
        loaders.give_memory_back()
        if failure is None:
            return protocol.Stopped(job, self._usage())
        return protocol.Failed(job, *failure, self._usage())

    def _usage(self) -> Usage:
        if self._context is None:
            return Usage(memory_mb=loaders.resident_mb())
        usage = self._context.usage(self._run_s)
        return replace(usage, load_s=usage.load_s + self._import_s)

    def _run_within_memory(self) -> None:
        """Run the job; if memory runs out, once more on the CPU or smaller."""
        device, note = loaders.pick_device(self._run.device)
        try:
            self._advance(self._make_context(device, note))
            return
        except Exception as error:
            if not loaders.is_out_of_memory(error):
                raise
        if device == "cpu":
            again = "ran out of memory: started again with the smallest batch"
        else:
            again = f"ran out of memory on {device}: started again on the CPU"
        note = "; ".join(part for part in (note, again) if part)
        self._server.models.release(self._job.id)
        self._server.models.shrink(0.0)
        loaders.give_memory_back()
        self._job = replace(self._job, resume_frame=self._kept_to)
        self._server.outbox.message(protocol.Rewound(self._job.id, self._kept_to, note))
        self._advance(self._make_context("cpu", note, small=True))

    def _make_context(self, device: str, note: str, *, small: bool = False) -> Context:
        outbox, job = self._server.outbox, self._job.id
        surroundings = Surroundings(
            read=self._server.reader(self._run.cache, self._run.base),
            output=self._run.output,
            cache=self._run.cache,
            models=self._server.models,
            memory_budget_mb=self._run.memory_budget_mb,
            cancelled=self._cancelled.is_set,
            used=lambda *used: outbox.message(protocol.Used(job, *used)),
            said=lambda said: outbox.progress(protocol.Progressed(job, None, said)),
            told=dict(self._told),
        )
        self._context = Context(
            self._job, surroundings, device=device, small=small, note=note
        )
        return self._context

    def _advance(self, context: Context) -> None:
        """Take the runner from one result to the next, a turn on the device each."""
        loaders.current_check.set(context.check)
        started = time.perf_counter()
        runner: Runner = self._server.import_runner(self._run.runner)
        self._import_s = time.perf_counter() - started
        results = runner(self._job, context)
        if not isinstance(results, Generator):
            raise EarmarkError(
                f"The runner {self._run.runner} gave a {type(results).__name__}.",
                "A runner is a generator: it yields its progress and its results.",
            )
        turns = self._server.turns(context.device)
        with contextlib.closing(results):
            while True:
                with turns.turn(self._cancelled):
                    started = time.perf_counter()
                    try:
                        result = next(results)
                    except StopIteration:
                        return
                    finally:
                        self._run_s += time.perf_counter() - started
                context.check()
                self._deliver(result)

    def _deliver(self, result: Result) -> None:
        outbox, job = self._server.outbox, self._job.id
        if isinstance(result, Progress):
            fraction = result.fraction
            if fraction is not None:
                fraction = None if math.isnan(fraction) else min(max(fraction, 0), 1)
            outbox.progress(protocol.Progressed(job, fraction, result.message))
            return
        # Rubbish is this runner's failure, not the pipe's: find it here.
        try:
            if not isinstance(result, StoredResult):
                raise TypeError(f"a {type(result).__name__} is not among them")
            checked = protocol.decode(protocol.encode(protocol.Results(job, (result,))))
        except (protocol.ProtocolError, TypeError) as error:
            raise EarmarkError(
                f"The runner {self._run.runner} yielded what is no result: {error}.",
                "A runner yields Progress, Prediction, Text and AudioFile, and plain "
                "data in them.",
            ) from error
        assert isinstance(checked, protocol.Results)
        for found in checked.results:
            if isinstance(found, Prediction) and found.kind == "segments":
                self._kept_to = max(self._kept_to or 0, found.stop)
            if isinstance(found, Text):
                self._told[found.role] = found
            outbox.result(job, found)


class Together:
    """The jobs of a run on their way through the engine: together, or one by one.

    Of several that the runner works on, one that is cancelled has stopped at once: what
    comes of it is dropped. The last one stops when the runner does. Whatever goes wrong
    for all of them is tried again one by one, so that one input does not stop the
    others.
    """

    def __init__(self, run: protocol.Run, server: Server) -> None:
        self._run = run
        self._server = server
        self._lock = threading.Lock()
        self._waiting = {job.id: job for job in run.jobs}
        self._begun: dict[int, Job] = {}
        self._cancelled = threading.Event()

    def cancel(self, job: int) -> bool:
        """Let a job stop; tells whether it has."""
        with self._lock:
            if self._waiting.pop(job, None) is not None:
                return True
            if len(self._begun) > 1:
                return self._begun.pop(job, None) is not None
            if job in self._begun:
                self._cancelled.set()
            return False

    def run(self) -> None:
        """Run the jobs; the host is told of each how it ended."""
        jobs, cancelled = self._begin(len(self._run.jobs))
        for job in jobs:
            self._server.outbox.message(protocol.Started(job.id))
        while jobs:
            if len(jobs) > 1:
                self._run_together(jobs, cancelled)
            else:
                (job,) = jobs
                outcome = Execution(self._run, job, cancelled, self._server).outcome()
                self._server.models.release(job.id)
                self._server.tell_end(outcome)
            jobs, cancelled = self._begin(1)

    def _begin(self, count: int) -> tuple[list[Job], threading.Event]:
        """The next jobs, and what is set when none of them is wanted any more."""
        with self._lock:
            first = list(self._waiting)[:count]
            self._begun = {job: self._waiting.pop(job) for job in first}
            self._cancelled = threading.Event()
            return list(self._begun.values()), self._cancelled

    def _run_together(self, jobs: Sequence[Job], cancelled: threading.Event) -> None:
        try:
            self._advance(jobs, cancelled)
        except Cancelled:
            pass
        except BaseException:  # noqa: BLE001 - a runner may raise anything
            traceback.print_exc()
        # A model that one of them loaded was there for all.
        for job in jobs:
            self._server.models.release(job.id)
        with self._lock:
            left, self._begun = self._begun, {}
            if not cancelled.is_set():
                self._waiting, left = left, {}
        if self._waiting:
            loaders.give_memory_back()
        for key in left:
            self._server.tell_stopped(key)

    def _advance(self, jobs: Sequence[Job], cancelled: threading.Event) -> None:
        """Take the runner from one job's outcome to the next, a turn each.

        What is heard at once has outcomes that come at once. So each job is said to
        have taken its part, by its length, of the time that all so far have taken.
        """
        executions = {}
        for job in jobs:
            execution = Execution(self._run, job, cancelled, self._server)
            executions[execution.begin()] = execution
        contexts = list(executions)
        loaders.current_check.set(contexts[0].check)
        outcomes = self._server.import_runner(self._run.many)(contexts)
        turns = self._server.turns(contexts[0].device)
        spent_s = heard_s = 0.0
        with contextlib.closing(outcomes):
            while True:
                with turns.turn(cancelled):
                    started = time.perf_counter()
                    given = next(outcomes, None)
                    spent_s += time.perf_counter() - started
                if given is None:
                    return
                context, outcome = given
                execution = executions.pop(context)
                length_s = context.duration_s if context.job.input else 1.0
                heard_s += length_s
                part = length_s / heard_s if heard_s else 1.0
                loads_s = sum(each.load_s for each in contexts)
                run_s = context.load_s + part * (spent_s - loads_s)
                with self._lock:
                    wanted = self._begun.pop(context.job.id, None)
                if wanted is not None:
                    self._server.tell_end(execution.deliver(outcome, run_s))


def import_runner(name: str) -> Any:
    """Import "package.module:function".

    Raises
    ------
    EarmarkError
        If a library it needs is not installed, or there is no such function.
    """
    module, _, function = name.partition(":")
    try:
        runner = getattr(importlib.import_module(module), function)
    except ModuleNotFoundError as error:
        raise EarmarkError(
            f"The runner {name} needs the Python package {error.name}, which is not "
            "installed.",
            "Install it beside Earmark; `earmark[models]` has those of the built-in "
            "tasks.",
        ) from error
    except AttributeError as error:
        raise EarmarkError(
            f"There is no function {function!r} in the module {module}.",
            "Check the `runner` of the plugin's task.",
        ) from error
    assert callable(runner)
    return runner


def _describe(error: BaseException) -> str:
    """What a person reads about an error."""
    if isinstance(error, EarmarkError):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


class Server:
    """Runs jobs on worker threads, one for each task.

    Attributes
    ----------
    outbox : Outbox
    models : ModelCache
    """

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.models = loaders.ModelCache()
        self._lock = threading.Lock()
        self._importing = threading.Lock()
        self._turns: dict[str, Turns] = defaultdict(Turns)
        self._waiting: dict[str, queue.SimpleQueue[Together]] = {}
        self._jobs: dict[int, Together] = {}
        self._sources: dict[tuple[Path, Path | None], Sources] = {}

    def run(self, run: protocol.Run) -> None:
        """Give jobs to their task's worker."""
        together = Together(run, self)
        self._jobs |= {job.id: together for job in run.jobs}
        task = run.jobs[0].task
        if task not in self._waiting:
            waiting = self._waiting[task] = queue.SimpleQueue()
            threading.Thread(
                target=self._work, args=(waiting,), name=task, daemon=True
            ).start()
        self._waiting[task].put(together)

    def cancel(self, job: int) -> None:
        """Let a job stop at its next cancel point."""
        together = self._jobs.get(job)
        if together is None:
            return  # it ended while the host's message was on its way
        if together.cancel(job):
            self.tell_stopped(job)
            return
        with self._lock:
            lines = list(self._turns.values())
        for turns in lines:
            turns.wake()

    def tell_stopped(self, job: int) -> None:
        """Tell the host that a job stopped whose runner gave nothing of it."""
        self.tell_end(protocol.Stopped(job, Usage(memory_mb=loaders.resident_mb())))

    def tell_end(self, end: protocol.Done | protocol.Failed | protocol.Stopped) -> None:
        """Tell the host how a job ended."""
        del self._jobs[end.job]
        self.outbox.message(end)

    def import_runner(self, name: str) -> Any:
        """Import "package.module:function", on one thread at a time.

        Libraries whose modules import each other, such as transformers, are seen half
        made by a thread that imports one of them meanwhile.
        """
        with self._importing:
            return import_runner(name)

    def turns(self, device: str) -> Turns:
        """The line in front of a device."""
        with self._lock:
            return self._turns[device]

    def reader(self, cache: Path, base: Path | None) -> Read:
        """What renders the audio of a project's jobs, block by block."""
        # soundfile and soxr are not needed to be ready for the host.
        from earmark.audio import render
        from earmark.audio.sources import Sources

        with self._lock:
            sources = self._sources.get((cache, base))
            if sources is None:
                sources = self._sources[cache, base] = Sources(cache, base)

        def read(given: AudioInput, rate: int, flaws: Flaws) -> Iterator[Samples]:
            readers = sources.readers(given.sources)
            return render.input_blocks(
                given, rate, mono=True, readers=readers, flaws=flaws
            )

        return read

    def _work(self, waiting: queue.SimpleQueue[Together]) -> None:
        try:
            while True:
                waiting.get().run()
        except BaseException:  # noqa: BLE001 - a fault of the engine itself
            # The host hears of a process that ends, and never of a thread.
            traceback.print_exc()
            os._exit(1)


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Give the pipes from and to the host, out of every library's reach.

    What anything prints goes to standard error from now on, and nothing can read from
    standard input what is meant for the engine.
    """
    from_host = os.fdopen(os.dup(0), "rb")
    to_host = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return from_host, to_host


def _be_modest() -> None:
    """Let the window go first, for the processor and for the memory alike."""
    if sys.platform == "win32":
        import psutil

        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        return
    os.nice(NICENESS)
    with contextlib.suppress(OSError):
        # When memory runs out, Linux shall end this process and not the window.
        Path("/proc/self/oom_score_adj").write_text("800", encoding="ascii")


def main() -> NoReturn:
    """Serve the host at the other end of standard input until that closes."""
    os.environ.update(protocol.ENVIRONMENT)
    from_host, to_host = _take_pipes()
    faulthandler.enable(all_threads=False)
    # Ctrl+C in a terminal reaches the command line, which cancels its jobs.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    _be_modest()
    outbox = Outbox(to_host)
    server = Server(outbox)
    outbox.message(protocol.Ready(os.getpid()))
    code = 0
    try:
        for line in from_host:
            match protocol.decode(line):
                case protocol.Run() as run:
                    server.run(run)
                case protocol.Cancel(job):
                    server.cancel(job)
                case other:
                    raise protocol.ProtocolError(f"{other!r:.80} is not for the engine")
    except protocol.ProtocolError:
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    # No goodbye: workers may be deep inside a model, and the host keeps all results.
    os._exit(code)
