"""The engine seen from the host: starting it, telling it, and ending it.

Nothing here waits for the engine on the caller's thread. A thread of each engine
process starts it and writes to it, another reads what it says.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING, Any

from earmark.core.tasks import Usage
from earmark.engine import protocol

if TYPE_CHECKING:
    import psutil

GRACE_S = 2.0
"""How long a cancelled job may take to its next cancel point."""

KEEP_MB = 64.0
"""An engine that had grown by more than this is ended after a cancel if nothing else
runs in it: only the end of a process gives its memory back for certain."""

_STDERR_BYTES = 8192

_MB = 1 << 20


@dataclass(frozen=True, slots=True)
class ExitReason:
    """Why an engine ended although it still had jobs.

    Attributes
    ----------
    message : str
        One sentence for the row of a job that was lost.
    output : str
        The end of what the engine wrote to standard error.
    jobs : tuple of int
        The jobs it had.
    asked : bool
        The host killed it to stop another job; these jobs are not to blame.
    was_ready : bool
        It had come up.
    """

    message: str
    output: str
    jobs: tuple[int, ...]
    asked: bool
    was_ready: bool


@dataclass(slots=True)
class _Stopping:
    """A job on its way to its end after it was cancelled."""

    asked_at: float
    memory_mb: float
    timer: threading.Timer
    usage: Usage = field(default_factory=Usage)


@dataclass(slots=True, eq=False)
class _Process:
    """One engine process, its jobs, and the lines that wait to be written to it."""

    lines: queue.SimpleQueue[bytes | None] = field(default_factory=queue.SimpleQueue)
    popen: subprocess.Popen[bytes] | None = None
    killed: bool = False
    ready: bool = False
    observed: psutil.Process | None = None
    fault: str = ""
    base_mb: float = 0.0
    jobs: set[int] = field(default_factory=set)
    stopping: dict[int, _Stopping] = field(default_factory=dict)
    ended: threading.Event = field(default_factory=threading.Event)

    def memory_mb(self) -> float:
        """Resident memory; 0 if it does not run."""
        if self.observed is None:
            return 0.0
        import psutil

        try:
            return float(self.observed.memory_info().rss) / _MB
        except psutil.Error:
            return 0.0

    def kill(self) -> None:
        """End it and what it may have started, without waiting."""
        self.killed = True
        popen = self.popen
        if popen is None or popen.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            if sys.platform == "win32":
                popen.kill()
            else:
                os.killpg(popen.pid, signal.SIGKILL)


def engine_command() -> list[str]:
    """What starts an engine, from the frozen program or from Python."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "--engine"]
    # -P: a file named like a library in the current folder is not imported for it.
    return [sys.executable, "-P", "-m", "earmark", "--engine"]


