"""From the scores of windows to labels, with classifiers whose answer is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import classifier_checkpoints as checkpoints
import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray

from earmark.audio.flaws import Flaws
from earmark.core.errors import EarmarkError
from earmark.core.tasks import AudioInput, Job, ModelRef, Prediction, Text
from earmark.core.windows import WindowParams
from earmark.engine import loaders
from earmark.engine.classify import (
    Classifier,
    FrameClassifier,
    Hearing,
    classify,
    classify_many,
    load_classifier,
)
from earmark.engine.context import Context, Samples, Surroundings

RATE = 1000


def score(windows: Sequence[Samples]) -> NDArray[np.float32]:
    """How much of a window is "loud", above 0.5, and "quiet", below it."""
    loud = np.array([np.mean(np.abs(window) > 0.5) for window in windows])
    return np.stack([loud, 1 - loud], 1).astype(np.float32)


LOUDNESS = Classifier(("loud", "quiet"), RATE, 1.0, score, "softmax", exclusive=True)


def context(sound: Samples, rate: int = RATE, model: ModelRef | None = None) -> Context:
    """A job over a sound."""

    def read(given: AudioInput, rate: int, flaws: Flaws) -> Iterator[Samples]:
        finite = np.nan_to_num(sound)
        flaws.notice(0, finite[:, None], np.isnan(sound)[:, None])
        yield from np.array_split(finite, 3)

    audio = AudioInput(1, "clip", rate, 1, (), (), 0, len(sound))
    return Context(
        Job(1, "a-task", {}, model, audio),
        Surroundings(
            read=read,
            output=Path(),
            cache=Path(),
            models=loaders.ModelCache(),
            memory_budget_mb=4096.0,
            cancelled=lambda: False,
        ),
    )


def seconds(*levels: float) -> Samples:
    """A second of each level."""
    return np.repeat(np.array(levels, np.float32), RATE)


def labels(results: Any) -> list[tuple[str, float, float, float]]:
    return [
        (each.text, each.start / RATE, each.stop / RATE, round(each.score, 3))
        for each in results
        if isinstance(each, Prediction)
    ]


def only(results: Any) -> list[Prediction]:
    return [each for each in results if isinstance(each, Prediction)]


def text(results: Any) -> Text:
    (found,) = [each for each in results if isinstance(each, Text)]
    return found


def run(sound: Samples, classifier: Classifier = LOUDNESS, **params: Any) -> list[Any]:
    options = WindowParams(**{"hop_s": 1.0} | params)
    return list(classify(context(sound), Hearing(classifier, options, "level")))


def test_windows_of_one_class_become_one_label() -> None:
    found = run(seconds(0.9, 0.9, 0.1, 0.1, 0.1, 0.9))
    assert labels(found) == [
        ("loud", 0, 2, 1.0),
        ("quiet", 2, 5, 1.0),
        ("loud", 5, 6, 1.0),
    ]
    assert {each.tier for each in found if isinstance(each, Prediction)} == {"level"}


def test_the_text_sums_up_the_whole() -> None:
    whole = text(run(seconds(0.9, 0.1, 0.1, 0.1)))
    assert (whole.role, whole.text) == ("level", "quiet")
    assert whole.data == {
        "scores": {"quiet": 0.75, "loud": 0.25},
        "score_kind": "softmax",
    }


def test_overlapping_windows_are_combined_where_they_overlap() -> None:
    sound = seconds(0.9, 0.1, 0.1)
    # Of the windows over 0.5 to 1 s, one is all loud and one is half.
    assert labels(run(sound, hop_s=0.5, threshold=0.6)) == [
        ("loud", 0, 1, 0.875),
        ("quiet", 1, 3, 0.938),
    ]
    assert labels(run(sound, hop_s=0.5, combine="max", threshold=0.9))[0] == (
        ("loud", 0, 1, 1.0)
    )


def test_what_scores_less_than_the_threshold_is_not_labelled() -> None:
    half = np.concatenate([seconds(0.9)[:700], seconds(0.1)[:300]])
    assert labels(run(half, threshold=0.71)) == []
    assert labels(run(half, threshold=0.69)) == [("loud", 0, 1, 0.7)]


def test_several_classes_may_be_true_at_once() -> None:
    both = replace(LOUDNESS, exclusive=False, kind="sigmoid")
    half = np.concatenate([seconds(0.9)[:600], seconds(0.1)[:400]])
    assert labels(run(half, both, threshold=0.3)) == [
        ("loud", 0, 1, 0.6),
        ("quiet", 0, 1, 0.4),
    ]
    assert labels(run(half, both, threshold=0.3, top=1)) == [("loud", 0, 1, 0.6)]
    options = WindowParams(threshold=0.3)
    only = classify(context(half), Hearing(both, options, "level", {"loud": 0.61}))
    assert labels(only) == [("quiet", 0, 1, 0.4)]


def test_the_most_at_a_time_are_those_over_a_threshold_of_their_own() -> None:
    both = replace(LOUDNESS, exclusive=False, kind="sigmoid")
    half = np.concatenate([seconds(0.9)[:600], seconds(0.1)[:400]])
    options = WindowParams(threshold=0.7, top=1)
    only = classify(context(half), Hearing(both, options, "level", {"quiet": 0.3}))
    assert labels(only) == [("quiet", 0, 1, 0.4)]


def test_that_a_model_goes_by_frames_and_not_by_ones_own_windows_is_said() -> None:
    contexts = [context(seconds(0.9)) for _ in range(3)]
    own, usual = WindowParams(window_s=2.0), WindowParams()
    list(classify(contexts[0], Hearing(FOLLOWER, own, "t")))
    list(classify_many(contexts[1:2], Hearing(FOLLOWER, own, "t")))
    list(classify(contexts[2], Hearing(FOLLOWER, usual, "t")))
    said = "this model goes by frames, so window and step are not used"
    assert [ctx.notes for ctx in contexts] == [said, said, ""]


def test_short_gaps_are_bridged_and_short_labels_left_out() -> None:
    sound = seconds(0.9, 0.1, 0.9, 0.1, 0.1, 0.1)
    loud = replace(LOUDNESS, names=("loud",), score=lambda w: score(w)[:, :1])
    assert labels(run(sound, loud, bridge_s=1)) == [("loud", 0, 3, 1.0)]
    assert labels(run(sound, loud)) == [("loud", 0, 1, 1.0), ("loud", 2, 3, 1.0)]
    assert labels(run(sound, shortest_s=2)) == [("quiet", 3, 6, 1.0)]


def test_one_answer_for_the_whole_is_a_label_over_all_of_it() -> None:
    sound = seconds(0.9, 0.1, 0.1, 0.1)[:3700]
    assert labels(run(sound, along="clip")) == [("quiet", 0, 3.7, 0.75)]
    assert labels(run(sound, along="clip", threshold=0.9)) == []


def test_a_last_window_that_is_not_full_is_heard_as_it_is() -> None:
    sound = np.concatenate([seconds(0.1), seconds(0.9)[:250]])
    assert labels(run(sound)) == [("quiet", 0, 1, 1.0), ("loud", 1, 1.25, 1.0)]
    assert labels(run(sound[:100])) == [("quiet", 0, 0.1, 1.0)]


def test_a_hop_that_is_no_whole_number_of_samples_does_not_drift() -> None:
    sound = np.concatenate([np.tile(seconds(0.1), 600), seconds(0.9, 0.9)])
    *_, loud = labels(run(sound, hop_s=1 / 3, combine="max", threshold=0.99))
    assert loud[0] == "loud"
    assert loud[1] == pytest.approx(600, abs=0.34)


def test_silence_and_rubbish_are_said_and_not_scored() -> None:
    sound = seconds(0.9, 0.0, np.nan, 0.9, 1.0)
    ctx = context(sound)
    options = WindowParams(hop_s=1.0)
    found = list(classify(ctx, Hearing(LOUDNESS, options, "level")))
    assert labels(found) == [("loud", 0, 1, 1.0), ("loud", 3, 4, 1.0)]
    assert text(found).data["silent_s"] == 1.0
    assert text(found).data["unreadable_s"] == 1.0
    assert text(found).data["clipped_s"] == 1.0
    assert ctx.notes.split("; ") == [
        "values that are no numbers: 2.0 to 3.0 s",
        "not scored because of them: 2.0 to 3.0 s",
        "silent, not scored: 1.0 to 2.0 s",
        "clipped, not scored: 4.0 to 5.0 s",
    ]


def test_what_a_window_that_is_heard_reaches_is_not_said_to_be_unheard() -> None:
    sound = seconds(0.9, 0.9, 0.0, 0.0, 0.9)
    ctx = context(sound)
    options = WindowParams(window_s=2.0, hop_s=1.0)
    found = list(classify(ctx, Hearing(LOUDNESS, options, "level")))
    # Windows begin at each second; only the one over 2 to 4 s is silent.
    assert "silent_s" not in text(found).data
    assert ctx.notes == ""


def test_nothing_but_silence_has_no_answer() -> None:
    found = run(seconds(0.0, 0.0))
    assert labels(found) == []
    assert (text(found).text, text(found).data["scores"]) == ("", {})


def test_scores_that_are_no_numbers_are_an_error() -> None:
    broken = replace(LOUDNESS, score=lambda w: score(w) * np.nan)
    with pytest.raises(EarmarkError, match="scores that are no numbers"):
        run(seconds(0.9), broken)


def test_silence_is_labelled_where_that_is_asked_for() -> None:
    sound = seconds(0.0, 0.9, 0.9, 0.002, 0.0, np.nan, 0.1)
    ctx = context(sound)
    options = WindowParams(hop_s=1.0, silence_db=-50)
    found = list(classify(ctx, Hearing(LOUDNESS, options, "level", silence="silence")))
    assert [(each.text, each.start, each.stop, each.score) for each in only(found)] == [
        ("silence", 0, 1 * RATE, None),
        ("loud", 1 * RATE, 3 * RATE, 1.0),
        ("silence", 3 * RATE, 5 * RATE, None),
        ("quiet", 6 * RATE, 7 * RATE, 1.0),
    ]
    assert "silent" not in ctx.notes
    assert text(found).data["silent_s"] == 3.0


@pytest.mark.parametrize("along", ["time", "clip"])
def test_nothing_but_silence_is_one_label(along: Any) -> None:
    options = WindowParams(along=along)
    hearing = Hearing(LOUDNESS, options, "level", silence="silence")
    found = list(classify(context(seconds(0, 0, 0, 0)[:3700]), hearing))
    (label,) = only(found)
    assert (label.text, label.start, label.stop) == ("silence", 0, 3700)
    assert text(found).text == "silence"


def frames(samples: Samples) -> NDArray[np.float32]:
    """`score` for each tenth of a second; nothing for one that is silent."""
    parts = np.array_split(samples, range(100, len(samples), 100))
    found = score(parts)
    found[[not part.any() for part in parts]] = np.nan
    return found


FOLLOWER = FrameClassifier(
    ("loud", "quiet"), RATE, 0.1, frames, "probability", block_s=2.0, context_s=0.5
)


@pytest.mark.parametrize("length", [50, 1950, 2000, 3000, 3001, 5000, 7777])
def test_frames_are_labelled_block_after_block_as_all_at_once(length: int) -> None:
    random = np.random.default_rng(5)
    levels = random.choice([0.0, 0.1, 0.9], 80).astype(np.float32)
    sound = np.repeat(levels, 100)[:length]
    seen: list[int] = []

    def counting(samples: Samples) -> NDArray[np.float32]:
        seen.append(len(samples))
        return frames(samples)

    blockwise = replace(FOLLOWER, score=counting)
    at_once = replace(FOLLOWER, block_s=60.0)
    options = WindowParams()
    found, expected = (
        list(classify(context(sound), Hearing(each, options, "t", silence="silence")))
        for each in (blockwise, at_once)
    )
    assert only(found) == only(expected)
    assert text(found) == text(expected)
    assert max(seen) <= 3000
    edges = [0, *(each.stop for each in only(found))]
    assert edges[-1] == length
    assert sorted({each.start for each in only(found)}) == sorted(set(edges[:-1]))


def test_frames_of_many_are_labelled_as_each_alone() -> None:
    random = np.random.default_rng(6)
    sounds = [
        np.repeat(random.choice([0.0, 0.1, 0.9], n).astype(np.float32), 100)
        for n in (3, 40, 17, 1, 25)
    ]
    sounds.append(np.full(1000, np.nan, np.float32))
    options = WindowParams()
    contexts = [context(sound) for sound in sounds]
    hearing = Hearing(FOLLOWER, options, "t")
    together = dict(classify_many(contexts, hearing))
    assert list(together) == contexts
    for ctx, sound in zip(contexts, sounds, strict=True):
        alone = list(classify(context(sound), hearing))
        found = together[ctx]
        assert not isinstance(found, EarmarkError)
        assert only(found) == only(alone)
        assert text(found) == text(alone)
    assert "values that are no numbers: 0.0 to 1.0 s" in contexts[-1].notes


@pytest.mark.parametrize("mixes", [True, False])
def test_many_are_labelled_as_each_alone(mixes: bool) -> None:
    seen: list[int] = []

    def counting(windows: Sequence[Samples]) -> NDArray[np.float32]:
        seen.append(len(windows))
        assert mixes or len({len(window) for window in windows}) == 1
        return score(windows)

    random = np.random.default_rng(0)
    sounds = [
        random.uniform(-1, 1, size).astype(np.float32)
        for size in (300, 5000, 1000, 2500, 700, 3000, 1000)
    ]
    sounds.append(seconds(0.0))
    classifier = replace(LOUDNESS, score=counting, mixes=mixes, batch=4)
    params = WindowParams(hop_s=0.5, threshold=0.5)
    contexts = [context(sound) for sound in sounds]
    hearing = Hearing(classifier, params, "level")
    together = dict(classify_many(contexts, hearing))
    assert set(together) == set(contexts)
    assert max(seen) == 4
    for ctx, sound in zip(contexts, sounds, strict=True):
        alone = list(classify(context(sound), hearing))
        found = together[ctx]
        assert not isinstance(found, EarmarkError)
        assert labels(found) == labels(alone)
        assert text(found) == text(alone)


@pytest.mark.filterwarnings("ignore:At least one mel filter")
@pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask")
@pytest.mark.parametrize("family", checkpoints.FAMILIES)
def test_a_transformers_classifier_scores_as_its_pipeline(
    family: str, tmp_path: Path
) -> None:
    torch.set_num_threads(1)
    names = ("speech", "music", "other")
    checkpoints.classifier(tmp_path, family, names)
    model = ModelRef("tiny", "transformers", tmp_path)
    ctx = context(np.zeros(16000, np.float32), 16000, model)
    classifier = load_classifier(ctx, window_s=5.0)
    assert (classifier.names, classifier.rate) == (names, 16000)
    assert classifier.window_s == (1.28 if family == "ast" else 5.0)
    random = np.random.default_rng(1)
    windows = [random.uniform(-1, 1, 16000).astype(np.float32) for _ in range(3)]
    found = classifier.score(classifier.prepare(windows))
    pipeline = transformers.pipeline("audio-classification", str(tmp_path), device=-1)
    for window, scores in zip(windows, found, strict=True):
        expected = {e["label"]: e["score"] for e in pipeline(window, top_k=3)}
        told = dict(zip(names, scores, strict=True))
        assert told == pytest.approx(expected, abs=1e-4)
    assert len({tuple(row) for row in found.round(6)}) == 3
    short = classifier.prepare([windows[0][:100]])
    assert np.isfinite(classifier.score(short)).all()


@pytest.mark.filterwarnings("ignore:At least one mel filter")
def test_a_window_of_which_a_model_would_hear_a_part_only_is_refused(
    tmp_path: Path,
) -> None:
    checkpoints.classifier(tmp_path, "ast", ("a", "b"))
    ctx = context(np.ones(32000), 16000, ModelRef("t", "transformers", tmp_path))
    hearing = Hearing(load_classifier(ctx), WindowParams(window_s=2.0), "t")
    with pytest.raises(EarmarkError, match=r"hears 1\.28 s at once, not 2 s"):
        list(classify(ctx, hearing))
    with pytest.raises(EarmarkError, match=r"hears 1\.28 s at once, not 2 s"):
        list(classify_many([ctx], hearing))


@pytest.mark.filterwarnings("ignore:At least one mel filter")
def test_the_features_of_an_ast_are_those_of_its_extractor(tmp_path: Path) -> None:
    checkpoints.classifier(tmp_path, "ast", ("a", "b"))
    ctx = context(np.zeros(16000), 16000, ModelRef("t", "transformers", tmp_path))
    classifier = load_classifier(ctx)
    random = np.random.default_rng(2)
    time_s = np.arange(24000) / 16000
    windows = [
        random.uniform(-1, 1, 20480).astype(np.float32),
        (0.5 * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32),
        (random.standard_normal(9000) * 1e-4).astype(np.float32),
    ]
    extractor = transformers.ASTFeatureExtractor.from_pretrained(tmp_path)
    expected = extractor(windows, sampling_rate=16000, return_tensors="np")
    found = classifier.prepare(windows)
    assert found.input_values.shape == (3, 128, 128)
    np.testing.assert_allclose(
        found.input_values, expected["input_values"], rtol=0, atol=1e-4
    )
