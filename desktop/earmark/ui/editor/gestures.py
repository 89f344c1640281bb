"""What the mouse does to the view, the selection, the playhead and the labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from PySide6.QtCore import QRectF, Qt

from earmark.core.labels import Label
from earmark.ui.editor.hits import (
    LabelHit,
    Zone,
    edge_zone,
    label_at,
    labels_in,
    selection_edge_at,
    snapped,
)
from earmark.ui.editor.label_edits import Bounds, bounds_of, moved, place_labels
from earmark.ui.editor.layout import (
    GUTTER_PX,
    ROW_PX,
    TRACK_PADDING_PX,
    Divider,
    dragged,
)
from earmark.ui.session import Selection, Session

if TYPE_CHECKING:
    from earmark.ui.editor.canvas import Canvas

CLICK_PX = 3.0
_EDGE_PX = 5.0


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


class Gestures:
    """Finds what a press begins, and runs it to its end.

    Parameters
    ----------
    canvas : Canvas
    session : Session
    edit_text : callable
        Opens a label's text; given its id.
    """

    def __init__(
        self, canvas: Canvas, session: Session, edit_text: Callable[[int], None]
    ) -> None:
        self.canvas = canvas
        self.session = session
        self.box_selection = True
        self._edit_text = edit_text
        self._drag: Drag | None = None
        self._pressed = Pointer(0, 0)
        self._clicked = True

    @property
    def active(self) -> bool:
        """Whether something is being dragged."""
        return self._drag is not None

    def press(self, at: Pointer, button: Qt.MouseButton) -> None:
        """Begin what a press at this place means."""
        if self.session.clip is None or self._drag is not None:
            return
        self._pressed, self._clicked = at, True
        if button is Qt.MouseButton.MiddleButton:
            self._drag = Pan(self, at)
        elif button is Qt.MouseButton.LeftButton:
            self._drag = self._begin(at)

    def move(self, at: Pointer) -> None:
        """Go on with the drag."""
        if self._drag is None:
            return
        far = max(abs(at.x - self._pressed.x), abs(at.y - self._pressed.y))
        if far > CLICK_PX:
            self._clicked = False
        if not self._clicked:
            self._drag.move(at)

    def release(self, at: Pointer) -> None:
        """End the drag."""
        drag, self._drag = self._drag, None
        if drag is not None:
            drag.drop(at, clicked=self._clicked)

    def abort(self) -> bool:
        """Undo the drag as far as it got; False if there was none."""
        drag, self._drag = self._drag, None
        if drag is not None:
            drag.abort()
        return drag is not None

    def double_click(self, at: Pointer) -> None:
        """Select the range of the label; in its track, edit its text as well."""
        if self.session.clip is None:
            return
        hit = self.label_hit(at)
        if hit is None:
            return
        label = hit.label
        self.session.select_labels([label.id], reveal=False)
        self.session.select(
            Selection(label.start, label.stop, label.low_hz, label.high_hz)
        )
        if self.canvas.stage.layout.labels.holds(at.y):
            self._edit_text(label.id)

    def cursor(self, at: Pointer) -> Qt.CursorShape:
        """The shape of the mouse cursor that says what a press would do."""
        layout, shape = self.canvas.stage.layout, Qt.CursorShape
        if self.session.clip is None:
            return shape.ArrowCursor
        if layout.divider_at(at.y) is not None:
            return shape.SplitVCursor
        if at.x < GUTTER_PX:
            return shape.ArrowCursor
        hit = self.label_hit(at)
        if hit is not None:
            if hit.zone in ("start", "stop"):
                return shape.SizeHorCursor
            if hit.zone in ("low", "high"):
                return shape.SizeVerCursor
            return (
                shape.ArrowCursor if layout.labels.holds(at.y) else shape.OpenHandCursor
            )
        edge = selection_edge_at(self.canvas.stage, self.session.selection, at.x)
        if edge and not layout.labels.holds(at.y):
            return shape.SizeHorCursor
        plots = layout.waveform.holds(at.y) or layout.spectrogram.holds(at.y)
        return shape.IBeamCursor if plots else shape.ArrowCursor

    def label_hit(self, at: Pointer) -> LabelHit | None:
        """The label under the pointer: in a track, or as a box in the spectrogram."""
        layout = self.canvas.stage.layout
        if layout.labels.holds(at.y):
            return label_at(self.canvas.stage, at.x, at.y)
        if layout.spectrogram.holds(at.y):
            return self._box_hit(at)
        return None

    def frame(self, at: Pointer, ignore: frozenset[int] = frozenset()) -> int:
        """The frame under the pointer, snapped unless Alt is held."""
        stage = self.canvas.stage
        frame = stage.view.frame_at(at.x - GUTTER_PX)
        if at.alt:
            return frame
        return snapped(stage, frame, extra=(self.session.playhead,), ignore=ignore)

    def hz(self, at: Pointer) -> float:
        """The frequency under the pointer."""
        top = self.canvas.stage.layout.spectrogram.top
        return self.canvas.spectrogram.hz_at(at.y - top)

    def _begin(self, at: Pointer) -> Drag | None:
        session, stage = self.session, self.canvas.stage
        layout = stage.layout
        divider = layout.divider_at(at.y)
        if divider is not None:
            return MoveDivider(self, divider)
        if at.x < GUTTER_PX:
            track = layout.track_at(at.y)
            if track is not None:
                session.set_active_track(stage.tracks[track].track.id)
            return None
        edge = selection_edge_at(stage, session.selection, at.x)
        in_labels = layout.labels.holds(at.y)
        if layout.ruler.holds(at.y) and not at.shift:
            return Scrub(self, at) if edge is None else self._extend(edge)
        hit = self.label_hit(at)
        if hit is not None and (in_labels or hit.label.id in session.selected_labels):
            if not at.shift and not at.ctrl:
                return MoveLabels(self, at, hit)
            return self._pick(at, hit) if in_labels else None
        if in_labels:
            track = layout.track_at(at.y)
            if track is not None:
                session.set_active_track(stage.tracks[track].track.id)
            return Band(self, at)
        if edge is not None and not at.shift:
            return self._extend(edge)
        selection = session.selection
        if at.shift and selection is not None:
            middle = (selection.start + selection.stop) / 2
            near = "start" if stage.view.frame_at(at.x - GUTTER_PX) < middle else "stop"
            extending = self._extend(near)
            extending.move(at)
            return extending
        box = layout.spectrogram.holds(at.y) and self.box_selection and not at.shift
        return Select(self, at, hit, box=box)

    def _extend(self, edge: str) -> Select:
        selection = self.session.selection
        assert selection is not None
        fixed = selection.stop if edge == "start" else selection.start
        return Select(self, Pointer(0, 0), None, box=False, fixed=fixed)

    def _pick(self, at: Pointer, hit: LabelHit) -> None:
        """Add a label to the selected ones, or take it away."""
        session, label = self.session, hit.label
        session.set_active_track(label.track)
        chosen = set(session.selected_labels)
        if at.ctrl:
            session.select_labels(chosen ^ {label.id}, reveal=False)
            return
        for track in self.canvas.stage.tracks:
            if track.track.id == label.track:
                ids = track.index.arrays.ids
                known = np.flatnonzero(np.isin(ids, list(chosen)))
                this = track.index.place(label.id)
                assert this is not None
                first = min([this, *known.tolist()])
                last = max([this, *known.tolist()])
                session.select_labels(ids[first : last + 1].tolist(), reveal=False)

    def _box_hit(self, at: Pointer) -> LabelHit | None:
        x, y = at.x - GUTTER_PX, at.y - self.canvas.stage.layout.spectrogram.top
        hits: list[tuple[bool, float, LabelHit]] = []
        for label, box in self.canvas.spectrogram.boxes():
            near = box.adjusted(-_EDGE_PX, -_EDGE_PX, _EDGE_PX, _EDGE_PX)
            if not near.contains(x, y):
                continue
            zone: Zone = edge_zone(box.left(), box.right(), x)
            reach = min(_EDGE_PX, box.height() / 4)
            if label.high_hz is not None and abs(y - box.top()) <= reach:
                zone = "high"
            elif label.low_hz is not None and abs(y - box.bottom()) <= reach:
                zone = "low"
            chosen = label.id in self.session.selected_labels
            area = box.width() * box.height()
            hits.append((not chosen, area, LabelHit(label, zone)))
        return min(hits, key=lambda hit: hit[:2])[2] if hits else None


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
