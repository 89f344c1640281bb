"""Moving the library: at each moment one of the two folders is whole."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from models.samples import MakeModel, Offer

from earmark.core.errors import Cancelled, EarmarkError
from earmark.core.tasks import Progress
from earmark.models import install
from earmark.models.catalog import Catalog
from earmark.models.library import Library
from earmark.models.move import finish_move
from earmark.settings import SettingsStore


@pytest.fixture
def filled(library: Library, offer: Offer, make_model: MakeModel) -> Library:
    library.import_folder(offer.index)
    library.import_folder(make_model("mine"))
    return library


def ids(library: Library) -> set[str]:
    return {found.ref.id for found in library.installed() if not found.problem}


def at(folder: Path, tmp_path: Path) -> Library:
    return Library(folder, Catalog(()), hub_cache=tmp_path / "hub")


def test_a_moved_library_is_whole_in_the_new_place_only(
    filled: Library, tmp_path: Path
) -> None:
    old, new = filled.folder, tmp_path / "new"
    switched: list[set[str]] = []
    told: list[Progress] = []

    def switch() -> None:
        switched.append(ids(at(new, tmp_path)))

    filled.move(new, switch, told.append)
    assert switched == [{"tiny", "mine"}]
    assert filled.folder == new
    assert ids(filled) == {"tiny", "mine"}
    assert filled.verify("tiny") == ()
    assert not old.exists()
    fractions = [progress.fraction or 0.0 for progress in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_other_files_of_the_old_folder_stay(filled: Library, tmp_path: Path) -> None:
    old = filled.folder
    (old / "notes.txt").write_text("mine")
    filled.move(tmp_path / "new", lambda: None)
    assert [path.name for path in old.iterdir()] == ["notes.txt"]


def test_a_move_that_fails_leaves_the_library_where_it_was(
    filled: Library, tmp_path: Path
) -> None:
    old = filled.folder

    def switch() -> None:
        raise EarmarkError("The settings cannot be written.")

    with pytest.raises(EarmarkError, match="settings"):
        filled.move(tmp_path / "new", switch)
    assert filled.folder == old
    assert ids(filled) == {"tiny", "mine"}


def test_a_cancelled_move_goes_on_where_it_was(filled: Library, tmp_path: Path) -> None:
    new = tmp_path / "new"
    copied: list[Path] = []

    def first_is_there() -> bool:
        copied[:] = [path for path in new.glob("[!.]*") if path.is_dir()]
        return bool(copied)

    with pytest.raises(Cancelled):
        filled.move(new, lambda: None, cancelled=first_is_there)
    assert filled.folder != new
    assert ids(filled) == {"tiny", "mine"}
    stamp = (copied[0] / "earmark-model.json").stat().st_ino
    filled.move(new, lambda: None)
    assert ids(filled) == {"tiny", "mine"}
    assert (copied[0] / "earmark-model.json").stat().st_ino == stamp


def crashed_move(old: Path, new: Path) -> SettingsStore:
    """The settings after a move that was killed just after the switch."""
    settings = new.parent / "settings.json"
    script = f"""
import os
from pathlib import Path
from earmark.models.catalog import Catalog
from earmark.models.library import Library
from earmark.settings import SettingsStore
old, new = Path({str(old)!r}), Path({str(new)!r})
def switch():
    store = SettingsStore(Path({str(settings)!r}))
    store.update(models_folder=new, moved_from=old)
    os._exit(9)
Library(old, Catalog(())).move(new, switch)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9
    return SettingsStore(settings)


def test_a_crash_after_the_switch_is_made_good(filled: Library, tmp_path: Path) -> None:
    new = tmp_path / "new"
    store = crashed_move(filled.folder, new)
    assert ids(filled) == ids(at(new, tmp_path)) == {"tiny", "mine"}
    finish_move(store)
    assert not filled.folder.exists()
    assert ids(at(new, tmp_path)) == {"tiny", "mine"}
    assert store.settings.moved_from is None
    finish_move(store)  # once is enough


def test_what_was_being_deleted_at_a_crash_goes_too(
    filled: Library, tmp_path: Path
) -> None:
    old = filled.folder
    store = crashed_move(old, tmp_path / "new")
    (old / ".outgoing").mkdir()
    for name in ("tiny", "mine"):
        (old / name).rename(old / ".outgoing" / f"{name}.1")
    finish_move(store)
    assert not old.exists()


