"""A project with a clip, a queue over a real engine process, and its event loop."""

from __future__ import annotations

import functools
import os
import queue
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import soundfile

from earmark.api import Params, Task, hookimpl, param
from earmark.audio.files import import_file
from earmark.core.clips import Span
from earmark.core.plugins import Plugins
from earmark.core.project import Project
from earmark.core.tasks import AudioInput, Job, JobState
from earmark.engine.client import EngineClient
from earmark.engine.queue import ENDED, JobEvent, JobQueue
from earmark.settings import Settings

RATE = 8000
SECONDS = 6

ENVIRONMENT = {"PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1"}


class RunnerParams(Params):
    """What the runners of `engine_runners` know."""

    gate: str = param("", "Gate", "A named pipe to wait at.")
    good: int = param(99, "Good", "Segments before the fault.", ge=0, le=99, unit="s")
    fault: str = param("", "Fault", "What goes wrong.")
    megabytes: int = param(1, "Memory", "What it holds.", unit="MB")
    peak: float = param(0.5, "Peak", "How loud.")
    mode: Literal["a", "b"] = param("a", "Mode", "One of two.")


class SpokenParams(Params):
    """A required text."""

    text: str = param(..., "Text", "What is said.")


def task(name: str, input: Literal["audio", "text"] = "audio", **more: Any) -> Task:
    """A task that runs a function of `engine_runners`."""
    return Task(
        id=name.replace("_", "-"),
        title=name.capitalize(),
        summary="A test.",
        group="understand",
        input=input,
        runner=f"engine_runners:{name}",
        **({"params": RunnerParams} | more),
    )


class RunnerPlugin:
    """Declares the tasks of `engine_runners`."""

    @hookimpl
    def register_tasks(self) -> list[Task]:
        """All of them."""
        names = "segments stubborn willing hooked chatty greedy loader nothing rubbish"
        names += " unstorable no_generator no_such_function"
        return [
            *map(task, names.split()),
            task("tone", "text"),
            task("empty_audio", "text"),
            task("speak", "text", params=SpokenParams, text_param="text"),
            task("modelled", formats=("transformers",)),
        ]


class Host:
    """The owner's thread: a queue and the loop that handles what is posted to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.posted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.events: list[JobEvent] = []
        self.engines: list[EngineClient] = []
        self.plugins = Plugins()
        self.plugins.register(RunnerPlugin(), "runners")
        self.project = (
            Project.open(folder) if folder.exists() else Project.create(folder)
        )
        self.queue = self.make_queue()

    def make_queue(self, **options: Any) -> JobQueue:
        """A queue over the project with an engine that knows the test's runners."""

        def engine(**callbacks: Any) -> EngineClient:
            make = functools.partial(EngineClient, environment=ENVIRONMENT)
            self.engines.append(make(**callbacks, **options))
            return self.engines[-1]

        made = JobQueue(
            self.project, self.plugins, engine, post=self.posted.put, settings=Settings
        )
        made.subscribe(self.events.append)
        return made

    @property
    def engine(self) -> EngineClient:
        """The engine of the moment."""
        return self.engines[-1]

    def add_clip(self, path: Path) -> AudioInput:
        """Import a file; gives all of it as an input."""
        source = import_file(path)
        spans = (Span(source.id, 0, source.frames),)
        with self.project.edit("Import") as edit:
            edit.add_source(source)
            clip = edit.add_clip(path.stem, source.rate, source.channels, spans)
        return AudioInput(
            clip=clip,
            name=path.stem,
            rate=source.rate,
            channels=source.channels,
            spans=spans,
            sources=(source,),
            start=0,
            stop=source.frames,
        )

    def run_until(self, reached: Callable[[], bool]) -> None:
        """Handle what is posted until something is so."""
        while not reached():
            self.posted.get()()

    def wait(self, job: int) -> Job:
        """Handle what is posted until a job has ended."""
        self.run_until(lambda: self.project.job(job).state in ENDED)
        return self.project.job(job)

    def wait_for_progress(self, job: int, message: str = "") -> None:
        """Handle what is posted until a job says how far it is."""
        self.run_until(lambda: message in self.queue.progress(job).message != "")

    def wait_for_results(self, job: int, count: int) -> None:
        """Handle what is posted until a job has stored results."""
        self.run_until(lambda: len(self.project.results(job)) >= count)

    def states(self, *jobs: int) -> list[JobState]:
        """The states of jobs."""
        return [self.project.job(job).state for job in jobs]

    def close(self) -> None:
        """End the engine and close the project."""
        self.queue.close()
        self.project.close()


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
def gate(tmp_path: Path) -> Path:
    """A named pipe that a runner waits at until `open_gate`."""
    path = tmp_path / "gate"
    os.mkfifo(path)
    return path


def open_gate(path: Path) -> None:
    """Let the runner at a gate go on."""
    path.write_bytes(b"")
