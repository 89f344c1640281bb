"""Zero-shot: which of the descriptions that a person gives fits a sound."""

from typing import Literal

from earmark.api import Task, WindowParams, classifier_task, hookimpl, param


class ZeroShot(WindowParams):
    """What may be heard, in words."""

    labels: str = param(
        ..., "Labels", "What may be heard, one a line: “dog”, “rain”.", lines="classes"
    )
    template: str = param(
        "This is a sound of {}.",
        "Sentence",
        "What the model compares the sound with; a label takes the place of {}.",
        advanced=True,
    )
    scores: Literal["softmax", "cosine"] = param(
        "softmax",
        "Scores",
        "One label of all, or how alike each is for itself: mostly below 0.5.",
        choices=(("softmax", "One of all"), ("cosine", "Each for itself")),
        advanced=True,
    )


@hookimpl
def register_tasks() -> list[Task]:
    """Give the task of this plugin."""
    return [
        classifier_task(
            "zero-shot",
            "Zero-shot",
            "Label sounds with your own words, without training.",
            params=ZeroShot,
            runner="earmark_plugins.zero_shot.runner",
            architectures=("ClapModel",),
            icon="ph.tag",
        )
    ]
