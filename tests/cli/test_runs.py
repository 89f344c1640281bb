"""`earmark run TASK` over many files: one batch, ended and gone on with at any time."""

from __future__ import annotations

import csv
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from cli.conftest import Earmark, Tally, clips

from earmark.core.project import Project

Start = Callable[..., "subprocess.Popen[str]"]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def lines(running: subprocess.Popen[str], number: int) -> list[dict[str, object]]:
    assert running.stdout is not None
    return [json.loads(running.stdout.readline()) for _ in range(number)]


def runs(home: Path) -> list[Path]:
    return list((home / "data" / "runs").glob("*.earmark"))


@pytest.mark.parametrize("task", ["tally", "tally-many"])
def test_a_killed_run_goes_on_and_does_no_file_twice(
    earmark: Earmark,
    start: Start,
    tally: Tally,
    tmp_path: Path,
    earmark_home: Path,
    task: str,
) -> None:
    folder = clips(tmp_path / "clips", 40)
    gate = tally.gate("c20.wav")
    command = ("run", task, "clips", "--out", "labels.csv", "--json")
    running = start(*command)
    gate.read_bytes()  # it is at work on the file in the middle
    heard = tally.done.total()
    first = lines(running, heard)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    assert {told["state"] for told in first} == {"done"}
    assert not (tmp_path / "labels.csv").exists()
    assert len(runs(earmark_home)) == 1
    gate.unlink()

    done = earmark(*command)
    assert done.returncode == 0, done.stderr
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    assert Counter(Path(told["input"]).name for told in outcomes) == Counter(
        path.name for path in folder.iterdir()
    )
    assert sum(told["earlier"] for told in outcomes) == heard > 10
    assert tally.done == Counter(path.name for path in folder.iterdir())
    assert [row["file"] for row in rows(tmp_path / "labels.csv")] == sorted(tally.done)
    assert runs(earmark_home) == []


def test_a_killed_run_into_a_project_goes_on_as_one_step(
    earmark: Earmark, start: Start, tally: Tally, tmp_path: Path
) -> None:
    clips(tmp_path / "clips", 12)
    gate = tally.gate("c05.wav")
    command = ("run", "tally", "clips", "--project", "kept.earmark", "--json")
    running = start(*command)
    gate.read_bytes()
    lines(running, tally.done.total())
    running.send_signal(signal.SIGKILL)
    running.communicate()
    gate.unlink()
    done = earmark(*command)
    assert done.returncode == 0, done.stderr
    assert set(tally.done.values()) == {1}
    assert len(tally.done) == 12
    project = Project.open(tmp_path / "kept.earmark")
    try:
        assert [entry.title for entry in project.history()] == ["Tally (12 clips)"]
        assert len(project.clips()) == 12
        project.undo()
        assert project.clips() == []
    finally:
        project.close()


def test_what_a_project_holds_is_not_done_again_unless_that_is_said(
    earmark: Earmark, tally: Tally, tmp_path: Path
) -> None:
    clips(tmp_path / "clips", 3)
    command = ("run", "tally", "clips", "--project", "kept.earmark", "--out", "o.csv")
    assert earmark(*command).returncode == 0
    (tmp_path / "o.csv").unlink()
    soundfile.write(tmp_path / "clips" / "new.wav", np.zeros(4000), 8000)
    done = earmark(*command)
    assert done.returncode == 0, done.stderr
    assert "4 of 4 done, 3 of them earlier (--again does them anew)." in done.stderr
    assert tally.done == Counter(["c00.wav", "c01.wav", "c02.wav", "new.wav"])
    assert len(rows(tmp_path / "o.csv")) == 4
    done = earmark("run", "tally-many", "clips", "--project", "kept.earmark")
    assert done.returncode == 0, done.stderr
    assert set(tally.done.values()) == {2}  # another task is other work
    assert earmark(*command, "--again").returncode == 0
    assert set(tally.done.values()) == {3}
    assert len(rows(tmp_path / "o.csv")) == 4
    project = Project.open(tmp_path / "kept.earmark", read_only=True)
    try:
        assert len(project.clips()) == 4
        assert len(project.tracks(project.clips()[0].id)) == 3
    finally:
        project.close()


