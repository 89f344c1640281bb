"""Keyword spotting: where words of a list are said."""

from collections.abc import Sequence
from typing import Literal

from earmark.api import Task, Windowing, hookimpl, param
from earmark_plugins import speech


class KeywordSpotting(Windowing):
    """Which words are looked for, and how."""

    keywords: str = param(
        "",
        "Keywords",
        "Words or phrases, one a line. A model that knows some words only looks for "
        "all of its own if there are none.",
        lines="keywords",
    )
    match: Literal["exact", "fuzzy"] = param(
        "exact",
        "Match",
        "The same letters, or alike: case, accents and spaces never count.",
        choices=(("exact", "Exact"), ("fuzzy", "Fuzzy")),
    )
    similarity: float = param(
        0.85,
        "Similarity",
        "How alike a fuzzy match must be at least.",
        ge=0.5,
        le=1,
        step=0.05,
    )
    threshold: float = param(
        0.5,
        "Threshold",
        "What a model that knows some words only must score at least.",
        ge=0,
        le=1,
        step=0.05,
    )
    language: str = speech.LANGUAGE


@hookimpl
def register_tasks() -> Sequence[Task]:
    """Give the task of this plugin."""
    return [
        Task(
            id="keyword-spotting",
            title="Keyword spotting",
            summary="Find the words of a list, wherever they are said.",
            group="understand",
            input="audio",
            params=KeywordSpotting,
            runner="earmark_plugins.keyword_spotting.runner:run",
            many="earmark_plugins.keyword_spotting.runner:run_many",
            formats=speech.FORMATS,
            architectures=(*speech.ARCHITECTURES, *speech.CLASSIFIERS),
            icon="ph.text-aa",
        )
    ]
