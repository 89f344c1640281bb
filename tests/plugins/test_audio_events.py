"""Audio events: which classes are looked for, and what is labelled."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import classifier_checkpoints as checkpoints
import numpy as np
import pytest
import soundfile
import transformers
from plugins.runners import Engine, Runners

from earmark.core.errors import EarmarkError
from earmark.core.tasks import ModelRef, Prediction
from earmark.engine import protocol
from earmark.engine.classify import Classifier
from earmark_plugins.audio_events.classes import find, only, thresholds
from earmark_plugins.audio_events.ontology import audioset, choices, names_in

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


def found(entry: str, names: tuple[str, ...] = AUDIOSET) -> list[str]:
    return [names[index] for index in find(names, entry)]


def test_the_ontology_is_whole() -> None:
    ontology = audioset()
    assert len(ontology.sounds) == 632
    assert len(AUDIOSET) == len(set(AUDIOSET)) == 527
    assert AUDIOSET[:2] == ("Speech", "Male speech, man speaking")
    assert AUDIOSET[137] == "Music"
    assert AUDIOSET[-1] == "Field recording"
    children = {id for each in ontology.sounds.values() for id in each.children}
    assert children <= ontology.sounds.keys()
    roots = [each.name for id, each in ontology.sounds.items() if id not in children]
    assert roots == [
        "Human sounds",
        "Animal",
        "Music",
        "Natural sounds",
        "Sounds of things",
        "Source-ambiguous sounds",
        "Channel, environment and background",
    ]
    (howl,) = ontology.named("howl")
    assert [each.name for each in ontology.parents(howl)] == [
        "Dog",
        "Canidae, dogs, wolves",
    ]


def test_a_class_is_found_by_its_name_one_of_its_names_or_its_id() -> None:
    assert found("bark") == ["Bark"]
    assert found("ROOSTER")[0] == "Chicken, rooster"
    assert found("/m/05tny_") == ["Bark"]
    assert found("Whimper") == ["Whimper"]
    assert found("Whimper (dog)") == ["Whimper (dog)"]


def test_a_kind_of_sound_means_all_that_it_has() -> None:
    dogs = found("Dog")
    assert dogs[:3] == ["Dog", "Bark", "Yip"]
    assert "Whimper (dog)" in dogs
    animals = found("Animal")
    assert set(dogs) < set(animals)
    assert {"Meow", "Bee, wasp, etc.", "Whale vocalization"} < set(animals)
    assert "Speech" not in animals
    # It is no class itself.
    assert "Laughter" in found("Human voice")


def test_the_classes_of_other_data_sets_have_kinds_too() -> None:
    tags = ("guitar", "violin", "techno", "choir", "female vocal", "beats")
    assert found("Musical instrument", tags) == ["guitar", "violin", "choir"]
    assert found("Electronic music", tags) == ["techno"]
    assert found("beats", tags) == ["beats"]


@pytest.mark.parametrize(
    ("entry", "nearest"),
    [("dgo", "Dog"), ("Animl", "Animal"), ("roster", "Chicken, rooster")],
)
def test_an_unknown_class_is_answered_with_the_nearest(
    entry: str, nearest: str
) -> None:
    with pytest.raises(EarmarkError, match=f"no class “{entry}”") as refused:
        find(AUDIOSET, entry)
    assert nearest in str(refused.value)


def test_a_kind_that_the_model_does_not_know_is_told_from_an_unknown_one() -> None:
    with pytest.raises(EarmarkError, match="no class for “Vehicle” or a kind of it"):
        find(("guitar", "piano"), "vehicle")
    with pytest.raises(EarmarkError, match="knows 2 classes, such as guitar, piano"):
        find(("guitar", "piano"), "qqq")


def test_only_some_classes_are_scored() -> None:
    def score(windows: Any) -> Any:
        return np.tile(np.arange(3, dtype=np.float32), (len(windows), 1))

    whole = Classifier(("a", "b", "c"), 16000, 1.0, score, "sigmoid", exclusive=False)
    some = only(whole, "c\n\n a ")
    assert some.names == ("a", "c")
    assert some.score([None, None]).tolist() == [[0, 2], [0, 2]]
    assert only(whole, " \n") is whole


def test_classes_and_kinds_have_thresholds_of_their_own() -> None:
    own = thresholds(AUDIOSET, "Dog: 0.4\nBark: 0.2\nchicken: 1")
    assert own["Dog"] == own["Yip"] == 0.4
    assert own["Bark"] == 0.2
    assert own["Chicken, rooster"] == own["Cluck"] == 1
    assert thresholds(AUDIOSET, "") == {}


@pytest.mark.parametrize("entry", ["Dog", "Dog: much", "Dog: 1.2", ": 0.3", "Dog: nan"])
def test_what_is_no_threshold_is_refused(entry: str) -> None:
    with pytest.raises(EarmarkError, match="no class with a threshold"):
        thresholds(AUDIOSET, entry)


def test_all_sounds_are_offered_with_what_they_are_kinds_of() -> None:
    captions = dict(choices())
    assert len(captions) == 632
    assert captions["Howl"] == "Howl  ·  Dog  ·  Canidae, dogs, wolves  ·  /m/07qf0zm"
    assert all(find(AUDIOSET, name) for name in ("Animal", "Human voice", "Howl"))


def test_names_are_told_apart_by_commas() -> None:
    assert names_in("Bee, wasp, etc.") == ["bee", "wasp", "etc."]


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
    assert {each.text for each in dogs.tier("events")} <= set(found("Dog"))
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
