"""What all views of the window share: the project, what is shown, what is selected."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QObject, Signal

from earmark.audio.cache import trim_cache
from earmark.audio.sources import Sources
from earmark.core.clips import Clip, Source, Spans
from earmark.core.errors import EarmarkError
from earmark.core.labels import LabelTrack
from earmark.core.project import Change, Fragment, Project
from earmark.core.tasks import AudioInput, Example, JobState, ModelRef, Task
from earmark.ui.background import Background, Ticket
from earmark.ui.player import Player

if TYPE_CHECKING:
    from earmark.audio.transport import Transport
    from earmark.core.plugins import Plugins
    from earmark.engine.queue import JobEvent, JobQueue
    from earmark.formats import FormatRegistry
    from earmark.models.experience import Experience
    from earmark.models.library import Library
    from earmark.settings import Folders, SettingsStore

Target = Literal["selection", "clip", "clips"]


@dataclass(frozen=True, slots=True)
class Selection:
    """A range of the shown clip, perhaps of some frequencies or one channel.

    Attributes
    ----------
    start, stop : int
        Half-open, in frames of the clip.
    low_hz, high_hz : float or None
        None is unbounded.
    channel : int or None
        0-based; None is all channels.
    """

    start: int
    stop: int
    low_hz: float | None = None
    high_hz: float | None = None
    channel: int | None = None

    @property
    def frames(self) -> int:
        """Length in frames."""
        return self.stop - self.start


class Session(QObject):
    """The state that views show, and the signals by which they learn of a change.

    Views hold no copy of it. A change of the project reaches the session first, so that
    `clip`, `selection` and `selected_labels` are already right when `project_changed`
    is received. All of it lives on the GUI thread.

    Attributes
    ----------
    clip : Clip or None
        The clip that the editor shows.
    selection : Selection or None
    playhead : int
        Frame of the clip; moves while it plays.
    active_track : int or None
        The label track that new labels go to.
    selected_labels : frozenset of int
    selected_clips : tuple of int
        What is selected in the browser.
    clipboard : Fragment or None
        What was cut or copied last.
    live_jobs : dict of int to JobState
        The jobs given in this session that wait or run.
    """

    project_closing = Signal()
    """The project is about to be moved or closed: what is under way has to end."""
    project_opened = Signal()
    """Another project is shown; everything may be different."""
    project_changed = Signal(object)
    """A `Change` was committed, undone or redone."""
    clip_changed = Signal()
    """Another clip, or none, is shown; not emitted when the clip itself is edited."""
    selection_changed = Signal()
    playhead_moved = Signal(int)
    labels_selected = Signal()
    active_track_changed = Signal()
    clips_selected = Signal()
    range_revealed = Signal(int, int)
    """The frames that a view should bring into sight."""
    playback_changed = Signal()
    """Playing, paused, stopped, or looping was switched."""
    job_event = Signal(object)
    """A `JobEvent`."""
    experience_gained = Signal()
    """It is known better what jobs take."""
    message = Signal(str, int)
    """A line for the status bar, and for how many ms; 0 stays."""
    settings_changed = Signal()
    error = Signal(object)
    """An `EarmarkError` that a person must see."""

    def __init__(
        self,
        project: Project,
        *,
        queue: JobQueue,
        plugins: Plugins,
        store: SettingsStore,
        library: Library,
        transport: Transport,
        folders: Folders,
        background: Background,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.project = project
        self.queue = queue
        self.plugins = plugins
        self.store = store
        self.library = library
        self.folders = folders
        self.background = background
        self.transport = transport
        self.sources = Sources(folders.cache, project.folder)
        self.clip: Clip | None = None
        self._shown_before: int | None = None
        self.selection: Selection | None = None
        self.playhead = 0
        self.active_track: int | None = None
        self.selected_labels: frozenset[int] = frozenset()
        self.selected_clips: tuple[int, ...] = ()
        self.clipboard: Fragment | None = None
        self.live_jobs: dict[int, JobState] = {}
        self._checking: Ticket | None = None
        self.player = Player(self, transport)
        self._unsubscribe = [
            project.subscribe(self._take_change),
            queue.subscribe(self._take_job_event),
            store.on_change(lambda *_: self.settings_changed.emit()),
        ]

    @cached_property
    def experience(self) -> Experience:
        """What models have taken on this computer."""
        from earmark.models.experience import Experience

        return Experience(self.folders.data)

    @cached_property
    def formats(self) -> FormatRegistry:
        """The label formats, loaded when they are first asked for."""
        from earmark.formats import FormatRegistry

        return FormatRegistry(self.plugins.label_formats())

    def open_project(self, project: Project) -> None:
        """Show another project; the present one is closed."""
        self.project_closing.emit()
        self.player.stop()
        self.show_clip(None)
        old, old_sources = self.project, self.sources
        self._unsubscribe[0]()
        self.project = project
        self.sources = Sources(self.folders.cache, project.folder)
        self.clipboard = None
        self.selected_clips = ()
        self.live_jobs.clear()
        self._unsubscribe[0] = project.subscribe(self._take_change)
        self.queue.set_project(project)
        self.project_opened.emit()
        old_sources.close()
        old.close()
        self.show_first_clip()

    def leave_folder(self) -> Callable[[], None]:
        """Close all files of the project, which is to be moved or copied.

        Gives what shows it again, in the folder that it has then.
        """
        self.project_closing.emit()
        shown = self.clip.id if self.clip else None
        self.show_clip(None)
        # Some systems move no folder out of which a file is open.
        self.sources.close()
        self.queue.halt()

        def go_on() -> None:
            self.queue.go_on()
            self.sources = Sources(self.folders.cache, self.project.folder)
            self.project_opened.emit()
            self.show_clip(shown)

        return go_on

    def close(self) -> None:
        """Stop the sound, the threads and the engine, and close the project."""
        self.project_closing.emit()
        self.player.close()
        self.background.close()
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self.queue.close()
        self.sources.close()
        self.project.close()

    def show_clip(self, clip: int | None) -> None:
        """Show a clip in the editor, or nothing."""
        if self._checking is not None:
            self._checking.cancel()
            self._checking = None
        if (self.clip.id if self.clip else None) == clip:
            return
        if clip is not None:
            sources = self.clip_sources(self.project.clip(clip))
            if doubtful := self.sources.doubtful(sources):
                self._show_when_checked(clip, doubtful)
                return
        self._show(clip)

    def _show_when_checked(self, clip: int, doubtful: Sequence[Source]) -> None:
        """Show a clip once its files are known to be the same, or not to be."""
        sources = self.sources

        def check(ticket: Ticket) -> None:
            for source in doubtful:
                ticket.check()
                with suppress(EarmarkError):  # told when it is shown
                    sources.content(sources.path(source))

        def show(_: object) -> None:
            self._checking = None
            if self.project.clips_by_id([clip]):
                self._show(clip)

        self.message.emit("Reading a file that looks changed…", 3000)
        self._checking = self.background.run(check, show, show)

    def _show(self, clip: int | None) -> None:
        self.player.stop()
        if clip is not None and self.clip is not None:
            self._shown_before = self.clip.id
        self.clip = None if clip is None else self.project.clip(clip)
        self.playhead = 0
        self.selection = None
        self.selected_labels = frozenset()
        self.active_track = _first_to_work_on(self._tracks())
        if clip is not None:
            self._remember_shown(clip)
        self.clip_changed.emit()
        self.selection_changed.emit()
        self.labels_selected.emit()
        self.active_track_changed.emit()
        self.playhead_moved.emit(0)

    def show_first_clip(self) -> None:
        """Show the clip that was shown when the project was last open, or the first."""
        ids = self.project.clip_ids()
        shown = (self.project.view("shown") or {}).get("clip")
        if ids:
            self.show_clip(shown if shown in ids else ids[0])

    def select(self, selection: Selection | None) -> None:
        """Select a range of the shown clip; it is cut to the clip's length."""
        if self.clip is None:
            selection = None
        if selection is not None and self.clip is not None:
            start, stop = sorted((selection.start, selection.stop))
            start = min(max(0, start), self.clip.frames)
            stop = min(max(0, stop), self.clip.frames)
            selection = replace(selection, start=start, stop=stop)
        if selection != self.selection:
            self.selection = selection
            self.selection_changed.emit()

    def set_playhead(self, frame: int) -> None:
        """Move the playhead; while it plays, playing goes on from there."""
        frame = min(max(0, frame), self.clip.frames if self.clip else 0)
        if self.player.playing:
            self.player.seek(frame)
        self.move_playhead(frame)

    def move_playhead(self, frame: int) -> None:
        """Say where the playhead is, without seeking."""
        if frame != self.playhead:
            self.playhead = frame
            self.playhead_moved.emit(frame)

    def select_labels(self, ids: Iterable[int], *, reveal: bool = True) -> None:
        """Select labels of the shown clip, and bring them into sight."""
        labels = frozenset(ids)
        if labels != self.selected_labels:
            self.selected_labels = labels
            self.labels_selected.emit()
        if reveal and labels:
            found = [
                label for label in map(self.project.label, sorted(labels)) if label
            ]
            if found:
                self.range_revealed.emit(
                    min(label.start for label in found),
                    max(label.stop for label in found),
                )

    def select_clips(self, ids: Sequence[int]) -> None:
        """Say which clips are selected in the browser."""
        clips = tuple(ids)
        if clips != self.selected_clips:
            self.selected_clips = clips
            self.clips_selected.emit()

    def set_active_track(self, track: int | None) -> None:
        """Choose the track that new labels go to."""
        if track != self.active_track:
            self.active_track = track
            self.active_track_changed.emit()

    def reveal(self, start: int, stop: int) -> None:
        """Bring frames of the shown clip into sight."""
        self.range_revealed.emit(start, stop)

    def play(self) -> None:
        """Play the selection, or from the playhead on."""
        self.player.play()

    def pause(self) -> None:
        """Pause, or go on after a pause."""
        self.player.pause()

    def stop(self) -> None:
        """Stop and return to where playing began."""
        self.player.stop()

    def audio_inputs(self, target: Target) -> list[AudioInput]:
        """What a task would work on."""
        inputs = self.project.inputs_of(self._targeted(target))
        selection = self.selection if target == "selection" else None
        if selection is None:
            return inputs
        return [
            replace(
                given,
                start=selection.start,
                stop=selection.stop,
                channel=selection.channel,
                low_hz=selection.low_hz,
                high_hz=selection.high_hz,
            )
            for given in inputs
        ]

    def extent(self, target: Target) -> tuple[int, float]:
        """How many inputs a task would work on, and how many seconds of audio."""
        clips = self._targeted(target)
        if target == "selection" and clips and self.selection is not None:
            return 1, self.selection.frames / clips[0].rate
        return len(clips), sum(clip.frames / clip.rate for clip in clips)

    def _targeted(self, target: Target) -> list[Clip]:
        """The clips of which there is anything to work on; those gone are left out."""
        if target == "clips":
            known = self.project.clips_by_id(self.selected_clips)
            return [known[clip] for clip in self.selected_clips if clip in known]
        if self.clip is None:
            return []
        if target == "selection" and not (self.selection and self.selection.frames):
            return []
        return [self.clip]

    def clip_sources(self, clip: Clip) -> list[Source]:
        """The sources that a clip's spans name."""
        return self.sources_of(clip.spans)

    def sources_of(self, spans: Spans) -> list[Source]:
        """The sources that spans name."""
        ids = dict.fromkeys(span.source for span in spans if span.source)
        return [self.project.source(source) for source in ids]

    def run_task(
        self,
        task: Task,
        params: dict[str, Any],
        model: ModelRef | None = None,
        target: Target = "clip",
    ) -> list[int]:
        """Queue a task, once for each clip of the target.

        Returns
        -------
        list of int
            The jobs.

        Raises
        ------
        EarmarkError
            If there is no audio to work on, or the parameters do not fit.
        """
        # The model library is not needed to show the window.
        from earmark.models.choice import companions_of

        companions = companions_of(
            self.library, task, self.plugins.tasks, self.store.settings
        )
        if task.input == "text":
            return [
                self.queue.submit(task.id, params, model=model, companions=companions)
            ]
        inputs = self.audio_inputs(target)
        if not inputs:
            raise EarmarkError(
                f"{task.title} has no audio to work on.",
                "Open a file, or select a range of the clip, first.",
            )
        return self.queue.submit_batch(
            task.id,
            params,
            inputs,
            model=model,
            examples=self.examples(task),
            companions=companions,
        )

    def try_task(
        self,
        task: Task,
        params: dict[str, Any],
        model: ModelRef | None,
        given: AudioInput,
    ) -> int:
        """Queue a task only to see what it takes; gives the job."""
        from earmark.models.choice import companions_of

        return self.queue.try_out(
            task.id,
            params,
            model=model,
            input=given,
            examples=self.examples(task),
            companions=companions_of(
                self.library, task, self.plugins.tasks, self.store.settings
            ),
        )

    def examples(self, task: Task) -> list[Example]:
        """The voices of the project, for a task that compares its input with them."""
        return self.project.examples() if task.examples else []

    def _remember_shown(self, clip: int) -> None:
        if not self.project.read_only:
            self.project.set_view("shown", {"clip": clip})

    def _take_change(self, change: Change) -> None:
        gone = False
        if self.clip is not None and self.clip.id in change.rows.get("clips", ()):
            now = self.project.clips_by_id([self.clip.id])
            if now:
                old, self.clip = self.clip, now[self.clip.id]
                if old.spans != self.clip.spans:
                    self.player.refresh()
            else:
                gone = True
        if gone:
            self.show_clip(None)
        self._keep_within_clip()
        active_before = self.active_track
        tracks = self._tracks()
        if self.active_track not in {track.id for track in tracks}:
            self.active_track = _first_to_work_on(tracks)
        active_changed = self.active_track != active_before
        touched = self.selected_labels & change.rows.get("labels", frozenset())
        lost = {label for label in touched if self.project.label(int(label)) is None}
        self.selected_labels -= lost
        self.project_changed.emit(change)
        if lost:
            self.labels_selected.emit()
        if active_changed:
            self.active_track_changed.emit()
        if gone and self._shown_before in self.project.clip_ids():
            self.show_clip(self._shown_before)
        elif gone:
            self.show_first_clip()

    def _tracks(self) -> list[LabelTrack]:
        return [] if self.clip is None else self.project.tracks(self.clip.id)

    def _keep_within_clip(self) -> None:
        if self.clip is None:
            return
        if self.playhead > self.clip.frames:
            self.move_playhead(self.clip.frames)
        if self.selection is not None and self.selection.stop > self.clip.frames:
            self.select(self.selection)

    def _take_job_event(self, event: JobEvent) -> None:
        if event.state in (JobState.WAITING, JobState.RUNNING):
            self.live_jobs.update(dict.fromkeys(event.jobs, event.state))
        elif event.kind in ("state", "removed"):
            for job in event.jobs:
                self.live_jobs.pop(job, None)
        done = event.jobs if event.state == JobState.DONE else ()
        if done:
            self._learn(done[-1])
        self.job_event.emit(event)
        for job in done:
            self._take_done(job)

    def _take_done(self, job: int) -> None:
        """Say what came of a job that is done, and show what it made."""
        if check := self.project.text(job, "check"):
            self.message.emit(check.text, 12_000)
        made = [
            take.clip
            for take in self.project.takes_of_job(job)
            if take.clip is not None
        ]
        # Someone at work on a clip must not find it swapped for another.
        if made and (self.clip is None or not self.busy_editing()):
            self.show_clip(made[-1])

    def _learn(self, job: int) -> None:
        """Note what a job took; of a batch, its last one stands for all."""
        ended = self.project.job(job)
        if ended.batch is not None and self.project.unfinished_of_batch(ended.batch):
            return
        try:
            self.experience.record(ended.task, ended.model, ended.usage)
        except EarmarkError as error:
            self.message.emit(str(error), 12_000)
        self.experience_gained.emit()

    def queue_state(self, job: int) -> JobState | None:
        """The state of a job, None if it was removed."""
        try:
            return self.project.job_state(job)
        except EarmarkError:
            return None

    def trim_cache(self, done: Callable[[int], None]) -> Ticket:
        """Bring the cache below its limit in the background.

        Parameters
        ----------
        done : callable
            Is given how many bytes were removed.
        """
        cache, limit = self.folders.cache, self.store.settings.cache_limit_mb * 10**6

        def failed(error: Exception) -> None:
            raise error

        return self.background.run(lambda _: trim_cache(cache, limit), done, failed)

    def busy_editing(self) -> bool:
        """Whether a person is in the middle of something in the editor."""
        return (
            self.player.playing
            or bool(self.selected_labels)
            or (self.selection is not None and self.selection.frames > 0)
        )

    def import_paths(self) -> Path:
        """The folder that a file dialog opens in."""
        recent = self.project.view("folder") or {}
        folder = Path(recent.get("path", Path.home()))
        return folder if folder.is_dir() else Path.home()


def _first_to_work_on(tracks: Sequence[LabelTrack]) -> int | None:
    """The track that is active until one is chosen; words are seldom edited first."""
    ranked = sorted(tracks, key=lambda track: track.kind == "words")
    return ranked[0].id if ranked else None
