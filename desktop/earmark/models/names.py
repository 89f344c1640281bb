"""What models and their files may be called, wherever they come from.

A name from the hub, from a pack or from a person becomes one on a disk. It must lead
nowhere else there, on any system, because a library may lie on a disk that is used with
several: https://learn.microsoft.com/windows/win32/fileio/naming-a-file
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from earmark.core.errors import EarmarkError

MANIFEST = "earmark-model.json"
"""The library's own file in a model's folder."""

_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")

_PART = re.compile(r'[^ .<>:"/\\|?*][^<>:"/\\|?*]*(?<![. ])')

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Windows takes these for devices, in any folder and with any suffix."""

_LONGEST = 200
"""Bytes of a name; systems take 255, and the library appends to it."""


def folder_name(id: str) -> str:
    """The name of a model's folder in the library."""
    return id.replace("/", "--")


def is_model_id(id: str) -> bool:
    """Whether a model may have an id: a name, or an organisation's and a name."""
    return _ID.fullmatch(id) is not None and _is_plain(folder_name(id))


def check_model_id(id: str) -> None:
    """Check that a model may have an id.

    Raises
    ------
    EarmarkError
        If not; says what it may be.
    """
    if not is_model_id(id):
        raise EarmarkError(
            f"{id!r} cannot be a model's name.",
            "Give one of letters, digits, dots, dashes and underscores.",
        )


def is_file_name(name: str) -> bool:
    """Whether a model's file may have a name, relative to its folder, with slashes."""
    return name != MANIFEST and all(map(_is_plain, name.split("/")))


def _is_plain(name: str) -> bool:
    """Whether a file or a folder may be called so; a hidden one is not the model's."""
    return (
        name.isprintable()
        and _PART.fullmatch(name) is not None
        and _RESERVED.fullmatch(name) is None
        and len(name.encode()) <= _LONGEST
    )


def _model_id(id: str) -> str:
    if not is_model_id(id):
        raise ValueError("it cannot be a model's name")
    return id


def _file_name(name: str) -> str:
    if not is_file_name(name):
        raise ValueError(f"{name!r} cannot be the name of a model's file")
    return name


ModelId = Annotated[str, AfterValidator(_model_id)]

FileName = Annotated[str, AfterValidator(_file_name)]
