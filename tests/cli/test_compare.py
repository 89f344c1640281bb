"""`earmark compare`: two label files, or a project, word for word."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from cli.conftest import Earmark

from earmark.cli.studio import Studio
from earmark.core.labels import Label
from earmark.core.project import Project

FIRST = "0.0\t2.0\tPlease hold the line.\n3.0\t4.0\tThank you\n"


@pytest.fixture
def first(tmp_path: Path) -> Path:
    path = tmp_path / "first.txt"
    path.write_text(FIRST)
    return path


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """The same recording as another program has it."""
    path = tmp_path / "second.srt"
    path.write_text(
        "1\n00:00:00,000 --> 00:00:02,000\nplease hold a line\n\n"
        "2\n00:00:03,000 --> 00:00:04,000\nthank you so much\n\n"
    )
    return path


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_files_of_two_formats_are_compared_word_for_word(
    earmark: Earmark, first: Path, second: Path
) -> None:
    done = earmark("compare", first, second)
    assert done.returncode == 0, done.stderr
    *different, rate = done.stdout.splitlines()
    assert [line.split("\t")[3] for line in different] == [
        "“the” → “a”",
        "nothing → “so much”",
    ]
    assert rate == "first.txt: 3 of 6 words differ (WER 50.0%)"
    quiet = earmark("compare", first, second, "--quiet")
    assert quiet.stdout.splitlines() == [rate]


def test_both_transcripts_and_what_differs_become_tracks(
    earmark: Earmark, first: Path, second: Path, tmp_path: Path
) -> None:
    done = earmark("compare", first, second, "--out", "differences.csv")
    assert done.returncode == 0, done.stderr
    rows = table(tmp_path / "differences.csv")
    assert {row["tier"] for row in rows} == {"first", "second", "Differences"}
    told = [row for row in rows if row["tier"] == "Differences"]
    assert told[0]["label"] == "“the” → “a”"
    assert 0.9 < float(told[0]["start_s"]) < float(told[0]["end_s"]) < 1.6
    again = earmark("compare", "differences.csv", "--track", "first", "--track",
                    "second", "--quiet")  # fmt: skip
    assert "3 of 6 words differ" in again.stdout


def test_a_format_without_tracks_gets_what_differs(
    earmark: Earmark, first: Path, second: Path, tmp_path: Path
) -> None:
    done = earmark("compare", first, second, "--out", "differences.srt")
    assert done.returncode == 0, done.stderr
    told = (tmp_path / "differences.srt").read_text(encoding="utf-8")
    assert "“the” → “a”" in told
    assert "hold" not in told


def test_tables_are_matched_by_their_recordings(
    earmark: Earmark, tmp_path: Path
) -> None:
    head = "file,start_s,end_s,tier,text\n"
    (tmp_path / "a.csv").write_text(
        f"{head}x.wav,0,1,segments,one two\ny.wav,0,1,segments,three\n"
        "z.wav,0,1,segments,four\n"
    )
    (tmp_path / "b.csv").write_text(
        f"{head}y.wav,0,1,segments,three\nx.wav,0,1,segments,one too\n"
    )
    done = earmark("compare", "a.csv", "b.csv", "--json")
    assert done.returncode == 1
    assert "z.wav is in a.csv only." in done.stderr
    told = {row["recording"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert told["x.wav"]["wer"] == 0.5
    assert told["x.wav"]["differences"][0]["second"] == "too"
    assert told["y.wav"]["wrong"] == 0
    total = earmark("compare", "a.csv", "b.csv", "--quiet").stdout.splitlines()[-1]
    assert total == "2 recordings: 1 of 3 words differ (WER 33.3%)"


def test_a_project_is_compared_clip_by_clip_without_what_was_rejected(
    earmark: Earmark, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "call.wav", np.zeros(8000), 8000)
    project = Project.create(tmp_path / "calls.earmark")
    with Studio(project) as studio:
        clip = studio.add_clip(tmp_path / "call.wav").id
        with project.edit("Label") as edit:
            by_hand = edit.add_track(clip, "by hand", "segments")
            heard = edit.add_track(clip, "heard", "words")
            edit.add_labels(
                [
                    Label(0, by_hand, 0, 4000, "good morning"),
                    Label(0, heard, 0, 2000, "good"),
                    Label(0, heard, 2000, 4000, "warning"),
                    Label(0, heard, 4000, 5000, "noise", status="rejected"),
                ]
            )
    done = earmark("compare", "calls.earmark", "--out", "calls.TextGrid")
    assert done.returncode == 0, done.stderr
    assert "“morning” → “warning”" in done.stdout
    assert "call.wav: 1 of 2 words differ (WER 50.0%)" in done.stdout
    assert '"by hand"' in (tmp_path / "calls.TextGrid").read_text(encoding="utf-8")


def test_what_cannot_be_compared_is_told_with_the_tracks_there_are(
    earmark: Earmark, first: Path, second: Path
) -> None:
    alone = earmark("compare", first)
    assert alone.returncode == 3
    assert "has no two transcripts to compare. Its tracks: first." in alone.stderr
    nowhere = earmark("compare", first, "missing.srt")
    assert nowhere.returncode == 3
    assert "There is no file missing.srt." in nowhere.stderr
    track = earmark("compare", first, second, "--track", "first", "--track", "words")
    assert track.returncode == 3
    assert "has no transcript in" in track.stderr
    assert "Its tracks: second." in track.stderr
    assert earmark("compare", first, second, "--track", "first").returncode == 2
    over = earmark("compare", first, second, "--out", first)
    assert over.returncode == 3
    assert first.read_text() == FIRST
