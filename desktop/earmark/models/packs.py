"""Model packs: a model in one file, for a computer without a network.

A `.modelpack` is a zip file that is not compressed, because weights do not compress. It
holds the model's files under their names and the model's manifest, with the hash of
each file, its licence and where it came from, as the first member.
"""

from __future__ import annotations

import errno
import hashlib
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from earmark.core.errors import Cancelled, EarmarkError
from earmark.core.tasks import Progress
from earmark.models.arrivals import Arriving, Report
from earmark.models.folder import Manifest, ModelFolder, read_folder
from earmark.models.install import installing, manifest_file, write_manifest
from earmark.models.installed import InstalledModel
from earmark.models.names import MANIFEST, check_model_id, folder_name, is_file_name

SUFFIX = ".modelpack"

_BLOCK = 1 << 20

_MANIFEST_LIMIT = 4_000_000
"""Bytes; a manifest above it is not one."""

_ENCRYPTED = 0x1

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The same model makes the same pack, whenever it is packed."""


def write(
    model: InstalledModel, file: Path, report: Report, cancelled: Callable[[], bool]
) -> Path:
    """Write a model into a pack, whole or not at all.

    Parameters
    ----------
    model : InstalledModel
        With a folder.
    file : Path
        Gets the suffix ".modelpack" if it has none; an older file is replaced.
    report : callable
    cancelled : callable
        Asked often; the work ends when it gives True.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    EarmarkError
        If a file of the model is not what it was, or the pack cannot be written.
    Cancelled
        If `cancelled` gave True.
    """
    folder = model.ref.path
    assert folder is not None
    if file.suffix != SUFFIX:
        file = file.with_name(file.name + SUFFIX)
    message = f"Packing {model.ref.title}"
    report(Progress(0.0, message))
    manifest = _manifest(model, folder)
    total = max(1, sum(each.size for each in manifest.files))
    done = 0
    partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as pack:
            pack.writestr(zipfile.ZipInfo(MANIFEST, _EPOCH), manifest.model_dump_json())
            for each in manifest.files:
                hashed = hashlib.sha256()
                member = zipfile.ZipInfo(each.name, _EPOCH)
                member.file_size = each.size
                with (
                    (folder / each.name).open("rb") as source,
                    pack.open(member, "w") as target,
                ):
                    while block := source.read(_BLOCK):
                        if cancelled():
                            raise Cancelled
                        hashed.update(block)
                        target.write(block)
                        done += len(block)
                        report(Progress(min(1.0, done / total), message))
                if hashed.hexdigest() != each.sha256:
                    raise EarmarkError(
                        f"{each.name} of {model.ref.id} is not what it was; it was not "
                        "packed.",
                        "Remove the model and get it again.",
                    )
        with partial.open("r+b") as written:
            os.fsync(written.fileno())
        partial.replace(file)
    except OSError as error:
        full = error.errno == errno.ENOSPC
        raise EarmarkError(
            f"{file} cannot be written: {error.strerror or error}.",
            "Free some space, or choose another place."
            if full
            else "Choose another place.",
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    report(Progress(1.0, message))
    return file


def read(file: Path) -> Manifest:
    """The manifest of a pack whose list of files was checked; nothing is unpacked.

    Raises
    ------
    EarmarkError
        If it is no pack, or holds something else than its manifest says.
    """
    try:
        with _opened(file) as pack:
            return _checked(file, pack)
    except OSError as error:
        raise EarmarkError(
            f"{file} cannot be read: {error.strerror or error}."
        ) from error


def unpack(
    to: Arriving,
    file: Path,
    manifest: Manifest,
    id: str,
    check: Callable[[ModelFolder], None],
) -> None:
    """Install the model of a pack, whole or not at all.

    Parameters
    ----------
    to : Arriving
    file : Path
    manifest : Manifest
        From `read`.
    id : str
        The model's id in the library.
    check : callable
        Given what was unpacked; raises if it may not have that id.

    Raises
    ------
    EarmarkError
        If a file of it is damaged, or `check` raised; the library is as it was.
    Cancelled
        If `to.cancelled` gave True.
    """
    total = max(1, sum(each.size for each in manifest.files))
    to.need_space(id, total)
    done = 0
    with (
        installing(to.library, folder_name(id)) as incoming,
        _opened(file) as pack,
    ):
        for each in manifest.files:
            target = incoming.model / each.name
            target.parent.mkdir(parents=True, exist_ok=True)
            hashed = hashlib.sha256()
            with pack.open(each.name) as source, target.open("wb") as output:
                # The size was checked against the archive's list, which may lie.
                left = each.size
                while left and (block := source.read(min(_BLOCK, left))):
                    if to.cancelled():
                        raise Cancelled
                    left -= len(block)
                    hashed.update(block)
                    output.write(block)
                    done += len(block)
                    to.report(Progress(done / total, f"Unpacking {id}"))
            if left or hashed.hexdigest() != each.sha256:
                raise _damaged(file, f"{each.name} is not what was packed")
        check(write_manifest(incoming.model, manifest.model_copy(update={"id": id})))


def _manifest(model: InstalledModel, folder: Path) -> Manifest:
    """The model's own, or one made now of a folder that has none."""
    found = read_folder(folder)
    if found.problem:
        raise EarmarkError(f"{model.ref.id}: {found.problem}.", found.remedy)
    noted = found.manifest
    entry = model.entry
    if noted is None:
        check_model_id(model.ref.id)
        names = sorted(
            path.relative_to(folder).as_posix()
            for path in folder.rglob("*")
            if path.is_file()
        )
        noted = Manifest(
            id=model.ref.id,
            format=model.ref.format,
            source="import",
            revision=model.ref.revision,
            files=tuple(
                manifest_file(folder, name) for name in names if is_file_name(name)
            ),
        )
    if entry is not None:
        noted = noted.model_copy(
            update={
                "title": entry.title,
                "licence": entry.licence,
                "licence_url": entry.licence_url,
                "non_commercial": entry.non_commercial,
                "origin": entry.origin,
            }
        )
    return noted


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    """An open pack; what is wrong with the archive is raised as what it means."""
    try:
        with zipfile.ZipFile(file) as pack:
            yield pack
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        EOFError,
        NotImplementedError,
        UnicodeDecodeError,
    ) as error:
        raise _damaged(file, str(error)) from error
    except FileNotFoundError as error:
        raise EarmarkError(f"There is no file {file}.") from error
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise _damaged(file, "it has a place before its beginning") from error
        raise
    except KeyError as error:
        raise EarmarkError(
            f"{file.name} is no model pack: it has no {MANIFEST}.",
            "Choose a file that `earmark models pack` has made.",
        ) from error


def _checked(file: Path, pack: zipfile.ZipFile) -> Manifest:
    """The manifest, if the archive holds just the files that it names."""
    info = pack.getinfo(MANIFEST)
    if info.file_size > _MANIFEST_LIMIT:
        raise _damaged(file, "its manifest is far too long")
    try:
        manifest = Manifest.model_validate_json(pack.read(info))
    except ValidationError as error:
        raise _damaged(file, "its manifest cannot be read") from error
    sizes = {each.name: each.size for each in manifest.files}
    members = [each for each in pack.infolist() if each.filename != MANIFEST]
    if len(sizes) != len(manifest.files) or len(members) != len(sizes):
        raise _damaged(file, "it holds other files than its manifest says")
    for each in members:
        if sizes.get(each.filename) != each.file_size or each.flag_bits & _ENCRYPTED:
            raise _damaged(file, f"{each.filename!r} is not what was packed")
    return manifest


def _damaged(file: Path, why: str) -> EarmarkError:
    return EarmarkError(
        f"The model pack {file.name} is damaged: {why}.",
        "Copy it again, or pack the model again.",
    )
