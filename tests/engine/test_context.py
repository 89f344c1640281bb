"""What a runner is handed, without an engine around it."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.audio.flaws import Flaws
from earmark.core.errors import Cancelled, EarmarkError
from earmark.core.tasks import AudioInput, Job, ModelRef, Progress
from earmark.engine import loaders
from earmark.engine.context import (
    Context,
    Samples,
    Surroundings,
    outcomes,
    overlapped,
)

RATE = 1000
"""Of the clip: frames are milliseconds."""


def ramp(given: AudioInput, rate: int, flaws: Flaws) -> Iterator[Samples]:
    """The frame numbers of the clip, in blocks of 700, at the clip's rate."""
    assert rate == given.rate
    for at in range(given.start, given.stop, 700):
        yield np.arange(at, min(at + 700, given.stop), dtype=np.float32)


def context(
    start: int = 2000,
    stop: int = 5000,
    *,
    resume: int | None = None,
    cancelled: bool = False,
    output: Path = Path(),
) -> Context:
    audio = AudioInput(1, "clip", RATE, 1, (), (), start, stop, channel=0)
    job = Job(3, "a-task", {}, None, audio, resume_frame=resume)
    return Context(
        job,
        Surroundings(
            read=ramp,
            output=output,
            cache=Path(),
            models=loaders.ModelCache(),
            memory_budget_mb=100.0,
            cancelled=lambda: cancelled,
        ),
    )


def test_seconds_count_from_the_start_of_the_region() -> None:
    label = context().label(0.5, 1.25, "bird", tier="calls", score=0.9)
    assert (label.start, label.stop) == (2500, 3250)
    assert (label.text, label.tier, label.score) == ("bird", "calls", 0.9)
    assert label.channel == 0


def test_seconds_become_frames_of_the_clip_within_the_region() -> None:
    assert context().frames(0.5, 1.25) == (2500, 3250)
    assert context().frames(-1.0, 99.0) == (2000, 5000)
    assert context().frames(1.0, 0.5) == (3000, 3000)
    assert context(resume=4000).frames(0.25, 0.5) == (4250, 4500)


def test_in_a_resumed_job_they_count_from_the_resume_point() -> None:
    resumed = context(resume=4000)
    assert resumed.offset_s == 2.0
    assert resumed.duration_s == 1.0
    assert resumed.audio(RATE)[0] == 4000
    assert resumed.label(0.25, 0.5, "bird").start == 4250


@pytest.mark.parametrize(
    ("start_s", "stop_s", "frames"),
    [
        (None, None, (2000, 5000)),
        (1.0, None, (3000, 5000)),
        (-1.0, 99.0, (2000, 5000)),
        (math.inf, math.inf, (5000, 5000)),
        (2.0, 1.0, (4000, 4000)),  # Whisper's words do that
    ],
)
def test_open_and_impossible_ends_are_closed(
    start_s: float | None, stop_s: float | None, frames: tuple[int, int]
) -> None:
    label = context().label(start_s, stop_s, "x")
    assert (label.start, label.stop) == frames


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("start_s", math.nan),
        ("stop_s", np.float32("nan")),
        ("score", math.nan),
        ("low_hz", math.inf),
        ("high_hz", math.nan),
    ],
)
def test_a_value_that_is_no_number_is_refused(field: str, value: float) -> None:
    values = {"start_s": 0.0, "stop_s": 1.0, field: value}
    start_s, stop_s = values.pop("start_s"), values.pop("stop_s")
    with pytest.raises(ValueError, match=field):
        context().label(start_s, stop_s, "x", **values)  # type: ignore[arg-type]  # by name


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_a_label_is_always_inside_the_region(start_s: float, stop_s: float) -> None:
    label = context().label(start_s, stop_s, "x")
    assert 2000 <= label.start <= label.stop <= 5000


def test_audio_is_all_of_the_region() -> None:
    np.testing.assert_array_equal(context().audio(RATE), np.arange(2000, 5000))


@settings(deadline=None)
@given(
    frames=st.integers(1, 3000),
    window=st.integers(20, 1200),
    hop=st.integers(20, 1200),
    pad=st.booleans(),
)
def test_windows_cover_the_audio_and_say_where_they_are(
    frames: int, window: int, hop: int, pad: bool
) -> None:
    hop = min(hop, window)
    heard = np.zeros(frames)
    given_windows = list(
        context(0, frames).windows(RATE, window / RATE, hop / RATE, pad=pad)
    )
    for one in given_windows:
        start, stop = round(one.start_s * RATE), round(one.stop_s * RATE)
        np.testing.assert_array_equal(
            one.samples[: stop - start], np.arange(start, stop)
        )
        assert not one.samples[stop - start :].any()
        assert len(one.samples) == (window if pad else stop - start)
        heard[start:stop] = 1
    assert heard.all()
    starts = [round(one.start_s * RATE) for one in given_windows]
    assert starts == list(range(0, starts[-1] + 1, hop))
    assert starts[-1] == 0 or starts[-1] - hop + window < frames


def test_windows_with_holes_between_them_are_refused() -> None:
    with pytest.raises(ValueError, match="longer than window_s"):
        next(context().windows(RATE, 1.0, 2.0))


def test_blocks_are_the_audio_piece_by_piece() -> None:
    blocks = list(context().blocks(RATE, 0.8))
    assert [start_s for start_s, _ in blocks] == [0.0, 0.8, 1.6, 2.4]
    whole = np.concatenate([samples for _, samples in blocks])
    np.testing.assert_array_equal(whole, np.arange(2000, 5000))


