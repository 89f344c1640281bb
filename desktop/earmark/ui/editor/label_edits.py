"""What gestures do to labels; each gesture is one entry of the history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from earmark.core.labels import Label, LabelTrack
from earmark.core.project import Project
from earmark.core.tasks import Job


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


def place_labels(project: Project, title: str, changed: Mapping[int, Bounds]) -> None:
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


def set_text(project: Project, label: int, text: str) -> None:
    """Give a label another text."""
    with project.edit("Edit label") as edit:
        edit.update_label(label, text=text)


def made_by(project: Project, track: LabelTrack) -> list[str]:
    """Which model a label track is of, in a line; none if it was made by hand."""
    if track.job is None:
        return []
    job = project.job(track.job)
    return [f"By {_maker(job)} (job {job.id})"]


def origin(project: Project, label: Label) -> str:
    """Who or what made a label, as a sentence for a tool tip."""
    if label.job is None:
        return "Made by hand"
    job = project.job(label.job)
    state = {"predicted": "Predicted", "accepted": "Predicted, accepted"}
    state |= {"rejected": "Predicted, rejected", "edited": "Predicted, edited"}
    return f"{state.get(label.status, 'Made')} by {_maker(job)} (job {job.id})"


def _maker(job: Job) -> str:
    return job.model.id if job.model is not None else job.task
