"""`earmark` and its commands, on the demo recording with the starter weights."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jiwer
import numpy as np
import pysubs2
import pytest
import soundfile
from cli.conftest import Earmark

from earmark.core.project import Project

pytestmark = pytest.mark.weights


def plain(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum() or c == " ")


def test_transcribing_prints_segments_with_times(
    earmark: Earmark, demo_audio: Path, demo_text: str, models_folder: Path
) -> None:
    done = earmark("transcribe", demo_audio)
    assert done.returncode == 0, done.stderr
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    segments = [row for row in rows if len(row) == 4]
    heard = " ".join(row[3] for row in segments)
    assert jiwer.wer(plain(demo_text), plain(heard)) < 0.1
    assert all(row[1] < row[2] for row in segments)
    assert "done in" in done.stderr


def test_the_ending_of_out_chooses_the_format(
    earmark: Earmark, demo_audio: Path, tmp_path: Path, models_folder: Path
) -> None:
    done = earmark("transcribe", demo_audio, "--out", "demo.srt", "--no-words")
    assert done.returncode == 0, done.stderr
    lines = pysubs2.load(str(tmp_path / "demo.srt"))
    assert lines[0].start < lines[0].end <= 22_000
    assert "echo test" in lines[0].plaintext.lower()


def test_many_files_go_into_one_table_and_a_bad_one_stops_nothing(
    earmark: Earmark, demo_audio: Path, tmp_path: Path, models_folder: Path
) -> None:
    recordings = tmp_path / "recordings"
    (recordings / "below").mkdir(parents=True)
    samples, rate = soundfile.read(demo_audio)
    soundfile.write(recordings / "one.wav", samples[: 5 * rate], rate)
    soundfile.write(recordings / "below" / "twö.flac", samples[: 5 * rate], rate)
    (recordings / "broken.wav").write_bytes(b"RIFF\x00\x00\x00\x00WAVEnonsense")
    (recordings / "notes.txt").write_text("not audio")
    done = earmark(
        "run", "speech-recognition", recordings, "--recursive", "--out", "labels.csv"
    )
    assert done.returncode == 1
    assert "broken.wav" in done.stderr
    assert "2 of 3 done" in done.stderr
    with (tmp_path / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["file"] for row in rows} == {"one.wav", "below/twö.flac"}


def test_json_has_labels_model_and_what_really_ran(
    earmark: Earmark, demo_audio: Path, models_folder: Path
) -> None:
    done = earmark("transcribe", demo_audio, "--json", "--stop", "6")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    told = json.loads(line)
    assert told["state"] == "done"
    assert told["model"].startswith("whisper")
    assert told["usage"]["device"] == "cpu"
    assert {label["tier"] for label in told["labels"]} == {"segments", "words"}
    assert max(label["stop_s"] for label in told["labels"]) <= 6


def test_a_range_beyond_the_recording_is_refused(
    earmark: Earmark, demo_audio: Path, models_folder: Path
) -> None:
    done = earmark("transcribe", demo_audio, "--start", "100")
    assert done.returncode == 1
    assert "21.98" in done.stderr


def test_speaking_writes_a_sound_file(
    earmark: Earmark, tmp_path: Path, models_folder: Path
) -> None:
    done = earmark("speak", "Mind the gap.", "--out", "gap.wav", "--seed", "7")
    assert done.returncode == 0, done.stderr
    samples, rate = soundfile.read(tmp_path / "gap.wav")
    assert 0.5 < len(samples) / rate < 5
    assert np.abs(samples).max() > 0.05


def test_text_to_speak_may_come_from_standard_input(
    earmark: Earmark, tmp_path: Path, models_folder: Path
) -> None:
    done = earmark("speak", "-", "--out", "hello.flac", text="Hello there.")
    assert done.returncode == 0, done.stderr
    assert soundfile.info(tmp_path / "hello.flac").frames > 0


def test_speaking_needs_a_file_and_a_text(
    earmark: Earmark, models_folder: Path
) -> None:
    nowhere = earmark("speak", "Hello.")
    assert nowhere.returncode == 3
    assert "--out" in nowhere.stderr
    empty = earmark("speak", "  ", "--out", "empty.wav")
    assert empty.returncode in (1, 3)
    assert empty.stderr.strip()


def test_without_a_model_the_remedy_is_named(
    earmark: Earmark, demo_audio: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EARMARK_MODELS", raising=False)
    done = earmark("transcribe", demo_audio)
    assert done.returncode == 3
    assert "earmark models starter" in done.stderr


def test_a_project_keeps_what_was_run_and_exports_it(
    earmark: Earmark, demo_audio: Path, tmp_path: Path, models_folder: Path
) -> None:
    ran = earmark("transcribe", demo_audio, "--project", "kept.earmark", "--stop", "6")
    assert ran.returncode == 0, ran.stderr
    labels = earmark("export", "kept.earmark", "--labels", "kept.TextGrid")
    assert labels.returncode == 0, labels.stderr
    kept = (tmp_path / "kept.TextGrid").read_text(encoding="utf-8")
    assert "echo test" in kept.lower()
    audio = earmark("export", "kept.earmark", "--audio", "kept.flac")
    assert audio.returncode == 0, audio.stderr
    assert (
        soundfile.info(tmp_path / "kept.flac").frames
        == soundfile.info(demo_audio).frames
    )


def test_ctrl_c_cancels_and_keeps_what_was_heard(
    earmark_home: Path, tmp_path: Path, demo_audio: Path, models_folder: Path
) -> None:
    samples, rate = soundfile.read(demo_audio)
    soundfile.write(tmp_path / "long.wav", np.tile(samples, 20), rate)
    running = subprocess.Popen(
        [sys.executable, "-m", "earmark", "transcribe", "long.wav"],
        cwd=tmp_path,
        env=os.environ | {"EARMARK_HOME": str(earmark_home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    running.stdout.readline()  # the first segment: it is at work
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert "interrupted" in said
    (kept,) = (earmark_home / "data" / "runs").glob("*.earmark")
    project = Project.open(kept, read_only=True)
    (job,) = project.jobs()
    assert job.state == "cancelled"
    assert project.results(job.id)
    project.close()


def test_a_long_recording_goes_on_behind_what_was_heard_before_the_kill(
    earmark: Earmark,
    start: Callable[..., subprocess.Popen[str]],
    tmp_path: Path,
    demo_audio: Path,
    models_folder: Path,
) -> None:
    samples, rate = soundfile.read(demo_audio)
    soundfile.write(tmp_path / "long.wav", np.tile(samples, 6), rate)
    running = start("transcribe", "long.wav")
    assert running.stdout is not None
    first = [running.stdout.readline() for _ in range(4)]
    running.send_signal(signal.SIGKILL)
    first += running.communicate()[0].splitlines(keepends=True)
    done = earmark("transcribe", "long.wav", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    heard_s = told["usage"]["audio_s"]
    assert heard_s < len(samples) / rate * 6 - 5  # not from its beginning
    segments = [la for la in told["labels"] if la["tier"] == "segments"]
    starts = [segment["start_s"] for segment in segments]
    assert starts == sorted(starts)
    # The language is told before the first segment, without times.
    spoken = [line.rstrip("\n").split("\t") for line in first if line.count("\t") == 3]
    assert segments[0]["text"].strip() == spoken[0][3]
    assert segments[-1]["stop_s"] > len(samples) / rate * 5


def test_the_selftest_passes(earmark: Earmark, models_folder: Path) -> None:
    done = earmark("selftest")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "selftest passed" in done.stdout


def test_the_demo_runs_on_the_terminal_without_a_display(
    earmark: Earmark, tmp_path: Path, models_folder: Path
) -> None:
    done = earmark("demo")
    assert done.returncode == 0, done.stderr
    assert "echo test" in done.stdout.lower()
    assert (tmp_path / "demo.srt").stat().st_size > 100
