"""Span edits, checked frame by frame against lists."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.core import clips
from earmark.core.clips import Fade, Remap, Span, Spans, count_frames, remap

Heard = list[tuple[str | None, int, float]]


def listen(spans: Spans) -> Heard:
    """What each frame plays: the source, its frame, and the gain."""
    heard: Heard = []
    for span in spans:
        gains = np.broadcast_to(span.gains(0, span.frames), span.frames)
        for i in range(span.frames):
            if span.source is None:
                heard.append((None, 0, 0.0))
                continue
            at = span.frames - 1 - i if span.reverse else i
            heard.append((span.source, span.offset + at, float(gains[i])))
    return heard


def same(left: Heard, right: Heard) -> bool:
    """Equal but for the rounding of gains."""
    return [frame[:2] for frame in left] == [
        frame[:2] for frame in right
    ] and np.allclose(
        [frame[2] for frame in left], [frame[2] for frame in right], atol=1e-5
    )


@st.composite
def spans_strategy(draw: st.DrawFn) -> Spans:
    """Up to 5 spans over two sources of 60 frames."""
    spans = []
    for _ in range(draw(st.integers(0, 5))):
        source = draw(st.sampled_from(["a", "b", None]))
        frames = draw(st.integers(1, 20))
        if source is None:
            spans.append(Span(None, 0, frames))
            continue
        offset = draw(st.integers(0, 60 - frames))
        gain_db = draw(st.sampled_from([0.0, -6.0]))
        fades: tuple[Fade, ...] = ()
        if draw(st.booleans()):
            into = draw(st.integers(0, 10))
            length = into + frames + draw(st.integers(0, 10))
            fades = (Fade(into, length, draw(st.booleans())),)
        spans.append(Span(source, offset, frames, gain_db, draw(st.booleans()), fades))
    return tuple(spans)


@st.composite
def spans_and_range(draw: st.DrawFn) -> tuple[Spans, int, int]:
    """Spans and a range of them."""
    spans = draw(spans_strategy())
    ends = st.integers(0, count_frames(spans))
    start, stop = sorted((draw(ends), draw(ends)))
    return spans, start, stop


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


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["delete", "move", "silence", "gain", "reverse", "insert"]),
        st.floats(0, 1),
        st.floats(0, 1),
        st.floats(0, 1),
    ),
    max_size=6,
)


def edited(spans: Spans, edits: list[tuple[str, float, float, float]]) -> Spans:
    """The spans after some edits, at places given as parts of the length."""
    for number, (kind, *places) in enumerate(edits):
        frames = count_frames(spans)
        start, stop = sorted(int(place * frames) for place in places[:2])
        if kind == "delete":
            spans = clips.delete(spans, start, stop)
        elif kind == "move":
            cut = clips.slice_spans(spans, start, stop)
            spans = clips.delete(spans, start, stop)
            spans = clips.insert(spans, int(places[2] * count_frames(spans)), cut)
        elif kind == "silence":
            spans = clips.silence(spans, start, stop)
        elif kind == "gain":
            spans = clips.gain(spans, start, stop, -3.0)
        elif kind == "reverse":
            spans = clips.reverse(spans, start, stop)
        else:
            new = (Span(f"new {number}", 0, stop - start + 1),)
            spans = clips.insert(spans, start, new)
    return spans


@given(EDITS)
def test_every_frame_is_found_where_it_is_after_any_edits(
    edits: list[tuple[str, float, float, float]],
) -> None:
    old: Spans = (Span("a", 0, 40), Span("b", 10, 30))
    new = edited(old, edits)
    now = {frame[:2]: place for place, frame in enumerate(listen(new))}
    where = Remap(old, new)
    for place, (source, frame, _) in enumerate(listen(old)):
        found = where(place, place + 1)
        if (source, frame) in now:
            at = now[source, frame]
            assert found == [(at, at + 1)]
        else:
            # It is gone; at most something of the same length took its place.
            assert len(found) <= 1
            assert all(listen(new)[start][0] not in ("a", "b") for start, _ in found)


@given(spans_and_range(), EDITS)
def test_where_a_range_went_is_inside_the_clip(
    given: tuple[Spans, int, int], edits: list[tuple[str, float, float, float]]
) -> None:
    spans, start, stop = given
    new = edited(spans, edits)
    for first, last in remap(spans, new, start, stop):
        assert 0 <= first <= last <= count_frames(new)
        assert (first == last) == (start == stop)


@given(spans_and_range())
def test_without_edits_every_range_stays(given: tuple[Spans, int, int]) -> None:
    spans, start, stop = given
    assert remap(spans, spans, start, stop) == [(start, stop)]


def test_a_range_grows_around_what_is_inserted_in_it() -> None:
    old = (Span("a", 0, 100),)
    new = clips.insert(old, 50, (Span("b", 0, 30),))
    assert remap(old, new, 40, 60) == [(40, 90)]
    assert remap(old, new, 60, 70) == [(90, 100)]


def test_a_range_shrinks_by_what_is_deleted_of_it() -> None:
    old = (Span("a", 0, 100),)
    new = clips.delete(old, 30, 50)
    assert remap(old, new, 20, 60) == [(20, 40)]
    assert remap(old, new, 32, 48) == []


def test_a_range_that_is_moved_in_part_is_found_in_both_places() -> None:
    old = (Span("a", 0, 100),)
    cut = clips.slice_spans(old, 10, 20)
    new = clips.insert(clips.delete(old, 10, 20), 80, cut)
    assert remap(old, new, 5, 15) == [(5, 10), (80, 85)]


def test_a_range_stays_over_what_was_silenced_or_rendered_anew() -> None:
    old = (Span("a", 0, 100),)
    assert remap(old, clips.silence(old, 20, 60), 30, 40) == [(30, 40)]
    rendered = (Span("a", 0, 20), Span("denoised", 0, 40), Span("a", 60, 40))
    assert remap(old, rendered, 30, 70) == [(30, 70)]


def test_the_first_of_two_equal_passages_is_not_taken_for_the_second() -> None:
    loop = Span("a", 0, 10)
    old = (loop, Span("b", 0, 5), loop)
    new = clips.insert(old, 0, (Span("c", 0, 7),))
    assert remap(old, new, 2, 4) == [(9, 11)]
    assert remap(old, new, 17, 19) == [(24, 26)]


def test_a_point_follows_its_frame_and_the_end_stays_the_end() -> None:
    old = (Span("a", 0, 100),)
    new = clips.delete(old, 0, 10)
    assert remap(old, new, 50, 50) == [(40, 40)]
    assert remap(old, new, 5, 5) == []
    assert remap(old, new, 100, 100) == [(90, 90)]
