"""`earmark run TASK`, and its short names `transcribe` and `speak`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from earmark.audio.files import import_file
from earmark.cli import SOME_FAILED, Group, options
from earmark.cli.batch import Batch, Request
from earmark.cli.inputs import Work, works_of_files
from earmark.cli.output import (
    FORMAT_OPTIONS_HELP,
    Output,
    Written,
    format_options,
    output_for,
)
from earmark.cli.progress import Meter, open_meter
from earmark.cli.runs import RunFolder
from earmark.cli.studio import (
    Installation,
    Studio,
    discovered,
    opened_or_new,
    settings,
    whole,
)
from earmark.core.errors import EarmarkError
from earmark.core.project import Project
from earmark.core.records import StoredResult
from earmark.core.tasks import Example, Job, JobState, Prediction, Task, Text
from earmark.engine.queue import JobEvent
from earmark.engine.submission import check_input, validated
from earmark.formats.registry import BUILT_IN, FormatRegistry
from earmark.models.choice import companions_of, model_for

MOST_NAMED = 10
"""So many files that were written are named."""


class Tasks(Group):
    """The tasks of the plugins as subcommands of `earmark run`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        known = discovered(settings()).tasks
        return [name for name, task in known.items() if not task.hidden]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        task = discovered(settings()).tasks.get(cmd_name)
        return None if task is None or task.hidden else command_of(task)


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
    common = [*_output_options(task), *COMMON]
    if task.input == "audio":
        common += AUDIO
    if task.formats:
        common.append(MODEL)
    if task.examples:
        common.append(_examples_option(task))
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
            "TEXT may be - to read it from standard input; one that begins with - goes "
            "after --."
            if task.input == "text"
            else "FILES may be audio, video or folders. A run that was ended goes on "
            "where it was when the same command is given again."
        ),
    )


COMMON = [
    click.Option(
        ["--project"],
        type=click.Path(path_type=Path),
        metavar="NAME.earmark",
        help="Keep clips and results in this project. What it holds already is not "
        "done again.",
    ),
    click.Option(["--again"], is_flag=True, help="Do anew what was done earlier."),
    click.Option(
        ["--device"],
        type=click.Choice(["auto", "cpu", "cuda", "mps"]),
        default=None,
        help="Where models run. [default: as in the settings]",
    ),
    click.Option(
        ["--json", "as_json"],
        is_flag=True,
        help="Print a line of JSON for each input as soon as it is done.",
    ),
    click.Option(["--quiet"], is_flag=True, help="Print errors only."),
]
AUDIO = [
    click.Option(
        ["--start"],
        type=click.FloatRange(0),
        metavar="S",
        help="Only what comes after so many seconds.",
    ),
    click.Option(
        ["--stop"],
        type=click.FloatRange(0),
        metavar="S",
        help="Only what comes before so many seconds.",
    ),
    click.Option(
        ["--channel"],
        type=click.IntRange(1),
        metavar="N",
        help="One channel only, counted from 1.",
    ),
    click.Option(["--recursive"], is_flag=True, help="Search folders below folders."),
]
LABELS = [
    click.Option(
        ["--format"],
        metavar="FORMAT",
        help="The format if the ending does not tell: "
        f"{', '.join(known.id for known in BUILT_IN)}.",
    ),
    click.Option(
        ["--format-option"],
        multiple=True,
        metavar="NAME",
        help=FORMAT_OPTIONS_HELP,
    ),
]
MODEL = click.Option(
    ["--model"],
    metavar="MODEL",
    default="",
    help="A model's id (see `earmark models list`) or its folder.",
)


def _output_options(task: Task) -> list[click.Option]:
    """What says where the results of a task go."""
    if task.vectors:
        text = (
            "Where the vectors go: NAME.npy, with a table beside it, or NAME.parquet."
        )
    elif task.input == "text":
        text = "Where the sound goes; its ending, such as .wav, chooses the format."
    else:
        text = (
            "Where the labels go; the ending chooses the format. A folder takes one "
            "file per input, in folders as the inputs are."
        )
    options = [click.Option(["--out"], metavar="PATH", help=text)]
    if task.input == "audio" and not task.vectors:
        options += LABELS
    return options