@pytest.mark.parametrize("request_", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_writes_what_was_done_and_goes_on_later(
    earmark: Earmark,
    start: Start,
    tally: Tally,
    tmp_path: Path,
    earmark_home: Path,
    request_: signal.Signals,
) -> None:
    clips(tmp_path / "clips", 8)
    gate = tally.gate("c05.wav")
    command = ("run", "tally", "clips", "--out", "labels.csv")
    running = start(*command)
    gate.read_bytes()
    assert running.stderr is not None
    heard = tally.done
    for _ in range(heard.total()):
        assert ": done " in running.stderr.readline()
    running.send_signal(request_)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert f"{heard.total()} of 8 done" in said
    assert "the same command goes on from there." in said
    assert [row["file"] for row in rows(tmp_path / "labels.csv")] == sorted(heard)
    gate.unlink()
    done = earmark(*command)
    assert done.returncode == 0, done.stderr
    assert len(rows(tmp_path / "labels.csv")) == 8
    assert set(tally.done.values()) == {1}
    assert runs(earmark_home) == []


def test_each_input_is_told_and_written_as_soon_as_it_is_done(
    start: Start, tally: Tally, tmp_path: Path
) -> None:
    clips(tmp_path / "clips" / "below", 10)
    shutil.copy(tmp_path / "clips" / "below" / "c00.wav", tmp_path / "clips")
    gate = tally.gate("c09.wav")
    running = start("run", "tally", "clips", "--recursive", "--out", "out/", "--json")
    gate.read_bytes()
    told = lines(running, tally.done.total())
    assert running.poll() is None
    written = [path for each in told for path in each["written"]]
    assert {"out/below/c00.csv", "out/c00.csv"} <= set(written)
    assert all(len(rows(tmp_path / path)) == 1 for path in written)


def test_a_bad_file_is_one_outcome_among_others(
    earmark: Earmark, tally: Tally, tmp_path: Path, earmark_home: Path
) -> None:
    folder = clips(tmp_path / "clips", 3)
    (folder / "broken.wav").write_bytes(b"RIFF\0\0\0\0WAVEnonsense")
    (folder / "empty.flac").touch()
    os.mkfifo(folder / "pipe.wav")
    done = earmark(
        "run", "tally-many", "clips", "gone.wav", "--json", "--out", "all.csv"
    )
    assert done.returncode == 1
    told = [json.loads(line) for line in done.stdout.splitlines()]
    states = {Path(each["input"]).name: each["state"] for each in told}
    assert len(told) == 7
    failed = {name for name, state in states.items() if state == "failed"}
    assert failed == {"broken.wav", "empty.flac", "pipe.wav", "gone.wav"}
    assert all(each["error"] for each in told if each["state"] == "failed")
    assert len(rows(tmp_path / "all.csv")) == 3
    assert "4 failed:" in done.stderr
    assert runs(earmark_home) == []


def test_files_with_the_same_sound_keep_their_names(
    earmark: Earmark, tally: Tally, tmp_path: Path
) -> None:
    folder = clips(tmp_path / "clips", 1)
    (folder / "c00.wav").rename(folder / "one.wav")
    shutil.copy(folder / "one.wav", folder / "two.wav")
    (folder / "below").mkdir()
    shutil.copy(folder / "one.wav", folder / "below" / "one.wav")
    done = earmark("run", "tally", folder, "--recursive", "--out", "d.csv")
    assert done.returncode == 0, done.stderr
    assert [row["file"] for row in rows(tmp_path / "d.csv")] == [
        "one.wav",
        "two.wav",
        "below/one.wav",
    ]
    done = earmark("run", "tally", folder, "--out", "each/", "--format", "tsv")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "each").iterdir()) == [
        "one.tsv",
        "two.tsv",
    ]


