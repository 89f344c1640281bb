"""`earmark models`: what is on disk, fetching, importing and removing."""

from __future__ import annotations

import json
from pathlib import Path

import click

from earmark.cli.studio import discovered, settings
from earmark.core.tasks import Progress
from earmark.models.library import Library, open_library


@click.group()
def models() -> None:
    """List, fetch, import and remove models."""


@models.command("list")
@click.option("--task", default="", help="Only what fits this task.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_models(task: str, as_json: bool) -> None:
    """List the models on this machine and those that can be fetched."""
    library = open_library(settings())
    chosen = discovered(settings()).task(task) if task else None
    rows = [
        {
            "id": found.ref.id,
            "title": found.ref.title,
            "format": found.ref.format,
            "size_mb": round(found.size_mb, 1),
            "where": found.where,
            "path": None if found.ref.path is None else str(found.ref.path),
            "licence": found.entry.licence if found.entry else "",
        }
        for found in library.installed(chosen)
    ]
    offered = [
        {
            "id": entry.id,
            "title": entry.title,
            "size_mb": entry.size_mb,
            "licence": entry.licence,
            "non_commercial": entry.non_commercial,
        }
        for entry in library.available(chosen)
    ]
    if as_json:
        print(json.dumps({"installed": rows, "available": offered}, indent=2))
        return
    print(f"On this machine ({library.folder}):")
    for row in rows:
        print(f"  {row['id']:<32} {row['size_mb']:>8} MB  {row['licence']}")
    if not rows:
        print("  none; `earmark models starter` fetches the free starter weights")
    print("Can be fetched:")
    for entry in offered:
        size = "" if entry["size_mb"] is None else f"{entry['size_mb']} MB"
        mark = "  (non-commercial)" if entry["non_commercial"] else ""
        print(f"  {entry['id']:<32} {size:>11}  {entry['licence']}{mark}")


@models.command()
def starter() -> None:
    """Fetch the starter weights: checked by hash, never installed, never imported."""
    library = open_library(settings())
    wanted = library.missing_starter()
    if not wanted:
        print("The starter weights are on this machine.")
    for entry in wanted:
        print(f"{entry.title}: {entry.licence}, {entry.origin}")
    told = ""

    def report(progress: Progress) -> None:
        nonlocal told
        if progress.message != told:
            told = progress.message
            print(told)

    for ref in library.fetch_starter(report):
        print(f"{ref.id} is in {ref.path}")


@models.command("import")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--name", default=None, help="Its id; the folder's name if not given.")
def import_model(folder: Path, name: str | None) -> None:
    """Copy a model's FOLDER into the library."""
    ref = open_library(settings()).import_folder(folder, name)
    print(f"Imported {ref.id} ({ref.format}) to {ref.path}")


@models.command()
@click.argument("model")
@click.confirmation_option(prompt="Delete this model from the disk?")
def remove(model: str) -> None:
    """Delete MODEL from this machine."""
    library: Library = open_library(settings())
    library.remove(model)
    print(f"Removed {model}")


@models.command()
@click.argument("model")
def verify(model: str) -> int:
    """Check MODEL's files against their hashes."""
    problems = open_library(settings()).verify(model)
    for problem in problems:
        print(problem)
    print(f"{model}: {len(problems)} problem(s)")
    return 1 if problems else 0
