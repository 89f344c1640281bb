"""Labels sounds with the words that a person gave."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from earmark.api import Classifier, Context, EarmarkError, Hearing, entries, runners
from earmark_plugins.networks.clap import load_clap
from earmark_plugins.zero_shot import ZeroShot


def _prepare(ctx: Context, params: ZeroShot) -> Hearing:
    labels = tuple(dict.fromkeys(entries(params.labels)))
    if not labels:
        raise EarmarkError("There are no labels.", "Write at least one, such as dog.")
    if "{}" not in params.template:
        raise EarmarkError(
            f"“{params.template}” has no place for a label.", "Put {} where it goes."
        )
    clap = load_clap(ctx)
    sentences = [params.template.replace("{}", label) for label in labels]
    words = clap.texts(sentences)

    def score(features: Any) -> NDArray[np.float32]:
        cosines = clap.sounds(features) @ words.T
        if params.scores == "cosine":
            return cosines
        scores: NDArray[np.float32] = softmax(clap.scale * cosines, axis=1)
        return scores

    classifier = Classifier(
        names=labels,
        rate=clap.rate,
        window_s=clap.window_s,
        score=score,
        kind=params.scores,
        exclusive=params.scores == "softmax",
        batch=1 if ctx.small else 8,
        mixes=True,
        prepare=clap.features,
        longest_s=clap.window_s,
    )
    return Hearing(classifier, params, tier="zero-shot")


run, run_many = runners(ZeroShot, _prepare)
