"""Moving the model library to another folder: copied, verified, switched, deleted.

Until the switch the old folder is the library and complete; from then on the new one
is. An interruption anywhere in between costs time only: called again, the move goes on.
Nothing is replaced or deleted but what is known to be the same model.
"""

from __future__ import annotations

import filecmp
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from earmark.core.errors import Cancelled, EarmarkError
from earmark.core.tasks import Progress
from earmark.models.arrivals import Arriving
from earmark.models.folder import ModelFolder, read_folder
from earmark.models.install import (
    delete_outgoing,
    folder_bytes,
    installing,
    uninstall,
)
from earmark.models.installed import model_folders
from earmark.settings import Settings, SettingsStore, folders

_BLOCK = 1 << 20


def check_movable(settings: Settings, folder: Path) -> None:
    """Check that the settings can name another folder for the models.

    Raises
    ------
    EarmarkError
        If the environment names one, which goes before them.
    """
    wished = settings.model_copy(update={"models_folder": folder})
    if folders(wished).models != folder:
        raise EarmarkError(
            "EARMARK_MODELS sets the models folder and goes before the setting.",
            "Unset that environment variable first.",
        )


def move_models(old: Path, to: Arriving, switch: Callable[[], None]) -> None:
    """Move all models to another folder.

    Parameters
    ----------
    old : Path
        The library's folder.
    to : Arriving
        Its `library` is the new folder, which may exist.
    switch : callable
        Makes the new folder the library, for this program and those to come, and notes
        the old one for `finish_move`. Called once, when all copies were verified.

    Raises
    ------
    EarmarkError
        If the new folder does not do, or cannot be written; the old one is still the
        library.
    Cancelled
        If `to.cancelled` gave True before the switch.
    """
    new = to.library
    if _is_same_place(old, new):
        raise EarmarkError(f"The models are in {new} already.")
    if new.resolve().is_relative_to(old.resolve()):
        raise EarmarkError(
            f"{new} is inside the folder that is to be moved.",
            "Choose another folder.",
        )
    missing = [model for model in model_folders(old) if not _is_there(model, new)]
    sizes = [folder_bytes(model.path) for model in missing]
    to.need_space("The model library", sum(sizes))
    done = 0
    for model, size in zip(missing, sizes, strict=True):
        _copy(model.path, to, done, max(1, sum(sizes)))
        done += size
    new.mkdir(parents=True, exist_ok=True)
    switch()
    with suppress(EarmarkError):  # what is in use goes when `finish_move` is called
        _delete_moved(old, new)
    to.report(Progress(1.0, f"Moved to {new}"))


def finish_move(store: SettingsStore) -> None:
    """Delete what a move left in the old folder; does nothing if there was none.

    Models that are in use there stay until the next call.
    """
    old, new = store.settings.moved_from, store.settings.models_folder
    if old is None:
        return
    with suppress(EarmarkError):  # what does not go now goes next time
        if new is not None and not _is_same_place(old, new):
            _delete_moved(old, new)
        store.update(moved_from=None)


def _delete_moved(old: Path, new: Path) -> None:
    """Delete the library's models that are in the new folder, too."""
    for model in model_folders(old):
        if _was_copied(model, new / model.path.name):
            uninstall(old, model.path)
    delete_outgoing(old)
    for leftover in (old / ".incoming", old / ".outgoing"):
        for lock in leftover.glob("*.lock"):
            lock.unlink(missing_ok=True)
        with suppress(OSError):
            leftover.rmdir()
    with suppress(OSError):  # other files of the person's may be in it
        old.rmdir()


def _is_same_place(folder: Path, other: Path) -> bool:
    """Whether two paths lead to one folder, by whatever links or mounts."""
    return folder.resolve() == other.resolve() or (
        folder.exists() and other.exists() and folder.samefile(other)
    )


def _is_there(model: ModelFolder, new: Path) -> bool:
    """Whether a copy is in the new folder.

    Raises
    ------
    EarmarkError
        If there is something else of its name, which would be lost.
    """
    there = new / model.path.name
    if not os.path.lexists(there):
        return False
    if there.is_dir():
        if _is_same(model.path, there):
            return True
        noted, other = model.manifest, read_folder(there).manifest
        if noted and other and (noted.id, noted.revision) == (other.id, other.revision):
            return False
    raise EarmarkError(
        f"{there} is there already, and is not the model {model.path.name}.",
        "Rename it, or choose another folder.",
    )


def _was_copied(model: ModelFolder, copy: Path) -> bool:
    """Whether a model is ours, and was copied with all that is in its folder now."""
    if model.manifest is None or not copy.is_dir() or copy.samefile(model.path):
        return False
    sizes = {name: (copy / name).stat().st_size for name in _names(copy)}
    return read_folder(copy).manifest == model.manifest and all(
        sizes.get(name) == (model.path / name).stat().st_size
        for name in _names(model.path)
    )


def _copy(model: Path, to: Arriving, before: int, total: int) -> None:
    done = before
    with installing(to.library, model.name) as incoming:
        for name in _names(model):
            target = incoming.model / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with (model / name).open("rb") as source, target.open("wb") as output:
                while block := source.read(_BLOCK):
                    if to.cancelled():
                        raise Cancelled
                    output.write(block)
                    done += len(block)
                    to.report(Progress(min(1.0, done / total), f"Copying {model.name}"))
        if not _is_same(model, incoming.model):
            raise EarmarkError(
                f"The copy of {model.name} in {to.library} is not the same.",
                "Check that disk, or choose another folder.",
            )


def _is_same(model: Path, copy: Path) -> bool:
    """Whether a copy is read back with the contents of the original."""
    _, different, missing = filecmp.cmpfiles(model, copy, _names(model), shallow=False)
    return not different and not missing


def _names(folder: Path) -> list[str]:
    """The files in a folder, with slashes."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
    )
