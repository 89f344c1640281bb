"""The models that tell sounds: transformers' classifiers, BEATs and musiCNN."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from earmark.api import (
    Classifier,
    Context,
    EarmarkError,
    audioset,
    load_classifier,
)
from earmark_plugins.networks import beats
from earmark_plugins.networks.musicnn import MelPatches, load_musicnn
from earmark_plugins.networks.weights import class_names

_WINDOW_S = 10.0
"""The clips of AudioSet, which BEATs was trained on."""

_SHORTEST_S = 0.5

BATCH = 8


def load_events(ctx: Context) -> Classifier:
    """The classifier of the job's model, of which each class is true for itself.

    Raises
    ------
    EarmarkError
        If the model tells no classes.
    """
    own = {"musicnn": _musicnn, "beats": _beats}
    if ctx.model is not None and ctx.model.format in own:
        return own[ctx.model.format](ctx)
    return load_classifier(ctx, kind="sigmoid")


def _musicnn(ctx: Context) -> Classifier:
    network, config = load_musicnn(ctx)
    patches = MelPatches(config)
    return Classifier(
        names=class_names(config),
        rate=patches.rate,
        window_s=patches.window_s,
        # What its wide filters give for a window fills a processor's cache.
        score=_scores(network, 1 if ctx.device == "cpu" else BATCH),
        kind="sigmoid",
        exclusive=False,
        batch=BATCH,
        mixes=True,
        prepare=patches,
    )


def _beats(ctx: Context) -> Classifier:
    network, config = beats.load_beats(ctx)
    if network.predictor is None:
        raise EarmarkError(
            "This BEATs was not trained to tell classes.",
            "Choose one that was fine-tuned on AudioSet, or use it under Embeddings.",
        )
    # Its checkpoints tell the ids of AudioSet's classes.
    names = tuple(map(audioset().name, class_names(config)))
    if len(names) != network.predictor.out_features:
        raise EarmarkError(
            f"The model scores {network.predictor.out_features} classes, but its "
            f"config.json names {len(names)}.",
            "Import the checkpoint again; it needs its label_dict.",
        )
    shortest = round(_SHORTEST_S * beats.RATE)

    def prepare(windows: Sequence[NDArray[np.float32]]) -> torch.Tensor:
        filled = [np.pad(w, (0, max(0, shortest - len(w)))) for w in windows]
        return beats.batch_of(filled)

    return Classifier(
        names=names,
        rate=beats.RATE,
        window_s=_WINDOW_S,
        score=_scores(network, BATCH),
        kind="sigmoid",
        exclusive=False,
        batch=1 if ctx.small else BATCH,
        prepare=prepare,
    )


def _scores(
    network: torch.nn.Module, at_once: int
) -> Callable[[Any], NDArray[np.float32]]:
    """What scores features, so many windows of a batch at once."""
    device = next(network.parameters()).device

    @torch.inference_mode()
    def score(features: torch.Tensor) -> NDArray[np.float32]:
        parts = torch.split(features.to(device), at_once)
        logits = torch.cat([network(part) for part in parts])
        scores: NDArray[np.float32] = logits.sigmoid().cpu().numpy()
        return scores

    return score
