"""WhisperX JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from formats.samples import documents
from hypothesis import given, settings
from pydantic import BaseModel, ConfigDict

from earmark.core.errors import EarmarkError
from earmark.formats import (
    FormatRegistry,
    LabelDocument,
    LabelRecord,
    ReadContext,
    Tier,
    TimedWord,
)


class _Documented(BaseModel):
    """The shape of WhisperX's output, written down independently."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Word(_Documented):
    """`SingleWordSegment` of whisperx/types.py."""

    word: str
    start: float | None = None
    end: float | None = None
    score: float | None = None


class Segment(_Documented):
    """`SingleAlignedSegment` of whisperx/types.py, with a diarized speaker."""

    start: float
    end: float
    text: str
    words: list[Word]
    speaker: str | None = None


class Transcript(_Documented):
    segments: list[Segment]
    language: str


@given(document=documents())
@settings(max_examples=40, deadline=None)
def test_the_file_has_the_shape_of_whisperx(
    registry: FormatRegistry, folder: Path, document: LabelDocument
) -> None:
    path = folder / "a.json"
    report = registry.export_labels(path, [document])
    transcript = Transcript.model_validate_json(path.read_bytes())
    assert len(transcript.segments) == report.labels
    starts = [segment.start for segment in transcript.segments]
    assert starts == sorted(starts)
    wanted = sum(
        1 if tier.kind == "words" else len(label.words)
        for tier in document.tiers
        for label in tier.labels
        if label.status != "rejected"
    )
    assert sum(len(segment.words) for segment in transcript.segments) == wanted


def test_words_of_a_track_are_nested_in_their_segments(
    tmp_path: Path, demo: LabelDocument
) -> None:
    path = tmp_path / "a.json"
    transcript = LabelDocument(demo.recording, demo.tiers[:2], "en")
    report = FormatRegistry().export_labels(path, [transcript])
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "segments": [
            {
                "start": 0.0,
                "end": 1.0,
                "text": 'He said "hi" & left',
                "words": [
                    {"word": "He", "start": 0.0, "end": 0.453515, "score": 0.5},
                    {"word": "said", "start": 0.453515, "end": 1.0},
                ],
                "speaker": "Ann",
            },
            {
                "start": 1.0,
                "end": 1.999592,
                "text": "größer, =2 --> 3; 你好",
                "words": [],
            },
        ],
        "language": "en",
    }
    assert " ".join(report.losses) == (
        "Line breaks in 1 text become spaces; 1 score, 2 review states and 2 origins "
        "are dropped."
    )


def test_words_without_segments_become_segments_between_pauses(
    tmp_path: Path, context: ReadContext
) -> None:
    words = (
        LabelRecord(0, 8000, "good"),
        LabelRecord(8000, 16000, "day"),
        LabelRecord(48000, 50000, "bye"),
    )
    document = LabelDocument(context.recording, (Tier("words", "words", words),))
    path = tmp_path / "a.json"
    registry = FormatRegistry()
    registry.export_labels(path, [document])
    (back,) = registry.import_labels(path, context)
    assert [(la.start, la.stop, la.text) for la in back.tiers[0].labels] == [
        (0, 16000, "good day"),
        (48000, 50000, "bye"),
    ]


def test_words_without_times_are_kept(tmp_path: Path, context: ReadContext) -> None:
    path = tmp_path / "a.json"
    path.write_text(
        '{"segments": [{"start": 1.0, "end": 2.0, "text": " in 2024", "words": ['
        '{"word": "in", "start": 1.0, "end": 1.2, "score": 0.9}, {"word": "2024"},'
        '{"word": "!", "start": NaN, "end": NaN, "score": NaN}]}], "language": "en",'
        '"word_segments": []}',
        encoding="utf-8",
    )
    registry = FormatRegistry()
    (document,) = registry.import_labels(path, context)
    assert document.language == "en"
    assert document.tiers[0].labels == (
        LabelRecord(
            16000,
            32000,
            "in 2024",
            words=(
                TimedWord("in", 16000, 19200, 0.9),
                TimedWord("2024"),
                TimedWord("!"),
            ),
        ),
    )
    again = tmp_path / "b.json"
    registry.export_labels(again, [document])
    words = json.loads(again.read_text())["segments"][0]["words"]
    assert words[1:] == [{"word": "2024"}, {"word": "!"}]


def test_words_without_times_get_the_time_between_their_neighbours(
    tmp_path: Path, context: ReadContext
) -> None:
    words = (
        TimedWord("a"),
        TimedWord("b", 3000, 4000),
        TimedWord("c"),
        TimedWord("d"),
        TimedWord("e", 8000, 9000),
        TimedWord("f"),
    )
    tier = Tier(
        "segments", "segments", (LabelRecord(1000, 10000, "a b c d e f", words=words),)
    )
    document = LabelDocument(context.recording, (tier,))
    path = tmp_path / "a.csv"
    registry = FormatRegistry()
    registry.export_labels(path, [document])
    (back,) = registry.import_labels(path, context)
    assert [(t.name, t.kind) for t in back.tiers] == [
        ("segments", "segments"),
        ("words", "words"),
    ]
    assert [(la.start, la.stop, la.text) for la in back.tiers[1].labels] == [
        (1000, 3000, "a"),
        (3000, 4000, "b"),
        (4000, 6000, "c"),
        (6000, 8000, "d"),
        (8000, 9000, "e"),
        (9000, 10000, "f"),
    ]


def test_whispers_own_json_is_read(tmp_path: Path, context: ReadContext) -> None:
    path = tmp_path / "a.json"
    path.write_text(
        '{"text": " Hi.", "segments": [{"id": 0, "seek": 0, "start": 0, "end": 1.5,'
        '"text": " Hi.", "tokens": [1], "avg_logprob": -0.3, "words": [{"word": " Hi.",'
        '"start": 0.1, "end": 1.5, "probability": 0.8}]}], "language": "en"}',
        encoding="utf-8",
    )
    (document,) = FormatRegistry().import_labels(path, context)
    assert document.tiers[0].labels == (
        LabelRecord(0, 24000, "Hi.", words=(TimedWord("Hi.", 1600, 24000, 0.8),)),
    )


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{}", "a.json, segments: there are no segments in it"),
        ('{"segments": 3}', "a.json, segments: it is not a list"),
        ('{"segments": [{"end": 3}]}', "a.json, segments[0].start: it is missing"),
        (
            '{"segments": [{"start": 3, "end": 2}]}',
            "a.json, segments[0]: it ends before",
        ),
        (
            '{"segments": [{"start": 3, "end": true}]}',
            "a.json, segments[0].end: it is not a time",
        ),
        (
            '{"segments": [{"start": 0, "end": 1, "text": 5}]}',
            "a.json, segments[0].text: it is not a text",
        ),
        ('{"segments": [\n{"start": 1e9999999999999999999}]}', "a.json"),
    ],
)
def test_a_broken_field_is_named(
    tmp_path: Path, context: ReadContext, text: str, place: str
) -> None:
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(EarmarkError) as caught:
        FormatRegistry().import_labels(path, context)
    assert caught.value.message.startswith(place)
    assert caught.value.remedy
