"""The inputs of a run: files that were named, and those in folders that were named."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from earmark.core.clips import Source
from earmark.core.errors import EarmarkError
from earmark.core.sources import AUDIO_SUFFIXES, readable
from earmark.core.tasks import JobState
from earmark.formats.textfile import one_line


@dataclass(eq=False, slots=True)
class Work:
    """One input, the job it was given to, and what came of it.

    Attributes
    ----------
    name : str
        As it is shown.
    path : Path or None
        None for a text.
    below : PurePath
        Where it lies below the folder that was named; else its own name.
    source : Source or None
        Once it was imported.
    clip, job : int
        0 until there is one.
    state : JobState or None
        How it ended; None until then.
    error : str
    earlier : bool
        An earlier run had done it already.
    notes : list of str
        What is worth knowing of it.
    written : list of str
        The files that hold its results.
    """

    name: str
    path: Path | None = None
    below: PurePath = field(default_factory=PurePath)
    source: Source | None = None
    clip: int = 0
    job: int = 0
    state: JobState | None = None
    error: str = ""
    earlier: bool = False
    notes: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether it ended well."""
        return self.state == JobState.DONE


def works_of_files(files: Sequence[str], *, recursive: bool) -> list[Work]:
    """An input for each file that was named or lies in a folder that was named.

    A file that comes up twice is one input. Files and folders whose names begin with a
    dot are left out unless they were named.

    Parameters
    ----------
    files : sequence of str
    recursive : bool
        Search the folders below folders.

    Raises
    ------
    EarmarkError
        If there is no audio in a folder that was named.
    """
    works: dict[Path, Work] = {}
    for path in map(Path, files):
        if not _is_folder(path):
            works.setdefault(path.absolute(), _named(path))
            continue
        found = list(_in_folder(path, recursive))
        if not found:
            raise EarmarkError(
                f"There is no audio in {readable(str(path))}.",
                "" if recursive else "Add --recursive to search the folders below it.",
            )
        for work in found:
            assert work.path is not None
            works.setdefault(work.path.absolute(), work)
    return list(works.values())


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # importing it says what is wrong
        return False


def _named(path: Path) -> Work:
    """The input that is a file. A pipe is none: sounds are read more than once."""
    work = Work(_shown(path), path, PurePath(path.name))
    if _is_pipe(path):
        work.state = JobState.FAILED
        work.error = (
            f"“{work.name}” is not a file. Earmark reads sounds from files only: save "
            "what comes through a pipe first."
        )
    return work


def _shown(path: Path) -> str:
    """A path as it is shown, on one line."""
    return one_line(readable(str(path)))


def _is_pipe(path: Path) -> bool:
    try:
        return path == Path("-") or path.is_fifo() or path.is_char_device()
    except OSError:  # importing it says what is wrong
        return False


def _in_folder(folder: Path, recursive: bool) -> Iterator[Work]:
    unreadable: list[Work] = []

    def note(error: OSError) -> None:
        path = Path(error.filename)
        reason = f"“{_shown(path)}” cannot be read: {error.strerror}."
        unreadable.append(Work(_shown(path), path, state=JobState.FAILED, error=reason))

    for where, folders, names in os.walk(folder, onerror=note):
        folders[:] = sorted(
            name for name in folders if recursive and not name.startswith(".")
        )
        for name in sorted(names):
            ending = PurePath(name).suffix.lower()
            if ending in AUDIO_SUFFIXES and not name.startswith("."):
                path = Path(where) / name
                yield Work(_shown(path), path, path.relative_to(folder))
    yield from unreadable
