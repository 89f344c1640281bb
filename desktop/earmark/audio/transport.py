"""Playback and recording over PortAudio; everything else works without it."""

from __future__ import annotations

import bisect
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from earmark.audio.files import AudioInfo, probe
from earmark.core.errors import EarmarkError

Render = Callable[[int, int], NDArray[np.float32]]
"""Gives `(start, frames)` as float32 (frames, channels); called on a feeder thread."""

SILENCE_DB = -120.0

_BLOCK_S = 0.02
_AHEAD_S = 0.4
"""What is kept rendered ahead of the device."""

_POLL_S = 0.1
_LOST_S = 3.0
"""A device that has not asked for samples for so long is gone."""


class TransportError(EarmarkError):
    """Sound cannot be played or recorded."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device of the sound system.

    Attributes
    ----------
    name : str
        As it is shown, and kept in the settings.
    inputs, outputs : int
        Channels.
    rate : int
        The rate that it prefers.
    default : bool
        Whether the system plays to it, or records from it, unless told otherwise.
    """

    name: str
    inputs: int
    outputs: int
    rate: int
    default: bool


@dataclass(frozen=True, slots=True)
class Levels:
    """How loud each channel is now, in dB of full scale."""

    peak_db: tuple[float, ...] = ()
    rms_db: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class _Block:
    """Samples ready for the device.

    `at` is where the block begins in what is played, counted in frames of the device
    since playing began; the levels are squares.
    """

    at: int
    samples: NDArray[np.float32]
    peak: NDArray[np.float32]
    power: NDArray[np.float32]


@dataclass(slots=True)
class _Course:
    """Which frame of the clip is heard when: pieces of what is played, in order."""

    played: list[float] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)

    def add(self, played: float, frame: int) -> None:
        """From `played` frames on, the clip is heard from `frame` on."""
        while self.played and self.played[-1] >= played:
            self.played.pop()
            self.frames.pop()
        self.played.append(played)
        self.frames.append(frame)

    def frame(self, played: float) -> int:
        at = max(bisect.bisect_right(self.played, played) - 1, 0)
        return int(self.frames[at] + max(played - self.played[at], 0.0))

    def forget(self, played: float) -> None:
        at = bisect.bisect_right(self.played, played) - 1
        if at > 0:
            del self.played[:at], self.frames[:at]


class _Feed:
    """The clip as one endless run of samples, with its loop and its jumps.

    All positions that it takes are of the clip; what it gives is counted in frames
    *played*, at the clip's rate, and the course says which is which.
    """

    def __init__(
        self, render: Render, start: int, stop: int, loop: tuple[int, int] | None
    ) -> None:
        self._render = render
        self._at = start
        self._stop = stop
        self.loop = loop
        self.played = 0.0
        self.course = _Course([0.0], [start])

    def jump(self, played: float, frame: int) -> None:
        """Go on from another frame; all after `played` is taken back."""
        self.played = played
        self._at = frame
        self.course.add(played, frame)

    def take(self, frames: int) -> NDArray[np.float32]:
        """The next samples; fewer, or none, at the end."""
        parts: list[NDArray[np.float32]] = []
        wanted = frames
        while wanted > 0:
            stop = self._stop
            if self.loop is not None and self._at < self.loop[1]:
                stop = self.loop[1]
            if self._at >= stop:
                if self.loop is None or stop != self.loop[1]:
                    break
                self._at = self.loop[0]
            count = min(wanted, stop - self._at)
            if count <= 0:
                break
            part = self._render(self._at, count)
            parts.append(part)
            self.played += count
            wanted -= count
            self._at += count
            if self.loop is not None and self._at == self.loop[1]:
                self._at = self.loop[0]
                self.course.add(self.played, self._at)
        if not parts:
            return np.zeros((0, 0), np.float32)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


