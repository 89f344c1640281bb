"""WebVTT captions, with speakers as voice tags.

Format: https://www.w3.org/TR/webvtt1/
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from earmark.core.tasks import Params
from earmark.formats.carry import (
    Field,
    counted,
    flat_losses,
    flat_tiers,
    flattened,
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
    ticks,
)
from earmark.formats.format import LabelFormat, ReadContext
from earmark.formats.textfile import file_error, one_line, read_text

_CLOCK = r"(?:(\d{1,5}):)?(\d{1,2}):(\d{1,2})[.,](\d{3})"
_TIMES = re.compile(rf"\s*{_CLOCK}\s*-->\s*{_CLOCK}(?:\s.*)?", re.ASCII)
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?[ ]([^<>]*)>")
_TAG = re.compile(r"<[^<>]*>")
_SKIPPED = re.compile(r"(NOTE|STYLE|REGION)(\s|$)")
_KEEPS: frozenset[Field] = frozenset({"speakers"})
_REMEDY = "Times are written as 00:01:02.345 --> 00:01:04.000."


def _carry(documents: Sequence[LabelDocument], options: Params) -> list[LabelDocument]:
    del options

    def record(label: LabelRecord, rate: int) -> LabelRecord:
        start = max(0, ticks(label.start, rate, 1000))
        # The format wants a cue to end after it starts.
        stop = max(start + 1, ticks(label.stop, rate, 1000))
        return replace(
            with_fields(label, _KEEPS),
            start=frames_of_ticks(start, rate, 1000),
            stop=frames_of_ticks(stop, rate, 1000),
            text=one_line(label.text or label.label),
            speaker=one_line(label.speaker),
        )

    return [
        flattened(document, "segments", "segments", record)
        for document in without_rejected(without_known_turns(documents))
    ]


def _write(path: Path, documents: Sequence[LabelDocument], options: Params) -> None:
    del options
    blocks = ["WEBVTT\n\n"]
    for document in documents:
        rate = document.recording.rate
        for tier in document.tiers:
            for label in tier.labels:
                start = clock_text(label.start, rate, ".")
                stop = clock_text(label.stop, rate, ".")
                voice = f"<v {_escaped(label.speaker)}>" if label.speaker else ""
                text = _escaped(label.text)
                blocks.append(f"{start} --> {stop}\n{voice}{text}\n\n")
    path.write_text("".join(blocks), encoding="utf-8", newline="\n")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _read(path: Path, context: ReadContext) -> list[LabelDocument]:
    lines = read_text(path).split("\n")
    if re.match(r"WEBVTT(\s|$)", lines[0]) is None:
        raise file_error(
            path,
            "the first line is not WEBVTT",
            line=1,
            remedy="Choose a WebVTT file; a file with commas in its times is SRT.",
        )
    labels = []
    block: list[str] = []
    for n, line in enumerate([*lines[1:], ""], start=2):
        if line.strip():
            block.append(line)
        elif block:
            # Text under the header belongs to the header.
            in_header = n == 2 + len(block)
            label = _cue(path, n - len(block), block, context.recording.rate, in_header)
            if label is not None:
                labels.append(label)
            block = []
    tier = Tier("segments", "segments", in_order(labels))
    return [LabelDocument(context.recording, (tier,))]


def _cue(
    path: Path, first: int, block: Sequence[str], rate: int, in_header: bool
) -> LabelRecord | None:
    """The cue of a block of lines; None for a comment, a style or the header."""
    at = 0 if "-->" in block[0] else 1
    if at == len(block) or "-->" not in block[at]:
        if in_header or _SKIPPED.match(block[0]):
            return None
        raise file_error(
            path,
            f"expected a cue's times, found {block[0].strip()[:40]!r}",
            line=first,
            remedy=_REMEDY,
        )
    times = _TIMES.fullmatch(block[at])
    if times is None:
        raise file_error(
            path,
            "the times of a cue are not readable",
            line=first + at,
            remedy=_REMEDY,
        )
    start, stop = (
        frames_of_ticks(_millis(times.groups()[n : n + 4]), rate, 1000) for n in (0, 4)
    )
    if stop < start:
        raise file_error(path, "the cue ends before it starts", line=first + at)
    speaker, text = _spoken(" ".join(block[at + 1 :]))
    return LabelRecord(start, stop, text, speaker=speaker)


def _millis(parts: Sequence[str | None]) -> int:
    hours, minutes, seconds, millis = (int(part or 0) for part in parts)
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + millis


def _spoken(payload: str) -> tuple[str, str]:
    """Speaker and text of a cue; with several speakers, each before what they say."""
    names = [_text(name) for name in _VOICE.findall(payload)]
    if len(set(names)) > 1:
        payload = _VOICE.sub(lambda voice: f" {voice[1]}: ", payload)
        return "", _text(payload)
    return (names[0] if names else ""), _text(payload)


def _text(markup: str) -> str:
    return one_line(html.unescape(_TAG.sub("", markup)))


def _losses(documents: Sequence[LabelDocument], options: Params) -> list[str]:
    del options
    documents = without_known_turns(documents)
    points = sum(
        label.start == label.stop
        for document in without_rejected(documents)
        for tier in flat_tiers(document)
        for label in tier.labels
    )
    moved = []
    if points:
        verb = "becomes" if points == 1 else "become"
        moved.append(f"{counted(points, 'point')} {verb} 1 ms long")
    return flat_losses(documents, keeps=_KEEPS, moved=moved)


FORMAT = LabelFormat(
    id="webvtt",
    title="WebVTT captions",
    suffixes=(".vtt",),
    read=_read,
    write=_write,
    losses=_losses,
    carry=_carry,
    names_tiers=False,
)
