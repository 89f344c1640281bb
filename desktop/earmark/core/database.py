"""The project's database: one connection, clear errors, recorded transactions."""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, groupby, takewhile
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

import apsw

from earmark.core import schema
from earmark.core.errors import EarmarkError

Key = int | str
ChangeKind = Literal["edit", "undo", "redo"]

HISTORY_BYTES = 256 * 1024 * 1024
"""How much of the history is kept, by default."""

_PACK_FROM = 512
_UNDO_FROM = "SELECT id, batch FROM history WHERE undone = 0 ORDER BY id DESC"
_REDO_FROM = "SELECT id, batch FROM history WHERE undone = 1 ORDER BY id"


class ProjectInUse(EarmarkError):  # noqa: N818 - says what the project is
    """Another process has the project open."""


class ProjectTooNew(EarmarkError):  # noqa: N818 - says what the project is
    """The project was made by a newer version of Earmark."""


class ProjectCorrupt(EarmarkError):  # noqa: N818 - says what the project is
    """The project's database is damaged."""


class Rows(dict[str, frozenset[Key]]):
    """Table to primary keys; a table that is not in it has none."""

    def __missing__(self, table: str) -> frozenset[Key]:
        return frozenset()


@dataclass(frozen=True, slots=True)
class Change:
    """What an edit, an undo or a redo changed.

    Attributes
    ----------
    title : str
        The edit's title.
    kind : {"edit", "undo", "redo"}
    rows : mapping of str to frozenset of int or str
        Table to the primary keys of rows that were added, changed or removed. A table
        that was not touched is not in it; `rows[table]` is then an empty set.
    tracks : frozenset of int
        Label tracks that were touched themselves or in their labels.
    """

    title: str
    kind: ChangeKind
    rows: Mapping[str, frozenset[Key]] = field(default_factory=Rows)
    tracks: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One step that can be undone, or redone if it was undone.

    It is one edit, or the edits of one batch that came without another between them.

    Attributes
    ----------
    id : int
        Rises from step to step.
    title : str
    at : str
        ISO 8601, UTC.
    undone : bool
    bytes : int
        What it takes in the project file.
    """

    id: int
    title: str
    at: str
    undone: bool
    bytes: int


@dataclass(slots=True)
class Recording:
    """An edit under way; `change` is set once it is stored, if it had an effect."""

    change: Change | None = None


class Database:
    """The connection to one project file.

    Every method raises `ProjectCorrupt` where the file turns out to be damaged, and an
    `EarmarkError` where it cannot be read or written.

    Parameters
    ----------
    connection : apsw.Connection
    path : Path
        What the errors name.
    history_bytes : int
        The oldest entries of the history are dropped beyond this; the newest is
        always kept.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        path: Path,
        history_bytes: int = HISTORY_BYTES,
    ) -> None:
        self.connection = connection
        self.path = path
        self._history_bytes = history_bytes

    def rows(self, sql: str, bindings: Any = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with translated_errors(self.path):
            return self.connection.execute(sql, bindings).fetchall()

    def row(self, sql: str, bindings: Any = ()) -> tuple[Any, ...] | None:
        """The first row of a query, or None."""
        with translated_errors(self.path):
            row: tuple[Any, ...] | None = self.connection.execute(
                sql, bindings
            ).fetchone()
            return row

    def value(self, sql: str, bindings: Any = ()) -> Any:
        """The first column of the first row of a query, or None."""
        row = self.row(sql, bindings)
        return None if row is None else row[0]

    def run(self, sql: str, bindings: Any = ()) -> int:
        """Run a statement; gives how many rows it changed."""
        with translated_errors(self.path):
            before = self.connection.total_changes()
            self.connection.execute(sql, bindings)
            return self.connection.total_changes() - before

    def run_many(self, sql: str, bindings: Iterable[Any]) -> None:
        """Run a statement once for each set of bindings."""
        with translated_errors(self.path):
            self.connection.executemany(sql, bindings)

    def insert(self, table: str, values: Mapping[str, Any]) -> int:
        """Add a row; gives its rowid."""
        columns = ", ".join(values)
        marks = ", ".join("?" * len(values))
        self.run(
            f"INSERT INTO {table} ({columns}) VALUES ({marks})",  # noqa: S608 - own name
            tuple(values.values()),
        )
        return self.connection.last_insert_rowid()

    def update(self, table: str, key: Key, values: Mapping[str, Any]) -> None:
        """Change columns of the row with a primary key `id`."""
        if values:
            columns = ", ".join(f"{column} = ?" for column in values)
            self.run(
                f"UPDATE {table} SET {columns} WHERE id = ?",  # noqa: S608 - own names
                (*values.values(), key),
            )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it is stored, or none; joins a transaction that is under way."""
        if self.connection.in_transaction:
            yield
            return
        self.run("BEGIN IMMEDIATE")
        try:
            yield
            self.run("COMMIT")
        finally:
            # A commit that failed may have ended the transaction by itself.
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")

    @contextmanager
    def recorded(self, title: str, batch: int | None = None) -> Iterator[Recording]:
        """A transaction that becomes the newest entry of the history.

        What was undone can then no longer be redone. Without effect on the tracked
        tables it leaves no entry. Entries of one batch that follow each other are one
        step, which is called as the newest of them.
        """
        recording = Recording()
        with self.transaction():
            session = apsw.Session(self.connection, "main")
            try:
                for table in schema.TRACKED:
                    session.attach(table)
                yield recording
                with translated_errors(self.path):
                    changeset = session.changeset()
            finally:
                session.close()
            if changeset:
                self._append(title, changeset, batch)
                recording.change = self._change(title, "edit", changeset)

    def fact(self, key: str) -> str | None:
        """What `set_fact` was last given for a key."""
        value: str | None = self.value("SELECT value FROM facts WHERE key = ?", (key,))
        return value

    def set_fact(self, key: str, value: str) -> None:
        """Keep something about the project as a whole, outside the history."""
        self.run(
            "INSERT INTO facts VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET value = excluded.value",
            (key, value),
        )

    def undo(self) -> Change | None:
        """Take back the newest step that is in effect."""
        return self._apply(_UNDO_FROM, "undo")

    def redo(self) -> Change | None:
        """Bring back the oldest step that was undone."""
        return self._apply(_REDO_FROM, "redo")

    def history(self) -> list[HistoryEntry]:
        """All steps, oldest first."""
        steps: list[HistoryEntry] = []
        before = None
        for key, title, at, undone, size, batch in self.rows(
            "SELECT id, title, at, undone, bytes, batch FROM history ORDER BY id"
        ):
            if batch is not None and batch == before:
                size += steps.pop().bytes
            steps.append(HistoryEntry(key, title, at, bool(undone), size))
            before = batch
        return steps

    def undo_title(self) -> str | None:
        """The title of the edit that `undo` would take back."""
        title: str | None = self.value(
            "SELECT title FROM history WHERE undone = 0 ORDER BY id DESC LIMIT 1"
        )
        return title

    def redo_title(self) -> str | None:
        """The title of the edit that `redo` would bring back."""
        step = self._step(_REDO_FROM)
        title = "SELECT title FROM history WHERE id = ?"
        return None if step is None else str(self.value(title, (step[-1],)))

    def changesets(self) -> Iterator[bytes]:
        """What each step of the history changed, the oldest first."""
        for (key,) in self.rows("SELECT id FROM history ORDER BY id"):
            yield self._entry(key)[1]

    def wait_for_disk(self, wait: bool) -> None:
        """Whether a commit returns only once it is on the disk, with all before it."""
        self.run(f"PRAGMA synchronous = {'full' if wait else 'normal'}")

    def flush(self) -> None:
        """Wait until all that was committed is on the disk."""
        with translated_errors(self.path):
            self.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def close(self) -> None:
        """Close the connection; what was committed is in the file."""
        self.connection.close()

    def _append(self, title: str, changeset: bytes, batch: int | None) -> None:
        self.run("DELETE FROM history WHERE undone = 1")
        packed = zlib.compress(changeset, 1) if len(changeset) >= _PACK_FROM else b""
        pays = 0 < len(packed) < len(changeset)
        stored = packed if pays else changeset
        before = self.value("SELECT reached FROM history ORDER BY id DESC LIMIT 1")
        reached = (before or 0) + len(stored)
        newest = self.insert(
            "history",
            {
                "title": title,
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "undone": 0,
                "bytes": len(stored),
                "reached": reached,
                "packed": int(pays),
                "changeset": stored,
                "batch": batch,
            },
        )
        self._drop_oldest(newest, reached - self._history_bytes)

    def _drop_oldest(self, newest: int, reached: int) -> None:
        """Drop the steps that begin before so many bytes were reached."""
        while True:
            oldest = self.row("SELECT reached - bytes FROM history LIMIT 1")
            if oldest is None or oldest[0] >= reached:
                return
            step = self._step("SELECT id, batch FROM history ORDER BY id")
            if step is None or step[-1] == newest:
                return
            self.run("DELETE FROM history WHERE id <= ?", (step[-1],))

    def _step(self, query: str) -> list[int] | None:
        """The ids of the entries of the first step of a query, in its order."""
        with translated_errors(self.path):
            rows = iter(self.connection.execute(query))
            first = next(rows, None)
            if first is None:
                return None
            key, batch = first
            same = takewhile(lambda row: batch is not None and row[1] == batch, rows)
            return [key, *(other for other, _ in same)]

    def _apply(self, query: str, kind: Literal["undo", "redo"]) -> Change | None:
        step = self._step(query)
        if step is None:
            return None
        flags = apsw.SQLITE_CHANGESETAPPLY_FKNOACTION
        if kind == "undo":
            flags |= apsw.SQLITE_CHANGESETAPPLY_INVERT
        with self.transaction():
            entries = {key: self._entry(key) for key in step}
            for key, (title, changeset) in entries.items():
                try:
                    with translated_errors(self.path):
                        apsw.Changeset.apply(changeset, self.connection, flags=flags)
                except (apsw.AbortError, apsw.SchemaChangeError) as error:
                    raise self._corrupt(
                        f"“{title}” does not fit what the project holds"
                    ) from error
                self.update("history", key, {"undone": int(kind == "undo")})
            title = entries[max(step)][0]
            return self._change(title, kind, *(c for _, c in entries.values()))

    def _entry(self, key: int) -> tuple[str, bytes]:
        """The title and the changeset of an entry."""
        row = self.row(
            "SELECT title, packed, changeset FROM history WHERE id = ?", (key,)
        )
        assert row is not None
        title, packed, stored = row
        try:
            return title, zlib.decompress(stored) if packed else stored
        except zlib.error as error:
            raise self._corrupt(f"the history entry “{title}” is damaged") from error

    def _corrupt(self, reason: str) -> ProjectCorrupt:
        return ProjectCorrupt(
            f"{self.path.parent.name}: {reason}.",
            "Nothing was changed; the edits before it can no longer be undone.",
        )

    def _change(self, title: str, kind: ChangeKind, *changesets: bytes) -> Change:
        keys: dict[str, list[Any]] = defaultdict(list)
        tracks: set[Any] = set()
        changed_labels = False
        with translated_errors(self.path):
            rows = chain.from_iterable(map(apsw.Changeset.iter, changesets))
            for table, changed in groupby(rows, key=attrgetter("name")):
                found = keys[table]
                if table != "labels":
                    found += [_identity(row)[0] for row in changed]
                    continue
                # There may be 100,000 of them.
                for row in changed:
                    op = row.op
                    values: Any = row.new if op == "INSERT" else row.old
                    found.append(values[0])
                    # What an update leaves as it was is not in the changeset.
                    changed_labels |= op == "UPDATE"
                    tracks.add(values[1])
        tracks.discard(apsw.no_change)
        tracks.update(keys["tracks"])
        told = Rows((table, frozenset(found)) for table, found in keys.items() if found)
        if changed_labels:
            tracks |= self._tracks_of(told["labels"])
        return Change(title, kind, told, frozenset(tracks))

    def _tracks_of(self, labels: frozenset[Key]) -> set[int]:
        found = self.rows(
            "SELECT DISTINCT track FROM labels"
            " WHERE id IN (SELECT value FROM json_each(?))",
            (json_list(labels),),
        )
        return {track for (track,) in found}


def _identity(row: apsw.TableChange) -> Any:
    """The values of a changed row, among them its primary key."""
    return row.new if row.op == "INSERT" else row.old


def json_list(keys: Iterable[Key]) -> str:
    """Primary keys as the argument of `json_each`."""
    return json.dumps(list(keys))


@contextmanager
def translated_errors(path: Path) -> Iterator[None]:
    """Turn the errors of SQLite that a person can act on into `EarmarkError`."""
    name = path.parent.name
    try:
        yield
    except (
        apsw.CorruptError,
        apsw.NotADBError,
        apsw.FormatError,
        UnicodeDecodeError,
    ) as error:
        raise ProjectCorrupt(
            f"The project {name} is damaged ({error}).",
            "Open it read-only and save what can be read under another name.",
        ) from error
    except (apsw.BusyError, apsw.LockedError) as error:
        raise ProjectInUse(
            f"The project {name} is being written by another program.",
            "Close the other program and try again.",
        ) from error
    except apsw.FullError as error:
        raise EarmarkError(
            f"The disk with the project {name} is full; the change was not made.",
            "Free some space and try again.",
        ) from error
    except (apsw.ReadOnlyError, apsw.PermissionsError, apsw.AuthError) as error:
        raise EarmarkError(
            f"The project {name} cannot be written ({error}).",
            "Check the permissions of its folder, or save it under another name.",
        ) from error
    except (apsw.CantOpenError, apsw.IOError) as error:
        raise EarmarkError(
            f"The project file {path} cannot be read or written ({error}).",
            "Check that its folder and its disk are there.",
        ) from error
