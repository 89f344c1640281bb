"""Raven selection tables: tab-separated, with frequencies, and columns of one's own.

Labels without a frequency range span 0 Hz to half the rate, as Raven's own do, and such
a range is unbounded when it is read. Tables about several recordings count
`Begin Time (s)` through all of them, and `File Offset (s)` within each.

Format: https://ravensoundsoftware.com/knowledge-base/ (selection tables)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from earmark.core.labels import LabelStatus
from earmark.core.tasks import Params
from earmark.formats.carry import (
    ALL_FIELDS,
    counted,
    loss_sentences,
    snapped,
    with_fields,
    words_as_tiers,
)
from earmark.formats.document import (
    LabelDocument,
    LabelRecord,
    Recording,
    Tier,
    frames_of_seconds,
    in_order,
    seconds_text,
    ticks,
    tier_kind,
    unique_names,
)
from earmark.formats.format import LabelFormat, ReadContext
from earmark.formats.spreadsheet import STATUS_NAMES
from earmark.formats.table import Row, read_table
from earmark.formats.textfile import file_error, number_text, one_line, read_text

_HEADER = (
    "Selection",
    "View",
    "Channel",
    "Begin Time (s)",
    "End Time (s)",
    "Low Freq (Hz)",
    "High Freq (Hz)",
)
_FREE = (
    "Annotation",
    "Confidence",
    "Tier",
    "Class",
    "Speaker",
    "Source",
    "Model",
    "Status",
)
_NAMES: dict[str, tuple[str, ...]] = {
    "selection": ("selection",),
    "view": ("view",),
    "channel": ("channel",),
    "begin": ("begin_time_s",),
    "end": ("end_time_s",),
    "low": ("low_freq_hz",),
    "high": ("high_freq_hz",),
    "file": ("begin_path", "begin_file"),
    "offset": ("file_offset_s",),
    "annotation": (
        "annotation", "annotations", "common_name", "label", "species", "call_type",
        "class", "species_code", "type",
    ),
    "class": ("class",),
    "score": ("confidence", "score"),
    "tier": ("tier",),
    "speaker": ("speaker",),
    "source": ("source",),
    "model": ("model",),
    "status": ("status",),
}  # fmt: skip


def _carry(documents: Sequence[LabelDocument], options: Params) -> list[LabelDocument]:
    del options
    result = []
    for document in map(words_as_tiers, documents):
        recording = document.recording
        recording = replace(recording, file=one_line(recording.file))
        tiers = []
        for tier in document.tiers:
            labels = in_order(_carried(label, recording) for label in tier.labels)
            if labels:
                name = one_line(tier.name) or tier.kind
                tiers.append(Tier(name, tier_kind(name), labels))
        if tiers:
            result.append(LabelDocument(recording, unique_names(tiers)))
    return result


def _carried(label: LabelRecord, recording: Recording) -> LabelRecord:
    text, name = one_line(label.text), one_line(label.label)
    return replace(
        snapped(with_fields(label, ALL_FIELDS), recording.rate, 10**6),
        text=text or name,
        label=name if text else "",
        low_hz=_low(label.low_hz),
        high_hz=_high(label.high_hz, recording.rate),
        channel=None if recording.channels == 1 else label.channel or 0,
        speaker=one_line(label.speaker),
        source=one_line(label.source),
        model=one_line(label.model),
    )


def _low(hz: float | None) -> float | None:
    return None if hz is None or round(hz, 1) <= 0 else round(hz, 1)


def _high(hz: float | None, rate: int) -> float | None:
    return None if hz is None or round(hz, 1) >= round(rate / 2, 1) else round(hz, 1)


def _write(path: Path, documents: Sequence[LabelDocument], options: Params) -> None:
    del options
    many = len(documents) > 1
    rows: list[dict[str, str]] = []
    base = 0
    for document in documents:
        recording = document.recording
        labels = [(label, tier) for tier in document.tiers for label in tier.labels]
        labels.sort(key=lambda pair: (pair[0].start, pair[0].stop))
        for label, tier in labels:
            row = _row(len(rows) + 1, base, label, tier, recording)
            if many:
                row["Begin Path"] = _path_text(recording)
                row["File Offset (s)"] = seconds_text(label.start, recording.rate)
            rows.append(row)
        end = max([recording.frames or 0, *(label.stop for label, _ in labels)])
        base += ticks(end, recording.rate, 10**6)
    columns = [
        *_HEADER,
        *(("Begin Path", "File Offset (s)") if many else ()),
        *(name for name in _FREE if name == "Annotation" or any(r[name] for r in rows)),
    ]
    lines = ["\t".join(columns), *("\t".join(r[c] for c in columns) for r in rows), ""]
    path.write_text("\n".join(lines), encoding="utf-8", newline="\n")


def _row(
    selection: int, base: int, label: LabelRecord, tier: Tier, recording: Recording
) -> dict[str, str]:
    rate = recording.rate
    low = label.low_hz or 0.0
    high = max(rate / 2, low) if label.high_hz is None else label.high_hz
    return {
        "Selection": str(selection),
        "View": "Spectrogram 1",
        "Channel": str((label.channel or 0) + 1),
        "Begin Time (s)": seconds_text(base + ticks(label.start, rate, 10**6), 10**6),
        "End Time (s)": seconds_text(base + ticks(label.stop, rate, 10**6), 10**6),
        "Low Freq (Hz)": f"{low:.1f}",
        "High Freq (Hz)": f"{high:.1f}",
        "Annotation": label.text,
        "Confidence": "" if label.score is None else number_text(label.score),
        "Tier": tier.name,
        "Class": label.label,
        "Speaker": label.speaker,
        "Source": label.source,
        "Model": label.model,
        "Status": label.status,
    }


def _path_text(recording: Recording) -> str:
    path = str(recording.path or "")
    return path if path and one_line(path) == path else recording.file


def _read(path: Path, context: ReadContext) -> list[LabelDocument]:
    table = read_table(path, read_text(path), _NAMES, delimiters="\t", quoted=False)
    for field, caption in (("begin", "Begin Time (s)"), ("end", "End Time (s)")):
        if field not in table.fields:
            raise file_error(
                path,
                f"there is no column {caption!r}",
                line=1,
                remedy="Choose a selection table as Raven saves it.",
            )
    found: dict[str, dict[str, list[LabelRecord]]] = {}
    recordings: dict[str, Recording] = {}
    for row in _without_repeats(table.rows):
        file = row.text("file")
        if file not in recordings:
            recordings[file] = context.named(file)
        tier = row.text("tier") or "labels"
        label = _label(row, recordings[file])
        found.setdefault(file, {}).setdefault(tier, []).append(label)
    notes = table.notes(path)
    return [
        LabelDocument(
            recordings[file],
            tuple(
                Tier(name, tier_kind(name), in_order(labels))
                for name, labels in tiers.items()
            ),
            notes=notes,
        )
        for file, tiers in found.items()
    ]


def _without_repeats(rows: Sequence[Row]) -> Iterable[Row]:
    """The rows without those that show a selection a second time, in a waveform."""
    seen = {
        row.text("selection")
        for row in rows
        if not row.text("view").startswith("Waveform")
    }
    for row in rows:
        repeats = row.text("view").startswith("Waveform")
        if not (repeats and row.text("selection") in seen):
            yield row


def _label(row: Row, recording: Recording) -> LabelRecord:
    begin, end = row.needed_time("begin"), row.needed_time("end")
    if end < begin:
        raise file_error(row.path, "the selection ends before it begins", line=row.line)
    offset = row.time("offset")
    start = begin if offset is None else offset
    low, high = row.band("low", "high")
    channel = row.channel("channel", first=1)
    status: LabelStatus = STATUS_NAMES.get(row.text("status").casefold(), "confirmed")
    return LabelRecord(
        start=frames_of_seconds(start, recording.rate),
        stop=frames_of_seconds(start + (end - begin), recording.rate),
        text=row.text("annotation") or row.text("class"),
        label=row.text("class") if row.text("annotation") else "",
        low_hz=None if low is None or low <= 0 else low,
        high_hz=_high(high, recording.rate),
        channel=None if recording.channels == 1 else channel,
        score=row.real("score"),
        speaker=row.text("speaker"),
        source=row.text("source"),
        model=row.text("model"),
        status=status,
    )


def _losses(documents: Sequence[LabelDocument], options: Params) -> list[str]:
    del options
    everywhere = sum(
        label.channel is None
        for document in documents
        if document.recording.channels > 1
        for tier in document.tiers
        for label in tier.labels
    )
    moved = []
    if everywhere:
        moved.append(f"{counted(everywhere, 'label')} of all channels go to channel 1")
    return loss_sentences(documents, keeps=ALL_FIELDS, moved=moved)


FORMAT = LabelFormat(
    id="raven",
    title="Raven selection table",
    suffixes=(".selections.txt", ".raven.txt", ".txt"),
    read=_read,
    write=_write,
    losses=_losses,
    carry=_carry,
    many=True,
    recognises=lambda head: "Begin Time (s)" in head.split("\n", 1)[0],
)