@pytest.mark.parametrize(
    "use",
    [
        lambda ctx: ctx.check(),
        lambda ctx: ctx.audio(RATE),
        lambda ctx: next(ctx.windows(RATE, 1.0, 1.0)),
        lambda ctx: ctx.cached("key", object),
        lambda ctx: ctx.write_audio(np.ones(8), 8, "a"),
    ],
    ids=["check", "audio", "windows", "cached", "write_audio"],
)
def test_each_call_stops_a_cancelled_job(use: object) -> None:
    with pytest.raises(Cancelled):
        use(context(cancelled=True))  # type: ignore[operator]  # a lambda


def test_a_model_whose_files_were_changed_is_loaded_anew(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"one")
    ctx = context()
    for model in (
        ModelRef("mine", "transformers", tmp_path),
        ModelRef("mine", "transformers", tmp_path).identified(),
    ):
        first = ctx.cached("key", object, model=model)
        assert ctx.cached("key", object, model=model) is first
        weights.write_bytes(weights.read_bytes() + b"more")
        assert ctx.cached("key", object, model=model) is not first


def test_a_task_without_audio_is_told_so() -> None:
    ctx = context()
    silent = Context(replace(ctx.job, input=None), ctx._surroundings)
    with pytest.raises(EarmarkError, match="was given no audio"):
        silent.audio(RATE)


def test_generated_audio_is_written_and_opened_again(tmp_path: Path) -> None:
    samples = np.linspace(-0.5, 0.5, 80, dtype=np.float32)
    made = context(output=tmp_path / "audio").write_audio(
        samples, 8000, "Hello / wörld?", {"mos": np.float32(4.5)}  # type: ignore[dict-item]  # what runners give
    )  # fmt: skip
    assert made.path == tmp_path / "audio" / "Hello-wörld-job3.wav"
    assert (made.rate, made.channels, made.frames) == (8000, 1, 80)
    assert made.scores == {"mos": 4.5}
    read, rate = soundfile.read(made.path, dtype="float32")
    assert rate == 8000
    np.testing.assert_array_equal(read, samples)


def test_two_results_of_one_name_are_two_files(tmp_path: Path) -> None:
    ctx = context(output=tmp_path)
    paths = {ctx.write_audio(np.ones(8), 8000, "a").path for _ in range(3)}
    assert len(paths) == 3


def test_loud_audio_is_turned_down_as_a_whole(tmp_path: Path) -> None:
    ctx = context(output=tmp_path)
    made = ctx.write_audio(np.array([0.0, 1.0, -4.0]), 8000, "loud")
    read, _ = soundfile.read(made.path)
    np.testing.assert_allclose(read, [0.0, 0.25, -1.0])
    assert ctx.notes == "turned down by 12.0 dB to fit full scale"


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros(0), "gave no audio"),
        (np.zeros((4, 0)), "gave no audio"),
        (np.zeros((2, 2, 2)), "gave no audio"),
        (np.array([0.0, math.nan]), "no numbers"),
        (np.array([0.0, math.inf]), "no numbers"),
    ],
)
def test_audio_that_is_none_is_refused(
    tmp_path: Path, samples: Samples, reason: str
) -> None:
    with pytest.raises(EarmarkError, match=reason):
        context(output=tmp_path).write_audio(samples, 8000, "a")
    assert not list(tmp_path.iterdir())


def test_the_model_of_another_task_is_given_or_said_to_be_missing() -> None:
    model = ModelRef("whisper-base", "ctranslate2", None)
    alone = context()
    job = replace(alone.job, companions={"speech-recognition": model})
    with_model = Context(job, alone._surroundings)
    assert with_model.companion("speech-recognition") is model
    with pytest.raises(EarmarkError, match="needs a model for speech recognition"):
        alone.companion("speech-recognition")


def test_what_is_worked_on_ahead_comes_in_its_order() -> None:
    gates = [threading.Event() for _ in range(3)]
    gates[2].set()

    def work(number: int) -> str:
        gates[number].wait()
        if number:
            gates[number - 1].set()  # the one before it is made after it
        return f"made {number}"

    found = list(overlapped(range(3), work, ahead=2, workers=3))
    assert found == [(0, "made 0"), (1, "made 1"), (2, "made 2")]


def test_what_goes_wrong_ahead_goes_wrong_when_it_is_its_turn() -> None:
    given = overlapped([1, 0, 2], lambda number: 1 / number, ahead=1)
    assert next(given) == (1, 1.0)
    with pytest.raises(ZeroDivisionError):
        next(given)


def test_a_job_can_be_cancelled_in_what_is_worked_on_ahead() -> None:
    token = loaders.current_check.set(context(cancelled=True).check)
    try:
        with pytest.raises(Cancelled):
            list(overlapped([1], lambda _: loaders.current_check.get()(), ahead=1))
    finally:
        loaders.current_check.reset(token)


def test_of_many_each_has_its_results_or_why_there_are_none() -> None:
    well, broken = context(), context()
    error = EarmarkError("It is broken.")
    found: list[tuple[Context, int | EarmarkError]] = [(well, 2), (broken, error)]
    assert list(outcomes(found, lambda _, count: [Progress(1.0)] * count)) == [
        (well, [Progress(1.0), Progress(1.0)]),
        (broken, error),
    ]


def test_the_folder_of_a_model_is_there_or_the_person_is_told() -> None:
    chosen = context()
    with pytest.raises(EarmarkError, match="No model was chosen"):
        _ = chosen.folder
    chosen.model = ModelRef("m", "transformers", Path("here"))
    assert chosen.folder == Path("here")
