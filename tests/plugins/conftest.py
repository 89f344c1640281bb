"""Fixtures of the built-in tasks: runners, tiny checkpoints, a real recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import checkpoints
import pytest
import torch
from plugins.runners import Runners

from earmark.core.tasks import ModelRef


@pytest.fixture
def run_task(tmp_path: Path) -> Iterator[Runners]:
    """Runs a task's runner here; `run_task("speech-recognition", model, wav)`."""
    # On tiny models threads only wait for each other.
    torch.set_num_threads(1)
    runners = Runners(tmp_path)
    yield runners
    runners.sources.close()


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ModelRef]:
    """Gives a tiny checkpoint by the name of its builder, built when first asked."""
    folder = tmp_path_factory.mktemp("checkpoints")

    def build(name: str) -> ModelRef:
        path = folder / name
        if not path.exists():
            unfinished = folder / "unfinished" / name
            getattr(checkpoints, name)(unfinished)
            unfinished.rename(path)
        return ModelRef(name, "transformers", path, title=name)

    return build


@pytest.fixture(scope="session")
def demo_recording() -> Path:
    """The demo recording that ships with Earmark, at 8 kHz."""
    return Path(__file__).parents[2] / "assets" / "demo.wav"
