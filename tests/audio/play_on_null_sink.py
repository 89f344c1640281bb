"""Plays and records on a real sound system and prints what happened, as JSON.

Run by `test_null_sink.py` in a process of its own, because PortAudio looks for devices
once, when it is loaded.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from earmark.audio.transport import Transport, TransportError

RATE = 44_100


def tone(start: int, frames: int) -> NDArray[np.float32]:
    """A tone of 441 Hz on the left, half as loud on the right."""
    wave = 0.5 * np.sin(2 * np.pi * 441.0 * np.arange(start, start + frames) / RATE)
    return np.stack([wave, 0.5 * wave], axis=1).astype(np.float32)


def play(transport: Transport) -> dict[str, Any]:
    """Play a second and record it from the sink's monitor."""
    finished = threading.Event()
    transport.on_finished(finished.set)
    path = Path("monitor.wav")
    recorder = Transport()
    recorder.record(path, RATE, 2)
    transport.play(tone, RATE, 2, 0, RATE)
    places: list[int] = []
    loudest = [float("-inf")] * 2
    while not finished.wait(0.002):
        places.append(transport.position)
        loudest = [*map(max, loudest, transport.levels().peak_db)]
    until(lambda: recorder.recorded_frames >= RATE)
    recorder.stop_recording()
    recorder.close()
    recorded, _ = soundfile.read(path, dtype="float32", always_2d=True)
    spectrum = np.abs(np.fft.rfft(recorded[:, 0]))
    return {
        "places": places,
        "position": transport.position,
        "peak_db": loudest,
        "recorded_peaks": np.abs(recorded).max(axis=0).tolist(),
        "recorded_hz": float(spectrum.argmax() * RATE / len(recorded)),
        "recorded_s": float(np.count_nonzero(np.abs(recorded[:, 0]) > 1e-4) / RATE),
    }


def lose(transport: Transport) -> dict[str, Any]:
    """Play, say so, and wait for the sound system to go away."""
    lost = threading.Event()
    errors: list[TransportError] = []
    transport.on_error(lambda error: (errors.append(error), lost.set()))
    transport.play(tone, RATE, 2, 0, 60 * RATE, loop=True)
    until(lambda: transport.position >= 1000)
    say("playing")
    told = lost.wait(60)
    return {"told": told, "error": str(errors[0]), "playing": transport.playing}


def until(reached: Callable[[], bool]) -> None:
    """Wait for the sound system, which sends no signal."""
    pause = threading.Event()
    while not reached():
        pause.wait(0.002)


def say(line: str) -> None:
    """Tell the test."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Run what the argument names."""
    transport = Transport()
    outputs = [device.name for device in transport.devices() if device.default_output]
    result = {"play": play, "lose": lose}[sys.argv[1]](transport)
    transport.close()
    say(json.dumps(result | {"outputs": outputs}))


if __name__ == "__main__":
    main()