class Transport:
    """Plays one thing at a time.

    Nothing is opened, and PortAudio is not even loaded, before it is needed. Methods
    may be called on any thread; listeners are called on another one.

    Parameters
    ----------
    output_device, input_device : str
        Names as in `devices`; empty is the system's choice.
    backend : module, optional
        `sounddevice`, or what stands in for it.
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
        self._playback: _Playback | None = None
        self._recording: _Recording | None = None
        self._finished: list[Callable[[], None]] = []
        self._errors: list[Callable[[TransportError], None]] = []

    def prepare(self) -> None:
        """Load PortAudio and look for devices, which takes a while the first time.

        Raises
        ------
        TransportError
        """
        self._sounddevice()

    def devices(self) -> list[Device]:
        """What can be played to and recorded from.

        Raises
        ------
        TransportError
            If PortAudio is missing.
        """
        sd = self._sounddevice()
        defaults = set(sd.default.device)
        return [
            Device(
                entry["name"],
                entry["max_input_channels"],
                entry["max_output_channels"],
                round(entry["default_samplerate"]),
                index in defaults,
            )
            for index, entry in enumerate(sd.query_devices())
        ]

    def on_finished(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call back when playing came to its end by itself; gives what ends that."""
        return _subscribed(self._finished, listener)

    def on_error(
        self, listener: Callable[[TransportError], None]
    ) -> Callable[[], None]:
        """Call back when the device failed while in use; gives what ends that."""
        return _subscribed(self._errors, listener)

    @property
    def playing(self) -> bool:
        """Whether something is being played and not paused."""
        playback = self._playback
        return playback is not None and playback.active and not playback.paused

    @property
    def paused(self) -> bool:
        """Whether something is paused."""
        playback = self._playback
        return playback is not None and playback.active and playback.paused

    @property
    def recording(self) -> bool:
        """Whether something is being recorded."""
        return self._recording is not None

    @property
    def position(self) -> int:
        """The frame that is heard now; where it stopped, if nothing is played."""
        return self._playback.position() if self._playback is not None else 0

    def levels(self) -> Levels:
        """How loud what is heard (or else recorded) now is, before the volume."""
        if self._recording is not None:
            return self._recording.levels()
        return self._playback.levels() if self._playback is not None else Levels()

    def play(
        self,
        render: Render,
        rate: int,
        channels: int,
        start: int,
        stop: int,
        loop: bool | tuple[int, int] = False,
    ) -> None:
        """Play `[start, stop)`; what was played before stops.

        Parameters
        ----------
        render : callable
            Gives the samples of a range; called ahead of time on a feeder thread.
        rate, channels : int
        start, stop : int
            In frames.
        loop : bool or (int, int)
            True plays the range again and again; a range is played up to its end and
            then looped.

        Raises
        ------
        TransportError
            If there is no device, or none that works.
        """
        self.stop()
        sd = self._sounddevice()
        device = self._device(sd, self.output_device, "output")
        region = (start, stop) if loop is True else loop or None
        playback = _Playback(
            self, sd, device, _Feed(render, start, stop, region), rate, channels
        )
        self._playback = playback
        playback.start()

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
            self._playback.change(frame=frame)

    def set_loop(self, loop: tuple[int, int] | None) -> None:
        """Loop `[start, stop)` from now on, or play to the end, without a gap.

        A position inside the range goes on; one behind it goes to its beginning.
        """
        if self._playback is not None:
            self._playback.change(loop=loop, set_loop=True)

    def record(self, path: Path, rate: int, channels: int) -> None:
        """Record to a 24-bit WAV file until `stop_recording`.

        Raises
        ------
        TransportError
            If there is no device, or it does not take this rate or channel count.
        """
        if self._recording is not None:
            raise TransportError("A recording is running already.", "Stop it first.")
        sd = self._sounddevice()
        device = self._device(sd, self.input_device, "input")
        self._recording = _Recording(self, sd, device, path, rate, channels)

    def stop_recording(self) -> AudioInfo:
        """End the recording and give its file.

        Raises
        ------
        TransportError
            If nothing was recorded.
        """
        recording = self._recording
        if recording is None:
            raise TransportError("Nothing is being recorded.")
        self._recording = None
        return recording.finish()

    def close(self) -> None:
        """Stop all."""
        self.stop()
        if self._recording is not None:
            self._recording.abort()
            self._recording = None

    def _sounddevice(self) -> Any:
        with self._loading:
            if self._backend is None:
                try:
                    import sounddevice
                except OSError as error:
                    raise TransportError(
                        "Sound cannot be played: the PortAudio library is missing.",
                        "Install it (Debian: apt install libportaudio2).",
                    ) from error
                except Exception as error:
                    # PortAudio's own exception is not there yet to be named.
                    if type(error).__name__ != "PortAudioError":
                        raise
                    raise TransportError(
                        f"The sound system cannot be used: {error}."
                    ) from error
                self._backend = sounddevice
            return self._backend

    def _device(self, sd: Any, name: str, kind: Literal["input", "output"]) -> Any:
        """What PortAudio knows of the chosen device, or else of its own choice."""
        key = f"max_{kind}_channels"
        entries = sd.query_devices()
        for index, entry in enumerate(entries):
            if name and entry["name"] == name and entry[key] > 0:
                return {**entry, "index": index}
        if name:
            raise TransportError(
                f"The sound device “{name}” is not there.",
                "Plug it in, or choose another one in the preferences.",
            )
        try:
            entry = sd.query_devices(kind=kind)
        except (sd.PortAudioError, ValueError) as error:
            raise TransportError(
                f"There is no sound {kind} device.",
                "Connect one; everything but playing and recording works without.",
            ) from error
        return entry

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


