"""Praat TextGrid: tiers of adjoining intervals, and tiers of points.

Written in the long form. Read in the long and the short form alike, as Praat does it:
a text file of Praat's is a sequence of numbers, quoted texts and flags in angle
brackets, and everything else is comment
(https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from earmark.core.tasks import Params
from earmark.formats.carry import (
    Field,
    counted,
    lanes,
    loss_sentences,
    rejected_count,
    with_fields,
    without_rejected,
    words_as_tiers,
)
from earmark.formats.document import (
    LabelDocument,
    LabelRecord,
    Recording,
    Tier,
    frames_of_seconds,
    in_order,
    tier_kind,
    unique_names,
)
from earmark.formats.format import LabelFormat, ReadContext
from earmark.formats.textfile import (
    file_error,
    number,
    number_text,
    one_line,
    read_text,
    seconds,
)

_KEEPS: frozenset[Field] = frozenset()

# A quoted text with doubled quotes, a flag, a comment, or a word up to a space.
_TOKEN = re.compile(r'"((?:[^"]++|"")*+)"(?=\s|$)|<(\w+)>|!.*|(\S+)')


def _carry(documents: Sequence[LabelDocument], options: Params) -> list[LabelDocument]:
    del options
    return [
        LabelDocument(
            document.recording,
            unique_names(part for tier in document.tiers for part in _parts(tier)),
        )
        for document in map(words_as_tiers, without_rejected(documents))
    ]


def _parts(tier: Tier) -> Iterator[Tier]:
    """The tiers that hold the labels of one: intervals and points, without overlap."""
    name = one_line(tier.name) or tier.kind
    labels = [
        replace(with_fields(label, _KEEPS), text=text)
        for label in tier.labels
        if (text := one_line(label.text or label.label))
    ]
    intervals = [label for label in labels if label.start < label.stop]
    points = [label for label in labels if label.start == label.stop]
    kind = tier_kind(name)
    for lane in lanes(intervals):
        yield Tier(name, kind, tuple(lane))
    name = f"{name} (points)" if intervals else name
    for lane in lanes(points):
        yield Tier(name, kind, tuple(lane))


def _write(path: Path, documents: Sequence[LabelDocument], options: Params) -> None:
    del options
    recording = documents[0].recording if documents else Recording("", 1)
    tiers = documents[0].tiers if documents else ()
    tiers = tiers or (Tier("labels", "labels", ()),)
    labels = [label for tier in tiers for label in tier.labels]
    first = min([0, *(label.start for label in labels)])
    last = max([first + 1, recording.frames or 0, *(label.stop for label in labels)])

    def time(frame: int) -> str:
        # Full precision, but no exponent: not all readers of TextGrids know them.
        return f"{Decimal(number_text(frame / recording.rate)):f}"

    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        f"xmin = {time(first)} ",
        f"xmax = {time(last)} ",
        "tiers? <exists> ",
        f"size = {len(tiers)} ",
        "item []: ",
    ]
    for n, tier in enumerate(tiers, start=1):
        points = bool(tier.labels) and tier.labels[0].start == tier.labels[0].stop
        lines += [
            f"    item [{n}]:",
            f'        class = "{"TextTier" if points else "IntervalTier"}" ',
            f"        name = {_quoted(tier.name)} ",
            f"        xmin = {time(first)} ",
            f"        xmax = {time(last)} ",
        ]
        if points:
            lines.append(f"        points: size = {len(tier.labels)} ")
            for index, label in enumerate(tier.labels, start=1):
                lines += [
                    f"        points [{index}]:",
                    f"            number = {time(label.start)} ",
                    f"            mark = {_quoted(label.text)} ",
                ]
        else:
            intervals = list(_tiled(tier.labels, first, last))
            lines.append(f"        intervals: size = {len(intervals)} ")
            for index, (start, stop, text) in enumerate(intervals, start=1):
                lines += [
                    f"        intervals [{index}]:",
                    f"            xmin = {time(start)} ",
                    f"            xmax = {time(stop)} ",
                    f"            text = {_quoted(text)} ",
                ]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8", newline="\n")


def _tiled(
    labels: Sequence[LabelRecord], first: int, last: int
) -> Iterator[tuple[int, int, str]]:
    """The labels with empty intervals wherever there is none."""
    at = first
    for label in labels:
        if at < label.start:
            yield at, label.start, ""
        yield label.start, label.stop, label.text
        at = label.stop
    if at < last:
        yield at, last, ""


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


class _Tokens:
    """The numbers, texts and flags of a file in their order, with their lines."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.line = 1
        self._text = text
        self._at = 0
        self._matches = _TOKEN.finditer(text)

    def _next(self, wanted: str) -> re.Match[str]:
        for match in self._matches:
            self.line += self._text.count("\n", self._at, match.start())
            self._at = match.start()
            word = match[3] or ""
            if match.lastindex is not None and (not word or number(word) is not None):
                return match
            if word.startswith('"'):
                raise file_error(
                    self.path, "a quotation mark is not closed", line=self.line
                )
        raise file_error(
            self.path,
            f"the file ends where {wanted} should follow",
            line=self._text.count("\n") + 1,
            remedy="The file is not complete; save it again.",
        )

    def _wrong(self, wanted: str, found: str) -> Exception:
        return file_error(
            self.path, f"expected {wanted}, found {found[:40]!r}", line=self.line
        )

    def text(self, wanted: str) -> str:
        match = self._next(wanted)
        if match[1] is None:
            raise self._wrong(wanted, match[0])
        return match[1].replace('""', '"')

    def number(self, wanted: str) -> Decimal:
        match = self._next(wanted)
        value = number(match[3]) if match[3] is not None else None
        if value is None:
            raise self._wrong(wanted, match[0])
        return value

    def time(self, wanted: str) -> Decimal:
        value = seconds(self.number(wanted))
        if value is None:
            raise file_error(
                self.path, f"{wanted} is not possible in a recording", line=self.line
            )
        return value

    def count(self, wanted: str) -> int:
        value = self.number(wanted)
        if not 0 <= value <= len(self._text) or value != value.to_integral_value():
            raise file_error(
                self.path, f"{wanted} cannot be {str(value)[:40]}", line=self.line
            )
        return int(value)

    def flag(self, wanted: str) -> str:
        match = self._next(wanted)
        if match[2] is None:
            raise self._wrong(wanted, match[0])
        return match[2]


