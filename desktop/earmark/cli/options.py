"""A task's `Params` as options of the command line."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from earmark.core.tasks import Task, declared

_NUMBERS = {int: "N", float: "X"}
"""What stands for a number without a unit."""


def flag(name: str) -> str:
    """The option of a field: ``beam_size`` is ``--beam-size``."""
    return "--" + name.replace("_", "-")


def options_of(task: Task, *, without: str = "") -> list[click.Option]:
    """One option for each field of a task's `Params`, those for experts last.

    Parameters
    ----------
    task : Task
    without : str, optional
        A field that the command takes as an argument instead.

    Returns
    -------
    list of click.Option
        An option that is not given has the value None, so that the defaults stay where
        they are declared.
    """
    fields = [
        (name, field)
        for name, field in task.params.model_fields.items()
        if name != without
    ]
    fields.sort(key=lambda each: bool(declared(each[1]).get("advanced")))
    return [_option(name, field) for name, field in fields]


def given(task: Task, values: dict[str, Any]) -> dict[str, Any]:
    """Those of a command's values that are fields of the task and were given."""
    return {
        name: value
        for name, value in values.items()
        if name in task.params.model_fields and value is not None
    }


def _option(name: str, field: FieldInfo) -> click.Option:
    kind = _without_none(field.annotation)
    unit = str(declared(field).get("unit") or "")
    text = " ".join(part for part in (field.description or "", _about(field)) if part)
    if kind is bool:
        return click.Option(
            [f"{flag(name)}/--no-{name.replace('_', '-')}"], default=None, help=text
        )
    return click.Option(
        [flag(name)],
        default=None,
        help=text,
        required=field.is_required(),
        type=_click_type(kind, field),
        metavar=unit.upper() or _NUMBERS.get(kind),
    )


def _without_none(annotation: Any) -> Any:
    """`float | None` is a float to a person who types it."""
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return kinds[0] if len(kinds) == 1 else str
    return annotation


class Lines(click.ParamType[str]):
    """One entry a line: given with commas between them, or as the path of a file."""

    name = "list"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Give the entries as lines."""
        path = Path(value)
        if _is_file(path):
            try:
                return path.read_text("utf-8-sig")
            except (OSError, UnicodeDecodeError) as error:
                self.fail(f"{path} cannot be read as text: {error}", param, ctx)
        return "\n".join(entry.strip() for entry in value.split(","))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a long list is no name that a file can have
        return False


def _click_type(kind: Any, field: FieldInfo) -> click.ParamType[Any]:
    if declared(field).get("lines"):
        return Lines()
    if get_origin(kind) is Literal:
        return click.Choice([str(value) for value in get_args(kind)])
    lowest = next((m.ge for m in field.metadata if hasattr(m, "ge")), None)
    highest = next((m.le for m in field.metadata if hasattr(m, "le")), None)
    if kind is int:
        return click.IntRange(lowest, highest)
    if kind is float:
        return click.FloatRange(lowest, highest)
    if kind is Path:
        return click.Path(path_type=Path)
    return click.STRING


def _about(field: FieldInfo) -> str:
    """What the help says of the default."""
    if field.is_required() or field.default in (None, ""):
        return ""
    value = field.default
    shown = {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
    return f"[default: {shown}]"
