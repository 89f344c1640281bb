"""Project folders: making, opening, checking, locking, copying and salvaging them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import apsw
from filelock import FileLock, Timeout

from earmark.core import records, schema
from earmark.core.database import (
    ProjectCorrupt,
    ProjectInUse,
    ProjectTooNew,
    translated_errors,
)
from earmark.core.errors import EarmarkError
from earmark.core.sources import Step, copy_file, flush_file, unwatched

SUFFIX = ".earmark"
DATABASE = "project.sqlite"
AUDIO = "audio"
LOCK = "project.lock"

_SALVAGE = "Open it read-only and save what can be read under another name."
_BUSY_MS = 5000
_WAL_BYTES = 16 * 1024 * 1024
_PROBED = 1_000_000
"""How many row ids are tried in the damaged part of a table."""


def project_folder(folder: Path) -> Path:
    """The absolute folder, with the suffix `.earmark`."""
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 - keeps symbolic links
    if folder.suffix != SUFFIX:
        folder = folder.with_name(folder.name + SUFFIX)
    return folder


def existing_folder(folder: Path) -> Path:
    """The absolute folder of a project that is to be opened.

    The path of its database, as a file dialog gives it, stands for the folder.
    """
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 - keeps symbolic links
    folder = folder.parent if folder.name == DATABASE else folder
    if not (folder / DATABASE).is_file():
        raise EarmarkError(
            f"{folder} is not an Earmark project: it holds no {DATABASE}.",
            f"Choose a folder whose name ends in {SUFFIX}.",
        )
    return folder


def check_free(folder: Path) -> None:
    """Refuse a folder that exists and is not empty."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise EarmarkError(
            f"{folder} exists already.", "Choose another name for the project."
        )


def rename(folder: Path, target: Path) -> bool:
    """Move a project that nobody has open; False if it cannot be done by renaming."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            target.rmdir()
        folder.rename(target)
    except OSError:
        return False
    return True


def remove(folder: Path) -> None:
    """Remove a project that was copied elsewhere, as far as that is possible."""
    shutil.rmtree(folder, ignore_errors=True)


def lock(folder: Path) -> FileLock:
    """Hold a project for this process until released or the process ends.

    Raises
    ------
    ProjectInUse
    """
    held = FileLock(folder / LOCK, thread_local=False)
    try:
        held.acquire(timeout=0)
    except Timeout as error:
        raise ProjectInUse(
            f"The project {folder.name} is open in another window or program.",
            "Close it there, or open it read-only.",
        ) from error
    except OSError as error:
        raise EarmarkError(
            f"The project folder {folder} cannot be written ({error.strerror}).",
            "Open it read-only, or check the permissions of the folder.",
        ) from error
    return held


def make(folder: Path) -> None:
    """Make the folder of a new, empty project."""
    with _beside(folder) as partial:
        (partial / AUDIO).mkdir()
        path = partial / DATABASE
        with translated_errors(path), closing(_create(path)) as connection:
            _configure(connection)
            schema.migrate(connection)


def connect(folder: Path, *, read_only: bool = False) -> apsw.Connection:
    """A connection to a project that was checked and is up to date.

    Read-only, an older project is brought up to date in a copy in memory.
    """
    path = folder / DATABASE
    with translated_errors(path):
        connection = _open(path, read_only=read_only)
        try:
            connection = _checked(connection, path, read_only=read_only)
        except BaseException:
            connection.close()
            raise
    return connection


def connect_beside(
    connection: apsw.Connection, folder: Path, *, read_only: bool
) -> apsw.Connection:
    """Another connection to what an open one is connected to.

    What is open as a copy in memory is copied once more.
    """
    path = folder / DATABASE
    in_memory = not connection.filename
    with translated_errors(path):
        other = (
            apsw.Connection(":memory:")
            if in_memory
            else _open(path, read_only=read_only)
        )
        try:
            if in_memory:
                _back_up(connection, other)
            if read_only:
                _configure_reading(other)
            else:
                _configure(other)
        except BaseException:
            other.close()
            raise
    return other


def take(folder: Path) -> tuple[apsw.Connection, FileLock]:
    """A connection for writing and the lock that goes with it."""
    held = lock(folder)
    try:
        return connect(folder), held
    except BaseException:
        held.release()
        raise


def copy(
    connection: apsw.Connection, folder: Path, target: Path, step: Step = unwatched
) -> None:
    """Copy an open project, as it is now, to a new folder."""
    with _beside(target) as partial:
        path = partial / DATABASE
        with translated_errors(path), closing(_create(path)) as duplicate:
            _back_up(connection, duplicate)
            _configure(duplicate)
        (partial / AUDIO).mkdir()
        if (folder / AUDIO).is_dir():

            def copy_one(path: str, copied: str) -> None:
                copy_file(Path(path), Path(copied), step)

            shutil.copytree(
                folder / AUDIO,
                partial / AUDIO,
                copy_function=copy_one,
                dirs_exist_ok=True,
            )
        for copied in (partial / AUDIO).rglob("*"):
            if copied.is_file():
                flush_file(copied)


def bring_up_to_date(connection: apsw.Connection, target: Path) -> None:
    """Let the database of a copy hold what was stored since it was made."""
    path = target / DATABASE
    with (
        translated_errors(path),
        closing(_open(path, read_only=False)) as duplicate,
    ):
        _back_up(connection, duplicate)


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What could be read of a damaged project.

    Attributes
    ----------
    rows : mapping of str to int
        How many rows of each tracked table are there.
    broken : frozenset of str
        The tables of which rows were lost.
    """

    rows: Mapping[str, int]
    broken: frozenset[str]


