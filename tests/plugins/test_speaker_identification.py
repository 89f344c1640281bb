"""Who speaks: turns, voices that are known, and models that know speakers by name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import classifier_checkpoints
import conversations
import numpy as np
import pytest
import soundfile
from conversations import Spoken
from numpy.typing import NDArray
from plugins.runners import Engine, Run, Runners

from earmark.api import Context, EarmarkError, ModelRef, Window
from earmark.core.tasks import Prediction, Text
from earmark.engine import protocol
from earmark_plugins.speaker_identification.encoders import Encoder
from earmark_plugins.speaker_identification.runner import run_many
from earmark_plugins.speaker_identification.stretches import Place, windows_in
from earmark_plugins.speaker_identification.turns import (
    Turn,
    bridged,
    speakers,
    turns,
)
from earmark_plugins.speaker_identification.voices import telling_apart

TASK = "speaker-identification"
RATE = 16_000


@pytest.fixture(scope="session")
def x_vectors(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], ModelRef]:
    """Gives a tiny speaker-verification model of a family."""
    folder = tmp_path_factory.mktemp("x-vectors")

    def build(family: str) -> ModelRef:
        if not (folder / family).exists():
            classifier_checkpoints.x_vectors(folder / family, family)
        return ModelRef(family, "transformers", folder / family, title=family)

    return build


@pytest.fixture
def ge2e(models_folder: Path) -> ModelRef:
    """The embedded encoder."""
    name = "ge2e-speaker-encoder"
    return ModelRef(name, "ge2e", models_folder / name, title=name)


@pytest.fixture
def part(tmp_path: Path, demo_recording: Path) -> Callable[[float, float], Path]:
    """Cuts some seconds of the demo recording out into a file."""

    def cut(start_s: float, stop_s: float) -> Path:
        samples, rate = soundfile.read(demo_recording, dtype="float32")
        path = tmp_path / f"{start_s}-{stop_s}.wav"
        soundfile.write(path, samples[int(start_s * rate) : int(stop_s * rate)], rate)
        return path

    return cut


def spoken(run: Run) -> list[Spoken]:
    """Who was found to speak when."""
    return [
        Spoken(each.start / RATE, each.stop / RATE, each.text)
        for each in run.tier("speakers")
    ]


@pytest.mark.parametrize("family", ["wavlm", "wav2vec2"])
def test_x_vectors_give_turns(
    run_task: Runners,
    x_vectors: Callable[[str], ModelRef],
    demo_recording: Path,
    tmp_path: Path,
    family: str,
) -> None:
    voice, rate = soundfile.read(demo_recording, frames=6 * 8000)
    path = tmp_path / "two.wav"
    # Twice as fast it is another voice.
    soundfile.write(path, np.concatenate([voice, np.zeros(8000), voice[::2]]), rate)
    run = run_task(TASK, x_vectors(family), path, speakers=2)
    found = run.tier("speakers")
    assert {turn.text for turn in found} == {"Speaker 1", "Speaker 2"}
    assert found[0].text == "Speaker 1"
    for turn in found:
        assert (turn.kind, turn.speaker) == ("speakers", turn.text)
        assert turn.start < turn.stop
        assert turn.score is not None
        assert -1 <= turn.score <= 1
    assert all(before.stop <= after.start for before, after in pairwise(found))
    told = run.text("speakers")
    assert told.data["score_kind"] == "cosine"
    total_s = sum(turn.stop - turn.start for turn in found) / 8000
    assert sum(told.data["speakers"].values()) == pytest.approx(total_s, abs=0.01)
    assert (run.progress[-1], run.context.usage(1.0).dtype) == (1.0, "float32")


@pytest.mark.parametrize("family", ["wavlm", "wav2vec2"])
def test_a_voice_is_found_in_what_it_was_kept_from(
    run_task: Runners,
    x_vectors: Callable[[str], ModelRef],
    part: Callable[[float, float], Path],
    family: str,
) -> None:
    sound = part(0.0, 3.0)
    examples = [("Ann", sound), ("Ann", sound)]
    run = run_task(TASK, x_vectors(family), sound, examples=examples, along="clip")
    (label,) = run.tier("speakers")
    assert (label.text, label.speaker, label.kind) == ("Ann", "Ann", "speakers")
    assert (label.start, label.stop) == (0, 3 * 8000)
    assert label.score == pytest.approx(1.0, abs=0.05)
    told = run.text("speakers")
    assert (told.text, told.data["scores"]) == (
        "Ann",
        {"Ann": pytest.approx(1, abs=0.05)},
    )


def test_who_is_not_near_enough_is_unknown(
    run_task: Runners,
    x_vectors: Callable[[str], ModelRef],
    part: Callable[[float, float], Path],
) -> None:
    sound = part(0.0, 3.0)
    run = run_task(
        TASK, x_vectors("wavlm"), sound, examples=[("Ann", sound)], along="speech",
        shift=0.3,
    )  # fmt: skip
    found = run.tier("speakers")
    assert found
    assert {(each.text, each.speaker) for each in found} == {("unknown", "")}
    assert run.text("speakers").text == "unknown"


def test_known_voices_name_the_turns(
    run_task: Runners,
    x_vectors: Callable[[str], ModelRef],
    part: Callable[[float, float], Path],
) -> None:
    sound = part(0.0, 3.0)
    model = x_vectors("wavlm")
    named = run_task(TASK, model, sound, examples=[("Ann", sound)], shift=-0.3)
    assert {turn.text for turn in named.tier("speakers")} == {"Ann"}
    taken = [("Speaker 1", sound)]
    other = run_task(TASK, model, sound, examples=taken, shift=0.3)
    assert {turn.text for turn in other.tier("speakers")} == {"Speaker 2"}


@pytest.mark.parametrize("along", ["speech", "clip"])
def test_without_voices_only_turns_can_be_told(
    run_task: Runners,
    x_vectors: Callable[[str], ModelRef],
    demo_recording: Path,
    along: str,
) -> None:
    with pytest.raises(EarmarkError, match="No voices to compare with"):
        run_task(TASK, x_vectors("wavlm"), demo_recording, along=along)


@pytest.mark.parametrize(
    ("family", "cosine"), [("wavlm", "0.86"), ("wav2vec2", "0.70")]
)
def test_a_threshold_that_was_only_advised_is_said_with_where_it_is_from(
    run_task: Runners,
    x_vectors: Callable[[str], ModelRef],
    part: Callable[[float, float], Path],
    family: str,
    cosine: str,
) -> None:
    sound = part(0.0, 3.0)
    turns = run_task(TASK, x_vectors(family), sound)
    assert f"voices count as one from a cosine of {cosine} on" in turns.context.notes
    assert "it was not measured" in turns.context.notes
    examples = [("Ann", sound)]
    known = run_task(TASK, x_vectors(family), sound, examples=examples, along="clip")
    assert f"known from a cosine of {cosine} on, as the model's" in known.context.notes


def test_with_enough_samples_of_enough_voices_the_threshold_is_measured(
    run_task: Runners,
    x_vectors: Callable[[str], ModelRef],
    part: Callable[[float, float], Path],
    tmp_path: Path,
) -> None:
    own, other = part(0.0, 3.0), tmp_path / "other.wav"
    samples, rate = soundfile.read(own)
    # Twice as fast it is another voice.
    soundfile.write(other, samples, 2 * rate)
    examples = [("Ann", own), ("Bea", other)] * 2
    run = run_task(TASK, x_vectors("wavlm"), own, examples=examples, along="clip")
    assert "by which the samples of the voices are told apart best" in run.context.notes
    assert "documentation suggests" not in run.context.notes
    assert "0.86" not in run.context.notes


def test_a_sample_that_holds_no_sound_is_left_out_and_named(
    run_task: Runners,
    x_vectors: Callable[[str], ModelRef],
    part: Callable[[float, float], Path],
    tmp_path: Path,
) -> None:
    sound, silence = part(0.0, 3.0), tmp_path / "silence.wav"
    soundfile.write(silence, np.zeros(8000), 8000)
    examples = [("Ben", silence), ("Ann", sound)]
    run = run_task(TASK, x_vectors("wavlm"), sound, examples=examples, along="clip")
    assert run.text("speakers").data["scores"].keys() == {"Ann"}
    assert "a sample of Ben holds no sound" in run.context.notes


@pytest.mark.parametrize("along", ["turns", "clip"])
def test_where_nobody_speaks_nothing_is_labelled(
    run_task: Runners,
    x_vectors: Callable[[str], ModelRef],
    part: Callable[[float, float], Path],
    tmp_path: Path,
    along: str,
) -> None:
    path = tmp_path / "tone.wav"
    times = np.arange(5 * RATE) / RATE
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 440 * times), RATE)
    examples = [("Ann", part(0.0, 3.0))]
    run = run_task(TASK, x_vectors("wavlm"), path, examples=examples, along=along)
    assert run.tier("speakers") == []
    assert run.text("speakers").text == ""
    assert "no speech was found" in run.context.notes


def test_speech_that_is_cut_off_at_full_scale_is_not_compared(
    run_task: Runners,
    x_vectors: Callable[[str], ModelRef],
    demo_recording: Path,
    tmp_path: Path,
) -> None:
    samples, rate = soundfile.read(demo_recording, dtype="float32", frames=24_000)
    samples = np.clip(samples * 20, -1, 1)
    path = tmp_path / "loud.wav"
    soundfile.write(path, samples, rate)
    run = run_task(TASK, x_vectors("wavlm"), path)
    assert "clipped, not scored: " in run.context.notes
    assert run.text("speakers").data["clipped_s"] > 1
    assert run.tier("speakers") == []


def test_a_model_that_knows_speakers_by_name_labels_them(
    run_task: Runners, demo_recording: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "hubert"
    classifier_checkpoints.classifier(folder, "hubert", ["id1", "id2", "id3"])
    classifier_checkpoints.decide(folder, 1)
    model = ModelRef("hubert", "transformers", folder, title="hubert")
    examples = [("Ann", demo_recording)]
    run = run_task(TASK, model, demo_recording, seconds=(0, 6), examples=examples)
    (label,) = run.tier("speakers")
    assert (label.text, label.speaker, label.kind) == ("id2", "id2", "speakers")
    assert run.text("speakers").data["score_kind"] == "softmax"
    assert "knows its own 3 speakers only" in run.context.notes
    whole = run_task(TASK, model, demo_recording, along="clip")
    (label,) = whole.tier("speakers")
    assert label.stop == soundfile.info(demo_recording).frames
    unsure = run_task(TASK, model, demo_recording, along="clip", shift=0.3)
    assert [each.text for each in unsure.tier("speakers")] == ["id2"]


@pytest.mark.parametrize("along", ["turns", "speech", "clip"])
def test_many_clips_have_the_results_of_each_alone(
    run_task: Runners,
    x_vectors: Callable[[str], ModelRef],
    part: Callable[[float, float], Path],
    tmp_path: Path,
    along: str,
) -> None:
    model, examples = x_vectors("wavlm"), [("Ann", part(1.0, 3.0))]
    silence, gone = tmp_path / "silence.wav", tmp_path / "gone.wav"
    soundfile.write(silence, np.zeros(8000), 8000)
    soundfile.write(gone, np.zeros(7000), 8000)
    sounds = [part(0.0, 3.0), silence, part(0.0, 6.0), gone, part(4.0, 5.0)]
    contexts: list[Context] = []
    for sound in sounds:
        context, _ = run_task.start(TASK, model, sound, examples=examples, along=along)
        contexts.append(context)
    gone.unlink()
    outcomes = dict(run_many(contexts))
    assert isinstance(outcomes.pop(contexts.pop(3)), EarmarkError)
    del sounds[3]
    for context, sound in zip(contexts, sounds, strict=True):
        alone = run_task(TASK, model, sound, examples=examples, along=along)
        outcome = outcomes[context]
        assert not isinstance(outcome, EarmarkError)
        together = [each for each in outcome if isinstance(each, Prediction | Text)]
        wanted = [e for e in alone.results if isinstance(e, Prediction | Text)]
        assert _plain(together) == _plain(wanted)
        assert context.notes == alone.context.notes
        assert context.used == ("cpu", "float32")


def _plain(results: list[Prediction | Text]) -> list[object]:
    return [
        (each.start, each.stop, each.text, round(each.score or 0, 4))
        if isinstance(each, Prediction)
        else (each.text, each.data["speakers"])
        for each in results
    ]


def test_it_runs_in_the_engine(
    run_task: Runners,
    x_vectors: Callable[[str], ModelRef],
    demo_recording: Path,
    tmp_path: Path,
) -> None:
    engine = Engine(tmp_path)
    try:
        task = run_task.plugins.tasks[TASK]
        *found, end = engine.run(task, demo_recording, x_vectors("wav2vec2"))
    finally:
        engine.client.close()
    assert isinstance(end, protocol.Done)
    assert any(isinstance(each, Prediction) for each in found)


def test_a_folder_without_safetensors_is_refused(
    run_task: Runners,
    x_vectors: Callable[[str], ModelRef],
    demo_recording: Path,
    tmp_path: Path,
) -> None:
    source = x_vectors("wavlm").path
    assert source is not None
    for name in ("config.json", "preprocessor_config.json"):
        shutil.copy(source / name, tmp_path / name)
    model = ModelRef("pickled", "transformers", tmp_path)
    with pytest.raises(EarmarkError, match="could not be opened"):
        run_task(TASK, model, demo_recording)
    (tmp_path / "config.json").write_text(json.dumps([]), encoding="utf-8")
    with pytest.raises(EarmarkError, match=r"config.json cannot be read"):
        run_task(TASK, model, demo_recording)


def test_a_model_of_another_rate_is_refused(
    run_task: Runners,
    x_vectors: Callable[[str], ModelRef],
    demo_recording: Path,
    tmp_path: Path,
) -> None:
    source = x_vectors("wavlm").path
    assert source is not None
    folder = shutil.copytree(source, tmp_path / "eight")
    settings = folder / "preprocessor_config.json"
    values = json.loads(settings.read_text(encoding="utf-8")) | {"sampling_rate": 8000}
    settings.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(EarmarkError, match="listens at 8000 Hz"):
        run_task(TASK, ModelRef("eight", "transformers", folder), demo_recording)


def test_windows_over_speech_end_with_it() -> None:
    speech = Window(10.0, 13.0, np.arange(3 * RATE, dtype=np.float32))
    found = windows_in(speech, 1.6, 0.8)
    assert [(each.start_s, each.stop_s) for each in found] == [
        (10.0, 11.6), (10.8, 12.4), (11.4, 13.0),
    ]  # fmt: skip
    assert found[2].samples[0] == 1.4 * RATE
    short = Window(2.0, 2.5, np.zeros(RATE // 2, np.float32))
    (only,) = windows_in(short, 1.6, 0.8)
    assert (only.start_s, only.stop_s, len(only.samples)) == (2.0, 2.5, RATE // 2)


ENCODER = Encoder(RATE, lambda _: np.zeros((0, 0), np.float32), ((0.0, 0.7),), 0.7, 0.9)


def talk(
    who: list[int], size: int = 16, noise: float = 0.1
) -> tuple[list[Place], NDArray[np.float32]]:
    """Windows of 1.6 s each 0.8 s, ten to a stretch, and vectors of who speaks."""
    chance = np.random.default_rng(1)
    voices = np.eye(size)[: max(who) + 1]
    vectors = voices[who] + noise * chance.standard_normal((len(who), size))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    places = [
        Place(at // 10, at * 0.8 + at // 10 * 3, at * 0.8 + at // 10 * 3 + 1.6)
        for at in range(len(who))
    ]
    return places, vectors.astype(np.float32)


@pytest.mark.parametrize("count", [None, 3])
def test_speakers_are_told_apart_in_the_order_in_which_they_speak(
    count: int | None,
) -> None:
    who = [2] * 10 + [0] * 20 + [1] * 10 + [2] * 10
    groups = speakers(*talk(who), ENCODER, count)
    assert [[who[at] for at in group] for group in groups] == [
        [2] * 20, [0] * 20, [1] * 10,
    ]  # fmt: skip


def test_a_fixed_number_of_speakers_is_found_where_they_are_alike() -> None:
    places, vectors = talk([0] * 20)
    groups = speakers(places, vectors, ENCODER, 2)
    assert len(groups) == 2
    assert sorted(np.concatenate(groups).tolist()) == list(range(20))
    assert len(speakers(places, vectors, ENCODER, 1)) == 1
    assert len(speakers(places[:1], vectors[:1], ENCODER, 4)) == 1
    same = np.tile(np.eye(1, vectors.shape[1], dtype=np.float32), (20, 1))
    assert len(speakers(places, same, ENCODER, 2)) == 1


@pytest.mark.parametrize(("windows", "found"), [(3, 2), (12, 3)])
def test_the_less_there_is_of_a_voice_the_more_unlike_it_has_to_be(
    windows: int, found: int
) -> None:
    who = [0] * 30 + [2] * 10 + [1] * windows
    places, vectors = talk(who, noise=0.0)
    vectors[40:] = 0.6 * vectors[0] + 0.8 * vectors[40:]
    groups = speakers(places, vectors, ENCODER, None)
    assert [group[0] for group in groups] == [0, 30, 40][:found]


def test_very_long_audio_is_grouped_in_blocks() -> None:
    who = ([0] * 50 + [1] * 50) * 55
    groups = speakers(*talk(who, size=4), ENCODER, None)
    assert [{who[at] for at in group} for group in groups] == [{0}, {1}]


def test_turns_change_where_the_voice_does() -> None:
    who = [0] * 10 + [1] * 10
    places, vectors = talk(who, noise=0.0)
    centres = np.eye(16, dtype=np.float32)[:2]
    first, second = turns(places, vectors, centres, 0.8)
    assert (first.speaker, second.speaker) == (0, 1)
    assert (first.start_s, second.stop_s) == (0.0, places[-1].stop_s)
    assert first.score == pytest.approx(1.0)


def test_a_single_odd_window_is_no_turn() -> None:
    who = [0] * 10
    places, vectors = talk(who, noise=0.0)
    vectors[5] = 0.72 * vectors[5] + 0.7 * np.eye(16, dtype=np.float32)[1]
    centres = np.eye(16, dtype=np.float32)[:2]
    assert [turn.speaker for turn in turns(places, vectors, centres, 0.8)] == [0]


def test_turns_of_one_speaker_are_put_together_over_short_pauses() -> None:
    found = bridged(
        [Turn(0, 1, 0, 0.8), Turn(1.5, 4.5, 0, 0.4), Turn(5.6, 6, 0, 0.5)], 1.0
    )
    first, second = found
    assert (first.start_s, first.stop_s) == (0, 4.5)
    assert first.score == pytest.approx(0.5)
    assert second == Turn(5.6, 6, 0, 0.5)
    assert list(bridged([], 1.0)) == []


def around(voice: int, *apart: float) -> NDArray[np.float32]:
    """Unit vectors so far from a voice's own direction, each to another side."""
    vectors = np.zeros((len(apart), 16), np.float32)
    vectors[:, voice] = 1.0
    vectors[np.arange(len(apart)), 8 + voice + np.arange(len(apart))] = apart
    given: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    return given


