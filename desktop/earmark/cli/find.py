"""`earmark find`: the moments of a project that sound like something."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from earmark.audio.files import import_file
from earmark.cli import SOME_FAILED
from earmark.cli.progress import Meter, open_meter, time_of
from earmark.cli.studio import Installation, Studio, stretch, whole
from earmark.core.clips import Clip
from earmark.core.errors import EarmarkError
from earmark.core.project import Project
from earmark.core.tasks import AudioInput, JobState, ModelRef
from earmark.engine.queue import JobEvent
from earmark.models.choice import model_for
from earmark.settings import folders
from earmark.vectors import FloatArray, Hit, Index, VectorStore

TASK = "find-sounds"
INDEX = "embeddings"
DESCRIBE = "zero-shot"
"""The task whose models understand descriptions."""


@dataclass(frozen=True, slots=True)
class Sounds:
    """The clips of a project, and each as the input of a job."""

    clips: Mapping[int, Clip]
    inputs: Mapping[int, AudioInput]


@click.command()
@click.argument("description", required=False)
@click.option(
    "--in", "project", required=True, type=click.Path(path_type=Path),
    metavar="PROJECT", help="The project to look in.",
)  # fmt: skip
@click.option(
    "--like", type=click.Path(path_type=Path), metavar="FILE",
    help="Find what sounds like this recording.",
)  # fmt: skip
@click.option(
    "--start", type=click.FloatRange(0), metavar="S", help="--like from here."
)
@click.option("--stop", type=click.FloatRange(0), metavar="S", help="--like to here.")
@click.option(
    "--model", default="", metavar="MODEL",
    help="A model's id (see `earmark models list`) or its folder.",
)  # fmt: skip
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1), metavar="N",
    help="How many moments to show.",
)  # fmt: skip
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    help="Where models run. [default: as in the settings]",
)
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each.")
@click.option("--quiet", is_flag=True, help="Print moments and errors only.")
def find(
    description: str | None,
    project: Path,
    like: Path | None,
    start: float | None,
    stop: float | None,
    model: str,
    limit: int,
    device: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Find what sounds like DESCRIPTION, or like a recording, in a project.

    What the model makes of the clips is kept, so that the next search is quick; the
    project itself is left as it is.
    """
    if bool(description and description.strip()) == (like is not None):
        raise click.UsageError("Give a description or --like FILE.")
    if like is None and (start is not None or stop is not None):
        raise click.UsageError("--start and --stop are about --like.")
    if not project.exists():
        raise EarmarkError(f"There is no project {project}.", "Check the path.")
    found = Installation.found(device or "")
    task = found.plugins.task(DESCRIBE if like is None else INDEX)
    task = replace(task, title="Finding by description" if like is None else task.title)
    tasks = tuple(found.plugins.tasks.values())
    chosen = model_for(found.library, task, model, found.settings, tasks)
    assert chosen is not None  # both tasks need one
    sounds = sounds_of(project)
    example = None if like is None else example_of(like, start, stop)
    # The jobs are of a project of their own: looking for something changes nothing.
    with Studio(installation=found) as studio:
        store = VectorStore(folders().cache, chosen)
        keys = {clip: store.key(given) for clip, given in sounds.inputs.items()}
        index = Index(store)
        missing = index.refresh(keys)
        _embed(
            studio,
            chosen,
            [sounds.inputs[clip] for clip in missing],
            open_meter(
                total=len(missing), as_json=as_json, quiet=quiet, text_to_stdout=False
            ),
        )
        query = _query(studio, chosen, store, description or "", example)
    left_out = index.refresh(keys)
    for hit in index.moments(query, limit):
        tell(hit, sounds.clips[hit.clip], as_json=as_json)
    return SOME_FAILED if left_out else 0


def sounds_of(folder: Path) -> Sounds:
    """The clips of a project with anything in them.

    Raises
    ------
    EarmarkError
        If there are none, or it cannot be opened.
    """
    project = Project.open(folder, read_only=True)
    try:
        clips = {clip.id: clip for clip in project.clips() if clip.frames}
        if not clips:
            raise EarmarkError(f"{project.name} has no clips.", "Import some first.")
        inputs = {
            given.clip: replace(given, clip=0)
            for given in project.inputs_of(clips.values())
        }
    finally:
        project.close()
    return Sounds(clips, inputs)


def example_of(file: Path, start_s: float | None, stop_s: float | None) -> AudioInput:
    """A recording, or a part of it, as what is looked for.

    Raises
    ------
    EarmarkError
        If it cannot be read, or there is no such part.
    """
    source = import_file(file)
    start, stop = stretch(start_s, stop_s, file.name, source.rate, source.frames)
    return replace(whole(source, file.name, 0), start=start, stop=stop)


def _embed(
    studio: Studio, model: ModelRef, inputs: Sequence[AudioInput], meter: Meter
) -> None:
    """Embed the clips that were not embedded yet, and tell of each."""
    if not inputs:
        return
    jobs = studio.queue.submit_batch(INDEX, {}, inputs, model=model)
    names = dict(zip(jobs, (given.name for given in inputs), strict=True))

    def listen(event: JobEvent) -> None:
        if event.kind == "progress":
            at = studio.queue.progress(event.job)
            meter.progress(names[event.job], at.fraction, at.message, at.eta_s)
        if event.kind != "state":
            return
        for job in map(studio.job, event.jobs):
            if event.state == JobState.DONE:
                meter.done(names[job.id], job.usage)
            elif event.state == JobState.FAILED:
                meter.failed(names[job.id], job.error)

    with meter:
        studio.wait(jobs, listen)


def _query(
    studio: Studio,
    model: ModelRef,
    store: VectorStore,
    description: str,
    example: AudioInput | None,
) -> FloatArray:
    """The vectors of what is looked for."""
    params = {"description": description}
    job = studio.queue.submit(TASK, params, model=model, input=example)
    studio.wait([job], lambda _: None)
    ended = studio.job(job)
    if ended.state != JobState.DONE:
        raise EarmarkError(ended.error)
    key = store.text_key(description) if example is None else store.key(example)
    found = store.get(key)
    if found is None or not len(found.vectors):
        raise EarmarkError(
            "Nothing is to be heard in the example.", "Choose another part of it."
        )
    return found.vectors


def tell(hit: Hit, clip: Clip, *, as_json: bool) -> None:
    """Print a moment."""
    start_s, stop_s = hit.start / clip.rate, hit.stop / clip.rate
    if as_json:
        told = {
            "clip": clip.name,
            "start_s": round(start_s, 6),
            "stop_s": round(stop_s, 6),
            "score": round(hit.score, 6),
            "score_kind": "cosine",
        }
        print(json.dumps(told), flush=True)
        return
    start, stop = time_of(start_s), time_of(stop_s)
    print(f"{hit.score:.3f}\t{start}\t{stop}\t{clip.name}", flush=True)
