"""Documents for the tests of the formats: one by hand, and arbitrary ones."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

from earmark.formats import LabelDocument, LabelRecord, Recording, Tier, TimedWord

RATES = (8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000, 384000)


def demo_document() -> LabelDocument:
    """A transcript with words, speakers and sounds, some awkward to write."""
    recording = Recording("demo.wav", 44100, 44100 * 18, 2, Path("/audio/demo.wav"))
    made = {
        "source": "speech-recognition",
        "model": "whisper-tiny@abc",
        "status": "predicted",
    }
    return LabelDocument(
        recording,
        (
            Tier(
                "segments",
                "segments",
                (
                    LabelRecord(
                        0,
                        44100,
                        'He said "hi" & left',
                        speaker="Ann",
                        score=0.9,
                        **made,
                    ),
                    LabelRecord(44100, 88182, "größer,\n=2 --> 3; 你好", **made),
                ),
            ),
            Tier(
                "words",
                "words",
                (
                    LabelRecord(0, 20000, "He", score=0.5, **made),
                    LabelRecord(20000, 44100, "said", **made),
                ),
            ),
            Tier(
                "birds",
                "labels",
                (
                    LabelRecord(
                        100, 5000, "robin", low_hz=1000.5, high_hz=8000.0, channel=1
                    ),
                    LabelRecord(200, 300, "wren", status="rejected"),
                    LabelRecord(400, 4100, "tit", score=0.87),
                    LabelRecord(700, 700, "click"),
                ),
            ),
        ),
        "en",
    )


_texts = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ("", "=1+1", "-->", "a --> b", '"', "a\tb\nc", "<i>x</i>", "&amp;", "12",
         "NOTE", "{\\an8}top", "'", ";", "a,b", "intervals [1]", "\\\t1\t2", "[0.87]",
         "\ufeff", "na", "-", "1.5", "\x1c", "\u2028", "<v Bo>", "!x", "<exists>")
    ),
)  # fmt: skip
_names = st.one_of(
    st.text(max_size=12),
    st.sampled_from(("words", "speakers", "segments", "labels", "birds", "words (2)")),
)
_hz = st.floats(0, 192000, allow_nan=False) | st.none()
_scores = st.floats(allow_nan=False, allow_infinity=False) | st.none()


@st.composite
def _records(draw: st.DrawFn, frames: int, channels: int) -> LabelRecord:
    start, stop = sorted((draw(st.integers(0, frames)), draw(st.integers(0, frames))))
    low_hz, high_hz = draw(_hz), draw(_hz)
    if low_hz is not None and high_hz is not None and high_hz < low_hz:
        low_hz, high_hz = high_hz, low_hz
    words = draw(
        st.lists(
            st.builds(TimedWord, _texts, score=_scores)
            | st.builds(
                TimedWord,
                _texts,
                st.just(start),
                st.integers(start, stop),
                _scores,
            ),
            max_size=2,
        )
    )
    return LabelRecord(
        start,
        draw(st.sampled_from((start, stop))),
        draw(_texts),
        label=draw(st.just("") | _texts),
        low_hz=low_hz,
        high_hz=high_hz,
        channel=draw(st.integers(0, channels - 1) | st.none()),
        score=draw(_scores),
        speaker=draw(st.just("") | _texts),
        source=draw(st.just("") | _texts),
        model=draw(st.just("") | _texts),
        status=draw(
            st.sampled_from(
                ("confirmed", "predicted", "accepted", "rejected", "edited")
            )
        ),
        words=tuple(words),
    )


@st.composite
def documents(draw: st.DrawFn, *, file: str | None = None) -> LabelDocument:
    """Any document a project could hold, and more."""
    rate = draw(st.sampled_from(RATES))
    frames = draw(st.integers(1, rate * 7200))
    channels = draw(st.integers(1, 3))
    name = draw(_names) if file is None else file
    tiers = draw(
        st.lists(
            st.builds(
                Tier,
                _names,
                st.sampled_from(("labels", "segments", "words", "speakers")),
                st.lists(_records(frames, channels), max_size=4).map(tuple),
            ),
            max_size=3,
        )
    )
    return LabelDocument(
        Recording(name, rate, frames, channels),
        tuple(tiers),
        draw(st.sampled_from(("", "en", "de"))),
    )
