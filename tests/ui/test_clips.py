"""Clips as a whole, and label tracks: named, marked, put in order, removed."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QInputDialog, QLineEdit, QMenu
from pytestqt.qtbot import QtBot
from ui.conftest import RATE, Bench
from ui.test_dialogs import answer

from earmark.core.labels import Label
from earmark.ui.browser import CLIP_ROLE, Browser
from earmark.ui.editor.layout import GUTTER_PX
from earmark.ui.session import Selection


@pytest.fixture
def clips(bench: Bench) -> list[int]:
    """Three clips; the first is shown."""
    with bench.project.edit("Duplicate") as edit:
        return [1, edit.duplicate_clip(1), edit.duplicate_clip(1)]


@pytest.fixture
def tracks(bench: Bench) -> list[int]:
    """Three label tracks of the shown clip; the first is active."""
    with bench.project.edit("Tracks") as edit:
        made = [edit.add_track(1, name) for name in ("one", "two", "three")]
    bench.session.set_active_track(made[0])
    return made


def browser_of(bench: Bench) -> Browser:
    content = bench.window.docks["browser"].content()
    assert isinstance(content, Browser)
    return content


def names_of_tracks(bench: Bench) -> list[str]:
    return [track.name for track in bench.project.tracks(1)]


def test_the_selected_clips_are_marked_and_removed_in_one_step_each(
    bench: Bench, clips: list[int]
) -> None:
    browser_of(bench).select(tuple(clips[1:]))

    bench.window.commands.run("clips.mark_done")
    assert [bench.project.clip(clip).status for clip in clips] == [
        "new",
        "done",
        "done",
    ]
    bench.window.commands.run("clips.remove")

    assert [clip.id for clip in bench.project.clips()] == clips[:1]
    bench.project.undo()
    assert [clip.status for clip in bench.project.clips()] == ["new", "done", "done"]


@pytest.mark.parametrize("key", [Qt.Key.Key_Delete, Qt.Key.Key_Backspace])
def test_delete_among_the_clips_removes_clips_and_no_audio(
    bench: Bench, clips: list[int], key: Qt.Key
) -> None:
    bench.session.select(Selection(0, RATE))
    browser = browser_of(bench)
    browser.select((clips[2],))
    browser.table.setFocus()

    QTest.keyClick(browser.table, key)

    assert [clip.id for clip in bench.project.clips()] == clips[:2]
    assert bench.session.clip is not None
    assert bench.session.clip.frames == 4 * RATE


def test_renaming_a_clip_opens_its_name_in_the_browser(
    qtbot: QtBot, bench: Bench
) -> None:
    browser = browser_of(bench)
    browser.filter.setText("nothing like it")
    qtbot.waitUntil(lambda: browser._proxy.rowCount() == 0)

    bench.window.commands.run("clips.rename")
    (field,) = browser.table.findChildren(QLineEdit)
    assert field.text() == "tone"
    field.setText("sine")
    QTest.keyClick(field, Qt.Key.Key_Return)

    qtbot.waitUntil(lambda: bench.project.clip(1).name == "sine")


def test_the_shown_clip_stays_marked_through_split_and_undo(bench: Bench) -> None:
    browser, session = browser_of(bench), bench.session
    session.set_playhead(RATE)
    assert session.clip is not None

    bench.window.commands.run("edit.split")
    assert session.selected_clips == (session.clip.id,)
    assert len(browser.table.selectionModel().selectedRows()) == 1
    bench.project.undo()

    assert session.selected_clips == (session.clip.id,)
    assert len(browser.table.selectionModel().selectedRows()) == 1


def test_a_clip_comes_and_goes_without_sorting_the_others_anew(
    bench: Bench, clips: list[int]
) -> None:
    browser = browser_of(bench)
    model, resets = browser.model, list[bool]()
    model.modelReset.connect(lambda: resets.append(True))

    def shown() -> list[int]:
        rows = range(model.rowCount())
        return [model.index(row, 0).data(CLIP_ROLE) for row in rows]

    with bench.project.edit("Remove") as edit:
        edit.remove_clip(clips[1])
    assert shown() == [clips[0], clips[2]]
    bench.project.undo()
    assert shown() == clips
    assert [model.row_of(clip) for clip in clips] == [0, 1, 2]
    with bench.project.edit("Duplicate") as edit:
        new = [edit.duplicate_clip(1), edit.duplicate_clip(1)]
    assert shown() == clips + new
    assert not resets
    with bench.project.edit("Remove") as edit:
        for clip in clips:
            edit.remove_clip(clip)
    assert shown() == new


def test_several_selected_clips_stay_selected_when_others_come(
    bench: Bench, clips: list[int]
) -> None:
    browser_of(bench).select(tuple(clips[1:]))

    with bench.project.edit("Duplicate") as edit:
        edit.duplicate_clip(1)

    assert sorted(bench.session.selected_clips) == clips[1:]


def test_nothing_is_removed_from_a_project_without_clips(bench: Bench) -> None:
    bench.window.commands.run("clips.remove")
    assert bench.project.clips() == []
    title = bench.project.undo_title

    bench.window.commands.run("clips.remove")

    assert bench.project.undo_title == title


def test_labels_are_deleted_by_a_command_of_their_own(bench: Bench) -> None:
    with bench.project.edit("Labels") as edit:
        track = edit.add_track(1, "Labels")
        label = edit.add_label(Label(0, track, 0, RATE))
    bench.session.select_labels([label])

    bench.window.commands.run("labels.delete")

    assert bench.project.label(label) is None


def test_tracks_are_put_in_order(bench: Bench, tracks: list[int]) -> None:
    commands = bench.window.commands
    assert not commands.command("labels.track_up").enabled()

    commands.run("labels.track_down")
    assert names_of_tracks(bench) == ["two", "one", "three"]
    commands.run("labels.track_down")
    assert names_of_tracks(bench) == ["two", "three", "one"]
    assert not commands.command("labels.track_down").enabled()
    commands.run("labels.track_up")

    assert names_of_tracks(bench) == ["two", "one", "three"]
    stage = bench.window.editor.plot.surface.stage
    assert [view.track.name for view in stage.tracks] == ["two", "one", "three"]


def test_a_track_is_renamed(bench: Bench, tracks: list[int]) -> None:
    def name(dialog: QInputDialog) -> None:
        assert dialog.textValue() == "one"
        dialog.setTextValue("  speech ")
        dialog.accept()

    answer(QInputDialog, name)
    bench.window.commands.run("labels.rename_track")

    assert names_of_tracks(bench) == ["speech", "two", "three"]
    assert bench.project.undo_title == "Rename label track"


def test_the_name_of_a_track_has_a_menu(
    qtbot: QtBot, bench: Bench, tracks: list[int]
) -> None:
    surface = bench.window.editor.plot.surface
    lane = surface.stage.layout.tracks[1]

    QTest.mouseClick(
        surface.viewport(),
        Qt.MouseButton.RightButton,
        Qt.KeyboardModifier.NoModifier,
        QPoint(GUTTER_PX // 2, lane.top + 4),
    )
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    entries = [action.text() for action in menu.actions()]
    menu.close()

    assert bench.session.active_track == tracks[1]
    assert entries == [
        "Rename label track…",
        "Move label track up",
        "Move label track down",
        "Remove label track",
    ]
