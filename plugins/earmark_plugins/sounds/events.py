"""The models that tell sounds: transformers' classifiers, BEATs and musiCNN."""

from __future__ import annotations

from earmark.api import (
    Classifier,
    Context,
    EarmarkError,
    audioset,
    load_classifier,
)
from earmark_plugins.networks import beats
from earmark_plugins.networks.musicnn import (
    PATCHES,
    MelPatches,
    computed_at_once,
    load_musicnn,
)
from earmark_plugins.networks.weights import class_names, in_parts

_WINDOW_S = 10.0
"""The clips of AudioSet, which BEATs was trained on."""

_BATCH = 8


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
    at_once, workers = computed_at_once(ctx)
    return Classifier(
        names=class_names(config),
        rate=patches.rate,
        window_s=patches.window_s,
        score=in_parts(lambda mels: network(mels).sigmoid(), ctx.device, at_once),
        kind="sigmoid",
        exclusive=False,
        batch=PATCHES,
        mixes=True,
        prepare=patches,
        longest_s=patches.window_s,
        workers=workers,
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
    return Classifier(
        names=names,
        rate=beats.RATE,
        window_s=_WINDOW_S,
        score=in_parts(lambda mels: network(mels).sigmoid(), ctx.device, _BATCH),
        kind="sigmoid",
        exclusive=False,
        batch=1 if ctx.small else _BATCH,
        prepare=beats.batch_of,
    )
