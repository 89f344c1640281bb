"""What the host and the engine say to each other: one JSON object a line.

Samples never cross the pipe; paths and frame numbers do. A line is encoded as pure
ASCII, so that a file name that is not valid UTF-8 survives, and checked against the
message's declaration when it arrives.
"""

from __future__ import annotations

import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from earmark.core.tasks import AudioFile, Job, Prediction, Text, Usage

ENVIRONMENT = {
    "DISABLE_SAFETENSORS_CONVERSION": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "PYTHONUTF8": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
    "TRANSFORMERS_OFFLINE": "1",
}
"""The engine's environment. Libraries read it when they are imported, so it is set
before the engine's process starts, and again before it imports any of them."""

StoredResult = Prediction | Text | AudioFile
"""What a runner yields that is kept: everything but its progress."""


class ProtocolError(Exception):
    """A line that is not a message."""


@dataclass(frozen=True, slots=True)
class Run:
    """To the engine: run a job, or a few short ones of a batch together.

    Attributes
    ----------
    jobs : tuple of Job
        With one task, one model and the same parameters.
    runner, many : str
        "package.module:function"; `many` is what runs several, see `Task.many`.
    device : str
        "auto", "cpu", "cuda" or "mps", as the person set it.
    cache : Path
        Folder of decoded audio and of vectors.
    base : Path or None
        The project's folder.
    output : Path
        Where audio is written.
    memory_budget_mb : int
        What loaded models may take together.
    told : tuple of Text
        What a job that is resumed has told of its input already.
    """

    jobs: tuple[Job, ...]
    runner: str
    many: str
    device: str
    cache: Path
    base: Path | None
    output: Path
    memory_budget_mb: int
    told: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class Cancel:
    """To the engine: stop a job at its next cancel point."""

    job: int


@dataclass(frozen=True, slots=True)
class Ready:
    """The engine reads messages now."""

    pid: int


@dataclass(frozen=True, slots=True)
class Started:
    """A job left the engine's queue and its runner is called."""

    job: int


@dataclass(frozen=True, slots=True)
class Results:
    """What a job found since the last of these."""

    job: int
    results: tuple[StoredResult, ...]


@dataclass(frozen=True, slots=True)
class Progressed:
    """How far a job is; `fraction` is of what it reads, from its resume point on."""

    job: int
    fraction: float | None
    message: str


@dataclass(frozen=True, slots=True)
class Used:
    """What a job really runs on, as soon as it is known."""

    job: int
    device: str
    dtype: str
    note: str


@dataclass(frozen=True, slots=True)
class Rewound:
    """A job ran out of memory and starts again.

    Attributes
    ----------
    frame : int or None
        Results up to this frame of the clip are kept; None keeps none.
    note : str
        What is different this time.
    """

    job: int
    frame: int | None
    note: str


@dataclass(frozen=True, slots=True)
class Done:
    """A job's runner returned."""

    job: int
    usage: Usage


@dataclass(frozen=True, slots=True)
class Failed:
    """A job's runner raised."""

    job: int
    error: str
    traceback: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class Stopped:
    """A job was cancelled and has stopped."""

    job: int
    usage: Usage


FromEngine = (
    Ready | Started | Results | Progressed | Used | Rewound | Done | Failed | Stopped
)
ToEngine = Run | Cancel
Message = FromEngine | ToEngine

_TYPES = {message.__name__: message for message in get_args(Message)}


@functools.cache
def _adapter(name: str) -> TypeAdapter[Message]:
    return TypeAdapter(_TYPES[name])


def _plain(value: Any) -> Any:
    """A path as text, a scalar of numpy or torch as a number."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"a result holds a {type(value).__name__}, which is not plain data")


def encode(message: Message) -> bytes:
    """Give the line for a message, its line break included.

    Raises
    ------
    TypeError
        If the message holds something that is not plain data.
    """
    name = type(message).__name__
    # What is wrong with a value is said when it is decoded.
    fields = _adapter(name).dump_python(message, warnings=False)
    fields["type"] = name
    return json.dumps(fields, default=_plain, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Message:
    """Give the message of a line.

    Raises
    ------
    ProtocolError
        If it is not one; the error quotes the beginning of the line.
    """
    try:
        fields = json.loads(line)
        return _adapter(fields.pop("type")).validate_python(fields)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        reason = f"{where}: {fault['msg']}"
        raise ProtocolError(f"{line[:120]!r} is not a message: {reason}") from error
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ProtocolError(f"{line[:120]!r} is not a message") from error
