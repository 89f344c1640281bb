"""What the editing commands do to the shown clip and its labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from earmark.core.clips import Clip
from earmark.core.errors import EarmarkError
from earmark.core.labels import Label, LabelStatus, Word
from earmark.core.project import Change, Fragment
from earmark.core.sources import readable
from earmark.ui.session import Selection, Session

_ZERO_SEARCH_S = 0.02


class Editing:
    """Edits of the shown clip, each one entry of the history.

    Every method works on `session.clip` and `session.selection`; the commands that call
    them are disabled where there is nothing to work on.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def can_edit(self) -> bool:
        """Whether a clip is shown that may be changed."""
        return self._session.clip is not None and not self._session.project.read_only

    @property
    def has_range(self) -> bool:
        """Whether a range of an editable clip is selected."""
        selection = self._session.selection
        return self.can_edit and selection is not None and selection.frames > 0

    @property
    def has_labels(self) -> bool:
        """Whether labels are selected and may be changed."""
        return self.can_edit and bool(self._session.selected_labels)

    def cut(self) -> None:
        """Move the range to the clipboard."""
        clip, selection = self._range()
        with self._session.project.edit("Cut") as edit:
            self._session.clipboard = edit.cut(clip.id, selection.start, selection.stop)
        self._collapse(selection.start)

    def copy(self) -> None:
        """Copy the range to the clipboard."""
        clip, selection = self._range()
        self._session.clipboard = self._session.project.copy(
            clip.id, selection.start, selection.stop
        )
        self._session.message.emit("Copied", 2000)

    def paste(self) -> None:
        """Put the clipboard in place of the range, or at the playhead."""
        session = self._session
        clip, fragment, selection = self._clip(), session.clipboard, session.selection
        assert fragment is not None
        with session.project.edit("Paste") as edit:
            at = session.playhead
            if selection is not None and selection.frames > 0:
                edit.delete(clip.id, selection.start, selection.stop)
                at = selection.start
            edit.paste(clip.id, at, fragment)
        session.select(Selection(at, at + fragment.frames))

    def paste_as_clip(self) -> None:
        """Make a new clip of the clipboard, and show it."""
        session, fragment = self._session, self._session.clipboard
        assert fragment is not None
        with session.project.edit("Paste as new clip") as edit:
            made = edit.paste_as_clip(self._name_of(fragment), fragment)
        session.show_clip(made)

    def delete(self) -> None:
        """Remove the selected labels; without any, the range of audio."""
        if self._session.selected_labels:
            self.delete_labels()
            return
        clip, selection = self._range()
        with self._session.project.edit("Delete") as edit:
            edit.delete(clip.id, selection.start, selection.stop)
        self._collapse(selection.start)

    def delete_labels(self) -> None:
        """Remove the selected labels."""
        with self._session.project.edit("Delete labels") as edit:
            edit.remove_labels(sorted(self._session.selected_labels))

    def trim(self) -> None:
        """Keep only the range."""
        clip, selection = self._range()
        with self._session.project.edit("Trim") as edit:
            edit.trim(clip.id, selection.start, selection.stop)
        self._session.select(None)
        self._session.set_playhead(0)

    def split(self) -> None:
        """Make two clips, at the playhead or at the start of the range."""
        session, clip = self._session, self._clip()
        selection = session.selection
        at = selection.start if selection and selection.frames else session.playhead
        if not 0 < at < clip.frames:
            raise EarmarkError(
                "A clip cannot be split at its very beginning or end.",
                "Move the playhead into the clip.",
            )
        with session.project.edit("Split") as edit:
            edit.split(clip.id, at)

    def duplicate(self) -> None:
        """Make a new clip of the range, or of the whole clip."""
        clip, selection = self._clip(), self._session.selection
        with self._session.project.edit("Duplicate") as edit:
            if selection is not None and selection.frames > 0:
                made = edit.duplicate_clip(clip.id, selection.start, selection.stop)
            else:
                made = edit.duplicate_clip(clip.id)
        self._session.show_clip(made)

    def silence(self) -> None:
        """Put silence in place of the range."""
        clip, selection = self._range()
        with self._session.project.edit("Silence") as edit:
            edit.silence(clip.id, selection.start, selection.stop)

    def reverse(self) -> None:
        """Play the range backwards."""
        clip, selection = self._range()
        with self._session.project.edit("Reverse") as edit:
            edit.reverse(clip.id, selection.start, selection.stop)

    def fade_in(self) -> None:
        """Fade the range in."""
        clip, selection = self._range()
        with self._session.project.edit("Fade in") as edit:
            edit.fade_in(clip.id, selection.start, selection.stop)

    def fade_out(self) -> None:
        """Fade the range out."""
        clip, selection = self._range()
        with self._session.project.edit("Fade out") as edit:
            edit.fade_out(clip.id, selection.start, selection.stop)

    def gain(self, gain_db: float) -> None:
        """Make the range, or the whole clip, louder or softer."""
        clip, selection = self._clip(), self._session.selection
        start, stop = 0, clip.frames
        if selection is not None and selection.frames > 0:
            start, stop = selection.start, selection.stop
        with self._session.project.edit(f"Gain {gain_db:+.1f} dB") as edit:
            edit.gain(clip.id, start, stop, gain_db)

    def select_all(self) -> None:
        """Select the whole clip."""
        self._session.select(Selection(0, self._clip().frames))

    def edge_to_playhead(self, edge: str) -> None:
        """Move the "start" or the "stop" of the selection to the playhead."""
        session, clip = self._session, self._clip()
        at, before = session.playhead, session.selection or Selection(0, 0)
        if edge == "start":
            stop = before.stop if before.stop > at else clip.frames
            session.select(replace(before, start=at, stop=stop))
        else:
            start = before.start if before.start < at else 0
            session.select(replace(before, start=start, stop=at))

    def edges_to_zero(self) -> None:
        """Move both edges of the selection, or the playhead, to a zero crossing."""
        session = self._session
        selection = session.selection
        if selection is None or selection.frames == 0:
            session.set_playhead(self._zero_near(session.playhead))
            return
        start, stop = self._zero_near(selection.start), self._zero_near(selection.stop)
        if start < stop:
            session.select(replace(selection, start=start, stop=stop))

    def label_selection(self) -> int:
        """Make a label of the range; without one, at the playhead."""
        return self._add_label("Add label", self._label_of_selection())

    def label_playhead(self) -> int:
        """Make a point label at the playhead, also while it plays."""
        at = self._session.playhead
        return self._add_label("Add label", Label(0, 0, at, at))

    def step_label(self, step: int) -> None:
        """Select the next (1) or the previous (-1) label of the active track."""
        session = self._session
        if session.clip is None or session.active_track is None:
            return
        arrays = session.project.label_arrays(session.active_track)
        if not len(arrays.ids):
            return
        at = session.playhead
        chosen = [
            int(i)
            for i in np.flatnonzero(
                np.isin(arrays.ids, np.fromiter(session.selected_labels, np.int64))
            )
        ]
        if chosen:
            row = chosen[0] + step
        elif step > 0:
            row = int(np.searchsorted(arrays.starts, at, "right"))
        else:
            row = int(np.searchsorted(arrays.starts, at, "left")) - 1
        if 0 <= row < len(arrays.ids):
            session.set_playhead(int(arrays.starts[row]))
            session.select_labels([int(arrays.ids[row])])

    def select_changed(self, change: Change) -> None:
        """Select the labels of the shown clip that an edit or its undo was about."""
        session, clip = self._session, self._clip()
        tracks = {track.id for track in session.project.tracks(clip.id)}
        keys = (int(key) for key in change.rows["labels"])
        labels = session.project.labels_by_id(keys).values()
        if touched := [label.id for label in labels if label.track in tracks]:
            session.select_labels(touched)

    def set_status(self, status: LabelStatus, title: str) -> None:
        """Accept or reject the selected labels and go to the next one."""
        session = self._session
        labels = sorted(session.selected_labels)
        with session.project.edit(title) as edit:
            edit.set_label_status(labels, status)
        self.step_label(1)

    def set_word(self, key: str) -> None:
        """Give the selected labels a class; without any, label the range with it."""
        session = self._session
        word = self.word(key)
        if word is None:
            return
        title = f"Label as {word.name}"
        if not session.selected_labels:
            self._add_label(title, replace(self._label_of_selection(), text=word.name))
            return
        with session.project.edit(title) as edit:
            for label in sorted(session.selected_labels):
                edit.update_label(label, text=word.name)

    def word(self, key: str) -> Word | None:
        """The vocabulary's entry on a class key."""
        for word in self._session.project.vocabulary():
            if word.key == key:
                return word
        return None

    def merge_labels(self) -> None:
        """Make one label of the selected ones."""
        with self._session.project.edit("Merge labels") as edit:
            merged = edit.merge_labels(sorted(self._session.selected_labels))
        self._session.select_labels([merged])

    def split_label(self) -> None:
        """Make two labels of the selected one, at the playhead."""
        session = self._session
        label = session.project.label(next(iter(session.selected_labels)))
        if label is None or not label.start < session.playhead < label.stop:
            raise EarmarkError(
                "The playhead is not inside the selected label.",
                "Move it to where the label is to be split.",
            )
        with session.project.edit("Split label") as edit:
            edit.split_label(label.id, session.playhead)

    def _name_of(self, fragment: Fragment) -> str:
        """What a clip of a fragment is called: as the recording it begins with."""
        for span in fragment.spans:
            if span.source is not None:
                return readable(self._session.project.source(span.source).path.stem)
        return "Silence"

    def _label_of_selection(self) -> Label:
        """A label of the range; without one, of the playhead."""
        at, selection = self._session.playhead, self._session.selection
        if selection is None or selection.frames == 0:
            return Label(0, 0, at, at)
        return Label(
            0,
            0,
            selection.start,
            selection.stop,
            low_hz=selection.low_hz,
            high_hz=selection.high_hz,
            channel=selection.channel,
        )

    def can_move_track(self, step: int) -> bool:
        """Whether there is a track above (-1) or below (1) the active one."""
        tracks = self._tracks()
        return self._session.active_track in tracks and 0 <= tracks.index(
            self._session.active_track
        ) + step < len(tracks)

    def move_track(self, step: int) -> None:
        """Put the active track above (-1) or below (1) its neighbour."""
        track, tracks = self._session.active_track, self._tracks()
        if track is not None and self.can_move_track(step):
            with self._session.project.edit("Move label track") as edit:
                edit.update_track(track, position=tracks.index(track) + step)

    def rename_track(self, name: str) -> None:
        """Give the active track another name."""
        track = self._session.active_track
        if track is not None and name.strip():
            with self._session.project.edit("Rename label track") as edit:
                edit.update_track(track, name=name.strip())

    def _tracks(self) -> list[int]:
        """The tracks of the shown clip, from top to bottom."""
        return [track.id for track in self._session.project.tracks(self._clip().id)]

    def _add_label(self, title: str, label: Label) -> int:
        session, clip = self._session, self._clip()
        with session.project.edit(title) as edit:
            track = session.active_track
            if track is None:
                track = edit.add_track(clip.id, "Labels")
            made = edit.add_label(replace(label, track=track))
        session.set_active_track(track)
        session.select_labels([made])
        return made

    def _zero_near(self, frame: int) -> int:
        """The frame nearest to `frame` where the mix crosses zero, else `frame`."""
        from earmark.audio import render

        session, clip = self._session, self._clip()
        reach = int(_ZERO_SEARCH_S * clip.rate)
        start = max(0, frame - reach)
        frames = min(clip.frames, frame + reach) - start
        samples = render.read(
            clip.spans,
            clip.rate,
            clip.channels,
            session.sources.readers(session.clip_sources(clip)),
            start,
            frames,
        )
        mono = samples.mean(axis=1)
        crossings = np.flatnonzero((mono[:-1] < 0) != (mono[1:] < 0)) + 1 + start
        if not len(crossings):
            return frame
        return int(crossings[np.argmin(np.abs(crossings - frame))])

    def _clip(self) -> Clip:
        clip = self._session.clip
        if clip is None:
            raise EarmarkError("No clip is shown.", "Open a file or choose a clip.")
        return clip

    def _range(self) -> tuple[Clip, Selection]:
        selection = self._session.selection
        if selection is None or selection.frames == 0:
            raise EarmarkError("Nothing is selected.", "Drag over the waveform first.")
        return self._clip(), selection

    def _collapse(self, at: int) -> None:
        self._session.select(None)
        self._session.set_playhead(at)
