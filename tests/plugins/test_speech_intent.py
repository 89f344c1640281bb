"""What is wanted: by what was said, and by classifiers that hear it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import classifier_checkpoints
import numpy as np
import pytest
import soundfile
from plugins.runners import Runners

from earmark.api import EarmarkError, ModelRef, Result
from earmark.core.tasks import Prediction, Text
from earmark_plugins.speech_intent.runner import run_many
from earmark_plugins.speech_intent.sentences import sentence_vectors

Checkpoint = Callable[[str], ModelRef]
TASK = "speech-intent"
FIRST = (0.0, 3.0)
GREETINGS = "greeting: good day; hello world\nleaving: zzz zzz zzz"


def hearing(model: ModelRef) -> dict[str, ModelRef]:
    """What recognises speech, as a companion of a job."""
    return {"speech-recognition": model}


def test_what_was_said_is_compared_with_the_phrases_of_each_intent(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    found = run_task(
        TASK,
        checkpoint("sentences"),
        demo_recording,
        companions=hearing(checkpoint("whisper")),
        seconds=FIRST,
        intents=GREETINGS,
    )
    (label,) = found.tier("intent")
    assert label.text == "greeting"
    assert label.score == pytest.approx(1.0, abs=1e-4)
    said = run_task(
        "speech-recognition", checkpoint("whisper"), demo_recording, seconds=FIRST
    )
    first, last = said.tier("words")
    assert (label.start, label.stop) == (first.start, last.stop)
    text = found.text("intent")
    assert text.text == "greeting"
    assert text.data["score_kind"] == "cosine"
    (utterance,) = text.data["utterances"]
    assert utterance["text"] == "hello world"
    assert set(utterance["scores"]) == {"greeting", "leaving"}


def test_what_fits_none_is_called_so(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    found = run_task(
        TASK,
        checkpoint("sentences"),
        demo_recording,
        companions=hearing(checkpoint("whisper")),
        seconds=FIRST,
        intents="leaving: zzz zzz zzz",
        threshold=0.99,
    )
    (label,) = found.tier("intent")
    assert label.text == "none of these"
    assert label.score < 0.99
    assert found.text("intent").text == "none of these"


def test_each_utterance_has_an_answer_or_all_of_them_have_one(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path, tmp_path: Path
) -> None:
    speech, rate = soundfile.read(demo_recording, dtype="float32", frames=3 * 8000)
    path = tmp_path / "two.wav"
    pause = np.zeros(2 * rate, np.float32)
    soundfile.write(path, np.concatenate([speech, pause, speech]), rate)
    model, hears = checkpoint("sentences"), hearing(checkpoint("moonshine"))
    intents = "hurry: the quick\nleaving: zzz zzz zzz"

    along = run_task(TASK, model, path, companions=hears, intents=intents)
    assert [each.text for each in along.tier("intent")] == ["hurry", "hurry"]
    told = along.text("intent").data["utterances"]
    assert [each["text"] for each in told] == ["the quick", "the quick"]

    joined = run_task(TASK, model, path, companions=hears, intents=intents, pause_s=5)
    first, last = along.tier("intent")
    (label,) = joined.tier("intent")
    assert (label.start, label.stop) == (first.start, last.stop)

    whole = run_task(TASK, model, path, companions=hears, intents=intents, along="clip")
    (label,) = whole.tier("intent")
    assert (label.start, label.stop) == (0, 8 * rate)
    (utterance,) = whole.text("intent").data["utterances"]
    assert utterance["text"].split() == ["the", "quick"] * 2


def test_sentences_of_other_lengths_do_not_change_a_vector(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    context, _ = run_task.start(TASK, checkpoint("sentences"), demo_recording)
    alone = sentence_vectors(context, ["hello world"])
    among = sentence_vectors(context, ["hello world", "a much longer sentence", "a"])
    assert among.shape == (3, 32)
    np.testing.assert_allclose(among[0], alone[0], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(among, axis=1), 1, atol=1e-5)


def test_the_comparison_needs_a_model_that_recognises_speech(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    with pytest.raises(EarmarkError, match="needs a model for speech recognition"):
        run_task(TASK, checkpoint("sentences"), demo_recording, intents="hi: hello")


def test_the_comparison_needs_intents(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    with pytest.raises(EarmarkError, match="no intents to choose from"):
        run_task(TASK, checkpoint("sentences"), demo_recording)


@pytest.mark.parametrize("family", ["xlsr", "wav2vec2", "whisper"])
def test_a_classifier_of_intents_needs_no_words_and_no_list(
    run_task: Runners, demo_recording: Path, tmp_path: Path, family: str
) -> None:
    folder = tmp_path / "minds14"
    names = ("abroad", "app_error", "balance")
    classifier_checkpoints.classifier(folder, family, names)
    classifier_checkpoints.decide(folder, 1)
    model = ModelRef("minds14", "transformers", folder)

    along = run_task(TASK, model, demo_recording)
    assert {each.text for each in along.tier("intent")} == {"app_error"}
    assert len(along.tier("intent")) >= 1
    text = along.text("intent")
    assert (text.text, text.data["score_kind"]) == ("app_error", "softmax")

    whole = run_task(TASK, model, demo_recording, along="clip", threshold=0.999)
    (label,) = whole.tier("intent")
    assert label.text == "none of these"
    assert label.start == 0


def test_silence_has_no_intent_and_says_so(
    run_task: Runners, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(16000 * 2, np.float32), 16000)
    model, hears = checkpoint("sentences"), hearing(checkpoint("whisper"))
    for along in ("time", "clip"):
        found = run_task(
            TASK, model, path, companions=hears, intents=GREETINGS, along=along
        )
        assert found.tier("intent") == []
        assert found.text("intent").text == ""
        assert found.context.notes == "no speech was found"


@pytest.mark.parametrize("kind", ["words", "classifier"])
def test_many_clips_have_the_results_of_each_alone(
    run_task: Runners,
    checkpoint: Checkpoint,
    demo_recording: Path,
    tmp_path: Path,
    kind: str,
) -> None:
    model, hears = checkpoint("sentences"), hearing(checkpoint("whisper"))
    if kind == "classifier":
        folder = tmp_path / "minds14"
        classifier_checkpoints.classifier(folder, "wav2vec2", ("abroad", "balance"))
        model, hears = ModelRef("minds14", "transformers", folder), {}
    contexts, alone = [], []
    for seconds in ((0, 3), (3, 5), (6, 9)):
        options = {"seconds": seconds, "intents": GREETINGS, "companions": hears}
        contexts.append(run_task.start(TASK, model, demo_recording, **options)[0])
        alone.append(run_task(TASK, model, demo_recording, **options))

    outcomes = dict(run_many(contexts))

    def told(results: list[Result]) -> list[object]:
        return [
            (type(each), each.text, getattr(each, "start", 0))
            for each in results
            if isinstance(each, Prediction | Text)
        ]

    for context, found in zip(contexts, alone, strict=True):
        outcome = outcomes[context]
        assert not isinstance(outcome, EarmarkError)
        assert told([*outcome]) == told(found.results)


@pytest.mark.weights
def test_sentences_that_mean_the_same_are_near(
    run_task: Runners, models_folder: Path, demo_recording: Path
) -> None:
    model = ModelRef("minilm", "transformers", models_folder / "all-minilm-l6-v2")
    vectors = sentence_vectors(
        run_task.start(TASK, model, demo_recording)[0],
        ["The film was great.", "I loved that movie.", "Turn the heating down."],
    )
    assert vectors[0] @ vectors[1] > 0.5 > 0.3 > vectors[0] @ vectors[2]


@pytest.mark.weights
def test_a_spoken_wish_is_understood(run_task: Runners, models_folder: Path) -> None:
    voice = ModelRef("hibari", "hibari", None)
    said = "Could you please get me a seat on the plane to Rome?"
    spoken = run_task("text-to-speech", voice, text=said, seed=1)
    minilm = ModelRef("minilm", "transformers", models_folder / "all-minilm-l6-v2")
    hears = ModelRef("tiny", "ctranslate2", models_folder / "whisper-tiny.en")
    intents = (
        "book flight: reserve a flight to a city\n"
        "weather: ask what the weather is like\n"
        "lights: switch the lights on or off"
    )
    options = {"companions": hearing(hears), "intents": intents}
    found = run_task(TASK, minilm, spoken.audio.path, **options)
    assert [each.text for each in found.tier("intent")] == ["book flight"]
