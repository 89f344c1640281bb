"""Speech recognition over tiny checkpoints that say what the test expects."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from plugins.runners import Runners

from earmark.api import (
    Cancelled,
    Context,
    EarmarkError,
    ModelRef,
    Prediction,
    Progress,
    Result,
    Text,
)
from earmark.engine.loaders import current_check
from earmark_plugins.speech_recognition.runner import run_many

Checkpoint = Callable[[str], ModelRef]
Input = tuple[Path, tuple[float, float] | None]
TASK = "speech-recognition"
FIRST = (0.0, 3.0)
"""Of the demo recording: a stretch with speech."""


def test_whisper_says_segments_words_language_and_text(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    run = run_task(TASK, checkpoint("whisper"), demo_recording, seconds=FIRST)
    (segment,) = run.tier("segments")
    assert (segment.text, segment.kind) == ("hello world", "segments")
    assert segment.stop - segment.start == 2 * 8000
    assert segment.score == pytest.approx(1.0, abs=1e-3)
    words = run.tier("words")
    assert [word.text for word in words] == ["hello", "world"]
    assert all(segment.start <= w.start <= w.stop <= segment.stop for w in words)
    assert run.text("transcript").text == "hello world"
    language = run.text("language")
    assert (language.text, language.data["name"]) == ("en", "English")
    assert language.data["probability"] == pytest.approx(1.0, abs=1e-3)
    assert run.progress[-1] == 1.0
    usage = run.context.usage(1.0)
    assert (usage.device, usage.dtype) == ("cpu", "float32")


def test_the_words_come_before_their_segment_behind_which_a_job_resumes(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    run = run_task(TASK, checkpoint("whisper"), demo_recording, seconds=FIRST)
    kinds = [getattr(result, "kind", "") for result in run.results]
    assert [kind for kind in kinds if kind] == ["words", "words", "segments"]


def test_words_can_be_left_out(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    model = checkpoint("whisper")
    run = run_task(TASK, model, demo_recording, seconds=FIRST, words=False)
    assert run.tier("words") == []
    assert len(run.tier("segments")) == 1


def test_a_chosen_language_is_not_detected(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    model = checkpoint("whisper")
    run = run_task(TASK, model, demo_recording, seconds=FIRST, language="de")
    assert run.text("language").text == "de"
    assert run.text("language").data["probability"] is None


def test_an_unknown_language_is_refused_by_name(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    with pytest.raises(EarmarkError, match="whisper does not know the language “xx”"):
        run_task(TASK, checkpoint("whisper"), demo_recording, language="xx")


def test_english_only_whisper_needs_no_language(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    model = checkpoint("whisper_english")
    run = run_task(TASK, model, demo_recording, seconds=FIRST)
    assert run.text("transcript").text == "hello world"
    assert run.text("language").text == "en"


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({"translate": True}, "knows English only and cannot translate"),
        ({"language": "de"}, "knows English only, not “de”"),
    ],
)
def test_english_only_whisper_refuses_other_languages(
    run_task: Runners,
    checkpoint: Checkpoint,
    demo_recording: Path,
    params: dict[str, object],
    complaint: str,
) -> None:
    with pytest.raises(EarmarkError, match=complaint):
        run_task(TASK, checkpoint("whisper_english"), demo_recording, **params)


def test_only_whisper_translates(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    with pytest.raises(EarmarkError, match="wav2vec2 cannot translate"):
        run_task(TASK, checkpoint("wav2vec2"), demo_recording, translate=True)


def test_a_decoding_loop_is_reduced_to_one_round(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    model = checkpoint("whisper_looping")
    run = run_task(TASK, model, demo_recording, seconds=FIRST)
    assert run.text("transcript").text == "no"


def test_a_ctc_model_gives_words_by_its_frames(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    run = run_task(TASK, checkpoint("wav2vec2"), demo_recording, seconds=FIRST)
    (segment,) = run.tier("segments")
    (word,) = run.tier("words")
    assert segment.text == word.text == "A"
    assert (segment.start, segment.stop) == (word.start, word.stop)
    assert word.stop - word.start > 2 * 8000
    assert word.score == pytest.approx(1.0, abs=1e-3)
    roles = {getattr(result, "role", "") for result in run.results}
    assert "language" not in roles


@pytest.mark.parametrize("family", ["hubert", "conformer"])
def test_other_ctc_models_run_alike(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path, family: str
) -> None:
    run = run_task(TASK, checkpoint(family), demo_recording, seconds=FIRST)
    words, segments = run.tier("words"), run.tier("segments")
    assert " ".join(word.text for word in words) == " ".join(s.text for s in segments)
    assert "<" not in run.text("transcript").text
    assert all(word.score and 0 < word.score < 1 for word in words)


@pytest.mark.parametrize(
    ("family", "said"), [("moonshine", "the quick"), ("parakeet_ctc", "a")]
)
def test_models_without_times_give_the_stretches_of_speech(
    run_task: Runners,
    checkpoint: Checkpoint,
    demo_recording: Path,
    family: str,
    said: str,
) -> None:
    run = run_task(TASK, checkpoint(family), demo_recording)
    segments = run.tier("segments")
    assert segments
    assert {segment.text for segment in segments} == {said}
    assert all(segment.score == pytest.approx(1.0, abs=1e-2) for segment in segments)
    assert run.tier("words") == []


def test_parakeet_tdt_gives_words_by_its_durations(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    run = run_task(TASK, checkpoint("parakeet_tdt"), demo_recording, seconds=FIRST)
    (word,) = run.tier("words")
    assert set(word.text) == {"a"}
    # Each letter lasts four frames of 80 ms; the last may run out with the audio.
    heard_s = (word.stop - word.start) / 8000
    assert len(word.text) == pytest.approx(heard_s / 0.32, abs=1)


def test_silence_says_nothing_and_says_so(
    run_task: Runners, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(16000 * 3, np.float32), 16000)
    run = run_task(TASK, checkpoint("whisper"), path)
    assert run.tier("segments") == run.tier("words") == []
    assert run.text("transcript").text == ""
    assert run.text("transcript").data["note"] == "no speech was found"
    # Without the voice detector this model hears its two words in anything.
    heard = run_task(TASK, checkpoint("whisper"), path, vad=False)
    assert heard.text("transcript").text == "hello world"


def test_values_that_are_no_numbers_are_no_speech(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path, tmp_path: Path
) -> None:
    samples, rate = soundfile.read(demo_recording, dtype="float32")
    samples[3 * rate :] = np.nan
    path = tmp_path / "broken.wav"
    soundfile.write(path, samples, rate, subtype="FLOAT")
    run = run_task(TASK, checkpoint("whisper"), path)
    (segment,) = run.tier("segments")
    assert segment.text == "hello world"
    assert segment.stop <= 3 * rate


def test_a_job_resumes_where_it_was_told(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    model = checkpoint("moonshine")
    whole = run_task(TASK, model, demo_recording).tier("segments")
    rest = run_task(TASK, model, demo_recording, resume_s=8.0)
    assert rest.tier("segments")
    assert all(segment.start >= 8 * 8000 for segment in rest.tier("segments"))
    assert rest.tier("segments")[-1].stop == whole[-1].stop
    assert rest.text("transcript").data["resumed_at_s"] == 8.0


def test_the_language_is_told_before_what_a_job_resumes_behind(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    run = run_task(TASK, checkpoint("whisper"), demo_recording)
    roles = [each.role for each in run.results if isinstance(each, Text)]
    kinds = [type(each) for each in run.results if not isinstance(each, Progress)]
    assert roles == ["language", "transcript"]
    assert kinds[0] is Text
    assert Prediction in kinds


def test_a_resumed_job_keeps_the_language_that_was_detected(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    model = checkpoint("whisper")
    detected = {"probability": 0.75, "name": "German", "certain": False}
    told = [Text("language", "de", detected)]

    rest = run_task(TASK, model, demo_recording, resume_s=8.0, told=told)
    anew = run_task(TASK, model, demo_recording, told=told)

    assert rest.tier("segments")
    assert rest.text("language") == told[0]
    assert anew.text("language").text == "en"


def test_a_region_gives_frames_of_the_clip(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    model = checkpoint("whisper")
    run = run_task(TASK, model, demo_recording, seconds=(8.0, 11.0))
    assert all(
        8 * 8000 <= found.start <= found.stop <= 11 * 8000
        for found in [*run.tier("segments"), *run.tier("words")]
    )


@pytest.mark.parametrize("family", ["whisper", "wav2vec2", "moonshine", "parakeet_tdt"])
def test_cancelling_stops_within_a_forward_pass(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path, family: str
) -> None:
    context, results = run_task.start(TASK, checkpoint(family), demo_recording)
    token = current_check.set(context.check)
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 12

    # The model is there now; the next results come from its forward passes only.
    while not isinstance(next(results), Progress):
        pass
    run_task.cancelled = cancelled
    with pytest.raises(Cancelled):
        list(results)
    current_check.reset(token)
    assert asked == 13


def test_a_model_of_another_kind_is_refused(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    with pytest.raises(EarmarkError, match="is a Wav2Vec2ForSequenceClassification"):
        run_task(TASK, checkpoint("wav2vec2_classifier"), demo_recording)


def test_a_ctc_folder_without_a_vocabulary_says_so(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "hubert"
    shutil.copytree(checkpoint("hubert").path or "", folder)
    (folder / "vocab.json").unlink()
    with pytest.raises(EarmarkError, match=r"hubert has no vocabulary: vocab.json or"):
        run_task(TASK, ModelRef("bare", "transformers", folder), demo_recording)


def test_a_broken_ctranslate2_folder_is_named(
    run_task: Runners, tmp_path: Path, demo_recording: Path
) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    model = ModelRef("broken", "ctranslate2", folder)
    with pytest.raises(EarmarkError, match=r"broken holds no CTranslate2 model"):
        run_task(TASK, model, demo_recording)
    (folder / "model.bin").write_bytes(b"rubbish")
    with pytest.raises(EarmarkError, match=r"broken has no tokenizer\.json"):
        run_task(TASK, model, demo_recording)
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(EarmarkError, match=r"could not be opened as a Whisper model"):
        run_task(TASK, model, demo_recording)


def test_without_a_model_it_says_how_to_get_one(
    run_task: Runners, demo_recording: Path
) -> None:
    with pytest.raises(EarmarkError, match="fetch the starter models"):
        run_task(TASK, None, demo_recording)


def test_a_take_is_checked_against_its_text(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    model = checkpoint("whisper")
    run = run_task(
        "take-check", model, demo_recording, seconds=FIRST, text="Hello, word!"
    )
    check = run.text("check")
    assert check.data["wer"] == 0.5
    assert check.data["hypothesis"] == "hello world"
    assert check.data["longest_divergent"]["expected"] == "word"
    (mark,) = run.tier("check")
    assert mark.text == "“word” heard as “world”"
    same = run_task(
        "take-check", model, demo_recording, seconds=FIRST, text="Hello world."
    )
    assert same.tier("check") == []
    assert same.text("check").data["longest_divergent"] is None


Together = dict[Context, Sequence[Result] | EarmarkError]


def transcribed_together(
    run_task: Runners, model: ModelRef, inputs: Sequence[Input], **params: object
) -> tuple[list[Context], Together]:
    """The contexts of some recordings, and what came of each."""
    contexts = [
        run_task.start(TASK, model, path, seconds=seconds, **params)[0]
        for path, seconds in inputs
    ]
    return contexts, dict(run_many(contexts))


def kept(results: Sequence[Result]) -> list[Result]:
    """The results that a job keeps."""
    return [each for each in results if not isinstance(each, Progress)]


@pytest.mark.parametrize("family", ["whisper", "whisper_english", "wav2vec2"])
@pytest.mark.parametrize("words", [True, False])
def test_short_recordings_say_together_what_each_says_alone(
    run_task: Runners,
    checkpoint: Checkpoint,
    demo_recording: Path,
    tmp_path: Path,
    family: str,
    words: bool,
) -> None:
    silence = tmp_path / "silence.wav"
    soundfile.write(silence, np.zeros(16000, np.float32), 16000)
    inputs: list[Input] = [
        (demo_recording, (0.0, 9.0)),
        (silence, None),
        (demo_recording, FIRST),
    ]
    model = checkpoint(family)
    contexts, together = transcribed_together(run_task, model, inputs, words=words)
    assert len(together) == len(inputs)
    for context, (path, seconds) in zip(contexts, inputs, strict=True):
        alone = run_task(TASK, model, path, seconds=seconds, words=words)
        found = together[context]
        assert not isinstance(found, EarmarkError)
        for ours, theirs in zip(kept(found), kept(alone.results), strict=True):
            assert type(ours) is type(theirs)
            if isinstance(ours, Text) and isinstance(theirs, Text):
                assert (ours.role, ours.text) == (theirs.role, theirs.text)
            elif isinstance(ours, Prediction) and isinstance(theirs, Prediction):
                # A batch is as long as its longest recording, which moves scores a bit
                # and, with attention at random, the words within their segment.
                assert ours.score == pytest.approx(theirs.score, abs=1e-3)
                assert (ours.tier, ours.text) == (theirs.tier, theirs.text)
                if ours.kind == "segments" or family == "wav2vec2":
                    assert (ours.start, ours.stop) == (theirs.start, theirs.stop)
        assert context.usage(1.0).dtype == "float32"


def test_what_is_longer_than_a_window_is_heard_among_short_ones(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path, tmp_path: Path
) -> None:
    samples, rate = soundfile.read(demo_recording, dtype="float32")
    long = tmp_path / "long.wav"
    soundfile.write(long, np.tile(samples, 2), rate)
    model = checkpoint("whisper")
    inputs: list[Input] = [(demo_recording, FIRST), (long, None)]
    contexts, together = transcribed_together(run_task, model, inputs)
    first, second = (together[context] for context in contexts)
    assert not isinstance(first, EarmarkError)
    assert not isinstance(second, EarmarkError)
    said = [len([e for e in r if getattr(e, "tier", "") == "segments"]) for r in
            (first, second)]  # fmt: skip
    assert said[0] == 1
    assert said[1] > 1


def test_a_recording_that_cannot_be_read_is_one_outcome_among_others(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path, tmp_path: Path
) -> None:
    gone = tmp_path / "gone.wav"
    soundfile.write(gone, np.zeros(16000, np.float32), 16000)
    model = checkpoint("whisper")
    there = run_task.start(TASK, model, demo_recording, seconds=FIRST)[0]
    missing = run_task.start(TASK, model, gone)[0]
    gone.unlink()
    together = dict(run_many([missing, there]))
    assert isinstance(together[missing], EarmarkError)
    assert "gone.wav" in str(together[missing])
    assert not isinstance(together[there], EarmarkError)


def test_a_loop_in_one_of_a_batch_leaves_the_others_alone(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    inputs: list[Input] = [(demo_recording, FIRST), (demo_recording, (8.0, 11.0))]
    model = checkpoint("whisper_looping")
    _, together = transcribed_together(run_task, model, inputs)
    texts = [
        each.text
        for found in together.values()
        if not isinstance(found, EarmarkError)
        for each in found
        if isinstance(each, Text) and each.role == "transcript"
    ]
    assert texts == ["no", "no"]


def test_whisper_is_left_as_it_was_loaded(
    run_task: Runners, checkpoint: Checkpoint, demo_recording: Path
) -> None:
    model = checkpoint("whisper")
    context, _ = run_task.start(TASK, model)
    pipeline = context.pipeline("automatic-speech-recognition")
    run_task(TASK, model, demo_recording, seconds=FIRST, words=True)
    assert pipeline.model.config.max_source_positions == 1500
    assert pipeline.model.model.encoder.embed_positions.num_embeddings == 1500
    # The times of words need the slow attention; what comes after does not.
    assert pipeline.model.config._attn_implementation == "sdpa"