def _examples_option(task: Task) -> click.Option:
    """What takes the sounds that a task compares its input with."""
    name = "voice" if task.examples == "Voices" else "example"
    return click.Option(
        [f"--{name}", "examples"],
        metavar="NAME=FILE",
        multiple=True,
        help=f"A {name} and a recording of it; may be given again. Those of the project"
        " are used as well.",
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

    Raises
    ------
    EarmarkError
        If nothing can be done, or what was found cannot be written; it is kept then.
    KeyboardInterrupt
        If the person ended it; what was done is written.
    """
    params = options.given(task, values)
    format_id = values.get("format")
    format_given = format_options(values.get("format_option", ()))
    if (format_id or format_given) and values["out"] is None:
        raise click.UsageError("--format and --format-option are about --out.")
    if task.input == "text":
        params[task.text_param] = text_of(values["text"])
        works = [Work(params[task.text_param][:40])]
    else:
        works = works_of_files(values["files"], recursive=values["recursive"])
    found = Installation.found(values["device"] or "")
    formats = FormatRegistry(found.plugins.label_formats())
    output = output_for(task, formats, values["out"], format_id, works, format_given)
    channel = values.get("channel")
    request = Request(
        task,
        _checked(task, params),
        model_for(
            found.library,
            task,
            values.get("model", ""),
            found.settings,
            tuple(found.plugins.tasks.values()),
        ),
        companions_of(found.library, task, found.plugins.tasks, found.settings),
        tuple(map(example_of, values.get("examples", ()))),
        values.get("start"),
        values.get("stop"),
        None if channel is None else channel - 1,
        again=values["again"] or (task.input == "text" and bool(values["project"])),
    )
    meter = open_meter(
        total=len(works),
        as_json=values["as_json"],
        quiet=values["quiet"],
        text_to_stdout=task.input == "audio" and values["out"] is None,
    )
    if values["project"] is not None:
        project = opened_or_new(values["project"])
        with Studio(project, found) as studio:
            voices = project.examples() if task.examples else []
            request = replace(request, examples=(*request.examples, *voices))
            ended = _run(studio, request, works, output, meter, values["as_json"])
    else:
        kept = RunFolder(
            identity_of(request, values),
            alone=values["out"] is not None,
            anew=values["again"],
        )
        with Studio(kept.project, found) as studio:
            ended = _run(studio, request, works, output, meter, values["as_json"])
        if ended:
            kept.discard()
    return SOME_FAILED if any(not work.done for work in works) else 0


def _checked(task: Task, params: dict[str, Any]) -> dict[str, Any]:
    """All parameters of a task as plain values; one that does not fit is misuse."""
    try:
        checked = validated(task, params)
    except EarmarkError as error:
        raise click.UsageError(str(error)) from error
    if task.input == "text":
        check_input(task, checked, None)
    return checked.model_dump(mode="json")


def example_of(given: str) -> Example:
    """The example that ``NAME=FILE`` gives.

    Raises
    ------
    EarmarkError
        If the file cannot be read.
    """
    name, _, file = given.partition("=")
    if not name.strip() or not file:
        raise click.UsageError(f"“{given}” is not NAME=FILE.")
    source = import_file(Path(file))
    return Example(name.strip(), whole(source, name.strip(), 0))


def identity_of(request: Request, values: dict[str, Any]) -> dict[str, Any]:
    """What tells a run from others, so that the same command goes on with it."""
    model, out = request.model, values["out"]
    return {
        "task": request.task.id,
        "params": request.params,
        "model": model and [model.id, model.revision],
        "out": out and os.path.abspath(out),  # noqa: PTH100 - also without ".."
        "inputs": None
        if out
        else [os.path.abspath(file) for file in values.get("files", ())],  # noqa: PTH100
    }


def _run(
    studio: Studio,
    request: Request,
    works: Sequence[Work],
    output: Output,
    meter: Meter,
    as_json: bool,
) -> bool:
    """Run a task over inputs; gives whether all that was found is written."""
    project = studio.project
    with project.in_bulk():
        batch = Batch(
            studio,
            request,
            works,
            output,
            listen=listener(studio, meter),
            tell=teller(project, meter, as_json),
        )
        with meter:
            batch.run()
        try:
            last = output.finish(project, [work for work in works if work.done])
        except EarmarkError as error:
            raise EarmarkError(
                error.message,
                f"{error.remedy} What was found is kept: the same command goes on "
                "from there.",
            ) from error
        summary(works, last, meter)
        if batch.interrupted or batch.unwritten:
            meter.say("What was found is kept: the same command goes on from there.")
    if batch.interrupted:
        raise KeyboardInterrupt
    return not batch.unwritten


def listener(studio: Studio, meter: Meter) -> Callable[[Work, JobEvent], None]:
    """What shows progress and results as they come."""

    def listen(work: Work, event: JobEvent) -> None:
        if event.kind == "progress":
            at = studio.queue.progress(event.job)
            meter.progress(work.name, at.fraction, at.message, at.eta_s)
        if meter.results:
            show_results(work, event.new_results, meter)

    return listen


def teller(project: Project, meter: Meter, as_json: bool) -> Callable[[Work], None]:
    """What says how each input ended."""

    def tell(work: Work) -> None:
        if work.state == JobState.CANCELLED:
            return  # it has not come to its end
        if work.earlier and meter.results:
            show_results(work, project.results(work.job), meter)
        if work.earlier and work.done:
            meter.done_earlier(work.name)
        elif work.done:
            meter.done(work.name, project.job(work.job).usage)
        else:
            meter.failed(work.name, work.error)
        for note in work.notes:
            meter.say(f"{work.name}: {note}")
        if as_json:
            print(json.dumps(as_plain(work, project)), flush=True)

    return tell


def show_results(work: Work, results: Sequence[StoredResult], meter: Meter) -> None:
    """Print results."""
    for result in results:
        if isinstance(result, Prediction) and work.source is not None:
            meter.prediction(work.name, result, work.source.rate)
        elif isinstance(result, Text):
            meter.text(work.name, result)


def summary(works: Sequence[Work], last: Written | None, meter: Meter) -> None:
    """Say what was done and what failed."""
    written = [path for work in works for path in work.written]
    if last is not None:
        written += map(str, last.paths)
        for loss in last.losses:
            meter.say(f"{last.paths[0].name}: {loss}")
    if len(written) > MOST_NAMED:
        meter.say(f"Wrote {len(written):,} files, the last to {written[-1]}")
    else:
        for path in written:
            meter.say(f"Wrote {path}")
    done = [work for work in works if work.done]
    failed = [work for work in works if work.state == JobState.FAILED]
    earlier = sum(work.earlier for work in done)
    if len(works) > 1 or earlier:
        before = f", {earlier:,} of them earlier (--again does them anew)"
        meter.say(f"{len(done):,} of {len(works):,} done{before if earlier else ''}.")
    if failed and len(works) > 1:
        print(f"{len(failed):,} failed:", file=sys.stderr)
        for work in failed:
            print(f"  {work.name}: {work.error}", file=sys.stderr)


def as_plain(work: Work, project: Project) -> dict[str, Any]:
    """An input's outcome as JSON values."""
    told: dict[str, Any] = {
        "input": work.name if work.path is None else str(work.path),
        "state": work.state,
        "error": work.error,
        "earlier": work.earlier,
        "notes": work.notes,
        "written": work.written,
    }
    if work.job:
        job: Job = project.job(work.job)
        results = project.results(work.job)
        texts = [result for result in results if isinstance(result, Text)]
        rate = work.source.rate if work.source else 1
        told |= {
            "task": job.task,
            "model": job.model.id if job.model else None,
            "revision": job.model.revision if job.model else None,
            "params": job.params,
            "usage": asdict(job.usage),
            "texts": {text.role: text.text for text in texts},
            "data": {text.role: text.data for text in texts if text.data},
            "labels": [
                {
                    "tier": found.tier,
                    "start_s": round(found.start / rate, 6),
                    "stop_s": round(found.stop / rate, 6),
                    "text": found.text,
                    "score": found.score,
                    "speaker": found.speaker,
                }
                for found in results
                if isinstance(found, Prediction)
            ],
        }
    return told


def text_of(argument: str) -> str:
    """The text to speak: the argument, or standard input for `-`."""
    return sys.stdin.read() if argument == "-" else argument
