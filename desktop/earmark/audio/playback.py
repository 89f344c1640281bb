"""One run of an output device: rendered ahead, given to it, and followed by ear."""

from __future__ import annotations

import bisect
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from earmark.audio.devices import Levels, TransportError, unusable
from earmark.core.errors import EarmarkError

Render = Callable[[int, int], NDArray[np.float32]]
"""Gives `(start, frames)` as float32 (frames, channels); called on a feeder thread."""

Loop = tuple[int, int]

_BLOCK_S = 0.02
_AHEAD_BLOCKS = 20
_KEPT_BLOCKS = 2
"""What is still played as it was when something changes, while the rest is rendered."""

_POLL_S = 0.1
_LOST_S = 3.0
"""A device that has not asked for samples for so long is gone."""


class Feed:
    """A clip as one run of samples, with its loop and its jumps.

    Two counts are kept apart: a *frame* is a place in the clip, and *played* is how
    many frames have been given since playing began.

    Parameters
    ----------
    render : callable
    start, stop : int
        Plays `[start, stop)`.
    loop : (int, int) or None
        Once its end is reached, it is played again and again.
    """

    def __init__(
        self, render: Render, start: int, stop: int, loop: Loop | None = None
    ) -> None:
        self.range = start, stop
        self.loop = loop
        self.played = 0.0
        self._render = render
        self._at = start
        self._stop = stop
        # From so many frames played on, the clip is heard from that frame on. Replaced,
        # never changed: it is read while it grows.
        self._course: list[tuple[float, int]] = [(0.0, start)]

    def frame(self, played: float) -> int:
        """Which frame is heard after so many frames played."""
        course = self._course
        begun = max(bisect.bisect_right(course, played, key=_played) - 1, 0)
        mark, frame = course[begun]
        return frame + int(max(played - mark, 0.0))

    def jump(self, played: float, frame: int) -> None:
        """Take back all that was given after `played`, and go on from `frame`."""
        self.played = played
        self._at = frame
        self._mark(played, frame)

    def forget(self, played: float) -> None:
        """Keep nothing of what was heard before."""
        passed = bisect.bisect_right(self._course, played, key=_played) - 1
        self._course = self._course[max(passed, 0) :]

    def take(self, frames: int) -> NDArray[np.float32]:
        """The next samples, shape (frames, channels); fewer at the end."""
        parts = []
        while frames > 0:
            looping = self.loop is not None and self._at < self.loop[1]
            stop = self.loop[1] if looping and self.loop is not None else self._stop
            count = min(frames, stop - self._at)
            if count <= 0:
                break
            parts.append(self._render(self._at, count))
            frames -= count
            self.played += count
            self._at += count
            if looping and self._at == stop and self.loop is not None:
                self._at = self.loop[0]
                self._mark(self.played, self._at)
        return np.concatenate(parts) if parts else self._render(self._at, 0)

    def _mark(self, played: float, frame: int) -> None:
        kept = bisect.bisect_left(self._course, played, key=_played)
        self._course = [*self._course[:kept], (played, frame)]


def _played(mark: tuple[float, int]) -> float:
    return mark[0]


@dataclass(frozen=True, slots=True)
class _Block:
    """Samples for the device; `at` counts its frames since playing began."""

    at: int
    samples: NDArray[np.float32]
    levels: Levels

    @property
    def end(self) -> int:
        return self.at + len(self.samples)


