"""How a model enters and leaves the library's folder: whole or not at all.

A model is made in `.incoming/NAME/model` and renamed to `NAME` when it is complete.
`.incoming/NAME/downloads` outlives an interruption, so that a fetch can go on;
`.incoming/NAME/raw` holds what is converted and does not. A model that leaves is
renamed into `.outgoing` first, which fails where a process holds its files open.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import ValidationError

from earmark.core.errors import Cancelled, EarmarkError
from earmark.models.catalog import LICENCES, MODEL_FILES, PICKLES, CatalogEntry
from earmark.models.folder import Manifest, ManifestFile, ModelFolder, read_folder
from earmark.models.names import MANIFEST, folder_name, is_file_name

INCOMING = ".incoming"
OUTGOING = ".outgoing"
ENTRY = "entry.json"

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Incoming:
    """A model on its way into the library.

    Attributes
    ----------
    model : Path
        An empty folder that becomes the model's.
    raw : Path
        Where a folder for what is converted may be made.
    downloads : Path
        A folder that may hold what an earlier attempt left.
    """

    model: Path
    raw: Path
    downloads: Path


@contextmanager
def installing(
    library: Path, name: str, entry: CatalogEntry | None = None
) -> Iterator[Incoming]:
    """Make a model; it is in the library when the block has ended without an error.

    Parameters
    ----------
    library : Path
        Created if it is not there.
    name : str
        The model's folder in it; an older one of the same model is replaced.
    entry : CatalogEntry, optional
        Noted beside the downloads, so that an interrupted fetch can be taken up by
        `interrupted`.

    Raises
    ------
    EarmarkError
        If another process is at it, the disk is full or not writable, or something
        else is in the library under that name.
    """
    _check_replaceable(library / name)
    incoming = library / INCOMING / name
    made = Incoming(incoming / "model", incoming / "raw", incoming / "downloads")
    try:
        with _lock(library, name):
            try:
                _delete(made.model)
                _delete(made.raw)
                made.model.mkdir(parents=True)
                made.downloads.mkdir(exist_ok=True)
                if entry is not None:
                    text = entry.model_dump_json()
                    (incoming / ENTRY).write_text(text, encoding="utf-8")
                yield made
                _sync_files(made.model)
                _take_out(library, library / name)
                made.model.rename(library / name)
                _sync_folder(library)
            finally:
                _delete(made.model)
                _delete(made.raw)
            _delete(incoming)
    except OSError as error:
        raise _disk_error(library, name, error) from error


def _check_replaceable(path: Path) -> None:
    """Raise if something is there that is not an older copy of the model."""
    if not os.path.lexists(path):
        return
    noted = read_folder(path).manifest if path.is_dir() else None
    if noted is None or folder_name(noted.id) != path.name:
        raise EarmarkError(
            f"{path} is there already, and Earmark did not put it there.",
            "Rename it or move it elsewhere.",
        )


def uninstall(library: Path, path: Path) -> None:
    """Take a model's folder out of the library.

    Raises
    ------
    EarmarkError
        If its files are in use or may not be deleted; it stays as it was then.
    """
    try:
        with _lock(library, path.name):
            _take_out(library, path)
    except OSError as error:
        raise EarmarkError(
            f"{path.name} cannot be removed: {error.strerror or error}.",
            "If a job is using it, wait until it has ended or cancel it.",
        ) from error


def _take_out(library: Path, path: Path) -> None:
    if not path.exists() and not path.is_symlink():
        return
    outgoing = library / OUTGOING
    outgoing.mkdir(exist_ok=True)
    path.rename(outgoing / f"{path.name}.{uuid.uuid4().hex}")
    delete_outgoing(library)


def delete_outgoing(library: Path) -> None:
    """Delete what was taken out of the library.

    What cannot be deleted now, such as a file still open elsewhere, goes next time.
    """
    outgoing = library / OUTGOING
    for left in outgoing.iterdir() if outgoing.is_dir() else ():
        if left.is_symlink():
            left.unlink(missing_ok=True)
        else:
            shutil.rmtree(left, ignore_errors=True)


def discard_incoming(library: Path, name: str = "") -> None:
    """Delete what interrupted attempts have left; those that run are left alone.

    Parameters
    ----------
    library : Path
    name : str, optional
        Only of the model with this folder.
    """
    for lock in (library / INCOMING).glob(f"{name or '*'}.lock"):
        name = lock.name.removesuffix(".lock")
        with suppress(EarmarkError), _lock(library, name):
            _delete(library / INCOMING / name)


def interrupted(library: Path) -> list[tuple[CatalogEntry, int]]:
    """What was being fetched when it was interrupted, and how many bytes are here.

    One that runs now is among them.
    """
    found = []
    for record in sorted((library / INCOMING).glob(f"*/{ENTRY}")):
        size = folder_bytes(record.parent / "downloads")
        try:
            entry = CatalogEntry.model_validate_json(record.read_bytes())
        except (OSError, ValidationError):
            continue
        if size:
            found.append((entry, size))
    return found


def write_manifest(folder: Path, manifest: Manifest) -> ModelFolder:
    """Write a model's manifest into its folder, which is complete with it.

    Raises
    ------
    EarmarkError
        If the model cannot be used, or the folder is not as the manifest says.
    """
    text = manifest.model_dump_json(indent=2) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    found = read_folder(folder)
    if found.problem:
        raise EarmarkError(
            f"{manifest.id} cannot be used: {found.problem}.", found.remedy
        )
    return found


def manifest_file(folder: Path, name: str) -> ManifestFile:
    """Size and hash of a file as it is now."""
    path = folder / name
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return ManifestFile(name=name, size=path.stat().st_size, sha256=digest)


def copy_model(
    found: ModelFolder,
    model: Path,
    report: Callable[[float], None],
    cancelled: Callable[[], bool],
    *,
    pickles: bool = False,
) -> tuple[ManifestFile, ...]:
    """Copy a model's files, without code, twins in other formats and most pickles."""
    patterns = [*MODEL_FILES, LICENCES, "README.md"]
    if found.format == "ctranslate2":
        patterns.append("model.bin")
    if pickles:
        patterns += PICKLES
    done = 0
    files = []
    for path in sorted(found.path.rglob("*")):
        name = path.relative_to(found.path).as_posix()
        wanted = any(fnmatchcase(path.name, pattern) for pattern in patterns)
        if not wanted or not is_file_name(name) or not path.is_file():
            continue
        target = model / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with path.open("rb") as source, target.open("wb") as output:
            while block := source.read(_BLOCK):
                if cancelled():
                    raise Cancelled
                output.write(block)
                done += len(block)
                report(min(1.0, done / max(1, found.size)))
        files.append(manifest_file(model, name))
    return tuple(files)


