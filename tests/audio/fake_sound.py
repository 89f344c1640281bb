"""What stands in for `sounddevice`: a device that takes samples when it is told to."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

LATENCY_S = 0.05


class PortAudioError(Exception):
    """A refusal."""


class CallbackStop(Exception):  # noqa: N818 - sounddevice's own name
    """The callback has no more."""


class CallbackAbort(Exception):  # noqa: N818 - sounddevice's own name
    """The callback wants to end at once."""


class FakeSound:
    """The functions of `sounddevice` that Earmark uses.

    Parameters
    ----------
    outputs : int
        Channels of the output device; 0 if there is none.
    rates : tuple of int
        That it takes; the first is the one it prefers.
    """

    PortAudioError = PortAudioError
    CallbackStop = CallbackStop
    CallbackAbort = CallbackAbort

    def __init__(self, outputs: int = 2, rates: tuple[int, ...] = (48_000,)) -> None:
        self.default = SimpleNamespace(device=(0, 1))
        self.streams: list[FakeStream] = []
        self.refuses = False
        self._rates = rates
        self._devices = [self._device(0, "Microphone", 2, 0)]
        if outputs:
            self._devices.append(self._device(1, "Speakers", 0, outputs))
        self._plugged = [*self._devices]

    def _device(self, index: int, name: str, inputs: int, outputs: int) -> Any:
        return {
            "name": name,
            "index": index,
            "max_input_channels": inputs,
            "max_output_channels": outputs,
            "default_samplerate": float(self._rates[0]),
        }

    def _terminate(self) -> None:
        self._devices.clear()

    def _initialize(self) -> None:
        self._devices += [*self._plugged]

    def plug_in(self, name: str) -> None:
        """A device that is seen once PortAudio is started anew."""
        self._plugged.append(self._device(len(self._plugged), name, 0, 2))

    def query_devices(self, kind: str | None = None) -> Any:
        """As `sounddevice.query_devices`."""
        if kind is None:
            return self._devices
        for device in self._devices:
            if device[f"max_{kind}_channels"]:
                return device
        raise PortAudioError(f"Error querying device -1 ({kind})")

    def check_output_settings(
        self, device: int, channels: int, dtype: str, samplerate: int
    ) -> None:
        """Raises if the rate is refused."""
        if samplerate not in self._rates:
            raise PortAudioError("Invalid sample rate")

    def OutputStream(self, **options: Any) -> FakeStream:
        """A new stream."""
        if self.refuses:
            raise PortAudioError("Device unavailable")
        self.streams.append(FakeStream(**options))
        return self.streams[-1]

    InputStream = OutputStream


class FakeStream:
    """A stream whose clock only goes on when samples are pulled from it."""

    def __init__(
        self,
        *,
        samplerate: int,
        device: int,
        channels: int,
        dtype: str,
        callback: Callable[..., None],
        blocksize: int = 480,
        latency: str = "high",
        finished_callback: Callable[[], None] = lambda: None,
    ) -> None:
        self.samplerate = float(samplerate)
        self.channels = channels
        self.blocksize = blocksize
        self.latency = LATENCY_S
        self.time = 100.0
        self.active = False
        self.closed = False
        self.unplugged = False
        self._callback = callback
        self._finished = finished_callback

    def start(self) -> None:
        """Begin; nothing is asked for yet."""
        self.active = True

    def abort(self) -> None:
        """End at once."""
        if self.unplugged:
            raise PortAudioError("Device unavailable")
        self._end()

    stop = abort

    def close(self) -> None:
        """Let go."""
        self.closed = True

    def vanish(self) -> None:
        """The device is unplugged."""
        self._end()

    def pull(self) -> NDArray[np.float32]:
        """The next block, which is heard `LATENCY_S` from now."""
        out = np.full((self.blocksize, self.channels), np.nan, np.float32)
        times = SimpleNamespace(
            currentTime=self.time, outputBufferDacTime=self.time + self.latency
        )
        self.time += self.blocksize / self.samplerate
        try:
            self._callback(out, self.blocksize, times, None)
        except (CallbackStop, CallbackAbort):
            self._end()
        assert np.isfinite(out).all()
        return out

    def heard(self, frames: int) -> NDArray[np.float32]:
        """So many frames; the device waits for blocks that come too late."""
        parts: list[NDArray[np.float32]] = []
        while sum(map(len, parts)) < frames and self.active:
            before = self.time
            block = self.pull()
            if block.any():
                parts.append(block)
            else:
                self.time = before
        return np.concatenate(parts)[:frames]

    def give(self, samples: NDArray[np.float32]) -> None:
        """What a microphone hears."""
        self._callback(samples, len(samples), None, None)

    def _end(self) -> None:
        if self.active:
            self.active = False
            self._finished()
