"""What the tests of the engine run on: a queue with its own loop, and its tasks."""

from __future__ import annotations

import os
import queue
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from earmark.api import Params, Task, hookimpl, param
from earmark.audio.files import import_file
from earmark.core.clips import Span
from earmark.core.plugins import Plugins
from earmark.core.project import Project
from earmark.core.tasks import AudioInput, Job, JobState
from earmark.engine.client import EngineClient
from earmark.engine.queue import ENDED, JobEvent, JobQueue
from earmark.settings import Settings

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
        **({"params": RunnerParams, "runner": f"engine_runners:{name}"} | more),
    )


class RunnerPlugin:
    """Declares the tasks of `engine_runners`."""

    @hookimpl
    def register_tasks(self) -> list[Task]:
        """All of them."""
        names = "segments stubborn willing hooked chatty greedy loader nothing rubbish"
        names += " unstorable no_generator no_such_function surroundings piped"
        return [
            *map(task, names.split()),
            task("tone", "text"),
            task("empty_audio", "text"),
            task("speak", "text", params=SpokenParams, text_param="text"),
            task("alone", many="engine_runners:together"),
            task("modelled", formats=("transformers",)),
            task("foreign", runner="no_such_package.runner:run"),
        ]


class Host:
    """The owner's thread: a queue and the loop that handles what is posted to it."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self._options = options
        self.posted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.events: list[JobEvent] = []
        self.engines: list[EngineClient] = []
        self.plugins = Plugins()
        self.plugins.register(RunnerPlugin(), "runners")
        self.project = (
            Project.open(folder) if folder.exists() else Project.create(folder)
        )
        self.queue = JobQueue(
            self.project,
            self.plugins,
            self._make_engine,
            post=self.posted.put,
            settings=Settings,
        )
        self.queue.subscribe(self.events.append)

    def _make_engine(self, **callbacks: Any) -> EngineClient:
        engine = EngineClient(environment=ENVIRONMENT, **callbacks, **self._options)
        self.engines.append(engine)
        return engine

    @property
    def engine(self) -> EngineClient:
        """The engine of the moment."""
        return self.engines[-1]

    def add_clip(self, path: Path, name: str = "") -> AudioInput:
        """Import a file; gives all of it as an input."""
        name = name or path.stem
        source = import_file(path)
        spans = (Span(source.id, 0, source.frames),)
        with self.project.edit("Import") as edit:
            edit.add_source(source)
            clip = edit.add_clip(name, source.rate, source.channels, spans)
        return AudioInput(
            clip=clip,
            name=name,
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

    def wait_for_work(self, job: int, message: str) -> None:
        """Handle what is posted until a job says that it does something."""
        self.run_until(lambda: self.queue.progress(job).message == message)

    def wait_for_stop(self, job: int) -> Job:
        """Handle what is posted until it is known how a cancelled job stopped."""
        self.run_until(lambda: self.project.job(job).usage.stop_s is not None)
        return self.project.job(job)

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


class Gate:
    """Where a runner waits until the test lets it go on."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = str(path)

    def open(self) -> None:
        """Let the runner go on; waits for it to come to the gate."""
        Path(self.path).write_bytes(b"")