class _Playback:
    """One run of the output device."""

    def __init__(
        self, transport: Transport, sd: Any, device: Any, feed: _Feed, rate: int,
        channels: int,
    ) -> None:  # fmt: skip
        self.paused = False
        self.active = True
        self._transport = transport
        self._sd = sd
        self._feed = feed
        self._channels = channels
        self._outputs = _output_channels(channels, device["max_output_channels"])
        self._rate = rate
        self._name = device["name"]
        self._lock = threading.Lock()
        self._blocks: deque[_Block] = deque()
        self._heard: deque[tuple[float, _Block]] = deque(maxlen=256)
        self._given = 0
        self._ended = False
        self._stopping = threading.Event()
        self._drained = threading.Event()
        self._more = threading.Event()
        self._calls = 0
        self._resampler: soxr.ResampleStream | None = None
        self._left = np.zeros((0, channels), np.float32)
        self._stream, self._device_rate = self._open(device)
        self._block = max(round(_BLOCK_S * self._device_rate), 64)
        self._ahead = max(round(_AHEAD_S * self._device_rate / self._block), 4)
        self._ratio = rate / self._device_rate
        self._last = feed.course.frames[0]
        self._thread = threading.Thread(target=self._run, name="playback", daemon=True)

    def start(self) -> None:
        self._fill()
        try:
            self._stream.start()
        except self._sd.PortAudioError as error:
            self._stream.close()
            self.active = False
            raise _unusable(self._name, error) from error
        self._thread.start()

    def stop(self) -> None:
        self._last = self.position()
        self._stopping.set()
        self._more.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()
        self.active = False

    def change(
        self,
        *,
        frame: int | None = None,
        loop: tuple[int, int] | None = None,
        set_loop: bool = False,
    ) -> None:
        """Go on in another way from what the device has not asked for yet."""
        with self._lock:
            if not self.active:
                return
            feed = self._feed
            played = self._given * self._ratio
            at = feed.course.frame(played)
            if set_loop:
                feed.loop = loop
                if loop is not None and at >= loop[1]:
                    at = loop[0]
            feed.jump(played, at if frame is None else frame)
            self._blocks.clear()
            self._ended = False
            self._resampler = None
            self._left = self._left[:0]
            self._fill_locked(4)
        self._more.set()

    def position(self) -> int:
        if not self.active:
            return self._last
        with self._lock:
            return self._feed.course.frame(self._played_now() * self._ratio)

    def levels(self) -> Levels:
        if not self.active or self.paused:
            return Levels(
                (SILENCE_DB,) * self._channels, (SILENCE_DB,) * self._channels
            )
        with self._lock:
            now = self._played_now()
            block = None
            for _, one in self._heard:
                if one.at <= now:
                    block = one
            if block is None:
                silent = (SILENCE_DB,) * self._channels
                return Levels(silent, silent)
            return _levels(block.peak, block.power)

    def _played_now(self) -> float:
        """Frames of the device that were heard, by its own clock."""
        if not self._heard:
            return 0.0
        now = self._stream.time if self._stream.active else float("inf")
        for at, block in reversed(self._heard):
            if at <= now:
                passed = (now - at) * self._device_rate
                return block.at + min(passed, len(block.samples))
        return float(self._heard[0][1].at)

    def _open(self, device: Any) -> tuple[Any, int]:
        """The stream, and its rate: the clip's, or else the one the device prefers."""
        sd = self._sd
        preferred = round(device["default_samplerate"])
        try:
            sd.check_output_settings(
                device["index"], self._outputs, "float32", None, self._rate
            )
            rate = self._rate
        except (sd.PortAudioError, ValueError):
            rate = preferred
        try:
            stream = sd.OutputStream(
                samplerate=rate,
                blocksize=max(round(_BLOCK_S * rate), 64),
                device=device["index"],
                channels=self._outputs,
                dtype="float32",
                latency="high",
                callback=self._callback,
                finished_callback=self._drained.set,
            )
        except (sd.PortAudioError, ValueError) as error:
            raise _unusable(self._name, error) from error
        return stream, rate

    def _callback(self, out: Any, frames: int, time: Any, status: Any) -> None:
        del status
        self._calls += 1
        if self._stopping.is_set():
            out.fill(0)
            raise self._sd.CallbackAbort
        if self.paused:
            out.fill(0)
            return
        with self._lock:
            if not self._blocks:
                out.fill(0)
                if self._ended:
                    raise self._sd.CallbackStop
                return
            block = self._blocks.popleft()
            self._given = block.at + len(block.samples)
            heard_at = time.outputBufferDacTime
            if heard_at <= 0 or heard_at < time.currentTime:
                heard_at = self._stream.time + self._stream.latency
            self._heard.append((heard_at, block))
        self._more.set()
        count = len(block.samples)
        np.multiply(
            _mapped(block.samples, self._outputs),
            np.float32(self._transport.volume),
            out=out[:count],
        )
        out[count:] = 0

    def _fill(self) -> None:
        with self._lock:
            self._fill_locked(self._ahead)

    def _fill_locked(self, blocks: int) -> None:
        while len(self._blocks) < blocks and not self._ended:
            begin = self._blocks[-1] if self._blocks else None
            at = begin.at + len(begin.samples) if begin else self._given
            samples = self._next()
            if len(samples):
                power = np.mean(np.square(samples), axis=0)
                peak = np.abs(samples).max(axis=0)
                self._blocks.append(_Block(at, samples, peak, power))

    def _next(self) -> NDArray[np.float32]:
        """The next block at the device's rate; sets `_ended` at the end."""
        if self._ratio == 1.0:
            samples = self._feed.take(self._block)
            if len(samples) < self._block:
                self._ended = True
            return samples
        if self._resampler is None:
            self._resampler = soxr.ResampleStream(
                self._rate, self._device_rate, self._channels, dtype="float32"
            )
        while len(self._left) < self._block and not self._ended:
            wanted = max(round(self._block * self._ratio), 64)
            samples = self._feed.take(wanted)
            self._ended = len(samples) < wanted
            chunk = np.ascontiguousarray(samples).reshape(-1, self._channels)
            out = self._resampler.resample_chunk(chunk, last=self._ended)
            self._left = np.concatenate([self._left, out.reshape(-1, self._channels)])
        block, self._left = self._left[: self._block], self._left[self._block :]
        if len(self._left):
            self._ended = False
        return block

    def _run(self) -> None:
        error: TransportError | None = None
        silent_s = 0.0
        calls = 0
        try:
            while not self._stopping.is_set() and not self._drained.is_set():
                self._more.wait(_POLL_S)
                self._more.clear()
                self._fill()
                silent_s = silent_s + _POLL_S if calls == self._calls else 0.0
                calls = self._calls
                if silent_s > _LOST_S:
                    break
            at_end = self._ended and not self._blocks
            if not self._stopping.is_set() and not at_end:
                error = TransportError(
                    f"The sound device “{self._name}” stopped working.",
                    "Check that it is plugged in, or choose another one.",
                )
        except EarmarkError as fault:
            error = TransportError(fault.message, fault.remedy)
        self._last = self._feed.course.frame(self._given * self._ratio)
        self.active = False
        self._stopping.set()
        try:
            self._stream.abort()
            self._stream.close()
        except self._sd.PortAudioError:
            pass  # the device is gone; there is nothing left to close
        if error is not None:
            self._transport._report(error)
        elif self._drained.is_set() and self._ended:
            self._transport._report_finished()


