"""The program without its window: a project, the queue and the engine.

The command line runs its jobs through the same queue, engine and project store as the
window. The thread that calls is the owner of them all; what happens elsewhere is
posted to it and handled in `wait_for`.
"""

from __future__ import annotations

import queue as queues
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType

import click

from earmark.audio.files import import_file
from earmark.core.clips import Clip, Source, Span
from earmark.core.errors import EarmarkError
from earmark.core.plugins import Plugins
from earmark.core.project import Project
from earmark.core.tasks import AudioInput, Job, JobState
from earmark.engine.queue import JobEvent, JobQueue
from earmark.models.library import Library, open_library
from earmark.settings import Settings, SettingsStore, folders

FINISHED = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})


@dataclass(frozen=True, slots=True)
class Installation:
    """What is on this machine to work with."""

    settings: Settings
    plugins: Plugins
    library: Library

    @classmethod
    def found(cls, device: str = "") -> Installation:
        """What there is now; `device` overrides the settings."""
        chosen = settings(device)
        return cls(chosen, discovered(chosen), open_library(chosen))


class Studio(AbstractContextManager["Studio"]):
    """A project, a queue and what they need.

    Parameters
    ----------
    project : Project or Path, optional
        An open project, which is closed at the end, or the folder of one, created if
        it is not there. Without one the results live in a temporary project.
    installation : Installation, optional
    """

    def __init__(
        self,
        project: Project | Path | None = None,
        installation: Installation | None = None,
    ) -> None:
        found = installation or Installation.found()
        self.settings = found.settings
        self.plugins = found.plugins
        self.library = found.library
        self._stack = ExitStack()
        if project is None:
            scratch = tempfile.TemporaryDirectory(prefix="earmark-")
            project = Path(self._stack.enter_context(scratch)) / "run.earmark"
        if isinstance(project, Path):
            project = opened_or_new(project)
        self.project = project
        self._stack.callback(project.close)
        self._posted: queues.SimpleQueue[Callable[[], None]] = queues.SimpleQueue()
        self.post = self._posted.put
        self.queue = JobQueue(
            self.project,
            self.plugins,
            post=self.post,
            settings=lambda: self.settings,
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._stack:
            self.queue.close()

    def add_clip(self, path: Path) -> Clip:
        """Import a file as a clip.

        Raises
        ------
        EarmarkError
            If the file cannot be read.
        """
        source = import_file(path)
        with self.project.edit(f"Import {path.name}") as edit:
            edit.add_source(source)
            clip = edit.add_clip(
                path.name,
                source.rate,
                source.channels,
                (Span(source.id, 0, source.frames),),
            )
        return self.project.clip(clip)

    def audio_input(self, clip: Clip) -> AudioInput:
        """All of a clip as the input of a job."""
        (whole_clip,) = self.project.inputs_of([clip])
        return whole_clip

    def wait(self, jobs: Sequence[int], listen: Callable[[JobEvent], None]) -> None:
        """Handle what is posted until all the jobs have ended.

        If the person interrupts it, what is left is cancelled, and `KeyboardInterrupt`
        raised once the jobs have stopped.
        """
        state = self.project.job_state
        waiting = {job for job in jobs if state(job) not in FINISHED}
        stopped = False

        def follow(event: JobEvent) -> None:
            listen(event)
            if event.kind == "state" and event.state in FINISHED:
                waiting.difference_update(event.jobs)

        def stop() -> None:
            nonlocal stopped
            stopped = True
            self.queue.cancel(*waiting)

        unsubscribe = self.queue.subscribe(follow)
        try:
            with interruptible(lambda: self.post(stop)):
                self.wait_for(lambda: not waiting)
        finally:
            unsubscribe()
        if stopped:
            raise KeyboardInterrupt

    def wait_for(self, reached: Callable[[], bool]) -> None:
        """Handle what is posted until something is so."""
        while not reached():
            self._posted.get()()

    def job(self, job: int) -> Job:
        """The job as it is stored."""
        return self.project.job(job)


@contextmanager
def interruptible(stop: Callable[[], None]) -> Iterator[None]:
    """Call something at Ctrl+C, or when the process is asked to end, instead of ending.

    It comes at any moment, so `stop` may only post. A second one ends the process as
    usual.
    """

    def asked(number: int, frame: FrameType | None) -> None:
        restore()
        stop()

    def restore() -> None:
        for number, handler in usual.items():
            signal.signal(number, handler)

    usual = {
        number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)
    }
    for number in usual:
        signal.signal(number, asked)
    try:
        yield
    finally:
        restore()


def opened_or_new(folder: Path) -> Project:
    """The project of a folder, made if it is not there."""
    return Project.open(folder) if folder.exists() else Project.create(folder)


def whole(source: Source, name: str, clip: int) -> AudioInput:
    """All of a file as the input of a job; `clip` is 0 if it is none."""
    return AudioInput(
        clip=clip,
        name=name,
        rate=source.rate,
        channels=source.channels,
        spans=(Span(source.id, 0, source.frames),),
        sources=(source,),
        start=0,
        stop=source.frames,
    )


def stretch(
    start_s: float | None, stop_s: float | None, name: str, rate: int, frames: int
) -> tuple[int, int]:
    """Seconds from the beginning of a sound as a range of its frames.

    Raises
    ------
    EarmarkError
        If the range is empty.
    """
    start = 0 if start_s is None else round(start_s * rate)
    stop = frames if stop_s is None else min(round(stop_s * rate), frames)
    if not 0 <= start < stop:
        raise EarmarkError(
            f"{name} lasts {frames / rate:.3f} s: there is nothing between "
            f"{start / rate:.3f} s and {stop / rate:.3f} s.",
            "Choose --start and --stop inside the recording.",
        )
    return start, stop


def settings(device: str = "") -> Settings:
    """The person's settings, with what the command line overrides."""
    stored = SettingsStore(folders().settings).settings
    if not device:
        return stored
    return Settings.model_validate(stored.model_dump() | {"device": device})


def discovered(settings: Settings) -> Plugins:
    """The plugins that are installed and not switched off; none in safe mode."""
    context = click.get_current_context(silent=True)
    safe = context is not None and context.find_root().params.get("no_plugins")
    plugins = Plugins(enabled=not safe, disabled=settings.disabled_plugins)
    plugins.discover()
    return plugins
