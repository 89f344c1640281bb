"""What of a document a format can hold, and sentences about what it cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Literal

from earmark.core.labels import TrackKind
from earmark.formats.document import (
    LabelDocument,
    LabelRecord,
    Tier,
    TimedWord,
    frames_of_ticks,
    in_order,
    ticks,
)
from earmark.formats.textfile import BREAKS

Field = Literal[
    "frequencies", "scores", "speakers", "channels", "classes", "states", "origins"
]
"""The fields of a label beside its range and text, as the losses call them."""

ALL_FIELDS: frozenset[Field] = frozenset(
    {"frequencies", "scores", "speakers", "channels", "classes", "states", "origins"}
)

_DROPPED: dict[Field, tuple[str, Callable[[LabelRecord], bool]]] = {
    "frequencies": (
        "frequency range",
        lambda label: label.low_hz is not None or label.high_hz is not None,
    ),
    "scores": ("score", lambda label: label.score is not None),
    "speakers": ("speaker", lambda label: bool(label.speaker)),
    "channels": ("channel", lambda label: label.channel is not None),
    "classes": ("class name", lambda label: bool(label.label)),
    "states": ("review state", lambda label: label.status != "confirmed"),
    "origins": ("origin", lambda label: bool(label.source or label.model)),
}


def with_fields(label: LabelRecord, fields: frozenset[Field]) -> LabelRecord:
    """The label without its nested words and the fields not named."""
    return LabelRecord(
        start=label.start,
        stop=label.stop,
        text=label.text,
        label=label.label if "classes" in fields else "",
        low_hz=label.low_hz if "frequencies" in fields else None,
        high_hz=label.high_hz if "frequencies" in fields else None,
        channel=label.channel if "channels" in fields else None,
        score=label.score if "scores" in fields else None,
        speaker=label.speaker if "speakers" in fields else "",
        source=label.source if "origins" in fields else "",
        model=label.model if "origins" in fields else "",
        status=label.status if "states" in fields else "confirmed",
    )


def snapped(label: LabelRecord, rate: int, per_second: int) -> LabelRecord:
    """The label where a file with times in 1/`per_second` s will put it."""

    def snap(frame: int) -> int:
        return frames_of_ticks(ticks(frame, rate, per_second), rate, per_second)

    return replace(label, start=snap(label.start), stop=snap(label.stop))


def without_rejected(documents: Sequence[LabelDocument]) -> list[LabelDocument]:
    """The documents without labels that a person rejected.

    A format that cannot say "rejected" would turn them into statements.
    """
    return [
        replace(
            document,
            tiers=tuple(
                replace(
                    tier,
                    labels=tuple(
                        label for label in tier.labels if label.status != "rejected"
                    ),
                )
                for tier in document.tiers
            ),
        )
        for document in documents
    ]


def without_known_turns(documents: Sequence[LabelDocument]) -> list[LabelDocument]:
    """The documents without turns of speakers, where the segments say who speaks.

    In a file of subtitles each turn would be shown as one more.
    """
    return [
        replace(
            document,
            tiers=tuple(tier for tier in document.tiers if tier.kind != "speakers"),
        )
        if any(
            label.speaker
            for tier in document.tiers
            if tier.kind == "segments"
            for label in tier.labels
        )
        else document
        for document in documents
    ]


def flat_tiers(document: LabelDocument) -> tuple[Tier, ...]:
    """The tiers that a format without tiers writes one after the other in time.

    The words of a transcript are left out where its segments are there: a subtitle
    would be shown twice.
    """
    filled = [tier for tier in document.tiers if tier.labels]
    if any(tier.kind == "segments" for tier in filled):
        filled = [tier for tier in filled if tier.kind != "words"]
    return tuple(filled)


def flattened(
    document: LabelDocument,
    name: str,
    kind: TrackKind,
    record: Callable[[LabelRecord, int], LabelRecord],
) -> LabelDocument:
    """The document with one tier, its labels in order of time.

    Parameters
    ----------
    document : LabelDocument
    name : str
    kind : {"labels", "segments", "words", "speakers"}
    record : callable
        Takes a label and the rate, gives the label as the file holds it.
    """
    rate = document.recording.rate
    labels = in_order(
        record(label, rate) for tier in flat_tiers(document) for label in tier.labels
    )
    return LabelDocument(document.recording, (Tier(name, kind, labels),))


def words_as_tiers(document: LabelDocument) -> LabelDocument:
    """The document with the words nested in segments as a tier of their own.

    Words without times share the gap between their timed neighbours.
    """
    if not any(label.words for tier in document.tiers for label in tier.labels):
        return document
    tiers: list[Tier] = []
    for tier in document.tiers:
        bare = tuple(replace(label, words=()) for label in tier.labels)
        words = tuple(word for label in tier.labels for word in _placed_words(label))
        tiers.append(replace(tier, labels=bare))
        if words:
            name = "words" if tier.kind == "segments" else f"{tier.name} (words)"
            tiers.append(Tier(name, "words", in_order(words)))
    return replace(document, tiers=tuple(tiers))


def _placed_words(segment: LabelRecord) -> list[LabelRecord]:
    """The words of a segment as labels, those without times put between the others."""
    words = segment.words
    placed: list[LabelRecord] = []
    index = 0
    while index < len(words):
        following = index
        while following < len(words) and words[following].start is None:
            following += 1
        if following > index:
            low = placed[-1].stop if placed else segment.start
            high = words[following].start if following < len(words) else segment.stop
            placed += _spread(words[index:following], low, max(low, high or low))
        if following < len(words):
            word = words[following]
            start = word.start or 0
            stop = start if word.stop is None else word.stop
            placed.append(_word_label(word, start, stop))
        index = following + 1
    return [
        replace(
            label,
            speaker=segment.speaker,
            channel=segment.channel,
            source=segment.source,
            model=segment.model,
            status=segment.status,
        )
        for label in placed
    ]


def _spread(words: Sequence[TimedWord], low: int, high: int) -> list[LabelRecord]:
    edges = [low + (high - low) * n // len(words) for n in range(len(words) + 1)]
    return [_word_label(word, edges[n], edges[n + 1]) for n, word in enumerate(words)]


def _word_label(word: TimedWord, start: int, stop: int) -> LabelRecord:
    return LabelRecord(start, stop, word.text, score=word.score)


def lanes(labels: Iterable[LabelRecord]) -> list[list[LabelRecord]]:
    """Labels in as few lanes as it takes for none to overlap another in its lane.

    Points are not for lanes of intervals; two at one place overlap.
    """
    result: list[list[LabelRecord]] = []
    for label in in_order(labels):
        for lane in result:
            last = lane[-1]
            if last.stop <= label.start and last.start < label.stop:
                lane.append(label)
                break
        else:
            result.append([label])
    return result


def counted(count: int, noun: str) -> str:
    """`1 score`, `3 scores`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def listed(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def loss_sentences(
    documents: Sequence[LabelDocument],
    *,
    keeps: frozenset[Field],
    moved: Sequence[str] = (),
    also_dropped: Sequence[tuple[int, str]] = (),
) -> list[str]:
    """What a format changes and drops, as a sentence; none if nothing is lost.

    Parameters
    ----------
    documents : sequence of LabelDocument
    keeps : set of Field
        What the format carries.
    moved : sequence of str
        Clauses about what is changed: "3 overlapping labels go to a second tier".
    also_dropped : sequence of (int, str)
        Counts and nouns of what the format drops beside fields.
    """
    labels = [
        label
        for document in documents
        for tier in document.tiers
        for label in tier.labels
    ]
    counts = [
        (sum(1 for label in labels if has(label)), noun)
        for field, (noun, has) in _DROPPED.items()
        if field not in keeps
    ]
    breaks = sum(1 for label in labels if BREAKS.search(label.text.strip()))
    clauses = list(moved)
    if breaks:
        clauses.append(f"line breaks in {counted(breaks, 'text')} become spaces")
    gone = [(count, noun) for count, noun in (*counts, *also_dropped) if count]
    if gone:
        verb = "is" if len(gone) == 1 and gone[0][0] == 1 else "are"
        clauses.append(f"{listed([counted(*part) for part in gone])} {verb} dropped")
    if not clauses:
        return []
    sentence = "; ".join(clauses)
    return [f"{sentence[0].upper()}{sentence[1:]}."]


def flat_losses(
    documents: Sequence[LabelDocument],
    *,
    keeps: frozenset[Field],
    moved: Sequence[str] = (),
) -> list[str]:
    """The losses of a format without tiers and review states."""
    merged = sum(max(0, len(flat_tiers(document)) - 1) for document in documents)
    tiers = sum(len(flat_tiers(document)) for document in documents)
    words = sum(
        len(tier.labels)
        for document in documents
        for tier in document.tiers
        if tier not in flat_tiers(document)
    )
    nested = sum(
        len(label.words)
        for document in documents
        for tier in document.tiers
        for label in tier.labels
    )
    clauses = list(moved)
    if merged:
        clauses.insert(0, f"{tiers} tiers are merged into one")
    shown = [
        replace(document, tiers=flat_tiers(document))
        for document in without_rejected(documents)
    ]
    return loss_sentences(
        shown,
        keeps=keeps,
        moved=clauses,
        also_dropped=[
            (words + nested, "word time"),
            (rejected_count(documents), "rejected label"),
        ],
    )


def rejected_count(documents: Sequence[LabelDocument]) -> int:
    """The number of labels that `without_rejected` takes away."""
    return sum(
        label.status == "rejected"
        for document in documents
        for tier in document.tiers
        for label in tier.labels
    )
