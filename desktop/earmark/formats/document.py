"""What is exchanged between a project and label files: documents of tiers of labels.

A document is about one recording. Positions are integer frames at the recording's
rate; they become seconds only while a file is written, and by integer arithmetic, so
that neither a locale nor binary fractions can change a digit.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Decimal
from itertools import pairwise
from pathlib import Path, PurePath

from earmark.core.labels import LabelStatus, TrackKind
from earmark.core.sources import AUDIO_SUFFIXES
from earmark.core.tasks import Prediction

_HALF = Decimal("0.5")

_KINDS_BY_NAME: dict[str, TrackKind] = {
    "word": "words",
    "words": "words",
    "speaker": "speakers",
    "speakers": "speakers",
    "segment": "segments",
    "segments": "segments",
    "sentences": "segments",
    "transcript": "segments",
    "transcription": "segments",
    "utterances": "segments",
}


@dataclass(frozen=True, slots=True)
class Recording:
    """What a label file is about.

    Attributes
    ----------
    file : str
        The name under which files refer to it, such as "demo.wav".
    rate : int
        Frames per second.
    frames : int or None
        Its length; None if unknown.
    channels : int
    path : Path or None
        Where the audio lies, if it is one file as it stands.
    """

    file: str
    rate: int
    frames: int | None = None
    channels: int = 1
    path: Path | None = None

    @property
    def stem(self) -> str:
        """The name without the ending of an audio file."""
        return stem_of(self.file)


def stem_of(file: str) -> str:
    """A name without the ending of a sound file; another ending is part of it."""
    ending = PurePath(file).suffix
    return file.removesuffix(ending) if ending.lower() in AUDIO_SUFFIXES else file


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word of a transcript; models leave some without times, both None then."""

    text: str
    start: int | None = None
    stop: int | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class LabelRecord:
    """A label as files carry it.

    Attributes
    ----------
    start, stop : int
        Half-open range in frames; equal for a point.
    text : str
        What the project shows as the label's text: a class name, or what is said.
    label : str
        A class name *beside* a text, as some files have; else empty.
    low_hz, high_hz : float or None
        Frequency bounds; None is unbounded.
    channel : int or None
        0-based; None is all channels.
    score : float or None
    speaker : str
    source : str
        Who or what made it: "manual", or a task such as "speech-recognition".
    model : str
        The model's id, with "@revision" if known.
    status : {"confirmed", "predicted", "accepted", "rejected", "edited"}
    words : tuple of TimedWord
        The words of a segment, if the file had them nested.
    """

    start: int
    stop: int
    text: str = ""
    label: str = ""
    low_hz: float | None = None
    high_hz: float | None = None
    channel: int | None = None
    score: float | None = None
    speaker: str = ""
    source: str = ""
    model: str = ""
    status: LabelStatus = "confirmed"
    words: tuple[TimedWord, ...] = ()


@dataclass(frozen=True, slots=True)
class Tier:
    """A named lane of labels, as a track of the project."""

    name: str
    kind: TrackKind
    labels: tuple[LabelRecord, ...]


@dataclass(frozen=True, slots=True)
class LabelDocument:
    """All labels of one recording.

    Attributes
    ----------
    recording : Recording
    tiers : tuple of Tier
    language : str
        ISO 639-1 code of what is spoken; empty if unknown.
    notes : tuple of str
        What a reader left out or assumed, one sentence each.
    """

    recording: Recording
    tiers: tuple[Tier, ...] = ()
    language: str = ""
    notes: tuple[str, ...] = ()

    @property
    def label_count(self) -> int:
        """The number of labels in all tiers."""
        return sum(len(tier.labels) for tier in self.tiers)


def ticks(frames: int, rate: int, per_second: int) -> int:
    """A position in units of 1/`per_second` s, rounded half up; exact integers."""
    return (2 * frames * per_second + rate) // (2 * rate)


def frames_of_ticks(count: int, rate: int, per_second: int) -> int:
    """The frame nearest to `count` units of 1/`per_second` s."""
    return (2 * count * rate + per_second) // (2 * per_second)


