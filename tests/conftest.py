"""Fixtures and guards that every test gets."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from earmark.settings import folders

# Set before anything that reads them at import is imported.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

# How long an example takes says nothing about whether it holds, and the same code gets
# the same examples: new ones are the business of the fuzz benchmark.
settings.register_profile(
    "untimed",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)
settings.load_profile("untimed")

REPOSITORY = Path(__file__).parent.parent
_LOOPBACK = ("127.", "::1", "localhost")


@pytest.fixture(autouse=True)
def earmark_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for every test; a developer's models are not seen."""
    home = tmp_path / "home"
    monkeypatch.setenv("EARMARK_HOME", str(home))
    monkeypatch.setenv("HF_HOME", str(home / "huggingface"))
    monkeypatch.delenv("EARMARK_MODELS", raising=False)
    return home


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that connects to anything beyond this machine."""
    connect = socket.socket.connect
    attempts: list[Any] = []

    def guarded(self: socket.socket, address: Any) -> None:
        remote = self.family in (socket.AF_INET, socket.AF_INET6)
        if remote and not str(address[0]).startswith(_LOOPBACK):
            attempts.append(address)
            raise ConnectionRefusedError(f"a test tried to reach {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    yield
    assert not attempts, f"the test tried to reach {attempts}"


@pytest.fixture(scope="session")
def starter_models() -> Path:
    """The folder of the starter weights, which the README's test command fetches."""
    folder = Path(os.environ.get("EARMARK_MODELS") or folders().models)
    assert (folder / "whisper-tiny.en").is_dir(), (
        f"The starter weights are not in {folder}: run `earmark models starter`."
    )
    return folder


@pytest.fixture
def models_folder(starter_models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The starter weights, as the models of this test."""
    monkeypatch.setenv("EARMARK_MODELS", str(starter_models))
    return starter_models


@pytest.fixture
def demo_audio() -> Path:
    """The demo recording that ships with Earmark."""
    return REPOSITORY / "assets" / "demo.wav"


@pytest.fixture
def demo_text() -> str:
    """What is said in the demo recording."""
    return (REPOSITORY / "assets" / "demo.txt").read_text(encoding="utf-8").strip()
