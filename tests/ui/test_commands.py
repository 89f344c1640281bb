"""The commands: their keys, the menus, the palette, the sheet."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu, QPushButton
from pytestqt.qtbot import QtBot
from ui.conftest import RATE, Bench

from earmark.ui.commands import MENUS, portable
from earmark.ui.keysheet import key_sheet
from earmark.ui.pages.keys import KeysPage
from earmark.ui.palette import CommandPalette, score
from earmark.ui.session import Selection

KEYS = {
    "transport.play": ["Space"],
    "transport.pause": ["P"],
    "transport.stop": ["X"],
    "transport.loop": ["L"],
    "transport.loop_selection": ["Shift+L"],
    "transport.record": ["Shift+R"],
    "view.zoom_in": ["Ctrl+1"],
    "view.zoom_normal": ["Ctrl+2"],
    "view.zoom_out": ["Ctrl+3"],
    "view.zoom_selection": ["Ctrl+E"],
    "view.fit": ["Ctrl+Shift+F"],
    "labels.at_selection": ["Ctrl+B"],
    "labels.at_playhead": ["M", "Ctrl+M"],
    "labels.next": ["Alt+Right"],
    "labels.previous": ["Alt+Left"],
    "edit.split": ["Ctrl+I", "S"],
    "edit.duplicate": ["Ctrl+D"],
    "edit.trim": ["Ctrl+T"],
    "edit.silence": ["Ctrl+L"],
    "edit.start_to_playhead": ["["],
    "edit.end_to_playhead": ["]"],
    "edit.to_zero_crossing": ["Z"],
    "transport.back": ["Left"],
    "transport.forward": ["Right"],
    "transport.back_long": ["Shift+Left"],
    "transport.forward_long": ["Shift+Right"],
    "edit.undo": ["Ctrl+Z"],
    "edit.redo": ["Ctrl+Y", "Ctrl+Shift+Z"],
    "tools.palette": ["Ctrl+Shift+P"],
    "labels.accept": ["A"],
    "labels.reject": ["D"],
    "labels.edit": ["E"],
    "labels.undo": ["Backspace"],
    **{f"labels.class_{key}": [key] for key in "123456789"},
}


def test_every_key_that_people_expect_is_bound(bench: Bench) -> None:
    commands = bench.window.commands

    for command, keys in KEYS.items():
        bound = [portable(key) for key in commands.keys(command)]
        assert bound == [portable(key) for key in keys], command
        assert commands.action(command).shortcuts()


def test_no_key_is_bound_twice(bench: Bench) -> None:
    assert bench.window.commands.conflicts() == {}


def test_every_command_is_in_a_menu(bench: Bench) -> None:
    listed: set[str] = set()
    for menu in bench.window.menuBar().findChildren(QMenu):
        listed.update(action.objectName() for action in menu.actions())

    for command in bench.window.commands.all():
        assert command.id in listed


def test_every_menu_opens_with_alt_and_a_letter_of_its_own(bench: Bench) -> None:
    titles = [action.text() for action in bench.window.menuBar().actions()]

    letters = [title.partition("&")[2][0].upper() for title in titles]

    assert [title.replace("&", "") for title in titles] == list(MENUS)
    assert len(set(letters)) == len(letters)
    alone = {portable(f"Alt+{letter}") for letter in letters}
    bound = [key for c in bench.window.commands.all() for key in c.keys]
    assert not alone & {portable(key) for key in bound}


def test_quitting_by_its_command_closes_the_project_once_all_is_asked(
    qtbot: QtBot, bench: Bench
) -> None:
    project = bench.project

    bench.window.commands.run("file.quit")
    assert not project.closed

    qtbot.waitUntil(lambda: project.closed)
    assert not bench.window.commands._refresh.isActive()


def test_the_sheet_has_every_command_with_a_key(bench: Bench) -> None:
    sheet = key_sheet(bench.window.commands)

    for command in bench.window.commands.all():
        if bench.window.commands.keys(command.id):
            assert command.title.rstrip("…").replace("'", "&#x27;") in sheet


def test_a_letter_is_not_a_command_while_one_types(qtbot: QtBot, bench: Bench) -> None:
    field = bench.window.docks["labels"].content().filter
    field.setFocus()

    qtbot.keyClicks(field, "masl 1")

    assert field.text() == "masl 1"
    assert bench.session.project.tracks(bench.session.clip.id) == []
    assert not bench.session.player.looping


def test_space_presses_a_focused_button_and_does_not_play(
    qtbot: QtBot, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    played: list[bool] = []
    monkeypatch.setattr(bench.session.player, "play", lambda: played.append(True))
    pressed: list[bool] = []
    button = QPushButton("Press", bench.window.editor)
    button.clicked.connect(lambda: pressed.append(True))
    button.show()
    button.setFocus()

    qtbot.keyClick(button, Qt.Key.Key_Space)

    assert (pressed, played) == ([True], [])


def test_m_labels_the_playhead_and_ctrl_z_takes_it_back(
    qtbot: QtBot, bench: Bench
) -> None:
    bench.session.set_playhead(RATE)
    bench.window.editor.setFocus()

    qtbot.keyClick(bench.window.editor, Qt.Key.Key_M)

    (track,) = bench.project.tracks(bench.session.clip.id)
    (label,) = bench.project.labels(track.id)
    assert (label.start, label.stop) == (RATE, RATE)
    qtbot.keyClick(
        bench.window.editor, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier
    )
    assert bench.project.tracks(bench.session.clip.id) == []


def test_what_cannot_be_done_is_disabled(qtbot: QtBot, bench: Bench) -> None:
    action = bench.window.commands.action("edit.trim")
    bench.session.select(None)
    qtbot.waitUntil(lambda: not action.isEnabled())

    bench.session.select(Selection(10, 20))

    qtbot.waitUntil(action.isEnabled)


def test_a_key_that_is_taken_moves_to_its_new_command(
    qtbot: QtBot, bench: Bench
) -> None:
    commands = bench.window.commands
    page = KeysPage(bench.session, commands, bench.window)
    page.choose("edit.trim")
    page.keys.setKeySequence("Ctrl+B")

    assert "Label selection" in page.state.text()
    page.assign()

    assert commands.keys("edit.trim") == ("Ctrl+B",)
    assert commands.keys("labels.at_selection") == ()
    assert commands.conflicts() == {}
    assert bench.session.store.settings.keys["edit.trim"] == ("Ctrl+B",)
    page.restore_all()
    assert commands.keys("labels.at_selection") == ("Ctrl+B",)
    page.deleteLater()


def test_the_palette_runs_what_is_typed(qtbot: QtBot, bench: Bench) -> None:
    palette = CommandPalette(bench.window.commands, bench.window)
    palette.open()

    qtbot.keyClicks(palette.field, "select all")
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)

    assert bench.session.selection == Selection(0, bench.session.clip.frames)
    palette.deleteLater()


@pytest.mark.parametrize(
    ("query", "better", "worse"),
    [
        ("zoom sel", "Zoom to selection", "Zoom in"),
        ("exp lab", "Export labels", "Expand table lab"),
        ("zts", "Zoom to selection", "Nothing"),
    ],
)
def test_words_count_for_more_than_letters(query: str, better: str, worse: str) -> None:
    good, bad = score(query, better), score(query, worse)

    assert good is not None
    assert bad is None or good > bad