class EngineClient:
    """One engine, started when it is first needed and again after its end.

    Parameters
    ----------
    on_message : callable
        Told each message of the engine about its jobs. Of a cancelled job only the
        `Stopped` matters: it comes once, whether the job stopped or was killed.
    on_exit : callable
        Told when an engine ended that had jobs. Both are called on other threads.
    environment : mapping, optional
        Added to this process's environment.
    command : sequence of str, optional
        Starts the engine.
    grace_s : float
        How long a cancelled job may take to stop before its engine is killed.
    keep_mb : float
        An engine that had grown by more is ended after a cancel when it is idle.
    """

    def __init__(
        self,
        *,
        on_message: Callable[[protocol.FromEngine], None],
        on_exit: Callable[[ExitReason], None],
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] | None = None,
        grace_s: float = GRACE_S,
        keep_mb: float = KEEP_MB,
    ) -> None:
        self._on_message = on_message
        self._on_exit = on_exit
        self._environment = dict(environment or {})
        self._command = list(command or engine_command())
        self._grace_s = grace_s
        self._keep_mb = keep_mb
        self._lock = threading.RLock()
        self._process: _Process | None = None
        self._living: set[_Process] = set()

    def start(self) -> None:
        """Start the engine unless it runs; returns before it is up."""
        with self._lock:
            if self._process is None:
                self._process = process = _Process()
                self._living.add(process)
                threading.Thread(
                    target=self._write, args=(process,), name="engine-in", daemon=True
                ).start()

    def run(self, run: protocol.Run) -> None:
        """Have jobs run."""
        line = protocol.encode(run)
        with self._lock:
            self.start()
            assert self._process is not None
            self._process.jobs.update(job.id for job in run.jobs)
            self._process.lines.put(line)

    def cancel(self, job: int) -> None:
        """Stop a job: at its next cancel point or, after a grace, with the engine."""
        with self._lock:
            process = self._process
            if process is None or job not in process.jobs or job in process.stopping:
                return
            timer = threading.Timer(self._grace_s, self._lose_patience, [process, job])
            timer.daemon = True
            process.stopping[job] = _Stopping(
                time.monotonic(), process.memory_mb(), timer
            )
            process.lines.put(protocol.encode(protocol.Cancel(job)))
            timer.start()

    def kill(self) -> None:
        """End the engine now, without waiting and without a word about its jobs."""
        with self._lock:
            process = self._process
            if process is not None:
                self._retire(process)
                self._forget_jobs(process)

    def close(self) -> None:
        """End the engine and wait for its end, a few milliseconds."""
        self.kill()
        with self._lock:
            living = list(self._living)
        for process in living:
            process.ended.wait(5.0)

    @property
    def alive(self) -> bool:
        """Whether an engine runs or is being started."""
        return self._process is not None

    @property
    def pid(self) -> int | None:
        """The engine's process id; None if there is none yet."""
        process = self._process
        if process is None or process.popen is None:
            return None
        return process.popen.pid

    def memory_mb(self) -> float:
        """Resident memory of the engine; 0 if there is none."""
        process = self._process
        return 0.0 if process is None else process.memory_mb()

    def _retire(self, process: _Process) -> None:
        """Kill a process; the next job gets a new one."""
        with self._lock:
            if self._process is process:
                self._process = None
            process.kill()
            process.lines.put(None)

    def _forget_jobs(self, process: _Process) -> None:
        with self._lock:
            for stopping in process.stopping.values():
                stopping.timer.cancel()
            process.stopping.clear()
            process.jobs.clear()

    def _lose_patience(self, process: _Process, job: int) -> None:
        with self._lock:
            if job in process.stopping:
                self._retire(process)

    def _write(self, process: _Process) -> None:
        """Start the process and pass on what it is told.

        This thread lives as long as the process: Linux ends a child that asked for it
        when the *thread* that started it ends.
        """
        try:
            popen = self._spawn()
        except OSError as error:
            process.fault = f"The engine could not be started: {error}."
            self._end(process, "")
            return
        with self._lock:
            process.popen = popen
            if process.killed:
                process.kill()
        threading.Thread(
            target=self._read, args=(process, popen), name="engine-out", daemon=True
        ).start()
        assert popen.stdin is not None
        with contextlib.suppress(OSError), popen.stdin as pipe:
            while (line := process.lines.get()) is not None:
                pipe.write(line)
                pipe.flush()
        process.ended.wait()

    def _spawn(self) -> subprocess.Popen[bytes]:
        new_group: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
            new_group = {"creationflags": flags}
        return subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | protocol.ENVIRONMENT | self._environment,
            # Ctrl+C in a terminal is not for it, and what it starts is ended with it.
            **new_group,
        )

    def _read(self, process: _Process, popen: subprocess.Popen[bytes]) -> None:
        """Pass on what the process says until its end."""
        assert popen.stdout is not None
        assert popen.stderr is not None
        output = _Tail(popen.stderr)
        try:
            with popen.stdout as lines:
                for line in lines:
                    message = protocol.decode(line)
                    if isinstance(message, protocol.ToEngine):
                        raise protocol.ProtocolError(f"{message!r:.80} is for it")
                    self._receive(process, message, output)
        except protocol.ProtocolError as error:
            process.fault = f"The engine said what cannot be read: {error}."
            process.kill()
        finally:
            try:
                popen.wait(1.0)
            except subprocess.TimeoutExpired:
                process.fault = "The engine closed its output and was ended."
                process.kill()
                popen.wait()
            self._end(process, output.text())

    def _receive(
        self, process: _Process, message: protocol.FromEngine, output: _Tail
    ) -> None:
        """Pass a message on, unless its job is on its way out."""
        if isinstance(message, protocol.Ready):
            import psutil  # 10 ms that the window's start can do without

            process.ready = True
            with contextlib.suppress(psutil.NoSuchProcess):
                process.observed = psutil.Process(message.pid)
            process.base_mb = process.memory_mb()
            return
        if isinstance(message, protocol.Started) and len(process.jobs) == 1:
            output.clear()  # what earlier jobs wrote does not explain this one's end
        last = protocol.Done | protocol.Failed | protocol.Stopped
        with self._lock:
            stopping = process.stopping.get(message.job)
            if isinstance(message, last):
                process.jobs.discard(message.job)
            if stopping is not None:
                if isinstance(message, last):
                    stopping.usage = message.usage
                    self._stopped(process, message.job, stopping)
                return
        self._on_message(message)

    def _stopped(self, process: _Process, job: int, stopping: _Stopping) -> None:
        """A job stopped by itself; end its engine too if that holds much memory."""
        stopping.timer.cancel()
        held_mb = max(stopping.memory_mb, process.memory_mb()) - process.base_mb
        if not process.jobs and held_mb > self._keep_mb:
            self._retire(process)  # its end tells of the job
        else:
            del process.stopping[job]
            self._tell_stopped(job, stopping, process.memory_mb())

    def _tell_stopped(self, job: int, stopping: _Stopping, memory_mb: float) -> None:
        usage = replace(
            stopping.usage,
            memory_mb=memory_mb,
            freed_mb=max(0.0, stopping.memory_mb - memory_mb),
            stop_s=time.monotonic() - stopping.asked_at,
        )
        self._on_message(protocol.Stopped(job, usage))

    def _end(self, process: _Process, output: str) -> None:
        """A process is gone: tell of the jobs it stopped and of those it lost."""
        with self._lock:
            if self._process is process:
                self._process = None
            stopped = dict(process.stopping)
            lost = tuple(sorted(process.jobs - stopped.keys()))
            self._forget_jobs(process)
        for job, stopping in stopped.items():
            self._tell_stopped(job, stopping, 0.0)
        if lost:
            asked = process.killed and not process.fault
            message = process.fault or _exit_message(process.popen)
            self._on_exit(ExitReason(message, output, lost, asked, process.ready))
        with self._lock:
            self._living.discard(process)
        process.lines.put(None)
        process.ended.set()


