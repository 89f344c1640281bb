"""The tables of a project and their migrations."""

from __future__ import annotations

from contextlib import closing

import apsw

TRACKED = (
    *("sources", "clips", "tracks", "labels", "vocabulary", "takes", "texts"),
    *("voices", "lists"),
)
"""The tables whose changes are edits: recorded, undone and redone."""

APPLICATION_ID = 0x4541524D
"""The bytes "EARM" in the header of the database file."""

_FIRST = """
CREATE TABLE sources (
    id TEXT PRIMARY KEY NOT NULL,
    path ANY NOT NULL,
    rate INTEGER NOT NULL,
    channels INTEGER NOT NULL,
    frames INTEGER NOT NULL,
    origin TEXT NOT NULL,
    job INTEGER
) STRICT;

CREATE TABLE clips (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    rate INTEGER NOT NULL,
    channels INTEGER NOT NULL,
    spans TEXT NOT NULL,
    tags TEXT NOT NULL,
    status TEXT NOT NULL
) STRICT;

CREATE TABLE tracks (
    id INTEGER PRIMARY KEY,
    clip INTEGER NOT NULL REFERENCES clips ON DELETE CASCADE,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    position INTEGER NOT NULL,
    job INTEGER
) STRICT;
CREATE INDEX tracks_of_clip ON tracks (clip, position);

CREATE TABLE labels (
    id INTEGER PRIMARY KEY,
    track INTEGER NOT NULL REFERENCES tracks ON DELETE CASCADE,
    start INTEGER NOT NULL,
    stop INTEGER NOT NULL,
    text TEXT NOT NULL,
    low_hz REAL,
    high_hz REAL,
    channel INTEGER,
    score REAL,
    speaker TEXT NOT NULL,
    status TEXT NOT NULL,
    job INTEGER,
    CHECK (0 <= start AND start <= stop)
) STRICT;
CREATE INDEX labels_of_track ON labels (track, start, stop);

CREATE TABLE vocabulary (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    color TEXT NOT NULL,
    key TEXT NOT NULL
) STRICT;

CREATE TABLE takes (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL REFERENCES sources,
    clip INTEGER REFERENCES clips ON DELETE SET NULL,
    job INTEGER NOT NULL,
    scores TEXT NOT NULL,
    outcome TEXT NOT NULL
) STRICT;
CREATE INDEX takes_of_source ON takes (source);
CREATE INDEX takes_of_clip ON takes (clip);

CREATE TABLE texts (
    id INTEGER PRIMARY KEY,
    job INTEGER NOT NULL,
    clip INTEGER REFERENCES clips ON DELETE CASCADE,
    role TEXT NOT NULL,
    text TEXT NOT NULL,
    data TEXT NOT NULL,
    UNIQUE (job, role)
) STRICT;
CREATE INDEX texts_of_clip ON texts (clip);

CREATE TABLE history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL,
    at TEXT NOT NULL,
    undone INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    reached INTEGER NOT NULL, -- bytes of all entries so far, dropped ones included
    packed INTEGER NOT NULL,
    changeset BLOB NOT NULL
) STRICT;
CREATE INDEX history_undone ON history (undone);

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    position INTEGER NOT NULL,
    removed INTEGER NOT NULL DEFAULT 0,
    accepted INTEGER NOT NULL DEFAULT 0,
    task TEXT NOT NULL,
    params TEXT NOT NULL,
    model TEXT NOT NULL,
    input TEXT NOT NULL,
    state TEXT NOT NULL,
    created TEXT NOT NULL,
    usage TEXT NOT NULL,
    error TEXT NOT NULL,
    traceback TEXT NOT NULL,
    resume_frame INTEGER
) STRICT;

CREATE TABLE results (
    id INTEGER PRIMARY KEY,
    job INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
    kind TEXT NOT NULL,
    value TEXT NOT NULL
) STRICT;
CREATE INDEX results_of_job ON results (job);

CREATE TABLE views (
    key TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE facts (
    key TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT;
"""

_SECOND = """
ALTER TABLE sources ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sources ADD COLUMN modified_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN batch INTEGER;
ALTER TABLE jobs ADD COLUMN examples TEXT NOT NULL DEFAULT '[]';
ALTER TABLE jobs ADD COLUMN companions TEXT NOT NULL DEFAULT '{}';
CREATE INDEX jobs_of_batch ON jobs (batch);
ALTER TABLE history ADD COLUMN batch INTEGER;

CREATE TABLE voices (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    rate INTEGER NOT NULL,
    channels INTEGER NOT NULL,
    spans TEXT NOT NULL
) STRICT;

CREATE TABLE lists (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    text TEXT NOT NULL,
    UNIQUE (kind, name)
) STRICT;
"""

_THIRD = """
ALTER TABLE jobs ADD COLUMN trial INTEGER NOT NULL DEFAULT 0;
"""

MIGRATIONS: tuple[str, ...] = (_FIRST, _SECOND, _THIRD)
"""Scripts that lead from one version to the next; the first one makes version 1.

The primary key of a tracked table is its first column. A tracked table may only get new
columns at its end, with a default: changesets in the history are applied by column
number. A script that must do more also empties `history`.
"""


def version(connection: apsw.Connection) -> int:
    """The schema version of a database; 0 if it is new."""
    return int(connection.pragma("user_version"))


def migrate(connection: apsw.Connection, target: int | None = None) -> None:
    """Bring a database to a version, by default the newest, all or nothing."""
    first = version(connection)
    target = len(MIGRATIONS) if target is None else target
    if first == target:
        return
    connection.pragma("foreign_keys", False)
    try:
        with connection:
            for script in MIGRATIONS[first:target]:
                connection.execute(script)
            connection.pragma("user_version", target)
            connection.pragma("application_id", APPLICATION_ID)
    finally:
        connection.pragma("foreign_keys", True)


def definitions(connection: apsw.Connection) -> set[tuple[str, str, str]]:
    """Type, name and statement of everything the database declares."""
    found = connection.execute(
        "SELECT type, name, coalesce(sql, '') FROM sqlite_schema"
        " WHERE name NOT LIKE 'sqlite^_%' ESCAPE '^'"
    )
    return {(str(kind), str(name), str(sql)) for kind, name, sql in found}


def expected_definitions(target: int) -> set[tuple[str, str, str]]:
    """`definitions` of a project of a version."""
    with closing(apsw.Connection(":memory:")) as connection:
        migrate(connection, target)
        return definitions(connection)
