"""Text to speech over tiny checkpoints, and the embedded voice."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from plugins.runners import Runners
from transformers.utils import import_utils

from earmark.api import Cancelled, EarmarkError, ModelRef, Progress
from earmark_plugins.text_to_speech.voice import at_speed

Checkpoint = Callable[[str], ModelRef]
TASK = "text-to-speech"
HIBARI = ModelRef("hibari", "hibari", None, title="Hibari")


@pytest.fixture
def phonemes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package g2p-en, which knows the word "hello" only."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "g2p_en.py").write_text(
        "class G2p:\n"
        "    def __call__(self, text):\n"
        "        return ['HH', 'AH0', 'L', 'OW1'] * text.count('hello')\n"
    )
    monkeypatch.syspath_prepend(str(site))
    backends = import_utils.BACKENDS_MAPPING
    monkeypatch.setitem(backends, "g2p_en", (lambda: True, ""))
    yield
    sys.modules.pop("g2p_en", None)


@pytest.mark.parametrize(
    ("family", "text", "rate"),
    [
        ("vits", "Hello world. How are you?", 16_000),
        ("speecht5", "the fox. the dog.", 16_000),
        ("bark", "hello. you.", 24_000),
        ("fastspeech2", "hello. hello.", 22_050),
    ],
)
def test_each_family_speaks_each_sentence(
    run_task: Runners,
    checkpoint: Checkpoint,
    phonemes: None,
    family: str,
    text: str,
    rate: int,
) -> None:
    run = run_task(TASK, checkpoint(family), text=text, seed=1, pause_s=0.5)
    spoken = run.text("spoken-text")
    first, second = spoken.data["sentences"]
    assert spoken.text.lower() == text.lower()
    assert run.audio.rate == spoken.data["rate"] == rate
    assert first["start"] == 0
    assert 0 < first["stop"] == second["start"] - round(rate * 0.5)
    assert second["stop"] == run.audio.frames == len(run.samples)
    assert not run.samples[first["stop"] : second["start"]].any()
    assert run.audio.name == text.rstrip(".?")
    assert run.progress == [0, 0.5, 1]
    assert run.context.usage(1.0).dtype == "float32"


@pytest.mark.parametrize("family", ["vits", "speecht5", "bark"])
def test_a_seed_gives_the_same_take_again(
    run_task: Runners, checkpoint: Checkpoint, family: str
) -> None:
    def take(seed: int) -> bytes:
        run = run_task(TASK, checkpoint(family), text="the fox", seed=seed)
        return run.samples.tobytes()

    assert take(1) == take(1)
    if family == "vits":  # the others' random weights leave nothing to chance
        assert take(1) != take(2)


def test_without_a_seed_the_take_says_which_it_took(
    run_task: Runners, checkpoint: Checkpoint
) -> None:
    model = checkpoint("vits")
    first = run_task(TASK, model, text="hello")
    seed = first.text("spoken-text").data["seed"]
    again = run_task(TASK, model, text="hello", seed=seed)
    assert (first.samples == again.samples).all()


def test_a_sentence_sounds_the_same_alone_and_after_another(
    run_task: Runners, checkpoint: Checkpoint
) -> None:
    model = checkpoint("vits")
    both = run_task(TASK, model, text="hello there. and you.", seed=5)
    alone = run_task(TASK, model, text="and you.", seed=6)
    second = both.text("spoken-text").data["sentences"][1]
    assert (both.samples[second["start"] : second["stop"]] == alone.samples).all()


@pytest.mark.parametrize("family", ["vits", "fastspeech2", "speecht5", "bark"])
def test_a_higher_speed_is_a_shorter_take(
    run_task: Runners, checkpoint: Checkpoint, phonemes: None, family: str
) -> None:
    text = "hello hello hello hello"
    frames = [
        run_task(TASK, checkpoint(family), text=text, seed=1, speed=speed).audio.frames
        for speed in (0.5, 1.0, 2.0)
    ]
    assert frames[0] > frames[1] > frames[2]


def test_a_voice_is_chosen_by_name(run_task: Runners, checkpoint: Checkpoint) -> None:
    model = checkpoint("vits_speakers")
    runs = [
        run_task(TASK, model, text="hello", seed=1, voice=voice) for voice in ("", "2")
    ]
    assert [run.text("spoken-text").data["voice"] for run in runs] == ["0", "2"]
    assert (
        len(runs[0].samples) != len(runs[1].samples)
        or (runs[0].samples != runs[1].samples).any()
    )


@pytest.mark.parametrize(
    ("family", "voices"),
    [
        ("vits_speakers", "0, 1, 2"),
        ("speecht5", "clb, slt"),
        ("bark", "v2/en_speaker_6"),
    ],
)
def test_an_unknown_voice_is_answered_with_those_there_are(
    run_task: Runners, checkpoint: Checkpoint, family: str, voices: str
) -> None:
    with pytest.raises(EarmarkError, match=f"no voice “zoe”. It has: {voices}"):
        run_task(TASK, checkpoint(family), text="hello", voice="zoe")


def test_a_language_in_other_letters_is_romanized(
    run_task: Runners, checkpoint: Checkpoint
) -> None:
    run = run_task(TASK, checkpoint("vits_uroman"), text="안녕하세요", seed=1)
    assert run.audio.frames > 0
    assert run.text("spoken-text").data["language"] == "ko"


def test_numbers_are_spoken_in_the_models_language(
    run_task: Runners, checkpoint: Checkpoint
) -> None:
    model = checkpoint("vits")
    run = run_task(TASK, model, text="21 dogs", seed=1)
    assert run.text("spoken-text").text == "twenty-one dogs"
    run = run_task(TASK, model, text="21 dogs", seed=1, language="de")
    assert run.text("spoken-text").text == "einundzwanzig dogs"


@pytest.mark.parametrize("text", ["", "  \n", "?!… —"])
def test_an_empty_text_is_refused(
    run_task: Runners, checkpoint: Checkpoint, text: str
) -> None:
    with pytest.raises(EarmarkError, match="nothing to speak"):
        run_task(TASK, checkpoint("vits"), text=text)


@pytest.mark.parametrize("family", ["vits", "speecht5", "bark"])
def test_a_text_in_letters_it_does_not_know_is_refused(
    run_task: Runners, checkpoint: Checkpoint, family: str
) -> None:
    with pytest.raises(EarmarkError, match="cannot speak “Привет”"):
        run_task(TASK, checkpoint(family), text="Привет")


def test_a_sentence_it_cannot_speak_is_skipped_and_told(
    run_task: Runners, checkpoint: Checkpoint
) -> None:
    run = run_task(TASK, checkpoint("vits"), text="Hello there.\nПривет.", seed=1)
    assert run.text("spoken-text").text == "Hello there."
    assert run.text("spoken-text").data["skipped"] == ["Привет."]
    last = [each for each in run.results if isinstance(each, Progress)][-1]
    assert last.message == "not spoken: Привет."


@pytest.mark.parametrize("family", ["vits", "speecht5", "bark"])
def test_cancelling_stops_within_a_sentence(
    run_task: Runners, checkpoint: Checkpoint, family: str
) -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 20

    run_task(TASK, checkpoint(family), text="hello", seed=1)  # loads it
    _, results = run_task.start(TASK, checkpoint(family), text="hello you", seed=1)
    next(results)
    run_task.cancelled = cancelled
    with pytest.raises(Cancelled):
        list(results)
    assert asked == 21
    run_task.cancelled = lambda: False
    again = run_task(TASK, checkpoint(family), text="hello", seed=1)
    assert again.audio.frames > 0


def test_a_speecht5_folder_says_what_it_lacks(
    run_task: Runners, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    folder = tmp_path / "models" / "speecht5"
    shutil.copytree(checkpoint("speecht5").path or "", folder)
    model = ModelRef("bare", "transformers", folder)
    shutil.rmtree(folder / "speakers")
    with pytest.raises(EarmarkError, match=r"no speaker, .* Put a vector of 8 numbers"):
        run_task(TASK, model, text="the fox")
    (folder / "speakers").mkdir()
    np.save(folder / "speakers" / "short.npy", np.zeros(3, np.float32))
    with pytest.raises(EarmarkError, match=r"short.npy is no speaker vector"):
        run_task(TASK, model, text="the fox")
    beside = folder.parent / "hifigan"
    (folder / "vocoder").rename(beside)
    np.save(folder / "speakers" / "long.npy", np.ones(8, np.float32))
    run = run_task(TASK, model, text="the fox", voice="long", seed=1)
    assert run.audio.frames > 0
    shutil.rmtree(beside)
    with pytest.raises(EarmarkError, match=r"has no vocoder.*/speecht5_hifigan"):
        run_task(TASK, model, text="the fox")


def test_speecht5_as_it_is_published_says_all_that_it_lacks(
    run_task: Runners, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    folder = tmp_path / "models" / "speecht5"
    shutil.copytree(checkpoint("speecht5").path or "", folder)
    for part in ("speakers", "vocoder"):
        shutil.rmtree(folder / part)
    (folder / "spm_char.model").unlink()
    model = ModelRef("bare", "transformers", folder)
    with pytest.raises(EarmarkError) as refused:
        run_task(TASK, model, text="the fox")
    assert "no tokenizer and no vocoder and no speaker" in refused.value.message
    assert "Copy spm_char.model" in refused.value.remedy
    assert f"into {folder / 'vocoder'}" in refused.value.remedy
    assert f"into {folder / 'speakers'} as NAME.npy" in refused.value.remedy


def test_fastspeech2_says_which_package_it_needs(
    run_task: Runners, checkpoint: Checkpoint
) -> None:
    with pytest.raises(EarmarkError, match="needs the package g2p-en"):
        run_task(TASK, checkpoint("fastspeech2"), text="hello")


def test_a_recognizer_is_no_voice(run_task: Runners, checkpoint: Checkpoint) -> None:
    with pytest.raises(EarmarkError, match="Wav2Vec2ForCTC, not a voice"):
        run_task(TASK, checkpoint("wav2vec2"), text="hello")


def test_pickled_weights_are_refused(
    run_task: Runners, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    folder = tmp_path / "pickled"
    shutil.copytree(checkpoint("vits").path or "", folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(EarmarkError, match="weights must be safetensors"):
        run_task(TASK, ModelRef("pickled", "transformers", folder), text="hello")


def test_the_embedded_voice_speaks_without_a_download(run_task: Runners) -> None:
    run = run_task(TASK, HIBARI, text="Dr. Smith has 2 dogs.", seed=1)
    assert run.text("spoken-text").text == "Doctor Smith has two dogs."
    assert run.text("spoken-text").data["voice"] == "heart"
    assert 1.0 < run.audio.frames / run.audio.rate < 5.0
    assert np.abs(run.samples).max() > 0.1
    again = run_task(TASK, HIBARI, text="Dr. Smith has 2 dogs.", seed=1)
    assert (run.samples == again.samples).all()


def test_voices_that_are_not_on_disk_are_not_offered(run_task: Runners) -> None:
    with pytest.raises(
        EarmarkError, match=r"hibari has no voice “emma”. It has: heart"
    ):
        run_task(TASK, HIBARI, text="Hello.", voice="emma")


def test_a_long_text_names_its_clip_by_the_first_words(
    run_task: Runners, checkpoint: Checkpoint
) -> None:
    text = "This is a text that goes on, and on,\nand on; nobody knows how long."
    run = run_task(TASK, checkpoint("vits"), text=text, seed=1)
    assert run.audio.name == "This is a text that goes on, and on, and"


@pytest.mark.parametrize("speed", [0.5, 0.8, 1.5, 2.0])
@pytest.mark.parametrize("frames", [100, 16_000])
def test_stretching_keeps_the_pitch(speed: float, frames: int) -> None:
    tone = np.sin(2 * np.pi * 400 * np.arange(frames) / 16_000).astype(np.float32)
    stretched = at_speed(tone, 16_000, speed)
    assert len(stretched) == round(frames / speed)
    if frames == 16_000:
        spectrum = np.abs(np.fft.rfft(stretched))
        peak_hz = np.argmax(spectrum) * 16_000 / len(stretched)
        assert peak_hz == pytest.approx(400, abs=10)


def test_stretching_nothing_or_by_nothing_changes_nothing() -> None:
    tone = np.ones(10, np.float32)
    assert at_speed(tone, 16_000, 1.0) is tone
    assert len(at_speed(tone[:0], 16_000, 2.0)) == 0
