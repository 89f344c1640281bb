"""The engine: transcription against the bare library, and cancelling."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from earmark.cli.studio import FINISHED, Studio
from earmark.core.tasks import JobState
from earmark.engine.queue import JobEvent
from earmark.models.choice import model_for
from tests.benchmarks.crash import DEMO
from tests.benchmarks.table import Row, stopwatch


def rows(short: bool) -> Iterator[Row]:
    """Both in one run, on the same recording with the same weights."""
    with tempfile.TemporaryDirectory() as folder:
        samples, rate = soundfile.read(DEMO, dtype="float32")
        recording = Path(folder) / "long.wav"
        soundfile.write(recording, np.tile(samples, 2 if short else 10), rate)
        with Studio() as studio:
            yield from speed_rows(studio, recording)
            yield from cancel_rows(studio, recording)


def speed_rows(studio: Studio, recording: Path) -> Iterator[Row]:
    """The job's run time beside that of faster-whisper called by hand."""
    task = studio.plugins.task("speech-recognition")
    model = model_for(studio.library, task, "", studio.settings)
    chosen = studio.audio_input(studio.add_clip(recording))
    ours = []
    by_hand = []
    for _ in range(2):
        job = studio.queue.submit(task.id, {}, model=model, input=chosen)
        with stopwatch() as watch:
            studio.wait([job], lambda event: None)
        assert studio.job(job).state == JobState.DONE, studio.job(job).error
        ours.append(studio.job(job).usage.run_s - studio.job(job).usage.load_s)
        by_hand.append(bare_transcription_s(recording, str(model.path)))
        overhead = watch.seconds - studio.job(job).usage.run_s
    yield Row("transcription in Earmark", min(ours), "s")
    yield Row("the same library by hand, same options", min(by_hand), "s")
    yield Row(
        "transcription speed against by hand",
        min(by_hand) / min(ours),
        "x",
        0.95,
        "high",
    )
    yield Row("a warm job beyond its run: queue, pipes, database", overhead, "s")


def bare_transcription_s(recording: Path, model: str) -> float:
    """Seconds that faster-whisper takes in this process, loading not counted."""
    from faster_whisper import WhisperModel
    from faster_whisper.audio import decode_audio

    whisper = WhisperModel(
        model, device="cpu", compute_type="int8", cpu_threads=os.cpu_count() or 1
    )
    with stopwatch() as watch:
        audio = decode_audio(str(recording))
        segments, _ = whisper.transcribe(
            audio, beam_size=1, word_timestamps=True, vad_filter=True
        )
        for _segment in segments:
            pass
    return watch.seconds


def cancel_rows(studio: Studio, recording: Path) -> Iterator[Row]:
    """Cancel after the first segment; the row of the job says what came back."""
    task = studio.plugins.task("speech-recognition")
    model = model_for(studio.library, task, "", studio.settings)
    chosen = studio.audio_input(studio.add_clip(recording))
    job = studio.queue.submit(task.id, {}, model=model, input=chosen)

    def cancel_at_first(event: JobEvent) -> None:
        if event.new_results and studio.job(job).state not in FINISHED:
            studio.queue.cancel(job)

    studio.wait([job], cancel_at_first)
    studio.wait_for(lambda: studio.job(job).usage.stop_s is not None)
    usage = studio.job(job).usage
    assert usage.stop_s is not None
    assert usage.freed_mb is not None
    yield Row("cancel: stopped and memory back", usage.stop_s, "s", 2.5)
    before_mb = usage.freed_mb + usage.memory_mb
    yield Row("cancel: memory of the engine before", before_mb, "MB")
    yield Row(
        "cancel: of it returned", usage.freed_mb / before_mb * 100, "%", 95, "high"
    )