def test_a_model_that_is_in_use_goes_the_next_time(
    filled: Library, tmp_path: Path
) -> None:
    store = crashed_move(filled.folder, tmp_path / "new")
    with install._lock(filled.folder, "tiny"):
        finish_move(store)
    assert store.settings.moved_from == filled.folder
    assert ids(filled) == {"tiny"}
    finish_move(store)
    assert store.settings.moved_from is None
    assert not filled.folder.exists()


def test_what_is_not_in_the_new_place_is_never_deleted(
    filled: Library, tmp_path: Path
) -> None:
    old, new = filled.folder, tmp_path / "new"
    store = crashed_move(old, new)
    shutil.rmtree(new / "mine")
    (old / "tiny" / "notes.txt").write_text("written after the copy was made")
    finish_move(store)
    assert ids(at(old, tmp_path)) == {"tiny", "mine"}


def test_folders_that_only_have_the_name_of_a_model_are_never_deleted(
    filled: Library, tmp_path: Path
) -> None:
    new, home = tmp_path / "new", tmp_path / "home"
    (home / "mine").mkdir(parents=True)
    (home / "mine" / "thesis.txt").write_text("ten years of work")
    store = crashed_move(filled.folder, new)
    store.update(moved_from=home)
    (new / ".moved-from.json").write_text(
        json.dumps({"folder": str(home), "models": ["mine"]})
    )
    finish_move(store)
    filled.move(tmp_path / "third", lambda: None)
    assert (home / "mine" / "thesis.txt").exists()


@pytest.mark.parametrize("there", ["a folder", "another model", "a file"])
def test_what_has_the_name_of_a_model_in_the_new_place_is_not_replaced(
    filled: Library, make_model: MakeModel, tmp_path: Path, there: str
) -> None:
    new = tmp_path / "new"
    taken = new / "tiny"
    if there == "another model":
        at(new, tmp_path).import_folder(make_model("tiny"))
    elif there == "a folder":
        taken.mkdir(parents=True)
        (taken / "thesis.txt").write_text("ten years of work")
    else:
        new.mkdir()
        taken.write_text("ten years of work")
    before = contents(new)
    with pytest.raises(EarmarkError, match="there already, and is not the model tiny"):
        filled.move(new, lambda: None)
    assert contents(new) == before
    assert ids(filled) == {"tiny", "mine"}


def test_a_damaged_copy_in_the_new_place_is_replaced(
    filled: Library, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    shutil.copytree(filled.folder / "tiny", new / "tiny")
    (new / "tiny" / "model.bin").write_bytes(b"cut off")
    filled.move(new, lambda: None)
    assert filled.verify("tiny") == ()


def test_folders_that_are_no_models_stay(filled: Library, tmp_path: Path) -> None:
    old = filled.folder
    (old / "photos").mkdir()
    (old / "photos" / "cat.jpg").write_bytes(b"meow")
    filled.move(tmp_path / "new", lambda: None)
    assert [path.name for path in old.iterdir()] == ["photos"]
    assert not (tmp_path / "new" / "photos").exists()


def test_a_model_that_the_person_put_there_is_copied_and_stays(
    filled: Library, make_model: MakeModel, tmp_path: Path
) -> None:
    own = make_model("own").rename(filled.folder / "own")
    filled.move(tmp_path / "new", lambda: None)
    assert ids(filled) == {"tiny", "mine", "own"}
    assert (own / "model.safetensors").exists()


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_places_that_do_not_do_are_refused(filled: Library, tmp_path: Path) -> None:
    for folder, said in (
        (filled.folder, "already"),
        (filled.folder / "below", "inside the folder"),
    ):
        with pytest.raises(EarmarkError, match=said):
            filled.move(folder, lambda: None)
    blocked = tmp_path / "a file"
    blocked.write_text("")
    with pytest.raises(EarmarkError):
        filled.move(blocked / "models", lambda: None)
    assert ids(filled) == {"tiny", "mine"}
    link = tmp_path / "link"
    link.symlink_to(filled.folder)
    with pytest.raises(EarmarkError, match="already"):
        filled.move(link, lambda: None)


def test_a_place_without_room_is_refused_before_anything_is_copied(
    filled: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(EarmarkError, match="The model library needs"):
        filled.move(tmp_path / "new", lambda: None)
    assert not (tmp_path / "new").exists()
