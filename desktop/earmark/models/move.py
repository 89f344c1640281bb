"""Moving the model library to another folder: copied, verified, switched, deleted.

Until the switch the old folder is the library and complete; from then on the new one
is. An interruption anywhere in between costs time only: called again, the move goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from earmark.core.errors import Cancelled, EarmarkError
from earmark.core.tasks import Progress
from earmark.models.arrivals import Arriving
from earmark.models.folder import MANIFEST
from earmark.models.install import (
    folder_bytes,
    installing,
    manifest_file,
    uninstall,
)
from earmark.settings import Settings, folders

_MOVED_FROM = ".moved-from.json"

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
        Makes the new folder the library, for this program and those to come. Called
        once, when all copies were verified.

    Raises
    ------
    EarmarkError
        If the new folder does not do, or cannot be written; the old one is still the
        library.
    Cancelled
        If `to.cancelled` gave True before the switch.
    """
    new = to.library
    if old.resolve() == new.resolve():
        raise EarmarkError(f"The models are in {new} already.")
    if new.resolve().is_relative_to(old.resolve()):
        raise EarmarkError(
            f"{new} is inside the folder that is to be moved.",
            "Choose another folder.",
        )
    models = _models(old)
    total = sum(folder_bytes(model) for model in models)
    here = sum(folder_bytes(new / model.name) for model in models)
    to.need_space("The model library", max(0, total - here))
    done = 0
    for model in models:
        _copy(model, to, done, max(1, total))
        done += folder_bytes(model)
    new.mkdir(parents=True, exist_ok=True)
    names = [model.name for model in models]
    text = json.dumps({"folder": str(old), "models": names})
    (new / _MOVED_FROM).write_text(text, encoding="utf-8")
    switch()
    finish_move(new)
    to.report(Progress(1.0, f"Moved to {new}"))


def finish_move(library: Path) -> None:
    """Delete what a move left in the old folder; does nothing if there was none.

    Models that are in use there stay until the next call.
    """
    note = library / _MOVED_FROM
    try:
        left = json.loads(note.read_text(encoding="utf-8"))
        old, names = Path(left["folder"]), list(left["models"])
    except FileNotFoundError:
        return
    except (OSError, ValueError, LookupError, TypeError):
        note.unlink(missing_ok=True)
        return
    for name in names:
        if (library / name).is_dir() and (old / name).is_dir():
            try:
                uninstall(old, old / name)
            except EarmarkError:
                return
    note.unlink(missing_ok=True)
    for leftover in (old / ".incoming", old / ".outgoing"):
        for lock in leftover.glob("*.lock"):
            lock.unlink(missing_ok=True)
        with suppress(OSError):
            leftover.rmdir()
    with suppress(OSError):  # other files of the person's may be in it
        old.rmdir()


def _models(folder: Path) -> list[Path]:
    try:
        return sorted(
            path
            for path in folder.iterdir()
            if path.is_dir() and not path.name.startswith(".")
        )
    except FileNotFoundError:
        return []
    except OSError as error:
        raise EarmarkError(
            f"The models folder {folder} cannot be read: {error.strerror or error}."
        ) from error


def _copy(model: Path, to: Arriving, before: int, total: int) -> None:
    """Copy one model, unless a copy that is the same is there already."""
    names = sorted(
        path.relative_to(model).as_posix()
        for path in model.rglob("*")
        if path.is_file()
    )
    there = to.library / model.name
    if there.exists() and _same(model, there, names):
        return
    done = before
    with installing(to.library, model.name) as incoming:
        for name in names:
            target = incoming.model / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with (model / name).open("rb") as source, target.open("wb") as output:
                while block := source.read(_BLOCK):
                    if to.cancelled():
                        raise Cancelled
                    output.write(block)
                    done += len(block)
                    to.report(Progress(min(1.0, done / total), f"Copying {model.name}"))
        if not _same(model, incoming.model, names):
            raise EarmarkError(
                f"The copy of {model.name} in {to.library} is not the same.",
                "Check that disk, or choose another folder.",
            )


def _same(model: Path, copy: Path, names: list[str]) -> bool:
    """Whether a copy is read back with the contents of the original."""
    return (
        all(
            (copy / name).is_file()
            and manifest_file(model, name) == manifest_file(copy, name)
            for name in names
        )
        and (copy / MANIFEST).exists() == (model / MANIFEST).exists()
    )
