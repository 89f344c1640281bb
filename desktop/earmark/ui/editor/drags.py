"""Gestures of the mouse, from press to release."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

from PySide6.QtCore import QRectF

from earmark.core.labels import Label
from earmark.ui.editor.hits import LabelHit, labels_in, snapped
from earmark.ui.editor.label_edits import Bounds, bounds_of, moved, place_labels
from earmark.ui.editor.layout import (
    GUTTER_PX,
    ROW_PX,
    TRACK_PADDING_PX,
    Divider,
    dragged,
)
from earmark.ui.session import Selection

if TYPE_CHECKING:
    from earmark.ui.editor.gestures import Gestures


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where the mouse is, in pixels of the canvas, and which keys are held."""

    x: float
    y: float
    shift: bool = False
    ctrl: bool = False
    alt: bool = False


class Drag(Protocol):
    """A gesture from press to release."""

    def move(self, at: Pointer) -> None:
        """Show what a release here would do."""

    def drop(self, at: Pointer, *, clicked: bool) -> None:
        """Do it; `clicked` if the mouse hardly moved."""

    def abort(self) -> None:
        """Leave everything as it was before."""


class Select:
    """Drags out a selection; a click places the playhead."""

    def __init__(
        self,
        gestures: Gestures,
        at: Pointer,
        hit: LabelHit | None,
        *,
        box: bool,
        fixed: int | None = None,
    ) -> None:
        self._gestures = gestures
        self._before = gestures.session.selection
        self._hit = hit
        self._extending = fixed is not None
        self._fixed = gestures.frame(at) if fixed is None else fixed
        self._fixed_hz = gestures.hz(at) if box else None

    def move(self, at: Pointer) -> None:
        session = self._gestures.session
        frame = self._gestures.frame(at)
        start, stop = sorted((self._fixed, frame))
        low: float | None = None
        high: float | None = None
        channel: int | None = None
        if self._fixed_hz is not None:
            low, high = sorted((self._fixed_hz, self._gestures.hz(at)))
        elif self._extending and self._before is not None:
            low, high = self._before.low_hz, self._before.high_hz
            channel = self._before.channel
        session.select(Selection(start, stop, low, high, channel))

    def drop(self, at: Pointer, *, clicked: bool) -> None:
        session = self._gestures.session
        if not clicked or self._extending:
            return
        if self._hit is not None:
            session.set_active_track(self._hit.label.track)
            session.select_labels([self._hit.label.id], reveal=False)
            return
        session.select(None)
        session.select_labels([])
        session.set_playhead(self._gestures.frame(at))

    def abort(self) -> None:
        self._gestures.session.select(self._before)


class Scrub:
    """Moves the playhead along the ruler."""

    def __init__(self, gestures: Gestures, at: Pointer) -> None:
        self._gestures = gestures
        self._before = gestures.session.playhead
        self.move(at)

    def move(self, at: Pointer) -> None:
        view = self._gestures.canvas.stage.view
        self._gestures.session.set_playhead(view.frame_at(at.x - GUTTER_PX))

    def drop(self, at: Pointer, *, clicked: bool) -> None:
        self.move(at)

    def abort(self) -> None:
        self._gestures.session.set_playhead(self._before)


class Pan:
    """Moves the view."""

    def __init__(self, gestures: Gestures, at: Pointer) -> None:
        self._canvas = gestures.canvas
        self._before = self._canvas.stage.view
        self._x, self._y = at.x, at.y
        self._scroll = self._canvas.scroll

    def move(self, at: Pointer) -> None:
        by = round(self._x - at.x)
        self._canvas.set_view(self._before.scrolled_to(self._before.first + by))
        if self._canvas.stage.layout.labels.holds(self._y):
            scroll = self._scroll + round(self._y - at.y)
            self._canvas.scroll_tracks(scroll - self._canvas.scroll)

    def drop(self, at: Pointer, *, clicked: bool) -> None:
        """Nothing: the view is where it was dragged to."""

    def abort(self) -> None:
        self._canvas.set_view(self._before)


class MoveDivider:
    """Gives the lanes other heights."""

    def __init__(self, gestures: Gestures, divider: Divider) -> None:
        self._canvas = gestures.canvas
        self._before = self._canvas.stage.shares
        self._divider = divider

    def move(self, at: Pointer) -> None:
        stage = self._canvas.stage
        self._canvas.set_shares(
            dragged(stage.layout, stage.shares, self._divider, at.y)
        )

    def drop(self, at: Pointer, *, clicked: bool) -> None:
        """Nothing: the divider is where it was dragged to."""

    def abort(self) -> None:
        self._canvas.set_shares(self._before)


