"""What a project holds, as values."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from earmark.core import records
from earmark.core.clips import (
    Clip,
    Source,
    Spans,
    Voice,
    count_frames,
    slice_spans,
)
from earmark.core.database import Change, Database, json_list
from earmark.core.errors import EarmarkError
from earmark.core.labels import (
    STATUSES,
    Label,
    LabelArrays,
    LabelTrack,
    NamedList,
    TrackKind,
    Word,
)
from earmark.core.records import StoredText
from earmark.core.tasks import AudioInput, Example, Take, whole

_STATUS_CODE = "CASE status {} ELSE 0 END".format(
    " ".join(f"WHEN '{status}' THEN {code}" for code, status in enumerate(STATUSES))
)
_SELECT_ARRAYS = f"SELECT id, start, stop, {_STATUS_CODE} FROM labels"  # noqa: S608
_FOREVER = 2**63 - 1
_MANY_LABELS = 100
"""From so many changed labels on, the arrays of a track are read anew."""


@dataclass(frozen=True, slots=True)
class FragmentTrack:
    """The labels of one track in a fragment; positions count from its beginning."""

    name: str
    kind: TrackKind
    job: int | None
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class Fragment:
    """A stretch of a clip on its own, as on the clipboard.

    It holds the labels that lie wholly inside it.
    """

    rate: int
    channels: int
    spans: Spans
    tracks: tuple[FragmentTrack, ...] = ()

    @property
    def frames(self) -> int:
        """Length in frames."""
        return count_frames(self.spans)


class Contents:
    """The reading half of a `Project`.

    Attributes
    ----------
    folder : Path
        Absolute; its name ends in `.earmark`.
    """

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self._database = database
        self._editing = False
        self._clips: dict[int, tuple[tuple[Any, ...], Clip]] = {}
        self._arrays: dict[int, LabelArrays] = {}
        self._unsaved_views: dict[str, dict[str, Any]] = {}

    @property
    def name(self) -> str:
        """The folder's name without its suffix."""
        return self.folder.stem

    def sources(self) -> list[Source]:
        """All sources."""
        rows = self._database.rows(records.SELECT_SOURCES)
        return [records.source_from_row(row, self.folder) for row in rows]

    def sources_by_id(self, sources: Iterable[str]) -> dict[str, Source]:
        """Those of some sources that are there."""
        rows = self._database.rows(
            f"{records.SELECT_SOURCES} WHERE {records.LISTED}", (json_list(sources),)
        )
        return {row[0]: records.source_from_row(row, self.folder) for row in rows}

    def source(self, source: str) -> Source:
        """One source.

        Raises
        ------
        EarmarkError
            If the project does not know it.
        """
        row = self._database.row(f"{records.SELECT_SOURCES} WHERE id = ?", (source,))
        if row is None:
            raise EarmarkError(
                f"The project {self.name} does not know the audio file {source}.",
                "Import the file first.",
            )
        return records.source_from_row(row, self.folder)

    def missing_sources(self) -> list[Source]:
        """The sources whose file is not where it was."""
        return [source for source in self.sources() if not source.path.is_file()]

    def clips(self) -> list[Clip]:
        """All clips, in the order in which they were added."""
        return [
            self._clip_from_row(row)
            for row in self._database.rows(f"{records.SELECT_CLIPS} ORDER BY id")
        ]

    def clips_by_id(self, clips: Iterable[int]) -> dict[int, Clip]:
        """Those of some clips that are there."""
        rows = self._database.rows(
            f"{records.SELECT_CLIPS} WHERE {records.LISTED}", (json_list(clips),)
        )
        return {row[0]: self._clip_from_row(row) for row in rows}

    def clip_ids(self) -> list[int]:
        """The ids of all clips, in the order in which they were added."""
        return [
            key for (key,) in self._database.rows("SELECT id FROM clips ORDER BY id")
        ]

    def clip(self, clip: int) -> Clip:
        """One clip.

        Raises
        ------
        EarmarkError
            If it is gone.
        """
        return self._clip_from_row(self._row(records.SELECT_CLIPS, clip, "clip"))

    def inputs_of(self, clips: Collection[Clip]) -> list[AudioInput]:
        """All of each of some clips, as the inputs of jobs."""
        used = {span.source for clip in clips for span in clip.spans if span.source}
        sources = self.sources_by_id(used)
        for source in used - sources.keys():
            self.source(source)  # raises what says that it is not known
        return [whole(clip, sources) for clip in clips]

    def tracks(self, clip: int) -> list[LabelTrack]:
        """The label tracks of a clip from top to bottom."""
        rows = self._database.rows(
            f"{records.SELECT_TRACKS} WHERE clip = ? ORDER BY position, id",
            (clip,),
        )
        return [LabelTrack(*row) for row in rows]

    def track(self, track: int) -> LabelTrack:
        """One label track.

        Raises
        ------
        EarmarkError
            If it is gone.
        """
        return LabelTrack(*self._row(records.SELECT_TRACKS, track, "label track"))

    def labels(
        self,
        track: int,
        start: int | None = None,
        stop: int | None = None,
        *,
        limit: int | None = None,
    ) -> list[Label]:
        """The labels of a track that touch `[start, stop)`, in order of start.

        A label touches the range if they share a frame, or if it starts where the
        range does.

        Parameters
        ----------
        track : int
        start, stop : int, optional
            All before `stop`, all from `start` on, or all labels if left out.
        limit : int, optional
            Give at most so many.
        """
        rows = self._database.rows(
            f"{records.SELECT_LABELS} WHERE track = :track"
            " AND start < :stop AND (stop > :start OR start = :start)"
            " ORDER BY start, id LIMIT :limit",
            {
                "track": track,
                "start": -1 if start is None else start,
                "stop": _FOREVER if stop is None else stop,
                "limit": -1 if limit is None else limit,
            },
        )
        return [Label(*row) for row in rows]

    def labels_by_id(self, labels: Iterable[int]) -> dict[int, Label]:
        """Those of some labels that are there."""
        rows = self._database.rows(
            f"{records.SELECT_LABELS} WHERE {records.LISTED}",
            (json_list(labels),),
        )
        return {row[0]: Label(*row) for row in rows}

    def label(self, label: int) -> Label | None:
        """One label, or None if it is gone."""
        row = self._database.row(f"{records.SELECT_LABELS} WHERE id = ?", (label,))
        return None if row is None else Label(*row)

    def label_count(self, track: int) -> int:
        """How many labels a track has."""
        count = "SELECT count(*) FROM labels WHERE track = ?"
        return int(self._database.value(count, (track,)))

    def usual_labels(self) -> dict[int, str]:
        """Clip to the text that most of its labels have; rejected ones do not count."""
        rows = self._database.rows(
            "SELECT clip, text FROM (SELECT clip, text, row_number() OVER "
            "(PARTITION BY clip ORDER BY count(*) DESC, min(labels.id)) AS rank "
            "FROM labels JOIN tracks ON tracks.id = track "
            "WHERE status != 'rejected' AND text != '' AND kind != 'words' "
            "GROUP BY clip, text) WHERE rank = 1"
        )
        return dict(rows)

    def find_labels(self, text: str, clip: int | None = None) -> list[Label]:
        """The labels whose text holds `text`, upper and lower case being the same.

        They come track by track, in order of start.
        """
        rows = self._database.rows(
            f"{records.SELECT_LABELS} WHERE instr(casefold(text), :text)"
            f" AND (:clip IS NULL OR {records.IN_CLIP})"
            " ORDER BY track, start, id",
            {"text": text.casefold(), "clip": clip},
        )
        return [Label(*row) for row in rows]

    def copy(self, clip: int, start: int, stop: int) -> Fragment:
        """A range of a clip with the labels wholly inside it, as for the clipboard."""
        original = self.clip(clip)
        check_range(original, start, stop)
        tracks = []
        for track in self.tracks(clip):
            rows = self._database.rows(
                f"{records.SELECT_LABELS} WHERE track = :track"
                f" AND {records.WHOLLY_INSIDE} ORDER BY start, id",
                range_bindings(original, start, stop) | {"track": track.id},
            )
            labels = tuple(
                replace(label, start=label.start - start, stop=label.stop - start)
                for label in (Label(*row) for row in rows)
            )
            if labels:
                tracks.append(FragmentTrack(track.name, track.kind, track.job, labels))
        spans = slice_spans(original.spans, start, stop)
        return Fragment(original.rate, original.channels, spans, tuple(tracks))

    def label_arrays(self, track: int) -> LabelArrays:
        """The labels of a track for drawing.

        They are kept and brought up to date after each edit, so that asking again is
        cheap with any number of labels.
        """
        if self._editing:
            return self._read_arrays(track)
        if track not in self._arrays:
            self._arrays[track] = self._read_arrays(track)
        return self._arrays[track]

    def vocabulary(self) -> list[Word]:
        """The vocabulary, in the order in which it was made."""
        rows = self._database.rows(f"{records.SELECT_WORDS} ORDER BY id")
        return [Word(*row) for row in rows]

    def voices(self) -> list[Voice]:
        """The samples of voices, by name, each name's oldest first."""
        rows = self._database.rows(f"{records.SELECT_VOICES} ORDER BY name, id")
        return [records.voice_from_row(row) for row in rows]

    def examples(self) -> list[Example]:
        """The voices, for a job that compares its input with them."""
        return [
            Example(
                voice.name,
                AudioInput(
                    clip=0,
                    name=voice.name,
                    rate=voice.rate,
                    channels=voice.channels,
                    spans=voice.spans,
                    sources=tuple(
                        self.source(source)
                        for source in dict.fromkeys(span.source for span in voice.spans)
                        if source is not None
                    ),
                    start=0,
                    stop=voice.frames,
                ),
            )
            for voice in self.voices()
        ]

    def speakers(self) -> list[str]:
        """The names of all who speak somewhere or have a voice, in order."""
        rows = self._database.rows(
            "SELECT speaker FROM labels WHERE speaker <> ''"
            " UNION SELECT name FROM voices ORDER BY 1"
        )
        return [name for (name,) in rows]

    def lists(self, kind: str) -> list[NamedList]:
        """The named lists of a kind, in order of name."""
        rows = self._database.rows(
            f"{records.SELECT_LISTS} WHERE kind = ? ORDER BY name", (kind,)
        )
        return [NamedList(*row) for row in rows]

    def takes(self) -> list[Take]:
        """All takes, in the order in which they were made."""
        rows = self._database.rows(f"{records.SELECT_TAKES} ORDER BY id")
        return [_take(row) for row in rows]

    def takes_of_job(self, job: int) -> list[Take]:
        """The takes that a job made, in the order in which they were made."""
        rows = self._database.rows(
            f"{records.SELECT_TAKES} WHERE job = ? ORDER BY id", (job,)
        )
        return [_take(row) for row in rows]

    def take(self, take: int) -> Take:
        """One take.

        Raises
        ------
        EarmarkError
            If it is gone.
        """
        return _take(self._row(records.SELECT_TAKES, take, "take"))

    def text(self, job: int, role: str) -> StoredText | None:
        """The accepted text of a job in a role."""
        row = self._database.row(
            f"{records.SELECT_TEXTS} WHERE job = ? AND role = ?",
            (job, role),
        )
        return None if row is None else _text(row)

    def texts(self, clip: int) -> list[StoredText]:
        """The accepted texts about a clip, oldest first."""
        rows = self._database.rows(
            f"{records.SELECT_TEXTS} WHERE clip = ? ORDER BY id",
            (clip,),
        )
        return [_text(row) for row in rows]

    def view(self, key: str) -> dict[str, Any] | None:
        """What `set_view` was last given for a key."""
        if key in self._unsaved_views:
            return self._unsaved_views[key]
        stored = self._database.value("SELECT value FROM views WHERE key = ?", (key,))
        value: dict[str, Any] | None = stored and records.decode(stored)
        return value

    def _row(self, select: str, key: int, what: str) -> tuple[Any, ...]:
        """The row with an id, which is called `what` if it is gone."""
        row = self._database.row(f"{select} WHERE id = ?", (key,))
        if row is None:
            raise EarmarkError(f"The {what} {key} is not there any more.")
        return row

    def _clip_from_row(self, row: tuple[Any, ...]) -> Clip:
        known = self._clips.get(row[0])
        if known is None or known[0] != row:
            known = self._clips[row[0]] = (row, records.clip_from_row(row))
        return known[1]

    def _read_arrays(self, track: int) -> LabelArrays:
        return LabelArrays.of(
            self._database.rows(f"{_SELECT_ARRAYS} WHERE track = ?", (track,))
        )

    def _take_in(self, change: Change) -> None:
        """Bring what is kept up to date."""
        for clip in change.rows["clips"]:
            self._clips.pop(int(clip), None)
        self._refresh_arrays(change)

    def _refresh_arrays(self, change: Change) -> None:
        changed = change.rows["labels"]
        gone = set(change.rows["tracks"])
        if len(changed) > _MANY_LABELS:
            gone |= change.tracks
        for track in gone & self._arrays.keys():
            del self._arrays[int(track)]
        if 0 < len(changed) <= _MANY_LABELS:
            listed = json_list(changed)
            ids = frozenset(int(key) for key in changed)
            for track, arrays in self._arrays.items():
                now = self._database.rows(
                    # The plus keeps SQLite from searching the whole track instead.
                    f"{_SELECT_ARRAYS} WHERE {records.LISTED} AND +track = ?",
                    (listed, track),
                )
                self._arrays[track] = arrays.changed(ids, now)


def range_bindings(clip: Clip, start: int, stop: int) -> dict[str, int]:
    """What `WHOLLY_INSIDE` and `IN_CLIP` refer to."""
    return {"clip": clip.id, "start": start, "stop": stop, "frames": clip.frames}


def check_range(clip: Clip, start: int, stop: int) -> None:
    """Refuse a range that is not inside the clip."""
    if not 0 <= start <= stop <= clip.frames:
        raise EarmarkError(
            f"The range from frame {start} to {stop} is not inside “{clip.name}”, which"
            f" has {clip.frames} frames.",
            "Select a range of the clip.",
        )


def _take(row: tuple[Any, ...]) -> Take:
    key, source, clip, job, scores, outcome = row
    return Take(key, source, clip, job, records.decode(scores), records.decode(outcome))


def _text(row: tuple[Any, ...]) -> StoredText:
    key, job, clip, role, text, data = row
    return StoredText(key, job, clip, role, text, records.decode(data))
