"""SubRip subtitles: numbered cues with times in milliseconds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from earmark.core.tasks import Params, param
from earmark.formats.carry import (
    Field,
    counted,
    flat_losses,
    flat_tiers,
    flattened,
    snapped,
    with_fields,
    without_known_turns,
    without_rejected,
)
from earmark.formats.document import (
    LabelDocument,
    LabelRecord,
    Tier,
    clock_text,
    frames_of_ticks,
    in_order,
)
from earmark.formats.format import LabelFormat, ReadContext
from earmark.formats.textfile import file_error, one_line, read_text

_TIMES = re.compile(
    r"\s*(\d{1,5}):(\d{1,2}):(\d{1,2})[,.](\d{1,3})"
    r"\s*-->\s*(\d{1,5}):(\d{1,2}):(\d{1,2})[,.](\d{1,3})(?:\s.*)?",
    re.ASCII,
)
_INDEX = re.compile(r"\s*\d+\s*", re.ASCII)
_FORMATTING = re.compile(
    r"</?(?:[biu]|s|font(?: [^<>]*)?)>|\{\\[^{}]*\}", re.IGNORECASE
)
_ARROW = re.compile(r"--+>")
_KEEPS: frozenset[Field] = frozenset()
_REMEDY = "Times are written as 00:01:02,345 --> 00:01:04,000."


class SrtOptions(Params):
    """Options of an export to SRT."""

    speaker_prefix: bool = param(
        False,
        "Speakers in the text",
        "Begin each text with who speaks: Anna: Good day.",
    )


def _carry(
    documents: Sequence[LabelDocument], options: SrtOptions
) -> list[LabelDocument]:
    def record(label: LabelRecord, rate: int) -> LabelRecord:
        text = _plain(label.text or label.label)
        speaker = _plain(label.speaker)
        # A turn says who speaks, and nothing else.
        if options.speaker_prefix and speaker not in ("", text):
            text = _plain(f"{speaker}: {text}")
        start = max(0, label.start)
        at_least_0 = replace(label, start=start, stop=max(start, label.stop))
        return replace(with_fields(snapped(at_least_0, rate, 1000), _KEEPS), text=text)

    return [
        flattened(document, "segments", "segments", record)
        for document in without_rejected(without_known_turns(documents))
    ]


def _plain(text: str) -> str:
    """A text in which no player finds formatting, nor a reader an arrow."""
    text = _FORMATTING.sub("", one_line(text))
    if _FORMATTING.search(text):
        # Taking tags out has made new ones.
        text = text.replace("<", "").replace("{", "")
    return _ARROW.sub("->", text).strip()


def _write(path: Path, documents: Sequence[LabelDocument], options: SrtOptions) -> None:
    del options  # `carry` has used them
    cues = []
    for document in documents:
        rate = document.recording.rate
        for tier in document.tiers:
            for index, label in enumerate(tier.labels, start=1):
                start = clock_text(label.start, rate, ",")
                stop = clock_text(label.stop, rate, ",")
                cues.append(f"{index}\n{start} --> {stop}\n{label.text}\n\n")
    path.write_text("".join(cues), encoding="utf-8", newline="\n")


def _read(path: Path, context: ReadContext) -> list[LabelDocument]:
    rate = context.recording.rate
    lines = read_text(path).split("\n")
    starts = [n for n, line in enumerate(lines) if "-->" in line]
    _check_lead(path, lines, starts[0] if starts else len(lines))
    labels = []
    for at, following in pairwise([*starts, len(lines)]):
        times = _TIMES.fullmatch(lines[at])
        if times is None:
            raise file_error(
                path, "the times of a cue are not readable", line=at + 1, remedy=_REMEDY
            )
        start, stop = (
            frames_of_ticks(_millis(times.groups()[n : n + 4]), rate, 1000)
            for n in (0, 4)
        )
        if stop < start:
            raise file_error(path, "the cue ends before it starts", line=at + 1)
        text = lines[at + 1 : following]
        if following < len(lines) and len(text) > 1 and _INDEX.fullmatch(text[-1]):
            text.pop()
        labels.append(LabelRecord(start, stop, _plain("\n".join(text))))
    tier = Tier("segments", "segments", in_order(labels))
    return [LabelDocument(context.recording, (tier,))]


def _check_lead(path: Path, lines: Sequence[str], first: int) -> None:
    """Before the first cue's times, only its number may stand."""
    for n, line in enumerate(lines[:first]):
        is_index = n == first - 1 and _INDEX.fullmatch(line) is not None
        if line.strip() and not is_index:
            raise file_error(
                path,
                f"expected a cue's number or times, found {line.strip()[:40]!r}",
                line=n + 1,
                remedy=_REMEDY,
            )


def _millis(parts: Sequence[str]) -> int:
    hours, minutes, seconds = (int(part) for part in parts[:3])
    # ",5" is half a second.
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + int(parts[3].ljust(3, "0"))


def _losses(documents: Sequence[LabelDocument], options: SrtOptions) -> list[str]:
    documents = without_known_turns(documents)
    keeps: frozenset[Field] = _KEEPS
    if options.speaker_prefix:
        keeps = keeps | {"speakers"}
    formatted = sum(
        _FORMATTING.search(label.text) is not None
        for document in without_rejected(documents)
        for tier in flat_tiers(document)
        for label in tier.labels
    )
    moved = []
    if formatted:
        verb = "loses" if formatted == 1 else "lose"
        moved.append(f"{counted(formatted, 'text')} {verb} formatting tags")
    return flat_losses(documents, keeps=keeps, moved=moved)


FORMAT = LabelFormat(
    id="srt",
    title="SubRip subtitles",
    suffixes=(".srt",),
    read=_read,
    write=_write,
    losses=_losses,
    carry=_carry,
    options=SrtOptions,
    names_tiers=False,
)
