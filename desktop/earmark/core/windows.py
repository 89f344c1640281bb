"""The parameters of tasks that score windows of the audio."""

from __future__ import annotations

from typing import Literal

from earmark.core.tasks import Params, param


class ExclusiveParams(Params):
    """What every task has that scores windows: what is heard, and what is labelled.

    Of tasks for which one class is true at a time.
    """

    along: Literal["time", "clip"] = param(
        "time",
        "Answer",
        "Labels where something is heard, or one answer about all of it.",
        choices=(("time", "Along time"), ("clip", "For the whole")),
    )
    threshold: float = param(
        0.5, "Threshold", "Label what scores at least this.", ge=0, le=1, step=0.05
    )
    window_s: float | None = param(
        None,
        "Window",
        "How much is heard at once; empty takes what the model is made for.",
        unit="s",
        ge=0.1,
        le=60,
        advanced=True,
    )
    hop_s: float | None = param(
        None,
        "Step",
        "From the start of a window to that of the next; empty is half a window.",
        unit="s",
        ge=0.02,
        le=60,
        advanced=True,
    )
    combine: Literal["mean", "max"] = param(
        "mean",
        "Combine",
        "How the scores of windows over the same place become one.",
        choices=(("mean", "Mean"), ("max", "Highest")),
        advanced=True,
    )
    shortest_s: float = param(
        0.0,
        "Shortest",
        "Leave shorter labels out.",
        unit="s",
        ge=0,
        le=60,
        step=0.1,
        advanced=True,
    )
    bridge_s: float = param(
        0.0,
        "Bridge",
        "Close gaps in a label up to this long.",
        unit="s",
        ge=0,
        le=60,
        step=0.1,
        advanced=True,
    )


class WindowParams(ExclusiveParams):
    """The same, of tasks for which several classes may be true at a time."""

    top: int = param(
        3, "At most", "How many labels there may be at a time.", ge=1, le=50
    )