def test_samples_are_told_apart_by_the_middle_between_same_and_other() -> None:
    # Those of one voice have a cosine of 0.8, those of two have none in common.
    samples_of = [around(0, 0.5, 0.5), around(3, 0.5, 0.5)]
    assert telling_apart(samples_of) == pytest.approx(0.4, abs=0.001)


def test_samples_that_overlap_are_told_apart_with_the_fewest_errors() -> None:
    odd = np.concatenate([around(0, 0.2, 0.2, 0.2), around(1, 0.2)])
    level = telling_apart([odd, around(1, 0.3, 0.3, 0.3)])
    assert level is not None
    # The odd one is as near to the other voice as that voice is to itself.
    assert 0.3 < level < 0.7


def test_too_few_samples_tell_nothing_apart() -> None:
    assert telling_apart([]) is None
    assert telling_apart([around(0, 0.1, 0.1, 0.1)]) is None
    assert telling_apart([around(0, 0.1, 0.1), around(1, 0.1)]) is None
    one = around(0, 0.0)
    alike = np.concatenate([one, one])
    assert telling_apart([alike, alike]) is None


@pytest.mark.weights
def test_voices_of_a_conversation_are_told_apart(
    run_task: Runners, ge2e: ModelRef, tmp_path: Path
) -> None:
    path = tmp_path / "conversation.wav"
    voices = ("Allison", "June", "Carlo")
    truth = conversations.conversation(path, voices, 16, seed=0)
    run = run_task(TASK, ge2e, path)
    assert conversations.right_share(truth, spoken(run)) >= 0.9
    assert len(run.text("speakers").data["speakers"]) == 3


@pytest.mark.weights
def test_known_voices_are_named_and_others_numbered(
    run_task: Runners, ge2e: ModelRef, tmp_path: Path
) -> None:
    path = tmp_path / "conversation.wav"
    truth = conversations.conversation(path, ("June", "Carlo"), 10, seed=2)
    sample = conversations.prompts_of("Carlo", 4, 8)[3]
    run = run_task(TASK, ge2e, path, examples=[("Carlo", sample)])
    found = spoken(run)
    assert {each.name for each in found} == {"Speaker 1", "Carlo"}
    assert conversations.right_share(truth, found) >= 0.9


@pytest.mark.weights
def test_longer_speech_has_to_be_nearer(
    run_task: Runners, ge2e: ModelRef, tmp_path: Path
) -> None:
    from earmark_plugins.speaker_identification.encoders import load_encoder

    context, _ = run_task.start(TASK, ge2e)
    encoder = load_encoder(context)
    levels = [encoder.threshold(length_s) for length_s in (0.2, 1, 2, 4, 60)]
    assert levels == sorted(levels)
    assert (levels[0], levels[-1]) == (0.58, 0.77)
    (vector,) = encoder.embed([np.zeros(RATE, np.float32)])
    assert np.isfinite(vector).all()
