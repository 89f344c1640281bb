"""CSV, TSV and Raven selection tables."""

from __future__ import annotations

import csv
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

HEADER = (
    "file,start_s,end_s,low_hz,high_hz,channel,tier,label,text,score,source,model,"
    "status"
)


def rows_of(path: Path, delimiter: str, quoting: int = csv.QUOTE_MINIMAL) -> list[dict]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter, quoting=quoting))


def all_labels(documents: list[LabelDocument]) -> list[tuple[str, str, LabelRecord]]:
    return [
        (document.recording.file, tier.name, label)
        for document in documents
        for tier in document.tiers
        for label in tier.labels
    ]


@pytest.mark.parametrize(("suffix", "delimiter"), [("csv", ","), ("tsv", "\t")])
@given(document=documents(file="a,b.wav"))
@settings(max_examples=40, deadline=None)
def test_the_csv_module_reads_the_same_cells(
    registry: FormatRegistry,
    folder: Path,
    suffix: str,
    delimiter: str,
    document: LabelDocument,
) -> None:
    path = folder / f"a.{suffix}"
    registry.export_labels(path, [document])
    read_back = registry.import_labels(path, ReadContext(document.recording))
    rate = document.recording.rate
    found = [
        (
            row["file"],
            row["tier"],
            round(float(row["start_s"]) * rate),
            round(float(row["end_s"]) * rate),
            row["text"] or row["label"],
            float(row["score"]) if row["score"] else None,
            float(row["low_hz"]) if row["low_hz"] else None,
            row["model"],
            row["status"],
        )
        for row in rows_of(path, delimiter)
    ]
    wanted = [
        (
            file,
            tier,
            la.start,
            la.stop,
            la.text,
            la.score,
            la.low_hz,
            la.model,
            la.status,
        )
        for file, tier, la in all_labels(read_back)
    ]
    assert sorted(map(repr, found)) == sorted(map(repr, wanted))


def test_csv_is_written_as_specified(tmp_path: Path, demo: LabelDocument) -> None:
    path = tmp_path / "a.csv"
    FormatRegistry().export_labels(path, [demo])
    lines = path.read_bytes().decode().split("\n")
    assert lines[0] == f"{HEADER},speaker"
    assert lines[1] == (
        'demo.wav,0.000000,1.000000,,,,segments,,"He said ""hi"" & left",0.9,'
        "speech-recognition,whisper-tiny@abc,predicted,Ann"
    )
    assert lines[5] == (
        "demo.wav,0.002268,0.113379,1000.5,8000,1,birds,robin,,,,,confirmed,"
    )
    assert lines[-1] == ""


