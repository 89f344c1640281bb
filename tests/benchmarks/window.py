"""The window: start, opening a file, memory, and what a running job does to it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from tests.benchmarks.material import DEMO, hour_of_speech, hour_of_stereo
from tests.benchmarks.table import Row, told_by

FRAMES = {
    "pan_ms": "pan, 60 s in sight",
    "zoom_ms": "zoom",
    "busy_pan_ms": "pan, 60 s in sight, while a transcription runs",
    "busy_zoom_ms": "zoom, while a transcription runs",
}


def rows(short: bool) -> Iterator[Row]:
    """Each in a process and a home of its own."""
    starts = [measured()["usable_s"] for _ in range(1 if short else 5)]
    yield Row(
        "process start to usable window, median", statistics.median(starts), "s", 1.0
    )
    told = measured(hour_of_stereo(short))
    yield Row("hour of stereo: first picture drawn", told["first_picture_s"], "s", 0.3)
    yield Row("hour of stereo: first tile drawn", told["first_tile_s"], "s")
    yield Row("hour of stereo: whole waveform drawn", told["waveform_s"], "s", 1.5)
    yield Row("hour of stereo: spectrogram drawn", told["spectrogram_s"], "s")
    yield Row("hour of stereo: memory of the window", told["anonymous_mb"], "MB", 250)
    yield Row("hour of stereo: longest stall", told["opening_stall_ms"], "ms", 50)
    told = measured(DEMO, "speech-recognition")
    frames = measured(hour_of_speech(short), "speech-recognition", "frames")
    for name, what in FRAMES.items():
        yield Row(f"{what}, 99th percentile", frames[name], "ms", 16)
    yield Row(
        "hour of speech, transcription: longest stall", frames["job_stall_ms"], "ms", 50
    )
    yield Row("short transcription: longest stall", told["job_stall_ms"], "ms", 50)
    yield Row(
        "start: longest stall after the first paint", told["start_stall_ms"], "ms"
    )


def measured(*arguments: object) -> dict[str, float]:
    """What `window_host` printed; moments are seconds from its start."""
    asked = time.time()
    told = told_by("window_host", *arguments, timeout_s=300)
    told["usable_s"] = told.pop("usable_at") - asked
    return told
