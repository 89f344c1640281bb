"""The models that embed, each as one that hears windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoFeatureExtractor, AutoModel, AutoModelForAudioXVector

from earmark.api import Context, ModelRef, config_of, fast_features
from earmark_plugins.networks import beats
from earmark_plugins.networks.clap import load_clap
from earmark_plugins.networks.ge2e import load_ge2e
from earmark_plugins.networks.musicnn import (
    MelPatches,
    computed_at_once,
    load_musicnn,
)
from earmark_plugins.networks.pretrained import load_pretrained
from earmark_plugins.networks.weights import in_parts

Samples = NDArray[np.float32]
Vectors = NDArray[np.float32]

SHORTEST_S = 0.5
"""Less is filled up with silence."""

_VOICE_S = 3.0
_SPEECH_S = 5.0
_SOUND_S = 10.0

_WHISPER_STEP = 320
"""Samples to one state of Whisper's encoder."""

_BATCH = 8


@dataclass(frozen=True, slots=True)
class Encoder:
    """A model that makes vectors of windows; see `earmark.api.Hearer`.

    Attributes
    ----------
    window_s : float
        What it is made for.
    longest_s : float
        What it can take at most.
    workers : int
        On how many threads it may score at once.
    """

    rate: int
    window_s: float
    longest_s: float
    prepare: Callable[[Sequence[Samples]], Any]
    score: Callable[[Any], Vectors]
    batch: int
    mixes: bool = False
    workers: int = 1


def load(ctx: Context) -> Encoder:
    """The encoder of the job's model.

    Raises
    ------
    EarmarkError
        If the folder does not hold one.
    """
    own = {"ge2e": _ge2e, "musicnn": _musicnn, "beats": _beats}
    if ctx.model is not None and ctx.model.format in own:
        return own[ctx.model.format](ctx)
    config = config_of(ctx.folder)
    if config.get("model_type") == "clap":
        return _clap(ctx)
    if config.get("model_type") == "whisper":
        return _whisper(ctx)
    if any(each.endswith("ForXVector") for each in config.get("architectures") or ()):
        return _x_vectors(ctx)
    return _states(ctx)


def understands_words(model: ModelRef) -> bool:
    """Whether a model embeds descriptions of sounds as well."""
    return (
        model.format == "transformers"
        and model.path is not None
        and config_of(model.path).get("model_type") == "clap"
    )


def _batch(ctx: Context) -> int:
    return 1 if ctx.small else _BATCH


def _filled(windows: Sequence[Samples], rate: int) -> list[Samples]:
    shortest = round(SHORTEST_S * rate)
    return [np.pad(each, (0, max(0, shortest - len(each)))) for each in windows]


def _ge2e(ctx: Context) -> Encoder:
    encoder = load_ge2e(ctx)
    return Encoder(
        rate=encoder.rate,
        window_s=_VOICE_S,
        longest_s=np.inf,
        prepare=list,
        score=encoder.embed,
        batch=_batch(ctx),
        mixes=True,
    )


def _musicnn(ctx: Context) -> Encoder:
    network, config = load_musicnn(ctx)
    patches = MelPatches(config)
    at_once, workers = computed_at_once(ctx)
    return Encoder(
        rate=patches.rate,
        window_s=patches.window_s,
        longest_s=patches.window_s,
        prepare=patches,
        score=in_parts(network.embed, ctx.device, at_once),
        batch=_batch(ctx),
        mixes=True,
        workers=workers,
    )


def _beats(ctx: Context) -> Encoder:
    network, _ = beats.load_beats(ctx)
    return Encoder(
        rate=beats.RATE,
        window_s=_SOUND_S,
        longest_s=np.inf,
        prepare=beats.batch_of,
        score=in_parts(lambda mels: network.encode(mels).mean(1), ctx.device, _BATCH),
        batch=_batch(ctx),
    )


def _clap(ctx: Context) -> Encoder:
    clap = load_clap(ctx)
    return Encoder(
        rate=clap.rate,
        window_s=clap.window_s,
        longest_s=clap.window_s,
        prepare=clap.features,
        score=clap.sounds,
        batch=_batch(ctx),
        mixes=True,
    )


def _x_vectors(ctx: Context) -> Encoder:
    model, extractor = load_pretrained(
        ctx, AutoModelForAudioXVector, AutoFeatureExtractor
    )
    return _speech(
        ctx,
        model,
        extractor,
        lambda features: model(**features).embeddings,
        window_s=_VOICE_S,
    )


def _states(ctx: Context) -> Encoder:
    """The mean of the last hidden states: wav2vec 2.0 and its kin, and the AST."""
    model, extractor = load_pretrained(ctx, AutoModel, AutoFeatureExtractor)
    window_s = _SPEECH_S
    longest_s = np.inf
    # Frames of 10 ms; what is longer would not be heard.
    if frames := getattr(extractor, "max_length", None):
        window_s = longest_s = frames * 0.01
    return _speech(
        ctx,
        model,
        extractor,
        lambda features: model(**features).last_hidden_state.mean(1),
        window_s=window_s,
        longest_s=longest_s,
    )


def _speech(
    ctx: Context,
    model: Any,
    extractor: Any,
    embed: Callable[[Any], torch.Tensor],
    *,
    window_s: float,
    longest_s: float = np.inf,
) -> Encoder:
    rate = int(extractor.sampling_rate)
    extract = fast_features(extractor)

    def prepare(windows: Sequence[Samples]) -> Any:
        heard = _filled(windows, rate)
        return extract(heard, sampling_rate=rate, return_tensors="pt")

    @torch.inference_mode()
    def score(features: Any) -> Vectors:
        given: Vectors = embed(features.to(model.device)).cpu().numpy()
        return given

    return Encoder(
        rate=rate,
        window_s=window_s,
        longest_s=longest_s,
        prepare=prepare,
        score=score,
        batch=_batch(ctx),
    )


def _whisper(ctx: Context) -> Encoder:
    """The mean of the states over the sound, not over what it is filled up with."""
    model, extractor = load_pretrained(
        ctx, AutoModel, AutoFeatureExtractor, unused="decoder."
    )
    encoder, rate = model.get_encoder(), int(extractor.sampling_rate)

    def prepare(windows: Sequence[Samples]) -> tuple[Any, list[int]]:
        heard = _filled(windows, rate)
        features = extractor(heard, sampling_rate=rate, return_tensors="pt")
        return features, [-(-len(each) // _WHISPER_STEP) for each in heard]

    @torch.inference_mode()
    def score(prepared: tuple[Any, list[int]]) -> Vectors:
        features, lengths = prepared
        states = encoder(features.to(model.device).input_features).last_hidden_state
        means = [
            each[:length].mean(0) for each, length in zip(states, lengths, strict=True)
        ]
        given: Vectors = torch.stack(means).cpu().numpy()
        return given

    return Encoder(
        rate=rate,
        window_s=min(_SOUND_S, float(extractor.chunk_length)),
        longest_s=float(extractor.chunk_length),
        prepare=prepare,
        score=score,
        batch=_batch(ctx),
        mixes=True,
    )
