"""The bridge between a project and label documents."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Literal

from earmark.core.clips import Clip
from earmark.core.edit import Edit
from earmark.core.errors import EarmarkError
from earmark.core.labels import Label
from earmark.core.project import Project
from earmark.core.sources import readable
from earmark.core.tasks import Job
from earmark.formats.carry import counted, words_as_tiers
from earmark.formats.document import (
    LabelDocument,
    LabelRecord,
    Recording,
    Tier,
    frames_of_ticks,
    in_order,
    unique_names,
)
from earmark.formats.format import ReadContext, unheard
from earmark.formats.registry import FormatRegistry

MANUAL = "manual"
"""The source of labels that were made by hand."""

_SLACK_S = 0.01
"""How far past the end rounding in a file may put a label that belongs to the clip."""


class LabelsOutside(EarmarkError):  # noqa: N818 - says what is wrong
    """Labels lie outside the clip that they should be put into."""


@dataclass(frozen=True, slots=True)
class _Placement:
    """A document as a clip takes it: tiers at the clip's rate, and what is beyond."""

    clip: Clip
    tiers: tuple[Tier, ...]
    outside: tuple[LabelRecord, ...]


def recording_of_clip(project: Project, clip: Clip) -> Recording:
    """What label files call a clip: its audio file if it is one as it stands.

    A clip with a name of its own is called by that: two files with the same sound are
    one source, which knows the path of only one of them.
    """
    path = None
    if len(clip.spans) == 1:
        (span,) = clip.spans
        if span.source is not None and not span.reverse and span.offset == 0:
            source = project.source(span.source)
            whole = source.frames == span.frames
            if whole and clip.name in (readable(source.path.name), source.path.stem):
                path = source.path
    return Recording(
        file=clip.name if path is None else readable(path.name),
        rate=clip.rate,
        frames=clip.frames,
        channels=clip.channels,
        path=path,
    )


def documents_from_project(
    project: Project,
    clips: Iterable[int],
    *,
    tracks: Collection[int] | None = None,
    labels: Collection[int] | None = None,
) -> list[LabelDocument]:
    """A document per clip, with the labels that were asked for.

    Parameters
    ----------
    project : Project
    clips : iterable of int
    tracks : collection of int, optional
        Only these tracks; otherwise all of the clips.
    labels : collection of int, optional
        Only these labels.

    Raises
    ------
    EarmarkError
        If a clip is gone.
    """
    chosen = None if labels is None else frozenset(labels)
    maker = cache(partial(_maker, project))
    documents = []
    for clip in map(project.clip, clips):
        tiers = []
        for track in project.tracks(clip.id):
            if tracks is not None and track.id not in tracks:
                continue
            records = [
                _record(label, None if label.job is None else maker(label.job))
                for label in project.labels(track.id)
                if chosen is None or label.id in chosen
            ]
            if records or chosen is None:
                name = track.name or track.kind
                tiers.append(Tier(name, track.kind, in_order(records)))
        languages = [t.text for t in project.texts(clip.id) if t.role == "language"]
        documents.append(
            LabelDocument(
                recording_of_clip(project, clip),
                unique_names(tiers),
                languages[-1] if languages else "",
            )
        )
    return documents


def _maker(project: Project, job: int) -> Job | None:
    """The job that made a label, also if it was taken out of the queue since."""
    try:
        return project.job(job)
    except EarmarkError:  # what could be saved of a damaged project may lack it
        return None


def _record(label: Label, job: Job | None) -> LabelRecord:
    source = "" if job is None else job.task
    if label.job is None and label.status == "confirmed":
        source = MANUAL
    return LabelRecord(
        start=label.start,
        stop=label.stop,
        text=label.text,
        low_hz=label.low_hz,
        high_hz=label.high_hz,
        channel=label.channel,
        score=label.score
        if label.score is not None and math.isfinite(label.score)
        else None,
        speaker=label.speaker,
        source=source,
        model=_model_text(job),
        status=label.status,
    )


def _model_text(job: Job | None) -> str:
    if job is None or job.model is None:
        return ""
    model = job.model
    return f"{model.id}@{model.revision}" if model.revision else model.id


