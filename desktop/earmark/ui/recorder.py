"""Recording into the project."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject

from earmark.audio.unfinished import free_path, recover, unfinished
from earmark.core.clips import Source, Span
from earmark.core.errors import EarmarkError
from earmark.core.project import Project
from earmark.ui.session import Session

_CHANNELS = 1


class Recorder(QObject):
    """Records a new clip; the file lies in the project's own folder.

    It never writes into what is there: what is recorded becomes a clip of its own. What
    a crash has left of a recording becomes one when its project is opened again.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._path: Path | None = None
        session.project_closing.connect(self.finish_now)
        session.project_opened.connect(self.recover)
        self.recover()

    @property
    def recording(self) -> bool:
        """Whether a recording runs."""
        return self._path is not None

    def toggle(self) -> None:
        """Start, or end, a recording."""
        if self._path is None:
            self._start()
        else:
            self._finish(self._session.background.run)

    def finish_now(self) -> None:
        """End a recording that runs, and place it before anything else happens."""
        if self._path is None:
            return
        try:
            self._finish(_at_once)
        except EarmarkError as error:
            self._session.error.emit(error)

    def recover(self) -> None:
        """Make clips of the recordings that a crash has left in the project."""
        project = self._session.project
        if project.read_only or self.recording:
            return
        for part in unfinished(project.audio_folder):
            self._import(recover(part), self._session.background.run)

    def _start(self) -> None:
        session = self._session
        session.player.stop()
        folder = session.project.audio_folder
        folder.mkdir(parents=True, exist_ok=True)
        path = free_path(folder, "Recording")
        session.transport.record(path, None, _CHANNELS)
        self._path = path
        session.message.emit(f"Recording “{path.stem}”. Press Shift+R to end it.", 0)
        session.playback_changed.emit()

    def _finish(self, run: Callable[..., object]) -> None:
        session = self._session
        path, self._path = self._path, None
        assert path is not None
        try:
            note = session.transport.stop_recording().note
        finally:
            session.playback_changed.emit()
            session.message.emit("", 1)
        if note:
            session.message.emit(note, 0)
        self._import(path, run)

    def _import(self, path: Path, run: Callable[..., object]) -> None:
        from earmark.audio.files import import_file

        project = self._session.project
        run(
            lambda _: replace(import_file(path), origin="recording"),
            lambda source: self._place(project, path, source),
            self._fail,
        )

    def _place(self, project: Project, path: Path, source: Source) -> None:
        if project.closed:
            return  # its file lies in the project, which was left meanwhile
        with project.edit("Record") as edit:
            edit.add_source(source)
            span = Span(source.id, 0, source.frames)
            clip = edit.add_clip(path.stem, source.rate, source.channels, (span,))
        self._session.show_clip(clip)

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, EarmarkError):
            raise error
        self._session.error.emit(error)


def _at_once(
    work: Callable[[None], Source],
    done: Callable[[Source], None],
    failed: Callable[[Exception], None],
) -> None:
    """Do on this thread what is done in the background otherwise."""
    try:
        source = work(None)
    except EarmarkError as error:
        failed(error)
    else:
        done(source)
