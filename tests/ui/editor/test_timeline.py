"""The visible part of a clip, and the ruler."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.ui.editor.timeline import (
    MIN_FRAMES_PER_PX,
    TimeView,
    format_tick,
    format_time,
    ruler_ticks,
    whole_clip,
)

views = st.builds(
    lambda frames, width, zoom, first: (
        whole_clip(frames, width).zoomed_to(zoom, 0.0).scrolled_to(first)
    ),
    st.integers(0, 10**10),
    st.integers(1, 4000),
    st.floats(0.01, 1e7),
    st.integers(-(10**6), 10**8),
)


@given(views)
def test_a_view_never_leaves_the_clip(view: TimeView) -> None:
    assert view.first >= 0
    assert 0 <= view.start <= view.stop <= view.clip_frames
    assert view.first + view.width <= max(view.columns, view.width)


@given(views, st.floats(0.01, 100), st.floats(0, 1))
def test_zooming_in_keeps_the_frame_under_the_mouse(
    view: TimeView, factor: float, part: float
) -> None:
    x = part * view.width
    zoomed = view.zoomed_to(view.frames_per_px / factor, x)
    at_an_end = zoomed.first == 0 or zoomed.first + zoomed.width >= zoomed.columns
    before = (view.first + x) * view.frames_per_px
    assert at_an_end or zoomed.x_of(before) == pytest.approx(x, abs=1.0)


@given(views, st.floats(0, 1))
def test_a_position_and_its_frame_agree(view: TimeView, part: float) -> None:
    x = part * view.width
    frame = view.frame_at(x)
    if 0 < frame < view.clip_frames:
        assert view.x_of(frame) == pytest.approx(x, abs=0.5 / view.frames_per_px + 0.01)


def test_the_whole_clip_fits() -> None:
    view = whole_clip(44_100 * 3600, 1800)
    assert (view.start, view.stop) == (0, 44_100 * 3600)


def test_a_short_clip_is_drawn_at_most_eight_times_larger() -> None:
    view = whole_clip(10, 1000)
    assert view.frames_per_px == MIN_FRAMES_PER_PX
    assert view.stop == 10


def test_revealing_what_is_seen_changes_nothing() -> None:
    view = whole_clip(100_000, 1000).zoomed_to(10, 0).scrolled_to(100)
    assert view.revealing(2000, 3000) == view


@pytest.mark.parametrize("start", [0, 50_000, 99_000])
def test_revealing_brings_a_range_into_sight(start: int) -> None:
    view = whole_clip(100_000, 1000).zoomed_to(10, 0).scrolled_to(3000)
    shown = view.revealing(start, start + 500)
    assert shown.start <= start
    assert start + 500 <= shown.stop


def test_a_page_begins_just_before_the_playhead() -> None:
    view = whole_clip(100_000, 1000).zoomed_to(10, 0)
    assert view.paged_to(9_000) == view
    assert 0 < view.paged_to(10_001).x_of(10_001) < 100


@given(
    views.filter(lambda view: view.clip_frames > 0),
    st.sampled_from(["time", "samples"]),
)
def test_marks_of_the_ruler_stand_apart(view: TimeView, time_format: str) -> None:
    ticks = ruler_ticks(view, 44_100, time_format)  # type: ignore[arg-type]
    places = [x for x, _ in ticks.major]
    gaps = [b - a for a, b in pairwise(places)]
    assert all(gap >= 60 for gap in gaps)
    assert len({text for _, text in ticks.major}) == len(ticks.major)


@pytest.mark.parametrize(
    ("frame", "text"),
    [(0, "00:00.000"), (441, "00:00.010"), (44_100 * 3661, "1:01:01.000")],
)
def test_times_are_minutes_seconds_and_milliseconds(frame: int, text: str) -> None:
    assert format_time(frame, 44_100) == text


def test_rounding_carries_into_the_minute() -> None:
    assert format_time(59.9996, 1) == "01:00.000"


def test_samples_are_counted_in_groups() -> None:
    assert format_tick(1_234_567, 44_100, 1, "samples") == "1\u2009234\u2009567"
