"""What is told of jobs, and how far they are."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from earmark.core.tasks import Job, JobState, Usage
from earmark.engine import protocol
from earmark.engine.client import ExitReason
from earmark.engine.protocol import StoredResult

EventKind = Literal["added", "state", "progress", "results", "removed"]


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Something that happened to a job, or to several alike.

    Attributes
    ----------
    jobs : tuple of int
        Several are told of together if they were "added" or "removed", or came into one
        state, in one go; each of them is then treated as if it were told of alone.
    kind : {"added", "state", "progress", "results", "removed"}
    state : JobState or None
        For "added" and "state": where they stand now.
    new_results : tuple
        For "results": what came, stored already.
    """

    jobs: tuple[int, ...]
    kind: EventKind
    state: JobState | None = None
    new_results: tuple[StoredResult, ...] = ()

    @property
    def job(self) -> int:
        """The job, for what is told of one at a time: its progress and results."""
        return self.jobs[0]


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a job is.

    Attributes
    ----------
    fraction : float or None
        0 to 1 of the whole input, also for a job that was resumed; None if it cannot
        be told.
    message : str
    eta_s : float or None
        Seconds that are left, once that can be told.
    """

    fraction: float | None = None
    message: str = ""
    eta_s: float | None = None


class Engine(Protocol):
    """What the queue needs of `EngineClient`."""

    def run(self, run: protocol.Run) -> None: ...
    def cancel(self, job: int) -> None: ...
    def kill(self) -> None: ...
    def close(self) -> None: ...


class EngineFactory(Protocol):
    """Makes an engine; `EngineClient` itself is one."""

    def __call__(
        self,
        *,
        on_message: Callable[[protocol.FromEngine], None],
        on_exit: Callable[[ExitReason], None],
    ) -> Engine: ...


@dataclass(slots=True)
class Running:
    """What is known of a job in the engine beyond its row."""

    job: Job
    title: str
    together: bool = False
    """Its engine works on others of its batch at the same time."""
    started: bool = False
    usage: Usage = field(default_factory=Usage)
    progress: JobProgress = field(default_factory=JobProgress)
    first_fraction: tuple[float, float] | None = None
    """When it was first told how far it is, and how far that was."""
    fault: str = ""
    """Why it will have failed when the engine has stopped it."""


def progress_of(running: Running, fraction: float | None, text: str) -> JobProgress:
    """How far a job is, from how far it is with what it hears."""
    if fraction is None:
        return JobProgress(running.progress.fraction, text)
    now = time.monotonic()
    if running.first_fraction is None:
        running.first_fraction = (now, fraction)
    then, first = running.first_fraction
    eta_s = None
    if fraction > first:
        eta_s = (now - then) * (1 - fraction) / (fraction - first)
    given, resumed = running.job.input, running.job.resume_frame
    if given is not None and resumed is not None and given.stop > given.start:
        kept = (resumed - given.start) / (given.stop - given.start)
        fraction = kept + fraction * (1 - kept)
    return JobProgress(fraction, text, eta_s)
