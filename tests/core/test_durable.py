"""Files that take their names only once they are whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from earmark.core.durable import replaced


def test_a_file_takes_the_place_of_another_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("old")
    with replaced(path) as beside:
        assert (beside.parent, beside.suffix) == (tmp_path, ".csv")
        beside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), replaced(path) as beside:
        beside.write_text("half of it")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_was_never_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replaced(tmp_path / "none.wav"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_name_may_be_as_long_as_a_system_takes(tmp_path: Path) -> None:
    path = tmp_path / ("長" * 83 + ".txt")
    assert len(os.fsencode(path.name)) == 253
    with replaced(path) as beside:
        beside.write_text("long")
    assert path.read_text() == "long"


def test_a_folder_that_cannot_be_flushed_has_the_file_even_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed = os.fsync

    def of_files_only(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError("Invalid argument")
        flushed(handle)

    monkeypatch.setattr(os, "fsync", of_files_only)
    path = tmp_path / "labels.csv"
    with replaced(path) as beside:
        beside.write_text("new")
    assert path.read_text() == "new"