def add_to_project(
    edit: Edit,
    project: Project,
    clip_id: int,
    document: LabelDocument,
    *,
    outside: Literal["refuse", "skip"] = "refuse",
) -> list[int]:
    """Add the tiers of a document to a clip as tracks; gives the ids of the tracks.

    A label that reaches over an end of the clip is clipped to it, and one that begins
    up to 10 ms after the end, as rounding in a file can have it, is put at the end.
    Labels further outside mean that the file is about something else: the document is
    refused, unless they are to be skipped. A channel that the clip does not have
    becomes "all channels". Nested words become a track of words, class names beside
    texts a track of their own. A label whose source and model are those of a job in
    the project is that job's again.

    Parameters
    ----------
    edit : Edit
        The edit of `project` that is under way; nothing is added if this raises and
        the edit is left by the exception.
    project : Project
    clip_id : int
    document : LabelDocument
        At another rate than the clip's, its positions are converted.
    outside : {"refuse", "skip"}
        What becomes of labels outside the clip.

    Raises
    ------
    LabelsOutside
        If labels are outside the clip, and they are not to be skipped.
    EarmarkError
        If the clip is gone.
    """
    placement = _place(project, clip_id, document)
    if outside == "refuse":
        _refuse_outside(placement)
    return _add(edit, project, placement)


def _place(project: Project, clip_id: int, document: LabelDocument) -> _Placement:
    clip = project.clip(clip_id)
    inside, outside = [], []
    for tier in _project_tiers(document, clip.rate):
        labels = tuple(label for label in tier.labels if _is_inside(label, clip))
        if len(labels) < len(tier.labels):
            outside += [la for la in tier.labels if not _is_inside(la, clip)]
        inside.append(replace(tier, labels=labels))
    return _Placement(clip, tuple(inside), tuple(outside))


def _add(edit: Edit, project: Project, placement: _Placement) -> list[int]:
    clip = placement.clip
    makers = project.jobs(removed=True)
    jobs = {(job.task, _model_text(job)): job.id for job in makers}
    tracks = []
    for tier in placement.tiers:
        origins = {jobs.get((label.source, label.model)) for label in tier.labels}
        only = origins.pop() if len(origins) == 1 else None
        track = edit.add_track(clip.id, tier.name, tier.kind, only)
        edit.add_labels(
            _label(record, track, clip, jobs.get((record.source, record.model)))
            for record in tier.labels
        )
        tracks.append(track)
    return tracks


def _project_tiers(document: LabelDocument, rate: int) -> tuple[Tier, ...]:
    """The tiers as tracks of the project hold them, at the clip's rate."""
    tiers = []
    for tier in words_as_tiers(document).tiers:
        labels = tuple(
            _at_rate(la, document.recording.rate, rate) for la in tier.labels
        )
        if classes := tuple(
            replace(label, text=label.label, label="")
            for label in labels
            if label.label
        ):
            tiers.append(Tier(f"{tier.name} (class)", "labels", classes))
        tiers.append(replace(tier, labels=labels))
    return unique_names(tiers)


def _at_rate(label: LabelRecord, old: int, new: int) -> LabelRecord:
    if old == new:
        return label
    return replace(
        label,
        start=frames_of_ticks(label.start, new, old),
        stop=frames_of_ticks(label.stop, new, old),
    )


def _is_inside(label: LabelRecord, clip: Clip) -> bool:
    return label.stop >= 0 and label.start <= clip.frames + _SLACK_S * clip.rate


def _refuse_outside(placement: _Placement) -> None:
    clip, beyond = placement.clip, placement.outside
    if not beyond:
        return
    total = len(beyond) + sum(len(tier.labels) for tier in placement.tiers)
    verb = "lies" if len(beyond) == 1 else "lie"
    at = beyond[0].start / clip.rate
    raise LabelsOutside(
        f"{counted(len(beyond), 'label')} of {total} {verb} outside "
        f"“{clip.name}”, which is {clip.frames / clip.rate:.3f} s long; the first is "
        f"at {at:.3f} s.",
        "Check that the file is about this recording, or skip what lies outside.",
    )


