"""What may be given to the queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from earmark.core.errors import EarmarkError
from earmark.core.tasks import AudioInput, ModelRef, Params, Task


def validated(task: Task, params: Mapping[str, Any] | Params) -> Params:
    """The parameters of a task, checked.

    Raises
    ------
    EarmarkError
        Naming each field that does not fit, its value and what would.
    """
    if isinstance(params, Params):
        params = params.model_dump()
    try:
        return task.params(**params)
    except ValidationError as error:
        faults = [_fault(task, dict(fault)) for fault in error.errors()]
        raise EarmarkError(
            f"{task.title}: " + "; ".join(fault for fault, _ in faults) + ".",
            " ".join(dict.fromkeys(remedy for _, remedy in faults if remedy)),
        ) from error


def _fault(task: Task, fault: dict[str, Any]) -> tuple[str, str]:
    """What is wrong with one field, and what would fit."""
    name = ".".join(str(part) for part in fault["loc"])
    declared = task.params.model_fields.get(name)
    if declared is None:
        known = ", ".join(task.params.model_fields)
        return f"there is no parameter “{name}”", f"The parameters are: {known}."
    title = declared.title or name
    if fault["type"] == "missing":
        return f"“{title}” ({name}) is missing", f"Give a value for {name}."
    reason = str(fault["msg"]).removeprefix("Input should be ")
    schema = task.params.model_json_schema()["properties"][name]
    low, high = schema.get("minimum"), schema.get("maximum")
    unit = f" {schema['unit']}" if schema.get("unit") else ""
    if low is not None and high is not None:
        reason = f"from {low} to {high}{unit}"
    value = fault["input"]
    return f"“{title}” ({name}) is {value!r:.80}", f"Set {name} to {reason}."


def check_model(task: Task, model: ModelRef | None) -> None:
    """Refuse a model that the task cannot load, or none where it needs one."""
    if not task.formats:
        return
    if model is None:
        raise EarmarkError(
            f"{task.title} needs a model, and none was chosen.",
            "Choose one that is on disk, or get one: `earmark models`.",
        )
    if model.format not in task.formats:
        raise EarmarkError(
            f"{task.title} cannot use {model.id}: its format is {model.format}.",
            f"Choose a model in one of these formats: {', '.join(task.formats)}.",
        )
    if model.path is not None and not model.path.exists():
        raise EarmarkError(
            f"The model {model.id} is not at {model.path} any more.",
            "Choose another model, or import it again.",
        )


def check_input(task: Task, params: Params, given: AudioInput | None) -> None:
    """Refuse an input that the task has nothing to work on in."""
    if task.input == "audio":
        if given is None:
            raise EarmarkError(
                f"{task.title} works on audio, and none was chosen.",
                "Open a file, or select a range of a clip.",
            )
        if given.stop <= given.start:
            raise EarmarkError(
                f"{task.title}: the chosen range of {given.name} is empty.",
                "Select a longer range, or none for the whole clip.",
            )
    elif task.text_param and not str(getattr(params, task.text_param)).strip():
        raise EarmarkError(f"{task.title}: the text is empty.", "Give a text.")
