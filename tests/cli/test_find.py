"""`earmark find` and vectors as the output of `earmark run`."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import embedding_checkpoints as checkpoints
import numpy as np
import pytest
import soundfile
from cli.conftest import Earmark

from earmark.core.project import Project

RATE = 16000


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """A folder with a low tone, noise, and a high tone within silence."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    times = np.arange(2 * RATE) / RATE
    low, high = np.sin(2 * np.pi * 200 * times), np.sin(2 * np.pi * 3000 * times)
    noise = np.random.default_rng(0).uniform(-1, 1, 2 * RATE)
    silence = np.zeros(9 * RATE)
    for name, sound in (
        ("low", low), ("noise", noise), ("late", np.concatenate([silence, high])),
    ):  # fmt: skip
        soundfile.write(folder / f"{name}.wav", 0.3 * sound, RATE)
    return folder


@pytest.fixture
def ge2e(tmp_path: Path) -> Path:
    checkpoints.ge2e(tmp_path / "ge2e")
    return tmp_path / "ge2e"


@pytest.fixture
def project(earmark: Earmark, sounds: Path, ge2e: Path, tmp_path: Path) -> Path:
    """A project with the sounds as its clips."""
    done = earmark(
        "run", "embeddings", sounds, "--model", ge2e, "--project", "p.earmark"
    )
    assert done.returncode == 0, done.stderr
    assert "embeddings\t" in done.stdout
    return tmp_path / "p.earmark"


