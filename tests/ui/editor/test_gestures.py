"""The mouse, at pixel positions, and what the project then holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QNativeGestureEvent, QPointingDevice, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from ui.editor.conftest import RATE, SECONDS, Bench

from earmark.core.labels import Label
from earmark.core.project import Project
from earmark.ui.editor.layout import GUTTER_PX
from earmark.ui.session import Selection

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
ALT = Qt.KeyboardModifier.AltModifier
NONE = Qt.KeyboardModifier.NoModifier


def labels(bench: Bench) -> list[Label]:
    return bench.project.labels(bench.stage.tracks[0].track.id)


def seconds(frames: int) -> float:
    return frames / RATE


def select(bench: Bench, *places: int) -> None:
    stored = labels(bench)
    bench.session.select_labels([stored[place].id for place in places])


def test_a_drag_in_the_waveform_selects_time(bench: Bench) -> None:
    bench.drag(bench.waveform(13), bench.waveform(15))
    assert bench.session.selection == Selection(13 * RATE, 15 * RATE)


def test_a_drag_to_the_left_selects_the_same(bench: Bench) -> None:
    bench.drag(bench.waveform(15), bench.waveform(13))
    assert bench.session.selection == Selection(13 * RATE, 15 * RATE)


def test_a_drag_in_the_spectrogram_selects_frequencies_too(bench: Bench) -> None:
    bench.drag(bench.spectrogram(13, 1000), bench.spectrogram(15, 2000))
    selection = bench.session.selection
    assert selection is not None
    assert (selection.start, selection.stop) == (13 * RATE, 15 * RATE)
    assert selection.low_hz == pytest.approx(1000, abs=20)
    assert selection.high_hz == pytest.approx(2000, abs=30)


def test_shift_in_the_spectrogram_selects_only_time(bench: Bench) -> None:
    bench.drag(bench.spectrogram(13, 1000), bench.spectrogram(15, 2000), SHIFT | ALT)
    assert bench.session.selection == Selection(13 * RATE, 15 * RATE)


def test_time_only_selection_can_be_switched_on(bench: Bench) -> None:
    bench.editor.set_box_selection(False)
    bench.drag(bench.spectrogram(13, 1000), bench.spectrogram(15, 2000))
    assert bench.session.selection == Selection(13 * RATE, 15 * RATE)


def test_a_click_places_the_playhead_and_selects_nothing(bench: Bench) -> None:
    bench.drag(bench.waveform(13), bench.waveform(15))
    bench.click(bench.waveform(17), ALT)
    assert bench.session.selection is None
    assert bench.session.playhead == 17 * RATE


def test_a_click_with_shift_extends_the_nearer_edge(bench: Bench) -> None:
    bench.drag(bench.waveform(13), bench.waveform(15))
    bench.click(bench.waveform(16), SHIFT | ALT)
    assert bench.session.selection == Selection(13 * RATE, 16 * RATE)


def test_the_edge_of_a_selection_can_be_dragged(bench: Bench) -> None:
    bench.drag(bench.waveform(13), bench.waveform(15))
    bench.drag(bench.waveform(13), bench.waveform(12.5))
    assert bench.session.selection == Selection(int(12.5 * RATE), 15 * RATE)


def test_dragging_an_edge_in_time_keeps_the_frequencies(bench: Bench) -> None:
    bench.session.select(Selection(13 * RATE, 15 * RATE, 500.0, 900.0))
    bench.drag(bench.waveform(15), bench.waveform(16))
    assert bench.session.selection == Selection(13 * RATE, 16 * RATE, 500.0, 900.0)


def test_a_selection_snaps_to_the_edge_of_a_label(bench: Bench) -> None:
    bench.drag(bench.waveform(4) + QPoint(4, 0), bench.waveform(6) - QPoint(5, 0), NONE)
    assert bench.session.selection == Selection(4 * RATE, 6 * RATE)


def test_escape_takes_a_drag_back(bench: Bench) -> None:
    bench.session.select(Selection(RATE, 2 * RATE))
    bench.press(bench.waveform(13))
    bench.move(bench.waveform(15))
    bench.key(Qt.Key.Key_Escape)
    bench.release(bench.waveform(16))
    assert bench.session.selection == Selection(RATE, 2 * RATE)


def test_escape_without_a_drag_selects_nothing(bench: Bench) -> None:
    bench.session.select(Selection(RATE, 2 * RATE))
    select(bench, 0)
    bench.key(Qt.Key.Key_Escape)
    assert bench.session.selection is None
    assert not bench.session.selected_labels


def test_a_drag_along_the_ruler_scrubs(bench: Bench) -> None:
    bench.press(bench.ruler(3))
    assert bench.session.playhead == 3 * RATE
    bench.move(bench.ruler(9))
    assert bench.session.playhead == 9 * RATE
    bench.release(bench.ruler(9))


def test_a_double_click_selects_the_range_of_a_label(bench: Bench) -> None:
    bench.double_click(bench.track(7))
    assert bench.session.selection == Selection(6 * RATE, 8 * RATE)
    assert bench.plot.text.label == labels(bench)[1].id


def test_dragging_a_label_moves_it_in_one_edit(bench: Bench) -> None:
    bench.drag(bench.track(7), bench.track(8))
    assert [(label.start, label.stop) for label in labels(bench)][1] == (
        7 * RATE,
        9 * RATE,
    )
    assert bench.project.undo_title == "Move label"
    bench.project.undo()
    assert labels(bench)[1].start == 6 * RATE
    assert bench.project.undo_title == "Import"


def test_dragging_an_edge_resizes_a_label(bench: Bench) -> None:
    bench.drag(bench.track(8) - QPoint(2, 0), bench.track(9) - QPoint(2, 0))
    assert seconds(labels(bench)[1].stop) == pytest.approx(9, abs=0.05)
    assert labels(bench)[1].start == 6 * RATE
    assert bench.project.undo_title == "Resize label"
    bench.project.undo()
    assert labels(bench)[1].stop == 8 * RATE


def test_an_edge_cannot_pass_the_other(bench: Bench) -> None:
    bench.drag(bench.track(6) + QPoint(2, 0), bench.track(9))
    label = labels(bench)[1]
    assert label.start == label.stop == 8 * RATE


def test_a_dragged_edge_snaps_to_the_next_label(bench: Bench) -> None:
    bench.drag(bench.track(8) - QPoint(2, 0), bench.track(10) - QPoint(4, 0), NONE)
    assert labels(bench)[1].stop == 10 * RATE


def test_selected_labels_move_together(bench: Bench) -> None:
    select(bench, 0, 2)
    bench.drag(bench.track(3), bench.track(4))
    assert [label.start // RATE for label in labels(bench)] == [3, 6, 11]
    assert bench.project.undo_title == "Move 2 labels"


def test_labels_stop_at_the_ends_of_the_clip(bench: Bench) -> None:
    select(bench, 0, 2)
    bench.drag(bench.track(3), bench.track(0.2))
    assert [label.start // RATE for label in labels(bench)] == [0, 6, 8]


def test_escape_leaves_a_dragged_label_where_it_was(bench: Bench) -> None:
    bench.press(bench.track(7))
    bench.move(bench.track(9))
    bench.key(Qt.Key.Key_Escape)
    bench.release(bench.track(9))
    assert labels(bench)[1].start == 6 * RATE
    assert bench.project.undo_title == "Import"


def test_a_click_makes_no_edit(bench: Bench) -> None:
    bench.click(bench.track(7))
    assert bench.session.selected_labels == {labels(bench)[1].id}
    assert bench.project.undo_title == "Import"


def test_clicks_with_ctrl_and_shift_select_several(bench: Bench) -> None:
    stored = labels(bench)
    bench.click(bench.track(3))
    bench.click(bench.track(11), CTRL)
    assert bench.session.selected_labels == {stored[0].id, stored[2].id}
    bench.click(bench.track(3), CTRL)
    assert bench.session.selected_labels == {stored[2].id}
    bench.click(bench.track(3), SHIFT)
    assert bench.session.selected_labels == {label.id for label in stored}


def test_a_rubber_band_selects_what_it_touches(bench: Bench) -> None:
    bench.drag(bench.track(5) - QPoint(0, 8), bench.track(11) + QPoint(0, 6))
    assert bench.session.selected_labels == {label.id for label in labels(bench)[1:]}
    assert bench.plot.surface.band.box.isEmpty()


def test_frequency_bounds_are_dragged_in_the_spectrogram(bench: Bench) -> None:
    label = labels(bench)[1]
    with bench.project.edit("Bounds") as edit:
        edit.update_label(label.id, low_hz=1000.0, high_hz=2000.0)
    select(bench, 1)
    bench.drag(bench.spectrogram(7, 2000), bench.spectrogram(7, 2500))
    moved = labels(bench)[1]
    assert moved.high_hz == pytest.approx(2500, abs=40)
    assert (moved.low_hz, moved.start) == (1000.0, 6 * RATE)
    bench.project.undo()
    assert labels(bench)[1].high_hz == 2000.0


def test_a_selected_box_is_moved_in_time_and_frequency(bench: Bench) -> None:
    label = labels(bench)[1]
    with bench.project.edit("Bounds") as edit:
        edit.update_label(label.id, low_hz=1000.0, high_hz=2000.0)
    select(bench, 1)
    bench.drag(bench.spectrogram(7, 1500), bench.spectrogram(8, 2000))
    moved = labels(bench)[1]
    assert (moved.start, moved.stop) == (7 * RATE, 9 * RATE)
    assert moved.low_hz == pytest.approx(1500, abs=40)
    assert moved.high_hz == pytest.approx(2500, abs=40)


def test_a_click_on_a_box_selects_its_label(bench: Bench) -> None:
    label = labels(bench)[1]
    with bench.project.edit("Bounds") as edit:
        edit.update_label(label.id, low_hz=1000.0, high_hz=2000.0)
    bench.click(bench.spectrogram(7, 1500))
    assert bench.session.selected_labels == {label.id}


def test_predictions_become_edited_when_moved(bench: Bench) -> None:
    label = labels(bench)[1]
    with bench.project.edit("Predict") as edit:
        edit.update_label(label.id, status="predicted")
    bench.drag(bench.track(7), bench.track(8))
    assert labels(bench)[1].status == "edited"


def test_a_read_only_project_is_not_edited(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.project, "read_only", True)
    bench.drag(bench.track(7), bench.track(8))
    assert labels(bench)[1].start == 6 * RATE


def wheel(bench: Bench, at: QPoint, notches: float, keys: Qt.KeyboardModifier) -> None:
    target = bench.plot.surface.viewport()
    event = QWheelEvent(
        QPointF(at),
        QPointF(target.mapToGlobal(at)),
        QPoint(),
        QPoint(0, round(120 * notches)),
        Qt.MouseButton.NoButton,
        keys,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(target, event)


def test_ctrl_and_wheel_zoom_where_the_mouse_is(bench: Bench) -> None:
    at = bench.waveform(15)
    for _ in range(6):
        wheel(bench, at, 1, CTRL)
    view = bench.stage.view
    assert view.frames_per_px < 160 / 3
    assert view.frame_at(at.x() - GUTTER_PX) / RATE == pytest.approx(15, abs=0.05)


def test_zooming_stops_at_eight_pixels_a_frame_and_at_the_whole_clip(
    bench: Bench,
) -> None:
    for _ in range(80):
        wheel(bench, bench.waveform(10), 1, CTRL)
    assert bench.stage.view.frames_per_px == 1 / 8
    for _ in range(160):
        wheel(bench, bench.waveform(10), -1, CTRL)
    assert bench.editor.visible_range() == (0, SECONDS * RATE)


def test_the_wheel_scrolls(bench: Bench) -> None:
    bench.editor.zoom_in()
    start, stop = bench.editor.visible_range()
    wheel(bench, bench.waveform(1), -1, NONE)
    moved = bench.editor.visible_range()
    assert moved[0] > start
    assert moved[1] - moved[0] == stop - start


def test_the_middle_button_pans(bench: Bench) -> None:
    bench.editor.zoom_in()
    middle = Qt.MouseButton.MiddleButton
    bench.drag(QPoint(600, 100), QPoint(500, 100), NONE, middle)
    assert bench.stage.view.first == 100


def test_dragging_the_divider_changes_the_heights(bench: Bench) -> None:
    before = bench.stage.layout
    grip = QPoint(500, before.waveform.bottom + 2)
    bench.drag(grip, grip + QPoint(0, 60))
    after = bench.stage.layout
    assert after.waveform.height == pytest.approx(before.waveform.height + 60, abs=4)
    assert after.labels.height == before.labels.height


def test_the_header_of_a_track_makes_it_the_active_one(bench: Bench) -> None:
    clip = bench.session.clip
    assert clip is not None
    with bench.project.edit("Add track") as edit:
        other = edit.add_track(clip.id, "Other")
    lane = bench.stage.layout.tracks[1]
    bench.click(QPoint(20, lane.top + 10))
    assert bench.session.active_track == other


def test_a_pinch_on_a_touchpad_zooms_where_it_is_made(bench: Bench) -> None:
    at = QPointF(bench.waveform(5))
    pinch = QNativeGestureEvent(
        Qt.NativeGestureType.ZoomNativeGesture,
        QPointingDevice.primaryPointingDevice(),
        2,
        at,
        at,
        at,
        1.0,
        QPointF(),
    )
    QApplication.sendEvent(bench.plot.surface.viewport(), pinch)
    start, stop = bench.editor.visible_range()
    assert stop - start == SECONDS * RATE / 2
    assert bench.x(5) == at.x()


def test_two_fingers_that_part_on_a_touch_screen_zoom_in(bench: Bench) -> None:
    screen, target = QTest.createTouchDevice(), bench.plot.surface.viewport()
    middle = bench.waveform(10)

    def at(apart: int) -> tuple[QPoint, QPoint]:
        return middle - QPoint(apart, 0), middle + QPoint(apart, 0)

    left, right = at(40)
    QTest.touchEvent(target, screen).press(0, left).press(1, right).commit()
    for apart in (60, 80, 120, 160):
        left, right = at(apart)
        QTest.touchEvent(target, screen).move(0, left).move(1, right).commit()
    QTest.touchEvent(target, screen).release(0, left).release(1, right).commit()
    start, stop = bench.editor.visible_range()
    assert stop - start < SECONDS * RATE * 0.6
    assert bench.x(10) == pytest.approx(middle.x(), abs=8)
    assert bench.session.selection is None


def type_into(bench: Bench, place: int, text: str) -> Label:
    label = labels(bench)[place]
    bench.plot.edit_label(label.id)
    QTest.keyClicks(bench.plot.text, text)
    return label


def text_of(bench: Bench, label: Label) -> str | None:
    stored = bench.project.label(label.id)
    return stored and stored.text


def test_a_text_that_is_open_is_kept_when_another_clip_is_shown(bench: Bench) -> None:
    assert bench.session.clip is not None
    with bench.project.edit("Duplicate") as edit:
        other = edit.duplicate_clip(bench.session.clip.id)
    label = type_into(bench, 0, "deux")

    bench.session.show_clip(other)

    assert text_of(bench, label) == "deux"
    assert bench.plot.text.label is None
    assert bench.stage.clip is not None
    assert bench.stage.clip.id == other


def test_a_text_that_is_open_is_kept_when_the_window_closes(bench: Bench) -> None:
    label = type_into(bench, 0, "deux")
    bench.editor.shut_down()
    assert text_of(bench, label) == "deux"


def test_a_text_that_is_open_is_kept_in_the_project_that_is_left(
    bench: Bench, tmp_path: Path
) -> None:
    label, folder = type_into(bench, 0, "deux"), bench.project.folder

    bench.session.open_project(Project.create(tmp_path / "Other.earmark"))

    left = Project.open(folder)
    stored = left.label(label.id)
    left.close()
    assert stored is not None
    assert stored.text == "deux"


def test_the_text_of_a_label_that_is_removed_closes(bench: Bench) -> None:
    label = type_into(bench, 0, "deux")

    with bench.project.edit("Delete labels") as edit:
        edit.remove_labels([label.id])

    assert bench.plot.text.label is None
    assert not bench.plot.text.isVisible()
