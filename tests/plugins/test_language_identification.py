"""Which language is spoken: by Whisper's token and by classifiers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import classifier_checkpoints
import numpy as np
import pytest
import recordings
import soundfile
from plugins.runners import Engine, Run, Runners

from earmark.api import Context, EarmarkError, ModelRef
from earmark.core.tasks import Prediction, Text
from earmark.engine import protocol
from earmark_plugins.language_identification.names import code_of, name_of
from earmark_plugins.language_identification.runner import run_many

Checkpoint = Callable[[str], ModelRef]
TASK = "language-identification"


@pytest.fixture
def heard_as(tmp_path: Path) -> Callable[..., ModelRef]:
    """Makes a classifier of a family that takes all for the last of its classes."""

    def build(family: str, names: Sequence[str]) -> ModelRef:
        folder = tmp_path / family
        classifier_checkpoints.classifier(folder, family, names)
        classifier_checkpoints.decide(folder, len(names) - 1)
        return ModelRef(family, "transformers", folder, title=family)

    return build


def spans(run: Run) -> list[tuple[str, float, float]]:
    """The labels with where they are, in tenths of seconds."""
    return [
        (each.text, round(each.start / 8000, 1), round(each.stop / 8000, 1))
        for each in run.tier("language")
    ]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Bengali", "bn"),
        ("Northern-Sotho", "nso"),
        ("Sorani_Kurdish", "ckb"),
        ("Cantonese Chinese", "yue"),
        ("cmn", "zh"),
        ("ben", "bn"),
        ("swh", "sw"),
        ("zlm", "ms"),
        ("tgl", "tl"),
        ("tl", "tl"),
        ("jw", "jv"),
        ("fil", "fil"),
        (" EN ", "en"),
    ],
)
def test_a_language_has_its_shortest_iso_639_code(name: str, code: str) -> None:
    assert code_of(name) == code


@pytest.mark.parametrize("name", ["", "xx", "12", "no language at all", "a-b"])
def test_what_is_no_language_is_refused_by_name(name: str) -> None:
    with pytest.raises(EarmarkError, match=f"no language “{name}”"):
        code_of(name)


def test_codes_have_english_names() -> None:
    assert [name_of(code) for code in ("cy", "nso", "qqq")] == [
        "Welsh",
        "Northern Sotho",
        "qqq",
    ]


def test_whispers_language_token_labels_speech_and_sums_up(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    run = run_task(TASK, checkpoint("whisper"), demo_recording)
    (label,) = run.tier("language")
    assert label.text == "en"
    assert label.score == pytest.approx(1.0, abs=1e-3)
    text = run.text("language")
    assert text.text == "en"
    assert text.data["name"] == "English"
    assert text.data["score_kind"] == "softmax"
    assert set(text.data["scores"]) == {"en", "de", "fr", "zh"}
    assert sum(text.data["scores"].values()) == pytest.approx(1.0, abs=1e-3)
    assert text.data["languages_s"] == {"en": text.data["speech_s"]}
    assert run.progress[-1] == 1.0


@pytest.mark.parametrize(
    ("family", "names", "code"),
    [
        ("whisper", ("English", "Bengali"), "bn"),
        ("xlsr", ("eng", "ben", "cmn"), "zh"),
        ("wav2vec2", ("eng", "ben", "cmn"), "zh"),
    ],
)
def test_classifiers_of_languages_label_codes(
    run_task: Runners,
    heard_as: Callable[..., ModelRef],
    demo_recording: Path,
    family: str,
    names: Sequence[str],
    code: str,
) -> None:
    run = run_task(TASK, heard_as(family, names), demo_recording)
    assert {label.text for label in run.tier("language")} == {code}
    assert run.text("language").text == code


def test_names_of_one_code_are_one_language(
    run_task: Runners, heard_as: Callable[..., ModelRef], demo_recording: Path
) -> None:
    model = heard_as("wav2vec2", ("eng", "cmn", "zho"))
    scores = run_task(TASK, model, demo_recording).text("language").data["scores"]
    assert set(scores) == {"en", "zh"}
    assert sum(scores.values()) == pytest.approx(1.0, abs=1e-4)


def test_a_guess_is_called_uncertain(
    run_task: Runners, heard_as: Callable[..., ModelRef], demo_recording: Path
) -> None:
    model = heard_as("wav2vec2", ("eng", "deu"))
    run = run_task(TASK, model, demo_recording, threshold=0.999, along="clip")
    (label,) = run.tier("language")
    assert (label.text, label.start) == ("uncertain", 0)
    assert 0.98 < label.score < 0.999
    text = run.text("language")
    assert (text.text, text.data["certain"]) == ("uncertain", False)
    assert text.data["name"] == "German"


def test_little_speech_is_uncertain(
    run_task: Runners, heard_as: Callable[..., ModelRef], demo_recording: Path
) -> None:
    model = heard_as("wav2vec2", ("eng", "deu"))
    assert run_task(TASK, model, demo_recording, seconds=(0, 1)).text(
        "language"
    ).text == ("uncertain")
    sure = run_task(TASK, model, demo_recording, seconds=(0, 1), shortest_s=0.5)
    assert sure.text("language").text == "de"


def test_only_some_languages_may_be_asked_for(
    run_task: Runners, heard_as: Callable[..., ModelRef], demo_recording: Path
) -> None:
    model = heard_as("wav2vec2", ("eng", "deu", "fra"))
    run = run_task(TASK, model, demo_recording, languages="German\nen")
    scores = run.text("language").data["scores"]
    assert scores == {"de": 0.5, "en": 0.5}
    with pytest.raises(EarmarkError, match="does not know Welsh"):
        run_task(TASK, model, demo_recording, languages="cy")


def test_neighbours_of_one_language_are_one_label(
    run_task: Runners, heard_as: Callable[..., ModelRef], demo_recording: Path
) -> None:
    model = heard_as("wav2vec2", ("eng", "deu"))
    speech, rate = soundfile.read(demo_recording, dtype="float32")
    (first,) = spans(run_task(TASK, model, demo_recording, seconds=(0, 3)))
    path = run_task.folder / "pause.wav"
    pause = np.zeros(4 * rate, np.float32)
    part = speech[: 3 * rate]
    soundfile.write(path, np.concatenate([part, pause, part]), rate)

    apart = spans(run_task(TASK, model, path))
    assert [label[0] for label in apart] == ["de", "de"]
    assert apart[0][1] == first[1]
    assert apart[1][1] == pytest.approx(7 + first[1], abs=0.3)
    (together,) = spans(run_task(TASK, model, path, bridge_s=5))
    assert (together[1], together[2]) == (apart[0][1], apart[1][2])


def test_silence_has_no_language_and_says_so(
    run_task: Runners, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(16000 * 3, np.float32), 16000)
    run = run_task(TASK, checkpoint("whisper"), path)
    assert run.tier("language") == []
    assert run.text("language").text == ""
    assert run.context.notes == "no speech was found"


def test_english_only_whisper_is_refused(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    with pytest.raises(EarmarkError, match="whisper_english knows English only"):
        run_task(TASK, checkpoint("whisper_english"), demo_recording)


def test_a_classifier_of_something_else_is_sent_to_its_task(
    run_task: Runners, heard_as: Callable[..., ModelRef], demo_recording: Path
) -> None:
    model = heard_as("wav2vec2", ("Speech", "Dog", "Music"))
    told = "classes of this model are no languages: Speech, Dog, Music.*Audio events"
    with pytest.raises(EarmarkError, match=told):
        run_task(TASK, model, demo_recording)


def test_many_clips_have_the_results_of_each_alone(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path, tmp_path: Path
) -> None:
    silence = tmp_path / "silence.wav"
    soundfile.write(silence, np.zeros(16000, np.float32), 16000)
    model = checkpoint("whisper")
    inputs = [(demo_recording, None), (silence, None), (demo_recording, (3, 9))]
    contexts: list[Context] = []
    alone = []
    for path, seconds in inputs:
        contexts.append(run_task.start(TASK, model, path, seconds=seconds)[0])
        alone.append(run_task(TASK, model, path, seconds=seconds))

    outcomes = dict(run_many(contexts))

    for context, run in zip(contexts, alone, strict=True):
        outcome = outcomes[context]
        assert not isinstance(outcome, EarmarkError)
        kinds = (Prediction, Text)
        assert [each for each in outcome if isinstance(each, kinds)] == [
            each for each in run.results if isinstance(each, kinds)
        ]


@pytest.mark.weights
def test_mixed_speech_is_labelled_where_the_language_changes(
    run_task: Runners, models_folder: Path, tmp_path: Path
) -> None:
    pause = np.zeros(8000, np.float32)
    parts: list[np.ndarray] = []
    languages = ("en", "it", "ru", "en")
    for language in languages:
        prompts = [
            prompt
            for prompt in recordings.prompts(language, shortest_words=6)
            if soundfile.info(prompt.path).duration > 4
        ]
        parts += [soundfile.read(prompts[0].path, dtype="float32")[0], pause]
    path = tmp_path / "mixed.wav"
    soundfile.write(path, np.concatenate(parts), 8000)
    model = ModelRef("base", "ctranslate2", models_folder / "whisper-base")

    found = spans(run_task(TASK, model, path))

    assert [label[0] for label in found] == list(languages)
    starts = np.cumsum([0, *(len(part) / 8000 for part in parts)])[:-1:2]
    for (_, start_s, _), expected_s in zip(found, starts, strict=True):
        assert start_s == pytest.approx(expected_s, abs=0.6)


@pytest.mark.weights
def test_the_engine_tells_the_language(
    run_task: Runners, tmp_path: Path, models_folder: Path, demo_recording: Path
) -> None:
    model = ModelRef("base", "ctranslate2", models_folder / "whisper-base")
    engine = Engine(tmp_path)
    try:
        task = run_task.plugins.tasks[TASK]
        *found, end = engine.run(task, demo_recording, model)
    finally:
        engine.client.close()
    assert isinstance(end, protocol.Done)
    # CTranslate2 spares the engine torch and transformers.
    assert end.usage.memory_mb < 600
    (text,) = (each for each in found if isinstance(each, Text))
    assert text.text == "en"
