"""The project: sources, clips, labels, takes and jobs, and the history of edits.

One SQLite database holds all of it. An edit is a transaction whose changeset, recorded
by SQLite's session extension, is stored in the history within the same transaction:
undo applies it inverted, redo applies it again, and the views are told which rows it
names. So an edit that returned survives the end of the process, and so does its undo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
from filelock import FileLock

from earmark.core import records, storage
from earmark.core.clips import Source
from earmark.core.contents import Fragment, FragmentTrack
from earmark.core.database import (
    HISTORY_BYTES,
    Change,
    ChangeKind,
    Database,
    HistoryEntry,
    ProjectCorrupt,
    ProjectInUse,
    ProjectTooNew,
    json_list,
)
from earmark.core.edit import Edit
from earmark.core.errors import EarmarkError
from earmark.core.jobs import Jobs
from earmark.core.listeners import Listeners
from earmark.core.orphans import remove_orphans
from earmark.core.records import StoredText
from earmark.core.results import AcceptedResults, accept
from earmark.core.sources import (
    Step,
    check_content,
    copy_source,
    hash_file,
    unwatched,
)
from earmark.core.storage import Salvaged
from earmark.core.tasks import AudioFile, JobState, Usage

__all__ = [
    "AcceptedResults",
    "Change",
    "ChangeKind",
    "Edit",
    "Fragment",
    "FragmentTrack",
    "HistoryEntry",
    "Project",
    "ProjectCorrupt",
    "ProjectInUse",
    "ProjectTooNew",
    "Salvaged",
    "StoredText",
    "hash_file",
]


class Project(Jobs):
    """An open project; made by `create`, `open` or `salvage`, to be closed.

    All methods are called on one thread. Those that change anything raise an
    `EarmarkError` in a project that is open read-only, and `ProjectCorrupt` is raised
    wherever the file turns out to be damaged.

    Attributes
    ----------
    folder : Path
        Absolute; its name ends in `.earmark`.
    read_only : bool
    salvaged : Salvaged or None
        What could be read, if it is damaged.
    """

    def __init__(
        self,
        folder: Path,
        connection: apsw.Connection,
        lock: FileLock | None,
        *,
        history_bytes: int = HISTORY_BYTES,
    ) -> None:
        path = folder / storage.DATABASE
        database = Database(connection, path, history_bytes)
        super().__init__(folder, database, read_only=lock is None)
        self.salvaged: Salvaged | None = None
        self._lock = lock
        self._history_bytes = history_bytes
        self._closed = False
        self._in_bulk = False
        self._listeners: Listeners[[Change]] = Listeners()

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        untitled: bool = False,
        history_bytes: int = HISTORY_BYTES,
    ) -> Project:
        """Make a new project and open it.

        Parameters
        ----------
        folder : Path
            `.earmark` is added if missing. It must not exist, or be empty.
        untitled : bool
            The person has not named it yet: `save_as` moves it instead of copying it.
        history_bytes : int
            How much of the history is kept; see `history`.
        """
        folder = storage.project_folder(folder)
        storage.make(folder)
        project = cls.open(folder, history_bytes=history_bytes)
        if untitled:
            project._database.set_fact("untitled", "yes")
        return project

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        read_only: bool = False,
        history_bytes: int = HISTORY_BYTES,
    ) -> Project:
        """Open a project; jobs that ran when the program ended become interrupted.

        Trials are gone, whatever became of them.

        Raises
        ------
        ProjectInUse
            Another process, or another part of this one, has it open for writing; it
            can still be opened read-only.
        ProjectTooNew
            A newer version of Earmark made it.
        ProjectCorrupt
            It is damaged; `salvage` opens what can be read.
        EarmarkError
            It is not a project, or cannot be read.
        """
        folder = storage.existing_folder(folder)
        if read_only:
            return cls(folder, storage.connect(folder, read_only=True), None)
        connection, lock = storage.take(folder)
        project = cls(folder, connection, lock, history_bytes=history_bytes)
        try:
            project._database.run("DELETE FROM jobs WHERE trial")
            project._database.run(
                "UPDATE jobs SET state = ? WHERE state = ?",
                (str(JobState.INTERRUPTED), str(JobState.RUNNING)),
            )
            remove_orphans(project._database, project.audio_folder)
        except BaseException:
            project.close()
            raise
        return project

    @classmethod
    def salvage(cls, folder: Path) -> Project:
        """Open what can be read of a damaged project, read-only and without history.

        The project's own files are left exactly as they are; `save_as` makes a project
        of what was saved, and `salvaged` says what that is.
        """
        folder = storage.existing_folder(folder)
        connection, found = storage.salvage(folder)
        project = cls(folder, connection, None)
        project.salvaged = found
        return project

    @property
    def audio_folder(self) -> Path:
        """Where recorded, generated and collected audio is kept."""
        return self.folder / storage.AUDIO

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @property
    def untitled(self) -> bool:
        """Whether the person has not given it a name and a place yet."""
        return self._database.fact("untitled") is not None

    def close(self) -> None:
        """Give the project free; everything is stored already."""
        if not self._closed:
            self._closed = True
            self._release()

    def beside(self) -> Project:
        """The same project through a connection of its own, for one other thread.

        Long work on it does not hold up the thread of this one. It is asked for on this
        thread, used and closed on that one. Its edits are steps of the same history,
        and the `Change` that its listeners get is for `take_in` of this one.
        """
        connection = storage.connect_beside(
            self._database.connection, self.folder, read_only=self.read_only
        )
        other = Project(
            self.folder, connection, None, history_bytes=self._history_bytes
        )
        other.read_only = self.read_only
        return other

    def take_in(self, change: Change) -> None:
        """Tell the listeners of an edit that was made `beside` this project."""
        self._publish(change)

    def save_as(self, folder: Path) -> None:
        """Go on in another folder: an untitled project is moved, any other copied.

        The paths of sources inside the project change with it. On failure the project
        stays open where it is. What takes long of it can be done `beside`: it is
        `move_to` and, unless that moved it, `copy_to` and `go_on_in`.

        Raises
        ------
        EarmarkError
            If the folder exists and is not empty, or cannot be written.
        """
        if not self.move_to(folder):
            self.copy_to(folder)
            self.go_on_in(folder)

    def move_to(self, folder: Path) -> bool:
        """Move an untitled project; False, and nothing done, if it has to be copied.

        That is one with a name, or one that goes to another disk.

        Raises
        ------
        EarmarkError
            As `save_as`.
        """
        target = self._target(folder)
        if self._lock is None or not self.untitled or not self._move(target):
            return False
        self._settle_down()
        return True

    def copy_to(self, folder: Path, step: Step = unwatched) -> None:
        """Copy the project, as it is now, with the audio in its folder.

        Raises
        ------
        EarmarkError
            As `save_as`; nothing is left behind then.
        """
        target = self._target(folder)
        storage.copy(self._database.connection, self.folder, target, step)

    def go_on_in(self, folder: Path) -> None:
        """Leave the folder for the copy that `copy_to` made of it.

        What was stored since then comes along. The folder of an untitled project is
        removed.
        """
        target, left = self._target(folder), self.folder
        move = self._lock is not None and self.untitled
        storage.bring_up_to_date(self._database.connection, target)
        connection, lock = storage.take(target)
        self._release()
        self._take_over(target, connection, lock)
        if move:
            storage.remove(left)
        self._settle_down()

    def set_view(self, key: str, value: dict[str, Any]) -> None:
        """Keep the state of a view, outside the history.

        In a read-only project it lasts until that is closed.
        """
        if self.read_only:
            self._unsaved_views[key] = value
            return
        self._database.run(
            "INSERT INTO views VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET value = excluded.value",
            (key, records.encode(value)),
        )

    @contextmanager
    def edit(self, title: str, *, batch: int | None = None) -> Iterator[Edit]:
        """One edit: all of the block is stored as one step of the history, or none.

        An exception in the block takes everything in it back and is raised again. A
        block without effect leaves no step. Edits do not nest: pass the `Edit` on to
        the functions that take part.

        Parameters
        ----------
        title : str
        batch : int, optional
            Edits of one batch that follow each other are one step of the history.

        Raises
        ------
        RuntimeError
            If an edit is under way.

        Examples
        --------
        >>> with project.edit("Delete") as edit:
        ...     edit.delete(clip.id, start, stop)
        """
        self._check_writable()
        self._check_no_edit()
        with self._database.recorded(title, batch) as recording:
            self._editing = True
            try:
                yield Edit(self, self._database)
            finally:
                self._editing = False
        if recording.change is not None:
            self._publish(recording.change)

    @property
    def stores_in_bulk(self) -> bool:
        """Whether a block of `in_bulk` is under way: nobody waits for single edits."""
        return self._in_bulk

    @contextmanager
    def in_bulk(self) -> Iterator[None]:
        """Store much in little time; it is all safe when the block is left.

        Within the block, what is stored survives the end of the program, however that
        comes. So do results that were accepted, and all that was stored before them,
        the loss of power; it may take back what came after them, and leaves no damage.
        """
        self._check_writable()
        self._in_bulk = True
        self._database.wait_for_disk(False)
        try:
            yield
        finally:
            self._in_bulk = False
            if not self._closed:
                self._database.wait_for_disk(True)
                self._database.flush()

    def undo(self) -> Change | None:
        """Take back the last edit; None if there is none."""
        return self._step(self._database.undo)

    def redo(self) -> Change | None:
        """Do the last edit that was undone again; None if there is none."""
        return self._step(self._database.redo)

    @property
    def can_undo(self) -> bool:
        """Whether `undo` would do something."""
        return not self.read_only and self.undo_title is not None

    @property
    def can_redo(self) -> bool:
        """Whether `redo` would do something."""
        return not self.read_only and self.redo_title is not None

    @property
    def undo_title(self) -> str | None:
        """The title of the edit that `undo` takes back."""
        return self._database.undo_title()

    @property
    def redo_title(self) -> str | None:
        """The title of the edit that `redo` does again."""
        return self._database.redo_title()

    def history(self) -> list[HistoryEntry]:
        """The edits that can be undone and, after them, those that can be redone.

        The oldest are dropped once all together take more than `history_bytes`.
        """
        return self._database.history()

    def go_to(self, entry: int) -> None:
        """Undo or redo until an entry of the history is the last one in effect.

        Parameters
        ----------
        entry : int
            Its id; 0 goes to before the oldest.
        """
        entries = self.history()
        if entry and entry not in {known.id for known in entries}:
            raise EarmarkError("That step is not in the history any more.")
        for known in reversed(entries):
            if known.id > entry and not known.undone:
                self.undo()
        for known in entries:
            if known.id <= entry and known.undone:
                self.redo()

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call `listener` after each edit, undo and redo; gives what ends that."""
        return self._listeners.add(listener)

    def relocate(self, source: str, path: Path) -> None:
        """Say where the file of a source is now.

        Raises
        ------
        EarmarkError
            If the file there is not the same one, byte for byte.
        """
        known = self.source(source)
        check_content(path, known)
        with self.edit(f"Locate {known.path.name}") as edit:
            edit.move_source(source, path)

    def outside_sources(self) -> list[Source]:
        """The sources whose files are not in the project's folder."""
        return [
            source
            for source in self.sources()
            if not source.path.is_relative_to(self.folder)
        ]

    def collect(self, step: Step = unwatched) -> list[Source]:
        """Copy all sources from elsewhere into the project; gives those copied.

        Raises
        ------
        EarmarkError
            If a file is missing, was changed or cannot be copied; then none is moved,
            and no copy is left.
        """
        self._check_writable()
        self.audio_folder.mkdir(exist_ok=True)
        there = set(self.audio_folder.iterdir())
        copies: dict[str, Path] = {}
        try:
            for source in self.outside_sources():
                copies[source.id] = copy_source(
                    source.path, source.id, self.audio_folder, step
                )
        except BaseException:
            for path in copies.values():
                if path not in there:
                    path.unlink(missing_ok=True)
            raise
        with self.edit("Collect into project") as edit:
            for key, path in copies.items():
                edit.move_source(key, path)
        return [self.source(key) for key in copies]

    def accept_results(self, job: int, title: str) -> AcceptedResults:
        """Make the stored results of a job part of the project; see `accept_batch`."""
        return self.accept_batch([job], title)

    def accept_batch(
        self,
        jobs: Iterable[int],
        title: str,
        batch: int | None = None,
        *,
        usages: Mapping[int, Usage] | None = None,
    ) -> AcceptedResults:
        """Make the stored results of jobs part of the project, as one edit.

        Predictions become labels with the status "predicted", in one track for each
        tier and kind, at the place where their audio is now; those whose audio was
        removed meanwhile are left out. Audio files become sources, clips and takes. A
        text with the role "check" is also kept as the `check` of the take that the
        job's clip is. The jobs are done then.

        Parameters
        ----------
        jobs : iterable of int
        title : str
            The title of the edit, and the name of the track of predictions without a
            tier.
        batch : int, optional
            What the jobs were given under; see `edit`. The title then also says how
            many jobs were.
        usages : mapping, optional
            What the jobs took, by their ids.

        Raises
        ------
        EarmarkError
            If there are predictions and the clip was removed, or if an audio file is
            missing or was changed; nothing is accepted then.
        """
        jobs = list(jobs)
        known = self.jobs_by_id(jobs)
        if len(known) < len(set(jobs)):
            raise EarmarkError("A job is not there any more.")
        results = self.results_of(jobs)
        keys = {
            result.path: hash_file(result.path)
            for job in jobs
            for result in results[job]
            if isinstance(result, AudioFile)
        }
        accepted = AcceptedResults()
        title_of_all = self._batch_title(title, batch)
        with self._durably(), self.edit(title_of_all, batch=batch) as edit:
            for job in jobs:
                made = accept(self, edit, known[job], results[job], keys, title)
                accepted = AcceptedResults(
                    accepted.tracks + made.tracks,
                    accepted.clips + made.clips,
                    accepted.takes + made.takes,
                )
            # In the same transaction: a job that was accepted must not be resumed.
            self._database.run(
                f"UPDATE jobs SET accepted = 1 WHERE {records.LISTED}",  # noqa: S608
                (json_list(jobs),),
            )
            self.update_jobs(jobs, state=JobState.DONE)
            self.end_jobs(usages or {}, JobState.DONE)
        return accepted

    @contextmanager
    def _durably(self) -> Iterator[None]:
        """Have what is stored on the disk, also in bulk."""
        if not self._in_bulk:
            yield
            return
        self._database.wait_for_disk(True)
        try:
            yield
        finally:
            self._database.wait_for_disk(False)

    def _batch_title(self, title: str, batch: int | None) -> str:
        count = "SELECT count(*) FROM jobs WHERE batch = ?"
        number = self._database.value(count, (batch,))
        return f"{title} ({number} clips)" if number > 1 else title

    def _step(self, step: Callable[[], Change | None]) -> Change | None:
        self._check_writable()
        self._check_no_edit()
        change = step()
        if change is not None:
            self._publish(change)
        return change

    def _publish(self, change: Change) -> None:
        self._take_in(change)
        self._listeners.tell(change)

    def _check_no_edit(self) -> None:
        if self._editing:
            raise RuntimeError("an edit is under way; pass it on instead")

    def _release(self) -> None:
        self._database.close()
        if self._lock is not None:
            self._lock.release()

    def _take_over(
        self, folder: Path, connection: apsw.Connection, lock: FileLock
    ) -> None:
        self.folder = folder
        self.read_only = False
        self._lock = lock
        path = folder / storage.DATABASE
        self._database = Database(connection, path, self._history_bytes)

    def _target(self, folder: Path) -> Path:
        """The folder that the project may be saved in."""
        self._check_no_edit()
        target = storage.project_folder(folder)
        if target.is_relative_to(self.folder):
            raise EarmarkError(
                f"{target} is inside the project itself.", "Choose another place."
            )
        return target

    def _settle_down(self) -> None:
        """Have a name, and keep what a read-only project could not."""
        self._database.run("DELETE FROM facts WHERE key = 'untitled'")
        for key, value in self._unsaved_views.items():
            self.set_view(key, value)
        self._unsaved_views.clear()

    def _move(self, target: Path) -> bool:
        """Rename the folder; False if the target is on another disk."""
        storage.check_free(target)
        self._release()
        try:
            moved = storage.rename(self.folder, target)
        finally:
            folder = self.folder if self.folder.is_dir() else target
            self._take_over(folder, *storage.take(folder))
        return moved
