"""Jobs that begin again: what they keep of what they found, and where they go on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from earmark.core.project import Project
from earmark.core.tasks import AudioFile, Job, Prediction, Text
from earmark.engine.protocol import StoredResult


def resume_frame(project: Project, job: Job) -> int | None:
    """Where the last segment ends that leaves something to be heard."""
    if job.input is None:
        return None
    stops = [
        result.stop
        for result in project.results(job.id)
        if isinstance(result, Prediction)
        and result.kind == "segments"
        and result.stop < job.input.stop
    ]
    return max(stops, default=None)


def rewind(project: Project, job: int, frame: int | None) -> None:
    """Keep the predictions up to a frame, and texts, which may be told anew.

    Forget everything else; without a frame, all.
    """
    results = project.results(job)
    kept = [
        result
        for result in results
        if frame is not None
        and (
            isinstance(result, Text)
            or (isinstance(result, Prediction) and result.stop <= frame)
        )
    ]
    if len(kept) < len(results):
        project.replace_results(job, kept)
        remove_audio(project, results)
    if project.job(job).resume_frame != frame:
        project.update_jobs([job], resume_frame=frame)


def told(project: Project, job: Job) -> tuple[Text, ...]:
    """What a job that goes on has told of its input already."""
    if job.resume_frame is None:
        return ()
    return tuple(
        result for result in project.results(job.id) if isinstance(result, Text)
    )


def completed(project: Project, job: Job, result: StoredResult) -> StoredResult:
    """The transcript of a resumed job, which heard only the rest, as a whole."""
    if job.resume_frame is None:
        return result
    if not isinstance(result, Text) or result.role != "transcript":
        return result
    earlier = [
        found.text.strip()
        for found in project.results(job.id)
        if isinstance(found, Prediction)
        and found.kind == "segments"
        and found.stop <= job.resume_frame
    ]
    return replace(result, text=" ".join([*earlier, result.text]).strip())


def remove_audio(project: Project, results: Iterable[StoredResult]) -> None:
    """Remove the audio of results that never became part of the project."""
    for result in results:
        if isinstance(result, AudioFile) and result.path.is_relative_to(
            project.audio_folder
        ):
            result.path.unlink(missing_ok=True)