@pytest.mark.parametrize(
    ("out", "said"),
    [
        (["--out", "/proc/x.csv"], "/proc/x.csv cannot be written"),
        (["--out", "missing/x.csv"], "missing is not there"),
        (["--out", "x.docx"], "ending of 'x.docx'"),
        (["--out", "x.srt"], "about one recording, not about 2"),
        (["--out", "clips/c00.wav", "--format", "csv"], "is a recording"),
        (["--out", "/dev/null", "--format", "csv"], "is not a file"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_runs(
    earmark: Earmark, tally: Tally, tmp_path: Path, out: list[str], said: str
) -> None:
    clips(tmp_path / "clips", 2)
    before = (tmp_path / "clips" / "c00.wav").read_bytes()
    done = earmark("run", "tally", "clips", *out)
    assert done.returncode == 3
    assert said in done.stderr
    assert not tally.done
    assert (tmp_path / "clips" / "c00.wav").read_bytes() == before


def test_a_name_that_is_not_unicode_goes_through(
    earmark: Earmark, tally: Tally, tmp_path: Path
) -> None:
    folder = clips(tmp_path / "clips", 1)
    name = os.fsdecode(b"caf\xe9.wav")
    (folder / "c00.wav").rename(folder / name)
    done = earmark("run", "tally", "clips", "--out", "each/", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert Path(told["input"]).name == name
    (written,) = (tmp_path / "each").iterdir()
    assert written.name == "caf\ufffd.csv"
    done = earmark("run", "tally", "clips")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("clips/caf\ufffd.wav\t0:00:00.000\t")


def test_what_is_missing_of_a_file_is_said(
    earmark: Earmark, tally: Tally, tmp_path: Path
) -> None:
    folder = clips(tmp_path / "clips", 1, seconds=10)
    whole = (folder / "c00.wav").read_bytes()
    (folder / "c00.wav").write_bytes(whole[: len(whole) // 2])
    done = earmark("run", "tally", "clips")
    assert "its last 5.0 s are missing" in done.stderr
    told = json.loads(earmark("run", "tally", "clips", "--json").stdout)
    assert "its last 5.0 s are missing" in told["notes"][0]


def test_the_same_run_is_not_done_by_two_at_once(
    earmark: Earmark, start: Start, tally: Tally, tmp_path: Path
) -> None:
    clips(tmp_path / "clips", 2)
    gate = tally.gate("c00.wav")
    start("run", "tally", "clips", "--out", "o.csv")
    gate.read_bytes()
    done = earmark("run", "tally", "clips", "--out", "./o.csv")
    assert done.returncode == 3
    assert "under way in another program" in done.stderr
    gate.unlink()
    done = earmark("run", "tally", "clips")  # to the terminal goes any number
    assert done.returncode == 0, done.stderr


def test_what_could_not_be_written_at_the_end_is_kept(
    earmark: Earmark, start: Start, tally: Tally, tmp_path: Path
) -> None:
    clips(tmp_path / "clips", 2)
    out = tmp_path / "out"
    out.mkdir()
    gate = tally.gate("c01.wav")
    running = start("run", "tally", "clips", "c03.wav", "--out", "out/o.csv", "--json")
    gate.read_bytes()
    lines(running, 2)  # c03 is missing
    out.rmdir()
    gate.unlink()
    running.send_signal(signal.SIGINT)
    _, said = running.communicate()
    assert running.returncode == 3, said
    assert "What was found is kept" in said
    out.mkdir()
    done = earmark("run", "tally", "clips", "--out", "out/o.csv")
    assert done.returncode == 0, done.stderr
    assert len(rows(out / "o.csv")) == 2
    assert tally.done == Counter(["c00.wav", "c01.wav"])


def test_runs_that_were_left_over_long_ago_are_removed(
    earmark: Earmark, tally: Tally, tmp_path: Path, earmark_home: Path
) -> None:
    folder = earmark_home / "data" / "runs"
    for name, days in (("old", 31), ("recent", 29)):
        Project.create(folder / name).close()
        used = time.time() - days * 24 * 3600
        for path in (
            *(folder / f"{name}.earmark").iterdir(),
            folder / f"{name}.earmark",
        ):
            os.utime(path, (used, used))
    clips(tmp_path / "clips", 1)
    assert earmark("run", "tally", "clips").returncode == 0
    assert [path.name for path in runs(earmark_home)] == ["recent.earmark"]


def test_examples_are_given_by_name(
    earmark: Earmark, tally: Tally, tmp_path: Path
) -> None:
    clips(tmp_path / "clips", 2)
    done = earmark(
        *("run", "tally-voices", "clips/c00.wav"),
        *("--voice", "Ann=clips/c01.wav", "--voice", "Bob=clips/c00.wav"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("2000 heard Ann:2000 Bob:2000\n")
    done = earmark("run", "tally-voices", "clips/c00.wav", "--voice", "Ann")
    assert done.returncode == 2
    assert "“Ann” is not NAME=FILE" in done.stderr
    done = earmark("run", "tally-voices", "clips/c00.wav", "--voice", "Ann=no.wav")
    assert done.returncode == 3
    assert "no.wav" in done.stderr


def test_the_voices_of_a_project_are_examples_as_well(
    earmark: Earmark, tally: Tally, tmp_path: Path
) -> None:
    clips(tmp_path / "clips", 2)
    command = ("run", "tally-voices", "clips/c00.wav", "--project", "kept.earmark")
    assert earmark(*command).stdout.endswith("2000 heard\n")
    project = Project.open(tmp_path / "kept.earmark")
    with project.edit("Keep voice") as edit:
        edit.add_voice("Eve", project.clips()[0].id, 0, 800)
    project.close()
    done = earmark(*command, "--voice", "Ann=clips/c01.wav")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("2000 heard Ann:2000 Eve:800\n")
    done = earmark(*command, "--voice", "Ann=clips/c01.wav")
    assert done.stdout.endswith("2000 heard Ann:2000 Eve:800\n")
    assert "1 of 1 done, 1 of them earlier" in done.stderr
    assert tally.done["c00.wav"] == 2


def test_a_reader_that_has_enough_ends_the_run(
    start: Start, tally: Tally, tmp_path: Path
) -> None:
    clips(tmp_path / "clips", 8)
    gate = tally.gate("c05.wav")
    running = start("run", "tally", "clips", "--json")
    gate.read_bytes()
    lines(running, tally.done.total())
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.close()
    with gate.open("w"):  # who waits there is let go, and fails
        gate.unlink()
    assert running.wait() == 1
    assert "Traceback" not in running.stderr.read()


def test_results_go_where_they_are_piped_also_from_a_terminal(
    tally: Tally, tmp_path: Path, earmark_home: Path
) -> None:
    clips(tmp_path / "clips", 3)
    terminal, end = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-m", "earmark", "run", "tally", "clips"],
        cwd=tmp_path,
        env=os.environ | {"EARMARK_HOME": str(earmark_home), "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=end,
        text=True,
    )
    os.close(end)
    shown = b""
    try:
        while block := os.read(terminal, 4096):
            shown += block
    except OSError:
        pass  # Linux says so when the other end is closed
    printed = running.communicate()[0].splitlines()
    assert running.returncode == 0
    os.close(terminal)
    assert [line.split("\t")[0] for line in printed] == [
        f"clips/c0{number}.wav" for number in range(3)
    ]
    assert b"all files" in shown
    assert b"2000 heard" not in shown


def test_safe_mode_runs_nothing_of_a_plugin(
    earmark: Earmark, tally: Tally, tmp_path: Path
) -> None:
    told = json.loads(earmark("--no-plugins", "plugins", "--json").stdout)
    assert told["tasks"] == []
    assert not any(plugin["enabled"] for plugin in told["plugins"])
    clips(tmp_path / "clips", 1)
    done = earmark("--no-plugins", "run", "tally", "clips")
    assert done.returncode == 2
    assert not tally.done