def salvage(folder: Path) -> tuple[apsw.Connection, Salvaged]:
    """A copy in memory of what can be read of a damaged project, and what that is.

    The files are only copied, not opened.

    Raises
    ------
    ProjectCorrupt
        If nothing of it can be read.
    """
    path = folder / DATABASE
    rescued = apsw.Connection(":memory:")
    try:
        schema.migrate(rescued)
        with tempfile.TemporaryDirectory(prefix="earmark-") as scratch:
            for name in (DATABASE, DATABASE + "-wal"):
                if (folder / name).exists():
                    shutil.copyfile(folder / name, Path(scratch) / name)
            damaged = _create(Path(scratch) / DATABASE)
            with translated_errors(path), closing(damaged):
                found = _rescue(damaged, rescued)
    except OSError as error:
        rescued.close()
        raise EarmarkError(
            f"The project file {path} cannot be read ({error.strerror}).",
            "Check that its folder and its disk are there.",
        ) from error
    except BaseException:
        rescued.close()
        raise
    return rescued, found


def _create(path: Path) -> apsw.Connection:
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    return apsw.Connection(path.as_uri(), flags=flags | apsw.SQLITE_OPEN_URI)


def _open(path: Path, *, read_only: bool) -> apsw.Connection:
    uri = path.as_uri()
    if not read_only:
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI
        return apsw.Connection(uri, flags=flags)
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(uri, flags=flags)
    try:
        schema.version(connection)
    except (apsw.CantOpenError, apsw.ReadOnlyError):
        # A folder without write permission: there can be no shared-memory file, and
        # nobody who writes.
        connection.close()
        connection = apsw.Connection(uri + "?immutable=1", flags=flags)
    except BaseException:
        connection.close()
        raise
    return connection


def _checked(
    connection: apsw.Connection, path: Path, *, read_only: bool
) -> apsw.Connection:
    name = path.parent.name
    found = schema.version(connection)
    newest = len(schema.MIGRATIONS)
    if int(connection.pragma("application_id")) != schema.APPLICATION_ID:
        raise ProjectCorrupt(
            f"{path} is empty or not the database of an Earmark project.",
            "Restore it from a backup.",
        )
    if found > newest:
        raise ProjectTooNew(
            f"The project {name} was made by a newer version of Earmark"
            f" (format {found}; this version knows {newest}).",
            "Install the newer version to open it.",
        )
    try:
        as_expected = schema.definitions(connection) == schema.expected_definitions(
            found
        )
    except apsw.SQLError as error:
        raise ProjectCorrupt(
            f"The tables of the project {name} cannot be read ({error}).", _SALVAGE
        ) from error
    if not as_expected:
        raise ProjectCorrupt(
            f"The tables of the project {name} are not those of format {found}.",
            _SALVAGE,
        )
    if read_only:
        if found < newest:
            older, connection = connection, apsw.Connection(":memory:")
            _back_up(older, connection)
            older.close()
            schema.migrate(connection)
        _configure_reading(connection)
    else:
        _configure(connection)
        schema.migrate(connection)
    for table in (*schema.TRACKED, "jobs", "results"):
        verdict = connection.pragma("integrity_check", table)
        if verdict != "ok":
            raise ProjectCorrupt(
                f"The project {name} is damaged ({verdict}).", _SALVAGE
            )
    return connection


def _configure(connection: apsw.Connection) -> None:
    _configure_reading(connection)
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    connection.pragma("journal_size_limit", _WAL_BYTES)


def _configure_reading(connection: apsw.Connection) -> None:
    connection.set_busy_timeout(_BUSY_MS)
    connection.pragma("foreign_keys", True)
    connection.pragma("cell_size_check", True)
    connection.pragma("trusted_schema", False)
    connection.create_scalar_function("casefold", _casefold, 1, deterministic=True)


def _casefold(*text: Any) -> str:
    return str(text[0]).casefold()