class _Tail:
    """The end of what a pipe brings, read on a thread of its own."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._kept = b""
        self._thread = threading.Thread(
            target=self._read, name="engine-err", daemon=True
        )
        self._thread.start()

    def _read(self) -> None:
        with self._pipe:
            while chunk := os.read(self._pipe.fileno(), 4096):
                self._kept = (self._kept + chunk)[-_STDERR_BYTES:]

    def clear(self) -> None:
        """Forget what came so far."""
        self._kept = b""

    def text(self) -> str:
        """What there is, once the pipe has closed."""
        self._thread.join(1.0)
        return self._kept.decode("utf-8", "replace")


_SIGNALS = {
    "SIGKILL": "something killed it, perhaps the system because memory ran out",
    "SIGSEGV": "a fault in native code",
    "SIGBUS": "a fault in native code, or a file that shrank while it was read",
    "SIGABRT": "native code gave up",
    "SIGILL": "native code that this processor cannot run",
    "SIGFPE": "a fault in native code",
}


def _exit_message(popen: subprocess.Popen[bytes] | None) -> str:
    """Why a process ended, in one sentence."""
    code = popen.returncode if popen is not None else None
    if code is None:
        return "The engine is gone."
    if code >= 0:
        return (
            f"The engine ended with exit code {code:#x}."
            if code > 255
            else (f"The engine ended with exit code {code}.")
        )
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    because = _SIGNALS.get(name)
    return f"The engine ended by {name}" + (f": {because}." if because else ".")
