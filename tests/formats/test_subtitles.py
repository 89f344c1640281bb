"""SRT and WebVTT."""

from __future__ import annotations

import html
from pathlib import Path

import pysubs2
import pytest
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.core.errors import EarmarkError
from earmark.formats import (
    FormatRegistry,
    LabelDocument,
    LabelRecord,
    ReadContext,
    Recording,
    Tier,
)
from earmark.formats.document import clock_text, ticks

_plain = st.text(
    st.characters(
        codec="utf-8", exclude_characters="{}<>\\&", exclude_categories=("C", "Z")
    ),
    min_size=1,
)


@st.composite
def _subtitles(draw: st.DrawFn) -> LabelDocument:
    rate = draw(st.sampled_from((8000, 11025, 44100, 48000)))
    edges = sorted(draw(st.lists(st.integers(0, 10**9), min_size=2, max_size=12)))
    cues = [
        LabelRecord(start, stop, draw(_plain), speaker=draw(st.just("") | _plain))
        for start, stop in zip(edges[::2], edges[1::2], strict=False)
    ]
    return LabelDocument(
        Recording("a.wav", rate), (Tier("segments", "segments", tuple(cues)),)
    )


@given(document=_subtitles())
@settings(max_examples=50, deadline=None)
def test_pysubs2_reads_the_same_cues(
    registry: FormatRegistry, folder: Path, document: LabelDocument
) -> None:
    path = folder / "a.srt"
    registry.export_labels(path, [document])
    events = pysubs2.load(str(path), encoding="utf-8", format_="srt").events
    rate = document.recording.rate
    wanted = sorted(
        (ticks(la.start, rate, 1000), ticks(la.stop, rate, 1000), la.text)
        for la in document.tiers[0].labels
    )
    assert sorted((e.start, e.end, e.plaintext) for e in events) == wanted


@given(document=_subtitles())
@settings(max_examples=50, deadline=None)
def test_webvtt_py_reads_the_same_cues_and_voices(
    registry: FormatRegistry, folder: Path, document: LabelDocument
) -> None:
    path = folder / "a.vtt"
    registry.export_labels(path, [document])
    rate = document.recording.rate
    found = [
        (c.start, c.end, html.unescape(c.text), html.unescape(c.voice or ""))
        for c in webvtt.read(str(path)).captions
    ]
    wanted = [
        (clock_text(la.start, rate, "."), _end(la, rate), la.text, la.speaker)
        for la in document.tiers[0].labels
    ]
    assert sorted(found) == sorted(wanted)


def _end(label: LabelRecord, rate: int) -> str:
    """The end of a cue, which is at least 1 ms long."""
    stop = max(ticks(label.stop, rate, 1000), ticks(label.start, rate, 1000) + 1)
    return clock_text(stop, 1000, ".")


def write(path: Path, *labels: LabelRecord, rate: int = 10000, **options: bool) -> str:
    document = LabelDocument(Recording("a.wav", rate), (Tier("t", "segments", labels),))
    FormatRegistry().export_labels(path, [document], options=options)
    return path.read_bytes().decode()


def test_srt_is_written_as_specified(tmp_path: Path) -> None:
    text = write(
        tmp_path / "a.srt",
        LabelRecord(0, 19996, "one\ntwo --> three", speaker="Ann"),
        LabelRecord(36_000_000, 36_010_000, "late"),
    )
    assert text == (
        "1\n00:00:00,000 --> 00:00:02,000\none two -> three\n\n"
        "2\n01:00:00,000 --> 01:00:01,000\nlate\n\n"
    )


def test_speakers_stand_before_the_text_if_asked_for(tmp_path: Path) -> None:
    label = LabelRecord(0, 10000, "Good day.", speaker="Ann")
    text = write(tmp_path / "a.srt", label, speaker_prefix=True)
    assert text.splitlines()[2] == "Ann: Good day."


def test_webvtt_is_written_as_specified(tmp_path: Path) -> None:
    text = write(
        tmp_path / "a.vtt",
        LabelRecord(0, 19996, "<b> & --> c", speaker="A & B"),
        LabelRecord(20000, 20000, "click"),
    )
    assert text == (
        "WEBVTT\n\n"
        "00:00:00.000 --> 00:00:02.000\n"
        "<v A &amp; B>&lt;b&gt; &amp; --&gt; c\n\n"
        "00:00:02.000 --> 00:00:02.001\nclick\n\n"
    )


def read(path: Path, context: ReadContext, data: str | bytes) -> list[LabelRecord]:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    (document,) = FormatRegistry().import_labels(path, context)
    return list(document.tiers[0].labels)


