"""What tells languages apart: Whisper's language token, and classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.api import Classifier, Context, EarmarkError, ModelRef, load_classifier
from earmark_plugins.language_identification.names import code_of
from earmark_plugins.speech.recognition import classifies
from earmark_plugins.speech.transcript import RATE

Samples = NDArray[np.float32]
Scores = NDArray[np.float32]
Features = NDArray[np.float32]

WINDOW_S = 30.0
"""The most that Whisper hears at once."""

_FRAMES_PER_S = 100
_REPEAT_S = 8
_PAUSE_S = 0.5
_SILENCE_S = 2
_BATCH = 4
_TOLD = 5
_REMEDY = "Choose a multilingual model, such as Whisper base."


def load(ctx: Context) -> Classifier:
    """The job's model as a classifier whose classes are ISO 639 codes.

    Raises
    ------
    EarmarkError
        If the model cannot tell languages apart.
    """
    if ctx.model is not None and ctx.model.format == "ctranslate2":
        return _by_code(_ctranslate2_whisper(ctx, ctx.model))
    if classifies(ctx.model):
        return _by_code(load_classifier(ctx, window_s=WINDOW_S))
    return _by_code(_transformers_whisper(ctx))


def _by_code(classifier: Classifier) -> Classifier:
    """The same with codes for names; names of one code become one class."""
    try:
        given = [code_of(name.strip("<|>")) for name in classifier.names]
    except EarmarkError as error:
        some = ", ".join(classifier.names[:_TOLD])
        raise EarmarkError(
            f"The classes of this model are no languages: {some}.",
            "Choose one that tells languages; use this one under Audio events, or "
            "under the task that it was trained for.",
        ) from error
    codes = tuple(dict.fromkeys(given))
    place = np.array([codes.index(code) for code in given])

    def score(prepared: Any) -> Scores:
        found = classifier.score(prepared).T
        scores = np.zeros((len(codes), found.shape[1]), np.float32)
        np.add.at(scores, place, found)
        return scores.T

    return replace(classifier, names=codes, score=score)


def _ctranslate2_whisper(ctx: Context, ref: ModelRef) -> Classifier:
    """Whisper's language token, by CTranslate2."""
    from ctranslate2 import StorageView

    from earmark_plugins.speech.faster_whisper_models import open_whisper

    whisper = open_whisper(ctx, ref)
    _refuse_english_only(ctx, whisper.model.is_multilingual)
    extractor = whisper.feature_extractor

    def prepare(stretches: Sequence[Samples]) -> list[Features]:
        return [_repeated(samples, extractor) for samples in stretches]

    def chances(features: Features) -> dict[str, float]:
        (found,) = whisper.model.detect_language(StorageView.from_array(features[None]))
        return dict(found)

    names = tuple(chances(*prepare([np.zeros(RATE, np.float32)])))

    def score(prepared: Sequence[Features]) -> Scores:
        # A processor gains nothing from stretches that are filled up to one length.
        found = map(chances, prepared)
        return np.array([[each[name] for name in names] for each in found], np.float32)

    return Classifier(
        names, RATE, WINDOW_S, score, "softmax", True, _BATCH, True, prepare
    )


def _repeated(samples: Samples, extractor: Any) -> Features:
    """The log-mel features of speech that goes on for some seconds.

    A short stretch is said again and again, with pauses, until there are eight seconds
    of it, as the model is made for half a minute: it then takes fewer of them for
    another language, and of the silence behind them two seconds are enough.
    """
    times = round(_REPEAT_S * RATE / (len(samples) + _PAUSE_S * RATE))
    if times > 1:
        samples = np.tile(np.pad(samples, (0, round(_PAUSE_S * RATE))), times)
    heard = extractor(samples)[:, : extractor.nb_max_frames]
    frames = min(len(samples) // extractor.hop_length, heard.shape[1])
    stop = min(frames + _SILENCE_S * _FRAMES_PER_S, extractor.nb_max_frames)
    features = np.full((len(heard), stop), heard[:, :frames].min(), np.float32)
    features[:, :frames] = heard[:, :frames]
    return features


def _transformers_whisper(ctx: Context) -> Classifier:
    """Whisper's language token, by transformers."""
    import torch

    pipeline = ctx.pipeline("automatic-speech-recognition")
    model, extract = pipeline.model, pipeline.feature_extractor
    generation = model.generation_config
    _refuse_english_only(ctx, getattr(generation, "is_multilingual", False))
    tokens: dict[str, int] = generation.lang_to_id

    def prepare(stretches: Sequence[Samples]) -> Any:
        return extract([*stretches], sampling_rate=RATE, return_tensors="pt")

    @torch.inference_mode()
    def score(prepared: Any) -> Scores:
        heard = prepared.input_features.to(model.device, model.dtype)
        begin = torch.full((len(heard), 1), model.config.decoder_start_token_id)
        said = model(input_features=heard, decoder_input_ids=begin.to(model.device))
        logits = said.logits[:, -1, list(tokens.values())].float()
        scores: Scores = logits.softmax(-1).cpu().numpy()
        return scores

    return Classifier(
        tuple(tokens), RATE, WINDOW_S, score, "softmax", True, _BATCH, True, prepare
    )


def _refuse_english_only(ctx: Context, multilingual: bool) -> None:
    if not multilingual:
        name = (ctx.model and ctx.model.title) or "The model"
        raise EarmarkError(f"{name} knows English only.", _REMEDY)
