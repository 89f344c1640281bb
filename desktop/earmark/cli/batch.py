"""Many inputs through one task: imported ahead, run as one batch, told as they end."""

from __future__ import annotations

import queue as queues
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from earmark.audio.files import import_file
from earmark.cli.inputs import Work
from earmark.cli.output import Output, Written
from earmark.cli.studio import FINISHED, Studio, interruptible, stretch, whole
from earmark.core.clips import Source, Span
from earmark.core.edit import Edit
from earmark.core.errors import EarmarkError
from earmark.core.labels import LabelTrack
from earmark.core.project import Project, StoredText
from earmark.core.sources import readable
from earmark.core.tasks import AudioInput, Example, Job, JobState, ModelRef, Task
from earmark.engine.queue import TOGETHER, JobEvent
from earmark.formats.document import stem_of

AT_ONCE = 4 * TOGETHER
"""So many inputs are imported or in the queue at a time; the others are only paths."""

IMPORTED_AT_ONCE = 8
"""So many enter the project before anything else is handled: the engine waits."""

IMPORTERS = 2


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be done with every input.

    Attributes
    ----------
    task : Task
    params : dict
        Checked and complete, as plain values.
    model : ModelRef or None
    companions : mapping of str to ModelRef
    examples : tuple of Example
    start_s, stop_s : float or None
        Only this part.
    channel : int or None
        Counted from 0.
    again : bool
        Also what was done earlier.
    """

    task: Task
    params: dict[str, Any]
    model: ModelRef | None = None
    companions: Mapping[str, ModelRef] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    start_s: float | None = None
    stop_s: float | None = None
    channel: int | None = None
    again: bool = False

    def asked_by(self, job: Job) -> bool:
        """Whether a job was given the same work, on whatever input."""
        return (
            job.task == self.task.id
            and job.params == self.params
            and _identity(job.model) == _identity(self.model)
            and _identities(job.companions) == _identities(self.companions)
            and _sounds(job.examples) == _sounds(self.examples)
        )

    def input_of(self, source: Source, name: str) -> AudioInput:
        """The part of a file that is to be worked on, of a clip that is not known yet.

        Raises
        ------
        EarmarkError
            If the file has no such part or channel.
        """
        start, stop = stretch(
            self.start_s, self.stop_s, name, source.rate, source.frames
        )
        if self.channel is not None and self.channel >= source.channels:
            raise EarmarkError(
                f"{name} has {source.channels} channel(s), not {self.channel + 1}.",
                "Choose --channel from 1 to that number.",
            )
        given = whole(source, name, 0)
        return replace(given, start=start, stop=stop, channel=self.channel)


def _identity(model: ModelRef | None) -> tuple[str, str] | None:
    return None if model is None else (model.id, model.revision)


def _identities(models: Mapping[str, ModelRef]) -> dict[str, tuple[str, str] | None]:
    return {task: _identity(model) for task, model in models.items()}


def _sounds(examples: Iterable[Example]) -> list[tuple[Any, ...]]:
    return [(each.name, each.audio.spans) for each in examples]


class Batch:
    """A run over inputs; everything but the import of files happens on one thread.

    Parameters
    ----------
    studio : Studio
    request : Request
    works : sequence of Work
    output : Output
    listen : callable
        Told each event of the queue that is about an input.
    tell : callable
        Told each input when it has ended and its results are written.

    Attributes
    ----------
    interrupted : bool
        The person ended it before its end.
    unwritten : bool
        The results of some input could not be written.
    """

    def __init__(
        self,
        studio: Studio,
        request: Request,
        works: Sequence[Work],
        output: Output,
        *,
        listen: Callable[[Work, JobEvent], None],
        tell: Callable[[Work], None],
    ) -> None:
        self._studio = studio
        self._project: Project = studio.project
        self._request = request
        self._output = output
        self._listen = listen
        self._tell = tell
        self._todo = deque(work for work in works if work.state is None)
        self._unusable = [work for work in works if work.state is not None]
        self._title = (
            f"{request.task.title} ({len(works)} clips)"
            if len(works) > 1
            else request.task.title
        )
        self._earlier = Earlier(self._project, request)
        self._number: int | None = None
        if request.task.input == "audio":
            self._number = self._earlier.batch or self._project.new_batch()
        self._coming: deque[Work] = deque()
        self._imported: dict[Work, AudioInput | str] = {}
        self._arrived: deque[tuple[Work, AudioInput]] = deque()
        self._by_job: dict[int, Work] = {}
        self._files: queues.SimpleQueue[Work | None] = queues.SimpleQueue()
        self._open = 0
        self._writing = 0
        self._taking_in = False
        self.interrupted = False
        self.unwritten = False

    def run(self) -> None:
        """Work until every input has ended, or the person interrupts it."""
        for work in self._unusable:
            self._tell(work)
        unsubscribe = self._studio.queue.subscribe(self._follow)
        for _ in range(IMPORTERS):
            # What hashes a huge file when the person ends the run is not waited for.
            threading.Thread(target=self._import, name="import", daemon=True).start()
        self._writers = ThreadPoolExecutor(1, "write")
        try:
            with interruptible(lambda: self._studio.post(self._stop)):
                self._fill()
                self._studio.wait_for(self._at_end)
        finally:
            for _ in range(IMPORTERS):
                self._files.put(None)
            self._writers.shutdown()
            unsubscribe()

    def _at_end(self) -> bool:
        if self.interrupted:  # what was being imported is not waited for
            return not self._by_job and not self._writing
        return not self._todo and not self._open

    def _fill(self) -> None:
        """Have the next inputs imported, or given to the queue if they are no files."""
        while self._todo and self._open < AT_ONCE:
            work = self._todo.popleft()
            self._open += 1
            if work.path is None:
                self._submit([(work, None)])
            else:
                self._coming.append(work)
                self._files.put(work)

    def _import(self) -> None:
        """Hash and probe one file after the other, on a thread of its own."""
        while (work := self._files.get()) is not None and not self.interrupted:
            assert work.path is not None
            try:
                work.source = import_file(work.path, work.notes.append)
                found = self._request.input_of(work.source, _clip_name(work))
            except Exception as error:  # noqa: BLE001 - it must not stop the others
                named = isinstance(error, EarmarkError)
                fault = str(error) if named else f"{type(error).__name__}: {error}"
                self._studio.post(partial(self._take, work, fault))
            else:
                self._studio.post(partial(self._take, work, found))

    def _take(self, work: Work, found: AudioInput | str) -> None:
        """A file was imported, or could not be: go on with those whose turn it is."""
        self._imported[work] = found
        while self._coming and self._coming[0] in self._imported:
            first = self._coming.popleft()
            given = self._imported.pop(first)
            if isinstance(given, str):
                self._fail(first, given)
            else:
                self._arrived.append((first, given))
        self._take_in_soon()

    def _take_in_soon(self) -> None:
        """Wait for a few that can enter together, unless the queue runs dry."""
        enough = len(self._arrived) >= IMPORTED_AT_ONCE or len(self._by_job) < TOGETHER
        if self._arrived and enough and not self._taking_in:
            self._taking_in = True
            self._studio.post(self._take_in)

    def _take_in(self) -> None:
        self._taking_in = False
        if self.interrupted:
            return
        taken = [
            self._arrived.popleft()
            for _ in range(min(IMPORTED_AT_ONCE, len(self._arrived)))
        ]
        ready: list[tuple[Work, AudioInput | None]] = []
        with self._project.edit(self._title, batch=self._number) as edit:
            for work, given in taken:
                work.clip = self._earlier.clip(edit, given)
                ready.append((work, replace(given, clip=work.clip)))
        self._submit(ready)
        self._take_in_soon()

    def _submit(self, ready: Sequence[tuple[Work, AudioInput | None]]) -> None:
        """Give inputs to the queue that were not done earlier."""
        new = []
        for work, given in ready:
            before = self._earlier.job(work.clip, given)
            if before is None:
                new.append((work, given))
                continue
            work.job = before.id
            if before.state == JobState.DONE:
                work.earlier = True
                self._done(work)
            else:
                self._resume(work, before)
        if not new:
            return
        request, queue = self._request, self._studio.queue
        jobs = queue.submit_batch(
            request.task.id,
            request.params,
            [given for _, given in new],
            model=request.model,
            batch=self._number,
            examples=request.examples,
            companions=request.companions,
        )
        for (work, _), job in zip(new, jobs, strict=True):
            work.job = job
            self._by_job[job] = work

    def _resume(self, work: Work, job: Job) -> None:
        """Go on with what an earlier run had begun, or had only in its queue."""
        queue = self._studio.queue
        if job.state == JobState.WAITING:
            queue.cancel(job.id)  # what waited when the project was opened is held
        self._by_job[job.id] = work
        queue.resume(job.id)
        kept = tuple(self._project.results(job.id))
        self._listen(work, JobEvent((job.id,), "results", new_results=kept))

    def _follow(self, event: JobEvent) -> None:
        for job in event.jobs:
            work = self._by_job.get(job)
            if work is not None and event.kind != "state":
                self._listen(work, event)
            elif work is not None and event.state in FINISHED:
                del self._by_job[job]
                self._take_end(work, job, event.state)

    def _take_end(self, work: Work, job: int, state: JobState) -> None:
        if state == JobState.DONE:
            self._done(work)
        else:
            work.state = state
            work.error = self._project.job(job).error
            self._end(work)

    def _done(self, work: Work) -> None:
        """Write what was found in an input."""
        write = self._output.writer(self._project, work)
        if write is None:
            work.state = JobState.DONE
            self._end(work)
        else:
            self._writing += 1
            self._writers.submit(self._write, work, write)

    def _write(self, work: Work, write: Callable[[], Written]) -> None:
        """Write results, on the writing thread."""
        try:
            written = write()
        except EarmarkError as error:
            self._studio.post(partial(self._lose, work, str(error)))
        except Exception as error:  # noqa: BLE001 - raised where it is seen
            self._studio.post(partial(_raise, error))
        else:
            self._studio.post(partial(self._keep, work, written))

    def _keep(self, work: Work, written: Written) -> None:
        self._writing -= 1
        work.state = JobState.DONE
        work.written += map(str, written.paths)
        work.notes += written.losses
        self._end(work)

    def _lose(self, work: Work, reason: str) -> None:
        """Results could not be written; they are in the project."""
        self._writing -= 1
        self.unwritten = True
        self._fail(work, reason)

    def _fail(self, work: Work, reason: str) -> None:
        work.state, work.error = JobState.FAILED, reason
        self._end(work)

    def _end(self, work: Work) -> None:
        self._open -= 1
        self._tell(work)
        self._fill()
        self._take_in_soon()

    def _stop(self) -> None:
        """The person interrupts the run."""
        self.interrupted = True
        self._todo.clear()
        self._studio.queue.cancel(*self._by_job)


class Earlier:
    """What a project holds already of the work that is asked for.

    Parameters
    ----------
    project : Project
    request : Request

    Attributes
    ----------
    batch : int or None
        Of an earlier run that did not come to its end.
    """

    def __init__(self, project: Project, request: Request) -> None:
        self._project = project
        self._again = request.again
        self._clips: dict[tuple[str, int, str], deque[int]] = defaultdict(deque)
        self._jobs: dict[int, list[Job]] = defaultdict(list)
        self._missing = {source.id for source in project.missing_sources()}
        self.batch: int | None = None
        for clip in project.clips():
            for span in clip.spans[:1]:
                if clip.spans == (Span(span.source, 0, span.frames),) and span.source:
                    known = span.source, span.frames, clip.name
                    self._clips[known].append(clip.id)
        for job in project.jobs():
            if request.asked_by(job):
                self._jobs[job.input.clip if job.input else 0].append(job)
                if job.state != JobState.DONE:
                    self.batch = job.batch

    def clip(self, edit: Edit, given: AudioInput) -> int:
        """The clip that is a file as it stands, new if there is none.

        Two files with the same sound are two clips, also if they have the same name.
        """
        (source,), name = given.sources, given.name
        edit.add_source(source)
        if source.id in self._missing:
            edit.move_source(source.id, source.path)
        for known in (name, stem_of(name)):
            if clips := self._clips.get((source.id, source.frames, known)):
                return clips.popleft()
        return edit.add_clip(name, source.rate, source.channels, given.spans)

    def job(self, clip: int, given: AudioInput | None) -> Job | None:
        """The job that does the same with the same part of a clip, if there is one.

        One that is done comes before one that is not, and does not count if what it
        found was removed.
        """
        same = [job for job in self._jobs[clip] if _part(job.input) == _part(given)]
        for job in same:
            if job.state == JobState.DONE and not self._again and self._holds(job):
                return job
        return next((job for job in same if job.state != JobState.DONE), None)

    def _holds(self, job: Job) -> bool:
        project = self._project
        if not project.has_results(job.id):
            return True
        if job.input is None:
            return any(take.job == job.id for take in project.takes())
        clip = job.input.clip
        found: list[LabelTrack | StoredText] = []
        found += project.tracks(clip)
        found += project.texts(clip)
        return any(each.job == job.id for each in found)


def _part(given: AudioInput | None) -> tuple[int, int, int | None] | None:
    return None if given is None else (given.start, given.stop, given.channel)


def _clip_name(work: Work) -> str:
    return readable(work.below.name)


def _raise(error: Exception) -> None:
    raise error
