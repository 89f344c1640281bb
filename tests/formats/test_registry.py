"""Choosing formats, and writing files so that nothing is half there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from earmark.core.errors import EarmarkError
from earmark.formats import (
    FormatRegistry,
    LabelDocument,
    LabelFormat,
    LabelRecord,
    ReadContext,
    Recording,
    Tier,
)
from earmark.formats.registry import file_stems


def names(folder: Path) -> list[str]:
    """All files of a folder, the hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


def document(
    name: str, *labels: LabelRecord, path: Path | None = None
) -> LabelDocument:
    recording = Recording(name, 8000, 80000, path=path)
    return LabelDocument(recording, (Tier("t", "labels", labels),))


@pytest.mark.parametrize(
    ("name", "format_id"),
    [
        ("a.csv", "csv"),
        ("a.TSV", "tsv"),
        ("a.txt", "audacity"),
        ("a.selections.txt", "raven"),
        ("a.srt", "srt"),
        ("a.vtt", "webvtt"),
        ("a.textgrid", "textgrid"),
        ("a.json", "whisperx"),
        ("a.labelstudio.json", "label-studio"),
    ],
)
def test_the_ending_names_the_format(
    registry: FormatRegistry, name: str, format_id: str
) -> None:
    assert registry.by_suffix(Path(name)).id == format_id


def test_an_unknown_format_or_ending_lists_those_there_are(
    registry: FormatRegistry,
) -> None:
    with pytest.raises(EarmarkError, match=r"'a\.docx'.*\.TextGrid.*\.csv"):
        registry.by_suffix(Path("a.docx"))
    with pytest.raises(EarmarkError, match=r"'elan'.*csv.*textgrid"):
        registry.by_id("elan")


@pytest.mark.parametrize("known", FormatRegistry().formats, ids=lambda known: known.id)
def test_a_file_is_recognised_whatever_ending_it_shares(
    registry: FormatRegistry, tmp_path: Path, demo: LabelDocument, known: LabelFormat
) -> None:
    path = tmp_path / f"a.{known.suffixes[-1].rsplit('.', 1)[1]}"
    registry.export_labels(path, [demo], known.id)
    assert registry.recognise(path).id == known.id


def test_several_recordings_need_a_format_that_holds_them(
    registry: FormatRegistry, tmp_path: Path
) -> None:
    two = [document("a.wav"), document("b.wav")]
    with pytest.raises(EarmarkError, match=r"about one recording, not about 2.*CSV"):
        registry.export_labels(tmp_path / "a.srt", two)
    assert names(tmp_path) == []


def test_one_file_per_recording(registry: FormatRegistry, tmp_path: Path) -> None:
    label = LabelRecord(0, 8000, "x")
    several = [document(name, label) for name in ("a.wav", "b.flac", "A.mp3")]
    reports = registry.export_each(tmp_path, several, "srt")
    assert [report.path.name for report in reports] == ["a.srt", "b.srt", "A (2).srt"]
    assert names(tmp_path) == ["A (2).srt", "a.srt", "b.srt"]


def test_recordings_of_one_name_are_told_apart(
    registry: FormatRegistry, tmp_path: Path
) -> None:
    label = LabelRecord(0, 8000, "x")
    several = [
        document("a.wav", label, path=Path("/one/a.wav")),
        document("a.wav", label, path=Path("/two/a.wav")),
    ]
    path = tmp_path / "all.csv"
    registry.export_labels(path, several)
    context = ReadContext(several[1].recording, (several[0].recording,))
    found = registry.import_labels(path, context)
    assert [d.recording.path for d in found] == [Path("/one/a.wav"), Path("/two/a.wav")]


def test_a_name_that_several_recordings_have_is_that_of_the_likeliest_path() -> None:
    one = Recording("a.wav", 8000, path=Path("/one/b/a.wav"))
    two = Recording("a.wav", 8000, path=Path("/two/c/a.wav"))
    context = ReadContext(one, (two,))
    assert context.known("c/a.wav") is two
    assert context.known("b/a.wav") is one
    assert context.known("/elsewhere/c/a.wav") is two
    assert context.known("c\\a.wav") is two
    assert context.known("a.wav") is one
    assert context.known("b.wav") is None


def test_an_unknown_option_is_refused(registry: FormatRegistry, tmp_path: Path) -> None:
    with pytest.raises(EarmarkError, match=r"'colour'.*score_in_text"):
        registry.export_labels(
            tmp_path / "a.txt", [document("a.wav")], options={"colour": True}
        )


def test_a_folder_that_is_not_there_is_named(
    registry: FormatRegistry, tmp_path: Path
) -> None:
    path = tmp_path / "missing" / "a.csv"
    with pytest.raises(EarmarkError, match=r"missing.a\.csv cannot be written"):
        registry.export_labels(path, [document("a.wav")])


def test_a_file_that_is_not_there_is_named(
    registry: FormatRegistry, tmp_path: Path, context: ReadContext
) -> None:
    for name in ("a.csv", "a.json"):
        with pytest.raises(EarmarkError, match=rf"{name}: it cannot be read"):
            registry.import_labels(tmp_path / name, context)


def _failing_format(known: LabelFormat, failure: BaseException) -> LabelFormat:
    def write(path: Path, documents: Sequence[LabelDocument], options: Any) -> None:
        path.write_text("half of ")
        raise failure

    return replace(known, write=write)


