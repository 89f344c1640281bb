"""The program without its window: a project, the queue and the engine.

The command line runs its jobs through the same queue, engine and project store as the
window. The thread that calls is the owner of them all; what happens elsewhere is
posted to it and handled in `wait`.
"""

from __future__ import annotations

import queue as queues
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

from earmark.audio.files import import_file
from earmark.audio.render import export
from earmark.audio.sources import Sources
from earmark.core.clips import Clip, Span
from earmark.core.errors import EarmarkError
from earmark.core.plugins import Plugins
from earmark.core.project import Project
from earmark.core.tasks import AudioInput, Job, JobState
from earmark.engine.queue import JobEvent, JobQueue
from earmark.models.library import open_library
from earmark.settings import Settings, SettingsStore, folders

FINISHED = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})


class Studio(AbstractContextManager["Studio"]):
    """A project, a queue and what they need.

    Parameters
    ----------
    project : Path, optional
        A project folder, created if it is not there. Without one the results live in a
        temporary project that goes away at the end.
    device : str, optional
        Overrides the settings for this run.
    """

    def __init__(self, project: Path | None = None, *, device: str = "") -> None:
        self.settings = settings(device)
        self.plugins = discovered(self.settings)
        self.library = open_library(self.settings)
        self._scratch: Path | None = None
        if project is None:
            cache = folders().cache
            cache.mkdir(parents=True, exist_ok=True)
            self._scratch = Path(tempfile.mkdtemp(prefix="run-", dir=cache))
            project = self._scratch / "run.earmark"
        self.project = (
            Project.open(project) if project.exists() else Project.create(project)
        )
        self._posted: queues.SimpleQueue[Callable[[], None]] = queues.SimpleQueue()
        self.queue = JobQueue(
            self.project,
            self.plugins,
            post=self._posted.put,
            settings=lambda: self.settings,
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.queue.close()
        self.project.close()
        if self._scratch is not None:
            shutil.rmtree(self._scratch)

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

    def audio_input(
        self,
        clip: Clip,
        *,
        start_s: float | None = None,
        stop_s: float | None = None,
        channel: int | None = None,
    ) -> AudioInput:
        """A range of a clip as the input of a job.

        Parameters
        ----------
        start_s, stop_s : float, optional
            Seconds from the beginning of the clip.
        channel : int, optional
            Counted from 0.

        Raises
        ------
        EarmarkError
            If the range is empty or the channel is not there.
        """
        start = 0 if start_s is None else round(start_s * clip.rate)
        stop = clip.frames if stop_s is None else round(stop_s * clip.rate)
        stop = min(stop, clip.frames)
        if not 0 <= start < stop:
            raise EarmarkError(
                f"{clip.name} lasts {clip.frames / clip.rate:.3f} s: there is nothing "
                f"between {start / clip.rate:.3f} s and {stop / clip.rate:.3f} s.",
                "Choose --start and --stop inside the recording.",
            )
        if channel is not None and channel >= clip.channels:
            raise EarmarkError(
                f"{clip.name} has {clip.channels} channel(s), not {channel + 1}.",
                "Choose --channel from 1 to that number.",
            )
        used = {span.source for span in clip.spans if span.source is not None}
        return AudioInput(
            clip=clip.id,
            name=clip.name,
            rate=clip.rate,
            channels=clip.channels,
            spans=clip.spans,
            sources=tuple(map(self.project.source, sorted(used))),
            start=start,
            stop=stop,
            channel=channel,
        )

    def wait(self, jobs: Sequence[int], listen: Callable[[JobEvent], None]) -> None:
        """Handle what is posted until all the jobs have ended.

        A `KeyboardInterrupt` cancels what is left and is raised again once the jobs
        have stopped.
        """
        waiting = {job for job in jobs if self.job(job).state not in FINISHED}

        def follow(event: JobEvent) -> None:
            listen(event)
            if event.kind == "state" and self.job(event.job).state in FINISHED:
                waiting.discard(event.job)

        unsubscribe = self.queue.subscribe(follow)
        try:
            self.wait_for(lambda: not waiting)
        except KeyboardInterrupt:
            for job in tuple(waiting):
                self.queue.cancel(job)
            self.wait_for(lambda: not waiting)
            raise
        finally:
            unsubscribe()

    def wait_for(self, reached: Callable[[], bool]) -> None:
        """Handle what is posted until something is so."""
        while not reached():
            self._posted.get()()

    def job(self, job: int) -> Job:
        """The job as it is stored."""
        return self.project.job(job)


def write_clip(project: Project, clip: Clip, path: Path) -> None:
    """Render a clip to a sound file; its ending says which format."""
    sources = Sources(folders().cache, project.folder)
    try:
        export(clip, sources.readers(project.sources()), path)
    finally:
        sources.close()


def settings(device: str = "") -> Settings:
    """The person's settings, with what the command line overrides."""
    stored = SettingsStore(folders().settings).settings
    if not device:
        return stored
    return Settings.model_validate(stored.model_dump() | {"device": device})


def discovered(settings: Settings) -> Plugins:
    """The plugins that are installed and not switched off."""
    plugins = Plugins(disabled=settings.disabled_plugins)
    plugins.discover()
    return plugins
