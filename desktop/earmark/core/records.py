"""Rows of the database as the values that flow, and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from earmark.core.clips import Clip, Fade, Origin, Source, Span, Spans, Voice
from earmark.core.database import ProjectCorrupt
from earmark.core.labels import Label
from earmark.core.sources import restored_path, stored_path
from earmark.core.tasks import (
    AudioFile,
    AudioInput,
    Example,
    Job,
    ModelRef,
    Prediction,
    Text,
    Usage,
)

StoredResult = Prediction | Text | AudioFile

LABEL_FIELDS = tuple(field.name for field in fields(Label))
JOB_FIELDS = tuple(field.name for field in fields(Job))

SELECT_SOURCES = (
    "SELECT id, path, rate, channels, frames, origin, job, size, modified_ns"
    " FROM sources"
)
SELECT_CLIPS = "SELECT id, name, rate, channels, spans, tags, status FROM clips"
SELECT_TRACKS = "SELECT id, clip, name, kind, position, job FROM tracks"
SELECT_LABELS = f"SELECT {', '.join(LABEL_FIELDS)} FROM labels"  # noqa: S608
SELECT_WORDS = "SELECT id, name, color, key FROM vocabulary"
SELECT_TAKES = "SELECT id, source, clip, job, scores, outcome FROM takes"
SELECT_TEXTS = "SELECT id, job, clip, role, text, data FROM texts"
SELECT_VOICES = "SELECT id, name, rate, channels, spans FROM voices"
SELECT_LISTS = "SELECT id, kind, name, text FROM lists"
SELECT_JOBS = f"SELECT {', '.join(JOB_FIELDS)} FROM jobs"  # noqa: S608
INSERT_JOB = (
    f"INSERT INTO jobs (position, {', '.join(JOB_FIELDS[1:])})"  # noqa: S608 - own names
    f" VALUES (?, {', '.join('?' * len(JOB_FIELDS[1:]))})"
)
"""A new job takes its place, and its row of `job_rows`."""
INSERT_LABEL = (
    f"INSERT INTO labels ({', '.join(LABEL_FIELDS[1:])})"  # noqa: S608 - own names
    f" VALUES ({', '.join('?' * len(LABEL_FIELDS[1:]))})"
)
"""A new label takes `LABEL_VALUES` of it."""
LABEL_VALUES = attrgetter(*LABEL_FIELDS[1:])

LISTED = "id IN (SELECT value FROM json_each(?))"
"""The condition for the rows whose ids are bound as `json_list`."""
IN_CLIP = "track IN (SELECT id FROM tracks WHERE clip = :clip)"
WHOLLY_INSIDE = (
    "start >= :start AND stop <= :stop AND (start < :stop OR :stop = :frames)"
)
"""A point at the very end of the clip belongs to its last frame."""

AUDIO = "audio"
"""The kind of the results that are files."""

_RESULT_KINDS: dict[type[StoredResult], str] = {
    Prediction: "prediction",
    Text: "text",
    AudioFile: AUDIO,
}
_JOB_PARTS = ("params", "model", "input", "usage", "examples", "companions")
_TYPES: dict[str, Any] = {
    "job": Job,
    "params": dict[str, Any],
    "model": ModelRef | None,
    "input": AudioInput | None,
    "usage": Usage,
    "examples": tuple[Example, ...],
    "companions": dict[str, ModelRef],
    "prediction": Prediction,
    "text": Text,
    "audio": AudioFile,
}


@dataclass(frozen=True, slots=True)
class StoredText:
    """A text result that was accepted.

    Attributes
    ----------
    id, job : int
    clip : int or None
        None if the job had no clip, or the clip was removed.
    role : str
        "transcript", "language", ...
    text : str
    data : dict
        JSON values only.
    """

    id: int
    job: int
    clip: int | None
    role: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)


def encode(value: Any) -> str:
    """JSON without spaces; ASCII, so that any string a path may hold can be stored."""
    return json.dumps(value, separators=(",", ":"), default=str)


def decode(text: str) -> Any:
    """The value of `encode`; `ProjectCorrupt` if it is none."""
    with _damage_reported():
        return json.loads(text)


def encode_spans(spans: Spans) -> str:
    """Spans as the column `clips.spans`: one array for each span."""
    return encode(
        [
            [
                span.source,
                span.offset,
                span.frames,
                span.gain_db,
                int(span.reverse),
                [[fade.offset, fade.length, int(fade.rising)] for fade in span.fades],
            ]
            for span in spans
        ]
    )


def decode_spans(text: str) -> Spans:
    """The spans of `encode_spans`."""
    with _damage_reported():
        return tuple(_span(*values) for values in json.loads(text))


def source_from_row(row: tuple[Any, ...], folder: Path) -> Source:
    """A row of `SELECT_SOURCES` in a project folder."""
    key, path, rate, channels, frames, origin, *rest = row
    where = restored_path(path, folder)
    return Source(key, where, rate, channels, frames, _origin(origin), *rest)


def clip_from_row(row: tuple[Any, ...]) -> Clip:
    """A row of `SELECT_CLIPS`."""
    key, name, rate, channels, spans, tags, status = row
    found = tuple(decode(tags)) if tags != "[]" else ()
    return Clip(key, name, rate, channels, decode_spans(spans), found, status)


def job_values(folder: Path, changes: dict[str, Any]) -> dict[str, Any]:
    """Fields of a `Job` as the columns of its row."""
    return {
        name: _job_value(name, value, lambda path: _portable(path, folder))
        for name, value in changes.items()
    }


def job_rows(jobs: Iterable[Job], folder: Path) -> Iterator[tuple[Any, ...]]:
    """The columns of new jobs' rows but for their ids and their places.

    What jobs of a batch share is encoded once.
    """
    place = cache(lambda path: _portable(path, folder))
    encoded: dict[tuple[str, int], tuple[Any, Any]] = {}
    for job in jobs:
        row = []
        for name in JOB_FIELDS[1:]:
            value = getattr(job, name)
            key = name, id(value)
            if key not in encoded:
                # The value is kept with it: while it lives, its id is its own.
                encoded[key] = value, _job_value(name, value, place)
            row.append(encoded[key][1])
        yield tuple(row)


def job_from_row(row: tuple[Any, ...], folder: Path) -> Job:
    """A row of `SELECT_JOBS` in a project folder."""
    values = dict(zip(JOB_FIELDS, row, strict=True))
    with _damage_reported():
        for name in _JOB_PARTS:
            values[name] = json.loads(values[name])
        job: Job = _adapter("job").validate_python(values)
    return _with_paths(job, lambda path: folder / path)


def encode_result(result: StoredResult, folder: Path) -> tuple[str, str]:
    """The columns `kind` and `value` of a result's row."""
    if isinstance(result, AudioFile):
        result = replace(result, path=_portable(result.path, folder))
    kind = _RESULT_KINDS[type(result)]
    return kind, _dump(kind, result)


