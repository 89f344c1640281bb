"""What may be done within one edit to labels, and to what is kept beside them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from earmark.core import clips, records
from earmark.core.clips import Clip
from earmark.core.contents import Contents, check_range
from earmark.core.database import Database, json_list
from earmark.core.errors import EarmarkError
from earmark.core.labels import STATUSES, Label, TrackKind
from earmark.core.tasks import Take, Text

_UPDATE = "UPDATE labels SET"
_COLOR = re.compile("#[0-9a-fA-F]{6}")
_CLASS_KEYS = ("", *"123456789")


class Annotating:
    """The half of an `Edit` that is about tracks, labels and names, and about takes."""

    def __init__(self, contents: Contents, database: Database) -> None:
        self._contents = contents
        self._database = database

    def add_track(
        self, clip: int, name: str, kind: TrackKind = "labels", job: int | None = None
    ) -> int:
        """Add a label track below the others; gives its id."""
        self._contents.clip(clip)
        below = self._database.value(
            "SELECT coalesce(max(position) + 1, 0) FROM tracks WHERE clip = ?", (clip,)
        )
        return self._database.insert(
            "tracks",
            {
                "clip": clip,
                "name": checked_text(name, "name of a track"),
                "kind": kind,
                "position": below,
                "job": job,
            },
        )

    def update_track(
        self,
        track: int,
        *,
        name: str | None = None,
        kind: TrackKind | None = None,
        position: int | None = None,
    ) -> None:
        """Change what is given; the other tracks make room for a new position."""
        before = self._contents.track(track)
        values: dict[str, Any] = {}
        if name is not None:
            values["name"] = checked_text(name, "name of a track")
        if kind is not None:
            values["kind"] = kind
        self._database.update("tracks", track, values)
        if position is not None:
            order = [
                other.id
                for other in self._contents.tracks(before.clip)
                if other.id != track
            ]
            order.insert(max(position, 0), track)
            for place, key in enumerate(order):
                self._database.update("tracks", key, {"position": place})

    def remove_track(self, track: int) -> None:
        """Remove a track with its labels."""
        self._contents.track(track)
        self._database.run("DELETE FROM tracks WHERE id = ?", (track,))

    def add_label(self, label: Label) -> int:
        """Add a label; gives its id. See `add_labels`."""
        return self.add_labels([label])[0]

    def add_labels(self, labels: Iterable[Label]) -> list[int]:
        """Add labels; gives their ids. Their own ids are ignored.

        Raises
        ------
        EarmarkError
            If one ends before it starts or lies wholly outside its clip. One that
            reaches over an end of the clip is clipped to it.
        """
        lengths: dict[int, int] = {}
        fitting = []
        for label in labels:
            if label.track not in lengths:
                lengths[label.track] = self._frames_of(label.track)
            fitting.append(_fitted(label, lengths[label.track]))
        if not fitting:
            return []
        # SQLite counts up from the largest id for ids that are not given.
        first = self._database.value("SELECT coalesce(max(id), 0) + 1 FROM labels")
        self._database.run_many(
            records.INSERT_LABEL, map(records.LABEL_VALUES, fitting)
        )
        return list(range(first, first + len(fitting)))

    def update_label(self, label: int, **fields: Any) -> Label:
        """Change fields of a label; gives it as it is then.

        A label that a job made gets the status "edited" if what it says or where it is
        changes and no status is given. In a track of speakers it says who speaks.
        """
        before = self._label(label)
        unknown = set(fields) - set(records.LABEL_FIELDS[1:])
        if unknown:
            raise TypeError(f"a label has no {', '.join(sorted(unknown))}")
        after = replace(before, **fields)
        if after == before:
            return before
        renamed = after.text != before.text and "speaker" not in fields
        if renamed and self._contents.track(after.track).kind == "speakers":
            after = replace(after, speaker=after.text)
        if "status" not in fields and before.status != "confirmed":
            after = replace(after, status="edited")
        after = _fitted(after, self._frames_of(after.track))
        changed = {
            name: value
            for name in records.LABEL_FIELDS[1:]
            if (value := getattr(after, name)) != getattr(before, name)
        }
        self._database.update("labels", label, changed)
        return after

    def set_label_status(self, labels: Iterable[int], status: str) -> None:
        """Accept, reject or confirm many labels at once."""
        if status not in STATUSES:
            raise EarmarkError(f"“{status}” is not a status of a label.")
        self._database.run(
            f"{_UPDATE} status = ? WHERE {records.LISTED} AND status <> ?",
            (status, json_list(labels), status),
        )

    def remove_labels(self, labels: Iterable[int]) -> None:
        """Remove labels; those that are gone already are passed over."""
        self._database.run(
            f"DELETE FROM labels WHERE {records.LISTED}",  # noqa: S608 - own words
            (json_list(labels),),
        )

    def merge_labels(self, labels: Iterable[int]) -> int:
        """Make one label of several of a track; gives its id.

        It reaches from the first to the last, joins their texts with spaces, and keeps
        what they agree on. The first one's job stands for all.
        """
        merged = sorted(
            (self._label(label) for label in set(labels)),
            key=lambda label: (label.start, label.id),
        )
        if len(merged) < 2 or len({label.track for label in merged}) > 1:
            raise EarmarkError(
                "Only labels of one track can be merged.",
                "Select at least two labels of the same track.",
            )
        first, *others = merged
        self.remove_labels(label.id for label in others)
        self.update_label(
            first.id,
            stop=max(label.stop for label in merged),
            text=" ".join(label.text for label in merged if label.text),
            low_hz=_widest([label.low_hz for label in merged], min),
            high_hz=_widest([label.high_hz for label in merged], max),
            channel=_agreed([label.channel for label in merged], None),
            score=_agreed([label.score for label in merged], None),
            speaker=_agreed([label.speaker for label in merged], ""),
        )
        return first.id

    def split_label(self, label: int, at: int) -> int:
        """Make two labels of one, both with its text; gives the id of the right one."""
        whole = self._label(label)
        if not whole.start < at < whole.stop:
            raise EarmarkError(
                f"The label “{whole.text}” does not reach over frame {at}.",
                "Place the cursor inside the label.",
            )
        left = self.update_label(label, stop=at)
        return self.add_label(replace(left, start=at, stop=whole.stop))

    def shift_labels(self, track: int, by_frames: int) -> None:
        """Move all labels of a track.

        Raises
        ------
        EarmarkError
            If any of them would leave the clip.
        """
        frames = self._frames_of(track)
        leaving = self._database.value(
            "SELECT count(*) FROM labels WHERE track = :track"
            " AND (start + :by < 0 OR stop + :by > :frames)",
            {"track": track, "by": by_frames, "frames": frames},
        )
        if leaving:
            raise EarmarkError(
                f"Moving by {by_frames} frames would push {leaving} labels out of the"
                " clip.",
                "Move by less, or remove those labels first.",
            )
        self._database.run(
            "UPDATE labels SET start = start + :by, stop = stop + :by"
            " WHERE track = :track",
            {"track": track, "by": by_frames},
        )

    def set_word(self, name: str, color: str, key: str = "") -> int:
        """Add a vocabulary entry, or change the one of that name; gives its id."""
        known = self._database.value(
            "SELECT id FROM vocabulary WHERE name = ?", (name,)
        )
        if known is None:
            values = {"name": _checked_word_name(name), "color": "", "key": ""}
            known = self._database.insert("vocabulary", values)
        self.update_word(known, color=color, key=key)
        return int(known)

    def update_word(
        self,
        word: int,
        *,
        name: str | None = None,
        color: str | None = None,
        key: str | None = None,
    ) -> None:
        """Change what is given; a key is taken from the word that had it."""
        self._require("vocabulary", word, "vocabulary entry")
        values: dict[str, Any] = {}
        if name is not None:
            taken = self._database.value(
                "SELECT id FROM vocabulary WHERE name = ? AND id <> ?", (name, word)
            )
            if taken is not None:
                raise EarmarkError(f"“{name}” is in the vocabulary already.")
            values["name"] = _checked_word_name(name)
        if color is not None:
            if not _COLOR.fullmatch(color):
                raise EarmarkError(f"“{color}” is not a colour such as #3a7bd5.")
            values["color"] = color.lower()
        if key is not None:
            if key not in _CLASS_KEYS:
                raise EarmarkError(f"“{key}” is not a class key; they are 1 to 9.")
            if key:
                self._database.run(
                    "UPDATE vocabulary SET key = '' WHERE key = ? AND id <> ?",
                    (key, word),
                )
            values["key"] = key
        self._database.update("vocabulary", word, values)

    def remove_word(self, word: int) -> None:
        """Remove a vocabulary entry; labels with its text keep it."""
        self._require("vocabulary", word, "vocabulary entry")
        self._database.run("DELETE FROM vocabulary WHERE id = ?", (word,))

    def add_voice(self, name: str, clip: int, start: int, stop: int) -> int:
        """Keep a range of a clip as a sample of somebody's voice; gives its id."""
        heard = self._spans_of(clip, start, stop)
        if not name.strip():
            raise EarmarkError("A voice needs a name.", "Say who speaks.")
        if start == stop:
            raise EarmarkError(
                f"There is nothing of {name} to keep: the range is empty.",
                "Select a few seconds in which only they speak.",
            )
        return self._database.insert(
            "voices",
            {
                "name": checked_text(name.strip(), "name of a voice"),
                "rate": heard.rate,
                "channels": heard.channels,
                "spans": records.encode_spans(
                    clips.slice_spans(heard.spans, start, stop)
                ),
            },
        )

    def remove_voices(self, voices: Iterable[int]) -> None:
        """Forget samples of voices; those that are gone already are passed over."""
        self._database.run(
            f"DELETE FROM voices WHERE {records.LISTED}",  # noqa: S608 - own words
            (json_list(voices),),
        )

    def rename_speaker(self, old: str, new: str) -> None:
        """Give a speaker another name wherever it stands.

        That is in the labels, in the texts of speaker tracks, and in the samples of
        voices. Two speakers who are given one name become one.
        """
        if not new.strip():
            raise EarmarkError("A speaker needs a name.", "Say who speaks.")
        names = {"old": old, "new": checked_text(new.strip(), "name of a speaker")}
        self._database.run(
            f"{_UPDATE} text = :new WHERE text = :old AND track IN"  # noqa: S608
            " (SELECT id FROM tracks WHERE kind = 'speakers')",
            names,
        )
        self._database.run(
            f"{_UPDATE} speaker = :new WHERE speaker = :old",
            names,
        )
        self._database.run("UPDATE voices SET name = :new WHERE name = :old", names)

    def set_list(self, kind: str, name: str, text: str) -> int:
        """Keep a list under a name, in place of the one with it; gives its id."""
        if not name.strip():
            raise EarmarkError("A list needs a name.")
        known = self._database.value(
            "SELECT id FROM lists WHERE kind = ? AND name = ?", (kind, name.strip())
        )
        if known is not None:
            self._database.update("lists", known, {"text": checked_text(text, "list")})
            return int(known)
        return self._database.insert(
            "lists",
            {
                "kind": kind,
                "name": checked_text(name.strip(), "name of a list"),
                "text": checked_text(text, "list"),
            },
        )

    def remove_list(self, key: int) -> None:
        """Forget a named list."""
        self._require("lists", key, "list")
        self._database.run("DELETE FROM lists WHERE id = ?", (key,))

    def add_take(self, take: Take) -> int:
        """Add a take; gives its id. Its own id is ignored."""
        self._contents.source(take.source)
        return self._database.insert(
            "takes",
            {
                "source": take.source,
                "clip": take.clip,
                "job": take.job,
                "scores": records.encode(take.scores),
                "outcome": records.encode(take.check),
            },
        )

    def update_take(
        self,
        take: int,
        *,
        scores: Mapping[str, float] | None = None,
        check: Mapping[str, Any] | None = None,
    ) -> None:
        """Change what is given, such as the outcome of checking it against its text."""
        self._require("takes", take, "take")
        values = {}
        if scores is not None:
            values["scores"] = records.encode(scores)
        if check is not None:
            values["outcome"] = records.encode(check)
        self._database.update("takes", take, values)

    def remove_take(self, take: int) -> None:
        """Remove a take; its clip and its source stay."""
        self._require("takes", take, "take")
        self._database.run("DELETE FROM takes WHERE id = ?", (take,))

    def set_text(self, job: int, clip: int | None, text: Text) -> None:
        """Keep a text result of a job, in place of the one with the same role."""
        self._database.run(
            "INSERT INTO texts (job, clip, role, text, data) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (job, role) DO UPDATE SET clip = excluded.clip,"
            " text = excluded.text, data = excluded.data",
            (
                job,
                clip,
                text.role,
                checked_text(text.text, "text"),
                records.encode(text.data),
            ),
        )

    def _require(self, table: str, key: int, what: str) -> None:
        found = self._database.value(
            f"SELECT count(*) FROM {table} WHERE id = ?",  # noqa: S608 - own names
            (key,),
        )
        if not found:
            raise EarmarkError(f"The {what} {key} is not there any more.")

    def _label(self, label: int) -> Label:
        found = self._contents.label(label)
        if found is None:
            raise EarmarkError(f"The label {label} is not there any more.")
        return found

    def _frames_of(self, track: int) -> int:
        return self._contents.clip(self._contents.track(track).clip).frames

    def _spans_of(self, clip: int, start: int, stop: int) -> Clip:
        """The clip, if the range is inside it."""
        found = self._contents.clip(clip)
        check_range(found, start, stop)
        return found


