"""Values in JSON files, read with errors that name the field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from earmark.core.errors import EarmarkError
from earmark.formats.textfile import file_error, read_text, real, seconds, storable

_text = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class Node:
    """A value in a JSON file.

    Every method but `missing` raises `EarmarkError` naming the field if the value is
    not what was asked for.

    Attributes
    ----------
    path : Path
    where : str
        The way to it: `segments[3].end`.
    value : Any
        None, bool, int, Decimal, str, list or dict.
    """

    path: Path
    where: str
    value: Any

    @property
    def missing(self) -> bool:
        """It is null, not a number, or not there."""
        return self.value is None

    def error(self, expected: str) -> EarmarkError:
        """The error that the value is not what was expected."""
        found = "missing" if self.value is None else f"not {expected}"
        return file_error(self.path, f"it is {found}", field=self.where or "the whole")

    def get(self, key: str) -> Node:
        """The value of a key of an object; missing if there is no such key."""
        if not isinstance(self.value, dict):
            raise self.error("an object")
        where = f"{self.where}.{key}" if self.where else key
        return Node(self.path, where, self.value.get(key))

    def keys(self) -> Iterator[str]:
        """The keys of an object."""
        if not isinstance(self.value, dict):
            raise self.error("an object")
        return iter(self.value)

    def parts(self) -> list[Node]:
        """The values of a list; none if it is missing."""
        if self.value is None:
            return []
        if not isinstance(self.value, list):
            raise self.error("a list")
        return [
            Node(self.path, f"{self.where}[{n}]", value)
            for n, value in enumerate(self.value)
        ]

    def text(self) -> str:
        """A text without the space around it; empty if it is missing."""
        if self.value is None:
            return ""
        if not isinstance(self.value, str):
            raise self.error("a text")
        return storable(self.value).strip()

    def time(self) -> Decimal | None:
        """A time in seconds; None if it is missing."""
        value = self._number("a time in seconds")
        time = None if value is None else seconds(value)
        if value is not None and time is None:
            raise self.error("a time in seconds")
        return time

    def needed_time(self) -> Decimal:
        """A time in seconds that must be there."""
        time = self.time()
        if time is None:
            raise self.error("a time in seconds")
        return time

    def real(self) -> float | None:
        """A number; None if it is missing."""
        value = self._number("a number")
        result = None if value is None else real(value)
        if value is not None and result is None:
            raise self.error("a number")
        return result

    def _number(self, expected: str) -> Decimal | None:
        if self.value is None:
            return None
        if isinstance(self.value, bool) or not isinstance(self.value, int | Decimal):
            raise self.error(expected)
        return Decimal(self.value)


def read_json(path: Path) -> Node:
    """The value in a JSON file.

    `NaN` and `Infinity`, which aligners write for what they do not know, are missing.

    Raises
    ------
    EarmarkError
        It is not JSON; the line and the column are named.
    """
    text = read_text(path)
    try:
        value = json.loads(
            text, parse_float=_decimal, parse_constant=lambda _constant: None
        )
    except json.JSONDecodeError as error:
        raise file_error(
            path,
            f"it is not valid JSON ({error.msg})",
            line=error.lineno,
            field=f"column {error.colno}",
        ) from error
    except (RecursionError, ValueError, ArithmeticError) as error:
        # Nested too deeply, or a number beyond what Python takes.
        raise file_error(path, f"it cannot be read as JSON ({error})") from error
    return Node(path, "", value)


def write_json(path: Path, value: Mapping[str, Any] | Sequence[Any]) -> None:
    """Write a JSON value as UTF-8, on one line: indenting takes ten times as long."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(_pieces(value))
        file.write("\n")


def _decimal(text: str) -> Decimal:
    # A function of Python: the parser is of C, and lets other threads run only here.
    return Decimal(text)


def _pieces(value: Any) -> Iterator[str]:
    """The text of a JSON value in pieces, one for each object of a list of objects.

    Made in one go, it would let no other thread run meanwhile.
    """
    if _holds_objects(value):
        yield "["
        for place, item in enumerate(value):
            if place:
                yield ", "
            yield from _pieces(item)
        yield "]"
    elif isinstance(value, dict) and any(map(_holds_objects, value.values())):
        yield "{"
        for place, (key, item) in enumerate(value.items()):
            yield f"{', ' if place else ''}{_text(key)}: "
            yield from _pieces(item)
        yield "}"
    else:
        yield _text(value)


def _holds_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)
