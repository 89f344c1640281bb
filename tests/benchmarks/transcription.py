"""Transcription against the same libraries called by hand, on real recordings."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import recordings
import soundfile
import soxr
from plugins.runners import Run, Runners
from whisper_weights import converted

from earmark.core.errors import EarmarkError
from earmark.core.tasks import ModelRef
from earmark.engine.loaders import search_with_one_beam
from earmark.settings import folders
from earmark_plugins.speech_recognition.check import normalise
from earmark_plugins.speech_recognition.runner import run_many
from tests.benchmarks.crash import DEMO
from tests.benchmarks.table import Row, stopwatch

TASK = "speech-recognition"
THREADS = 2
LONGEST_S = 14.0
RATE = 16_000


def rows(short: bool) -> Iterator[Row]:
    """Short clips with the starter weights; a long recording through transformers."""
    with tempfile.TemporaryDirectory() as name:
        run = Runners(Path(name))
        yield from short_clips(run, clips=8 if short else 158, rounds=1 if short else 2)
        for words in (False, True):
            yield from long_recording(run, Path(name), short, words=words)
        run.sources.close()


def short_clips(run: Runners, clips: int, rounds: int) -> Iterator[Row]:
    """Studio prompts together, against faster-whisper file by file."""
    from faster_whisper import WhisperModel

    found = [
        prompt
        for prompt in recordings.prompts("en", shortest_words=6)
        if 1 <= soundfile.info(prompt.path).duration <= LONGEST_S
    ]
    prompts = found[:: len(found) // clips][:clips]
    said = [normalise(prompt.text, "en") for prompt in prompts]
    name = "whisper-tiny.en"
    model = ModelRef(name, "ctranslate2", folders().models / name, title=name)
    whisper = WhisperModel(
        str(model.path), device="cpu", compute_type="int8", cpu_threads=THREADS
    )

    def by_hand() -> list[str]:
        texts = []
        for prompt in prompts:
            segments, _ = whisper.transcribe(
                str(prompt.path), language="en", beam_size=1
            )
            texts.append("".join(segment.text for segment in segments))
        return texts

    def together(**params: Any) -> list[str]:
        contexts = [run.start(TASK, model, p.path, **params)[0] for p in prompts]
        outcomes = dict(run_many(contexts))
        texts = []
        for context in contexts:
            outcome = outcomes[context]
            assert not isinstance(outcome, EarmarkError), outcome
            texts.append(Run(context, list(outcome)).text("transcript").text)
        return texts

    def alike() -> list[str]:
        return together(language="en", words=False, vad=False)

    def as_usual() -> list[str]:
        return together()

    (theirs_s, ours_s, usual_s), (theirs, ours, usual) = in_turns(
        (by_hand, alike, as_usual), rounds
    )
    bare = wer(said, theirs)
    what = f"{len(prompts)} clips of 1-{LONGEST_S:.0f} s"
    yield Row(f"{what} together: WER", wer(said, ours), "%", bare)
    yield Row(f"{what} by faster-whisper one by one: WER", bare, "%")
    yield Row(f"{what} with words and voice detection: WER", wer(said, usual), "%")
    yield Row(f"{what} together", ours_s, "s")
    yield Row(f"{what} by faster-whisper one by one", theirs_s, "s")
    yield Row(f"{what}: throughput against one by one", theirs_s / ours_s, "x", 3.0,
              "high")  # fmt: skip
    yield Row(f"{what}: with words and voice detection", theirs_s / usual_s, "x")


def long_recording(
    run: Runners, folder: Path, short: bool, *, words: bool
) -> Iterator[Row]:
    """The demo over and over, against a transformers pipeline by hand, set alike."""
    import transformers

    name = "whisper-tiny.en"
    path = folder / name
    if not path.exists():
        converted(folders().models / name, path)
    samples, rate = soundfile.read(DEMO, dtype="float32")
    recording = folder / "long.wav"
    soundfile.write(recording, np.tile(samples, 2 if short else 6), rate)
    model = ModelRef(name, "transformers", path, title=name)
    pipeline: Any = transformers.pipeline(
        "automatic-speech-recognition", model=str(path), dtype="float32", device="cpu"
    )
    search_with_one_beam(pipeline)

    def by_hand() -> Any:
        samples, rate = soundfile.read(recording, dtype="float32")
        heard = soxr.resample(samples, rate, RATE)
        return pipeline(
            {"raw": heard, "sampling_rate": RATE},
            return_timestamps="word" if words else True,
            generate_kwargs={
                "temperature": (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
                "compression_ratio_threshold": 1.35,
                "logprob_threshold": -1.0,
                "condition_on_prev_tokens": False,
            },
        )

    def ours() -> Any:
        return run(TASK, model, recording, words=words)

    (theirs_s, ours_s), _ = in_turns((by_hand, ours), 1 if short else 3)
    what = f"Whisper through transformers, words {'on' if words else 'off'}"
    yield Row(what, ours_s, "s")
    yield Row(f"{what}, by hand", theirs_s, "s")
    yield Row(f"{what}: speed against by hand", theirs_s / ours_s, "x", 0.95, "high")


def wer(said: Sequence[str], heard: Sequence[str]) -> float:
    """Word error rate of normalised texts, in percent."""
    return 100 * float(jiwer.wer(list(said), [normalise(text, "en") for text in heard]))


def in_turns(
    acts: Sequence[Callable[[], Any]], rounds: int
) -> tuple[list[float], list[Any]]:
    """The least seconds of each act and what it gave, after a round to warm up."""
    given = [act() for act in acts]
    least = [float("inf")] * len(acts)
    for _ in range(rounds):
        for index, act in enumerate(acts):
            with stopwatch() as watch:
                act()
            least[index] = min(least[index], watch.seconds)
    return least, given
