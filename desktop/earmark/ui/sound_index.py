"""What a model made of the clips of the project, kept right while they change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal

from earmark.core.clips import Clip
from earmark.core.errors import EarmarkError
from earmark.core.labels import Label
from earmark.core.project import Change
from earmark.core.tasks import AudioInput, JobState, ModelRef, whole
from earmark.engine.queue import JobEvent
from earmark.ui.background import Ticket
from earmark.ui.session import Session
from earmark.ui.wording import count
from earmark.vectors import Hit, Index, Vectors, VectorStore

EMBEDDINGS = "embeddings"
FIND = "find-sounds"
MAP = "embedding-map"
DESCRIBE = "zero-shot"
"""The task whose models understand descriptions."""

_SETTLE_MS = 400
_INDEXING_MS = 2000
"""While clips are indexed more is to come, and each look takes a moment."""
_QUEUED_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Moment:
    """A place in a clip, in frames, half-open; `score` if it was found by one."""

    clip: int
    start: int
    stop: int
    score: float | None = None


def keep_labels(
    session: Session, moments: Sequence[Moment], text: str, track: str
) -> int:
    """Make labels of moments, on tracks of a name; one edit. Gives how many.

    Raises
    ------
    EarmarkError
        If the project cannot be written.
    """
    there = session.project.clips_by_id({moment.clip for moment in moments})
    kept = [m for m in moments if m.clip in there and m.stop <= there[m.clip].frames]
    tracks: dict[int, int] = {}
    with session.project.edit(f"Label {count(len(kept), 'sound')} “{text}”") as edit:
        for clip in dict.fromkeys(moment.clip for moment in kept):
            known = session.project.tracks(clip)
            same = [each.id for each in known if each.name == track]
            tracks[clip] = same[0] if same else edit.add_track(clip, track)
        edit.add_labels(
            Label(0, tracks[m.clip], m.start, m.stop, text, score=m.score) for m in kept
        )
    return len(kept)


class SoundIndex(QObject):
    """The vectors of all clips by the model that is chosen for embeddings.

    They are read and searched by threads of the pool; nothing is read before `wake`.

    Attributes
    ----------
    model : ModelRef or None
    missing : tuple of int
        The clips that the model has not embedded yet.
    total : int
        Clips that have any audio.
    ready : bool
        It has looked at all clips at least once.
    describes : bool
        The model understands descriptions.
    version : int
        Another one whenever there may be other vectors.
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._index: Index | None = None
        # The pool has several threads; the matrix is changed by one at a time.
        self._lock = threading.Lock()
        self._ticket: Ticket | None = None
        self._awake = False
        self._asked: dict[int, Callable[[str], None]] = {}
        self._indexing: set[int] = set()
        self._to_queue: list[int] = []
        self.model: ModelRef | None = None
        self.missing: tuple[int, ...] = ()
        self.total = 0
        self.ready = False
        self.describes = False
        self.version = 0
        self._clips: dict[int, Clip] = {}
        self._keys: dict[int, tuple[Clip, str]] = {}
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.timeout.connect(self._refresh)
        session.project_opened.connect(self._take_project)
        session.project_closing.connect(self._stop)
        session.project_changed.connect(self._take_change)
        session.job_event.connect(self._take_event)

    def wake(self) -> None:
        """Begin to read, because somebody looks."""
        if not self._awake:
            self._awake = True
            self.look_for_model()
            self._refresh()

    def look_for_model(self) -> None:
        """Use the model of the settings, or the default, if there is none yet."""
        task = self._session.plugins.tasks.get(EMBEDDINGS)
        if self.model is not None or task is None or not self._awake:
            return
        wanted = self._session.store.settings.task_models.get(EMBEDDINGS)
        here = [m.ref for m in self._session.library.installed(task) if not m.problem]
        chosen = [ref for ref in here if ref.id == wanted] or here
        self.choose(chosen[0] if chosen else None)

    def choose(self, model: ModelRef | None) -> None:
        """Use another model."""
        if model == self.model:
            return
        self.model = model
        self._index = None
        self.missing, self.ready = (), False
        self._to_queue.clear()
        if model is not None:
            cache = self._session.folders.cache
            self._index = Index(VectorStore(cache, model))
        task = self._session.plugins.tasks.get(DESCRIBE)
        self.describes = task is not None and any(
            each.ref == model for each in self._session.library.installed(task)
        )
        self.changed.emit()
        self._refresh()

    def clip(self, clip: int) -> Clip | None:
        """A clip as it was when the vectors were read; None if there was no such."""
        return self._clips.get(clip)

    def index_missing(self) -> None:
        """Queue the embedding of what is missing, as one batch.

        Raises
        ------
        EarmarkError
            If the model cannot be used.
        """
        if not self.missing or self.indexing:
            return
        self._to_queue = list(self.missing)
        self._queue_some(self._session.project.new_batch())
        self.changed.emit()

    @property
    def indexing(self) -> int:
        """How many clips are still to be embedded of those that were asked for."""
        return len(self._indexing) + len(self._to_queue)

    def _queue_some(self, batch: int) -> None:
        """Queue a few clips, and the others once the window has had its turn."""
        if self._session.project.closed or not self._to_queue:
            return
        some, self._to_queue = (
            self._to_queue[:_QUEUED_AT_ONCE],
            self._to_queue[_QUEUED_AT_ONCE:],
        )
        there = self._session.project.clips_by_id(some)
        inputs = self._session.project.inputs_of(there.values())
        try:
            jobs = self._session.queue.submit_batch(
                EMBEDDINGS, {}, inputs, model=self.model, batch=batch
            )
        except EarmarkError:
            self._to_queue.clear()
            raise
        self._indexing.update(jobs)
        if self._to_queue:
            self._session.background.post(lambda: self._queue_some(batch))

    def find(
        self,
        description: str,
        example: AudioInput | None,
        limit: int,
        done: Callable[[list[Hit]], None],
        failed: Callable[[str], None],
    ) -> None:
        """Find moments like a description or an example.

        Parameters
        ----------
        description : str
            Ignored if there is an example.
        example : AudioInput or None
        limit : int
        done : callable
            Is given the moments, the best first.
        failed : callable
            Is given why it could not be done.
        """
        index = self._index
        assert index is not None
        store = index.store
        key = store.text_key(description) if example is None else store.key(example)
        run = self._session.background.run
        # Nobody looks for what they have selected.
        place = None if example is None else (example.clip, example.start, example.stop)

        def search(_: Ticket) -> list[Hit] | None:
            found = store.get(key)
            if found is None:
                return None
            if not len(found.vectors):
                return []
            with self._lock:
                return index.moments(found.vectors, limit, without=place)

        def take(hits: list[Hit] | None) -> None:
            if hits is None:
                self._embed(description, example, look_again, failed)
            else:
                done(hits)

        def look_again() -> None:
            run(search, lambda hits: done(hits or []), _raise)

        run(search, take, _raise)

    def contents(
        self, done: Callable[[list[tuple[int, Vectors]]], None]
    ) -> Ticket | None:
        """Give the clips and their windows to `done`."""
        index = self._index
        if index is None:
            return None

        def read(_: Ticket) -> list[tuple[int, Vectors]]:
            with self._lock:
                return list(index.of_clips())

        return self._session.background.run(read, done, _raise)

    def _embed(
        self,
        description: str,
        example: AudioInput | None,
        done: Callable[[], None],
        failed: Callable[[str], None],
    ) -> None:
        """Have what is looked for embedded by the engine."""
        try:
            job = self._session.queue.submit(
                FIND, {"description": description}, model=self.model, input=example
            )
        except EarmarkError as error:
            failed(str(error))
            return
        self._asked[job] = lambda error: failed(error) if error else done()

    def _refresh(self) -> None:
        self._drop_ticket()
        if not self._awake or self._index is None or self._session.project.closed:
            return
        index = self._index
        clips = [clip for clip in self._session.project.clips() if clip.frames]
        self.total = len(clips)

        def read(ticket: Ticket) -> tuple[int, ...]:
            with self._lock:
                keys = self._keys_of(index, clips)
                ticket.check()
                return index.refresh(keys)

        def done(missing: tuple[int, ...]) -> None:
            self._ticket = None
            self._clips = {clip.id: clip for clip in clips}
            self.missing, self.ready = missing, True
            self.version += 1
            self.changed.emit()

        self._ticket = self._session.background.run(read, done, _raise)

    def _keys_of(self, index: Index, clips: Sequence[Clip]) -> dict[int, str]:
        """Clip to key; it is made anew for what has changed only."""
        before = self._keys
        self._keys = {
            clip.id: known
            if (known := before.get(clip.id)) is not None and known[0] is clip
            else (clip, index.store.key(whole(clip, {})))
            for clip in clips
        }
        return {clip: key for clip, (_, key) in self._keys.items()}

    def _take_project(self) -> None:
        self._stop()
        self.missing, self.ready = (), False
        if self._index is not None:
            self._index = Index(self._index.store)
        self.changed.emit()
        self._refresh()

    def _stop(self) -> None:
        self._wait.stop()
        self._asked.clear()
        self._indexing.clear()
        self._to_queue.clear()
        self._drop_ticket()

    def _drop_ticket(self) -> None:
        """Have nothing arrive of the look that is under way."""
        if self._ticket is not None:
            self._ticket.cancel()
            self._ticket = None

    def _take_change(self, change: Change) -> None:
        if change.rows["clips"]:
            self._refresh_soon()

    def _refresh_soon(self) -> None:
        # What changes again and again is looked at now and then, not only at the end.
        if not self._wait.isActive():
            self._wait.start(_INDEXING_MS if self.indexing else _SETTLE_MS)

    def _take_event(self, event: JobEvent) -> None:
        if event.kind not in ("state", "removed"):
            return
        if event.state in (JobState.WAITING, JobState.RUNNING):
            return
        for job in self._asked.keys() & set(event.jobs):
            self._take_answer(job)
        if not self._indexing.isdisjoint(event.jobs):
            self._indexing.difference_update(event.jobs)
            self._refresh_soon()
        elif event.state == JobState.DONE and self._embedded(event.jobs[0]):
            self._refresh_soon()

    def _embedded(self, job: int) -> bool:
        return self._session.project.job_task(job) == EMBEDDINGS

    def _take_answer(self, job: int) -> None:
        error = self.outcome(job)
        if error is not None:
            self._asked.pop(job)(error)

    def outcome(self, job: int) -> str | None:
        """What came of a job that gives no results: an error, or empty if all is well.

        It is None while it waits or runs; one that is done leaves the queue, since
        nobody wants to see it again.
        """
        state = self._session.queue_state(job)
        if state in (JobState.WAITING, JobState.RUNNING):
            return None
        if state == JobState.DONE:
            self._session.background.post(lambda: self._session.queue.remove(job))
            return ""
        if state == JobState.FAILED:
            return self._session.project.job(job).error
        return "It was cancelled."


def _raise(error: Exception) -> None:
    raise error
