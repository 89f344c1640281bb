"""Playing the shown clip, and the playhead that follows what is heard."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from earmark.core.clips import Spans, count_frames
from earmark.core.errors import EarmarkError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from earmark.audio.transport import Transport
    from earmark.ui.session import Session

FRAME_MS = 16
_SETTLE_MS = 150


class Player(QObject):
    """Play, pause, stop and loop, as a person means them.

    Playing starts at the selection, or at the playhead if there is none, and stopping
    returns to where it started, so that a passage can be heard again and again.
    """

    _finished = Signal()
    _failed = Signal(object)

    def __init__(self, session: Session, transport: Transport) -> None:
        super().__init__(session)
        self._session = session
        self._transport = transport
        self._start = 0
        self._stop = 0
        self.playing = False
        self.paused = False
        self.looping = False
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self._follow)
        # A range that is being dragged would be heard as a stutter.
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self._loop_anew)
        session.selection_changed.connect(self._take_selection)
        # The transport calls from its own thread.
        queued = Qt.ConnectionType.QueuedConnection
        self._finished.connect(self._take_end, queued)
        self._failed.connect(self._take_error, queued)
        self._unsubscribe = [
            transport.on_finished(self._finished.emit),
            transport.on_error(self._failed.emit),
        ]

    def play(self, start: int | None = None, stop: int | None = None) -> None:
        """Play a range; by default the selection, or from the playhead to the end."""
        session = self._session
        clip = session.clip
        if clip is None or clip.frames == 0:
            return
        selection = session.selection
        if start is None and selection is not None and selection.frames > 0:
            start, stop = selection.start, selection.stop
        if start is None:
            # At the very end there is nothing left to hear: begin again.
            start = session.playhead if session.playhead < clip.frames else 0
        self._begin(start, clip.frames if stop is None else stop)

    def audition(self, spans: Spans, rate: int, channels: int) -> None:
        """Play a sound that is not the shown clip; the playhead stays where it is."""
        self.stop()
        frames = count_frames(spans)
        try:
            self._transport.play(
                self._render(spans, rate, channels), rate, channels, 0, frames
            )
        except EarmarkError as error:
            self._session.message.emit(str(error), 8000)

    def toggle(self) -> None:
        """Play, or stop."""
        if self.playing:
            self.stop()
        else:
            self.play()

    def pause(self) -> None:
        """Pause, or go on."""
        if not self.playing:
            return
        if self.paused:
            self._transport.resume()
        else:
            self._transport.pause()
        self.paused = not self.paused
        self._session.playback_changed.emit()

    def stop(self, *, stay: bool = False) -> None:
        """Stop; the playhead goes back to where playing began, or stays."""
        if not self.playing:
            self._transport.stop()  # it may be an audition
            return
        here = self._transport.position
        self._transport.stop()
        self._end()
        self._session.move_playhead(here if stay else self._start)

    def seek(self, frame: int) -> None:
        """Go on playing from another frame."""
        if self.playing:
            self._transport.seek(frame)

    def refresh(self) -> None:
        """Play the clip as it is now; called when it was edited while it plays."""
        clip = self._session.clip
        if not self.playing or clip is None:
            return
        here, start = self._transport.position, self._start
        if here < clip.frames:
            self._begin(here, min(self._stop, clip.frames))
            self._start = min(start, clip.frames)
        else:
            self.stop()

    def set_looping(self, looping: bool) -> None:
        """Begin again at the end of the selection or the clip, or not."""
        self.looping = looping
        self._loop_anew()
        self._session.playback_changed.emit()

    def _take_selection(self) -> None:
        if self.playing and self.looping:
            self._settle.start()

    def _loop_anew(self) -> None:
        if self.playing:
            self._transport.set_loop(self._loop())

    def _loop(self) -> tuple[int, int] | None:
        """What is played again and again."""
        clip, selection = self._session.clip, self._session.selection
        if not self.looping or clip is None:
            return None
        if selection is not None and selection.frames > 0:
            return selection.start, selection.stop
        return 0, clip.frames

    def set_volume(self, volume: float) -> None:
        """Set the loudness of playing, 0 to 1."""
        self._transport.volume = volume

    def close(self) -> None:
        """Stop and let go of the device."""
        self.stop()
        self._settle.stop()
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._transport.close()

    def _begin(self, start: int, stop: int) -> None:
        session = self._session
        clip = session.clip
        assert clip is not None
        rate, channels = clip.rate, clip.channels
        samples = self._render(clip.spans, rate, channels)
        try:
            self._transport.play(
                samples, rate, channels, start, stop, loop=self._loop() or False
            )
        except EarmarkError as error:
            self._end()
            session.message.emit(str(error), 8000)
            return
        self._start, self._stop = start, stop
        self.playing, self.paused = True, False
        self._timer.start()
        session.playback_changed.emit()

    def _render(
        self, spans: Spans, rate: int, channels: int
    ) -> Callable[[int, int], NDArray[np.float32]]:
        """What gives the transport samples of some spans."""
        session = self._session
        readers = session.sources.readers(session.sources_of(spans))

        def samples(first: int, frames: int) -> NDArray[np.float32]:
            from earmark.audio import render

            return render.read(spans, rate, channels, readers, first, frames)

        return samples

    def _follow(self) -> None:
        self._session.move_playhead(self._transport.position)

    def _end(self) -> None:
        self._timer.stop()
        self.playing = self.paused = False
        self._session.playback_changed.emit()

    def _take_end(self) -> None:
        if self.playing and not (self._transport.playing or self._transport.paused):
            self._end()
            self._session.move_playhead(self._start)

    def _take_error(self, error: object) -> None:
        if self.playing:
            self.stop()
        self._session.message.emit(str(error), 8000)
