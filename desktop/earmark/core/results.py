"""What the results of a job become in a project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from earmark.core import clips
from earmark.core.clips import Source
from earmark.core.contents import Contents
from earmark.core.edit import Edit
from earmark.core.errors import EarmarkError
from earmark.core.labels import Label
from earmark.core.records import StoredResult
from earmark.core.remap import Remap
from earmark.core.sources import stamp
from earmark.core.tasks import AudioFile, Job, Prediction, Take, Text


@dataclass(frozen=True, slots=True)
class AcceptedResults:
    """What the results of a job became."""

    tracks: tuple[int, ...] = ()
    clips: tuple[int, ...] = ()
    takes: tuple[int, ...] = ()


def accept(
    contents: Contents,
    edit: Edit,
    job: Job,
    results: Sequence[StoredResult],
    keys: Mapping[Path, str],
    title: str,
) -> AcceptedResults:
    """Make what a job gave part of an edit; see `Project.accept_batch`.

    Parameters
    ----------
    contents : Contents
        Of the project that is edited.
    edit : Edit
    job : Job
    results : sequence
        What it gave, in order.
    keys : mapping of Path to str
        The hashes of the audio files among them.
    title : str
        The name of the track of predictions without a tier.

    Raises
    ------
    EarmarkError
        If there are predictions and the clip was removed, or one is not inside it.
    """
    clip = job.input.clip if job.input else 0
    known = clip in contents.clips_by_id([clip])
    predictions = [r for r in results if isinstance(r, Prediction)]
    tracks: tuple[int, ...] = ()
    if predictions:
        tracks = _accept_predictions(contents, edit, job, predictions, title)
    placed = []
    for result in results:
        if isinstance(result, AudioFile):
            placed.append(_place_audio(edit, job.id, result, keys[result.path]))
        if isinstance(result, Text):
            edit.set_text(job.id, clip if known else None, result)
        if isinstance(result, Text) and result.role == "check":
            outcome = {"summary": result.text, **result.data}
            for take in contents.takes():
                if take.clip == clip:
                    edit.update_take(take.id, check=outcome)
    return AcceptedResults(
        tracks,
        tuple(clip for clip, _ in placed),
        tuple(take for _, take in placed),
    )


def _accept_predictions(
    contents: Contents, edit: Edit, job: Job, predictions: list[Prediction], title: str
) -> tuple[int, ...]:
    if job.input is None:
        raise EarmarkError(
            f"The task {job.task} gave labels, but had no audio to label.",
            "Report this to the author of the plugin.",
        )
    clip = contents.clip(job.input.clip)
    frames = clips.count_frames(job.input.spans)
    remap = Remap(job.input.spans, clip.spans)
    # Words come below what they are the words of, whichever was found first.
    lanes = sorted(
        dict.fromkeys((found.tier, found.kind) for found in predictions),
        key=lambda lane: lane[1] == "words",
    )
    tracks = {
        (tier, kind): edit.add_track(clip.id, tier or title, kind, job.id)
        for tier, kind in lanes
    }
    labels = []
    for prediction in predictions:
        if not 0 <= prediction.start <= prediction.stop <= frames:
            raise EarmarkError(
                f"The task {job.task} gave a label from frame {prediction.start} to"
                f" {prediction.stop} of {frames} frames.",
                "Report this to the author of the plugin.",
            )
        labels += [
            Label(
                id=0,
                track=tracks[prediction.tier, prediction.kind],
                start=start,
                stop=stop,
                text=prediction.text,
                low_hz=prediction.low_hz,
                high_hz=prediction.high_hz,
                channel=prediction.channel,
                score=prediction.score,
                speaker=prediction.speaker,
                status="predicted",
                job=job.id,
            )
            for start, stop in remap(prediction.start, prediction.stop)
        ]
    edit.add_labels(labels)
    return tuple(tracks.values())


def _place_audio(edit: Edit, job: int, file: AudioFile, key: str) -> tuple[int, int]:
    """The clip and the take of a generated file."""
    edit.add_source(
        Source(
            key,
            file.path,
            file.rate,
            file.channels,
            file.frames,
            "generated",
            job,
            *stamp(file.path),
        )
    )
    spans = (clips.Span(key, 0, file.frames),)
    clip = edit.add_clip(file.name, file.rate, file.channels, spans)
    return clip, edit.add_take(Take(0, key, clip, job, file.scores))
