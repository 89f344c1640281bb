"""What jobs found, checked once more and made part of the project."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from earmark.core.errors import EarmarkError
from earmark.core.project import Project
from earmark.core.tasks import AudioFile, Usage


def accept(
    project: Project, done: Mapping[int, Usage], title: str, batch: int | None
) -> None:
    """Make what jobs found part of the project, as one edit: of all, or of none.

    Parameters
    ----------
    project : Project
    done : mapping of int to Usage
        The jobs that are done, with what they took.
    title : str
        Of their task.
    batch : int or None
        What they were given under.

    Raises
    ------
    EarmarkError
        If what was found cannot be used; nothing is accepted then. Also what a
        listener of the project raises; then all is accepted.
    """
    _check_files(project.audio_results(done))
    fruitful = project.jobs_with_results(done)
    usages = {
        job: usage if job in fruitful else _fruitless(usage)
        for job, usage in done.items()
    }
    project.accept_batch(usages, title, batch, usages=usages)


def _fruitless(usage: Usage) -> Usage:
    notes = (usage.note, "it ended well and found nothing")
    return replace(usage, note="; ".join(note for note in notes if note))


def _check_files(written: Iterable[AudioFile]) -> None:
    """Open the files that runners wrote, and see that there is something in them."""
    from earmark.audio.files import probe

    for result in written:
        info = probe(result.path)
        if not info.frames or info.frames != result.frames:
            raise EarmarkError(
                f"{result.path} holds {info.frames} frames instead of {result.frames}.",
                "Check that the disk is not full, and run the job again.",
            )