class Band:
    """Drags a rectangle around labels; a click in an empty place selects none."""

    def __init__(self, gestures: Gestures, at: Pointer) -> None:
        self._gestures = gestures
        self._start = at
        self._before = gestures.session.selected_labels
        self._kept = self._before if at.ctrl or at.shift else frozenset()

    def move(self, at: Pointer) -> None:
        canvas = self._gestures.canvas
        stage, layout = canvas.stage, canvas.stage.layout
        left, right = sorted((self._start.x, at.x))
        top, bottom = sorted((self._start.y, at.y))
        canvas.band.show_box(
            QRectF(
                left - GUTTER_PX, top - layout.labels.top, right - left, bottom - top
            )
        )
        found: set[int] = set(self._kept)
        start = stage.view.frame_at(left - GUTTER_PX)
        stop = stage.view.frame_at(right - GUTTER_PX)
        for track, lane in zip(stage.tracks, layout.tracks, strict=True):
            first = int((top - lane.top - TRACK_PADDING_PX / 2) // ROW_PX)
            last = int((bottom - lane.top - TRACK_PADDING_PX / 2) // ROW_PX)
            if last >= 0 and top < lane.bottom:
                found.update(
                    labels_in(track.index, start, stop, range(max(0, first), last + 1))
                )
        self._gestures.session.select_labels(found, reveal=False)

    def drop(self, at: Pointer, *, clicked: bool) -> None:
        self._gestures.canvas.band.show_box(QRectF())
        if clicked:
            session = self._gestures.session
            session.select_labels([])
            session.select(None)
            session.set_playhead(self._gestures.frame(at))

    def abort(self) -> None:
        self._gestures.canvas.band.show_box(QRectF())
        self._gestures.session.select_labels(self._before, reveal=False)


class MoveLabels:
    """Drags the selected labels, or one edge of one label; a click selects it."""

    def __init__(self, gestures: Gestures, at: Pointer, hit: LabelHit) -> None:
        self._gestures = gestures
        self._from = at
        self._hit = hit
        session = gestures.session
        self._was_selected = hit.label.id in session.selected_labels
        if not self._was_selected:
            session.set_active_track(hit.label.track)
            session.select_labels([hit.label.id], reveal=False)
        stored = {hit.label.id: hit.label}
        if hit.zone == "body":
            stored |= session.project.labels_by_id(session.selected_labels)
        self._labels: dict[int, Label] = stored
        self._anchor = gestures.canvas.stage.view.frame_at(at.x - GUTTER_PX)
        self._anchor_hz = gestures.hz(at)

    def move(self, at: Pointer) -> None:
        if self._gestures.session.project.read_only:
            return
        canvas = self._gestures.canvas
        canvas.stage.preview = self._bounds(at)
        canvas.redraw_labels()

    def drop(self, at: Pointer, *, clicked: bool) -> None:
        canvas, session = self._gestures.canvas, self._gestures.session
        changed = {
            label: bounds
            for label, bounds in canvas.stage.preview.items()
            if bounds != bounds_of(self._labels[label])
        }
        canvas.stage.preview = {}
        if clicked and self._was_selected and len(session.selected_labels) > 1:
            session.select_labels([self._hit.label.id], reveal=False)
        if changed and not clicked:
            place_labels(session.project, self._title(len(changed)), changed)
        canvas.redraw_labels()

    def abort(self) -> None:
        canvas = self._gestures.canvas
        canvas.stage.preview = {}
        canvas.redraw_labels()

    def _title(self, count: int) -> str:
        if self._hit.zone != "body":
            return "Resize label"
        return "Move label" if count == 1 else f"Move {count} labels"

    def _bounds(self, at: Pointer) -> dict[int, Bounds]:
        zone, held = self._hit.zone, bounds_of(self._hit.label)
        ignore = frozenset(self._labels)
        if zone == "body":
            return self._moved(at, held, ignore)
        if zone in ("low", "high"):
            return {self._hit.label.id: self._stretched(held, zone, at)}
        frame = self._gestures.frame(at, ignore)
        if zone == "start":
            held = replace(held, start=min(frame, held.stop))
        else:
            held = replace(held, stop=max(frame, held.start))
        return {self._hit.label.id: held}

    def _stretched(
        self, held: Bounds, zone: Literal["low", "high"], at: Pointer
    ) -> Bounds:
        hz = self._gestures.hz(at)
        if zone == "low":
            top = self._top_hz() if held.high_hz is None else held.high_hz
            return replace(held, low_hz=min(hz, top))
        return replace(held, high_hz=max(hz, held.low_hz or 0.0))

    def _moved(
        self, at: Pointer, held: Bounds, ignore: frozenset[int]
    ) -> dict[int, Bounds]:
        stage = self._gestures.canvas.stage
        by = stage.view.frame_at(at.x - GUTTER_PX) - self._anchor
        if not at.alt:
            by += min(
                (
                    snapped(
                        stage,
                        edge + by,
                        extra=(self._gestures.session.playhead,),
                        ignore=ignore,
                    )
                    - edge
                    - by
                    for edge in (held.start, held.stop)
                ),
                # No shift is the sign that nothing was near.
                key=lambda shift: abs(shift) or float("inf"),
            )
        first = min(label.start for label in self._labels.values())
        last = max(label.stop for label in self._labels.values())
        by = min(max(by, -first), stage.view.clip_frames - last)
        by_hz = 0.0
        if stage.layout.spectrogram.holds(self._from.y):
            by_hz = self._gestures.hz(at) - self._anchor_hz
        return {
            label.id: moved(bounds_of(label), by, by_hz, self._top_hz())
            for label in self._labels.values()
        }

    def _top_hz(self) -> float:
        return self._gestures.canvas.stage.rate / 2