def frames_of_seconds(seconds: Decimal, rate: int) -> int:
    """The frame nearest to a time, rounded half up."""
    return int((seconds * rate + _HALF).to_integral_value(rounding=ROUND_FLOOR))


def seconds_text(frames: int, rate: int, decimals: int = 6) -> str:
    """A position in seconds with a fixed number of decimals and a point."""
    scale = 10**decimals
    count = ticks(frames, rate, scale)
    sign = "-" if count < 0 else ""
    whole, fraction = divmod(abs(count), scale)
    return f"{sign}{whole}.{fraction:0{decimals}d}"


def clock_text(frames: int, rate: int, point: str) -> str:
    """A position as hours, minutes, seconds and milliseconds: `00:00:02,000`.

    It is rounded to milliseconds before it is split, so that 1.9996 s is not written
    as 1 s and 1000 ms.
    """
    count = ticks(frames, rate, 1000)
    seconds, millis = divmod(count, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{point}{millis:03d}"


def tier_kind(name: str, *, spoken: bool = False) -> TrackKind:
    """The kind of a tier that comes from a file which names tiers but not kinds.

    Parameters
    ----------
    name : str
    spoken : bool
        The file says that the texts are speech, not class names.
    """
    # Without what `unique_names` and the splitting of tiers append.
    base = name.casefold().split(" (", 1)[0].strip()
    kind = _KINDS_BY_NAME.get(base, "labels")
    if spoken:
        return "words" if kind == "words" else "segments"
    return kind


def in_order(labels: Iterable[LabelRecord]) -> tuple[LabelRecord, ...]:
    """Labels by start, then stop; the order is the same whatever order they come in."""
    ordered = sorted(labels, key=_position)
    if any(_position(a) == _position(b) for a, b in pairwise(ordered)):
        ordered.sort(key=lambda label: (*_position(label), repr(label)))
    return tuple(ordered)


def _position(label: LabelRecord) -> tuple[int, int]:
    return label.start, label.stop


def unique_names(tiers: Iterable[Tier]) -> tuple[Tier, ...]:
    """Tiers of which no two have the same name: the second "birds" is "birds (2)"."""
    tiers = tuple(tiers)
    names = numbered(tier.name for tier in tiers)
    return tuple(
        replace(tier, name=name) for tier, name in zip(tiers, names, strict=True)
    )


def numbered(names: Iterable[str], fold: Callable[[str], str] = str) -> list[str]:
    """The names, those that were there before with a number: "birds (2)".

    Parameters
    ----------
    names : iterable of str
    fold : callable, optional
        Names are the same if it gives the same for them.
    """
    taken: set[str] = set()
    counts: Counter[str] = Counter()
    result = []
    for wanted in names:
        name = wanted
        while fold(name) in taken:
            counts[fold(wanted)] += 1
            name = f"{wanted} ({counts[fold(wanted)] + 1})"
        taken.add(fold(name))
        result.append(name)
    return result


def document_of_predictions(
    predictions: Sequence[Prediction],
    recording: Recording,
    *,
    source: str = "",
    model: str = "",
    language: str = "",
) -> LabelDocument:
    """A document of what a job predicted, for exports without a project.

    Parameters
    ----------
    predictions : sequence of Prediction
        Their positions are frames at `recording.rate`. Those of one tier name become
        one tier.
    recording : Recording
    source, model : str
        The task and the model that made them.
    language : str
        The language that was recognised.
    """
    tiers: dict[tuple[str, TrackKind], list[LabelRecord]] = defaultdict(list)
    for prediction in predictions:
        tiers[prediction.tier or prediction.kind, prediction.kind].append(
            LabelRecord(
                start=prediction.start,
                stop=prediction.stop,
                text=prediction.text,
                low_hz=prediction.low_hz,
                high_hz=prediction.high_hz,
                channel=prediction.channel,
                score=prediction.score,
                speaker=prediction.speaker,
                source=source,
                model=model,
                status="predicted",
            )
        )
    return LabelDocument(
        recording,
        unique_names(
            Tier(name, kind, in_order(labels)) for (name, kind), labels in tiers.items()
        ),
        language,
    )
