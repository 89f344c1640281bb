"""The window as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollBar,
    QTabBar,
    QTextEdit,
    QWidget,
)
from pytestqt.qtbot import QtBot
from ui.conftest import RATE, Bench

from earmark.core.errors import EarmarkError
from earmark.core.labels import Label
from earmark.core.project import Project
from earmark.settings import SettingsStore, folders
from earmark.ui.app import build
from earmark.ui.dialogs.about import About
from earmark.ui.dialogs.export_audio import ExportAudio
from earmark.ui.dialogs.export_labels import ExportLabels
from earmark.ui.dialogs.find import FindLabels
from earmark.ui.dialogs.vocabulary import Vocabulary
from earmark.ui.preferences import PAGES, Preferences

CONTROLS = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QTextEdit,
)


def controls(top: QWidget) -> Iterator[QWidget]:
    """The controls of a person, without the parts Qt makes of them."""
    for widget in top.findChildren(QWidget):
        parent = widget.parentWidget()
        inner = isinstance(
            parent, QAbstractSpinBox | QComboBox | QHeaderView | QLineEdit
        )
        inner = inner or isinstance(widget, QScrollBar | QTabBar | QHeaderView)
        inner = inner or widget.objectName().startswith("qt_")
        # A dialog, or what a combo box pops up, is a window of its own.
        if isinstance(widget, CONTROLS) and widget.window() is top and not inner:
            yield widget


def name_of(widget: QWidget) -> str:
    text = getattr(widget, "text", None)
    shown = text() if isinstance(widget, QAbstractButton) and text else ""
    return widget.accessibleName() or shown


def all_views(bench: Bench) -> list[QWidget]:
    for dock in bench.window.docks.values():
        dock.content()
    preferences = Preferences(bench.session, bench.window.commands, bench.window)
    for title, _ in PAGES:
        preferences.show_page(title)
    vocabulary = Vocabulary(bench.session, bench.window)
    vocabulary.add("Bird")
    assert bench.session.clip is not None
    return [
        bench.window,
        preferences,
        vocabulary,
        About(bench.session, bench.window),
        ExportLabels(bench.session, bench.window),
        ExportAudio(bench.session, bench.session.clip, bench.window),
        FindLabels(bench.session, bench.window),
    ]


def test_every_control_has_an_accessible_name(qtbot: QtBot, bench: Bench) -> None:
    views = all_views(bench)
    checked = 0

    for view in views:
        for widget in controls(view):
            where = f"{type(view).__name__}: {type(widget).__name__} in "
            where += type(widget.parentWidget()).__name__
            assert name_of(widget), where
            checked += 1

    assert checked > 100
    qtbot.waitUntil(lambda: not bench.session.background.busy)
    for dialog in views[1:]:
        dialog.deleteLater()


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080)])
def test_nothing_is_clipped(qtbot: QtBot, bench: Bench, size: tuple[int, int]) -> None:
    bench.window.resize(*size)
    for dock in bench.window.docks.values():
        dock.reveal()
        QApplication.processEvents()
        for widget in dock.content().findChildren(QPushButton):
            if widget.isVisible() and not inside_scroll(widget):
                assert widget.width() >= widget.minimumSizeHint().width(), widget.text()
    bar = bench.window.transport
    assert bench.window.width() == size[0]
    for child in bar.findChildren(QAbstractButton):
        if child.isVisible() and child.objectName() != "qt_toolbar_ext_button":
            assert bar.rect().contains(child.geometry()), child.accessibleName()
    assert bar.sizeHint().width() <= size[0]


def inside_scroll(widget: QWidget) -> bool:
    parent = widget.parentWidget()
    while parent is not None:
        if isinstance(parent, QAbstractScrollArea):
            return True
        parent = parent.parentWidget()
    return False


def test_hidden_panels_are_not_built_at_start(bench: Bench) -> None:
    docks = bench.window.docks

    assert [name for name, dock in docks.items() if dock.built] == [
        "browser", "understand", "labels",
    ]  # fmt: skip
    docks["jobs"].reveal()
    assert docks["jobs"].built


def test_a_closed_panel_comes_back_by_its_command(bench: Bench) -> None:
    dock = bench.window.docks["browser"]
    dock.close()
    assert not dock.isVisible()

    bench.window.commands.run("view.dock_browser")

    assert dock.isVisible()


def test_the_layout_is_kept(bench: Bench) -> None:
    bench.window.docks["labels"].close()

    bench.window.keep_layout()

    store = SettingsStore(folders().settings)
    assert store.settings.window.state == bench.session.store.settings.window.state
    bench.window.reset_layout()
    assert bench.window.docks["labels"].isVisible()
    bench.window._restore_docks()
    assert not bench.window.docks["labels"].isVisible()


def test_no_stray_tab_bar_lies_over_the_window(bench: Bench) -> None:
    shown = [
        tuple(bar.tabText(i) for i in range(bar.count()))
        for bar in bench.window.findChildren(QTabBar)
        if bar.isVisible()
    ]

    assert len(shown) == len(set(shown)) == 3


def test_a_title_is_not_doubled_after_the_layout_was_reset(bench: Bench) -> None:
    docks = bench.window.docks
    docks["jobs"].setFloating(True)
    assert docks["jobs"]._title.label.isVisibleTo(docks["jobs"])

    bench.window.reset_layout()

    for dock in docks.values():
        assert bench.window.tabifiedDockWidgets(dock)
        assert not dock._title.label.isVisibleTo(dock)


def test_what_qt_makes_has_accessible_names_too(bench: Bench) -> None:
    tabs = bench.window.findChildren(QTabBar)
    keys = Preferences(bench.session, bench.window.commands, bench.window)
    keys.show_page("Keys")
    (field,) = keys.findChildren(QLineEdit, "qt_keysequenceedit_lineedit")

    assert {bar.accessibleName() for bar in tabs} == {"Panels"}
    assert field.accessibleName() == "New keys"
    assert bench.window.editor.plot.surface.viewport().accessibleName()
    keys.deleteLater()


def test_safe_mode_is_said_wherever_plugins_are_missed(
    qtbot: QtBot, qapp: QApplication, project: Project
) -> None:
    store = SettingsStore(folders().settings)
    studio = build(qapp, project, store=store, no_plugins=True)
    window = studio.window
    with qtbot.waitExposed(window):
        window.show()
    preferences = Preferences(studio.session, window.commands, window)
    preferences.show_page("Plugins")

    panel, page = window.docks["understand"].content(), preferences
    said = [label.text() for label in page.findChildren(QLabel)]
    assert window.status.safe_mode.text() == "Safe mode"
    assert "Safe mode" in [label.text() for label in panel.findChildren(QLabel)]
    assert any(text.startswith("Earmark runs in safe mode") for text in said)

    preferences.deleteLater()
    window.close()
    window.deleteLater()
    qtbot.waitUntil(lambda: project.closed)
    studio.session.deleteLater()
    studio.appearance.deleteLater()


def test_outside_safe_mode_nothing_is_said_of_it(bench: Bench) -> None:
    assert bench.window.status.safe_mode.text() == ""


def test_the_network_switch_is_off_at_first_and_is_stored(bench: Bench) -> None:
    switch = bench.window.status.network
    assert switch.text() == "Offline"

    switch.click()

    assert bench.session.store.settings.network
    assert switch.text() == "Online"


def test_the_status_bar_tells_the_selection(bench: Bench) -> None:
    from earmark.ui.session import Selection

    bench.session.select(Selection(RATE, 3 * RATE, 500.0, 2500.0))

    said = bench.window.status.selection.text()
    for part in ("0:01.000", "0:03.000", "2.0 s", "500", "2500 Hz"):
        assert part in said


def test_the_status_bar_tells_what_is_under_the_mouse(bench: Bench) -> None:
    said = bench.window.status.cursor_at
    bench.window.editor.hovered.emit(RATE, 440.2, -31.6)
    assert said.text().split() == ["0:01.000", "440", "Hz", "-32", "dB"]
    bench.window.editor.hovered.emit(None, None, None)
    assert said.text() == ""


def test_an_error_in_a_slot_is_shown_and_kept_alive(
    qtbot: QtBot, bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    def broken() -> Any:
        raise ZeroDivisionError("a slot")

    try:
        broken()
    except ZeroDivisionError as error:
        sys.excepthook(type(error), error, error.__traceback__)

    qtbot.waitUntil(lambda: bench.window.errors._open is not None)
    dialog = bench.window.errors._open
    assert "ZeroDivisionError: a slot" in dialog.details
    assert "ZeroDivisionError" in capsys.readouterr().err
    dialog.reject()
    qtbot.waitUntil(lambda: bench.window.errors._open is None)


def test_errors_that_come_together_are_told_one_after_the_other(bench: Bench) -> None:
    errors, told = bench.window.errors, []
    for what in ("first", "second", "second", "first", "third"):
        bench.session.error.emit(EarmarkError(what))

    while errors._open is not None:
        told.append(errors._open.findChild(QLabel).text())
        errors._open.reject()

    assert told == ["first", "second", "third"]


def test_a_refused_command_says_why(qtbot: QtBot, bench: Bench) -> None:
    with qtbot.waitSignal(bench.window.commands.failed) as told:
        bench.session.set_playhead(0)
        bench.window.commands.run("edit.split")

    assert isinstance(told.args[0], EarmarkError)
    bench.window.errors._open.reject()


def test_history_goes_back_to_any_edit(qtbot: QtBot, bench: Bench) -> None:
    assert bench.session.clip is not None
    for text in ("one", "two"):
        with bench.project.edit(f"Add {text}") as edit:
            track = edit.add_track(bench.session.clip.id, text)
            edit.add_label(Label(0, track, 0, 10, text))
    bench.window.docks["history"].reveal()
    history = bench.window.docks["history"].content()
    model = history.model
    assert [model.index(r, 0).data() for r in range(model.rowCount())] == [
        "Beginning", "Import", "Add one", "Add two",
    ]  # fmt: skip

    history.list.clicked.emit(model.index(2, 0))

    assert [t.name for t in bench.project.tracks(bench.session.clip.id)] == ["one"]
    qtbot.waitUntil(lambda: model.present == 2)


def test_a_floating_panel_is_shown_after_the_window_it_belongs_to(
    qtbot: QtBot, bench: Bench
) -> None:
    dock = bench.window.docks["jobs"]
    dock.setFloating(True)
    dock.show()

    with qtbot.waitSignal(dock.visibilityChanged):
        bench.window._wake_docks()

    assert dock.isFloating()
    assert dock.isVisible()