def _label(record: LabelRecord, track: int, clip: Clip, job: int | None) -> Label:
    channel = record.channel
    if channel is not None and channel >= clip.channels:
        channel = None
    return Label(
        id=0,
        track=track,
        start=min(max(record.start, 0), clip.frames),
        stop=min(max(record.stop, 0), clip.frames),
        text=record.text,
        low_hz=record.low_hz,
        high_hz=record.high_hz,
        channel=channel,
        score=record.score,
        speaker=record.speaker,
        status=record.status,
        job=job,
    )


def import_into_project(
    project: Project,
    formats: FormatRegistry,
    path: Path,
    *,
    clip: int | None = None,
    format_id: str | None = None,
    outside: Literal["refuse", "skip"] = "refuse",
    tell: Callable[[str], None] = unheard,
    step: Callable[[str], None] = unheard,
) -> dict[int, list[int]]:
    """Read a label file into the clips it is about, as one edit.

    Recordings that the file names are found by name among the clips. What it does not
    name belongs to `clip`; without one, to the clip named like the file, or to the only
    clip there is.

    Parameters
    ----------
    project : Project
    formats : FormatRegistry
    path : Path
    clip : int, optional
    format_id : str, optional
        Otherwise the file tells.
    outside : {"refuse", "skip"}
        What becomes of labels outside their clip.
    tell : callable, optional
        Is given each sentence about what the file has and the project does not take.
    step : callable, optional
        Is given what is done next, in words. What it raises ends the import, and
        nothing is changed.

    Returns
    -------
    dict
        Clip -> the tracks that were added.

    Raises
    ------
    LabelsOutside
        If labels are outside their clip, and they are not to be skipped.
    EarmarkError
        If the file cannot be read, or names a recording that is not in the project.
        Nothing is changed then.
    """
    step(f"Reading {path.name}")
    recordings = {
        known.id: recording_of_clip(project, known) for known in project.clips()
    }
    target = clip if clip is not None else _named_like(path, recordings)
    if target is not None and target not in recordings:
        project.clip(target)  # raises what says that it is gone
    own = recordings.get(target) if target is not None else None
    # Without a target, what this stand-in gets is refused below.
    context = ReadContext(
        own or Recording("", 10**6),
        tuple(known for key, known in recordings.items() if key != target),
    )
    documents = formats.import_labels(path, context, format_id)
    placed: list[_Placement] = []
    unknown = []
    for document in documents:
        home = next(
            (key for key, known in recordings.items() if known is document.recording),
            target if len(documents) == 1 else None,
        )
        if home is None:
            unknown.append(document.recording.file)
        else:
            placed.append(_place(project, home, document))
    if unknown:
        raise EarmarkError(
            f"{path.name} is about recordings that the project does not have: "
            f"{', '.join(name or 'one without a name' for name in unknown[:5])}"
            f"{' and more' if len(unknown) > 5 else ''}.",
            "Open those recordings first, or choose the clip the labels belong to.",
        )
    if outside == "refuse":
        for placement in placed:
            _refuse_outside(placement)
    labels = sum(len(tier.labels) for found in placed for tier in found.tiers)
    step(f"Adding {labels:,} {'label' if labels == 1 else 'labels'}")
    added: dict[int, list[int]] = {}
    with project.edit("Import labels") as edit:
        for placement in placed:
            tracks = _add(edit, project, placement)
            added.setdefault(placement.clip.id, []).extend(tracks)
        step("Storing them")
    notes = [note for document in documents for note in document.notes]
    for placement in placed:
        if beyond := placement.outside:
            were = "was" if len(beyond) == 1 else "were"
            notes.append(
                f"{counted(len(beyond), 'label')} outside “{placement.clip.name}” "
                f"{were} left out."
            )
    for note in dict.fromkeys(notes):
        tell(note)
    return added


def clip_named_like(project: Project, path: Path) -> int | None:
    """The clip that a file without names of recordings is likely about, if any is."""
    known = {clip.id: recording_of_clip(project, clip) for clip in project.clips()}
    return _named_like(path, known)


def _named_like(path: Path, recordings: dict[int, Recording]) -> int | None:
    if len(recordings) == 1:
        return next(iter(recordings))
    # Some formats have two endings: "demo.labelstudio.json".
    stems = {path.stem.casefold(), Path(path.stem).stem.casefold()}
    alike = [key for key, known in recordings.items() if known.stem.casefold() in stems]
    return alike[0] if len(alike) == 1 else None
