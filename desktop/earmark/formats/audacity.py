"""Audacity labels: `start<TAB>end<TAB>text`, with a line for spectral bounds.

Format: https://manual.audacityteam.org/man/importing_and_exporting_labels.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from earmark.core.tasks import Params, param
from earmark.formats.carry import (
    Field,
    flat_losses,
    flat_tiers,
    flattened,
    snapped,
    with_fields,
    without_rejected,
)
from earmark.formats.document import (
    LabelDocument,
    LabelRecord,
    Tier,
    frames_of_seconds,
    in_order,
    seconds_text,
)
from earmark.formats.format import LabelFormat, ReadContext
from earmark.formats.textfile import (
    file_error,
    number,
    one_line,
    read_text,
    real,
    seconds,
)

_LONGEST_TEXT = 260
"""Audacity does not load the text of a longer one again."""

_UNDEFINED = -1.0
_KEEPS: frozenset[Field] = frozenset({"frequencies"})


class AudacityOptions(Params):
    """Options of an export to Audacity."""

    score_in_text: bool = param(
        False, "Score in the text", "Write scores behind the texts: dog_bark [0.87]."
    )


def _carry(
    documents: Sequence[LabelDocument], options: AudacityOptions
) -> list[LabelDocument]:
    def record(label: LabelRecord, rate: int) -> LabelRecord:
        return replace(
            snapped(with_fields(label, _KEEPS), rate, 10**6),
            text=_text(label, options),
            low_hz=_kept_bound(label.low_hz),
            high_hz=_kept_bound(label.high_hz),
        )

    return [
        flattened(document, "labels", "labels", record)
        for document in without_rejected(documents)
    ]


def _text(label: LabelRecord, options: AudacityOptions) -> str:
    text = one_line(label.text or label.label)
    if options.score_in_text and label.score is not None:
        text = f"{text} [{label.score:.2f}]".strip()
    return text


def _kept_bound(hz: float | None) -> float | None:
    return None if hz is None or hz < 0 else float(f"{hz:.6f}")


def _write(
    path: Path, documents: Sequence[LabelDocument], options: AudacityOptions
) -> None:
    del options  # `carry` has used them
    lines = []
    for document in documents:
        rate = document.recording.rate
        for tier in document.tiers:
            for label in tier.labels:
                start = seconds_text(label.start, rate)
                stop = seconds_text(label.stop, rate)
                lines.append(f"{start}\t{stop}\t{label.text}\n")
                if label.low_hz is not None or label.high_hz is not None:
                    low = _UNDEFINED if label.low_hz is None else label.low_hz
                    high = _UNDEFINED if label.high_hz is None else label.high_hz
                    lines.append(f"\\\t{low:.6f}\t{high:.6f}\n")
    path.write_text("".join(lines), encoding="utf-8", newline="\n")


def _read(path: Path, context: ReadContext) -> list[LabelDocument]:
    labels: list[LabelRecord] = []
    for line, text in enumerate(read_text(path).split("\n"), start=1):
        if not text.strip():
            continue
        if text.startswith("\\"):
            if not labels:
                raise file_error(
                    path, "a frequency range stands before the first label", line=line
                )
            low, high = _bounds(path, line, text)
            labels[-1] = replace(labels[-1], low_hz=low, high_hz=high)
        else:
            labels.append(_label(path, line, text, context.recording.rate))
    tier = Tier("labels", "labels", in_order(labels))
    return [LabelDocument(context.recording, (tier,))]


def _label(path: Path, line: int, text: str, rate: int) -> LabelRecord:
    columns = text.split("\t")
    start = _time(columns[0])
    if start is None:
        raise file_error(
            path,
            f"{columns[0][:40]!r} is not a time in seconds",
            line=line,
            field="column 1",
            remedy="A line is: start, tab, end, tab, text.",
        )
    if len(columns) == 1:
        raise file_error(
            path,
            "there is only a time",
            line=line,
            remedy="A line is: start, tab, end, tab, text.",
        )
    stop = _time(columns[1])
    if stop is None:
        if len(columns) > 2:
            raise file_error(
                path,
                f"{columns[1][:40]!r} is not a time in seconds",
                line=line,
                field="column 2",
            )
        # Audacity's oldest files have a time and a text.
        frame = frames_of_seconds(start, rate)
        return LabelRecord(frame, frame, columns[1].strip())
    if stop < start:
        raise file_error(path, "the label ends before it starts", line=line)
    return LabelRecord(
        frames_of_seconds(start, rate),
        frames_of_seconds(stop, rate),
        columns[2].strip() if len(columns) > 2 else "",
    )


def _time(column: str) -> Decimal | None:
    value = number(column)
    return None if value is None else seconds(value)


def _bounds(path: Path, line: int, text: str) -> tuple[float | None, float | None]:
    bounds: list[float | None] = []
    for column, field in enumerate(text.split("\t")[1:3], start=2):
        value = number(field)
        hz = None if value is None else real(value)
        if hz is None:
            raise file_error(
                path,
                f"{field[:40]!r} is not a frequency in Hz",
                line=line,
                field=f"column {column}",
            )
        bounds.append(None if hz < 0 else hz)
    if len(bounds) < 2:
        raise file_error(
            path,
            "the frequency range is incomplete",
            line=line,
            remedy="Such a line is: backslash, tab, low Hz, tab, high Hz.",
        )
    low, high = bounds
    if low is not None and high is not None and high < low:
        raise file_error(path, "the high frequency is below the low one", line=line)
    return low, high


def _losses(documents: Sequence[LabelDocument], options: AudacityOptions) -> list[str]:
    keeps: frozenset[Field] = _KEEPS
    if options.score_in_text:
        keeps = keeps | {"scores"}
    result = flat_losses(documents, keeps=keeps)
    long = sum(
        len(_text(label, options)) > _LONGEST_TEXT
        for document in without_rejected(documents)
        for tier in flat_tiers(document)
        for label in tier.labels
    )
    if long:
        noun = "1 text is" if long == 1 else f"{long} texts are"
        result.append(
            f"{noun} longer than {_LONGEST_TEXT} characters; Audacity will not load "
            "what is beyond."
        )
    return result


FORMAT = LabelFormat(
    id="audacity",
    title="Audacity labels",
    suffixes=(".txt",),
    read=_read,
    write=_write,
    losses=_losses,
    carry=_carry,
    options=AudacityOptions,
    names_tiers=False,
)
