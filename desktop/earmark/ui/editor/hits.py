"""What lies under the pointer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from earmark.core.labels import Label
from earmark.ui.editor.label_index import LabelIndex
from earmark.ui.editor.layout import GUTTER_PX, ROW_PX, TRACK_PADDING_PX
from earmark.ui.editor.stage import Stage
from earmark.ui.session import Selection

Zone = Literal["body", "start", "stop", "low", "high"]
EDGE_PX = 5.0
SNAP_PX = 7.0


@dataclass(frozen=True, slots=True)
class LabelHit:
    """A label under the pointer, and which part of it."""

    label: Label
    zone: Zone


def label_at(stage: Stage, x: float, y: float) -> LabelHit | None:
    """The label at a place in the label tracks.

    Where labels touch, the one whose edge is nearer; of a selected label and another,
    the selected one.
    """
    track_index = stage.layout.track_at(y)
    if track_index is None or x < GUTTER_PX:
        return None
    track, lane = stage.tracks[track_index], stage.layout.tracks[track_index]
    view, arrays = stage.view, track.index.arrays
    row = int((y - lane.top - TRACK_PADDING_PX / 2) // ROW_PX)
    frame = view.frame_at(x - GUTTER_PX)
    places = track.index.near(frame, EDGE_PX * view.frames_per_px)
    places = places[track.index.rows[places] == row]
    if not len(places):
        return None
    lefts = GUTTER_PX + arrays.starts[places] / view.frames_per_px - view.first
    rights = GUTTER_PX + arrays.stops[places] / view.frames_per_px - view.first
    outside = np.maximum(np.maximum(lefts - x, x - rights), 0)
    chosen = stage.chosen(arrays.ids[places])
    best = int(np.lexsort((-lefts, ~chosen, outside))[0])
    (label,) = track.labels(places[best : best + 1])
    return LabelHit(label, edge_zone(float(lefts[best]), float(rights[best]), x))


def edge_zone(left: float, right: float, x: float) -> Zone:
    """Which part of a label a place belongs to; a short one keeps a body to hold."""
    if right <= left:
        return "body"
    reach = min(EDGE_PX, (right - left) / 4)
    if x - left <= reach:
        return "start"
    if right - x <= reach:
        return "stop"
    return "body"


def selection_edge_at(
    stage: Stage, selection: Selection | None, x: float
) -> Literal["start", "stop"] | None:
    """The edge of the selected time under the pointer."""
    if selection is None or not selection.frames:
        return None
    left = GUTTER_PX + stage.view.x_of(selection.start)
    right = GUTTER_PX + stage.view.x_of(selection.stop)
    if abs(x - left) <= min(EDGE_PX, (right - left) / 4 + 1):
        return "start"
    if abs(x - right) <= min(EDGE_PX, (right - left) / 4 + 1):
        return "stop"
    return None


def labels_in(index: LabelIndex, start: int, stop: int, rows: range) -> list[int]:
    """The ids of the labels in a range of time and of rows."""
    places = index.visible(start, stop)
    places = places[np.isin(index.rows[places], list(rows))]
    return [int(label) for label in index.arrays.ids[places]]


def snapped(
    stage: Stage,
    frame: int,
    *,
    extra: tuple[int, ...] = (),
    ignore: frozenset[int] = frozenset(),
) -> int:
    """A frame, moved to the edge of a label or to an extra place if one is near.

    Parameters
    ----------
    stage : Stage
    frame : int
    extra : tuple of int
        Places besides the labels' edges: the playhead, the selection.
    ignore : frozenset of int
        Labels that do not count.
    """
    tolerance = SNAP_PX * stage.view.frames_per_px
    found = [
        edge
        for track in stage.tracks
        if (edge := track.index.nearest_edge(frame, tolerance, ignore)) is not None
    ]
    found += [place for place in extra if abs(place - frame) <= tolerance]
    return min(found, key=lambda place: abs(place - frame), default=frame)
