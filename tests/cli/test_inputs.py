"""The inputs of a run: which files there are, and what they are called."""

from __future__ import annotations

import os
from pathlib import Path

from earmark.cli.inputs import works_of_files


def test_a_file_below_a_folder_is_known_by_its_path_from_there(tmp_path: Path) -> None:
    folder = tmp_path / "day 1" / "b"
    folder.mkdir(parents=True)
    (folder / "x.wav").touch()
    (work,) = works_of_files([str(tmp_path / "day 1")], recursive=True)
    assert work.below.as_posix() == "b/x.wav"
    (named,) = works_of_files([str(folder / "x.wav")], recursive=False)
    assert named.below.as_posix() == "x.wav"


def test_a_name_is_shown_on_one_line_whatever_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "two\nlines\x1b[31m.wav"
    path.touch()
    (work,) = works_of_files([str(path)], recursive=False)
    assert work.name == f"{tmp_path}/two lines [31m.wav"
    assert work.path == path


def test_a_pipe_is_refused_before_anything_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for named in (str(tmp_path / "pipe"), "-"):
        (work,) = works_of_files([named], recursive=False)
        assert work.state == "failed"
        assert "reads sounds from files only" in work.error