@pytest.mark.parametrize("point", [",", "."])
@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
def test_srt_of_other_programs_is_read(
    tmp_path: Path, context: ReadContext, point: str, codec: str
) -> None:
    text = (
        f"\r\n1\r\n00:00:01{point}500 --> 00:00:02{point}000  X1:100\r\n"
        f"<i>Two</i>\r\n\r\nlines\r\n\r\n0:1:2{point}5 --> 0:1:3{point}0\r\n7\r\n\r\n"
        f"3\r\n00:01:04{point}000 --> 00:01:05{point}000\r\n"
    )
    labels = read(tmp_path / "a.srt", context, text.encode(codec))
    assert [(la.start, la.stop, la.text) for la in labels] == [
        (24000, 32000, "Two lines"),
        (62 * 16000 + 8000, 63 * 16000, "7"),
        (64 * 16000, 65 * 16000, ""),
    ]


def test_webvtt_of_other_programs_is_read(tmp_path: Path, context: ReadContext) -> None:
    text = (
        "\ufeffWEBVTT - a title\nKind: captions\n\nNOTE\nnot shown\n\n"
        "STYLE\n::cue { color: red }\n\n"
        "intro\n00:01.500 --> 00:02.000 align:start\n"
        "<v.loud Ann>Hi <i>you</i> &amp;\n<00:01.700>all\n\n"
        "00:00:03.000 --> 00:00:04.000\n<v Ann>Yes.</v> <v Bo>No.</v>\n"
    )
    labels = read(tmp_path / "a.vtt", context, text)
    assert [(la.start, la.stop, la.text, la.speaker) for la in labels] == [
        (24000, 32000, "Hi you & all", "Ann"),
        (48000, 64000, "Ann: Yes.  Bo: No.", ""),
    ]


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("a.srt", "1\n00:00:01,000 --> 00:00:0x,000\nhi\n", "a.srt, line 2: the times"),
        ("a.srt", "1\n00:00:03,000 --> 00:00:02,000\nhi\n", "a.srt, line 2: the cue"),
        ("a.srt", "some prose\n", "a.srt, line 1: expected a cue's number"),
        ("a.srt", "hi\n1\n00:00:01,000 --> 00:00:02,000\n", "a.srt, line 1: expected"),
        ("a.vtt", "1\n00:00:01.000 --> 00:00:02.000\nhi\n", "a.vtt, line 1: the first"),
        ("a.vtt", "WEBVTT\n\n00:01 --> 00:02\nhi\n", "a.vtt, line 3: the times"),
        ("a.vtt", "WEBVTT\n\n00:02.000 --> 00:01.000\n", "a.vtt, line 3: the cue ends"),
        ("a.vtt", "WEBVTT\n\nhello\nyou\n", "a.vtt, line 3: expected a cue's times"),
    ],
)
def test_a_broken_cue_is_named(
    tmp_path: Path, context: ReadContext, name: str, text: str, place: str
) -> None:
    with pytest.raises(EarmarkError) as caught:
        read(tmp_path / name, context, text)
    assert caught.value.message.startswith(place)
    assert caught.value.remedy


def test_words_are_not_shown_beside_their_segments(
    tmp_path: Path, demo: LabelDocument
) -> None:
    registry = FormatRegistry()
    report = registry.export_labels(tmp_path / "a.srt", [demo])
    assert report.labels == 5
    assert " ".join(report.losses) == (
        "2 tiers are merged into one; line breaks in 1 text become spaces; 1 frequency "
        "range, 2 scores, 1 speaker, 1 channel, 2 review states, 2 origins, 2 word "
        "times and 1 rejected label are dropped."
    )
    words = LabelDocument(demo.recording, (demo.tiers[1],))
    assert registry.export_labels(tmp_path / "b.srt", [words]).labels == 2


def _meeting() -> LabelDocument:
    said = LabelRecord(0, 8000, "Good day.", speaker="Ann")
    turn = LabelRecord(0, 16000, "Ann", speaker="Ann")
    return LabelDocument(
        Recording("a.wav", 8000),
        (Tier("speakers", "speakers", (turn,)), Tier("segments", "segments", (said,))),
    )


@pytest.mark.parametrize(
    ("name", "text"), [("a.srt", "Ann: Good day."), ("a.vtt", "<v Ann>Good day.")]
)
def test_who_speaks_stands_in_the_subtitles_and_turns_are_none(
    registry: FormatRegistry, folder: Path, name: str, text: str
) -> None:
    path = folder / name
    options = {"speaker_prefix": True} if name.endswith("srt") else {}
    report = registry.export_labels(path, [_meeting()], options=options)
    assert report.losses == ()
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if "Ann" in line] == [text]


def test_turns_are_subtitles_where_no_segment_says_who_speaks(
    registry: FormatRegistry, folder: Path
) -> None:
    turns, _ = _meeting().tiers
    unnamed = Tier("segments", "segments", (LabelRecord(0, 8000, "Good day."),))
    path = folder / "a.srt"
    document = LabelDocument(Recording("a.wav", 8000), (turns, unnamed))
    registry.export_labels(path, [document], options={"speaker_prefix": True})
    events = pysubs2.load(str(path), encoding="utf-8", format_="srt").events
    assert sorted(event.plaintext for event in events) == ["Ann", "Good day."]