def test_without_speakers_there_is_no_column_for_them(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    tier = Tier("t", "labels", (LabelRecord(0, 8000, "x"),))
    FormatRegistry().export_labels(
        path, [LabelDocument(Recording("a.wav", 8000), (tier,))]
    )
    assert path.read_text() == (
        f"{HEADER}\na.wav,0.000000,1.000000,,,,t,x,,,,,confirmed\n"
    )


def test_a_table_without_labels_is_its_header(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    registry = FormatRegistry()
    registry.export_labels(path, [LabelDocument(Recording("a.wav", 8000))])
    assert path.read_text() == f"{HEADER}\n"
    assert registry.import_labels(path, ReadContext(Recording("a.wav", 8000))) == []


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x"])
def test_formulas_are_neutralised_on_request_and_told(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "a.csv"
    tier = Tier("t", "labels", (LabelRecord(0, 1, text, score=-0.5),))
    document = LabelDocument(Recording("a.wav", 8000), (tier,))
    registry = FormatRegistry()
    report = registry.export_labels(
        path, [document], options={"neutralise_formulas": True}
    )
    (row,) = rows_of(path, ",")
    assert row["label"] == f"'{text}"
    assert row["score"] == "-0.5"
    assert report.losses == (
        "1 cell that a spreadsheet would run as a formula gets an apostrophe in front.",
    )
    assert registry.export_labels(path, [document]).losses == ()
    assert rows_of(path, ",")[0]["label"] == text


def read(path: Path, context: ReadContext, data: str) -> list[LabelDocument]:
    path.write_bytes(data.encode())
    return FormatRegistry().import_labels(path, context)


def test_columns_of_any_order_and_name_are_read(
    tmp_path: Path, context: ReadContext
) -> None:
    text = (
        "\ufeffsep=;\r\nEvent Label;Weather;Onset;Duration;Confidence\r\n"
        '"bark; loud";rain;"1,5";0,5;0.9\r\n\r\nmeow;;2;;n/a\r\n'
    )
    (document,) = read(tmp_path / "a.csv", context, text)
    (tier,) = document.tiers
    assert tier.labels == (
        LabelRecord(24000, 32000, "bark; loud", score=0.9),
        LabelRecord(32000, 32000, "meow"),
    )
    assert document.notes == ("Columns of a.csv that were not imported: Weather.",)


def test_a_class_beside_a_text_is_kept(tmp_path: Path, context: ReadContext) -> None:
    text = "start,end,label,text\n0,1,speech,good morning\n1,2,music,\n"
    (document,) = read(tmp_path / "a.csv", context, text)
    (tier,) = document.tiers
    assert tier.kind == "segments"
    assert [(la.text, la.label) for la in tier.labels] == [
        ("good morning", "speech"),
        ("music", ""),
    ]


def test_files_of_other_rates_use_their_own(tmp_path: Path) -> None:
    context = ReadContext(
        Recording("a.wav", 8000), (Recording("b.wav", 44100), Recording("c.wav", 16000))
    )
    text = "file,start_s,end_s,label\n/data/b.wav,0,1,x\nC:\\d\\c.wav,0,1,y\n,0,1,z\n"
    found = read(tmp_path / "a.csv", context, text)
    assert [(d.recording.file, d.tiers[0].labels[0].stop) for d in found] == [
        ("b.wav", 44100),
        ("c.wav", 16000),
        ("a.wav", 8000),
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a,b\n1,2\n", "a.csv, line 1: there is no column for the start"),
        ("", "a.csv, line 1: there is no column for the start"),
        ("start,end\n1,2\nx,3\n", "a.csv, line 3, column start: 'x' is not a time"),
        ("start,end\n1,2\n,3\n", "a.csv, line 3, column start: '' is not a time"),
        ("start,end\n2,1\n", "a.csv, line 2: the label ends before it starts"),
        ("start,end\n1,2,3\n", "a.csv, line 2: there are 3 cells under 2 columns"),
        (
            "start,score\n1,high\n",
            "a.csv, line 2, column score: 'high' is not a number",
        ),
        ("start,channel\n1,-1\n", "a.csv, line 2, column channel: '-1' is not a"),
        ("start,channel\n1,0.5\n", "a.csv, line 2, column channel"),
        ("start,low_hz,high_hz\n1,9,2\n", "a.csv, line 2, column high_hz: the high"),
        ('start,label\n1,x\n2,"open\n\n', "a.csv, line 3: the quotes do not match"),
        ('start,label\n1,"a\nb"\nx,y\n', "a.csv, line 4, column start"),
        ("start,label\n1_0,x\n", "a.csv, line 2, column start"),
        ("start,label\n1e99,x\n", "a.csv, line 2, column start"),
        ("\n\nstart,label\nx,x\n", "a.csv, line 4, column start"),
    ],
)
def test_a_broken_cell_is_named(
    tmp_path: Path, context: ReadContext, text: str, place: str
) -> None:
    with pytest.raises(EarmarkError) as caught:
        read(tmp_path / "a.csv", context, text)
    assert caught.value.message.startswith(place)
    assert caught.value.remedy


def test_a_cell_may_be_of_any_length(tmp_path: Path, context: ReadContext) -> None:
    (document,) = read(tmp_path / "a.csv", context, f"start,label\n0,{'x' * 300_000}\n")
    assert len(document.tiers[0].labels[0].text) == 300_000
    assert csv.field_size_limit() == 131_072


@given(document=documents())
@settings(max_examples=40, deadline=None)
def test_raven_tables_are_plain_tab_separated_tables(
    registry: FormatRegistry, folder: Path, document: LabelDocument
) -> None:
    path = folder / "a.selections.txt"
    registry.export_labels(path, [document])
    rows = rows_of(path, "\t", csv.QUOTE_NONE)
    read_back = registry.import_labels(path, ReadContext(document.recording))
    rate = document.recording.rate
    assert [int(row["Selection"]) for row in rows] == list(range(1, len(rows) + 1))
    assert sorted(
        (
            round(float(row["Begin Time (s)"]) * rate),
            round(float(row["End Time (s)"]) * rate),
            row["Annotation"],
            row["Tier"],
        )
        for row in rows
    ) == sorted((la.start, la.stop, la.text, t) for _, t, la in all_labels(read_back))
    for row in rows:
        assert row["View"] == "Spectrogram 1"
        assert 1 <= int(row["Channel"]) <= document.recording.channels
        assert 0 <= float(row["Low Freq (Hz)"]) <= float(row["High Freq (Hz)"])


def test_raven_is_written_as_specified(tmp_path: Path, demo: LabelDocument) -> None:
    path = tmp_path / "a.selections.txt"
    report = FormatRegistry().export_labels(path, [demo])
    lines = path.read_bytes().decode().split("\n")
    assert lines[0] == (
        "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\t"
        "High Freq (Hz)\tAnnotation\tConfidence\tTier\tSpeaker\tSource\tModel\tStatus"
    )
    assert lines[3] == (
        "3\tSpectrogram 1\t2\t0.002268\t0.113379\t1000.5\t8000.0\trobin\t\tbirds"
        "\t\t\t\tconfirmed"
    )
    assert " ".join(report.losses) == (
        "7 labels of all channels go to channel 1; line breaks in 1 text become spaces."
    )


def test_raven_counts_time_through_all_recordings(tmp_path: Path) -> None:
    def document(name: str, rate: int) -> LabelDocument:
        tier = Tier("t", "labels", (LabelRecord(rate, rate * 2, name[0]),))
        return LabelDocument(
            Recording(name, rate, rate * 10, 1, Path("/data") / name), (tier,)
        )

    documents = [document("a.wav", 8000), document("b.wav", 44100)]
    path = tmp_path / "all.selections.txt"
    registry = FormatRegistry()
    registry.export_labels(path, documents)
    rows = rows_of(path, "\t")
    assert [
        (r["Begin Time (s)"], r["File Offset (s)"], r["Begin Path"]) for r in rows
    ] == [
        ("1.000000", "1.000000", "/data/a.wav"),
        ("11.000000", "1.000000", "/data/b.wav"),
    ]
    context = ReadContext(documents[0].recording, (documents[1].recording,))
    assert [
        d.tiers[0].labels[0].start for d in registry.import_labels(path, context)
    ] == [
        8000,
        44100,
    ]


def test_ravens_own_tables_are_read(tmp_path: Path, context: ReadContext) -> None:
    text = (
        "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\t"
        "High Freq (Hz)\tDelta Time (s)\tSpecies\tNotes\r\n"
        "1\tWaveform 1\t1\t1.0\t2.0\t0.0\t8000.0\t1\tEurasian Wren\t\r\n"
        '1\tSpectrogram 1\t1\t1.0\t2.0\t1500.0\t6000.0\t1\tEurasian Wren\t5" away\r\n'
        "2\tWaveform 1\t1\t3.0\t4.0\t0.0\t8000.0\t1\tRobin\t\r\n"
    )
    path = tmp_path / "morning.Table.1.selections.txt"
    (document,) = read(path, context, text)
    assert document.tiers[0].labels == (
        LabelRecord(16000, 32000, "Eurasian Wren", low_hz=1500.0, high_hz=6000.0),
        LabelRecord(48000, 64000, "Robin"),
    )
    assert document.notes == (
        f"Columns of {path.name} that were not imported: Delta Time (s), Notes.",
    )


def test_a_broken_raven_cell_is_named(tmp_path: Path, context: ReadContext) -> None:
    head = "Selection\tChannel\tBegin Time (s)\tEnd Time (s)\n"
    path = tmp_path / "a.txt"
    with pytest.raises(EarmarkError, match=r"a\.txt, line 3, column Channel: '0' is"):
        read(path, context, f"{head}1\t1\t0\t1\n2\t0\t0\t1\n")
    with pytest.raises(
        EarmarkError, match=r"a\.txt, line 2, column End Time \(s\): 'x'"
    ):
        read(path, context, f"{head}1\t1\t0\tx\n")
    with pytest.raises(EarmarkError, match=r"a\.txt, line 1: there is no column 'End"):
        read(path, context, "Begin Time (s)\n1\n")


def test_a_broken_table_leaves_the_csv_module_as_it_was(
    tmp_path: Path, context: ReadContext
) -> None:
    with pytest.raises(EarmarkError) as caught:
        read(tmp_path / "a.csv", context, "start,label\n1,2,3\n4,x\n")
    # The error holds on to the frames of the reader until it is dropped.
    assert caught.value.__traceback__ is not None
    assert csv.field_size_limit() == 131_072
