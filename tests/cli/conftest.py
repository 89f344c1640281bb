"""The command line as a person calls it: a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

NO_DISPLAY = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}
Earmark = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def earmark(earmark_home: Path, tmp_path: Path) -> Earmark:
    """Call `earmark` in an empty folder and give what it printed."""

    def call(*arguments: object, text: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "earmark", *map(_text, arguments)],
            cwd=tmp_path,
            env=os.environ | NO_DISPLAY | {"EARMARK_HOME": str(earmark_home)},
            input=text,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )

    return call


def _text(argument: object) -> str:
    return argument if isinstance(argument, str) else str(argument)


class Tally:
    """The plugin `tally`, installed, and what it did."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.site = folder / "site"
        info = self.site / "tally-0.1.dist-info"
        info.mkdir(parents=True)
        shutil.copy(Path(__file__).with_name("tally.py"), self.site)
        (info / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: tally\nVersion: 0.1\n"
        )
        (info / "entry_points.txt").write_text("[earmark.plugins]\ntally = tally\n")

    @property
    def done(self) -> Counter[str]:
        """How often each input was heard whole."""
        file = self.folder / "done"
        return Counter(file.read_text().split("\n")[:-1] if file.exists() else [])

    def gate(self, name: str) -> Path:
        """Hold up whoever comes to an input, until the gate is removed."""
        gate = self.folder / f"gate {name}"
        os.mkfifo(gate)
        return gate


@pytest.fixture
def tally(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tally:
    """The plugin `tally`, found by every process that the test starts."""
    made = Tally(tmp_path / "tally")
    monkeypatch.setenv("EARMARK_TALLY", str(made.folder))
    monkeypatch.setenv("PYTHONPATH", str(made.site))
    return made


@pytest.fixture
def start(
    earmark_home: Path, tmp_path: Path
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `earmark` in the test's folder; what is left of it is killed."""
    started: list[subprocess.Popen[str]] = []

    def call(*arguments: object) -> subprocess.Popen[str]:
        running = subprocess.Popen(
            [sys.executable, "-m", "earmark", *map(_text, arguments)],
            cwd=tmp_path,
            env=os.environ | NO_DISPLAY | {"EARMARK_HOME": str(earmark_home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(running)
        return running

    yield call
    for running in started:
        if running.poll() is None:
            running.send_signal(signal.SIGKILL)
        running.communicate()


def clips(folder: Path, number: int, seconds: float = 0.25) -> Path:
    """A folder of short recordings, no two the same."""
    folder.mkdir(parents=True)
    for index in range(number):
        noise = np.random.default_rng(index).uniform(-0.1, 0.1, round(seconds * 8000))
        soundfile.write(folder / f"c{index:02}.wav", noise, 8000)
    return folder