class Playback:
    """Plays a feed on a device until it ends, is stopped, or the device fails.

    Parameters
    ----------
    sd : module
        `sounddevice`.
    device : mapping
        As `sounddevice.query_devices` gives it.
    feed : Feed
    rate, channels : int
        Of the feed.
    volume : callable
        Gives the factor; asked for every block.
    on_finished, on_error : callable
        Called on the feeder thread, at most one of them and once; none if stopped.

    Raises
    ------
    TransportError
        If the device cannot be opened.
    """

    def __init__(
        self,
        sd: Any,
        device: Any,
        feed: Feed,
        rate: int,
        channels: int,
        *,
        volume: Callable[[], float],
        on_finished: Callable[[], None],
        on_error: Callable[[TransportError], None],
    ) -> None:
        self.paused = False
        self.active = True
        self.channels = channels
        self._sd = sd
        self._feed = feed
        self._rate = rate
        self._name = device["name"]
        self._volume = volume
        self._on_finished = on_finished
        self._on_error = on_error
        self._outputs = _outputs(channels, device["max_output_channels"])
        # The first is held while rendering, by the feeder or by a change; the second
        # only for as long as the queue is touched, for the device waits for it.
        self._feeding = threading.Lock()
        self._queue = threading.Lock()
        self._blocks: deque[_Block] = deque()
        self._heard: deque[tuple[float, _Block]] = deque(maxlen=256)
        self._ended = False
        self._given_all = False
        self._stopped = threading.Event()
        self._drained = threading.Event()
        self._wake = threading.Event()
        self._calls = 0
        self._stream = self._open(device)
        self._device_rate: int = round(self._stream.samplerate)
        self._block_frames = _block_frames(self._device_rate)
        self._ratio: float = rate / self._device_rate
        self._resampler: soxr.ResampleStream | None = None
        self._rest = np.zeros((0, channels), np.float32)
        self._flushed = False
        self._final_frame = feed.frame(0.0)
        self._thread = threading.Thread(target=self._run, name="playback", daemon=True)

    def start(self) -> None:
        """Begin to play.

        Raises
        ------
        TransportError
            If the device refuses.
        EarmarkError
            If the first samples cannot be rendered.
        """
        try:
            self._fill()
            self._stream.start()
        except self._sd.PortAudioError as error:
            self._close()
            raise unusable(self._name, error) from error
        except EarmarkError:
            self._close()
            raise
        self._thread.start()

    def stop(self) -> None:
        """Stop at once, and wait for it."""
        self._stopped.set()
        self._wake.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def seek(self, frame: int) -> None:
        """Go on from another frame."""
        with self._feeding:
            self._feed.jump(self._take_back(), frame)
            self._restart()
        self._wake.set()

    def set_loop(self, loop: Loop | bool | None) -> None:
        """Loop a range from now on, or all that is played, or none.

        A place behind the range goes to its beginning.
        """
        if isinstance(loop, bool):
            loop = self._feed.range if loop else None
        with self._feeding:
            played = self._take_back()
            frame = self._feed.frame(played)
            self._feed.loop = loop
            behind = loop is not None and frame >= loop[1]
            self._feed.jump(played, loop[0] if loop and behind else frame)
            self._restart()
        self._wake.set()

    def position(self) -> int:
        """The frame that is heard now, or was heard last."""
        with self._queue:
            if not self.active:
                return self._final_frame
            heard = self._heard_now()
        return self._feed.frame(heard * self._ratio)

    def levels(self) -> Levels:
        """How loud what is heard now is."""
        with self._queue:
            if self.active and not self.paused:
                now = self._heard_now()
                for _, block in reversed(self._heard):
                    if block.at <= now < block.end:
                        return block.levels
        return Levels.silent(self.channels)

    def _open(self, device: Any) -> Any:
        """A stream at the feed's rate, or else at the one that the device prefers."""
        sd = self._sd
        index, rate = device["index"], self._rate
        try:
            sd.check_output_settings(index, self._outputs, "float32", samplerate=rate)
        except (sd.PortAudioError, ValueError):
            rate = round(device["default_samplerate"])
        try:
            return sd.OutputStream(
                samplerate=rate,
                blocksize=_block_frames(rate),
                device=index,
                channels=self._outputs,
                dtype="float32",
                latency="high",
                callback=self._give,
                finished_callback=self._on_drained,
            )
        except (sd.PortAudioError, ValueError) as error:
            raise unusable(self._name, error) from error

    def _give(self, out: Any, frames: int, time: Any, status: Any) -> None:
        """Called by the device for the next block."""
        del frames, status
        self._calls += 1
        out.fill(0.0)
        if self._stopped.is_set():
            raise self._sd.CallbackAbort
        if self.paused:
            return
        with self._queue:
            if not self._blocks:
                if self._ended:
                    self._given_all = True
                    raise self._sd.CallbackStop
                return
            block = self._blocks.popleft()
            heard_s = time.outputBufferDacTime
            if heard_s <= 0.0 or heard_s < time.currentTime:
                # Some sound systems do not say; what they say of the whole will do.
                heard_s = self._stream.time + self._stream.latency
            self._heard.append((heard_s, block))
        self._wake.set()
        volume = np.float32(self._volume())
        np.multiply(block.samples, volume, out=out[: len(block.samples)])

    def _on_drained(self) -> None:
        self._drained.set()
        self._wake.set()

    def _heard_now(self) -> int:
        """Frames of the device that have been heard, by its own clock."""
        now = self._stream.time
        for heard_s, block in reversed(self._heard):
            if heard_s <= now:
                passed = int((now - heard_s) * self._device_rate)
                return min(block.at + passed, block.end)
        return self._heard[0][1].at if self._heard else 0

    def _given(self) -> int:
        """Frames up to which blocks are rendered, in the queue or given already."""
        if self._blocks:
            return self._blocks[-1].end
        return self._heard[-1][1].end if self._heard else 0

    def _take_back(self) -> float:
        """Drop what is rendered ahead; gives what will have been played before."""
        with self._queue:
            self._blocks = deque(islice(self._blocks, _KEPT_BLOCKS))
            return self._given() * self._ratio

    def _restart(self) -> None:
        self._resampler = None
        self._rest = self._rest[:0]
        self._flushed = self._ended = False

    def _fill(self) -> None:
        while len(self._blocks) < _AHEAD_BLOCKS and not self._ended:
            with self._feeding:
                samples, ended = self._next()
                if len(samples):
                    levels = Levels.of(samples)
                    if self.channels not in (1, self._outputs):
                        samples = samples.mean(axis=1, keepdims=True)
                    with self._queue:
                        self._blocks.append(_Block(self._given(), samples, levels))
                self._ended = ended

    def _next(self) -> tuple[NDArray[np.float32], bool]:
        """The next block at the device's rate, and whether it is the last."""
        wanted = self._block_frames
        while len(self._rest) < wanted and not self._flushed:
            self._rest = np.concatenate([self._rest, self._converted()])
        block, self._rest = self._rest[:wanted], self._rest[wanted:]
        return block, self._flushed and not len(self._rest)

    def _converted(self) -> NDArray[np.float32]:
        """About a block more of the feed, at the device's rate."""
        step = round(self._block_frames * self._ratio)
        samples = self._feed.take(step)
        self._flushed = len(samples) < step
        if self._rate == self._device_rate:
            return samples
        if self._resampler is None:
            self._resampler = soxr.ResampleStream(
                self._rate, self._device_rate, self.channels, dtype="float32"
            )
        made: NDArray[np.float32] = self._resampler.resample_chunk(
            np.ascontiguousarray(samples), last=self._flushed
        )
        return made.reshape(-1, self.channels)

    def _run(self) -> None:
        error: TransportError | None = None
        try:
            self._feed_until_done()
        except EarmarkError as fault:
            error = TransportError(fault.message, fault.remedy)
        finally:
            stopped = self._stopped.is_set()
            self._close()
        if error is None and not self._given_all:
            error = TransportError(
                f"The sound device “{self._name}” stopped working.",
                "Check that it is plugged in, or choose another one.",
            )
        if stopped:
            return
        if error is not None:
            self._on_error(error)
        else:
            self._on_finished()

    def _feed_until_done(self) -> None:
        calls, idle_s = -1, 0.0
        while not (self._stopped.is_set() or self._drained.is_set()):
            self._fill()
            with self._queue:
                heard = self._heard_now()
            with self._feeding:
                self._feed.forget((heard - self._device_rate) * self._ratio)
            woken = self._wake.wait(_POLL_S)
            self._wake.clear()
            idle_s = 0.0 if woken or calls != self._calls else idle_s + _POLL_S
            calls = self._calls
            if idle_s > _LOST_S:
                return

    def _close(self) -> None:
        with self._queue:
            heard = self._given() if self._given_all else self._heard_now()
            self._final_frame = self._feed.frame(heard * self._ratio)
            self.active = False
        self._stopped.set()
        try:
            self._stream.abort()
            self._stream.close()
        except self._sd.PortAudioError:
            pass  # the device is gone, and there is nothing left to close


def _block_frames(rate: int) -> int:
    return max(round(_BLOCK_S * rate), 64)


def _outputs(channels: int, most: int) -> int:
    """Channels to open: mono goes to both sides, what has no channel is mixed."""
    if most < 2:
        return 1
    return max(channels, 2) if channels <= most else 2
