"""Zero-shot: a person's own labels, scored as the transformers pipeline scores them."""

from __future__ import annotations

from pathlib import Path

import embedding_checkpoints as checkpoints
import numpy as np
import pytest
import soundfile
import transformers as hf
from numpy.typing import NDArray
from plugins.runners import Runners

from earmark.core.errors import EarmarkError
from earmark.core.tasks import ModelRef
from earmark_plugins.zero_shot.runner import run_many

RATE = 48000
LABELS = "dog\nrain\na door that closes"


@pytest.fixture(scope="module", params=["rand_trunc", "fusion"])
def clap(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> ModelRef:
    folder = tmp_path_factory.mktemp("clap") / request.param
    checkpoints.clap(folder, request.param)
    return ModelRef("clap", "transformers", folder, "r1", title="CLAP")


def noise(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    drawn = np.random.default_rng(seed).normal(size=round(seconds * RATE))
    return (0.1 * drawn).astype(np.float32)


def write(path: Path, sound: NDArray[np.float32]) -> Path:
    soundfile.write(path, sound, RATE, subtype="FLOAT")
    return path


def by_pipeline(
    model: ModelRef, sound: NDArray[np.float32], template: str
) -> dict[str, float]:
    pipeline = hf.pipeline(
        "zero-shot-audio-classification", model=str(model.path), device="cpu"
    )
    found = pipeline(
        sound, candidate_labels=LABELS.splitlines(), hypothesis_template=template
    )
    return {each["label"]: each["score"] for each in found}


@pytest.mark.parametrize("template", ["This is a sound of {}.", "I hear {}"])
def test_a_window_is_scored_as_the_pipeline_scores_it(
    run_task: Runners, clap: ModelRef, tmp_path: Path, template: str
) -> None:
    sound = noise(4.0)
    run = run_task(
        "zero-shot",
        clap,
        write(tmp_path / "a.wav", sound),
        labels=LABELS,
        template=template,
    )
    expected = by_pipeline(clap, sound, template)
    text = run.text("zero-shot")
    assert text.data["score_kind"] == "softmax"
    scores = text.data["scores"]
    assert scores == pytest.approx(expected, abs=1e-4)
    assert text.text == max(expected, key=lambda label: expected[label])


def test_long_audio_is_heard_in_windows_of_ten_seconds(
    run_task: Runners, clap: ModelRef, tmp_path: Path
) -> None:
    sound = noise(20.0)
    run = run_task(
        "zero-shot",
        clap,
        write(tmp_path / "a.wav", sound),
        labels=LABELS,
        hop_s=10.0,
        threshold=0.0,
    )
    template = "This is a sound of {}."
    first, second = (by_pipeline(clap, part, template) for part in np.split(sound, 2))
    expected = {label: (first[label] + second[label]) / 2 for label in first}
    assert run.text("zero-shot").data["scores"] == pytest.approx(expected, abs=1e-4)
    assert run.tier("zero-shot")


def test_cosines_are_given_for_each_label_by_itself(
    run_task: Runners, clap: ModelRef, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.wav", noise(2.0))
    alone = [
        run_task("zero-shot", clap, path, labels=label, scores="cosine")
        .text("zero-shot")
        .data["scores"][label]
        for label in LABELS.splitlines()
    ]
    together = run_task("zero-shot", clap, path, labels=LABELS, scores="cosine")
    data = together.text("zero-shot").data
    assert data["score_kind"] == "cosine"
    assert [data["scores"][label] for label in LABELS.splitlines()] == pytest.approx(
        alone, abs=1e-5
    )
    assert all(-1 <= score <= 1 for score in alone)


def test_many_clips_together_get_what_each_gets_alone(
    run_task: Runners, clap: ModelRef, tmp_path: Path
) -> None:
    paths = [write(tmp_path / f"{n}.wav", noise(1.0 + n, n)) for n in range(3)]
    contexts = [
        run_task.start("zero-shot", clap, path, labels=LABELS)[0] for path in paths
    ]
    outcomes = dict(run_many(contexts))
    for path, context in zip(paths, contexts, strict=True):
        alone = run_task("zero-shot", clap, path, labels=LABELS)
        (text,) = (
            each
            for each in outcomes[context]
            if getattr(each, "role", "") == "zero-shot"
        )
        assert text.data["scores"] == pytest.approx(
            alone.text("zero-shot").data["scores"], abs=1e-5
        )


def test_labels_with_braces_and_twice_the_same_are_taken_as_they_are(
    run_task: Runners, clap: ModelRef, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.wav", noise(1.0))
    run = run_task("zero-shot", clap, path, labels="a {0} b\nrain\n\nrain")
    assert set(run.text("zero-shot").data["scores"]) == {"a {0} b", "rain"}


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"labels": "\n"}, "There are no labels"),
        ({"labels": "dog", "template": "a sound"}, "has no place for a label"),
        ({"labels": "dog", "window_s": 11.0}, "hears 10 s at once, not 11 s"),
    ],
)
def test_what_cannot_be_done_is_said(
    run_task: Runners,
    clap: ModelRef,
    tmp_path: Path,
    params: dict[str, object],
    said: str,
) -> None:
    path = write(tmp_path / "a.wav", noise(1.0))
    with pytest.raises(EarmarkError, match=said):
        run_task("zero-shot", clap, path, **params)
