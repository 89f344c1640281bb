"""Find sounds: what is not indexed, what is found, and what can be done with it."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from ui.conftest import Bench
from ui.sounds import NAMES, RATE, auditions, bench, indexed, models, project

from earmark.ui.find_sounds import FindSounds
from earmark.ui.session import Selection

__all__ = ["auditions", "bench", "models", "project"]

pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filter")


@pytest.fixture
def panel(bench: Bench, qtbot: QtBot) -> FindSounds:
    """The panel, once it has looked at all clips."""
    bench.window.docks["find"].reveal()
    panel: FindSounds = bench.window.docks["find"].content()
    qtbot.waitUntil(lambda: bench.window.sounds.ready)
    return panel


def names(panel: FindSounds) -> list[str]:
    model = panel.model
    return [model.index(row, 1).data() for row in range(model.rowCount())]


def found_like(bench: Bench, panel: FindSounds, qtbot: QtBot, name: str) -> list[str]:
    """What is found like a clip, all others being indexed."""
    indexed(bench, qtbot)
    (clip,) = (each for each in bench.project.clips() if each.name == name)
    bench.session.show_clip(clip.id)
    panel.find_alike()
    qtbot.waitUntil(lambda: panel.model.rowCount() > 0, timeout=30_000)
    return names(panel)


def test_it_says_how_many_clips_are_not_indexed_and_indexes_them(
    bench: Bench, panel: FindSounds, qtbot: QtBot
) -> None:
    assert panel.not_indexed.text() == "6 of 6 clips are not indexed for this model."
    qtbot.mouseClick(panel.index_button, Qt.MouseButton.LeftButton)
    assert panel.index_button.isHidden()
    qtbot.waitUntil(lambda: panel.not_indexed.isHidden(), timeout=30_000)
    assert bench.window.sounds.missing == ()
    titles = [entry.title for entry in bench.project.history()]
    assert titles[-1] == "Embeddings (6 clips)"
    assert len(titles) == 2


def test_more_clips_than_are_queued_at_once_are_one_batch(
    bench: Bench, panel: FindSounds, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("earmark.ui.sound_index._QUEUED_AT_ONCE", 2)
    panel.index_missing()
    panel.index_missing()  # what is asked for already is not asked for again
    assert panel.not_indexed.text() == "6 clips to be indexed…"
    qtbot.waitUntil(lambda: panel.not_indexed.isHidden(), timeout=30_000)
    assert len(bench.session.queue.jobs()) == 6
    titles = [entry.title for entry in bench.project.history()]
    assert titles[-1] == "Embeddings (6 clips)"
    assert len(titles) == 2


def test_without_a_model_nothing_arrives_of_the_last_one(
    bench: Bench, panel: FindSounds, qtbot: QtBot
) -> None:
    sounds, background = bench.window.sounds, bench.session.background
    last = sounds.model
    with sounds._lock:  # its look at the clips does not end before this
        sounds.choose(None)
        sounds.choose(last)
        sounds.choose(None)
    qtbot.waitUntil(lambda: not background._tickets)
    assert (sounds.ready, sounds.missing) == (False, ())


def test_an_edited_clip_is_to_be_indexed_again(
    bench: Bench, panel: FindSounds, qtbot: QtBot
) -> None:
    indexed(bench, qtbot)
    clip = bench.project.clips()[0].id
    with bench.project.edit("Turn down") as edit:
        edit.gain(clip, 0, RATE, -6.0)
    qtbot.waitUntil(lambda: bench.window.sounds.missing == (clip,))
    assert panel.not_indexed.text() == "1 of 6 clips is not indexed for this model."
    bench.project.undo()
    qtbot.waitUntil(lambda: bench.window.sounds.missing == ())
    assert panel.not_indexed.isHidden()


def test_what_is_like_a_clip_is_found_in_all_others_the_most_alike_first(
    bench: Bench, panel: FindSounds, qtbot: QtBot
) -> None:
    found = found_like(bench, panel, qtbot, "low")
    assert set(found) == set(NAMES) - {"low"}
    scores = [float(panel.model.index(row, 0).data()) for row in range(len(found))]
    assert scores == sorted(scores, reverse=True)
    assert panel.state.text() == "5 moments “like low”"


def test_the_menu_finds_what_is_like_the_shown_clip(
    bench: Bench, panel: FindSounds, qtbot: QtBot
) -> None:
    indexed(bench, qtbot)
    bench.window.docks["browser"].raise_()
    bench.window.commands.run("tools.find_alike")
    qtbot.waitUntil(lambda: panel.model.rowCount() == 5, timeout=30_000)
    assert panel.state.text() == "5 moments “like low”"


def test_looking_for_a_selection_changes_nothing_in_the_project(
    bench: Bench, panel: FindSounds, qtbot: QtBot
) -> None:
    indexed(bench, qtbot)
    before = [entry.title for entry in bench.project.history()]
    jobs = len(bench.session.queue.jobs())
    bench.session.select(Selection(RATE // 2, RATE))
    assert panel.like.text() == "More like the selection"
    qtbot.mouseClick(panel.like, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.model.rowCount() == 5, timeout=30_000)
    run = bench.engine.runs[-1]
    assert run.runner == "earmark_plugins.embeddings.queries:run"
    assert run.jobs[0].input is not None
    assert (run.jobs[0].input.start, run.jobs[0].input.stop) == (RATE // 2, RATE)
    assert [entry.title for entry in bench.project.history()] == before
    qtbot.waitUntil(lambda: len(bench.session.queue.jobs()) == jobs)


def test_a_double_click_shows_and_selects_the_moment(
    bench: Bench, panel: FindSounds, qtbot: QtBot
) -> None:
    first = found_like(bench, panel, qtbot, "low")[0]
    at = panel.table.visualRect(panel.model.index(0, 1)).center()
    view = panel.table.viewport()
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=at)
    qtbot.mouseDClick(view, Qt.MouseButton.LeftButton, pos=at)
    assert bench.session.clip is not None
    assert bench.session.clip.name == first
    assert bench.session.selection == Selection(0, 2 * RATE)


def test_space_plays_the_moment_and_leaves_the_editor_alone(
    bench: Bench, panel: FindSounds, qtbot: QtBot, auditions: list[Any]
) -> None:
    found_like(bench, panel, qtbot, "low")
    panel.table.setFocus()
    qtbot.waitUntil(panel.table.hasFocus)
    qtbot.keyClick(panel.table, Qt.Key.Key_Space)
    assert auditions == [(0, 2 * RATE)]
    assert bench.session.clip is not None
    assert bench.session.clip.name == "low"
    assert not bench.session.player.playing


def test_nothing_is_found_before_anything_is_indexed(
    bench: Bench, panel: FindSounds, qtbot: QtBot
) -> None:
    bench.session.show_first_clip()
    panel.find_alike()
    told = "No clip is indexed yet: index them, then ask again."
    qtbot.waitUntil(lambda: panel.state.text() == told, timeout=30_000)


def test_the_arrow_goes_down_from_the_description_to_what_was_found(
    bench: Bench, panel: FindSounds, qtbot: QtBot
) -> None:
    found_like(bench, panel, qtbot, NAMES[0])
    bench.window.activateWindow()
    panel.words.setEnabled(True)  # as with a model that knows words
    panel.words.setFocus()
    qtbot.keyClick(panel.words, Qt.Key.Key_Down)
    assert panel.table.hasFocus()


def test_enter_keeps_the_moments_as_labels_in_one_edit(
    bench: Bench, panel: FindSounds, qtbot: QtBot
) -> None:
    found = found_like(bench, panel, qtbot, "low")
    panel.table.selectAll()
    panel.table.setFocus()
    qtbot.keyClick(panel.table, Qt.Key.Key_Return)
    clips = {clip.name: clip.id for clip in bench.project.clips()}
    for name in found:
        (track,) = bench.project.tracks(clips[name])
        (label,) = bench.project.labels(track.id)
        assert track.name == "Found"
        assert (label.text, label.start, label.stop) == ("like low", 0, 2 * RATE)
        assert label.score is not None
        assert -1 <= label.score <= 1
    assert panel.state.text() == "Kept 5 labels “like low”"
    bench.project.undo()
    assert not any(bench.project.tracks(clip) for clip in clips.values())


def test_a_moment_of_a_clip_that_was_removed_is_not_there_any_more(
    bench: Bench, panel: FindSounds, qtbot: QtBot, auditions: list[Any]
) -> None:
    first = found_like(bench, panel, qtbot, "low")[0]
    (clip,) = (each for each in bench.project.clips() if each.name == first)
    with bench.project.edit("Remove") as edit:
        edit.remove_clip(clip.id)
    panel.play(0)
    panel.show_moment(0)
    assert "not there any more" in panel.state.text()
    assert not auditions
    assert bench.session.clip is not None
    assert bench.session.clip.name == "low"


def test_tasks_that_only_views_use_have_no_panel_and_no_command(bench: Bench) -> None:
    bench.window.docks["understand"].reveal()
    tasks = bench.window.docks["understand"].content()
    assert [task.id for task in tasks.tasks] == ["embeddings", "zero-shot"]
    commands = {command.id for command in bench.window.commands.all()}
    assert "task.embeddings" in commands
    assert not {"task.find-sounds", "task.embedding-map"} & commands


def test_words_need_a_model_that_knows_them_and_one_is_suggested(
    panel: FindSounds,
) -> None:
    assert not panel.words.isEnabled()
    assert "CLAP" in panel.hint.text()
    assert "615 MB, Apache-2.0" in panel.hint.text()
    assert not panel.hint.isHidden()


class TestWithClap:
    """With a model that understands descriptions."""

    @pytest.fixture
    def models(self) -> tuple[str, ...]:
        return ("clap",)

    def test_a_description_is_typed_and_found(
        self, bench: Bench, panel: FindSounds, qtbot: QtBot
    ) -> None:
        indexed(bench, qtbot)
        assert panel.words.isEnabled()
        assert panel.hint.isHidden()
        qtbot.keyClicks(panel.words, "a dog barks")
        qtbot.keyClick(panel.words, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: panel.model.rowCount() == 6, timeout=30_000)
        assert panel.state.text() == "6 moments “a dog barks”"
        panel.keep([0])
        (label,) = bench.project.find_labels("a dog barks")
        assert label.text == "a dog barks"


class TestWithoutModels:
    """With nothing in the library."""

    @pytest.fixture
    def models(self) -> tuple[str, ...]:
        return ()

    def test_a_model_is_asked_for(self, bench: Bench, qtbot: QtBot) -> None:
        bench.window.docks["find"].reveal()
        panel = bench.window.docks["find"].content()
        assert panel.models.model() is None
        assert not panel.models.notice.isHidden()
        assert not panel.like.isEnabled()
        assert not panel.words.isEnabled()
        panel.find_alike()
        assert panel.state.text() == "Choose a model that is on this computer first."