def decode_result(kind: str, value: str, folder: Path) -> StoredResult:
    """The result of `encode_result`."""
    with _damage_reported():
        result: StoredResult = _adapter(kind).validate_python(json.loads(value))
    if isinstance(result, AudioFile):
        return replace(result, path=folder / result.path)
    return result


def check_readable(table: str, row: dict[str, Any]) -> None:
    """Raise `ProjectCorrupt` if a row holds what cannot be read.

    Parameters
    ----------
    table : str
    row : dict
        Column to value.
    """
    if table in ("clips", "voices"):
        decode_spans(row["spans"])
    elif table == "jobs":
        job_from_row(tuple(row[name] for name in JOB_FIELDS), Path())
    elif table == "results":
        decode_result(row["kind"], row["value"], Path())
    elif table == "sources":
        _origin(row["origin"])
    for column in ("tags", "scores", "outcome", "data"):
        if column in row:
            decode(row[column])


def _span(
    source: str | None,
    offset: int,
    frames: int,
    gain_db: float,
    reverse: int,
    fades: list[tuple[int, int, int]],
) -> Span:
    if frames < 1 or offset < 0:
        raise ValueError(f"a span of {frames} frames from {offset}")
    ramps = tuple(Fade(at, length, bool(rising)) for at, length, rising in fades)
    return Span(source, offset, frames, gain_db, bool(reverse), ramps)


def voice_from_row(row: tuple[Any, ...]) -> Voice:
    """A row of `SELECT_VOICES`."""
    key, name, rate, channels, spans = row
    return Voice(key, name, rate, channels, decode_spans(spans))


def _job_value(name: str, value: Any, place: Callable[[Path], Path]) -> Any:
    """The column of a field, given what makes paths fit to be stored."""
    if name == "input" and value is not None:
        value = _moved(value, place)
    if name == "examples":
        value = _moved_examples(value, place)
    if name in _JOB_PARTS:
        return _dump(name, value)
    return str(value) if name == "state" else value


def _with_paths(job: Job, place: Callable[[Path], Path]) -> Job:
    if job.input is None and not job.examples:
        return job
    given = job.input and _moved(job.input, place)
    return replace(job, input=given, examples=_moved_examples(job.examples, place))


def _moved_examples(
    examples: tuple[Example, ...], place: Callable[[Path], Path]
) -> tuple[Example, ...]:
    return tuple(
        replace(example, audio=_moved(example.audio, place)) for example in examples
    )


def _moved(audio: AudioInput, place: Callable[[Path], Path]) -> AudioInput:
    """The input with its sources' files in other places."""
    sources = tuple(
        replace(source, path=place(source.path)) for source in audio.sources
    )
    return replace(audio, sources=sources)


def _portable(path: Path, folder: Path) -> Path:
    """Relative to the folder if inside, so that it holds when the folder is moved."""
    stored = stored_path(path, folder)
    return Path(stored) if isinstance(stored, str) else path


def _origin(text: str) -> Origin:
    if text not in ("import", "recording", "generated"):
        raise ProjectCorrupt(f"The project names an unknown origin “{text}”.")
    return text  # type: ignore[return-value]  # narrowed by the test above


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(_TYPES[kind])


def _dump(kind: str, value: Any) -> str:
    return encode(_adapter(kind).dump_python(value))


@contextmanager
def _damage_reported() -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, KeyError, ValidationError) as error:
        raise ProjectCorrupt(
            f"The project holds a record that cannot be read ({error}).",
            "Open it read-only and save what can be read under another name.",
        ) from error
