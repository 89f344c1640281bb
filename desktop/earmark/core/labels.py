"""Labels, the tracks that hold them, and the vocabulary they are chosen from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LabelStatus = Literal["confirmed", "predicted", "accepted", "rejected", "edited"]
TrackKind = Literal["labels", "segments", "words", "speakers"]


@dataclass(frozen=True, slots=True)
class Label:
    """A named range of a clip.

    Attributes
    ----------
    id, track : int
        0 until stored.
    start, stop : int
        Half-open range in frames of the clip; equal for a point.
    text : str
        Any length; line breaks allowed.
    low_hz, high_hz : float or None
        Frequency bounds; None is unbounded.
    channel : int or None
        0-based; None is all channels.
    score : float or None
        As the model gave it.
    speaker : str
        Who speaks; empty if unknown.
    status : {"confirmed", "predicted", "accepted", "rejected", "edited"}
        "confirmed" was made by hand; "predicted" by a job and untouched since.
    job : int or None
        The job that made it; None was made by hand. Never lost by an edit.
    """

    id: int
    track: int
    start: int
    stop: int
    text: str = ""
    low_hz: float | None = None
    high_hz: float | None = None
    channel: int | None = None
    score: float | None = None
    speaker: str = ""
    status: LabelStatus = "confirmed"
    job: int | None = None


@dataclass(frozen=True, slots=True)
class LabelTrack:
    """An ordered lane of labels under a clip."""

    id: int
    clip: int
    name: str
    kind: TrackKind = "labels"
    position: int = 0
    job: int | None = None


@dataclass(frozen=True, slots=True)
class Word:
    """A vocabulary entry: a label text with its colour and its class key.

    Attributes
    ----------
    color : str
        `#rrggbb`.
    key : str
        "1" to "9", or empty.
    """

    id: int
    name: str
    color: str
    key: str = ""
