"""`earmark run TASK`, and its short names `transcribe` and `speak`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click

from earmark.cli import SOME_FAILED, options
from earmark.cli.progress import Meter, open_meter
from earmark.cli.studio import Studio, discovered, settings, write_clip
from earmark.core.clips import Clip
from earmark.core.errors import EarmarkError
from earmark.core.tasks import Job, JobState, Prediction, Task, Text
from earmark.engine.queue import JobEvent
from earmark.formats.exchange import documents_from_project
from earmark.formats.registry import ExportReport, FormatRegistry
from earmark.models.choice import model_for

# What is taken out of a folder; a file that is named is always tried.
AUDIO_SUFFIXES = frozenset(
    {"aac", "aif", "aiff", "au", "avi", "caf", "flac", "m4a", "mka", "mkv", "mov"}
    | {"mp3", "mp4", "mpeg", "oga", "ogg", "opus", "rf64", "w64", "wav", "webm", "wma"}
)


@dataclass
class Work:
    """One input, the job it was given to and what came of it."""

    name: str
    clip: Clip | None = None
    job: int = 0
    state: str = ""
    error: str = ""
    written: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return self.state != JobState.DONE


class Tasks(click.Group):
    """The tasks of the plugins as subcommands of `earmark run`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(discovered(settings()).tasks)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        task = discovered(settings()).tasks.get(cmd_name)
        return None if task is None else command_of(task)


class Short(click.Command):
    """A short name of one task: its command is made when it is called."""

    def __init__(self, name: str, task: str, summary: str) -> None:
        super().__init__(name, short_help=summary, add_help_option=False)
        self.task = task

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        task = discovered(settings()).task(self.task)
        return command_of(task).make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        return ctx.command.invoke(ctx)


run = Tasks("run", help="Run a task over files; `earmark run TASK --help` tells how.")
transcribe = Short(
    "transcribe", "speech-recognition", "Transcribe files: run speech-recognition."
)
speak = Short("speak", "text-to-speech", "Speak a text: run text-to-speech.")


def command_of(task: Task) -> click.Command:
    """The subcommand of a task: inputs, the task's own options, the common ones."""
    common = [*OUTPUT, *(AUDIO if task.input == "audio" else [])]
    if task.formats:
        common.append(MODEL)
    own = options.options_of(task, without=task.text_param)
    argument = (
        click.Argument(["files"], nargs=-1, required=True, type=click.Path())
        if task.input == "audio"
        else click.Argument(["text"], metavar="TEXT")
    )
    return click.Command(
        task.id,
        callback=lambda **values: run_task(task, values),
        params=[argument, *own, *common],
        help=task.summary,
        epilog=(
            "TEXT may be - to read it from standard input."
            if task.input == "text"
            else "FILES may be audio, video or folders."
        ),
    )


OUTPUT = [
    click.Option(
        ["--out"],
        metavar="PATH",
        help="Where the result goes; its ending chooses the format. A folder takes one "
        "file per input.",
    ),
    click.Option(
        ["--format"],
        metavar="FORMAT",
        help="The format if the ending does not tell.",
    ),
    click.Option(
        ["--project"],
        type=click.Path(path_type=Path),
        help="Keep clips and results in this project, NAME.earmark.",
    ),
    click.Option(
        ["--device"],
        type=click.Choice(["auto", "cpu", "cuda", "mps"]),
        default=None,
        help="Where models run. [default: as in the settings]",
    ),
    click.Option(["--json", "as_json"], is_flag=True, help="Print JSON lines."),
    click.Option(["--quiet"], is_flag=True, help="Print errors only."),
]
AUDIO = [
    click.Option(["--start"], type=click.FloatRange(0), metavar="S", help="From here."),
    click.Option(["--stop"], type=click.FloatRange(0), metavar="S", help="To here."),
    click.Option(
        ["--channel"], type=click.IntRange(1), help="One channel only, counted from 1."
    ),
    click.Option(["--recursive"], is_flag=True, help="Search folders below folders."),
]
MODEL = click.Option(
    ["--model"],
    metavar="MODEL",
    default="",
    help="A model's id (see `earmark models list`) or its folder.",
)


def run_task(task: Task, values: dict[str, Any]) -> int:
    """Run a task over its inputs and write what came of it.

    Parameters
    ----------
    task : Task
    values : dict
        The command's arguments and options.

    Returns
    -------
    int
        The exit code.
    """
    params = options.given(task, values)
    out = None if values["out"] is None else Path(values["out"])
    with Studio(values["project"], device=values["device"] or "") as studio:
        writer = writer_for(task, studio, out, values["format"])
        model = model_for(
            studio.library, task, values.get("model", ""), studio.settings
        )
        meter = open_meter(
            as_json=values["as_json"],
            quiet=values["quiet"],
            text_to_stdout=task.input == "audio" and out is None,
        )
        works: list[Work] = []
        if task.input == "text":
            params[task.text_param] = text_of(values["text"])
            job = studio.queue.submit(task.id, params, model=model, input=None)
            works.append(Work(params[task.text_param][:40], job=job))
        for path in inputs(values.get("files", ()), values.get("recursive", False)):
            work = Work(str(path))
            works.append(work)
            try:
                work.clip = studio.add_clip(path)
                chosen = studio.audio_input(
                    work.clip,
                    start_s=values["start"],
                    stop_s=values["stop"],
                    channel=None
                    if values["channel"] is None
                    else values["channel"] - 1,
                )
            except EarmarkError as error:
                work.state, work.error = JobState.FAILED, str(error)
                meter.failed(work.name, work.error)
                continue
            work.job = studio.queue.submit(task.id, params, model=model, input=chosen)
        by_job = {work.job: work for work in works if work.job}
        with meter:
            studio.wait(list(by_job), listener(studio, by_job, meter))
        for work in by_job.values():
            done = studio.job(work.job)
            work.state, work.error = done.state, done.error
        writer([work for work in works if not work.failed])
        summary(works, studio, meter, as_json=values["as_json"])
        return SOME_FAILED if any(work.failed for work in works) else 0


