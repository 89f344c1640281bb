"""Files that the benchmarks work on, made when they are first asked for."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import soundfile
import soxr

RATE = 44_100
DEMO = Path(__file__).parents[2] / "assets" / "demo.wav"


def hour_of_stereo(short: bool) -> Path:
    """A 16-bit stereo WAV of an hour at 44.1 kHz (a minute if short)."""
    minutes = 1 if short else 60
    path = Path(tempfile.gettempdir()) / f"earmark-benchmark-{minutes}-minutes.wav"
    if path.exists():
        return path
    chance = np.random.default_rng(1)
    beside = path.with_suffix(".part.wav")
    with soundfile.SoundFile(beside, "w", RATE, 2, "PCM_16") as file:
        for minute in range(minutes):
            time_s = np.arange(RATE * 60) / RATE
            tone = np.sin(2 * np.pi * (110 + 20 * minute) * time_s)
            swell = 0.5 + 0.5 * np.sin(2 * np.pi * 0.13 * time_s + minute)
            noise = chance.standard_normal((len(time_s), 2)) * 0.05
            file.write(noise + (0.4 * tone * swell)[:, None])
    beside.rename(path)
    return path


def hour_of_speech(short: bool) -> Path:
    """The same of the demo recording's speech, again and again (five minutes)."""
    minutes = 5 if short else 60
    path = Path(tempfile.gettempdir()) / f"earmark-benchmark-speech-{minutes}.wav"
    if path.exists():
        return path
    speech, rate = soundfile.read(DEMO, dtype="float32")
    speech = np.repeat(soxr.resample(speech, rate, RATE)[:, None], 2, axis=1)
    frames = minutes * 60 * RATE
    beside = path.with_suffix(".part.wav")
    with soundfile.SoundFile(beside, "w", RATE, 2, "PCM_16") as file:
        while (left := frames - file.frames) > 0:
            file.write(speech[:left])
    beside.rename(path)
    return path
