"""Turns sounds into vectors, and keeps them where they are searched and exported."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from earmark.api import (
    Context,
    EarmarkError,
    Heard,
    Job,
    Outcome,
    Progress,
    Result,
    Text,
    Unheard,
    Vectors,
    VectorStore,
    hear,
    hear_many,
    lengths,
    outcomes,
    unit,
)
from earmark_plugins.embeddings import Embeddings
from earmark_plugins.embeddings.encoders import load


def run(job: Job, ctx: Context) -> Iterator[Result]:
    """Embed one input."""
    params = Embeddings(**job.params)
    store = store_of(ctx)
    found = yield from embed(ctx, store, params)
    yield _told(ctx, params, found)


def run_many(contexts: Sequence[Context]) -> Iterator[Outcome]:
    """Embed short inputs, windows of several of them at once."""
    params = Embeddings(**contexts[0].job.params)
    store = store_of(contexts[0])
    keys = {ctx: _key(store, ctx, params) for ctx in contexts}
    new = []
    for ctx in contexts:
        found = store.get(keys[ctx])
        if found is None:
            new.append(ctx)
        else:
            ctx.note("computed earlier")
            yield ctx, [_told(ctx, params, found)]
    if not new:
        return
    encoder = load(new[0])
    for ctx in new[1:]:
        ctx.use(*new[0].used)

    def told(ctx: Context, heard: Sequence[Heard]) -> Iterator[Result]:
        made = _Made(ctx)
        made.take(heard)
        found = made.vectors()
        store.put(keys[ctx], found)
        yield _told(ctx, params, found)

    heard = hear_many(new, encoder, *lengths(encoder, params))
    yield from outcomes(heard, told)


def store_of(ctx: Context) -> VectorStore:
    """Where the vectors of the job's model are kept."""
    if ctx.model is None:
        raise EarmarkError("No model was chosen.", "Choose one that is on disk.")
    return VectorStore(ctx.cache, ctx.model)


def embed(
    ctx: Context, store: VectorStore, params: Embeddings
) -> Generator[Progress, None, Vectors]:
    """The vectors of the job's audio: what is kept, or else made and kept now."""
    key = _key(store, ctx, params)
    found = store.get(key)
    if found is not None:
        ctx.note("computed earlier")
        return found
    encoder = load(ctx)
    made = _Made(ctx)
    for batch in hear(ctx, encoder, *lengths(encoder, params)):
        made.take(batch)
        yield Progress(min(1.0, batch[-1].window.stop_s / max(ctx.duration_s, 1e-9)))
    found = made.vectors()
    store.put(key, found)
    return found


class _Made:
    """The vectors of a job's windows so far."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._places: list[tuple[int, int]] = []
        self._rows: list[NDArray[np.float32]] = []
        self._unheard = Unheard(ctx)

    def take(self, heard: Sequence[Heard]) -> None:
        for each in heard:
            start_s, stop_s = each.window.start_s, each.window.stop_s
            self._unheard.notice(each.why, start_s, stop_s)
            start, stop = self._ctx.frames(start_s, stop_s)
            # A vector of zeros is like nothing at all.
            if each.row is not None and each.row.any() and start < stop:
                self._places.append((start, stop))
                self._rows.append(each.row)

    def vectors(self) -> Vectors:
        self._unheard.say()
        places = np.array(self._places, np.int64).reshape(-1, 2)
        rows = np.stack(self._rows) if self._rows else np.zeros((0, 1), np.float32)
        return Vectors(places[:, 0], places[:, 1], unit(rows))


def _key(store: VectorStore, ctx: Context, params: Embeddings) -> str:
    if ctx.job.input is None:
        raise EarmarkError(f"The task {ctx.job.task} was given no audio.")
    return store.key(ctx.job.input, params.window_s, params.hop_s)


def _told(ctx: Context, params: Embeddings, found: Vectors) -> Text:
    assert ctx.model is not None
    windows, dimensions = found.vectors.shape
    count = min(windows, 1) if params.each == "clip" else windows
    title = ctx.model.title or ctx.model.id
    vectors = "1 vector" if count == 1 else f"{count:,} vectors"
    said = f"{vectors} of {dimensions} values, {title}"
    return Text(
        "embeddings",
        said if count else "Nothing to be heard",
        {
            "n": count,
            "dimensions": dimensions,
            "model": ctx.model.id,
            "revision": ctx.model.revision,
        },
    )
