"""What may be done to a project within one edit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from earmark.core import clips, records
from earmark.core.annotate import Annotating, checked_text
from earmark.core.clips import Clip, Source, Spans
from earmark.core.contents import Fragment, check_range, range_bindings
from earmark.core.errors import EarmarkError
from earmark.core.sources import stamp, stored_path

_UPDATE = "UPDATE labels SET"
_DELETE = "DELETE FROM labels"


class Edit(Annotating):
    """The changes of one edit; made by `Project.edit`, valid within its `with` block.

    Labels move with the audio: what is deleted takes the labels wholly inside it along
    and clips the others; what is inserted pushes the labels after it and widens those
    around it. All methods raise an `EarmarkError` for a range outside the clip and for
    a clip, track or label that is gone.
    """

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
                    "size": source.size,
                    "modified_ns": source.modified_ns,
                },
            )

    def move_source(self, source: str, path: Path) -> None:
        """Say where the file of a source is now, unchecked; see `Project.relocate`."""
        self._contents.source(source)
        size, modified_ns = stamp(path)
        self._database.update(
            "sources",
            source,
            {
                "path": stored_path(path, self._contents.folder),
                "size": size,
                "modified_ns": modified_ns,
            },
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
                "name": checked_text(name, "name of a clip"),
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
            values["name"] = checked_text(name, "name of a clip")
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
                "Use “Paste as new clip”.",
            )
        self._check_spans(fragment.rate, fragment.spans)
        self._insert_range_into_labels(clip, at, fragment.frames)
        self._set_spans(clip, clips.insert(target.spans, at, fragment.spans))
        self._paste_labels(clip, at, fragment)

    def paste_as_clip(self, name: str, fragment: Fragment) -> int:
        """A new clip of a fragment, with its labels; gives its id."""
        clip = self.add_clip(name, fragment.rate, fragment.channels, fragment.spans)
        self._paste_labels(clip, 0, fragment)
        return clip

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

    def _paste_labels(self, clip: int, at: int, fragment: Fragment) -> None:
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
