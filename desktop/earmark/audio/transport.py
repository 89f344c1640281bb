"""Playing and recording; everything else works without a sound device."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.audio.devices import (
    Device,
    Levels,
    TransportError,
    find_device,
    list_devices,
    load_portaudio,
)
from earmark.audio.playback import Feed, Loop, Playback, Render

if TYPE_CHECKING:
    from earmark.audio.files import AudioInfo
    from earmark.audio.recording import Recording

__all__ = ["Device", "Levels", "Loop", "Render", "Transport", "TransportError"]


class Transport:
    """Plays one thing at a time, and records one.

    PortAudio is not loaded, and no device opened, before it is needed. Listeners are
    called on another thread.

    Parameters
    ----------
    output_device, input_device : str
        Names as in `devices`; empty is the system's choice. May be set at any time and
        count from the next `play` or `record` on.
    backend : module, optional
        `sounddevice`, or what stands in for it.

    Attributes
    ----------
    volume : float
        A factor; changes are heard at once.
    """

    def __init__(
        self,
        output_device: str = "",
        input_device: str = "",
        *,
        backend: Any = None,
    ) -> None:
        self.output_device = output_device
        self.input_device = input_device
        self.volume = 1.0
        self._backend = backend
        self._loading = threading.Lock()
        self._playback: Playback | None = None
        self._recording: Recording | None = None
        self._finished: list[Callable[[], None]] = []
        self._errors: list[Callable[[TransportError], None]] = []

    def prepare(self) -> None:
        """Load PortAudio, which takes a while, so that the first `play` does not.

        Raises
        ------
        TransportError
            If it is missing.
        """
        self._portaudio()

    def devices(self, *, rescan: bool = False) -> list[Device]:
        """What can be played to and recorded from.

        Parameters
        ----------
        rescan : bool
            Look for devices that were plugged in since; only possible, and otherwise
            left out, while nothing is played or recorded.

        Raises
        ------
        TransportError
            If PortAudio is missing.
        """
        sd = self._portaudio()
        if rescan and not (self.playing or self.paused or self.recording):
            # PortAudio lists devices once, when it starts.
            sd._terminate()
            sd._initialize()
        return list_devices(sd)

    def on_finished(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call back when playing came to its end by itself; gives what ends that."""
        return _subscribed(self._finished, listener)

    def on_error(
        self, listener: Callable[[TransportError], None]
    ) -> Callable[[], None]:
        """Call back when something failed while it ran; gives what ends that."""
        return _subscribed(self._errors, listener)

    @property
    def playing(self) -> bool:
        """Whether something is being played and not paused."""
        playback = self._playback
        return playback is not None and playback.active and not playback.paused

    @property
    def paused(self) -> bool:
        """Whether something is held by `pause`."""
        playback = self._playback
        return playback is not None and playback.active and playback.paused

    @property
    def recording(self) -> bool:
        """Whether something is being recorded."""
        return self._recording is not None

    @property
    def position(self) -> int:
        """The frame that is heard now, or was heard last."""
        return self._playback.position() if self._playback is not None else 0

    @property
    def recorded_frames(self) -> int:
        """How much is recorded so far."""
        return self._recording.frames if self._recording is not None else 0

    def levels(self) -> Levels:
        """How loud what is recorded, or else what is heard, is now."""
        if self._recording is not None:
            return self._recording.levels
        return self._playback.levels() if self._playback is not None else Levels()

    def play(
        self,
        render: Render,
        rate: int,
        channels: int,
        start: int,
        stop: int,
        loop: bool | Loop = False,
    ) -> None:
        """Play `[start, stop)`; what was played before stops.

        Parameters
        ----------
        render : callable
            Gives `(start, frames)` as float32 (frames, channels); called ahead of time
            on a feeder thread.
        rate, channels : int
        start, stop : int
            In frames.
        loop : bool or (int, int)
            True plays the range again and again; a range is reached first and then
            played again and again.

        Raises
        ------
        TransportError
            If there is no device, or it cannot be used.
        EarmarkError
            If the first samples cannot be rendered.
        """
        self.stop()
        sd = self._portaudio()
        device = find_device(sd, self.output_device, "output")
        region = (start, stop) if loop is True else loop or None
        playback = Playback(
            sd,
            device,
            Feed(render, start, stop, region),
            rate,
            channels,
            volume=lambda: self.volume,
            on_finished=self._report_finished,
            on_error=self._report,
        )
        playback.start()
        self._playback = playback

    def pause(self) -> None:
        """Hold; `resume` goes on from there."""
        if self._playback is not None:
            self._playback.paused = True

    def resume(self) -> None:
        """Go on after `pause`."""
        if self._playback is not None:
            self._playback.paused = False

    def stop(self) -> None:
        """Stop at once; the listeners of `on_finished` are not called."""
        if self._playback is not None:
            self._playback.stop()

    def seek(self, frame: int) -> None:
        """Go on from another frame, without a gap."""
        if self._playback is not None:
            self._playback.seek(frame)

    def set_loop(self, loop: Loop | bool | None) -> None:
        """Loop `[start, stop)` from now on, or play to the end, without a gap.

        True loops the range that `play` was given; False and None end looping. A place
        before or in the range goes on from there; one behind it goes to its beginning.
        """
        if self._playback is not None:
            self._playback.set_loop(loop)

    def record(self, path: Path, rate: int | None, channels: int) -> None:
        """Record to a 24-bit WAV file until `stop_recording`.

        Parameters
        ----------
        path : Path
        rate : int or None
            None takes the one that the device prefers.
        channels : int

        Raises
        ------
        TransportError
            If there is no device, it does not take this rate or channel count, or the
            file cannot be written.
        """
        # The window is up sooner without libsndfile.
        from earmark.audio.recording import Recording

        if self._recording is not None:
            raise TransportError("A recording is running already.", "Stop it first.")
        sd = self._portaudio()
        device = find_device(sd, self.input_device, "input")
        rate = rate or round(device["default_samplerate"])
        self._recording = Recording(
            sd, device, path, rate, channels, on_error=self._report
        )

    def stop_recording(self) -> AudioInfo:
        """End the recording and give its file.

        Raises
        ------
        TransportError
            If nothing was recorded.
        """
        recording, self._recording = self._recording, None
        if recording is None:
            raise TransportError("Nothing is being recorded.")
        return recording.finish()

    def close(self) -> None:
        """Stop all; a recording that is not finished is dropped."""
        self.stop()
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.abort()

    def _portaudio(self) -> Any:
        with self._loading:
            if self._backend is None:
                self._backend = load_portaudio()
            return self._backend

    def _report(self, error: TransportError) -> None:
        for listener in tuple(self._errors):
            listener(error)

    def _report_finished(self) -> None:
        for listener in tuple(self._finished):
            listener()


def _subscribed(listeners: list[Any], listener: Any) -> Callable[[], None]:
    listeners.append(listener)

    def unsubscribe() -> None:
        if listener in listeners:
            listeners.remove(listener)

    return unsubscribe
