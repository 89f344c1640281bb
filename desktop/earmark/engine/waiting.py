"""The jobs that wait, in order, and which of them may run next."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from earmark.core.jobs import WaitingJob
from earmark.core.project import Project

TOGETHER = 64
TOGETHER_S = 600.0
SHORT_S = 60.0
"""Up to so many inputs of a batch, each no longer than `SHORT_S`, run together where a
task can do that; a longer one is followed segment by segment."""


class Waiting:
    """What waits in a project, as its rows say.

    It is kept beside them, since it is asked for after each word of the engine. Jobs
    that waited when the project was opened are held until `let_go`.

    Parameters
    ----------
    project : Project
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._alone: set[int] = set()
        self._held = {job.id for job in project.waiting_jobs()}
        self.read()

    def __contains__(self, job: int) -> bool:
        return job in self._jobs

    def read(self) -> None:
        """Learn anew what waits, and in which order."""
        self._jobs: dict[int, WaitingJob] = {}
        self._free: dict[str, dict[int, WaitingJob]] = {}
        self.add(self._project.waiting_jobs())

    def add(self, jobs: Iterable[WaitingJob]) -> None:
        """Let jobs wait behind all others."""
        for job in jobs:
            self._jobs[job.id] = job
            if job.id not in self._held:
                self._free.setdefault(job.task, {})[job.id] = job

    def take(self, jobs: Iterable[int]) -> list[int]:
        """Let jobs wait no longer; gives those that did."""
        taken = [job for key in jobs if (job := self._jobs.pop(key, None))]
        for job in taken:
            self._held.discard(job.id)
            free = self._free.get(job.task, {})
            free.pop(job.id, None)
            if not free:
                self._free.pop(job.task, None)
        return [job.id for job in taken]

    def let_go(self) -> None:
        """Hold no job any longer."""
        self._held.clear()
        self.read()

    def keep_apart(self, job: int) -> None:
        """Run a job with no other from now on."""
        self._alone.add(job)

    def firsts(self, busy: Collection[str]) -> dict[str, int]:
        """Of each task that is not busy the first job that may run."""
        return {
            task: next(iter(jobs))
            for task, jobs in self._free.items()
            if task not in busy
        }

    def together(self, first: int) -> list[int]:
        """A job that may run and those of its batch that can run in one go with it."""
        wanted = self._jobs[first]
        chosen: list[int] = []
        total_s = 0.0
        for job in self._free[wanted.task].values():
            if (
                job.batch is None
                or job.batch != wanted.batch
                or job.length_s is None
                or job.id in self._alone
                or job.length_s > SHORT_S
                or total_s + job.length_s > TOGETHER_S
            ):
                continue
            total_s += job.length_s
            chosen.append(job.id)
            if len(chosen) == TOGETHER:
                break
        return chosen if first in chosen else [first]