@pytest.mark.parametrize(
    "failure", [OSError(28, "No space left on device"), RuntimeError("a bug")]
)
def test_a_failed_export_leaves_what_was_there(
    registry: FormatRegistry, tmp_path: Path, failure: Exception
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("precious")
    failing = FormatRegistry([_failing_format(registry.by_id("csv"), failure)])
    expected = EarmarkError if isinstance(failure, OSError) else RuntimeError
    with pytest.raises(expected, match=str(failure.args[-1])):
        failing.export_labels(path, [document("a.wav", LabelRecord(0, 1, "x"))])
    assert names(tmp_path) == ["a.csv"]
    assert path.read_text() == "precious"


@pytest.mark.parametrize("last", ["Writing", "Checking", "Keeping"])
def test_an_export_that_is_ended_at_any_step_leaves_what_was_there(
    registry: FormatRegistry, tmp_path: Path, demo: LabelDocument, last: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("before")

    def end(step: str) -> None:
        if step == f"{last} a.csv":
            raise LookupError(step)

    with pytest.raises(LookupError):
        registry.export_labels(path, [demo], step=end)
    assert path.read_text() == "before"
    assert names(tmp_path) == ["a.csv"]


@pytest.mark.parametrize("last", [1, 2])
def test_of_a_file_and_the_one_beside_it_none_is_new_if_one_cannot_be_stored(
    registry: FormatRegistry,
    tmp_path: Path,
    demo: LabelDocument,
    monkeypatch: pytest.MonkeyPatch,
    last: int,
) -> None:
    path = tmp_path / "a.json"
    registry.export_labels(path, [demo], "label-studio")
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    assert len(before) == 2
    flush, left = os.fsync, [None] * last

    def until_the_disk_is_full(handle: int) -> None:
        left.pop()
        if not left:
            raise OSError(28, "No space left on device")
        flush(handle)

    monkeypatch.setattr(os, "fsync", until_the_disk_is_full)
    with pytest.raises(EarmarkError, match="No space left"):
        registry.export_labels(path, [document("other.wav")], "label-studio")
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before


def test_what_reads_back_differently_is_not_kept(
    registry: FormatRegistry, tmp_path: Path
) -> None:
    known = registry.by_id("csv")

    def write(path: Path, documents: Sequence[LabelDocument], options: Any) -> None:
        first = replace(documents[0].tiers[0], labels=documents[0].tiers[0].labels[:1])
        known.write(path, [replace(documents[0], tiers=(first,))], options)

    forgetful = FormatRegistry([replace(known, write=write)])
    two = document("a.wav", LabelRecord(0, 1, "x"), LabelRecord(2, 3, "y"))
    with pytest.raises(EarmarkError, match="are not the same, so it was not kept"):
        forgetful.export_labels(tmp_path / "a.csv", [two])
    assert names(tmp_path) == []


def test_a_plugin_adds_a_format(tmp_path: Path) -> None:
    def write(path: Path, documents: Sequence[LabelDocument], options: Any) -> None:
        labels = [la for d in documents for t in d.tiers for la in t.labels]
        path.write_text("".join(f"{la.start} {la.text}\n" for la in labels))

    def read(path: Path, context: ReadContext) -> list[LabelDocument]:
        pairs = [line.split(" ", 1) for line in path.read_text().splitlines()]
        labels = tuple(LabelRecord(int(at), int(at), text) for at, text in pairs)
        return [LabelDocument(context.recording, (Tier("t", "labels", labels),))]

    frames = LabelFormat(
        id="frames",
        title="Frames",
        suffixes=(".frames",),
        read=read,
        write=write,
        losses=lambda documents, options: ["Ends are dropped."],
    )
    registry = FormatRegistry([frames])
    path = tmp_path / "a.frames"
    report = registry.export_labels(path, [document("a.wav", LabelRecord(5, 9, "x"))])
    assert report.losses == ("Ends are dropped.",)
    (back,) = registry.import_labels(path, ReadContext(Recording("a.wav", 8000)))
    assert back.tiers[0].labels == (LabelRecord(5, 5, "x"),)


@pytest.mark.parametrize("known", FormatRegistry().formats, ids=lambda known: known.id)
def test_twenty_thousand_labels_are_no_special_case(
    registry: FormatRegistry, tmp_path: Path, known: LabelFormat
) -> None:
    labels = tuple(
        LabelRecord(n * 400, n * 400 + 300, f"w{n % 50}") for n in range(20_000)
    )
    path = tmp_path / f"a{known.suffixes[0]}"
    report = registry.export_labels(path, [document("a.wav", *labels)], known.id)
    assert report.labels == len(labels)


def test_file_names_of_any_script_fit_into_the_bytes_of_a_file_system() -> None:
    stems = file_stems(["録音" * 60, "録音" * 60, "recording " * 20, "🎵" * 80])
    assert all(len(f"{stem}.labelstudio.json".encode()) <= 255 for stem in stems)
    assert len(set(stems)) == 4
    assert stems[0] == ("録音" * 60)[:66]


def test_the_files_of_an_export_are_known_before_it(tmp_path: Path) -> None:
    registry = FormatRegistry()
    documents = [document("one.wav"), document("two.wav")]
    expected = registry.files_of_each(tmp_path, documents, "csv")
    reports = registry.export_each(tmp_path, documents, "csv")
    assert [report.path for report in reports] == expected
    assert names(tmp_path) == ["one.csv", "two.csv"]
