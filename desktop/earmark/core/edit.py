"""What may be done to a project within one edit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from earmark.core import clips, records
from earmark.core.clips import Clip, Source, Spans
from earmark.core.contents import Contents, Fragment, check_range, range_bindings
from earmark.core.database import Database, json_list
from earmark.core.errors import EarmarkError
from earmark.core.labels import STATUSES, Label, TrackKind
from earmark.core.sources import stored_path
from earmark.core.tasks import Take, Text

_UPDATE = "UPDATE labels SET"
_DELETE = "DELETE FROM labels"
_COLOR = re.compile("#[0-9a-fA-F]{6}")
_CLASS_KEYS = ("", *"123456789")


class Edit:
    """The changes of one edit; made by `Project.edit`, valid within its `with` block.

    Labels move with the audio: what is deleted takes the labels wholly inside it along
    and clips the others; what is inserted pushes the labels after it and widens those
    around it. All methods raise an `EarmarkError` for a range outside the clip and for
    a clip, track or label that is gone.
    """

    def __init__(self, contents: Contents, database: Database) -> None:
        self._contents = contents
        self._database = database

    def add_source(self, source: Source) -> None:
        """Make an audio file known; one that is known already is left as it is."""
        if source.rate < 1 or source.channels < 1 or source.frames < 0:
            raise EarmarkError(
                f"{source.path} claims {source.channels} channels of {source.frames}"
                f" frames at {source.rate} Hz."
            )
        known = self._database.value(
            "SELECT count(*) FROM sources WHERE id = ?", (source.id,)
        )
        if not known:
            self._database.insert(
                "sources",
                {
                    "id": source.id,
                    "path": stored_path(source.path, self._contents.folder),
                    "rate": source.rate,
                    "channels": source.channels,
                    "frames": source.frames,
                    "origin": source.origin,
                    "job": source.job,
                },
            )

    def move_source(self, source: str, path: Path) -> None:
        """Say where the file of a source is now, unchecked; see `Project.relocate`."""
        self._contents.source(source)
        self._database.update(
            "sources", source, {"path": stored_path(path, self._contents.folder)}
        )

    def add_clip(
        self,
        name: str,
        rate: int,
        channels: int,
        spans: Spans,
        tags: Sequence[str] = (),
    ) -> int:
        """Add a clip; gives its id."""
        if rate < 1 or channels < 1:
            raise EarmarkError(
                f"A clip cannot have {channels} channels at a rate of {rate} Hz."
            )
        self._check_spans(rate, spans)
        return self._database.insert(
            "clips",
            {
                "name": _checked_text(name, "name of a clip"),
                "rate": rate,
                "channels": channels,
                "spans": records.encode_spans(clips.merge(spans)),
                "tags": records.encode(list(tags)),
                "status": "new",
            },
        )

    def update_clip(
        self,
        clip: int,
        *,
        name: str | None = None,
        tags: Sequence[str] | None = None,
        status: clips.ReviewStatus | None = None,
    ) -> None:
        """Change what is given."""
        self._contents.clip(clip)
        values: dict[str, Any] = {}
        if name is not None:
            values["name"] = _checked_text(name, "name of a clip")
        if tags is not None:
            values["tags"] = records.encode(list(tags))
        if status is not None:
            values["status"] = status
        self._database.update("clips", clip, values)

    def remove_clip(self, clip: int) -> None:
        """Remove a clip with its tracks, labels and texts; its sources stay."""
        self._contents.clip(clip)
        self._database.run("DELETE FROM clips WHERE id = ?", (clip,))

    def duplicate_clip(
        self, clip: int, start: int | None = None, stop: int | None = None
    ) -> int:
        """A new clip with a range of a clip, or all of it, and what it is labelled."""
        original = self._contents.clip(clip)
        start = 0 if start is None else start
        stop = original.frames if stop is None else stop
        check_range(original, start, stop)
        return self._copy_to_clip(original, start, stop)

    def cut(self, clip: int, start: int, stop: int) -> Fragment:
        """Take a range out; gives it with the labels wholly inside."""
        fragment = self._contents.copy(clip, start, stop)
        self.delete(clip, start, stop)
        return fragment

    def delete(self, clip: int, start: int, stop: int) -> None:
        """Remove a range; what comes after moves up."""
        before = self._spans_of(clip, start, stop)
        self._remove_range_from_labels(before, start, stop)
        self._set_spans(clip, clips.delete(before.spans, start, stop))

    def paste(self, clip: int, at: int, fragment: Fragment) -> None:
        """Insert a fragment.

        Its labels go to the tracks of the same name and kind, which are made if there
        are none.

        Raises
        ------
        EarmarkError
            If the fragment has another rate or more channels than the clip, or comes
            from another project whose sources are not known here.
        """
        target = self._spans_of(clip, at, at)
        if fragment.rate != target.rate or fragment.channels > target.channels:
            raise EarmarkError(
                f"A fragment of {fragment.channels} channels at {fragment.rate} Hz does"
                f" not fit into “{target.name}” with {target.channels} channels at"
                f" {target.rate} Hz.",
                "Paste it as a new clip.",
            )
        self._check_spans(fragment.rate, fragment.spans)
        self._insert_range_into_labels(clip, at, fragment.frames)
        self._set_spans(clip, clips.insert(target.spans, at, fragment.spans))
        tracks = {
            (track.name, track.kind): track.id for track in self._contents.tracks(clip)
        }
        for pasted in fragment.tracks:
            track = tracks.get((pasted.name, pasted.kind))
            if track is None:
                track = self.add_track(clip, pasted.name, pasted.kind, pasted.job)
            self.add_labels(
                replace(
                    label, track=track, start=label.start + at, stop=label.stop + at
                )
                for label in pasted.labels
            )

    def trim(self, clip: int, start: int, stop: int) -> None:
        """Keep only a range."""
        before = self._spans_of(clip, start, stop)
        self._remove_range_from_labels(before, stop, before.frames)
        self._set_spans(clip, clips.trim(before.spans, 0, stop))
        self.delete(clip, 0, start)

    def split(self, clip: int, at: int) -> int:
        """Move what comes from a frame on to a new clip; gives its id."""
        before = self._spans_of(clip, at, at)
        right = self._copy_to_clip(before, at, before.frames)
        self.delete(clip, at, before.frames)
        return right

    def silence(self, clip: int, start: int, stop: int) -> None:
        """Replace a range by silence; labels stay."""
        before = self._spans_of(clip, start, stop)
        self._set_spans(clip, clips.silence(before.spans, start, stop))

    def gain(self, clip: int, start: int, stop: int, db: float) -> None:
        """Make a range louder by `db` decibels."""
        before = self._spans_of(clip, start, stop)
        if not -200 <= db <= 200:
            raise EarmarkError(f"A gain of {db} dB is not between -200 and 200 dB.")
        self._set_spans(clip, clips.gain(before.spans, start, stop, db))

    def reverse(self, clip: int, start: int, stop: int) -> None:
        """Play a range backwards; labels wholly inside it are mirrored with it."""
        before = self._spans_of(clip, start, stop)
        self._database.run(
            f"{_UPDATE} start = :start + :stop - stop, stop = :start + :stop - start"
            f" WHERE {records.IN_CLIP} AND {records.WHOLLY_INSIDE}",
            range_bindings(before, start, stop),
        )
        self._set_spans(clip, clips.reverse(before.spans, start, stop))

    def fade_in(self, clip: int, start: int, stop: int) -> None:
        """Let a range rise linearly from silence."""
        before = self._spans_of(clip, start, stop)
        self._set_spans(clip, clips.fade_in(before.spans, start, stop))

    def fade_out(self, clip: int, start: int, stop: int) -> None:
        """Let a range fall linearly to silence."""
        before = self._spans_of(clip, start, stop)
        self._set_spans(clip, clips.fade_out(before.spans, start, stop))

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
                "name": _checked_text(name, "name of a track"),
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
            values["name"] = _checked_text(name, "name of a track")
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
        changes and no status is given.
        """
        before = self._label(label)
        unknown = set(fields) - set(records.LABEL_FIELDS[1:])
        if unknown:
            raise TypeError(f"a label has no {', '.join(sorted(unknown))}")
        after = replace(before, **fields)
        if after == before:
            return before
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
            f"{_DELETE} WHERE {records.LISTED}",
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
                "name": _checked_text(name.strip(), "name of a voice"),
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
        names = {"old": old, "new": _checked_text(new.strip(), "name of a speaker")}
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
            self._database.update("lists", known, {"text": _checked_text(text, "list")})
            return int(known)
        return self._database.insert(
            "lists",
            {
                "kind": kind,
                "name": _checked_text(name.strip(), "name of a list"),
                "text": _checked_text(text, "list"),
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
                _checked_text(text.text, "text"),
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

    def _set_spans(self, clip: int, spans: Spans) -> None:
        self._database.update("clips", clip, {"spans": records.encode_spans(spans)})

    def _check_spans(self, rate: int, spans: Spans) -> None:
        sources = {
            key: self._contents.source(key)
            for key in {span.source for span in spans}
            if key is not None
        }
        for source in sources.values():
            if source.rate != rate:
                raise EarmarkError(
                    f"{source.path.name} has {source.rate} Hz, the clip has {rate} Hz.",
                    "Make a clip of its own of it.",
                )
        for span in spans:
            stop = span.offset + span.frames
            if span.frames < 1:
                raise ValueError(f"{span} has no frames")
            if span.source is None:
                continue
            source = sources[span.source]
            if span.offset < 0 or stop > source.frames:
                raise EarmarkError(
                    f"The frames from {span.offset} to {stop} are not all in"
                    f" {source.path.name}, which has {source.frames}.",
                    "Import the file anew.",
                )

    def _remove_range_from_labels(self, clip: Clip, start: int, stop: int) -> None:
        if start == stop:
            return
        where = range_bindings(clip, start, stop)
        self._database.run(
            f"{_DELETE} WHERE {records.IN_CLIP} AND {records.WHOLLY_INSIDE}",
            where,
        )
        # A position moves to `start` if it is inside the range, and up if after it.
        self._database.run(
            f"{_UPDATE} start = min(start, max(:start, start - (:stop - :start))),"
            " stop = min(stop, max(:start, stop - (:stop - :start)))"
            f" WHERE {records.IN_CLIP} AND stop > :start",
            where,
        )

    def _insert_range_into_labels(self, clip: int, at: int, frames: int) -> None:
        self._database.run(
            f"{_UPDATE} stop = stop + :frames,"
            " start = CASE WHEN start >= :at THEN start + :frames ELSE start END"
            f" WHERE {records.IN_CLIP} AND (start >= :at OR stop > :at)",
            {"clip": clip, "at": at, "frames": frames},
        )

    def _copy_to_clip(self, original: Clip, start: int, stop: int) -> int:
        """A new clip with a range of one, and its tracks with the labels clipped."""
        copy = self.add_clip(
            original.name,
            original.rate,
            original.channels,
            clips.slice_spans(original.spans, start, stop),
            original.tags,
        )
        columns = ", ".join(records.LABEL_FIELDS[4:])
        for track in self._contents.tracks(original.id):
            new = self.add_track(copy, track.name, track.kind, track.job)
            self._database.run(
                f"INSERT INTO labels (track, start, stop, {columns})"  # noqa: S608
                " SELECT :new, max(start, :start) - :start, min(stop, :stop) - :start,"
                f" {columns} FROM labels WHERE track = :track AND"
                f" ((start < :stop AND stop > :start) OR ({records.WHOLLY_INSIDE}))"
                " ORDER BY start, id",
                range_bindings(original, start, stop) | {"new": new, "track": track.id},
            )
        return copy


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
    _checked_text(label.text, "text of a label")
    _checked_text(label.speaker, "name of a speaker")
    if label.start >= 0 and label.stop <= frames:
        return label
    return replace(label, start=max(label.start, 0), stop=min(label.stop, frames))


def _checked_text(text: str, what: str) -> str:
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
    return _checked_text(name, "name of a vocabulary entry")


def _widest(
    bounds: list[float | None], choose: Callable[[list[float]], float]
) -> float | None:
    """The outermost bound; none if one of them is open."""
    closed = [bound for bound in bounds if bound is not None]
    return choose(closed) if len(closed) == len(bounds) else None


def _agreed(values: list[Any], otherwise: Any) -> Any:
    """What all are, or else something else."""
    return values[0] if all(value == values[0] for value in values) else otherwise
