"""Generated audio that nothing in a project leads to any more."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from earmark.core import records
from earmark.core.database import Database, ProjectCorrupt

_GENERATED = re.compile(rb"-job\d+(?:-\d+)?\.wav$")
"""How the names end that `Context.write_audio` gives."""

_named_in = re.compile(_GENERATED.pattern.removesuffix(b"$")).findall


def remove_orphans(database: Database, audio_folder: Path) -> None:
    """Remove generated audio that nothing leads to any more.

    Such is left by a job that was cancelled while it wrote, and by takes that were
    undone for good. Files that were not made by a job are left alone, and so is
    what a source, a result that may still be accepted, the input of a job or a step
    of the history might mean, also one that can be redone.
    """
    orphans = {
        path: made[0]
        for path in audio_folder.glob("*-job*.wav")
        if (made := _GENERATED.search(os.fsencode(path.name)))
    }
    if not orphans:
        return
    stored = (
        value
        for (value,) in database.rows(
            "SELECT CAST(path AS BLOB) FROM sources"
            " UNION ALL SELECT CAST(input AS BLOB) FROM jobs"
            " UNION ALL SELECT CAST(value AS BLOB) FROM results WHERE kind = ?"
            " AND job IN (SELECT id FROM jobs WHERE accepted = 0)",
            (records.AUDIO,),
        )
    )
    # What a step of the history that cannot be read any more means is not known.
    with suppress(ProjectCorrupt):
        for places in (stored, database.changesets()):
            if orphans:
                named = {ending for text in places for ending in _named_in(text)}
                orphans = {p: e for p, e in orphans.items() if e not in named}
        for path in orphans:
            with suppress(OSError):
                path.unlink()
