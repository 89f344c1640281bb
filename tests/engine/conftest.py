"""A project with a clip, and a queue over a real engine process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from engine.host import Gate, Host

from earmark.core.tasks import AudioInput

RATE = 8000
SECONDS = 6


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A host over a new project."""
    made = Host(tmp_path / "Test.earmark")
    yield made
    made.close()


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """Six seconds of noise at 8 kHz."""
    path = tmp_path / "speech.wav"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, SECONDS * RATE)
    soundfile.write(path, noise, RATE)
    return path


@pytest.fixture
def audio(host: Host, speech: Path) -> AudioInput:
    """The noise as the input of a job."""
    return host.add_clip(speech)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """A gate for one runner."""
    return Gate(tmp_path / "gate")


@pytest.fixture
def second_gate(tmp_path: Path) -> Gate:
    """A gate for another runner."""
    return Gate(tmp_path / "second-gate")
