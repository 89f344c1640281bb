"""Audio events: which classes are looked for, and what is labelled."""

from __future__ import annotations

import importlib
from pathlib import Path

import classifier_checkpoints as checkpoints
import numpy as np
import pytest
import soundfile
import transformers
from plugins.runners import Engine, Runners

from earmark.core.ontology import audioset
from earmark.core.tasks import ModelRef, Prediction
from earmark.engine import protocol
from earmark.engine.classes import find

AUDIOSET = tuple(
    sound.name
    for sound in sorted(
        (each for each in audioset().sounds.values() if each.number is not None),
        key=lambda each: each.number or 0,
    )
)

pytestmark = pytest.mark.filterwarnings(
    "ignore:At least one mel filter", "ignore:Support for mismatched key_padding_mask"
)


@pytest.fixture
def tiny_ast(tmp_path: Path) -> ModelRef:
    """An AST with the classes of AudioSet, and random weights."""
    folder = tmp_path / "ast"
    checkpoints.classifier(folder, "ast", AUDIOSET)
    return ModelRef("tiny-ast", "transformers", folder)


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """Six seconds of noise that grows."""
    samples = np.random.default_rng(8).standard_normal(96000) * 0.1
    path = tmp_path / "noise.wav"
    soundfile.write(path, samples * np.linspace(0.1, 1, 96000), 16000)
    return path


def test_an_ast_of_audioset_scores_each_class_for_itself(
    run_task: Runners, tiny_ast: ModelRef, noise: Path
) -> None:
    run = run_task("audio-events", tiny_ast, noise, along="clip", top=50, threshold=0)
    text = run.text("events")
    assert text.data["score_kind"] == "sigmoid"
    assert len(run.tier("events")) == 50
    samples, _ = soundfile.read(noise, dtype="float32")
    pipeline = transformers.pipeline(
        "audio-classification", str(tiny_ast.path), device=-1
    )
    windows = [samples[start : start + 20480] for start in range(0, 81921, 10240)]
    scores: dict[str, list[float]] = {}
    for window in windows:
        for each in pipeline(window, top_k=527, function_to_apply="sigmoid"):
            scores.setdefault(each["label"], []).append(each["score"])
    for name, score in text.data["scores"].items():
        assert np.mean(scores[name]) == pytest.approx(score, abs=1e-4)


def test_a_class_is_labelled_from_its_own_threshold_on(
    run_task: Runners, tiny_ast: ModelRef, noise: Path
) -> None:
    dogs = run_task("audio-events", tiny_ast, noise, classes="dog", threshold=0)
    assert {each.text for each in dogs.tier("events")} <= {
        AUDIOSET[index] for index in find(AUDIOSET, "Dog")
    }
    options = {"classes": "Bark\nMeow", "threshold": 1}
    assert run_task("audio-events", tiny_ast, noise, **options).tier("events") == []
    run = run_task("audio-events", tiny_ast, noise, thresholds="bark: 0", **options)
    (label,) = run.tier("events")
    assert (label.text, label.start, label.stop) == ("Bark", 0, 96000)


@pytest.mark.parametrize("family", checkpoints.FAMILIES)
def test_classifiers_of_every_family_label_events(
    run_task: Runners, tmp_path: Path, noise: Path, family: str
) -> None:
    checkpoints.classifier(tmp_path / family, family, ("dog", "rain", "door"))
    model = ModelRef(family, "transformers", tmp_path / family)
    run = run_task("audio-events", model, noise, threshold=0)
    assert {each.text for each in run.tier("events")} <= {"dog", "rain", "door"}
    assert run.tier("events")


def test_many_clips_are_labelled_as_each_alone(
    run_task: Runners, tiny_ast: ModelRef, tmp_path: Path
) -> None:
    random = np.random.default_rng(9)
    files = []
    for number, length in enumerate((16000, 5000, 64000, 30000)):
        files.append(tmp_path / f"{number}.wav")
        soundfile.write(files[-1], random.standard_normal(length) * 0.1, 16000)
    options = {"threshold": 0.4, "classes": "Animal"}
    alone = [run_task("audio-events", tiny_ast, file, **options) for file in files]
    contexts = [
        run_task.start("audio-events", tiny_ast, file, **options)[0] for file in files
    ]
    runner = importlib.import_module("earmark_plugins.audio_events.runner")
    together = dict(runner.run_many(contexts))
    for run, context in zip(alone, contexts, strict=True):
        assert context.used == ("cpu", "float32")
        labels = [each for each in together[context] if isinstance(each, Prediction)]
        assert [(e.text, e.start, e.stop) for e in labels] == [
            (e.text, e.start, e.stop) for e in run.tier("events")
        ]
        assert [e.score for e in labels] == pytest.approx(
            [e.score for e in run.tier("events")], abs=1e-5
        )


def test_it_runs_in_the_engine(
    tmp_path: Path, tiny_ast: ModelRef, noise: Path, run_task: Runners
) -> None:
    engine = Engine(tmp_path)
    task = run_task.plugins.task("audio-events")
    try:
        *results, ended = engine.run(task, noise, tiny_ast, classes="Dog", threshold=0)
        *_, refused = engine.run(task, noise, tiny_ast, classes="qqq")
    finally:
        engine.client.close()
    assert isinstance(ended, protocol.Done)
    assert {each.tier for each in results if isinstance(each, Prediction)} == {"events"}
    assert isinstance(refused, protocol.Failed)
    assert "no class “qqq”" in refused.error
