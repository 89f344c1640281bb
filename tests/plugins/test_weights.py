"""The starter weights on real recordings: how much is heard right.

The bounds are what was measured for each, with a margin of a few words.
"""

from __future__ import annotations

import gzip
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import jiwer
import pytest
from plugins.runners import Engine, Runners

from earmark.api import ModelRef
from earmark.core.tasks import AudioFile, Text
from earmark.engine import protocol
from earmark_plugins.speech_recognition.check import normalise

pytestmark = pytest.mark.weights

HIBARI = ModelRef("hibari", "hibari", None, title="Hibari")
SOUNDS = "asterisk-core-sounds-en"
PROMPTS = 20


@pytest.fixture(scope="session")
def prompts() -> Iterator[list[tuple[Path, str]]]:
    """Twenty studio prompts of Debian's Asterisk sounds with what is said in them."""
    default = Path.home() / ".cache" / "earmark-tests"
    cache = Path(os.environ.get("EARMARK_TEST_CACHE", default)) / SOUNDS
    if not (cache / "usr").is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        names = [SOUNDS, f"{SOUNDS}-wav"]
        subprocess.run(["apt-get", "download", *names], cwd=cache, check=True)
        for package in cache.glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, cache], check=True)
    script = cache / "usr" / "share" / "doc" / SOUNDS / "core-sounds-en.txt.gz"
    lines = gzip.decompress(script.read_bytes()).decode("utf-8", "replace")
    folder = next((cache / "usr" / "share" / "asterisk" / "sounds").glob("en*"))
    found = [
        (folder / f"{name}.wav", text)
        for name, text in re.findall(r"^([\w/-]+): ([^\[\n]+)$", lines, re.M)
        if len(text.split()) >= 6 and (folder / f"{name}.wav").is_file()
    ]
    found.sort()
    yield found[:: len(found) // PROMPTS][:PROMPTS]


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
    prompts: list[tuple[Path, str]],
    name: str,
    bound: float,
) -> None:
    model = ModelRef(name, "ctranslate2", models_folder / name, title=name)
    heard = [transcribed(run_task, model, path) for path, _ in prompts]
    said = [normalise(text, "en") for _, text in prompts]
    assert len(said) == PROMPTS
    assert jiwer.wer(said, heard) <= bound


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
