"""The sound map: laid out by the engine, linked with the browser, labelled by lasso."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyqtgraph as pg
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from ui.conftest import Bench
from ui.sounds import NAMES, RATE, auditions, bench, indexed, models, project

from earmark.ui.lasso import within
from earmark.ui.session import Selection
from earmark.ui.sound_map import SoundMap

__all__ = ["auditions", "bench", "models", "project"]

pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filter")


@pytest.fixture(autouse=True)
def every_move_counts() -> Iterator[None]:
    """Let pyqtgraph pass on moves that come at once, as those of a test do."""
    usual = pg.getConfigOption("mouseRateLimit")
    pg.setConfigOption("mouseRateLimit", -1)
    yield
    pg.setConfigOption("mouseRateLimit", usual)


@pytest.fixture
def panel(bench: Bench, qtbot: QtBot) -> SoundMap:
    """The map before anything is indexed; it lays out by PCA."""
    dock = bench.window.docks["map"]
    dock.reveal()
    dock.setFloating(True)
    dock.resize(600, 600)
    panel: SoundMap = dock.content()
    qtbot.waitUntil(lambda: bench.window.sounds.ready)
    panel.method.setCurrentIndex(panel.method.findData("pca"))
    return panel


@pytest.fixture
def board(bench: Bench, panel: SoundMap, qtbot: QtBot) -> SoundMap:
    """The map of all clips."""
    with qtbot.waitSignal(panel.laid_out):
        indexed(bench, qtbot)
    qtbot.waitUntil(lambda: panel.plot.isVisible())
    return panel


def at(board: SoundMap, x: float, y: float) -> QPoint:
    """Where a place of the map is, in pixels of the plot."""
    place = board.view.mapViewToScene(QPointF(float(x), float(y)))
    return board.plot.mapFromScene(place)


def move(board: SoundMap, to: QPoint, button: Any = Qt.MouseButton.NoButton) -> None:
    """Move the pointer, with a button held down."""
    view = board.plot.viewport()
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        QPointF(to),
        QPointF(view.mapToGlobal(to)),
        Qt.MouseButton.NoButton,
        button,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(view, event)


def point(board: SoundMap, name: str, bench: Bench) -> int:
    clips = {clip.id: clip.name for clip in bench.project.clips()}
    assert board.layout_shown is not None
    named = [clips[moment.clip] for moment in board.layout_shown.moments]
    return named.index(name)


def test_before_there_is_a_map_it_says_what_to_do(
    bench: Bench, panel: SoundMap, qtbot: QtBot
) -> None:
    assert panel.layout_shown is None
    assert "6 clips of 6 must be indexed first" in panel.empty.hint.text()
    assert panel.action.text() == "Index them"
    with qtbot.waitSignal(panel.laid_out):
        qtbot.mouseClick(panel.action, Qt.MouseButton.LeftButton)
    assert panel.plot.isVisible()


def test_every_clip_has_a_point_which_the_engine_placed(
    bench: Bench, board: SoundMap
) -> None:
    layout = board.layout_shown
    assert layout is not None
    assert {moment.clip for moment in layout.moments} == {
        clip.id for clip in bench.project.clips()
    }
    assert layout.places.shape == (6, 2)
    assert len(np.unique(layout.places, axis=0)) >= 5  # two clips sound the same
    runners = [run.runner for run in bench.engine.runs]
    assert runners[-1] == "earmark_plugins.embeddings.maps:run"
    titles = [entry.title for entry in bench.project.history()]
    assert titles[-1] == "Embeddings (6 clips)"


def test_a_map_that_was_laid_out_before_is_there_at_once(
    bench: Bench, board: SoundMap, qtbot: QtBot
) -> None:
    before = board.layout_shown
    assert before is not None
    clip = bench.project.clips()[0].id
    with qtbot.waitSignal(board.laid_out), bench.project.edit("Cut") as edit:
        edit.delete(clip, 0, RATE)
    runs = len(bench.engine.runs)
    with qtbot.waitSignal(board.laid_out):
        bench.project.undo()
    assert len(bench.engine.runs) == runs
    after = board.layout_shown
    assert set(after.moments) == set(before.moments)


def test_a_layout_that_was_damaged_is_made_again(
    bench: Bench, board: SoundMap, qtbot: QtBot
) -> None:
    (kept,) = bench.session.folders.cache.rglob("*.map.npy")
    before = kept.read_bytes()
    kept.write_bytes(b"")
    clip = bench.project.clips()[0].id
    with qtbot.waitSignal(board.laid_out), bench.project.edit("Cut") as edit:
        edit.delete(clip, 0, RATE)
    with qtbot.waitSignal(board.laid_out):
        bench.project.undo()
    assert kept.read_bytes() == before


def test_a_moment_is_shown_and_selected_in_its_clip(
    bench: Bench, board: SoundMap
) -> None:
    board.points.setCurrentIndex(board.points.findData("moments"))
    assert board.layout_shown is not None
    assert len(board.layout_shown.moments) == 6
    board.show_point(2)
    shown = board.layout_shown.moments[2]
    assert board.selected == (shown,)
    assert bench.session.clip is not None
    assert bench.session.clip.id == shown.clip
    assert bench.session.selection == Selection(shown.start, shown.stop)


def test_an_edit_that_changes_no_sound_leaves_the_map_as_it_is(
    bench: Bench, board: SoundMap, qtbot: QtBot
) -> None:
    board.select((0, 1))
    before, version = board.layout_shown, bench.window.sounds.version
    with bench.project.edit("Rename") as edit:
        edit.update_clip(bench.project.clips()[0].id, name="deep")
    qtbot.waitUntil(lambda: bench.window.sounds.version > version)
    qtbot.waitUntil(lambda: not bench.session.background.busy)
    assert board.layout_shown is before
    assert len(board.selected) == 2


def test_a_clip_that_was_edited_leaves_the_map_until_it_is_indexed(
    bench: Bench, board: SoundMap, qtbot: QtBot
) -> None:
    clip = bench.project.clips()[0].id
    with qtbot.waitSignal(board.laid_out), bench.project.edit("Cut") as edit:
        edit.delete(clip, 0, RATE)
    assert board.layout_shown is not None
    assert clip not in {moment.clip for moment in board.layout_shown.moments}
    assert "1 not indexed" in board.told.text()
    with qtbot.waitSignal(board.laid_out):
        bench.window.sounds.index_missing()
    assert clip in {moment.clip for moment in board.layout_shown.moments}
    assert "not indexed" not in board.told.text()


def test_a_click_selects_the_clip_everywhere_and_shows_it(
    bench: Bench, board: SoundMap, qtbot: QtBot
) -> None:
    assert board.layout_shown is not None
    high = point(board, "high", bench)
    x, y = board.layout_shown.places[high]
    qtbot.mouseClick(
        board.plot.viewport(), Qt.MouseButton.LeftButton, pos=at(board, x, y)
    )
    assert bench.session.clip is not None
    assert bench.session.clip.name == "high"
    assert bench.session.selected_clips == (bench.session.clip.id,)
    browser = bench.window.docks["browser"].content()
    rows = browser.table.selectionModel().selectedRows()
    assert [row.data() for row in rows] == ["high"]


def test_what_is_selected_in_the_browser_is_selected_on_the_map(
    bench: Bench, board: SoundMap
) -> None:
    browser = bench.window.docks["browser"].content()
    clips = bench.project.clips()
    browser.select((clips[1].id, clips[3].id))
    assert {moment.clip for moment in board.selected} == {clips[1].id, clips[3].id}
    assert board.text.placeholderText() == "Label for 2 points"


def test_a_lasso_selects_what_it_encloses_and_a_label_is_one_edit(
    bench: Bench, board: SoundMap, qtbot: QtBot
) -> None:
    view = board.plot.viewport()
    box = view.rect().adjusted(4, 4, -4, -4)
    corners = [box.topLeft(), box.topRight(), box.bottomRight(), box.bottomLeft()]
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=corners[0])
    for corner in corners[1:]:
        move(board, corner, Qt.MouseButton.LeftButton)
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=corners[-1])
    assert len(board.selected) == 6
    assert len(bench.session.selected_clips) == 6
    qtbot.keyClicks(board.text, "all of it")
    qtbot.keyClick(board.text, Qt.Key.Key_Return)
    for clip in bench.project.clips():
        (track,) = bench.project.tracks(clip.id)
        (label,) = bench.project.labels(track.id)
        assert (label.text, label.start, label.stop) == ("all of it", 0, clip.frames)
    assert bench.project.usual_labels() == {
        clip.id: "all of it" for clip in bench.project.clips()
    }
    bench.project.undo()
    assert not bench.project.usual_labels()


def test_under_the_pointer_a_point_is_named_and_played(
    bench: Bench, board: SoundMap, qtbot: QtBot, auditions: list[Any]
) -> None:
    assert board.layout_shown is not None
    low = point(board, "middle", bench)
    x, y = board.layout_shown.places[low]
    move(board, QPoint(5, 5))
    move(board, at(board, x, y))
    qtbot.waitUntil(lambda: board.told.text().startswith("middle  ·  2.0 s"))
    qtbot.waitUntil(lambda: auditions == [(0, 2 * RATE)])


def test_colours_follow_tags_and_labels(bench: Bench, board: SoundMap) -> None:
    clips = {clip.name: clip.id for clip in bench.project.clips()}
    board.coloring.setCurrentIndex(board.coloring.findData("tags"))
    assert board.legend.text() == ""
    with bench.project.edit("Tag") as edit:
        edit.update_clip(clips["low"], tags=("tone",))
        edit.update_clip(clips["high"], tags=("tone",))
        edit.update_clip(clips["noise"], tags=("a<b",))
    assert board.legend.text().index("tone") < board.legend.text().index("a&lt;b")
    brushes = board.scatter.data["brush"]
    colors = {
        name: brushes[point(board, name, bench)].color().name()
        for name in ("low", "high", "noise", "hum")
    }
    assert colors["low"] == colors["high"]
    assert len(set(colors.values())) == 3
    board.coloring.setCurrentIndex(board.coloring.findData("labels"))
    assert board.legend.text() == ""


def test_vectors_of_the_map_are_exported(
    bench: Bench, board: SoundMap, qtbot: QtBot, tmp_path: Path
) -> None:
    board.export_to(tmp_path / "v.npy")
    qtbot.waitUntil(lambda: board.told.text() == "Wrote v.npy and v.csv")
    assert np.load(tmp_path / "v.npy").shape == (6, 20)
    with (tmp_path / "v.csv").open(newline="", encoding="utf-8") as file:
        assert {row["file"] for row in csv.DictReader(file)} == set(NAMES)


def test_points_within_an_outline_are_told_from_those_outside() -> None:
    outline = np.array([[0, 0], [4, 0], [4, 4], [2, 1], [0, 4]], np.float32)
    places = np.array([[1, 1], [2, 2], [3, 1], [5, 1], [-1, 0.5], [1, 3]], np.float32)
    assert within(places, outline).tolist() == [True, False, True, False, False, False]
    assert not within(places, np.zeros((0, 2), np.float32)).any()


class TestWithoutModels:
    """With nothing in the library."""

    @pytest.fixture
    def models(self) -> tuple[str, ...]:
        return ()

    def test_a_model_is_asked_for(self, bench: Bench, qtbot: QtBot) -> None:
        bench.window.docks["map"].reveal()
        panel = bench.window.docks["map"].content()
        assert panel.empty.title.text() == "No model yet"
        qtbot.mouseClick(panel.action, Qt.MouseButton.LeftButton)
        assert bench.window.docks["find"].built
