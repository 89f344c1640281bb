"""Turns what is looked for into a vector to search with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from earmark.api import Context, EarmarkError, Job, Progress, Result, Vectors
from earmark_plugins.embeddings import Embeddings, FindSounds
from earmark_plugins.embeddings.encoders import understands_words
from earmark_plugins.embeddings.runner import embed, store_of
from earmark_plugins.networks.clap import load_clap


def run(job: Job, ctx: Context) -> Iterator[Result]:
    """Embed a description, or the job's audio as the example.

    It gives no results: who asked finds the vectors in the store of the model.
    """
    store = store_of(ctx)
    if job.input is not None:
        yield from embed(ctx, store, Embeddings())
        return
    description = FindSounds(**job.params).description
    key = store.text_key(description)
    if store.get(key) is None:
        if ctx.model is None or not understands_words(ctx.model):
            raise EarmarkError(
                "This model does not understand descriptions.",
                "Choose a CLAP model, or look for something like a sound.",
            )
        vectors = load_clap(ctx).texts([description])
        # A description has no place in a clip; what is kept has one.
        place = np.zeros(1, np.int64)
        store.put(key, Vectors(place, place + 1, vectors))
    yield Progress(1.0)
