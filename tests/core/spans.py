"""Spans drawn at random, and what is heard of them frame by frame."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from earmark.core.clips import Fade, Span, Spans, count_frames

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
