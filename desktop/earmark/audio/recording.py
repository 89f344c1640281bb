"""Recording from an input device to a file."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from earmark.audio.devices import Levels, TransportError, unusable
from earmark.audio.files import AudioInfo, probe
from earmark.audio.unfinished import part_of
from earmark.core.errors import EarmarkError


class Recording:
    """Writes what a device hears to a 24-bit WAV file, until it is finished.

    Parameters
    ----------
    sd : module
        `sounddevice`.
    device : mapping
        As `sounddevice.query_devices` gives it.
    path : Path
        Appears when the recording is finished; until then the file is beside it.
    rate, channels : int
    on_error : callable
        Called on the writing thread if the disk is full.

    Raises
    ------
    TransportError
        If the device cannot be opened, or the file cannot be written.
    """

    def __init__(
        self,
        sd: Any,
        device: Any,
        path: Path,
        rate: int,
        channels: int,
        *,
        on_error: Callable[[TransportError], None],
    ) -> None:
        self.levels = Levels.silent(channels)
        self.frames = 0
        self._sd = sd
        self._path = path
        self._part = part_of(path)
        self._on_error = on_error
        self._fault: TransportError | None = None
        self._blocks: queue.SimpleQueue[NDArray[np.float32] | None] = (
            queue.SimpleQueue()
        )
        try:
            self._file = soundfile.SoundFile(
                self._part, "w", rate, channels, "PCM_24", format="WAV"
            )
        except (soundfile.LibsndfileError, OSError) as error:
            raise TransportError(
                f"“{path}” cannot be recorded to: {error}.",
                "Check that the folder is there and writable.",
            ) from error
        self._thread = threading.Thread(
            target=self._write, name="recording", daemon=True
        )
        try:
            self._stream = sd.InputStream(
                samplerate=rate,
                device=device["index"],
                channels=channels,
                dtype="float32",
                callback=self._take,
            )
            self._stream.start()
        except (sd.PortAudioError, ValueError) as error:
            self._file.close()
            self._part.unlink(missing_ok=True)
            raise unusable(device["name"], error) from error
        self._thread.start()

    def finish(self) -> AudioInfo:
        """Stop, and give the file.

        Returns
        -------
        AudioInfo
            Its `note` says why the recording ended early, if the disk was full or the
            device went away.

        Raises
        ------
        TransportError
            If nothing was recorded, or it could not be written.
        """
        self._end()
        fault = self._fault
        try:
            if not self.frames:
                raise fault or TransportError(
                    "nothing was heard.", "Check the microphone."
                )
            info = probe(self._part)
            self._part.replace(self._path)
        except EarmarkError as error:
            if not self.frames:
                self._part.unlink(missing_ok=True)
            raise TransportError(
                f"“{self._path.name}” was not recorded: {error.message}", error.remedy
            ) from error
        return replace(info, path=self._path, note=str(fault) if fault else info.note)

    def abort(self) -> None:
        """Stop, and leave nothing behind."""
        self._end()
        self._part.unlink(missing_ok=True)

    def _end(self) -> None:
        # A device that was unplugged cannot be stopped any more.
        with contextlib.suppress(self._sd.PortAudioError):
            self._stream.stop()
        with contextlib.suppress(self._sd.PortAudioError):
            self._stream.close()
        self._blocks.put(None)
        self._thread.join()
        self._file.close()

    def _take(self, data: Any, frames: int, time: Any, status: Any) -> None:
        del frames, time, status
        self._blocks.put(data.copy())

    def _write(self) -> None:
        while (block := self._blocks.get()) is not None:
            self.levels = Levels.of(block)
            if self._fault is not None:
                continue
            try:
                self._file.write(block)
                self.frames += len(block)
            except soundfile.LibsndfileError as error:
                self._fault = TransportError(
                    f"The recording stopped: {error.error_string}",
                    "Check that the disk has room.",
                )
                self._on_error(self._fault)
