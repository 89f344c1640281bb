"""Finding moments of a project by what they sound like."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from earmark.core.tasks import ModelRef
from earmark.vectors import Index, Vectors, VectorStore, distinct, unit
from tests.benchmarks.table import Row, percentile_ms, stopwatch

DIMENSIONS = 512
"""Of CLAP's space."""


def rows(short: bool) -> Iterator[Row]:
    """100,000 windows of 10,000 clips: read from the cache, searched."""
    clips = 100 if short else 10_000
    per_clip = 10
    chance = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        store = VectorStore(Path(folder), ModelRef("m", "transformers", None, "r"))
        starts = np.arange(per_clip, dtype=np.int64) * 48_000
        wanted = {clip: store.text_key(str(clip)) for clip in range(clips)}
        for key in wanted.values():
            drawn = chance.normal(size=(per_clip, DIMENSIONS)).astype(np.float32)
            store.put(key, Vectors(starts, starts + 96_000, unit(drawn)))
        index = Index(store)
        with stopwatch() as watch:
            index.refresh(wanted)
        total = f"{len(index):,} windows"
        yield Row(f"{total} of {clips:,} clips read", watch.seconds, "s")
        queries = unit(chance.normal(size=(50, DIMENSIONS)).astype(np.float32))

        def search(number: int) -> None:
            distinct(index.search(queries[number : number + 1]))

        times = 5 if short else 50
        for rank, name in ((50, "median"), (95, "95th percentile")):
            taken = percentile_ms(search, times, rank)
            yield Row(f"{total} searched, {name}", taken, "ms", 50.0)
        with stopwatch() as watch:
            index.refresh(wanted | {0: wanted[1]})
        yield Row("one clip of them edited and taken in", watch.seconds * 1000, "ms")
