"""Audacity labels."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats.samples import documents
from hypothesis import given, settings

from earmark.core.errors import EarmarkError
from earmark.formats import (
    FormatRegistry,
    LabelDocument,
    LabelRecord,
    ReadContext,
    Recording,
    Tier,
)


def audacity_reads(path: Path) -> list[tuple[float, float, str, float, float]]:
    """Labels as Audacity's own `LabelTrack::Import` takes a file apart.

    Each line is split at tabs; a line beginning with a backslash gives the frequencies
    of the label before; a negative frequency is undefined.
    """
    labels: list[tuple[float, float, str, float, float]] = []
    for line in path.read_bytes().decode().split("\n")[:-1]:
        fields = line.split("\t")
        if fields[0] == "\\":
            start, stop, text, *_ = labels.pop()
            labels.append((start, stop, text, float(fields[1]), float(fields[2])))
        else:
            labels.append((float(fields[0]), float(fields[1]), fields[2], -1.0, -1.0))
    return labels


@given(document=documents())
@settings(max_examples=50, deadline=None)
def test_audacity_finds_every_label_where_it_is(
    registry: FormatRegistry, folder: Path, document: LabelDocument
) -> None:
    path = folder / "labels.txt"
    registry.export_labels(path, [document])
    (carried,) = registry.import_labels(path, ReadContext(document.recording))
    rate = document.recording.rate
    found = audacity_reads(path)
    labels = sorted(
        carried.tiers[0].labels, key=lambda label: (label.start, label.stop)
    )
    assert len(found) == len(labels)
    for (start, stop, text, low, high), label in zip(found, labels, strict=True):
        assert start == pytest.approx(label.start / rate, abs=6e-7)
        assert stop == pytest.approx(label.stop / rate, abs=6e-7)
        assert "\t" not in text
        assert low == pytest.approx(-1.0 if label.low_hz is None else label.low_hz)
        assert high == pytest.approx(-1.0 if label.high_hz is None else label.high_hz)


def read(path: Path, context: ReadContext, data: str | bytes) -> list[LabelRecord]:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    (document,) = FormatRegistry().import_labels(path, context, "audacity")
    (tier,) = document.tiers
    assert tier.name == path.stem
    return list(tier.labels)


def test_a_point_ends_where_it_starts(tmp_path: Path) -> None:
    recording = Recording("a.wav", 8000, 8000)
    tier = Tier("t", "labels", (LabelRecord(4000, 4000, "click"),))
    path = tmp_path / "a.txt"
    FormatRegistry().export_labels(path, [LabelDocument(recording, (tier,))])
    assert path.read_bytes() == b"0.500000\t0.500000\tclick\n"


def test_a_score_goes_into_the_text_if_asked_for(tmp_path: Path) -> None:
    recording = Recording("a.wav", 8000, 8000)
    label = LabelRecord(0, 8000, "dog_bark", score=0.8749, low_hz=100.0)
    document = LabelDocument(recording, (Tier("t", "labels", (label,)),))
    path = tmp_path / "a.txt"
    registry = FormatRegistry()
    report = registry.export_labels(path, [document], options={"score_in_text": True})
    assert path.read_text().splitlines() == [
        "0.000000\t1.000000\tdog_bark [0.87]",
        "\\\t100.000000\t-1.000000",
    ]
    assert report.losses == ()
    assert registry.losses([document], "audacity") == ["1 score is dropped."]


def test_a_text_too_long_for_audacity_is_told(tmp_path: Path) -> None:
    recording = Recording("a.wav", 8000, 8000)
    tier = Tier("t", "labels", (LabelRecord(0, 1, "x" * 261), LabelRecord(2, 3, "x")))
    losses = FormatRegistry().losses([LabelDocument(recording, (tier,))], "audacity")
    assert losses == [
        "1 text is longer than 260 characters; Audacity will not load what is beyond."
    ]


def test_two_three_and_four_columns_are_read(
    tmp_path: Path, context: ReadContext
) -> None:
    text = "1.5\told style\r\n2\t3\r\n3.0\t4.0\tdog\t0.9\r\n5,25\t6,5\tcomma\r\n"
    labels = read(tmp_path / "a.txt", context, text)
    assert [(la.start, la.stop, la.text) for la in labels] == [
        (24000, 24000, "old style"),
        (32000, 48000, ""),
        (48000, 64000, "dog"),
        (84000, 104000, "comma"),
    ]


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_with_a_mark_are_read(
    tmp_path: Path, context: ReadContext, codec: str
) -> None:
    labels = read(tmp_path / "a.txt", context, "0\t1\tgrün 🐦\n".encode(codec))
    assert labels == [LabelRecord(0, 16000, "grün 🐦")]


def test_spectral_lines_are_read(tmp_path: Path, context: ReadContext) -> None:
    text = "0.0\t1.0\ta\n\\\t250.500000\t-1.000000\n1.0\t2.0\tb\n"
    first, second = read(tmp_path / "a.txt", context, text)
    assert (first.low_hz, first.high_hz) == (250.5, None)
    assert (second.low_hz, second.high_hz) == (None, None)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("0\t1\ta\nx\t2\tb\n", "a.txt, line 2, column 1: 'x' is not a time"),
        ("0\t1\ta\n\n2\t1\tb\n", "a.txt, line 3: the label ends before it starts"),
        ("0\tx\tb\n", "a.txt, line 1, column 2"),
        ("\\\t1\t2\n", "a.txt, line 1: a frequency range stands before"),
        ("0\t1\ta\n\\\t9\t2\n", "a.txt, line 2: the high frequency is below"),
        ("0\t1\ta\n\\\t9\n", "a.txt, line 2: the frequency range is incomplete"),
        ("Dear diary,\n", "a.txt, line 1, column 1"),
        ("1e300\t2\ta", "a.txt, line 1, column 1"),
        ("nan\t2\ta", "a.txt, line 1, column 1"),
    ],
)
def test_a_broken_line_is_named(
    tmp_path: Path, context: ReadContext, text: str, place: str
) -> None:
    with pytest.raises(EarmarkError) as caught:
        read(tmp_path / "a.txt", context, text)
    assert caught.value.message.startswith(place)
    assert caught.value.remedy


def test_bytes_that_are_not_text_are_named(
    tmp_path: Path, context: ReadContext
) -> None:
    with pytest.raises(EarmarkError, match=r"a\.txt, line 2: it is not UTF-8 text"):
        read(tmp_path / "a.txt", context, b"0\t1\ta\n\xff\xfe\n")
    with pytest.raises(EarmarkError, match=r"a\.txt, line 1: it is not a text file"):
        read(tmp_path / "a.txt", context, b"RIFF\0\0\0\0")
