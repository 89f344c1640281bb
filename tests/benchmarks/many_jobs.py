"""A thousand clips given to one task in a project of ten thousand: the window's stalls.

The task itself takes no time, so that what is measured is what the window does about
its jobs; then a hundred thousand labels are added in one edit, undone and done again.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.table import Row, told_by


def rows(short: bool) -> Iterator[Row]:
    """In a window of its own."""
    clips, jobs, labels = (200, 40, 1_000) if short else (10_000, 1_000, 100_000)
    told = told_by("many_jobs_host", clips, jobs, labels, timeout_s=600)
    for task, how in (("together", "many at once"), ("alone", "one by one")):
        what = f"{jobs:,} clips, {how}"
        yield from _stall(f"{what}: stall at the start", told, f"{task}_start")
        yield from _stall(f"{what}: longest stall", told, task)
        yield Row(f"{what}: until all are done", told[f"{task}_s"], "s")
    for step in ("cancel", "remove"):
        yield from _stall(f"{jobs:,} jobs: stall of {step}", told, step)
    for step in ("add", "undo", "redo"):
        what = f"{labels:,} labels, one step: stall of {step}"
        yield Row(what, told[f"{step}_busy_ms"], "ms")


def _stall(what: str, told: dict[str, float], step: str) -> Iterator[Row]:
    """The gap, and how much of it the window's thread computed itself."""
    yield Row(what, told[f"{step}_gap_ms"], "ms", 50)
    yield Row("  of it computing", told[f"{step}_busy_ms"], "ms")
