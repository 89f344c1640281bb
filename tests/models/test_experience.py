"""What models took here before, and what is expected of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from earmark.core.errors import EarmarkError
from earmark.core.tasks import ModelRef, Usage
from earmark.models.experience import FILE, Experience

MODEL = ModelRef("tiny", "transformers", None, "rev1")
USAGE = Usage(
    device="cpu", audio_s=100.0, run_s=20.0, load_s=2.0, memory_mb=500.0, dtype="int8"
)


def test_nothing_is_expected_of_a_model_that_never_ran(tmp_path: Path) -> None:
    assert Experience(tmp_path).expect("asr", MODEL, "cpu", 10.0) is None


def test_what_a_job_took_is_expected_of_the_next(tmp_path: Path) -> None:
    Experience(tmp_path).record("asr", MODEL, USAGE)
    expected = Experience(tmp_path).expect("asr", MODEL, "cpu", 50.0)
    assert expected is not None
    assert (expected.run_s, expected.load_s) == (10.0, 2.0)
    assert (expected.memory_mb, expected.jobs) == (500.0, 1)


@pytest.mark.parametrize(
    ("task", "model", "device"),
    [
        ("other", MODEL, "cpu"),
        ("asr", replace(MODEL, id="small"), "cpu"),
        ("asr", replace(MODEL, revision="rev2"), "cpu"),
        ("asr", MODEL, "cuda:0"),
        ("asr", None, "cpu"),
    ],
)
def test_nothing_is_said_of_what_was_not_tried(
    tmp_path: Path, task: str, model: ModelRef | None, device: str
) -> None:
    Experience(tmp_path).record("asr", MODEL, USAGE)
    assert Experience(tmp_path).expect(task, model, device, 10.0) is None


def test_an_automatic_device_is_the_one_that_ran_last(tmp_path: Path) -> None:
    experience = Experience(tmp_path)
    experience.record("asr", MODEL, USAGE)
    experience.record("asr", MODEL, replace(USAGE, device="cuda:0", run_s=1.0))
    expected = experience.expect("asr", MODEL, "auto", 100.0)
    assert expected is not None
    assert expected.run_s == pytest.approx(1.0)


def test_later_jobs_count_and_old_ones_fade(tmp_path: Path) -> None:
    experience = Experience(tmp_path)
    experience.record("asr", MODEL, USAGE)
    experience.record("asr", MODEL, replace(USAGE, run_s=40.0, load_s=0.0))
    expected = experience.expect("asr", MODEL, "cpu", 100.0)
    assert expected is not None
    assert expected.run_s == pytest.approx(30.0)
    assert expected.load_s == 2.0  # the second job found the model loaded
    for _ in range(60):
        experience.record("asr", MODEL, replace(USAGE, run_s=80.0))
    expected = experience.expect("asr", MODEL, "cpu", 100.0)
    assert expected is not None
    assert expected.run_s == pytest.approx(80.0, rel=0.01)


@pytest.mark.parametrize(
    "usage",
    [
        replace(USAGE, audio_s=None),
        replace(USAGE, audio_s=0.0),
        replace(USAGE, run_s=0.0),
    ],
)
def test_a_job_that_tells_nothing_teaches_nothing(tmp_path: Path, usage: Usage) -> None:
    Experience(tmp_path).record("asr", MODEL, usage)
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"version": 1}',
        b'{"version": 99, "learned": {}}',
        b'{"version": 1, "learned": {"a": {"factor": "x"}}}',
        b'{"version": 1, "learned": [1]}',
    ],
)
def test_a_damaged_file_is_learned_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    experience = Experience(tmp_path)
    assert experience.expect("asr", MODEL, "cpu", 1.0) is None
    experience.record("asr", MODEL, USAGE)
    assert experience.expect("asr", MODEL, "cpu", 1.0) is not None
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("")
    with pytest.raises(EarmarkError, match="cannot be noted"):
        Experience(tmp_path / "a file").record("asr", MODEL, USAGE)
