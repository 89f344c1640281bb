"""The starter weights on real recordings: how much is heard right.

The bounds are what was measured for each, with a margin of a few words.
"""

from __future__ import annotations

from pathlib import Path

import jiwer
import numpy as np
import pytest
import recordings
import soundfile
from plugins.runners import Engine, Run, Runners
from whisper_weights import converted

from earmark.api import EarmarkError, ModelRef
from earmark.core.tasks import AudioFile, Text
from earmark.engine import protocol
from earmark_plugins.speech_recognition.check import normalise
from earmark_plugins.speech_recognition.runner import run_many

pytestmark = pytest.mark.weights

HIBARI = ModelRef("hibari", "hibari", None, title="Hibari")
PROMPTS = 20


@pytest.fixture(scope="session")
def prompts() -> list[recordings.Prompt]:
    """Twenty studio prompts of six words and more."""
    found = recordings.prompts("en", shortest_words=6)
    return found[:: len(found) // PROMPTS][:PROMPTS]


def transcribed(run_task: Runners, model: ModelRef, path: Path) -> str:
    """What is heard in a file, normalised."""
    run = run_task("speech-recognition", model, path, language="en", words=False)
    return normalise(run.text("transcript").text, "en")


@pytest.mark.parametrize(
    ("name", "bound"), [("whisper-tiny.en", 0.06), ("whisper-base", 0.05)]
)
def test_prompts_are_heard_right(
    run_task: Runners,
    models_folder: Path,
    prompts: list[recordings.Prompt],
    name: str,
    bound: float,
) -> None:
    model = ModelRef(name, "ctranslate2", models_folder / name, title=name)
    heard = [transcribed(run_task, model, prompt.path) for prompt in prompts]
    said = [normalise(prompt.text, "en") for prompt in prompts]
    assert len(said) == PROMPTS
    assert jiwer.wer(said, heard) <= bound


@pytest.mark.parametrize("name", ["whisper-tiny.en", "whisper-base"])
def test_prompts_are_heard_right_together(
    run_task: Runners,
    models_folder: Path,
    prompts: list[recordings.Prompt],
    name: str,
) -> None:
    model = ModelRef(name, "ctranslate2", models_folder / name, title=name)
    contexts = [
        run_task.start("speech-recognition", model, prompt.path)[0]
        for prompt in prompts
    ]
    together = dict(run_many(contexts))
    runs = []
    for context in contexts:
        found = together[context]
        assert not isinstance(found, EarmarkError)
        runs.append(Run(context, list(found)))
    heard = [normalise(run.text("transcript").text, "en") for run in runs]
    said = [normalise(prompt.text, "en") for prompt in prompts]
    assert jiwer.wer(said, heard) <= 0.06
    for run, prompt in zip(runs, prompts, strict=True):
        assert run.text("language").text == "en"
        words, segments = run.tier("words"), run.tier("segments")
        # The library parts "www.asterisk.org" into three words.
        spelled = ["".join(each.text for each in tier) for tier in (words, segments)]
        assert spelled[0] == spelled[1].replace(" ", "")
        for tier in (words, segments):
            assert [each.start for each in tier] == sorted(each.start for each in tier)
            assert all(each.start <= each.stop for each in tier)
            assert all(each.score and 0 < each.score <= 1 for each in tier)
        assert words[-1].stop <= soundfile.info(prompt.path).frames


def test_each_of_several_languages_is_heard_in_its_own(
    run_task: Runners, models_folder: Path
) -> None:
    model = ModelRef("base", "ctranslate2", models_folder / "whisper-base")
    spoken = {
        recordings.prompts(language, shortest_words=8)[0].path: language
        for language in ("en", "it", "en", "ru")
    }
    contexts = {
        run_task.start("speech-recognition", model, path)[0]: language
        for path, language in spoken.items()
    }
    for context, found in run_many(list(contexts)):
        assert not isinstance(found, EarmarkError)
        run = Run(context, list(found))
        language = run.text("language")
        assert language.text == contexts[context]
        assert language.data["probability"] > 0.5
        assert len(run.tier("words")) >= 6


def test_the_demo_is_transcribed_with_its_words_in_order(
    run_task: Runners, models_folder: Path, demo_recording: Path, demo_text: str
) -> None:
    folder = models_folder / "whisper-base"
    model = ModelRef("whisper-base", "ctranslate2", folder)
    run = run_task("speech-recognition", model, demo_recording)
    heard = normalise(run.text("transcript").text, "en")
    assert jiwer.wer(normalise(demo_text, "en"), heard) <= 0.03
    assert run.text("language").text == "en"
    assert run.text("language").data["probability"] > 0.9
    words, segments = run.tier("words"), run.tier("segments")
    assert " ".join(w.text for w in words) == " ".join(s.text for s in segments)
    for tier in (words, segments):
        assert [each.start for each in tier] == sorted(each.start for each in tier)
        assert all(each.score and 0 < each.score <= 1 for each in tier)
    assert run.context.usage(1.0).dtype == "int8_float32"


def test_whisper_through_transformers_hears_all_of_a_recording(
    run_task: Runners,
    models_folder: Path,
    demo_recording: Path,
    demo_text: str,
    tmp_path: Path,
) -> None:
    name = "whisper-tiny.en"
    folder = converted(models_folder / name, tmp_path / name)
    model = ModelRef("converted", "transformers", folder)
    samples, rate = soundfile.read(demo_recording, dtype="float32")
    twice = tmp_path / "twice.wav"
    soundfile.write(twice, np.tile(samples, 2), rate)
    # The first window ends within a sentence, behind which the model goes on.
    run = run_task("speech-recognition", model, twice)
    heard = normalise(run.text("transcript").text, "en")
    assert jiwer.wer(normalise(f"{demo_text} {demo_text}", "en"), heard) <= 0.06
    words, segments = run.tier("words"), run.tier("segments")
    assert " ".join(w.text for w in words) == " ".join(s.text for s in segments)
    for tier in (words, segments):
        assert [each.start for each in tier] == sorted(each.start for each in tier)
    assert segments[-1].stop > 2 * len(samples) - 3 * rate


def test_what_the_embedded_voice_says_is_heard(
    run_task: Runners, models_folder: Path
) -> None:
    text = (
        "On May 3, 2024, Dr. Smith paid $3.50 for 12 apples. "
        "The quick brown fox jumps over the lazy dog at 10:00."
    )
    spoken = run_task("text-to-speech", HIBARI, text=text, seed=1)
    model = ModelRef("base", "ctranslate2", models_folder / "whisper-base")
    checked = run_task("take-check", model, spoken.audio.path, text=text, language="en")
    check = checked.text("check")
    assert check.data["wer"] <= 0.1, check.text
    other = text.replace("lazy dog", "purple elephant")
    checked = run_task("take-check", model, spoken.audio.path, text=other)
    longest = checked.text("check").data["longest_divergent"]
    assert longest["expected"] == "purple elephant"
    (mark,) = checked.tier("check")
    sentences = spoken.text("spoken-text").data["sentences"]
    assert sentences[1]["start"] < mark.start < mark.stop < sentences[1]["stop"]


def test_the_engine_speaks_and_transcribes(
    run_task: Runners, tmp_path: Path, models_folder: Path
) -> None:
    tasks = run_task.plugins.tasks
    engine = Engine(tmp_path)
    try:
        said = "The quick brown fox jumps over the lazy dog."
        *found, end = engine.run(tasks["text-to-speech"], None, HIBARI, text=said)
        assert isinstance(end, protocol.Done)
        (take,) = (each for each in found if isinstance(each, AudioFile))
        name = "whisper-tiny.en"
        model = ModelRef(name, "ctranslate2", models_folder / name)
        *found, end = engine.run(tasks["speech-recognition"], take.path, model)
    finally:
        engine.client.close()
    assert isinstance(end, protocol.Done)
    assert (end.usage.device, end.usage.dtype) == ("cpu", "int8_float32")
    # CTranslate2 spares the engine torch and transformers, and their memory.
    assert end.usage.memory_mb < 450
    texts = {each.role: each.text for each in found if isinstance(each, Text)}
    assert normalise(texts["transcript"], "en") == normalise(said, "en")
