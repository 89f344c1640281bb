"""Where the lanes lie."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from earmark.ui.editor.layout import DIVIDER_PX, Shares, arrange, dragged

layouts = st.builds(
    arrange,
    st.integers(100, 4000),
    st.integers(30, 3000),
    st.lists(st.integers(1, 6), max_size=20).map(tuple),
    st.builds(
        Shares,
        st.floats(0, 1),
        st.none() | st.floats(0, 1),
        st.booleans(),
        st.booleans(),
    ),
    st.integers(0, 5000),
)


@given(layouts)
def test_lanes_follow_each_other_within_the_editor(layout) -> None:
    lanes = [layout.ruler, layout.waveform, layout.spectrogram, layout.labels]
    shown = [lane for lane in lanes if lane.height > 0]
    assert all(lane.height >= 0 for lane in lanes)
    for above, below in pairwise(shown):
        assert above.bottom <= below.top
    assert shown[-1].bottom <= max(layout.height, layout.ruler.bottom)


@given(layouts)
def test_scrolled_tracks_fill_their_lane(layout) -> None:
    if layout.tracks and layout.content >= layout.labels.height:
        assert layout.tracks[0].top <= layout.labels.top
        assert layout.tracks[-1].bottom >= layout.labels.bottom


def test_labels_get_the_height_they_need() -> None:
    layout = arrange(1000, 800, (1, 2), Shares())
    assert layout.labels.height == layout.content
    assert layout.labels.bottom == 800


def test_many_tracks_leave_room_for_the_sound() -> None:
    layout = arrange(1000, 800, (1,) * 50, Shares())
    assert layout.waveform.height > 100
    assert layout.spectrogram.height > 100


def test_one_plot_takes_all_the_room() -> None:
    both = arrange(1000, 800, (1,), Shares())
    one = arrange(1000, 800, (1,), Shares(show_spectrogram=False))
    assert one.spectrogram.height == 0
    assert one.waveform.height == both.spectrogram.bottom - both.waveform.top


def test_a_divider_follows_the_mouse() -> None:
    layout = arrange(1000, 800, (1,), Shares())
    y = layout.waveform.bottom + 50
    moved = arrange(1000, 800, (1,), dragged(layout, Shares(), "waveform", y))
    assert abs(moved.waveform.bottom - y) <= DIVIDER_PX


def test_channels_share_the_waveform() -> None:
    layout = arrange(1000, 800, (), Shares())
    lanes = [layout.channel(n, 3) for n in range(3)]
    assert sum(lane.height for lane in lanes) == layout.waveform.height
    assert lanes[-1].bottom == layout.waveform.bottom