def _fitted(label: Label, frames: int) -> Label:
    """The label, clipped to a clip of so many frames."""
    if label.start > label.stop or label.start > frames or label.stop < 0:
        raise EarmarkError(
            f"The label “{label.text}” from frame {label.start} to {label.stop} is not"
            f" inside the clip, which has {frames} frames.",
            "Choose a start and an end within the clip.",
        )
    if label.status not in STATUSES:
        raise EarmarkError(f"“{label.status}” is not a status of a label.")
    checked_text(label.text, "text of a label")
    checked_text(label.speaker, "name of a speaker")
    if label.start >= 0 and label.stop <= frames:
        return label
    return replace(label, start=max(label.start, 0), stop=min(label.stop, frames))


def checked_text(text: str, what: str) -> str:
    """The text, if it can be stored: a file name may hold half a character."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise EarmarkError(
            f"The {what} holds a character that is not valid Unicode:"
            f" {text[error.start]!r}."
        ) from error
    return text


def _checked_word_name(name: str) -> str:
    if not name.strip():
        raise EarmarkError("A vocabulary entry needs a name.")
    return checked_text(name, "name of a vocabulary entry")


def _widest(
    bounds: list[float | None], choose: Callable[[list[float]], float]
) -> float | None:
    """The outermost bound; none if one of them is open."""
    closed = [bound for bound in bounds if bound is not None]
    return choose(closed) if len(closed) == len(bounds) else None


def _agreed(values: list[Any], otherwise: Any) -> Any:
    """What all are, or else something else."""
    return values[0] if all(value == values[0] for value in values) else otherwise
