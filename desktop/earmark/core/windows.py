"""Tasks that score windows of the audio: how they are declared."""

from __future__ import annotations

from typing import Literal

from earmark.core.ontology import choices
from earmark.core.tasks import Params, Task, param

AUDIO_CLASSIFIERS = ("*ForAudioClassification", "*ForSequenceClassification")
"""The classes of transformers' audio classifiers."""


class Windowing(Params):
    """How the audio is cut into windows."""

    window_s: float | None = param(
        None,
        "Window",
        "How much is heard at once, if not what the model is made for.",
        unit="s",
        ge=0.1,
        le=60,
        advanced=True,
    )
    hop_s: float | None = param(
        None,
        "Step",
        "From the start of a window to that of the next, if not half a window.",
        unit="s",
        ge=0.02,
        le=60,
        advanced=True,
    )


class ExclusiveParams(Windowing):
    """What is heard, and what is labelled, if one class is true at a time."""

    along: Literal["time", "clip"] = param(
        "time",
        "Answer",
        "Labels where something is heard, or one answer about all of it.",
        choices=(("time", "Along time"), ("clip", "For the whole")),
    )
    threshold: float = param(
        0.5, "Threshold", "Label what scores at least this.", ge=0, le=1, step=0.05
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
    silence_db: float = param(
        -80.0,
        "Silence",
        "Leave out what is nowhere louder.",
        unit="dB",
        ge=-120,
        le=-20,
        advanced=True,
    )
    clipped_percent: float = param(
        10.0,
        "Clipped",
        "Leave out what has more of its samples cut off at full scale; 100 leaves "
        "nothing out.",
        unit="%",
        ge=0,
        le=100,
        advanced=True,
    )


class WindowParams(ExclusiveParams):
    """The same, if several classes may be true at a time."""

    top: int = param(
        3, "At most", "How many labels there may be at a time.", ge=1, le=50
    )


class EventParams(WindowParams):
    """The same, of a model that knows sounds of which some may be wanted."""

    threshold: float = param(
        0.3, "Threshold", "Label what scores at least this.", ge=0, le=1, step=0.05
    )
    classes: str = param(
        "",
        "Only",
        "Sounds or kinds of sounds, such as Animal; empty takes all the model knows.",
        choices=choices(),
        lines="classes",
    )
    thresholds: str = param(
        "",
        "Thresholds",
        "Sounds with a threshold of their own, such as “Dog: 0.2”.",
        lines="thresholds",
        advanced=True,
    )


def classifier_task(
    id: str,
    title: str,
    summary: str,
    *,
    params: type[Params],
    runner: str,
    formats: tuple[str, ...] = ("transformers",),
    architectures: tuple[str, ...] = AUDIO_CLASSIFIERS,
    icon: str = "ph.waveform",
) -> Task:
    """A task that labels what a classifier hears.

    Parameters
    ----------
    id, title, summary, params, formats, architectures, icon
        As of a `Task`.
    runner : str
        The module with what `earmark.api.runners` gives, as `run` and `run_many`.
    """
    return Task(
        id=id,
        title=title,
        summary=summary,
        group="understand",
        input="audio",
        params=params,
        runner=f"{runner}:run",
        many=f"{runner}:run_many",
        formats=formats,
        architectures=architectures,
        icon=icon,
    )
