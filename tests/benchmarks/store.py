"""The project store with 100,000 labels."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from earmark.core.clips import Source, Span
from earmark.core.labels import Label
from earmark.core.project import Project
from tests.benchmarks.table import Row, percentile_ms, stopwatch

RATE = 44_100


def rows(short: bool) -> Iterator[Row]:
    """One label edited and undone; 90 % of the labels shifted by a cut."""
    count = 2_000 if short else 100_000
    with tempfile.TemporaryDirectory() as folder:
        project, clip, labels = filled_project(Path(folder), count)
        chance = np.random.default_rng(1)

        def edit_one(number: int) -> None:
            with project.edit("Edit label") as edit:
                edit.update_label(
                    labels[chance.integers(count)], text=f"changed {number}"
                )

        times = 20 if short else 200
        yield Row(
            f"label edit committed, {count:,} labels, median",
            percentile_ms(edit_one, times, 50),
            "ms",
            2.0,
        )
        yield Row(
            "label edit undone, median",
            percentile_ms(lambda _: project.undo(), times // 2, 50),
            "ms",
            5.0,
        )
        frames = project.clip(clip).frames
        with stopwatch() as watch, project.edit("Cut") as edit:
            edit.cut(clip, frames // 10, frames // 10 + RATE)
        yield Row("cut that shifts 90 % of the labels", watch.seconds, "s")
        with stopwatch() as watch:
            project.undo()
        yield Row("that cut undone", watch.seconds, "s")
        project.close()


def filled_project(folder: Path, count: int) -> tuple[Project, int, list[int]]:
    """A project with one clip of an hour and `count` labels on one track."""
    frames = RATE * 3600
    project = Project.create(folder / "benchmark.earmark")
    source = Source("0" * 32, folder / "none.wav", RATE, 2, frames)
    starts = np.linspace(0, frames - RATE, count).astype(int).tolist()
    with project.edit("Fill") as edit:
        edit.add_source(source)
        clip = edit.add_clip("hour", RATE, 2, (Span(source.id, 0, frames),))
        track = edit.add_track(clip, "labels")
        labels = edit.add_labels(
            Label(0, track, start, start + RATE // 50, f"label {number}")
            for number, start in enumerate(starts)
        )
    return project, clip, labels
