"""WhisperX JSON: segments with their words, and the language.

Format: https://github.com/m-bain/whisperX (the output of `--output_format json`)
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import accumulate
from pathlib import Path
from typing import Any

from earmark.core.labels import TrackKind
from earmark.core.tasks import Params
from earmark.formats.carry import (
    Field,
    loss_sentences,
    rejected_count,
    snapped,
    with_fields,
    without_rejected,
)
from earmark.formats.document import (
    LabelDocument,
    LabelRecord,
    Tier,
    TimedWord,
    frames_of_seconds,
    frames_of_ticks,
    in_order,
    ticks,
)
from earmark.formats.format import LabelFormat, ReadContext
from earmark.formats.jsonfile import Node, read_json, write_json
from earmark.formats.textfile import file_error, one_line

_KEEPS: frozenset[Field] = frozenset({"speakers"})
_LONGEST_PAUSE_S = 1
"""Between words that belong to no segment and are made into one."""


def _carry(documents: Sequence[LabelDocument], options: Params) -> list[LabelDocument]:
    del options
    return [_nested(document) for document in without_rejected(documents)]


def _nested(document: LabelDocument) -> LabelDocument:
    """The document with one tier of segments, which hold the words."""
    rate = document.recording.rate
    segments = _labels_of(document, lambda kind: kind == "segments")
    others = _labels_of(document, lambda kind: kind not in ("segments", "words"))
    starts = [segment.start for segment in segments]
    reach = list(accumulate((segment.stop for segment in segments), max))
    homes: list[list[TimedWord]] = [list(segment.words) for segment in segments]
    homeless = []
    for word in _labels_of(document, lambda kind: kind == "words"):
        middle = (word.start + word.stop) // 2
        index = bisect_right(starts, middle) - 1
        while index >= 0 and middle > segments[index].stop and middle <= reach[index]:
            index -= 1
        if index >= 0 and middle <= segments[index].stop:
            homes[index].append(_timed(word))
        else:
            homeless.append(word)
    records = [
        _carried(segment, home, rate)
        for segment, home in zip(segments, homes, strict=True)
    ]
    records += [
        _carried(segment, segment.words, rate)
        for segment in (*others, *_segments_of(homeless, rate * _LONGEST_PAUSE_S))
    ]
    tier = Tier("segments", "segments", in_order(records))
    return LabelDocument(document.recording, (tier,), one_line(document.language))


def _labels_of(
    document: LabelDocument, wanted: Callable[[TrackKind], bool]
) -> tuple[LabelRecord, ...]:
    return in_order(
        label for tier in document.tiers if wanted(tier.kind) for label in tier.labels
    )


def _timed(word: LabelRecord) -> TimedWord:
    return TimedWord(word.text or word.label, word.start, word.stop, word.score)


def _segments_of(words: Sequence[LabelRecord], pause: int) -> Iterator[LabelRecord]:
    """Segments made of words, a new one after each pause."""
    run: list[LabelRecord] = []
    for index, word in enumerate(words):
        run.append(word)
        last = index + 1 == len(words)
        if last or words[index + 1].start - word.stop > pause:
            yield LabelRecord(
                run[0].start,
                max(part.stop for part in run),
                " ".join(part.text for part in run),
                speaker=run[0].speaker,
                words=tuple(map(_timed, run)),
            )
            run = []


def _carried(
    segment: LabelRecord, words: Sequence[TimedWord], rate: int
) -> LabelRecord:
    def snap(frame: int | None) -> int | None:
        if frame is None:
            return None
        return frames_of_ticks(ticks(frame, rate, 10**6), rate, 10**6)

    return replace(
        snapped(with_fields(segment, _KEEPS), rate, 10**6),
        text=one_line(segment.text or segment.label),
        speaker=one_line(segment.speaker),
        words=tuple(
            TimedWord(
                one_line(word.text), snap(word.start), snap(word.stop), word.score
            )
            for word in words
        ),
    )


def _write(path: Path, documents: Sequence[LabelDocument], options: Params) -> None:
    del options
    segments = []
    language = ""
    for document in documents:
        rate = document.recording.rate
        language = document.language
        for tier in document.tiers:
            for label in tier.labels:
                segments.append(_segment(label, rate))
    write_json(path, {"segments": segments, "language": language})


def _segment(label: LabelRecord, rate: int) -> dict[str, Any]:
    segment: dict[str, Any] = {
        "start": _seconds(label.start, rate),
        "end": _seconds(label.stop, rate),
        "text": label.text,
        "words": [],
    }
    if label.speaker:
        segment["speaker"] = label.speaker
    for word in label.words:
        entry: dict[str, Any] = {"word": word.text}
        if word.start is not None:
            entry["start"] = _seconds(word.start, rate)
        if word.stop is not None:
            entry["end"] = _seconds(word.stop, rate)
        if word.score is not None:
            entry["score"] = word.score
        segment["words"].append(entry)
    return segment


def _seconds(frame: int, rate: int) -> float:
    return ticks(frame, rate, 10**6) / 10**6


def _read(path: Path, context: ReadContext) -> list[LabelDocument]:
    top = read_json(path)
    rate = context.recording.rate
    segments = top.get("segments")
    if segments.missing:
        raise file_error(
            path,
            "there are no segments in it",
            field="segments",
            remedy="Choose the JSON file that WhisperX or Whisper wrote.",
        )
    labels = in_order(_label(path, node, rate) for node in segments.parts())
    tier = Tier("segments", "segments", labels)
    return [LabelDocument(context.recording, (tier,), top.get("language").text())]


def _label(path: Path, node: Node, rate: int) -> LabelRecord:
    words = tuple(_word(path, part, rate) for part in node.get("words").parts())
    start, stop = node.get("start").needed_time(), node.get("end").needed_time()
    if stop < start:
        raise file_error(path, "it ends before it starts", field=node.where)
    return LabelRecord(
        frames_of_seconds(start, rate),
        frames_of_seconds(stop, rate),
        node.get("text").text(),
        speaker=node.get("speaker").text(),
        words=words,
    )


def _word(path: Path, node: Node, rate: int) -> TimedWord:
    start, stop = node.get("start").time(), node.get("end").time()
    if start is not None and stop is not None and stop < start:
        raise file_error(path, "it ends before it starts", field=node.where)
    score = node.get("score").real()
    if score is None:
        score = node.get("probability").real()  # as Whisper itself calls it
    return TimedWord(
        node.get("word").text(), _frame(start, rate), _frame(stop, rate), score
    )


def _frame(time: Decimal | None, rate: int) -> int | None:
    return None if time is None else frames_of_seconds(time, rate)


def _losses(documents: Sequence[LabelDocument], options: Params) -> list[str]:
    del options
    kept = without_rejected(documents)
    moved = []
    tiers = sum(
        tier.kind != "words" and bool(tier.labels)
        for document in kept
        for tier in document.tiers
    )
    if tiers > len(kept):
        moved.append(f"{tiers} tiers are merged into one")
    # The scores of words are carried, those of segments are not.
    segments = [
        replace(document, tiers=tuple(t for t in document.tiers if t.kind != "words"))
        for document in kept
    ]
    return loss_sentences(
        segments,
        keeps=_KEEPS,
        moved=moved,
        also_dropped=[(rejected_count(documents), "rejected label")],
    )


FORMAT = LabelFormat(
    id="whisperx",
    title="WhisperX JSON",
    suffixes=(".json", ".whisperx.json"),
    read=_read,
    write=_write,
    losses=_losses,
    carry=_carry,
    names_tiers=False,
    recognises=lambda head: head.lstrip().startswith("{") and '"data"' not in head,
)