def damaged(folder: Path) -> list[str]:
    """The files of a model that are not as its manifest has them.

    Raises
    ------
    EarmarkError
        If it has no manifest.
    """
    manifest = read_folder(folder).manifest
    if manifest is None:
        raise EarmarkError(
            f"{folder.name} has no record of its files to compare them with.",
            "Import the folder; that makes one.",
        )
    return [
        file.name
        for file in manifest.files
        if not (folder / file.name).is_file()
        or manifest_file(folder, file.name) != file
    ]


def incomplete_bytes(library: Path) -> int:
    """Size of what interrupted attempts have left."""
    return folder_bytes(library / INCOMING)


def folder_bytes(folder: Path) -> int:
    """Size of all files in a folder, in which others may be at work."""
    size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                size += Path(parent, name).stat().st_size
    return size


@contextmanager
def _lock(library: Path, name: str) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(library / INCOMING / f"{name}.lock", timeout=0)
    (library / INCOMING).mkdir(parents=True, exist_ok=True)
    try:
        lock.acquire()
    except Timeout as error:
        raise EarmarkError(
            f"{name} is being fetched or removed by another Earmark.",
            "Wait until that has ended.",
        ) from error
    try:
        yield
    finally:
        lock.release()


def _delete(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _sync_files(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("r+b") as file:
                os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make a rename in a folder last; Windows can neither open one nor needs to."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _disk_error(library: Path, name: str, error: OSError) -> EarmarkError:
    if error.errno == errno.ENOSPC:
        return EarmarkError(
            f"The disk is full; {name} was not put into {library}.",
            "Free some space, or choose another models folder.",
        )
    return EarmarkError(
        f"{name} cannot be put into {library}: {error}.",
        "Check that the folder is writable, or choose another models folder.",
    )
