"""The window that `many_jobs` measures: real code, with a watch on its event loop.

    python -m tests.benchmarks.many_jobs_host CLIPS JOBS LABELS

Prints ``NAME VALUE`` lines. A gap is the time between two beats of a timer of 1 ms; of
each the part is told, too, that the window's thread spent computing, which other
programs on the machine do not change.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from earmark.audio.files import import_file
from earmark.core.clips import Span
from earmark.core.hookspecs import hookimpl
from earmark.core.labels import Label
from earmark.core.plugins import Plugins
from earmark.core.project import Project
from earmark.core.tasks import Params, Task
from earmark.engine.client import EngineClient
from earmark.settings import SettingsStore, folders
from earmark.ui.app import Studio, build
from earmark.ui.panels.tasks import Tasks

RATE = 8_000
RUNNER = "tests.benchmarks.many_jobs_runner"
TOGETHER = Task(
    "together", "Together", "Hear many at once.", "understand", "audio", Params,
    f"{RUNNER}:run", many=f"{RUNNER}:run_many",
)  # fmt: skip
ALONE = Task(
    "alone", "Alone", "Hear one by one.", "understand", "audio", Params,
    f"{RUNNER}:run",
)  # fmt: skip


class CheapTasks:
    """A plugin with a task that hears clips together, and one that hears each alone."""

    @hookimpl
    def register_tasks(self) -> list[Task]:
        """Both."""
        return [TOGETHER, ALONE]


class Watch:
    """The longest gap in the event loop since `begin`."""

    def __init__(self, app: QApplication) -> None:
        self._app = app
        self._timer = QTimer()
        self._timer.timeout.connect(self._beat)
        self.begin()

    def begin(self) -> None:
        """Forget what came before."""
        self.gap_s = self.busy_s = 0.0
        self._last, self._last_busy = time.perf_counter(), time.thread_time()
        self._timer.start(1)

    def tell(self, name: str) -> None:
        """Print the longest gap, and the longest time that the thread computed."""
        print(f"{name}_gap_ms", self.gap_s * 1000)
        print(f"{name}_busy_ms", self.busy_s * 1000, flush=True)

    def during(self, name: str, act: Callable[[], object], *, settle_s: float) -> None:
        """Watch something that is done at once, and what comes of it."""
        self.begin()
        act()
        end = time.perf_counter() + settle_s
        self.until(lambda: time.perf_counter() > end)
        self.tell(name)

    def until(self, reached: Callable[[], bool]) -> None:
        """Let the window live until something is so."""
        self._app.processEvents()
        while not reached():
            time.sleep(0.0002)
            self._app.processEvents()

    def _beat(self) -> None:
        now, busy = time.perf_counter(), time.thread_time()
        self.gap_s = max(self.gap_s, now - self._last)
        self.busy_s = max(self.busy_s, busy - self._last_busy)
        self._last, self._last_busy = now, busy


def filled(folder: Path, clips: int) -> Project:
    """A project of clips of half a second, all of one recording."""
    frames = RATE // 2
    path = folder / "noise.wav"
    noise = np.random.default_rng(4).normal(0, 0.1, frames + clips).astype("float32")
    soundfile.write(path, noise, RATE)
    project = Project.create(folder / "Many")
    source = import_file(path)
    with project.edit("Import") as edit:
        edit.add_source(source)
        for number in range(clips):
            spans = (Span(source.id, number, frames),)
            edit.add_clip(f"clip {number:05}", RATE, 1, spans)
    return project


def add_labels(studio: Studio, count: int) -> None:
    """Give the shown clip many labels in one edit."""
    session = studio.session
    assert session.clip is not None
    edges = np.linspace(0, session.clip.frames, count + 1).astype(int).tolist()
    with session.project.edit("Add labels") as edit:
        track = edit.add_track(session.clip.id, "Words")
        edit.add_labels(
            Label(0, track, start, stop, f"word {number}")
            for number, (start, stop) in enumerate(pairwise(edges))
        )


def run_jobs(watch: Watch, studio: Studio, task: Task, clips: tuple[int, ...]) -> None:
    """Run a task on many clips, as its panel does, and watch until all have ended."""
    session = studio.session
    session.select_clips(clips)
    tasks: Any = studio.window.docks["understand"].content()
    assert isinstance(tasks, Tasks)
    panel: Any = tasks.choose(task.id)
    panel.target.choose("clips")
    started = time.perf_counter()
    watch.during(f"{task.id}_start", panel.run, settle_s=0.0)
    watch.begin()
    watch.until(lambda: not session.live_jobs)
    watch.tell(task.id)
    print(f"{task.id}_s", time.perf_counter() - started)


def end_jobs(watch: Watch, studio: Studio, clips: tuple[int, ...]) -> None:
    """Cancel and remove the jobs of many clips, as the table of jobs does."""
    session, queue = studio.session, studio.session.queue
    session.select_clips(clips)
    jobs = session.run_task(ALONE, {}, target="clips")
    watch.during("cancel", lambda: queue.cancel(*jobs), settle_s=0.5)
    watch.during("remove", lambda: queue.remove(*jobs), settle_s=0.5)


def main(arguments: list[str]) -> int:
    """Open a window, and let it work."""
    clips, jobs, labels = map(int, arguments)
    app = QApplication([])
    with tempfile.TemporaryDirectory() as name:
        project = filled(Path(name), clips)
        plugins = Plugins()
        plugins.register(CheapTasks(), "cheap-tasks")
        environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
        studio = build(
            app,
            project,
            store=SettingsStore(folders().settings),
            plugins=plugins,
            engine=partial(EngineClient, environment=environment),
        )
        window, session = studio.window, studio.session
        window.show()
        watch = Watch(app)
        importlib.import_module("earmark.ui.editor.plot")
        session.show_first_clip()
        for dock in ("browser", "understand", "jobs", "history", "labels"):
            window.docks[dock].reveal()
        watch.during("docks", lambda: None, settle_s=1.0)
        gc.freeze()  # as the program does once its window is up
        chosen = tuple(clip.id for clip in project.clips()[:jobs])
        for task in (TOGETHER, ALONE):
            run_jobs(watch, studio, task, chosen)
        end_jobs(watch, studio, chosen)
        watch.during("add", lambda: add_labels(studio, labels), settle_s=1.0)
        watch.during("undo", project.undo, settle_s=1.0)
        watch.during("redo", project.redo, settle_s=1.0)
        window.close()
        watch.until(lambda: project.closed)
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)
