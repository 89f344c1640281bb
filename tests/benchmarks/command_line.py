"""The command line: what the host adds to each of many clips."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from cli.conftest import Tally

from tests.benchmarks.table import Row, stopwatch

RATE = 16_000
CLIP_S = 5


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run took: seconds, of the processor for the host alone; its memory."""

    wall_s: float
    cpu_s: float
    memory_mb: float


def rows(short: bool) -> Iterator[Row]:
    """A runner that only reads its clip, one by one and many together.

    The cost of a clip is the difference of two runs, so that starting the program and
    the engine does not count.
    """
    few, many = (5, 25) if short else (100, 1100)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        tally = Tally(folder / "tally")
        write_clips(folder / "few", few)
        write_clips(folder / "many", many)
        for task, how in (("tally", "one by one"), ("tally-many", "together")):
            less = cost_of(tally, task, folder / "few")
            more = cost_of(tally, task, folder / "many")
            number = many - few
            wall_ms = (more.wall_s - less.wall_s) / number * 1000
            cpu_ms = (more.cpu_s - less.cpu_s) / number * 1000
            reach = None if short else 4.0
            yield Row(f"a clip of {CLIP_S} s run {how}: host CPU", cpu_ms, "ms", reach)
            yield Row(f"a clip of {CLIP_S} s run {how}: wall", wall_ms, "ms", reach)
            yield Row(f"memory of the host after {many} clips", more.memory_mb, "MB")


def write_clips(folder: Path, number: int) -> None:
    """Clips of noise, no two the same."""
    folder.mkdir()
    for index in range(number):
        noise = np.random.default_rng(index).uniform(-0.1, 0.1, CLIP_S * RATE)
        soundfile.write(folder / f"{index:05}.wav", noise, RATE)


def cost_of(tally: Tally, task: str, clips: Path) -> Cost:
    """Run a task over a folder from a shell's point of view."""
    home = clips.parent / "home"
    surroundings = os.environ | {
        "EARMARK_HOME": str(home),
        "EARMARK_TALLY": str(tally.folder),
        "PYTHONPATH": str(tally.site),
    }
    command = ["run", task, str(clips), "--out", str(clips.parent / "labels.csv")]
    with stopwatch() as watch:
        running = subprocess.Popen(
            [sys.executable, "-m", "earmark", *command, "--quiet"], env=surroundings
        )
        _, status, used = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    assert running.returncode == 0
    shutil.rmtree(home)
    cpu_s = used.ru_utime + used.ru_stime
    return Cost(watch.seconds, cpu_s, used.ru_maxrss / 1024)