def test_what_is_like_an_example_comes_first(
    earmark: Earmark, project: Path, sounds: Path, ge2e: Path
) -> None:
    before = [step.title for step in Project.open(project, read_only=True).history()]
    found = earmark(
        "find", "--like", sounds / "late.wav", "--start", 9, "--in", project,
        "--model", ge2e, "--json",
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    hits = [json.loads(line) for line in found.stdout.splitlines()]
    assert hits[0]["clip"] == "late.wav"
    assert (hits[0]["start_s"], hits[0]["stop_s"]) == (9, 11)
    assert hits[0]["score"] == pytest.approx(1, abs=1e-5)
    assert {hit["clip"] for hit in hits} == {"low.wav", "noise.wav", "late.wav"}
    after = [step.title for step in Project.open(project, read_only=True).history()]
    assert after == before


def test_clips_that_were_not_embedded_are_embedded_and_kept(
    earmark: Earmark, project: Path, sounds: Path, tmp_path: Path
) -> None:
    checkpoints.encoder(tmp_path / "hubert", "hubert")
    command = (
        "find", "--like", sounds / "noise.wav", "--in", project,
        "--model", tmp_path / "hubert", "--limit", 1,
    )  # fmt: skip
    first = earmark(*command)
    assert first.returncode == 0, first.stderr
    score, start, stop, name = first.stdout.strip().split("\t")
    assert (float(score), start, stop, name) == (
        1.0,
        "0:00:00.000",
        "0:00:02.000",
        "noise.wav",
    )
    assert "[3/3]" in first.stderr
    again = earmark(*command)
    assert again.stdout == first.stdout
    assert not again.stderr


def test_clips_whose_vectors_are_damaged_are_embedded_again(
    earmark: Earmark, project: Path, sounds: Path, ge2e: Path, earmark_home: Path
) -> None:
    command = ("find", "--like", sounds / "low.wav", "--in", project, "--model", ge2e)
    whole = earmark(*command)
    kept = sorted((earmark_home / "cache" / "vectors").rglob("*.npy"))
    assert len(kept) == 3
    for path in kept:
        path.write_bytes(path.read_bytes()[:-1])
    found = earmark(*command)
    assert (found.returncode, found.stdout) == (0, whole.stdout), found.stderr
    assert "[3/3]" in found.stderr


def test_a_clip_that_cannot_be_heard_is_said_and_the_others_are_found(
    earmark: Earmark, project: Path, sounds: Path, tmp_path: Path
) -> None:
    checkpoints.encoder(tmp_path / "hubert", "hubert")
    (sounds / "noise.wav").unlink()
    found = earmark(
        "find", "--like", sounds / "low.wav", "--in", project,
        "--model", tmp_path / "hubert", "--json",
    )  # fmt: skip
    assert found.returncode == 1
    assert "noise.wav" in found.stderr
    hits = [json.loads(line) for line in found.stdout.splitlines()]
    assert {hit["clip"] for hit in hits} == {"low.wav", "late.wav"}


def test_descriptions_need_a_clap_model_and_one_is_suggested(
    earmark: Earmark, project: Path, ge2e: Path
) -> None:
    found = earmark("find", "a dog barks", "--in", project)
    assert found.returncode == 3
    assert "No model for finding by description" in found.stderr
    assert "CLAP" in found.stderr
    assert "615 MB, licence Apache-2.0" in found.stderr
    found = earmark("find", "a dog barks", "--in", project, "--model", ge2e)
    assert found.returncode == 3
    assert "cannot load it" in found.stderr


def test_a_description_is_found_with_clap(
    earmark: Earmark, project: Path, tmp_path: Path
) -> None:
    checkpoints.clap(tmp_path / "clap")
    found = earmark(
        "find", "a dog barks", "--in", project, "--model", tmp_path / "clap", "--json"
    )
    assert found.returncode == 0, found.stderr
    hits = [json.loads(line) for line in found.stdout.splitlines()]
    assert {hit["clip"] for hit in hits} == {"low.wav", "noise.wav", "late.wav"}
    scores = [hit["score"] for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert all(-1 <= score <= 1 and score != 0 for score in scores)


@pytest.mark.parametrize(
    "arguments",
    [(), ("dog", "--like", "a.wav"), ("  ",), ("dog", "--start", "1")],
)
def test_what_makes_no_sense_is_misuse(
    earmark: Earmark, arguments: tuple[str, ...]
) -> None:
    assert earmark("find", *arguments, "--in", "p.earmark").returncode == 2


def test_a_project_that_is_not_there_is_said(earmark: Earmark) -> None:
    found = earmark("find", "dog", "--in", "none.earmark")
    assert found.returncode == 3
    assert "There is no project none.earmark" in found.stderr


def test_a_folder_becomes_an_array_of_vectors_with_an_index(
    earmark: Earmark, sounds: Path, ge2e: Path, tmp_path: Path
) -> None:
    done = earmark(
        "run", "embeddings", sounds, "--model", ge2e, "--out", "v.npy",
        "--window-s", 2, "--hop-s", 2,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    matrix = np.load(tmp_path / "v.npy")
    with (tmp_path / "v.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert matrix.shape == (len(rows), 20)
    np.testing.assert_allclose(np.linalg.norm(matrix, axis=1), 1, atol=1e-5)
    told = {(row["file"], float(row["start_s"])) for row in rows}
    assert told == {("low.wav", 0), ("noise.wav", 0), ("late.wav", 8), ("late.wav", 10)}
    assert not list(tmp_path.glob("*.part"))


def test_a_vector_for_each_file_as_parquet(
    earmark: Earmark, sounds: Path, ge2e: Path, tmp_path: Path
) -> None:
    import pyarrow.parquet

    done = earmark(
        "run", "embeddings", sounds, "--model", ge2e, "--out", "v.parquet",
        "--each", "clip",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    table = pyarrow.parquet.read_table(tmp_path / "v.parquet")
    assert sorted(table["file"].to_pylist()) == ["late.wav", "low.wav", "noise.wav"]


def test_vectors_are_written_as_vectors_only(
    earmark: Earmark, sounds: Path, ge2e: Path
) -> None:
    done = earmark("run", "embeddings", sounds, "--model", ge2e, "--out", "v.srt")
    assert done.returncode == 3
    assert "ends in .npy or .parquet" in done.stderr


def test_what_the_program_uses_itself_is_no_subcommand(earmark: Earmark) -> None:
    told = earmark("run", "--help").stdout
    assert "embeddings" in told
    assert "zero-shot" in told
    assert "find-sounds" not in told
    assert earmark("run", "embedding-map", "x").returncode == 2


def test_zero_shot_says_which_model_to_fetch(earmark: Earmark, sounds: Path) -> None:
    told = earmark("run", "zero-shot", sounds / "low.wav", "--labels", "dog,rain")
    assert told.returncode == 3
    assert "CLAP" in told.stderr
    assert "615 MB, licence Apache-2.0" in told.stderr
    assert "earmark models fetch" in told.stderr
