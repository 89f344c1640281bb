"""The edits on labels that the editor makes; each is one entry of the history."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from earmark.core.errors import EarmarkError
from earmark.core.labels import Label, LabelStatus, LabelTrack
from earmark.core.project import Project


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where a label lies: frames, and frequencies or None.

    What a gesture changes of a label, shown while it lasts and stored when it ends.
    """

    start: int
    stop: int
    low_hz: float | None = None
    high_hz: float | None = None


def bounds_of(label: Label) -> Bounds:
    """Where a label lies."""
    return Bounds(label.start, label.stop, label.low_hz, label.high_hz)


def moved(bounds: Bounds, by_frames: int, by_hz: float, top_hz: float) -> Bounds:
    """Bounds moved as a whole, the frequencies no further than 0 and `top_hz`."""
    low, high = bounds.low_hz, bounds.high_hz
    if low is not None and high is not None:
        by_hz = min(max(by_hz, -low), top_hz - high)
        low, high = low + by_hz, high + by_hz
    return Bounds(bounds.start + by_frames, bounds.stop + by_frames, low, high)


def create_label(
    project: Project,
    clip: int,
    track: int | None,
    bounds: Bounds,
    *,
    text: str = "",
    channel: int | None = None,
) -> Label:
    """Add a label made by hand; in a new track if there is none to add it to."""
    with project.edit("Add label") as edit:
        if track is None:
            track = edit.add_track(clip, "Labels")
        made = edit.add_label(
            Label(
                0,
                track,
                bounds.start,
                bounds.stop,
                text,
                bounds.low_hz,
                bounds.high_hz,
                channel,
            )
        )
    return _stored(project, made)


def place_labels(
    project: Project, title: str, changed: Mapping[int, Bounds]
) -> None:
    """Move or resize labels."""
    with project.edit(title) as edit:
        for label, bounds in changed.items():
            edit.update_label(
                label,
                start=bounds.start,
                stop=bounds.stop,
                low_hz=bounds.low_hz,
                high_hz=bounds.high_hz,
            )


def set_text(project: Project, labels: Collection[int], text: str, title: str) -> None:
    """Give labels another text."""
    with project.edit(title) as edit:
        for label in labels:
            edit.update_label(label, text=text)


def set_status(
    project: Project, labels: Collection[int], status: LabelStatus, title: str
) -> None:
    """Accept or reject labels."""
    with project.edit(_counted(title, labels)) as edit:
        edit.set_label_status(labels, status)


def remove_labels(project: Project, labels: Collection[int]) -> None:
    """Remove labels."""
    with project.edit(_counted("Delete", labels)) as edit:
        edit.remove_labels(labels)


def merge_labels(project: Project, labels: Collection[int]) -> int:
    """Make one label of several; gives its id."""
    with project.edit("Merge labels") as edit:
        return edit.merge_labels(labels)


def split_labels(project: Project, labels: Collection[Label], at: int) -> list[int]:
    """Split labels at a frame; gives the ids of both halves of each.

    Raises
    ------
    EarmarkError
        If none of them reaches over the frame.
    """
    crossed = [label for label in labels if label.start < at < label.stop]
    if not crossed:
        raise EarmarkError(
            "No label reaches over the playhead.",
            "Place the playhead inside a label of the active track.",
        )
    halves: list[int] = []
    with project.edit(_counted("Split", crossed)) as edit:
        for label in crossed:
            halves += [label.id, edit.split_label(label.id, at)]
    return halves


def track_for_new_labels(
    tracks: Collection[LabelTrack], active: int | None
) -> int | None:
    """The track that a label made by hand goes to: the active, or the first."""
    ids = [track.id for track in tracks]
    return active if active in ids else next(iter(ids), None)


def origin(project: Project, label: Label) -> str:
    """Who or what made a label, as a sentence for a tool tip."""
    if label.job is None:
        return "Made by hand"
    job: Any = project.job(label.job)
    model = job.model.id if job.model is not None else job.task
    state = {"predicted": "Predicted", "accepted": "Predicted, accepted"}
    state |= {"rejected": "Predicted, rejected", "edited": "Predicted, edited"}
    return f"{state.get(label.status, 'Made')} by {model} (job {job.id})"


def _stored(project: Project, label: int) -> Label:
    stored = project.label(label)
    assert stored is not None, "the label was added in the edit before"
    return stored


def _counted(verb: str, labels: Collection[object]) -> str:
    return f"{verb} label" if len(labels) == 1 else f"{verb} {len(labels)} labels"
