"""Where source files are: content hashes, portable paths, copies into the project."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import xxhash

from earmark.core.errors import EarmarkError

if TYPE_CHECKING:
    from earmark.core.clips import Source

_BLOCK = 4 * 1024 * 1024
_LONGEST_NAME = 255
"""Bytes that the usual file systems take for a name."""

AUDIO_SUFFIXES = frozenset(
    {".3gp", ".aac", ".aif", ".aifc", ".aiff", ".amr", ".au", ".avi", ".bwf", ".caf"}
    | {".flac", ".m4a", ".m4b", ".mka", ".mkv", ".mov", ".mp2", ".mp3", ".mp4"}
    | {".mpeg", ".oga", ".ogg", ".opus", ".rf64", ".snd", ".w64", ".wav", ".wave"}
    | {".webm", ".wma"}
)
"""What is taken out of a folder; a file that is named is always tried."""


Step = Callable[[int], None]
"""Is told how many bytes more were handled; may raise to end what takes long."""


def unwatched(_: int) -> None:
    """A `Step` for what nobody watches or ends."""


def hash_file(path: Path, step: Step = unwatched) -> str:
    """xxh3-128 of a file's bytes, 32 hex digits: the id of a `Source`.

    Raises
    ------
    EarmarkError
        If the file cannot be read.
    """
    digest = xxhash.xxh3_128()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                step(len(block))
    except OSError as error:
        raise EarmarkError(
            f"{path} cannot be read ({error.strerror}).",
            "Check that the file is there and that you may read it.",
        ) from error
    return digest.hexdigest()


def stamp(path: Path) -> tuple[int, int]:
    """Size and time of change of a file, by which a change is noticed cheaply.

    Raises
    ------
    EarmarkError
        If the file cannot be looked at.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise EarmarkError(
            f"{path} cannot be read ({error.strerror}).",
            "Check that the file is there and that you may read it.",
        ) from error
    return found.st_size, found.st_mtime_ns


def stored_path(path: Path, folder: Path) -> str | bytes:
    """A path as the database holds it: relative with "/" if inside the folder.

    A name that is not valid Unicode, which POSIX allows, is kept as its bytes.
    """
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - keeps symbolic links
    inside = absolute.is_relative_to(folder)
    text = absolute.relative_to(folder).as_posix() if inside else str(absolute)
    try:
        text.encode()
    except UnicodeEncodeError:
        return os.fsencode(text)
    return text


def restored_path(stored: str | bytes, folder: Path) -> Path:
    """The absolute path that `stored_path` stored."""
    return folder / os.fsdecode(stored)


def readable(name: str) -> str:
    """A file's name or path as text that can be stored and printed.

    What POSIX allows and is not valid Unicode becomes the replacement character.
    """
    return os.fsencode(name).decode("utf-8", "replace")


def shortened(name: str, most_bytes: int) -> str:
    """A name cut to so many bytes; file systems count those, not characters."""
    while len(os.fsencode(name)) > most_bytes:
        name = name[:-1]
    return name


def check_content(path: Path, source: Source, step: Step = unwatched) -> None:
    """Refuse a file that is not the one of a source, byte for byte.

    Raises
    ------
    EarmarkError
    """
    if hash_file(path, step) != source.id:
        raise EarmarkError(
            f"{path} is not the file that was imported as {source.path.name}.",
            "Choose the original file, or import this one as a new clip.",
        )


def copy_file(path: Path, target: Path, step: Step = unwatched) -> None:
    """Copy a file's bytes and times."""
    with path.open("rb") as original, target.open("wb") as copy:
        while block := original.read(_BLOCK):
            copy.write(block)
            step(len(block))
    shutil.copystat(path, target)


def copy_source(
    path: Path, content_id: str, folder: Path, step: Step = unwatched
) -> Path:
    """Copy a file into a folder under its own name, or a numbered one.

    A file with the same content that is already there under such a name is used. It is
    read twice, once as the copy.

    Raises
    ------
    EarmarkError
        If the file is no longer the one with that content, or cannot be copied; then
        nothing is left behind.
    """
    descriptor, name = tempfile.mkstemp(prefix=".copy-", dir=folder)
    os.close(descriptor)
    copy = Path(name)
    try:
        copy_file(path, copy, step)
        if hash_file(copy, step) != content_id:
            raise EarmarkError(
                f"{path} has changed since it was imported.",
                "Restore the original file, or import the new one.",
            )
        flush_file(copy)
        target = _free_name(folder, path, content_id)
        copy.replace(target)
    except OSError as error:
        raise EarmarkError(
            f"{path} cannot be copied into {folder} ({error.strerror}).",
            "Check the file, and the space and the permissions of the project folder.",
        ) from error
    finally:
        with suppress(OSError):
            copy.unlink(missing_ok=True)
    return target


def check_spared(paths: Iterable[Path], recordings: Iterable[Path]) -> None:
    """Refuse to write over a recording, by whatever name it is reached.

    Parameters
    ----------
    paths : iterable of Path
        What is to be written.
    recordings : iterable of Path
        What is to stay as it is.

    Raises
    ------
    EarmarkError
    """
    there = [(path, identity) for path in paths if (identity := _identity(path))]
    if not there:
        return
    known = {_identity(path) for path in recordings}
    for path, identity in there:
        if identity in known:
            raise EarmarkError(
                f"“{readable(path.name)}” is a recording in use.",
                "Choose another name or folder; recordings are never overwritten.",
            )


def flush_file(path: Path) -> None:
    """Wait until a file's bytes are on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from every other one; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _free_name(folder: Path, path: Path, content_id: str) -> Path:
    number = 1
    target = folder / path.name
    while target.exists() and hash_file(target) != content_id:
        number += 1
        ending = f" ({number}){path.suffix}"
        room = _LONGEST_NAME - len(os.fsencode(ending))
        target = folder / (shortened(path.stem, room) + ending)
    return target
