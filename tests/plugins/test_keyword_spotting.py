"""Keywords by what is written down, and by classifiers that know some words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import classifier_checkpoints
import numpy as np
import pytest
import recordings
import soundfile
from plugins.runners import Engine, Runners

from earmark.api import EarmarkError, ModelRef
from earmark.core.tasks import Prediction, Text
from earmark.engine import protocol
from earmark_plugins.keyword_spotting.runner import run_many

Checkpoint = Callable[[str], ModelRef]
TASK = "keyword-spotting"
FIRST = (0.0, 3.0)
COMMANDS = ("yes", "no", "_silence_", "_unknown_")


@pytest.fixture
def always(tmp_path: Path) -> Callable[..., ModelRef]:
    """Makes a classifier of a family that hears one class in everything."""

    def build(family: str, heard: str, names: Sequence[str] = COMMANDS) -> ModelRef:
        folder = tmp_path / f"{family} {heard}"
        classifier_checkpoints.classifier(folder, family, names)
        classifier_checkpoints.decide(folder, names.index(heard))
        return ModelRef(family, "transformers", folder, title=family)

    return build


def test_keywords_are_found_in_what_is_said_with_their_times(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    model = checkpoint("whisper")
    words = run_task("speech-recognition", model, demo_recording, seconds=FIRST)
    run = run_task(
        TASK, model, demo_recording, seconds=FIRST, keywords="World\nhello world\nnot"
    )
    hello, world = words.tier("words")
    found = {each.text: each for each in run.tier("keywords")}
    assert set(found) == {"World", "hello world"}
    assert (found["World"].start, found["World"].stop) == (world.start, world.stop)
    assert found["World"].score == pytest.approx(world.score)
    assert (found["hello world"].start, found["hello world"].stop) == (
        hello.start,
        world.stop,
    )
    text = run.text("keywords")
    assert text.text == "hello world, World"
    assert text.data["counts"] == {"World": 1, "hello world": 1, "not": 0}
    assert text.data["score_kind"] == "probability"
    assert text.data["transcript"] == "hello world"
    assert run.progress[-1] == 1.0


def test_fuzzy_matches_are_scored_by_their_likeness(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    options = {"keywords": "wurld", "seconds": FIRST, "similarity": 0.75}
    model = checkpoint("whisper")
    assert run_task(TASK, model, demo_recording, **options).tier("keywords") == []
    run = run_task(TASK, model, demo_recording, match="fuzzy", **options)
    (label,) = run.tier("keywords")
    assert (label.text, label.score) == ("wurld", pytest.approx(0.8))
    text = run.text("keywords")
    assert text.data["score_kind"] == "ratio"
    assert text.data["heard"] == ["world"]


def test_without_word_times_a_keyword_is_labelled_where_its_sentence_is(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    model = checkpoint("moonshine")
    said = run_task("speech-recognition", model, demo_recording, seconds=FIRST)
    run = run_task(TASK, model, demo_recording, seconds=FIRST, keywords="quick")
    assert [(each.start, each.stop) for each in run.tier("keywords")] == [
        (each.start, each.stop) for each in said.tier("segments")
    ]


def test_without_keywords_there_is_nothing_to_look_for(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    with pytest.raises(EarmarkError, match="no keywords to look for"):
        run_task(TASK, checkpoint("whisper"), demo_recording, keywords=" \n")


def test_silence_holds_no_keywords_and_says_so(
    run_task: Runners, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(16000 * 2, np.float32), 16000)
    run = run_task(TASK, checkpoint("whisper"), path, keywords="hello")
    assert run.tier("keywords") == []
    assert run.text("keywords").text == ""
    assert run.context.notes == "no speech was found"


@pytest.mark.filterwarnings("ignore:At least one mel filter")
@pytest.mark.parametrize("family", ["ast", "wav2vec2"])
def test_a_classifier_labels_the_words_it_knows(
    run_task: Runners,
    always: Callable[..., ModelRef],
    demo_recording: Path,
    family: str,
) -> None:
    run = run_task(TASK, always(family, "no"), demo_recording, seconds=FIRST)
    (label,) = run.tier("keywords")
    assert label.text == "no"
    text = run.text("keywords")
    assert text.text == "no"
    assert text.data["counts"] == {"no": 1}
    assert text.data["score_kind"] == "softmax"


@pytest.mark.parametrize("heard", ["_unknown_", "_silence_"])
def test_what_is_no_word_is_not_labelled(
    run_task: Runners, always: Callable[..., ModelRef], demo_recording: Path, heard: str
) -> None:
    run = run_task(TASK, always("wav2vec2", heard), demo_recording, seconds=FIRST)
    assert run.tier("keywords") == []
    assert run.text("keywords").text == ""


def test_a_classifier_looks_for_the_keywords_alone(
    run_task: Runners, always: Callable[..., ModelRef], demo_recording: Path
) -> None:
    model = always("wav2vec2", "no")
    run = run_task(TASK, model, demo_recording, seconds=FIRST, keywords="Yes")
    assert run.tier("keywords") == []
    run = run_task(TASK, model, demo_recording, seconds=FIRST, keywords="Yes\nNO")
    assert {each.text for each in run.tier("keywords")} == {"no"}
    with pytest.raises(EarmarkError, match="does not know maybe") as caught:
        run_task(TASK, model, demo_recording, keywords="maybe")
    assert "It knows yes, no." in caught.value.remedy


def test_a_tiny_window_slides_along_long_audio(
    run_task: Runners, always: Callable[..., ModelRef], demo_recording: Path
) -> None:
    silence = np.zeros(2 * 8000, np.float32)
    speech, rate = soundfile.read(demo_recording, dtype="float32", frames=2 * 8000)
    path = run_task.folder / "apart.wav"
    soundfile.write(path, np.concatenate([speech, silence, speech]), rate)
    run = run_task(TASK, always("wav2vec2", "yes"), path, window_s=0.5, hop_s=0.5)
    first, *_, last = run.tier("keywords")
    assert first.start < 2 * rate
    assert last.stop > 4 * rate
    assert not any(
        each.start < 2.5 * rate and each.stop > 3.5 * rate
        for each in run.tier("keywords")
    )


@pytest.mark.parametrize("kind", ["whisper", "wav2vec2 classifier"])
def test_many_clips_have_the_results_of_each_alone(
    run_task: Runners,
    checkpoint: Checkpoint,
    always: Callable[..., ModelRef],
    demo_recording: Path,
    kind: str,
) -> None:
    model = checkpoint(kind) if kind == "whisper" else always("wav2vec2", "yes")
    keywords = "hello" if kind == "whisper" else ""
    clips = [(0.0, 3.0), (3.0, 5.0), (6.0, 9.0)]
    contexts, alone = [], []
    for seconds in clips:
        options = {"seconds": seconds, "keywords": keywords}
        contexts.append(run_task.start(TASK, model, demo_recording, **options)[0])
        alone.append(run_task(TASK, model, demo_recording, **options))

    outcomes = dict(run_many(contexts))

    kinds = (Prediction, Text)
    for context, run in zip(contexts, alone, strict=True):
        outcome = outcomes[context]
        assert not isinstance(outcome, EarmarkError)
        found = [each for each in outcome if isinstance(each, kinds)]
        expected = [each for each in run.results if isinstance(each, kinds)]
        assert [e.text for e in found] == [e.text for e in expected]
        assert found[-1].data["counts"] == expected[-1].data["counts"]


@pytest.mark.weights
def test_words_of_real_prompts_are_found(
    run_task: Runners, models_folder: Path, tmp_path: Path
) -> None:
    model = ModelRef("tiny", "ctranslate2", models_folder / "whisper-tiny.en")
    prompts = recordings.prompts("en", shortest_words=6)[:12]
    for prompt in prompts:
        for word in ("please", "press", "extension"):
            said = word in prompt.text.lower().split()
            if not said:
                continue
            run = run_task(TASK, model, prompt.path, keywords=word)
            assert [each.text for each in run.tier("keywords")], prompt.text
            break


@pytest.mark.weights
def test_the_engine_finds_keywords(
    run_task: Runners, tmp_path: Path, models_folder: Path, demo_recording: Path
) -> None:
    model = ModelRef("tiny", "ctranslate2", models_folder / "whisper-tiny.en")
    engine = Engine(tmp_path)
    try:
        task = run_task.plugins.tasks[TASK]
        *found, end = engine.run(task, demo_recording, model, keywords="recording")
    finally:
        engine.client.close()
    assert isinstance(end, protocol.Done)
    # CTranslate2 spares the engine torch and transformers.
    assert end.usage.memory_mb < 500
    assert any(isinstance(each, Text) and each.role == "keywords" for each in found)