def _back_up(source: apsw.Connection, target: apsw.Connection) -> None:
    with target.backup("main", source, "main") as backup:
        backup.step()


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A new folder that takes its name only once it is whole."""
    check_free(folder)
    partial = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
        yield partial
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    except OSError as error:
        raise EarmarkError(
            f"The project folder {folder} cannot be made ({error.strerror}).",
            "Check the space and the permissions there, or choose another place.",
        ) from error
    finally:
        if partial is not None:
            with suppress(OSError):
                shutil.rmtree(partial)


def _rescue(damaged: apsw.Connection, rescued: apsw.Connection) -> Salvaged:
    rescued.pragma("foreign_keys", False)
    damaged.pragma("writable_schema", True)
    broken = {
        table
        for table in (*schema.TRACKED, "jobs", "results", "views", "facts")
        if not _rescue_table(damaged, rescued, table)
    }
    # What lost the row it belongs to cannot be shown.
    for table, orphans in (
        ("tracks", "DELETE FROM tracks WHERE clip NOT IN (SELECT id FROM clips)"),
        ("labels", "DELETE FROM labels WHERE track NOT IN (SELECT id FROM tracks)"),
        ("takes", "DELETE FROM takes WHERE source NOT IN (SELECT id FROM sources)"),
        ("", "UPDATE takes SET clip = NULL WHERE clip NOT IN (SELECT id FROM clips)"),
        ("", "UPDATE texts SET clip = NULL WHERE clip NOT IN (SELECT id FROM clips)"),
        ("results", "DELETE FROM results WHERE job NOT IN (SELECT id FROM jobs)"),
    ):
        before = rescued.total_changes()
        rescued.execute(orphans)
        if table and rescued.total_changes() > before:
            broken.add(table)
    counts = "SELECT count(*) FROM "
    rows: dict[str, int] = {
        table: rescued.execute(counts + table).get for table in schema.TRACKED
    }
    if not any(rows.values()):
        raise ProjectCorrupt(
            "Nothing in the project can be read any more.",
            "Restore its folder from a backup.",
        )
    _configure_reading(rescued)
    return Salvaged(rows, frozenset(broken.intersection(schema.TRACKED)))


def _rescue_table(
    damaged: apsw.Connection, rescued: apsw.Connection, table: str
) -> bool:
    """Copy the rows of a table that can be read; whether those were all."""
    columns = every = _columns(rescued, table)
    with suppress(apsw.Error):
        there = _columns(damaged, table)
        if not there:
            return True  # an older version made the project, and had no such table
        # Nor had it all columns; those that it had not are as in a new row.
        columns = [name for name in columns if name in there]
    names = ", ".join(columns)
    select = f"SELECT {names} FROM {table} WHERE rowid = ?"  # noqa: S608
    marks = ", ".join("?" * len(columns))
    insert = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - own names
    rowids, whole = _rowids(damaged, table)
    for rowid in rowids:
        try:
            for row in damaged.execute(select, [rowid]):
                rescued.execute(insert, row)
                _check_last(rescued, table, every)
        except (apsw.Error, UnicodeDecodeError, ProjectCorrupt):
            whole = False
    return whole


def _check_last(rescued: apsw.Connection, table: str, columns: list[str]) -> None:
    """Take the row that was inserted last out again if it means nothing."""
    key = rescued.last_insert_rowid()
    query = f"SELECT {', '.join(columns)} FROM {table} WHERE rowid = ?"  # noqa: S608
    try:
        (row,) = rescued.execute(query, [key]).fetchall()
        records.check_readable(table, dict(zip(columns, row, strict=True)))
    except (UnicodeDecodeError, ProjectCorrupt):
        rescued.execute(f"DELETE FROM {table} WHERE rowid = ?", [key])  # noqa: S608
        raise


def _columns(connection: apsw.Connection, table: str) -> list[str]:
    names = "SELECT name FROM pragma_table_info(?)"
    return [str(name) for (name,) in connection.execute(names, [table])]


def _rowids(damaged: apsw.Connection, table: str) -> tuple[Iterable[int], bool]:
    """The rows of a table, and whether they are known to be all.

    Otherwise those that may be in its damaged part are included.
    """
    first, complete = _ids_up_to_damage(damaged, table, "ASC")
    if complete:
        return first, True
    last, _ = _ids_up_to_damage(damaged, table, "DESC")
    begin = first[-1] + 1 if first else 1
    end = last[-1] if last else begin
    probed = range(begin, min(end, begin + _PROBED))
    return chain(first, probed, reversed(last)), False


def _ids_up_to_damage(
    damaged: apsw.Connection, table: str, order: str
) -> tuple[list[int], bool]:
    found: list[int] = []
    try:
        query = f"SELECT rowid FROM {table} ORDER BY rowid {order}"  # noqa: S608
        found.extend(rowid for (rowid,) in damaged.execute(query))
    except apsw.Error:
        return found, False
    return found, True
