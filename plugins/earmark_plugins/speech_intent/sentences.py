"""What sentences mean, as vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from earmark.api import Context, require_vocabulary

_LONGEST = 256
"""Tokens; all-MiniLM-L6-v2 was trained on no more."""


def sentence_vectors(ctx: Context, sentences: Sequence[str]) -> NDArray[np.float32]:
    """Unit vectors that stand for sentences, by the job's model, a text encoder.

    The mean over the tokens, as Sentence-BERT takes it (Reimers and Gurevych 2019).

    Returns
    -------
    ndarray, float32, shape (sentences, size)
        The product of two is their cosine.
    """
    require_vocabulary(ctx.folder)
    pipeline = ctx.pipeline("feature-extraction")
    tokens = pipeline.tokenizer(
        list(sentences),
        padding=True,
        truncation=True,
        max_length=_LONGEST,
        return_tensors="pt",
    ).to(pipeline.device)
    with torch.inference_mode():
        states = pipeline.model(**tokens).last_hidden_state.float()
        mask = tokens["attention_mask"][..., None]
        means = (states * mask).sum(1) / mask.sum(1)
        vectors = torch.nn.functional.normalize(means, dim=-1)
    given: NDArray[np.float32] = vectors.cpu().numpy()
    return given
