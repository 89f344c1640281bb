"""Pipelines of `transformers` in the engine, on a checkpoint of a few kilobytes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine.host import Host

from earmark.core.tasks import AudioInput, JobState, ModelRef, Text

TESTS = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> ModelRef:
    """A Whisper that says "hello world"; made elsewhere, as torch is not for here."""
    folder = tmp_path_factory.mktemp("models") / "whisper"
    code = "import pathlib, sys, checkpoints as c; c.whisper(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, str(folder)], cwd=TESTS, check=True)
    return ModelRef("whisper", "transformers", folder, title="Whisper")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """One host for all, because an engine takes seconds to import transformers."""
    made = Host(tmp_path_factory.mktemp("project") / "Pipelines.earmark")
    yield made
    made.close()


def test_a_pipeline_hears_what_was_said_and_is_kept(
    host: Host, audio: AudioInput, whisper: ModelRef
) -> None:
    jobs = [host.queue.submit("piped", {}, model=whisper, input=audio) for _ in "12"]
    first, second = (host.wait(job) for job in jobs)
    assert first.error == second.error == ""
    texts = [r for r in host.project.results(first.id) if isinstance(r, Text)]
    assert {text.role: text.text.strip() for text in texts} == {
        "kept": "True",
        "transcript": "hello world",
    }
    assert (first.usage.device, first.usage.dtype) == ("cpu", "float32")
    assert second.usage.load_s < 0.1 * first.usage.load_s


def test_a_model_of_another_kind_fails_with_a_reason(
    host: Host, audio: AudioInput, tmp_path: Path
) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    broken = ModelRef("broken", "transformers", tmp_path)
    failed = host.wait(host.queue.submit("piped", {}, model=broken, input=audio))
    assert failed.state == JobState.FAILED
    assert "model_type" in failed.error
    assert "Traceback" in failed.traceback


def test_a_generation_is_stopped_in_its_middle_and_its_memory_comes_back(
    host: Host, audio: AudioInput, whisper: ModelRef
) -> None:
    job = host.queue.submit("piped", {"fault": "hang"}, model=whisper, input=audio)
    host.wait_for_work(job, "heard")
    held_mb = host.engine.memory_mb()
    host.queue.cancel(job)
    stopped = host.wait_for_stop(job)
    assert stopped.state == JobState.CANCELLED
    assert stopped.usage.run_s > 0  # the engine reported it: it was not killed
    assert stopped.usage.freed_mb is not None
    assert stopped.usage.freed_mb >= 0.95 * held_mb