def listener(
    studio: Studio, works: dict[int, Work], meter: Meter
) -> Callable[[JobEvent], None]:
    """What shows progress and results as they come."""

    def listen(event: JobEvent) -> None:
        work = works.get(event.job)
        if work is None:
            return
        if event.kind == "progress":
            shown = studio.queue.progress(event.job)
            meter.progress(work.name, shown.fraction, shown.message, shown.eta_s)
        for result in event.new_results:
            if isinstance(result, Prediction) and work.clip is not None:
                meter.prediction(work.name, result, work.clip.rate)
            elif isinstance(result, Text):
                meter.text(work.name, result)
        if event.kind == "state":
            job = studio.job(event.job)
            if job.state == JobState.FAILED:
                meter.failed(work.name, job.error)
            elif job.state == JobState.DONE:
                meter.done(work.name, job.usage)

    return listen


def writer_for(
    task: Task, studio: Studio, out: Path | None, format_id: str | None
) -> Callable[[Sequence[Work]], None]:
    """What writes the results, checked before anything runs.

    Raises
    ------
    EarmarkError
        If the ending names no format or the folder is not there.
    """
    if out is None:
        if task.group == "generate" and task.input == "text":
            raise EarmarkError(
                f"{task.title} makes audio: it needs a file to write to.",
                "Add --out FILE.wav.",
            )
        return lambda works: None
    if not out.parent.is_dir():
        raise EarmarkError(f"The folder {out.parent} is not there.", "Create it first.")
    if task.input == "text":
        return lambda works: write_takes(studio, works, out)
    formats = FormatRegistry(studio.plugins.label_formats())
    as_folder = out.is_dir() or (not out.suffix and format_id is not None)
    if format_id is None:
        format_id = "csv" if as_folder else formats.by_suffix(out).id
    known = formats.by_id(format_id)

    def write(works: Sequence[Work]) -> None:
        clips = [work.clip.id for work in works if work.clip is not None]
        if not clips:
            return
        documents = documents_from_project(studio.project, clips)
        if as_folder:
            out.mkdir(exist_ok=True)
            reports = formats.export_each(out, documents, known.id)
        else:
            reports = [formats.export_labels(out, documents, known.id)]
        for report in reports:
            tell_losses(report)
        for work, report in zip(works, reports * len(works), strict=False):
            work.written.append(str(report.path))

    return write


def write_takes(studio: Studio, works: Sequence[Work], out: Path) -> None:
    """Write the audio that jobs generated to the file that was asked for."""
    for work in works:
        takes = [t for t in studio.project.takes() if t.job == work.job]
        for number, take in enumerate(takes):
            assert take.clip is not None
            path = out if number == 0 else out.with_stem(f"{out.stem}-{number + 1}")
            write_clip(studio.project, studio.project.clip(take.clip), path)
            work.written.append(str(path))


def tell_losses(report: ExportReport) -> None:
    """Say what a format could not carry."""
    for loss in report.losses:
        print(f"earmark: {report.path.name}: {loss}", file=sys.stderr)


def summary(
    works: Sequence[Work], studio: Studio, meter: Meter, *, as_json: bool
) -> None:
    """Say what was done and what failed."""
    if as_json:
        for work in works:
            print(json.dumps(as_plain(work, studio)))
        return
    for path in dict.fromkeys(path for work in works for path in work.written):
        meter.say(f"Wrote {path}")
    failed = [work for work in works if work.failed]
    if len(works) > 1:
        meter.say(f"{len(works) - len(failed)} of {len(works)} done.")
    if failed and len(works) > 1:
        print(f"{len(failed)} failed:", file=sys.stderr)
        for work in failed:
            print(f"  {work.name}: {work.error or work.state}", file=sys.stderr)


def as_plain(work: Work, studio: Studio) -> dict[str, Any]:
    """An input's outcome as JSON values."""
    told: dict[str, Any] = {
        "input": work.name,
        "state": work.state,
        "error": work.error,
        "written": work.written,
    }
    if work.job:
        job: Job = studio.job(work.job)
        results = studio.project.results(work.job)
        rate = work.clip.rate if work.clip is not None else 1
        told |= {
            "task": job.task,
            "model": job.model.id if job.model else None,
            "params": job.params,
            "usage": asdict(job.usage),
            "texts": {r.role: r.text for r in results if isinstance(r, Text)},
            "labels": [
                {
                    "tier": r.tier,
                    "start_s": round(r.start / rate, 6),
                    "stop_s": round(r.stop / rate, 6),
                    "text": r.text,
                    "score": r.score,
                    "speaker": r.speaker,
                }
                for r in results
                if isinstance(r, Prediction)
            ],
        }
    return told


def inputs(files: Sequence[str], recursive: bool) -> list[Path]:
    """The files that were named, and those in the folders that were named."""
    found: list[Path] = []
    for name in files:
        path = Path(name)
        if not path.is_dir():
            found.append(path)
            continue
        inside = path.rglob("*") if recursive else path.iterdir()
        audio = sorted(
            file
            for file in inside
            if file.is_file() and file.suffix[1:].lower() in AUDIO_SUFFIXES
        )
        if not audio:
            raise EarmarkError(
                f"There is no audio in {path}.",
                "" if recursive else "Add --recursive to search the folders below it.",
            )
        found += audio
    return found


def text_of(argument: str) -> str:
    """The text to speak: the argument, or standard input for `-`."""
    return sys.stdin.read() if argument == "-" else argument
