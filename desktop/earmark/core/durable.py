"""Files that take their names only once they are whole, and on the disk."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from earmark.core.sources import flush_file, shortened

_LONGEST_STEM = 80
"""Bytes of a name that are kept beside it; a file system takes 255 for all of it."""


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A path to write to, whose file takes the name `path` when the block is left.

    It is beside it and has the same ending. What had the name before has it until then,
    and keeps it if the block raises; of the new file nothing is left in that case.
    Afterwards no loss of power brings back the old one, or half of the new one.

    Examples
    --------
    >>> with replaced(path) as beside:
    ...     beside.write_text("all of it", encoding="utf-8")
    """
    stem = shortened(path.stem, _LONGEST_STEM)
    beside = path.with_name(f".{stem}.{secrets.token_hex(8)}{path.suffix}")
    try:
        yield beside
        flush_file(beside)
        beside.replace(path)
        flush_folder(path.parent)
    finally:
        beside.unlink(missing_ok=True)


def flush_folder(folder: Path) -> None:
    """Make a renaming in a folder last, where that can be asked for.

    Windows can neither open a folder nor needs to, some network file systems flush
    none, and one may be written to but not opened: what was renamed has its name even
    so.
    """
    if os.name != "posix":
        return
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
