"""Plays and records on a real sound system and prints what happened, as JSON.

Run by `test_null_sink.py` in a process of its own, because PortAudio looks for devices
once, when it is loaded.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from earmark.audio.transport import Levels, Transport, TransportError

RATE = 44_100


def tone(start: int, frames: int) -> NDArray[np.float32]:
    """A tone of 441 Hz on the left, half as loud on the right."""
    wave = 0.5 * np.sin(2 * np.pi * 441.0 * np.arange(start, start + frames) / RATE)
    return np.stack([wave, 0.5 * wave], axis=1).astype(np.float32)


def heard(transport: Transport, frame: int) -> tuple[float, int, Levels]:
    """Wait until a frame is heard; gives the time, the place and the levels."""
    pause = threading.Event()
    while transport.position < frame and transport.playing:
        pause.wait(0.002)
    return time.perf_counter(), transport.position, transport.levels()


def play(transport: Transport) -> dict[str, Any]:
    """Play a second and record it from the sink's monitor."""
    finished = threading.Event()
    transport.on_finished(finished.set)
    path = Path("monitor.wav")
    recorder = Transport()
    recorder.record(path, RATE, 2)
    transport.play(tone, RATE, 2, 0, RATE)
    first_s, first, _ = heard(transport, RATE // 5)
    last_s, last, levels = heard(transport, RATE * 4 // 5)
    ended = finished.wait(30)
    recorder.stop_recording()
    recorder.close()
    recorded, _ = soundfile.read(path, dtype="float32", always_2d=True)
    spectrum = np.abs(np.fft.rfft(recorded[:, 0]))
    return {
        "finished": ended,
        "position": transport.position,
        "speed": (last - first) / RATE / (last_s - first_s),
        "peak_db": levels.peak_db,
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
    heard(transport, 1000)
    say("playing")
    told = lost.wait(60)
    return {"told": told, "error": str(errors[0]), "playing": transport.playing}


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
