"""`earmark export`: labels and audio out of a project."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from cli.conftest import Earmark

from earmark.audio.files import import_file
from earmark.core.clips import Span
from earmark.core.labels import Label
from earmark.core.project import Project

RATE = 8000


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the clips one.wav, one.flac and ../up, each of a second.

    The first has a track "words" with a label, a rejected one, a point and another
    label.
    """
    folder = tmp_path / "P.earmark"
    made = Project.create(folder)
    with made.edit("Open files") as edit:
        for number, name in enumerate(("one.wav", "one.flac", "../up")):
            path = tmp_path / "in" / (name if number < 2 else "up.wav")
            path.parent.mkdir(exist_ok=True)
            noise = np.random.default_rng(number).uniform(-0.5, 0.5, RATE)
            soundfile.write(path, noise, RATE)
            source = import_file(path)
            edit.add_source(source)
            clip = edit.add_clip(name, RATE, 1, (Span(source.id, 0, RATE),))
            if number == 0:
                track = edit.add_track(clip, "words")
                edit.add_labels(
                    [
                        Label(0, track, 0, 800, "yes/no"),
                        Label(0, track, 800, 1600, "wrong", status="rejected"),
                        Label(0, track, 2000, 2000, "point"),
                        Label(0, track, 4000, 4400, "yes/no"),
                    ]
                )
    made.close()
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_no_two_clips_share_a_file(
    earmark: Earmark, project: Path, tmp_path: Path
) -> None:
    done = earmark("export", project, "--audio", "out/")
    assert done.returncode == 0, done.stderr
    assert names(tmp_path / "out") == ["one (2).wav", "one.wav", "up.wav"]
    assert not (tmp_path / "up.wav").exists()
    one, _ = soundfile.read(tmp_path / "out" / "one.wav")
    other, _ = soundfile.read(tmp_path / "out" / "one (2).wav")
    assert not np.array_equal(one, other)
    done = earmark("export", project, "--audio", "out", "--audio-format", "flac")
    assert done.returncode == 0, done.stderr
    assert {"one.flac", "one (2).flac", "up.flac"} <= set(names(tmp_path / "out"))


def test_labels_go_into_a_folder_one_file_per_clip(
    earmark: Earmark, project: Path, tmp_path: Path
) -> None:
    done = earmark("export", project, "--labels", "csv/")
    assert done.returncode == 0, done.stderr
    assert names(tmp_path / "csv") == ["one (2).csv", "one.csv", "up.csv"]
    with (tmp_path / "csv" / "one.csv").open(newline="", encoding="utf-8") as file:
        assert next(csv.DictReader(file))["text"] == "yes/no"
    done = earmark("export", project, "--labels", "srt", "--format", "srt")
    assert done.returncode == 0, done.stderr
    assert names(tmp_path / "srt") == ["one (2).srt", "one.srt", "up.srt"]
    done = earmark("export", project, "--labels", "all.srt")
    assert done.returncode == 3
    assert "about one recording, not about 3" in done.stderr
    assert not (tmp_path / "all.srt").exists()


def test_a_format_takes_its_options_by_name(
    earmark: Earmark, project: Path, tmp_path: Path
) -> None:
    opened = Project.open(project)
    clip = opened.clips()[0].id
    with opened.edit("Label") as edit:
        track = edit.add_track(clip, "said", "segments")
        edit.add_labels([Label(0, track, 0, 800, "=SUM(1)", speaker="Ann")])
    opened.close()
    said = ("export", project, "--clip", "one.wav", "--track", "said", "--labels")
    done = earmark(*said, "said.srt", "--format-option", "speaker-prefix")
    assert done.returncode == 0, done.stderr
    assert "Ann: =SUM(1)" in (tmp_path / "said.srt").read_text(encoding="utf-8")
    done = earmark(*said, "said.csv", "--format-option", "neutralise_formulas=yes")
    assert done.returncode == 0, done.stderr
    assert ",'=SUM(1)," in (tmp_path / "said.csv").read_text(encoding="utf-8")
    done = earmark(*said, "other.csv", "--format-option", "speaker-prefix")
    assert done.returncode == 3
    assert "Its options: neutralise_formulas." in done.stderr
    assert not (tmp_path / "other.csv").exists()


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (["--track", "nope"], "There is no track called nope. The tracks: words."),
        (["--clip", "one.wav", "--clip", "nope"], "no clip called nope. Its clips: "),
    ],
)
def test_a_name_that_nothing_has_is_an_error(
    earmark: Earmark, project: Path, tmp_path: Path, chosen: list[str], said: str
) -> None:
    done = earmark("export", project, *chosen, "--labels", "q.csv")
    assert done.returncode == 3
    assert said in done.stderr
    assert not (tmp_path / "q.csv").exists()


def test_each_label_becomes_a_sound_file(
    earmark: Earmark, project: Path, tmp_path: Path
) -> None:
    done = earmark("export", project, "--audio", "words", "--each-label", "--json")
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(each["path"], each["start_s"], each["stop_s"]) for each in told] == [
        ("words/one 1 yes_no.wav", 0.0, 0.1),
        ("words/one 2 yes_no.wav", 0.5, 0.55),
    ]
    assert soundfile.info(tmp_path / told[1]["path"]).frames == 400


def test_a_part_of_a_clip_is_exported(
    earmark: Earmark, project: Path, tmp_path: Path
) -> None:
    done = earmark(
        *("export", project, "--clip", "one.wav", "--audio", "part.wav"),
        *("--start", "0.25", "--stop", "0.5", "--labels", "l.csv", "--json"),
    )
    assert done.returncode == 0, done.stderr
    labels, sound = map(json.loads, done.stdout.splitlines())
    assert (labels["path"], labels["labels"]) == ("l.csv", 4)
    assert sound == {
        "path": "part.wav",
        "clip": "one.wav",
        "start_s": 0.25,
        "stop_s": 0.5,
    }
    whole, _ = soundfile.read(tmp_path / "in" / "one.wav", dtype="int16")
    part, _ = soundfile.read(tmp_path / "part.wav", dtype="int16")
    assert np.array_equal(part, whole[2000:4000])


@pytest.mark.parametrize("target", ["in/one.wav", "in/up.wav"])
def test_a_recording_is_never_overwritten(
    earmark: Earmark, project: Path, tmp_path: Path, target: str
) -> None:
    before = (tmp_path / target).read_bytes()
    done = earmark("export", project, "--clip", "one.wav", "--audio", target)
    assert done.returncode == 3
    assert "is a recording" in done.stderr
    done = earmark(
        *("export", project, "--clip", "one.wav", "--labels", target),
        *("--format", "csv"),
    )
    assert done.returncode == 3
    assert (tmp_path / target).read_bytes() == before


def test_what_several_clips_need_is_a_folder(
    earmark: Earmark, project: Path, tmp_path: Path
) -> None:
    done = earmark("export", project, "--audio", "all.wav")
    assert done.returncode == 3
    assert "3 clips do not fit into all.wav" in done.stderr
    done = earmark("export", project, "--audio", "out/", "--audio-format", "xyz")
    assert done.returncode == 3
    assert "has an ending that Earmark does not write" in done.stderr
    assert not (tmp_path / "out").exists()
