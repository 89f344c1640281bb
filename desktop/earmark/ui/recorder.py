"""Recording into the project."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject

from earmark.core.clips import Source, Span
from earmark.core.errors import EarmarkError
from earmark.ui.session import Session

_RATE = 48000
_CHANNELS = 1


class Recorder(QObject):
    """Records a new clip; the file lies in the project's own folder.

    It never writes into what is there: what is recorded becomes a clip of its own.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._path: Path | None = None

    @property
    def recording(self) -> bool:
        """Whether a recording runs."""
        return self._path is not None

    def toggle(self) -> None:
        """Start, or end, a recording."""
        if self._path is None:
            self._start()
        else:
            self._finish(self._path)

    def _start(self) -> None:
        session = self._session
        session.player.stop()
        clip = session.clip
        folder = session.project.audio_folder
        folder.mkdir(parents=True, exist_ok=True)
        number = 1
        while (path := folder / f"Recording {number}.wav").exists():
            number += 1
        rate = clip.rate if clip else _RATE
        session.transport.record(path, rate, _CHANNELS)
        self._path = path
        session.message.emit(f"Recording “{path.stem}”. Press Shift+R to end it.", 0)
        session.playback_changed.emit()

    def _finish(self, path: Path) -> None:
        session = self._session
        self._path = None
        try:
            session.transport.stop_recording()
        finally:
            session.playback_changed.emit()
            session.message.emit("", 1)
        from earmark.audio.files import import_file

        session.background.run(
            lambda _: replace(import_file(path), origin="recording"),
            lambda source: self._place(path, source),
            self._fail,
        )

    def _place(self, path: Path, source: Source) -> None:
        with self._session.project.edit("Record") as edit:
            edit.add_source(source)
            span = Span(source.id, 0, source.frames)
            clip = edit.add_clip(path.stem, source.rate, source.channels, (span,))
        self._session.show_clip(clip)

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, EarmarkError):
            raise error
        self._session.error.emit(error)