class _Recording:
    """One run of the input device."""

    def __init__(
        self, transport: Transport, sd: Any, device: Any, path: Path, rate: int,
        channels: int,
    ) -> None:  # fmt: skip
        self._transport = transport
        self._path = path
        self._part = path.with_name(f".{path.name}.part")
        self._channels = channels
        self._rate = rate
        self._blocks: queue.SimpleQueue[NDArray[np.float32] | None] = (
            queue.SimpleQueue()
        )
        self._loudness = Levels()
        self._fault: TransportError | None = None
        try:
            self._file = soundfile.SoundFile(
                self._part, "w", rate, channels, "PCM_24", format="WAV"
            )
        except (soundfile.LibsndfileError, OSError) as error:
            raise TransportError(f"“{path}” cannot be written: {error}.") from error
        try:
            self._stream = sd.InputStream(
                samplerate=rate,
                device=device["index"],
                channels=channels,
                dtype="float32",
                callback=self._callback,
            )
            self._stream.start()
        except (sd.PortAudioError, ValueError) as error:
            self._file.close()
            self._part.unlink(missing_ok=True)
            raise _unusable(device["name"], error) from error
        self._thread = threading.Thread(target=self._write, name="recording")
        self._thread.daemon = True
        self._thread.start()

    def levels(self) -> Levels:
        return self._loudness

    def finish(self) -> AudioInfo:
        self._end()
        try:
            if self._fault is not None:
                raise self._fault
            info = probe(self._part)
        except EarmarkError as error:
            self._part.unlink(missing_ok=True)
            raise TransportError(
                f"Nothing was recorded to “{self._path.name}”: {error.message}"
            ) from error
        self._part.replace(self._path)
        return AudioInfo(
            self._path, info.format, info.codec, info.rate, info.channels, info.frames
        )

    def abort(self) -> None:
        self._end()
        self._part.unlink(missing_ok=True)

    def _end(self) -> None:
        self._stream.stop()
        self._stream.close()
        self._blocks.put(None)
        self._thread.join()
        self._file.close()

    def _callback(self, data: Any, frames: int, time: Any, status: Any) -> None:
        del frames, time, status
        self._blocks.put(data.copy())

    def _write(self) -> None:
        while (block := self._blocks.get()) is not None:
            self._loudness = _levels(
                np.abs(block).max(axis=0), np.mean(np.square(block), axis=0)
            )
            try:
                if self._fault is None:
                    self._file.write(block)
            except soundfile.LibsndfileError as error:
                self._fault = TransportError(
                    f"The recording stopped: {error.error_string}",
                    "Check that the disk has room.",
                )
                self._transport._report(self._fault)


def _output_channels(channels: int, most: int) -> int:
    """Mono goes to both sides; what the device has no channel for is mixed."""
    if most < 2:
        return 1
    return max(channels, 2) if channels <= most else 2


def _mapped(samples: NDArray[np.float32], outputs: int) -> NDArray[np.float32]:
    """Samples for the channels of the device."""
    channels = samples.shape[1]
    if channels == outputs or channels == 1:
        return samples
    return samples.mean(axis=1, keepdims=True)


def _levels(peak: NDArray[np.float32], power: NDArray[np.float32]) -> Levels:
    least = 10.0 ** (SILENCE_DB / 20.0)
    peaks = 20.0 * np.log10(np.maximum(peak, least))
    rms = 10.0 * np.log10(np.maximum(power, least * least))
    return Levels(tuple(peaks.tolist()), tuple(rms.tolist()))


def _unusable(name: str, error: Exception) -> TransportError:
    return TransportError(
        f"The sound device “{name}” cannot be used: {error}.",
        "Choose another one in the preferences.",
    )
