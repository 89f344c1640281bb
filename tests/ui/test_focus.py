"""Where the Tab key and F6 go."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QRadioButton, QScrollArea, QWidget
from pytestqt.qtbot import QtBot
from ui.conftest import RATE, Bench

from earmark.ui.docks import Dock
from earmark.ui.session import Selection


def focused() -> QWidget:
    widget = QApplication.focusWidget()
    assert widget is not None
    return widget


def tabs_through(
    qtbot: QtBot, bench: Bench, key: Qt.Key = Qt.Key.Key_Tab
) -> list[QWidget]:
    """What has the focus, key after key, until it is again where it began."""
    bench.window.activateWindow()
    bench.window.editor.setFocus()
    seen = [focused()]
    while len(seen) < 500:
        qtbot.keyClick(focused(), key)
        if focused() is seen[0]:
            break
        seen.append(focused())
    return seen


def holder(widget: QWidget) -> str:
    """The part of the window that a control is in."""
    around: QWidget | None = widget
    while around is not None and around.parentWidget() is not widget.window():
        around = around.parentWidget()
    return "" if around is None else around.accessibleName()


def test_tab_goes_through_all_that_is_seen_and_nothing_else(
    qtbot: QtBot, bench: Bench
) -> None:
    seen = tabs_through(qtbot, bench)

    assert len(seen) == len(set(seen)) < 500
    assert {"Clips", "Understand", "Labels", "Editor", "Status"} <= {*map(holder, seen)}
    behind = [dock for dock in bench.window.docks.values() if is_behind(dock)]
    assert {dock.windowTitle() for dock in behind} >= {"History", "Jobs", "Generate"}
    assert not [w for w in seen for dock in behind if dock.isAncestorOf(w)]
    panel = bench.window.docks["understand"].content().current()
    assert panel.run_button in seen


def is_behind(dock: Dock) -> bool:
    return dock.visibleRegion().isEmpty()


def test_shift_tab_goes_the_same_way_back(qtbot: QtBot, bench: Bench) -> None:
    forth = tabs_through(qtbot, bench)
    back = tabs_through(qtbot, bench, Qt.Key.Key_Backtab)
    assert back == [forth[0], *forth[:0:-1]]


def test_tab_goes_through_a_panel_from_top_to_bottom(
    qtbot: QtBot, bench: Bench
) -> None:
    panel = bench.window.docks["understand"].content().current()
    inside = [w for w in tabs_through(qtbot, bench) if panel.isAncestorOf(w)]
    tops = [
        w.mapTo(panel, w.rect().topLeft()).y()
        for w in inside
        if not isinstance(w, QScrollArea)
    ]
    assert len(tops) > 4
    assert tops == sorted(tops)


def test_what_gets_the_cursor_is_scrolled_to(qtbot: QtBot, bench: Bench) -> None:
    bench.window.resize(900, 560)
    panel = bench.window.docks["understand"].content().current()
    panel.run_button.setFocus()
    fold = panel.form.fold
    assert fold is not None
    assert fold.visibleRegion().isEmpty()

    while focused() is not fold:
        qtbot.keyClick(focused(), Qt.Key.Key_Backtab)

    assert not fold.visibleRegion().isEmpty()


def test_f6_goes_from_panel_to_panel(bench: Bench) -> None:
    bench.window.activateWindow()
    bench.window.editor.setFocus()
    seen = [holder(focused())]

    for _ in range(4):
        bench.window.commands.run("view.next_panel")
        seen.append(holder(focused()))
    bench.window.commands.run("view.previous_panel")

    assert seen == ["Editor", "Labels", "Understand", "Clips", "Editor"]
    assert holder(focused()) == "Clips"


def test_without_a_cursor_f6_begins_at_the_first_panel(bench: Bench) -> None:
    bench.window.activateWindow()
    for command, panel in (
        ("view.next_panel", "Clips"),
        ("view.previous_panel", "Understand"),
    ):
        if widget := QApplication.focusWidget():
            widget.clearFocus()
        bench.window.commands.run(command)
        assert holder(focused()) == panel


def test_a_panel_that_is_called_by_its_key_has_the_cursor_until_it_is_closed(
    bench: Bench,
) -> None:
    bench.window.activateWindow()
    bench.window.commands.run("view.dock_jobs")
    assert bench.window.docks["jobs"].isAncestorOf(focused())
    bench.window.commands.run("view.dock_jobs")
    assert holder(focused()) == "Editor"


def test_of_several_choices_tab_goes_to_the_one_that_stands(
    qtbot: QtBot, bench: Bench
) -> None:
    bench.session.select(Selection(0, RATE))
    target = bench.window.docks["understand"].content().current().target
    chosen = [w for w in tabs_through(qtbot, bench) if target.isAncestorOf(w)]
    assert [w.isChecked() for w in chosen if isinstance(w, QRadioButton)] == [True]
