"""The jobs of a project: what waits, what runs, and what was found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earmark.core import records
from earmark.core.contents import Contents
from earmark.core.database import Database, json_list
from earmark.core.errors import EarmarkError
from earmark.core.records import StoredResult
from earmark.core.tasks import AudioFile, Job, JobState, Usage


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """What the order of the queue depends on.

    Attributes
    ----------
    id : int
    task : str
    batch : int or None
    length_s : float or None
        Seconds of audio that it works on; None without audio.
    """

    id: int
    task: str
    batch: int | None
    length_s: float | None


class Jobs(Contents):
    """The half of a `Project` that is about jobs, none of which is in the history.

    Attributes
    ----------
    read_only : bool
    """

    def __init__(self, folder: Path, database: Database, *, read_only: bool) -> None:
        super().__init__(folder, database)
        self.read_only = read_only

    def job(self, job: int) -> Job:
        """One job, also one that was removed from the queue after it was accepted.

        Raises
        ------
        EarmarkError
            If it is not there.
        """
        row = self._row(records.SELECT_JOBS, job, "job")
        return records.job_from_row(row, self.folder)

    def jobs(self, *, removed: bool = False) -> list[Job]:
        """The jobs of the queue in order; also those `removed` from it, if asked for.

        Of the latter there are those whose results had been accepted.
        """
        rows = self._database.rows(
            f"{records.SELECT_JOBS} WHERE removed <= ? ORDER BY position",
            (int(removed),),
        )
        return [records.job_from_row(row, self.folder) for row in rows]

    def jobs_by_id(self, jobs: Iterable[int]) -> dict[int, Job]:
        """Those of some jobs that are there."""
        rows = self._database.rows(
            f"{records.SELECT_JOBS} WHERE {records.LISTED}", (json_list(jobs),)
        )
        return {row[0]: records.job_from_row(row, self.folder) for row in rows}

    def job_ids(self) -> list[int]:
        """The ids of the jobs of the queue, in order."""
        rows = self._database.rows(
            "SELECT id FROM jobs WHERE removed = 0 ORDER BY position"
        )
        return [key for (key,) in rows]

    def waiting_jobs(self) -> list[WaitingJob]:
        """The jobs that wait, in order."""
        rows = self._database.rows(
            "SELECT id, task, batch, CASE WHEN json_valid(input) THEN"
            " (input ->> '$.stop' - input ->> '$.start') * 1.0 / (input ->> '$.rate')"
            " END FROM jobs WHERE removed = 0 AND state = 'waiting' ORDER BY position"
        )
        return [WaitingJob(*row) for row in rows]

    def tasks_in(self, state: JobState) -> list[str]:
        """The tasks of those jobs of the queue that are in a state."""
        rows = self._database.rows(
            "SELECT task FROM jobs WHERE removed = 0 AND state = ?", (state,)
        )
        return [task for (task,) in rows]

    def unfinished_of_batch(self, batch: int) -> bool:
        """Whether any of the jobs that were given together waits or runs."""
        found = self._database.value(
            "SELECT EXISTS (SELECT 1 FROM jobs WHERE batch = ? AND removed = 0"
            " AND state IN ('waiting', 'running'))",
            (batch,),
        )
        return bool(found)

    def job_task(self, job: int) -> str | None:
        """The id of a job's task; None if the job is not there."""
        task: str | None = self._database.value(
            "SELECT task FROM jobs WHERE id = ?", (job,)
        )
        return task

    def job_state(self, job: int) -> JobState:
        """Where a job stands; `job` also tells the rest, which takes longer.

        Raises
        ------
        EarmarkError
            If it is not there.
        """
        (state,) = self._row("SELECT state FROM jobs", job, "job")
        return JobState(state)

    def has_results(self, job: int) -> bool:
        """Whether a job gave anything."""
        return bool(self.jobs_with_results([job]))

    def jobs_with_results(self, jobs: Iterable[int]) -> set[int]:
        """Those of some jobs that gave anything."""
        rows = self._database.rows(
            "SELECT DISTINCT job FROM results"
            " WHERE job IN (SELECT value FROM json_each(?))",
            (json_list(jobs),),
        )
        return {job for (job,) in rows}

    def results(self, job: int) -> list[StoredResult]:
        """What `add_results` stored for a job, in order."""
        return self.results_of([job])[job]

    def results_of(self, jobs: Iterable[int]) -> dict[int, list[StoredResult]]:
        """What `add_results_of` stored for jobs, of each in order."""
        found: dict[int, list[StoredResult]] = {job: [] for job in jobs}
        for job, kind, value in self._database.rows(
            "SELECT job, kind, value FROM results"
            " WHERE job IN (SELECT value FROM json_each(?)) ORDER BY id",
            (json_list(found),),
        ):
            found[job].append(records.decode_result(kind, value, self.folder))
        return found

    def audio_results(self, jobs: Iterable[int]) -> list[AudioFile]:
        """The audio files that jobs gave."""
        rows = self._database.rows(
            "SELECT value FROM results"
            " WHERE kind = ? AND job IN (SELECT value FROM json_each(?)) ORDER BY id",
            (records.AUDIO, json_list(jobs)),
        )
        found = (
            records.decode_result(records.AUDIO, value, self.folder)
            for (value,) in rows
        )
        return [result for result in found if isinstance(result, AudioFile)]

    def add_job(self, job: Job) -> int:
        """Store a job at the end of the queue; gives its id. Its own id is ignored."""
        return self.add_jobs([job])[0]

    def add_jobs(self, jobs: Sequence[Job]) -> list[int]:
        """Store jobs at the end of the queue, all or none; gives their ids."""
        self._check_writable()
        if not jobs:
            return []
        rows = list(records.job_rows(jobs, self.folder))
        with self._database.transaction():
            last = self._database.value("SELECT coalesce(max(position), 0) FROM jobs")
            self._database.run_many(
                records.INSERT_JOB,
                ((position, *row) for position, row in enumerate(rows, start=last + 1)),
            )
            newest = self._database.value("SELECT last_insert_rowid()")
        return list(range(newest - len(rows) + 1, newest + 1))

    def new_batch(self) -> int:
        """A number that no jobs have been given together under yet."""
        batch = int(self._database.fact("batches") or 0) + 1
        self._database.set_fact("batches", str(batch))
        return batch

    def update_job(self, job: int, **fields: Any) -> Job:
        """Change fields of a job; gives it as it is then."""
        self.update_jobs([job], **fields)
        return self.job(job)

    def update_jobs(self, jobs: Sequence[int], **fields: Any) -> None:
        """Change fields of jobs, of all or none."""
        self._check_writable()
        unknown = set(fields) - set(records.JOB_FIELDS[1:])
        if unknown:
            raise TypeError(f"a job has no {', '.join(sorted(unknown))}")
        values = records.job_values(self.folder, fields)
        columns = ", ".join(f"{column} = ?" for column in values)
        with self._database.transaction():
            changed = self._database.run(
                f"UPDATE jobs SET {columns} WHERE {records.LISTED}",  # noqa: S608
                (*values.values(), json_list(jobs)),
            )
            if changed != len(set(jobs)):
                raise EarmarkError("A job is not there any more.")

    def end_jobs(self, usages: Mapping[int, Usage], state: JobState) -> None:
        """Say that jobs have ended, and what each took; of all or none."""
        alike: defaultdict[Usage, list[int]] = defaultdict(list)
        for job, usage in usages.items():
            alike[usage].append(job)
        with self._database.transaction():
            for usage, jobs in alike.items():
                self.update_jobs(jobs, state=state, usage=usage)

    def move_job(self, job: int, before: int | None) -> None:
        """Put a job before another one in the queue, or at its end."""
        self._check_writable()
        if job == before:
            return
        for key in (job,) if before is None else (job, before):
            self.job_state(key)  # raises what says that it is gone
        order = [
            key
            for (key,) in self._database.rows("SELECT id FROM jobs ORDER BY position")
            if key != job
        ]
        order.insert(len(order) if before is None else order.index(before), job)
        with self._database.transaction():
            self._database.run_many(
                "UPDATE jobs SET position = ? WHERE id = ?",
                list(enumerate(order, start=1)),
            )

    def remove_jobs(self, *jobs: int) -> None:
        """Take jobs and their results out of the queue.

        If its results were accepted, `job` still gives one: what made a label stays
        known.
        """
        self._check_writable()
        chosen = (json_list(jobs),)
        with self._database.transaction():
            self._database.run(
                "DELETE FROM results WHERE job IN (SELECT value FROM json_each(?))",
                chosen,
            )
            self._database.run(
                f"DELETE FROM jobs WHERE {records.LISTED} AND accepted = 0",  # noqa: S608 - own words
                chosen,
            )
            self._database.run(
                f"UPDATE jobs SET removed = 1 WHERE {records.LISTED}",  # noqa: S608
                chosen,
            )

    def add_results(self, job: int, results: Sequence[StoredResult]) -> None:
        """Store what a job gave so far; all of it is safe when this returns."""
        self.add_results_of({job: results})

    def add_results_of(self, found: Mapping[int, Sequence[StoredResult]]) -> None:
        """Store what several jobs gave; all of it is safe when this returns."""
        self._check_writable()
        with self._database.transaction():
            for job, results in found.items():
                self.job_state(job)  # raises what says that it is gone
                self._database.run_many(
                    "INSERT INTO results (job, kind, value) VALUES (?, ?, ?)",
                    [
                        (job, *records.encode_result(result, self.folder))
                        for result in results
                    ],
                )

    def clear_results(self, job: int) -> None:
        """Forget what a job gave."""
        self._check_writable()
        self._database.run("DELETE FROM results WHERE job = ?", (job,))

    def replace_results(self, job: int, results: Sequence[StoredResult]) -> None:
        """Keep this of what a job gave, and nothing else."""
        with self._database.transaction():
            self.clear_results(job)
            self.add_results(job, results)

    def _check_writable(self) -> None:
        if self.read_only:
            raise EarmarkError(
                f"The project {self.name} is open read-only.",
                "Save it under another name to change it.",
            )