def _read(path: Path, context: ReadContext) -> list[LabelDocument]:
    tokens = _Tokens(path, _body(path))
    recording = context.recording
    tokens.time("the start of the grid")
    tokens.time("the end of the grid")
    tiers = []
    if tokens.flag("<exists>") == "exists":
        for _ in range(tokens.count("the number of tiers")):
            tiers.append(_tier(tokens, recording.rate))
    return [LabelDocument(recording, unique_names(tiers))]


def _body(path: Path) -> str:
    """The text with its header blanked out, so that lines still count from 1."""
    text = read_text(path)
    if text.startswith("ooBinaryFile"):
        raise file_error(
            path,
            "it is a binary TextGrid",
            remedy="Save it in Praat with 'Save as text file'.",
        )
    header = re.match(
        r'\s*(?:File type\s*=\s*)?"ooTextFile(?: short)?"\s+'
        r'(?:Object class\s*=\s*)?"TextGrid"\s',
        text,
    )
    if header is None:
        raise file_error(
            path,
            "it does not begin as a TextGrid does",
            line=1,
            remedy="Save the TextGrid in Praat with 'Save as text file'.",
        )
    return re.sub(r"[^\n]", " ", header[0]) + text[header.end() :]


def _tier(tokens: _Tokens, rate: int) -> Tier:
    class_name = tokens.text("the class of a tier")
    if class_name not in ("IntervalTier", "TextTier"):
        raise file_error(
            tokens.path,
            f"there is no class of tiers called {class_name[:40]!r}",
            line=tokens.line,
        )
    name = tokens.text("the name of a tier")
    tokens.time("the start of a tier")
    tokens.time("the end of a tier")
    labels = []
    for _ in range(tokens.count("the number of labels")):
        start = stop = tokens.time("the time of a label")
        if class_name == "IntervalTier":
            stop = tokens.time("the end of an interval")
            if stop < start:
                raise file_error(
                    tokens.path, "the interval ends before it starts", line=tokens.line
                )
        text = tokens.text("the text of a label").strip()
        if text:
            labels.append(
                LabelRecord(
                    frames_of_seconds(start, rate), frames_of_seconds(stop, rate), text
                )
            )
    name = name.strip() or "labels"
    return Tier(name, tier_kind(name), in_order(labels))


def _losses(documents: Sequence[LabelDocument], options: Params) -> list[str]:
    del options
    kept = [words_as_tiers(document) for document in without_rejected(documents)]
    extra: dict[int, int] = {}
    points = empty = 0
    for document in kept:
        for tier in document.tiers:
            texts = [one_line(label.text or label.label) for label in tier.labels]
            empty += texts.count("")
            parts = list(_parts(tier))
            intervals = [p for p in parts if p.labels[0].start < p.labels[0].stop]
            if intervals:
                points += sum(len(part.labels) for part in parts[len(intervals) :])
            for lane in (intervals[1:], parts[len(intervals) + 1 :]):
                for n, part in enumerate(lane, start=2):
                    extra[n] = extra.get(n, 0) + len(part.labels)
    moved = []
    if extra:
        count = sum(extra.values())
        verb = "goes" if count == 1 else "go"
        where = "a second tier" if len(extra) == 1 else f"{len(extra)} more tiers"
        moved.append(f"{counted(count, 'overlapping label')} {verb} to {where}")
    if points:
        verb = "goes" if points == 1 else "go"
        moved.append(f"{counted(points, 'point')} {verb} to a tier of points")
    return loss_sentences(
        kept,
        keeps=_KEEPS,
        moved=moved,
        also_dropped=[
            (empty, "empty label"),
            (rejected_count(documents), "rejected label"),
        ],
    )


FORMAT = LabelFormat(
    id="textgrid",
    title="Praat TextGrid",
    suffixes=(".TextGrid",),
    read=_read,
    write=_write,
    losses=_losses,
    carry=_carry,
)
