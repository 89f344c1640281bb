"""Speaker-verification models of transformers: WavLM, wav2vec 2.0 and their kin."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional
from transformers import AutoFeatureExtractor, AutoModelForAudioXVector

from earmark.api import Context
from earmark_plugins.networks.pretrained import load_pretrained
from earmark_plugins.speaker_identification.encoders import Encoder, Samples, Vectors

_SHORTEST_S = 0.5
"""Less is filled up with silence: of 0.3 s an x-vector holds no numbers."""

# The cosine from which two sounds are of one voice, at any length, in the model cards
# https://huggingface.co/microsoft/wavlm-base-plus-sv and
# https://huggingface.co/microsoft/unispeech-sat-base-plus-sv; and in the example that
# transformers gives for all of the kind. All say that it depends on the recordings.
_SAME = {"wavlm": 0.86, "unispeech-sat": 0.89}
_SAME_USUALLY = 0.7

_BATCH = 8


def load_x_vectors(ctx: Context) -> Encoder:
    """The encoder of the job's model, a speaker-verification model.

    Raises
    ------
    EarmarkError
        If its folder cannot be opened.
    """
    model, extractor = load_pretrained(
        ctx, AutoModelForAudioXVector, AutoFeatureExtractor
    )
    rate = int(extractor.sampling_rate)
    shortest = round(_SHORTEST_S * rate)
    batch = 1 if ctx.small else _BATCH

    @torch.inference_mode()
    def vectors_of(sounds: list[Samples]) -> Vectors:
        ctx.check()
        features = extractor(sounds, sampling_rate=rate, return_tensors="pt")
        features.pop("attention_mask", None)  # nothing is filled up
        vectors = model(**features.to(model.device)).embeddings
        given: Vectors = functional.normalize(vectors.float()).cpu().numpy()
        return given

    def embed(sounds: Sequence[Samples]) -> Vectors:
        heard = [np.pad(s, (0, max(0, shortest - len(s)))) for s in sounds]
        # Silence behind a sound would change its vector: only equals go together.
        order = sorted(range(len(heard)), key=lambda index: len(heard[index]))
        found: dict[int, Vectors] = {}
        while order:
            length = len(heard[order[0]])
            now = [each for each in order[:batch] if len(heard[each]) == length]
            vectors = vectors_of([heard[each] for each in now])
            found.update(zip(now, vectors, strict=True))
            del order[: len(now)]
        return np.stack([found[index] for index in range(len(heard))])

    same = _SAME.get(model.config.model_type, _SAME_USUALLY)
    one = (1 + same) / 2
    return Encoder(rate, embed, ((0.0, same),), same, one, advised=True)
