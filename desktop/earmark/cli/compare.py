"""`earmark compare`: two transcripts of the same recordings, word for word."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from earmark.cli import SOME_FAILED
from earmark.cli.output import known_formats, label_format, write_labels
from earmark.cli.progress import time_of
from earmark.core.errors import EarmarkError
from earmark.core.project import Project
from earmark.formats.carry import without_rejected, words_as_tiers
from earmark.formats.document import (
    LabelDocument,
    LabelRecord,
    Recording,
    Tier,
    ticks,
    unique_names,
)
from earmark.formats.exchange import MANUAL, documents_from_project
from earmark.formats.format import ReadContext
from earmark.formats.registry import FormatRegistry
from earmark.transcripts import Comparison, SpokenWord, compare_words, words_of

RATE = 1_000_000
"""Transcripts are compared in microseconds, whatever the rate of the recording is."""

TIER = "Differences"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two transcripts of a recording, as tiers at `RATE` with names of their own.

    Attributes
    ----------
    title : str
        What the recording is called on the screen.
    recording : Recording
    first, second : Tier
    """

    title: str
    recording: Recording
    first: Tier
    second: Tier


@click.command(
    epilog="A transcript is a track of words or of segments. Case and punctuation do "
    "not count. The word error rate (WER) is how many words must be replaced, left out "
    "or added to get from FIRST to SECOND, by the words of FIRST."
)
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path), required=False)
@click.option(
    "--track", "tracks", multiple=True, metavar="NAME",
    help="The track to compare; give it twice. [default: the last two transcripts]",
)  # fmt: skip
@click.option(
    "--out", metavar="PATH",
    help="Write both transcripts and what differs as tracks; the ending chooses the "
    "format. One without tracks, such as .srt, gets what differs.",
)  # fmt: skip
@click.option(
    "--format", "format_id", metavar="FORMAT",
    help="The format if the ending does not tell.",
)  # fmt: skip
@click.option(
    "--json", "as_json", is_flag=True, help="Print a line of JSON for each recording."
)
@click.option("--quiet", is_flag=True, help="Print rates and errors only.")
def compare(
    first: Path,
    second: Path | None,
    tracks: tuple[str, ...],
    out: str | None,
    format_id: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Show in which words two transcripts differ, and how many.

    FIRST and SECOND are label files of any format, about one recording or about many.
    FIRST alone is a project, or a label file that holds both transcripts.
    """
    if len(tracks) not in (0, 2):
        raise click.UsageError("Give --track twice, once for each transcript.")
    if format_id and out is None:
        raise click.UsageError("--format is about --out.")
    formats = known_formats()
    pairs, faults = pairs_of(formats, first, second, tracks)
    compared = [
        (pair, compare_words(_words(pair.first), _words(pair.second))) for pair in pairs
    ]
    for pair, found in compared:
        if as_json:
            print(json.dumps(as_plain(pair, found)), flush=True)
        else:
            tell(pair, found, quiet=quiet)
    if len(compared) > 1 and not as_json:
        words = sum(found.words for _, found in compared)
        wrong = sum(found.wrong for _, found in compared)
        print(f"{len(compared):,} recordings: {rate_text(words, wrong)}")
    for fault in faults:
        print(f"earmark: {fault}", file=sys.stderr)
    if out is not None:
        tracked = label_format(formats, out, format_id).names_tiers
        documents = [document_of(*each, tracked=tracked) for each in compared]
        _spare(Path(out), [path for path in (first, second) if path is not None])
        recordings = (pair.recording.path for pair in pairs)
        spared = [path for path in recordings if path is not None]
        for report in write_labels(formats, documents, out, format_id, spared=spared):
            for line in (*report.losses, f"Wrote {report.path}"):
                print(line, file=sys.stderr)
    return SOME_FAILED if faults else 0


def pairs_of(
    formats: FormatRegistry, first: Path, second: Path | None, tracks: Sequence[str]
) -> tuple[list[Pair], list[str]]:
    """The transcripts that belong together, and why some recordings have no two.

    Parameters
    ----------
    formats : FormatRegistry
    first : Path
    second : Path or None
        None if `first` holds both transcripts.
    tracks : sequence of str
        The names of their tracks, two or none.

    Raises
    ------
    EarmarkError
        If a file cannot be read, or no recording has two transcripts.
    """
    documents = documents_in(formats, first)
    if second is None:
        found = list(_within(documents, first, tracks))
    else:
        others = documents_in(formats, second)
        found = list(_between(documents, others, (first, second), tracks))
    pairs = [each for each in found if isinstance(each, Pair)]
    faults = [each for each in found if isinstance(each, str)]
    if not pairs:
        raise EarmarkError(
            faults[0] if faults else f"{first} holds no labels.",
            "Give two label files about the same recordings, or a project in which "
            "they were transcribed by two models.",
        )
    return pairs, faults


def _within(
    documents: Sequence[LabelDocument], file: Path, tracks: Sequence[str]
) -> Iterator[Pair | str]:
    """Two transcripts of each recording, or why there are none."""
    for document in documents:
        title = document.recording.file or file.name
        chosen = _named_so(document, tracks) if tracks else transcripts(document)
        if len(chosen) < 2:
            yield f"{title} has no two transcripts to compare. {_tracks_of(document)}"
        else:
            yield Pair(title, document.recording, *_distinct(*chosen[-2:]))


def _between(
    documents: Sequence[LabelDocument],
    others: Sequence[LabelDocument],
    files: tuple[Path, Path],
    tracks: Sequence[str],
) -> Iterator[Pair | str]:
    """A transcript of each recording from either file, or why there is none."""
    known = {other.recording.file: other for other in others}
    alone = len(documents) == len(known) == 1
    for document in documents:
        name = document.recording.file
        other = known.pop(next(iter(known)) if alone else name, None)
        if other is None:
            yield f"{name} is in {files[0]} only."
            continue
        recording = document.recording if name else other.recording
        title = recording.file or files[0].name
        chosen = []
        for each, file, wanted in (
            (document, files[0], tracks[:1]),
            (other, files[1], tracks[1:]),
        ):
            found = _named_so(each, wanted) if wanted else transcripts(each)
            if not found:
                yield f"{title} has no transcript in {file}. {_tracks_of(each)}"
                break
            same = files[0].stem == files[1].stem
            chosen.append(found[-1] if same else replace(found[-1], name=file.stem))
        else:
            first, second = chosen
            yield Pair(title, recording, *_distinct(first, second))
    for name in known:
        yield f"{name} is in {files[1]} only."


def documents_in(formats: FormatRegistry, path: Path) -> list[LabelDocument]:
    """What a label file or a project says of each recording, at `RATE`.

    Raises
    ------
    EarmarkError
        If it cannot be read.
    """
    if not path.exists():
        raise EarmarkError(f"There is no file {path}.", "Check the path.")
    if path.is_dir():
        project = Project.open(path, read_only=True)
        try:
            clips = [clip.id for clip in project.clips()]
            documents = documents_from_project(project, clips)
        finally:
            project.close()
    else:
        documents = formats.import_labels(path, ReadContext(Recording("", RATE)))
    documents = without_rejected(documents)
    return [_at_rate(words_as_tiers(document)) for document in documents]


def transcripts(document: LabelDocument) -> list[Tier]:
    """The tier that stands for each transcript: its words, or its segments.

    Tiers that were made by hand stand for themselves. Where no tier is known to be
    speech, any may be.
    """
    filled = [tier for tier in document.tiers if tier.labels]
    with_words = {_origin(tier) for tier in filled if tier.kind == "words"}
    with_words.discard((MANUAL, ""))
    spoken = [
        tier
        for tier in filled
        if tier.kind == "words"
        or (tier.kind == "segments" and _origin(tier) not in with_words)
    ]
    return spoken or filled


def tell(pair: Pair, found: Comparison, *, quiet: bool) -> None:
    """Print what differs, and how much that is."""
    for each in () if quiet else found.differences:
        start, stop = time_of(each.start / RATE), time_of(each.stop / RATE)
        print(f"{pair.title}\t{start}\t{stop}\t{each.text}")
    print(f"{pair.title}: {rate_text(found.words, found.wrong)}", flush=True)


def rate_text(words: int, wrong: int) -> str:
    """How many of so many words differ, as part of a sentence."""
    if not words:
        return f"the first transcript has no words; {wrong:,} were added"
    if not wrong:
        return f"all {words:,} words are the same"
    return f"{wrong:,} of {words:,} words differ (WER {wrong / words:.1%})"


def as_plain(pair: Pair, found: Comparison) -> dict[str, object]:
    """A comparison as JSON values."""
    return {
        "recording": pair.recording.file,
        "first": pair.first.name,
        "second": pair.second.name,
        "words": found.words,
        "wrong": found.wrong,
        "wer": None if found.wer is None else round(found.wer, 6),
        "differences": [
            {
                "start_s": each.start / RATE,
                "stop_s": each.stop / RATE,
                "kind": each.kind,
                "first": each.first,
                "second": each.second,
            }
            for each in found.differences
        ],
    }


def document_of(pair: Pair, found: Comparison, *, tracked: bool) -> LabelDocument:
    """What differs as labels, beside both transcripts where a format has tracks."""
    different = Tier(
        TIER,
        "labels",
        tuple(LabelRecord(la.start, la.stop, la.text) for la in found.differences),
    )
    tiers = (pair.first, pair.second, different) if tracked else (different,)
    return LabelDocument(pair.recording, unique_names(tiers))


def _spare(out: Path, compared: Sequence[Path]) -> None:
    """Refuse to write over what is compared."""
    for path in compared:
        if out.is_file() and out.samefile(path):
            raise EarmarkError(f"{out} is compared itself.", "Choose another name.")


def _named_so(document: LabelDocument, names: Sequence[str]) -> list[Tier]:
    return [tier for name in names for tier in document.tiers if tier.name == name]


def _tracks_of(document: LabelDocument) -> str:
    return f"Its tracks: {', '.join(tier.name for tier in document.tiers) or 'none'}."


def _distinct(first: Tier, second: Tier) -> tuple[Tier, Tier]:
    """Two tiers under different names: their own, or those of their models."""
    models = [_origin(tier)[1].partition("@")[0] for tier in (first, second)]
    if first.name.partition(" (")[0] == second.name.partition(" (")[0] and (
        all(models) and models[0] != models[1]
    ):
        first, second = (
            replace(tier, name=model)
            for tier, model in zip((first, second), models, strict=True)
        )
    first, second = unique_names((first, second))
    return first, second


def _origin(tier: Tier) -> tuple[str, str]:
    """What made a tier: a task and a model, as far as the labels say."""
    return (tier.labels[0].source, tier.labels[0].model) if tier.labels else ("", "")


def _at_rate(document: LabelDocument) -> LabelDocument:
    recording = document.recording
    frames = recording.frames
    return replace(
        document,
        recording=replace(
            recording,
            rate=RATE,
            frames=None if frames is None else ticks(frames, recording.rate, RATE),
        ),
        tiers=tuple(
            replace(
                tier,
                labels=tuple(
                    replace(
                        label,
                        start=ticks(label.start, recording.rate, RATE),
                        stop=ticks(label.stop, recording.rate, RATE),
                    )
                    for label in tier.labels
                ),
            )
            for tier in document.tiers
        ),
    )


def _words(tier: Tier) -> list[SpokenWord]:
    """The words of a transcript; those of a segment share its time."""
    if tier.kind == "words":
        return [SpokenWord(la.start, la.stop, la.text) for la in tier.labels]
    return [
        word
        for label in tier.labels
        for word in words_of(label.start, label.stop, label.text)
    ]
