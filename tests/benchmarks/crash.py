"""`kill -9` of the host or the engine during edits and a transcription."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from earmark.core.project import Project
from earmark.core.tasks import Prediction
from tests.benchmarks.material import DEMO
from tests.benchmarks.table import Row

WITHIN_S = 6.0
"""The kill comes at a random moment of so many seconds from the first edit or, in half
of the rounds, from the first segment."""


def rows(short: bool) -> Iterator[Row]:
    """Kill the host in even rounds, the engine in odd ones, and count what is lost."""
    rounds = 2 if short else 50
    chance = random.Random(1)
    lost_edits = most_lost_segments = unopened = edits = segments = 0
    with tempfile.TemporaryDirectory() as folder:
        samples, rate = soundfile.read(DEMO)
        recording = Path(folder) / "long.wav"
        soundfile.write(recording, np.tile(samples, 8), rate)
        for number in range(rounds):
            project = Path(folder) / f"{number}.earmark"
            told = run_and_kill(
                project,
                recording,
                chance.uniform(0.0, WITHIN_S),
                since=("edit", "segment")[number // 2 % 2],
                host=number % 2 == 0,
            )
            edits += told["edit"]
            segments += told["segment"]
            try:
                reopened = Project.open(project)
            except Exception as error:  # noqa: BLE001 - any failure is what is counted
                print(f"  round {number}: {error}")
                unopened += 1
                continue
            stored_edits, stored_segments = contents(reopened)
            reopened.close()
            lost_edits += max(told["edit"] - stored_edits, 0)
            most_lost_segments = max(
                most_lost_segments, told["segment"] - stored_segments
            )
    yield Row("rounds of kill -9", rounds, "")
    yield Row("edits committed before the kills", edits, "")
    yield Row("segments stored before the kills", segments, "")
    yield Row("committed edits that were lost", lost_edits, "", 0)
    yield Row("segments lost at most in a round", most_lost_segments, "", 1)
    yield Row("projects that did not open again", unopened, "", 0)


def run_and_kill(
    project: Path, recording: Path, after_s: float, *, since: str, host: bool
) -> dict[str, int]:
    """What the host had told when it, or its engine, was killed.

    That is done `after_s` from the first edit or segment that it told of. After the
    death of the engine the host goes on and ends by itself.
    """
    running = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.crash_host", project, recording],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    told = {"edit": 0, "segment": 0, "engine": 0}
    begun, ended = threading.Event(), threading.Event()

    def read() -> None:
        assert running.stdout is not None
        for line in running.stdout:
            word, _, number = line.partition(" ")
            if word in told:
                told[word] = int(number)
            if word == since:
                begun.set()
        begun.set()
        ended.set()

    threading.Thread(target=read, daemon=True).start()
    begun.wait()
    ended.wait(after_s)
    try:
        if host:
            running.kill()
        elif told["engine"]:
            os.kill(told["engine"], signal.SIGKILL)
    except ProcessLookupError:
        pass  # It had ended by itself.
    if not ended.wait(30):
        running.kill()
    running.wait()
    ended.wait()
    assert running.stdout is not None
    running.stdout.close()
    return told


def contents(project: Project) -> tuple[int, int]:
    """Edits and segments that a project holds."""
    labels = [
        track
        for clip in project.clips()
        for track in project.tracks(clip.id)
        if track.name == "mine"
    ]
    edits = sum(project.label_count(track.id) for track in labels)
    segments = sum(
        isinstance(result, Prediction) and result.kind == "segments"
        for job in project.jobs()
        for result in project.results(job.id)
    )
    return edits, segments
