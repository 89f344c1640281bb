"""Where a range of a clip is after edits."""

from __future__ import annotations

from core.spans import listen, spans_and_range
from hypothesis import given
from hypothesis import strategies as st

from earmark.core import clips
from earmark.core.clips import Span, Spans, count_frames
from earmark.core.remap import Remap

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
    for first, last in Remap(spans, new)(start, stop):
        assert 0 <= first <= last <= count_frames(new)
        assert (first == last) == (start == stop)


@given(spans_and_range())
def test_without_edits_every_range_stays(given: tuple[Spans, int, int]) -> None:
    spans, start, stop = given
    assert Remap(spans, spans)(start, stop) == [(start, stop)]


def test_a_range_grows_around_what_is_inserted_in_it() -> None:
    old = (Span("a", 0, 100),)
    new = clips.insert(old, 50, (Span("b", 0, 30),))
    assert Remap(old, new)(40, 60) == [(40, 90)]
    assert Remap(old, new)(60, 70) == [(90, 100)]


def test_a_range_shrinks_by_what_is_deleted_of_it() -> None:
    old = (Span("a", 0, 100),)
    new = clips.delete(old, 30, 50)
    assert Remap(old, new)(20, 60) == [(20, 40)]
    assert Remap(old, new)(32, 48) == []


def test_a_range_that_is_moved_in_part_is_found_in_both_places() -> None:
    old = (Span("a", 0, 100),)
    cut = clips.slice_spans(old, 10, 20)
    new = clips.insert(clips.delete(old, 10, 20), 80, cut)
    assert Remap(old, new)(5, 15) == [(5, 10), (80, 85)]


def test_a_range_stays_over_what_was_silenced_or_rendered_anew() -> None:
    old = (Span("a", 0, 100),)
    assert Remap(old, clips.silence(old, 20, 60))(30, 40) == [(30, 40)]
    rendered = (Span("a", 0, 20), Span("denoised", 0, 40), Span("a", 60, 40))
    assert Remap(old, rendered)(30, 70) == [(30, 70)]


def test_the_first_of_two_equal_passages_is_not_taken_for_the_second() -> None:
    loop = Span("a", 0, 10)
    old = (loop, Span("b", 0, 5), loop)
    new = clips.insert(old, 0, (Span("c", 0, 7),))
    assert Remap(old, new)(2, 4) == [(9, 11)]
    assert Remap(old, new)(17, 19) == [(24, 26)]


def test_a_point_follows_its_frame_and_the_end_stays_the_end() -> None:
    old = (Span("a", 0, 100),)
    new = clips.delete(old, 0, 10)
    assert Remap(old, new)(50, 50) == [(40, 40)]
    assert Remap(old, new)(5, 5) == []
    assert Remap(old, new)(100, 100) == [(90, 90)]
