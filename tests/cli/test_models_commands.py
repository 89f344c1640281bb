"""The journeys of a model on the command line, with a hub on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.conftest import Earmark
from models.loopback import Fault, LoopbackHub
from models.samples import safetensors

WEIGHTS = safetensors(5_000_000)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    server = LoopbackHub(
        {
            "config.json": b'{"architectures": ["Wav2Vec2ForCTC"]}',
            "model.safetensors": WEIGHTS,
            "pytorch_model.bin": b"a pickle",
        }
    )
    server.card = {"license": "cc-by-nc-4.0"}
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
    yield server
    server.close()


def test_a_model_is_fetched_after_its_licence_was_accepted(
    earmark: Earmark, hub: LoopbackHub
) -> None:
    done = earmark("models", "fetch", "org/name")
    assert done.returncode == 3
    assert "CC-BY-NC-4.0  (not for commercial use)" in done.stdout
    assert "5.0 MB" in done.stdout
    assert "Add --accept-licence" in done.stderr
    assert {name for name, _ in hub.asked} == {"config.json"}

    done = earmark("models", "fetch", "org/name", "--accept-licence")
    assert done.returncode == 0, done.stderr
    assert "Downloading org/name" in done.stderr
    listed = json.loads(earmark("models", "list", "--here", "--json").stdout)
    (row,) = [row for row in listed["installed"] if row["id"] == "org/name"]
    assert row["state"] == "on disk"
    assert row["non_commercial"] is True
    assert "speech-recognition" in row["tasks"]
    assert earmark("models", "verify", "org/name").returncode == 0
    done = earmark("models", "fetch", "org/name", "--accept-licence")
    assert "already" in done.stdout


def test_a_model_goes_from_a_cut_download_to_a_computer_without_a_network(
    earmark: Earmark,
    earmark_home: Path,
    hub: LoopbackHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub.stall = 3_000_000
    child = subprocess.Popen(
        [
            *(sys.executable, "-m", "earmark"),
            *("models", "fetch", "org/name", "--accept-licence"),
        ],
        env=os.environ | {"EARMARK_HOME": str(earmark_home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert hub.stalled.wait(60)
    incoming = earmark_home / "models" / ".incoming"
    while not any(
        path.stat().st_size >= 1_000_000 for path in incoming.rglob("*.partial")
    ):
        assert child.poll() is None
    child.kill()
    child.wait()

    listed = json.loads(earmark("models", "list", "org/name", "--json").stdout)
    (row,) = listed["available"]
    assert row["state"] == "interrupted"
    assert row["arrived_mb"] >= 1.0
    done = earmark("models", "fetch", "org/name", "--accept-licence")
    assert done.returncode == 0, done.stderr
    name, wanted = hub.asked[-1]
    assert name == "model.safetensors"
    assert int(wanted.removeprefix("bytes=").removesuffix("-")) >= 1_000_000
    assert earmark("models", "verify", "org/name").returncode == 0

    pack = tmp_path / "name.modelpack"
    assert earmark("models", "pack", "org/name", "--out", pack).returncode == 0
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    hub.fault = Fault(500)
    elsewhere = os.environ | {"EARMARK_HOME": str(tmp_path / "elsewhere")}

    def there(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "earmark", "models", *map(str, arguments)],
            env=elsewhere,
            capture_output=True,
            text=True,
            check=False,
        )

    asked = len(hub.asked)
    done = there("unpack", pack)
    assert done.returncode == 0, done.stderr
    assert there("verify", "org/name").returncode == 0
    moved = tmp_path / "elsewhere" / "moved"
    assert there("move", moved).returncode == 0
    weights = moved / "org--name" / "model.safetensors"
    assert weights.read_bytes() == WEIGHTS
    assert there("remove", "org/name", "--yes").returncode == 0
    assert not weights.exists()
    assert len(hub.asked) == asked


def test_a_model_of_another_task_is_refused_before_it_is_fetched(
    earmark: Earmark, hub: LoopbackHub
) -> None:
    hub.files["config.json"] = b'{"architectures": ["LlamaForCausalLM"]}'
    done = earmark("models", "fetch", "org/name", "--accept-licence")
    assert done.returncode == 3
    assert "a language model (LlamaForCausalLM); no task of Earmark" in done.stderr
    hub.files["config.json"] = b'{"architectures": ["VitsModel"]}'
    done = earmark(
        "models", "fetch", "org/name", "--task", "speech-recognition",
        "--accept-licence",
    )  # fmt: skip
    assert done.returncode == 3
    assert "a text-to-speech model (VitsModel)" in done.stderr
    assert "Use it under Text to speech." in done.stderr
    assert {name for name, _ in hub.asked} == {"config.json"}


def test_pickles_are_converted_only_when_that_was_said(
    earmark: Earmark, hub: LoopbackHub, tmp_path: Path
) -> None:
    import torch

    del hub.files["model.safetensors"]
    torch.save({"w": torch.ones(3)}, tmp_path / "weights.bin")
    hub.files["pytorch_model.bin"] = (tmp_path / "weights.bin").read_bytes()
    done = earmark("models", "fetch", "org/name", "--accept-licence")
    assert done.returncode == 3
    assert "are pickles" in done.stderr
    assert "--convert-pickle" in done.stderr
    done = earmark(
        "models", "fetch", "org/name", "--accept-licence", "--convert-pickle"
    )
    assert done.returncode == 0, done.stderr
    assert earmark("models", "verify", "org/name").returncode == 0


def test_a_search_finds_by_any_word(earmark: Earmark) -> None:
    told = json.loads(earmark("models", "list", "wavlm", "cc-by-sa", "--json").stdout)
    assert [row["id"] for row in told["available"]] == ["microsoft/wavlm-base-plus-sv"]
    assert told["free_mb"] > 0
    done = earmark("models", "list", "--task", "text-to-speech")
    assert "suno/bark-small" in done.stdout
    assert "whisper" not in done.stdout


def test_what_is_known_of_a_model_is_told(earmark: Earmark) -> None:
    done = earmark("models", "info", "facebook/mms-tts-eng")
    assert done.returncode == 0, done.stderr
    assert "CC-BY-NC-4.0  (not for commercial use)" in done.stdout
    assert "Text to speech" in done.stdout


def test_a_folder_that_the_environment_sets_is_not_moved(
    earmark: Earmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARMARK_MODELS", str(tmp_path / "fixed"))
    done = earmark("models", "move", tmp_path / "new")
    assert done.returncode == 3
    assert "EARMARK_MODELS" in done.stderr
