"""Clips: lists of spans over immutable sources, and the edits on them.

A clip is an edit decision list. Every function here takes a tuple of spans and gives
a new one; no samples are touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Origin = Literal["import", "recording", "generated"]
ReviewStatus = Literal["new", "in_progress", "done"]


@dataclass(frozen=True, slots=True)
class Source:
    """An immutable audio file.

    Attributes
    ----------
    id : str
        xxh3-128 of the file's bytes, 32 hex digits.
    path : Path
        Absolute; a source inside the project folder is stored relative to it.
    rate : int
        Frames per second.
    channels, frames : int
    origin : {"import", "recording", "generated"}
    job : int or None
        The job that generated it.
    """

    id: str
    path: Path
    rate: int
    channels: int
    frames: int
    origin: Origin = "import"
    job: int | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A run of frames of one source, or of silence.

    Attributes
    ----------
    source : str or None
        The id of the source; None is silence.
    offset : int
        The first frame of the source, counted from its beginning even if reversed.
    frames : int
        At least 1.
    gain_db : float
    fade_in, fade_out : int
        Length in frames of a linear ramp at each end; at most `frames`.
    reverse : bool
        Play the run backwards.
    """

    source: str | None
    offset: int
    frames: int
    gain_db: float = 0.0
    fade_in: int = 0
    fade_out: int = 0
    reverse: bool = False


Spans = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Clip:
    """What the editor shows: a name and spans at one rate.

    All spans' sources have the clip's rate. A source with fewer channels than the clip
    is repeated over the missing ones; positions are frames at `rate`.
    """

    id: int
    name: str
    rate: int
    channels: int
    spans: Spans
    tags: tuple[str, ...] = ()
    status: ReviewStatus = "new"

    @property
    def frames(self) -> int:
        """Length in frames."""
        return sum(span.frames for span in self.spans)
