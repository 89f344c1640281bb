"""CSV and TSV tables, Earmark's own default for labels.

RFC 4180 quoting; times in seconds with 6 decimals; an empty cell is unknown. Channels
count from 0. A column `speaker` follows the others where there are speakers.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from earmark.core.labels import STATUSES, LabelStatus
from earmark.core.tasks import Params, param
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
    tier_kind,
    unique_names,
)
from earmark.formats.format import LabelFormat, ReadContext
from earmark.formats.table import Row, read_table
from earmark.formats.textfile import file_error, number_text, one_line, read_text

COLUMNS = (
    "file",
    "start_s",
    "end_s",
    "low_hz",
    "high_hz",
    "channel",
    "tier",
    "label",
    "text",
    "score",
    "source",
    "model",
    "status",
)

_NAMES: dict[str, tuple[str, ...]] = {
    "start_s": (
        "start_s", "start", "onset", "onset_s", "begin_s", "begin", "start_time",
        "start_time_s", "start_time_seconds", "begin_time_s", "begin_time", "xmin",
        "tmin",
    ),
    "end_s": (
        "end_s", "end", "stop_s", "stop", "offset", "offset_s", "end_time",
        "end_time_s", "end_time_seconds", "stop_time", "xmax", "tmax",
    ),
    "duration_s": ("duration_s", "duration", "dur"),
    "file": (
        "file", "filename", "file_name", "filepath", "path", "audio", "audio_file",
        "recording", "clip_id",
    ),
    "low_hz": ("low_hz", "low_freq_hz", "low_freq", "min_frequency", "freq_low"),
    "high_hz": ("high_hz", "high_freq_hz", "high_freq", "max_frequency", "freq_high"),
    "channel": ("channel", "channels"),
    "tier": ("tier", "track", "layer"),
    "label": (
        "label", "event_label", "class", "class_name", "annotation", "tag", "event",
        "species", "common_name", "category", "name",
    ),
    "text": (
        "text", "transcript", "transcription", "sentence", "utterance", "word",
    ),
    "score": ("score", "confidence", "probability"),
    "source": ("source", "annotator"),
    "model": ("model",),
    "status": ("status",),
    "speaker": ("speaker", "speaker_id"),
}  # fmt: skip

_FORMULA = ("=", "+", "-", "@")
STATUS_NAMES: dict[str, LabelStatus] = {status: status for status in STATUSES}


class TableOptions(Params):
    """Options of an export to CSV or TSV."""

    neutralise_formulas: bool = param(
        False,
        "Neutralise formulas",
        "Put an apostrophe before texts that a spreadsheet would run as a formula.",
    )


def _carry(
    documents: Sequence[LabelDocument], options: TableOptions
) -> list[LabelDocument]:
    cell = _cell(options)
    result = []
    for document in map(words_as_tiers, documents):
        rate = document.recording.rate
        tiers = []
        for tier in document.tiers:
            spoken = tier.kind in ("segments", "words") or any(
                label.label for label in tier.labels
            )
            labels = [_carried(label, rate, spoken, cell) for label in tier.labels]
            if labels:
                name = cell(tier.name) or tier.kind
                said = spoken and any(label.text for label in labels)
                kind = tier_kind(name, spoken=said)
                tiers.append(Tier(name, kind, in_order(labels)))
        if tiers:
            recording = document.recording
            recording = replace(recording, file=cell(recording.file))
            result.append(LabelDocument(recording, unique_names(tiers)))
    return result


def _cell(options: TableOptions) -> Callable[[str], str]:
    return _neutral if options.neutralise_formulas else one_line


def _neutral(text: str) -> str:
    line = one_line(text)
    return f"'{line}" if line.startswith(_FORMULA) else line


def _carried(
    label: LabelRecord, rate: int, spoken: bool, cell: Callable[[str], str]
) -> LabelRecord:
    text, name = cell(label.text), cell(label.label)
    if not text or not spoken:
        # One of the two columns is empty, so the reader takes the other as the text.
        text, name = text or name, ""
    return replace(
        snapped(with_fields(label, ALL_FIELDS), rate, 10**6),
        text=text,
        label=name,
        speaker=cell(label.speaker),
        source=cell(label.source),
        model=cell(label.model),
    )


def _write(
    path: Path,
    documents: Sequence[LabelDocument],
    options: TableOptions,
    *,
    delimiter: str,
) -> None:
    del options  # `carry` has used them
    speakers = any(
        label.speaker
        for document in documents
        for tier in document.tiers
        for label in tier.labels
    )
    columns = (*COLUMNS, "speaker") if speakers else COLUMNS
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerow(columns)
        for document in documents:
            for tier in document.tiers:
                for label in tier.labels:
                    cells = _cells(document.recording, tier, label)
                    writer.writerow(cells[: len(columns)])


def _cells(recording: Recording, tier: Tier, label: LabelRecord) -> list[str]:
    spoken = tier.kind in ("segments", "words")
    return [
        recording.file,
        seconds_text(label.start, recording.rate),
        seconds_text(label.stop, recording.rate),
        "" if label.low_hz is None else number_text(label.low_hz),
        "" if label.high_hz is None else number_text(label.high_hz),
        "" if label.channel is None else str(label.channel),
        tier.name,
        label.label if spoken else label.text,
        label.text if spoken else "",
        "" if label.score is None else number_text(label.score),
        label.source,
        label.model,
        label.status,
        label.speaker,
    ]


def _read(path: Path, context: ReadContext) -> list[LabelDocument]:
    table = read_table(path, read_text(path), _NAMES, delimiters=",\t;", quoted=True)
    if "start_s" not in table.fields:
        raise file_error(
            path,
            "there is no column for the start of a label",
            line=1,
            remedy=f"The first line names the columns: {', '.join(COLUMNS)}.",
        )
    found: dict[str, dict[str, list[tuple[LabelRecord, bool]]]] = {}
    recordings: dict[str, Recording] = {}
    unknown_status = False
    for row in table.rows:
        file = row.text("file")
        if file not in recordings:
            recordings[file] = context.named(file)
        tier = row.text("tier") or "labels"
        status = row.text("status").casefold()
        unknown_status |= bool(status) and status not in STATUS_NAMES
        found.setdefault(file, {}).setdefault(tier, []).append(
            _label(row, recordings[file].rate, STATUS_NAMES.get(status, "confirmed"))
        )
    notes = table.notes(path)
    if unknown_status:
        notes += (f"{path.name} has review states that Earmark does not know.",)
    return [
        LabelDocument(
            recordings[file],
            tuple(
                Tier(
                    name,
                    tier_kind(name, spoken=any(spoken for _, spoken in labels)),
                    in_order(label for label, _ in labels),
                )
                for name, labels in tiers.items()
            ),
            notes=notes,
        )
        for file, tiers in found.items()
    ]


def _label(row: Row, rate: int, status: LabelStatus) -> tuple[LabelRecord, bool]:
    """The label of a row, and whether its text is speech."""
    start = row.needed_time("start_s")
    stop = row.time("end_s")
    if stop is None:
        stop = start + (row.time("duration_s") or 0)
    if stop < start:
        raise file_error(row.path, "the label ends before it starts", line=row.line)
    text, name = row.text("text"), row.text("label")
    low_hz, high_hz = row.band("low_hz", "high_hz")
    record = LabelRecord(
        start=frames_of_seconds(start, rate),
        stop=frames_of_seconds(stop, rate),
        text=text or name,
        label=name if text else "",
        low_hz=low_hz,
        high_hz=high_hz,
        channel=row.channel("channel", first=0),
        score=row.real("score"),
        speaker=row.text("speaker"),
        source=row.text("source"),
        model=row.text("model"),
        status=status,
    )
    return record, bool(text)


def _losses(documents: Sequence[LabelDocument], options: TableOptions) -> list[str]:
    result = loss_sentences(documents, keeps=ALL_FIELDS)
    if options.neutralise_formulas:
        changed = sum(
            cell.startswith(_FORMULA)
            for document in documents
            for tier in document.tiers
            for label in tier.labels
            for cell in map(
                one_line,
                (
                    document.recording.file,
                    tier.name,
                    label.text,
                    label.label,
                    label.source,
                    label.model,
                    label.speaker,
                ),
            )
        )
        if changed:
            verb = "gets" if changed == 1 else "get"
            result.append(
                f"{counted(changed, 'cell')} that a spreadsheet would run as a formula "
                f"{verb} an apostrophe in front."
            )
    return result


def _table_format(name: str, title: str, suffix: str, delimiter: str) -> LabelFormat:
    return LabelFormat(
        id=name,
        title=title,
        suffixes=(suffix,),
        read=_read,
        write=partial(_write, delimiter=delimiter),
        losses=_losses,
        carry=_carry,
        options=TableOptions,
        many=True,
    )


CSV = _table_format("csv", "CSV table", ".csv", ",")
TSV = _table_format("tsv", "TSV table", ".tsv", "\t")
