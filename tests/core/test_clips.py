"""Span edits, checked frame by frame against lists."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from core.spans import listen, same, spans_and_range, spans_strategy
from hypothesis import given
from hypothesis import strategies as st

from earmark.core import clips
from earmark.core.clips import Fade, Span, Spans, count_frames


@given(spans_and_range())
def test_a_slice_is_what_was_heard_there(given: tuple[Spans, int, int]) -> None:
    spans, start, stop = given
    assert same(
        listen(clips.slice_spans(spans, start, stop)), listen(spans)[start:stop]
    )


@given(spans_and_range())
def test_deleting_conserves_all_other_frames(given: tuple[Spans, int, int]) -> None:
    spans, start, stop = given
    heard = listen(spans)
    assert same(listen(clips.delete(spans, start, stop)), heard[:start] + heard[stop:])


@given(spans_and_range())
def test_pasting_what_was_cut_restores_the_spans(
    given: tuple[Spans, int, int],
) -> None:
    spans, start, stop = given
    cut = clips.slice_spans(spans, start, stop)
    restored = clips.insert(clips.delete(spans, start, stop), start, cut)
    assert restored == clips.merge(spans)


@given(spans_and_range())
def test_splitting_and_joining_changes_nothing(given: tuple[Spans, int, int]) -> None:
    spans, at, _ = given
    left, right = clips.split(spans, at)
    assert count_frames(left) == at
    assert clips.merge(left + right) == clips.merge(spans)


@given(spans_strategy())
def test_merging_changes_nothing_that_is_heard(spans: Spans) -> None:
    merged = clips.merge(spans)
    assert same(listen(merged), listen(spans))
    assert clips.merge(merged) == merged


@given(spans_and_range())
def test_trimming_keeps_the_range(given: tuple[Spans, int, int]) -> None:
    spans, start, stop = given
    assert same(listen(clips.trim(spans, start, stop)), listen(spans)[start:stop])


@given(spans_and_range())
def test_silence_keeps_the_length(given: tuple[Spans, int, int]) -> None:
    spans, start, stop = given
    heard = listen(spans)
    heard[start:stop] = [(None, 0, 0.0)] * (stop - start)
    assert same(listen(clips.silence(spans, start, stop)), heard)


@given(spans_and_range(), st.sampled_from([-12.0, 6.0]))
def test_gain_changes_the_range_alone(given: tuple[Spans, int, int], db: float) -> None:
    spans, start, stop = given
    heard = listen(spans)
    factor = 10 ** (db / 20)
    heard[start:stop] = [(s, f, g * factor) for s, f, g in heard[start:stop]]
    assert same(listen(clips.gain(spans, start, stop, db)), heard)


@given(spans_and_range())
def test_reversing_plays_the_range_backwards(given: tuple[Spans, int, int]) -> None:
    spans, start, stop = given
    heard = listen(spans)
    heard[start:stop] = heard[start:stop][::-1]
    backwards = clips.reverse(spans, start, stop)
    assert same(listen(backwards), heard)
    assert clips.reverse(backwards, start, stop) == clips.merge(spans)


@pytest.mark.parametrize(
    ("fade", "ramp"),
    [
        (clips.fade_in, lambda x: x),
        (clips.fade_out, lambda x: 1 - x),
    ],
)
@given(given=spans_and_range())
def test_a_fade_is_one_line_over_all_spans_of_the_range(
    fade: Callable[[Spans, int, int], Spans],
    ramp: Callable[[float], float],
    given: tuple[Spans, int, int],
) -> None:
    spans, start, stop = given
    heard = listen(spans)
    length = stop - start
    heard[start:stop] = [
        (source, frame, gain * ramp((i + 0.5) / length))
        for i, (source, frame, gain) in enumerate(heard[start:stop])
    ]
    assert same(listen(fade(spans, start, stop)), heard)


def test_a_faded_span_that_is_split_and_joined_is_one_span_again() -> None:
    faded = clips.fade_in((Span("a", 0, 100),), 0, 100)
    left, right = clips.split(faded, 40)
    assert right[0].fades == (Fade(40, 100, True),)
    assert clips.merge(left + right) == faded


@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (6, 5), (5, 11)])
def test_a_range_outside_the_spans_is_refused(start: int, stop: int) -> None:
    with pytest.raises(ValueError, match="not inside"):
        clips.delete((Span("a", 0, 10),), start, stop)


def test_a_gain_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="nan dB"):
        clips.gain((Span("a", 0, 10),), 0, 5, float("nan"))
