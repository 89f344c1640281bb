"""Runs without a project of their own: what they find is kept until it is written.

The results of such a run lie in a project in the person's data folder, named by what
was asked for. If the program is ended, the same command finds it there and goes on.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from earmark.core import storage
from earmark.core.errors import EarmarkError
from earmark.core.project import Project, ProjectInUse
from earmark.settings import folders

KEPT_S = 30 * 24 * 3600.0
"""What was left over and not gone on with for so long is removed."""


class RunFolder:
    """The project of a run, to be closed by whoever uses it.

    Parameters
    ----------
    identity : mapping
        What was asked for, as JSON values.
    alone : bool
        The run writes to a place of its own: there must be no second one at a time.
        Otherwise a second one gets a project of its own.
    anew : bool
        Forget what an earlier run found.

    Attributes
    ----------
    project : Project

    Raises
    ------
    EarmarkError
        If the same run is under way in another process and must be alone, or the
        folder cannot be written.
    """

    def __init__(
        self, identity: Mapping[str, Any], *, alone: bool, anew: bool = False
    ) -> None:
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode())
        stem = digest.hexdigest()[:16]
        with _held() as runs:
            _remove_old(runs)
            number = 1
            while True:
                name = stem if number == 1 else f"{stem}-{number}"
                folder = storage.project_folder(runs / name)
                try:
                    self.project = _opened(folder, anew=anew)
                    return
                except ProjectInUse as error:
                    if alone:
                        raise EarmarkError(
                            "The same run is under way in another program.",
                            "Wait for its end, or give another --out.",
                        ) from error
                number += 1

    def discard(self) -> None:
        """Remove it: all of it was written. The project must be closed."""
        with _held():
            _remove(self.project.folder)


@contextmanager
def _held() -> Iterator[Path]:
    """The folder of all runs, while nobody else makes or removes one."""
    runs = folders().data / "runs"
    try:
        runs.mkdir(parents=True, exist_ok=True)
        with FileLock(runs / "lock"):
            yield runs
    except OSError as error:
        raise EarmarkError(
            f"{runs} cannot be written ({error.strerror or error}).",
            "Check the space and the permissions there.",
        ) from error


def _opened(folder: Path, *, anew: bool) -> Project:
    if anew:
        _remove(folder)
    if not folder.exists():
        return Project.create(folder)
    try:
        return Project.open(folder)
    except ProjectInUse:
        raise
    except EarmarkError:
        _remove(folder)  # it holds nothing that cannot be found again
        return Project.create(folder)


def _remove(folder: Path) -> None:
    """Remove a run that nobody has open."""
    if not folder.exists():
        return
    try:
        storage.lock(folder).release()
    except ProjectInUse:
        return
    storage.remove(folder)


def _remove_old(runs: Path) -> None:
    for folder in runs.glob(f"*{storage.SUFFIX}"):
        used = max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
        if time.time() - used > KEPT_S:
            _remove(folder)
