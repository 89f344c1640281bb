"""What the mouse does to the view, the selection, the playhead and the labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt

from earmark.ui.editor.drags import (
    Band,
    Drag,
    MoveDivider,
    MoveLabels,
    Pan,
    Pointer,
    Scrub,
    Select,
)
from earmark.ui.editor.hits import (
    EDGE_PX,
    LabelHit,
    Zone,
    edge_zone,
    label_at,
    selection_edge_at,
    snapped,
)
from earmark.ui.editor.layout import GUTTER_PX
from earmark.ui.session import Selection, Session

if TYPE_CHECKING:
    from earmark.ui.editor.canvas import Canvas

CLICK_PX = 3.0


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
            if in_labels:
                self._pick(at, hit)
            return None
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
            near = box.adjusted(-EDGE_PX, -EDGE_PX, EDGE_PX, EDGE_PX)
            if not near.contains(x, y):
                continue
            zone: Zone = edge_zone(box.left(), box.right(), x)
            reach = min(EDGE_PX, box.height() / 4)
            if label.high_hz is not None and abs(y - box.top()) <= reach:
                zone = "high"
            elif label.low_hz is not None and abs(y - box.bottom()) <= reach:
                zone = "low"
            chosen = label.id in self.session.selected_labels
            area = box.width() * box.height()
            hits.append((not chosen, area, LabelHit(label, zone)))
        return min(hits, key=lambda hit: hit[:2])[2] if hits else None
