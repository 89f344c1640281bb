"""What the views share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot
from ui.conftest import RATE, SECONDS, Bench, held_up

from earmark.audio.files import import_file
from earmark.core.clips import Span
from earmark.core.labels import Label
from earmark.core.project import Project
from earmark.core.tasks import JobState, Prediction, Usage
from earmark.engine import protocol
from earmark.settings import folders
from earmark.ui.dialogs.working import Working
from earmark.ui.importing import Import
from earmark.ui.session import Selection


def test_a_selection_is_cut_to_the_clip_and_put_in_order(bench: Bench) -> None:
    bench.session.select(Selection(5 * SECONDS * RATE, -10))

    assert bench.session.selection == Selection(0, SECONDS * RATE)


def test_a_file_that_looks_changed_is_read_before_its_clip_is_shown(
    qtbot: QtBot, bench: Bench
) -> None:
    session = bench.session
    assert session.clip is not None
    clip = session.clip.id
    (source,) = bench.project.sources()
    session.show_clip(None)
    os.utime(source.path, (1, 1))

    with qtbot.waitSignal(session.clip_changed):
        session.show_clip(clip)
        assert session.clip is None
    assert session.clip.id == clip
    assert session.sources.doubtful([source]) == []


def test_another_clip_that_is_chosen_meanwhile_is_shown_instead(
    qtbot: QtBot, bench: Bench, make_sound: Callable[..., Path]
) -> None:
    session = bench.session
    assert session.clip is not None
    first = session.clip.id
    other = import_file(make_sound("other.wav"))
    with bench.project.edit("Import") as edit:
        edit.add_source(other)
        spans = (Span(other.id, 0, other.frames),)
        second = edit.add_clip("other", RATE, 1, spans)
    os.utime(other.path, (1, 1))

    session.show_clip(second)
    session.show_clip(None)
    session.show_clip(first)
    qtbot.waitUntil(lambda: not session.background.busy)
    assert session.clip is not None
    assert session.clip.id == first


def test_removing_the_shown_clip_shows_no_clip(qtbot: QtBot, bench: Bench) -> None:
    clip = bench.session.clip
    assert clip is not None

    with (
        qtbot.waitSignal(bench.session.clip_changed),
        bench.project.edit("Remove clip") as edit,
    ):
        edit.remove_clip(clip.id)

    assert bench.session.clip is None
    bench.project.undo()
    bench.session.show_first_clip()
    assert bench.session.clip is not None


def test_the_clip_shown_before_comes_back_when_a_new_one_is_undone(
    bench: Bench,
) -> None:
    first = bench.project.clips()[0]
    with bench.project.edit("Two more") as edit:
        shown, _ = [
            edit.add_clip(name, first.rate, 1, first.spans) for name in ("b", "c")
        ]
    bench.session.show_clip(shown)
    bench.session.select(Selection(0, RATE))

    bench.window.commands.run("edit.duplicate")
    assert bench.session.clip is not None
    assert bench.session.clip.id != shown
    bench.project.undo()

    assert bench.session.clip.id == shown


def test_cutting_a_clip_short_moves_selection_and_playhead_into_it(
    bench: Bench,
) -> None:
    session = bench.session
    assert session.clip is not None
    session.select(Selection(RATE, 3 * RATE))
    session.set_playhead(4 * RATE)

    with session.project.edit("Trim") as edit:
        edit.trim(session.clip.id, 0, 2 * RATE)

    assert session.clip.frames == 2 * RATE
    assert session.playhead == 2 * RATE
    assert session.selection == Selection(RATE, 2 * RATE)


def test_labels_that_are_gone_are_not_selected_any_more(bench: Bench) -> None:
    session = bench.session
    assert session.clip is not None
    with session.project.edit("Labels") as edit:
        track = edit.add_track(session.clip.id, "Labels")
        labels = edit.add_labels([Label(0, track, i, i + 5) for i in range(3)])
    session.select_labels(labels)

    with session.project.edit("Delete label") as edit:
        edit.remove_labels(labels[:1])

    assert session.active_track == track
    assert session.selected_labels == frozenset(labels[1:])


def test_a_job_gets_the_selection_as_its_input(bench: Bench) -> None:
    session = bench.session
    session.select(Selection(RATE, 2 * RATE, 300.0, 900.0))

    (job,) = session.run_task(session.plugins.task("listen"), {}, None, "selection")

    given = session.project.job(job).input
    assert given is not None
    assert (given.start, given.stop) == (RATE, 2 * RATE)
    assert (given.low_hz, given.high_hz) == (300.0, 900.0)
    assert [source.id for source in given.sources] == [given.spans[0].source]


def test_the_labels_of_a_job_that_is_done_come_with_one_undo(
    qtbot: QtBot, bench: Bench
) -> None:
    session = bench.session
    (job,) = session.run_task(session.plugins.task("listen"), {}, None, "clip")
    found = (Prediction("Heard", 10, 90, "hello"),)

    with qtbot.waitSignal(session.project_changed):
        bench.engine.say(protocol.Started(job))
        bench.engine.say(protocol.Results(job, found))
        bench.engine.say(protocol.Done(job, Usage(device="cpu", run_s=1.0)))

    assert session.queue_state(job) == JobState.DONE
    assert session.clip is not None
    (track,) = session.project.tracks(session.clip.id)
    assert [la.text for la in session.project.labels(track.id)] == ["hello"]
    session.project.undo()
    assert session.project.tracks(session.clip.id) == []


def test_another_project_takes_the_place_of_the_open_one(
    qtbot: QtBot, bench: Bench
) -> None:
    old = bench.project
    new = Project.create(old.folder.parent / "Other.earmark")

    with qtbot.waitSignal(bench.session.project_opened):
        bench.session.open_project(new)

    assert old.closed
    assert bench.session.clip is None
    assert bench.window.windowTitle() == "Other \N{EN DASH} Earmark"


def test_saving_an_untitled_project_goes_on_with_the_same_clip_elsewhere(
    bench: Bench,
) -> None:
    bench.project._database.set_fact("untitled", "yes")
    target = bench.project.folder.parent / "Named.earmark"

    bench.window.files.save_in(target)

    assert bench.project.folder == target
    assert bench.session.clip is not None
    samples = bench.session.sources.reader(
        bench.session.clip_sources(bench.session.clip)[0]
    ).read(0, 100)
    assert samples.shape == (100, 1)


def test_segments_are_worked_on_before_words(bench: Bench) -> None:
    session = bench.session
    assert session.clip is not None

    with session.project.edit("Transcribe") as edit:
        edit.add_track(session.clip.id, "words", "words")
        segments = edit.add_track(session.clip.id, "segments", "segments")

    assert session.active_track == segments


def test_the_cache_is_kept_below_its_limit(qtbot: QtBot, bench: Bench) -> None:
    bench.session.store.update(cache_limit_mb=100)
    decoded = bench.session.folders.cache / "decoded"
    decoded.mkdir(parents=True, exist_ok=True)
    for name, used_s in (("long ago", 1), ("of late", 2)):
        with (decoded / f"{name}.npy").open("wb") as file:
            file.truncate(60 * 10**6)
        os.utime(decoded / f"{name}.npy", (used_s, used_s))
    removed: list[int] = []

    bench.session.trim_cache(removed.append)
    qtbot.waitUntil(lambda: bool(removed))

    assert removed == [60 * 10**6]
    assert [path.stem for path in decoded.iterdir()] == ["of late"]


def test_a_new_project_that_was_thought_better_of_leaves_no_folder(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def refuse(_: object, __: str, question: str, *___: object) -> object:
        asked.append(question)
        return QMessageBox.StandardButton.Cancel

    monkeypatch.setattr(QMessageBox, "question", refuse)
    bench.session.run_task(bench.session.plugins.task("listen"), {})
    before, shown = list(folders().data.glob("*.earmark")), bench.project

    bench.window.commands.run("file.new_project")

    assert len(asked) == 1
    assert bench.project is shown
    assert list(folders().data.glob("*.earmark")) == before


def working(bench: Bench) -> Working | None:
    """The dialog about what takes long, while it does."""
    return bench.window.findChild(Working)


def test_a_named_project_is_copied_in_the_background(
    qtbot: QtBot, bench: Bench
) -> None:
    (bench.project.audio_folder / "take.wav").write_bytes(bytes(20_000_000))
    old, target = bench.project.folder, bench.project.folder.with_name("Copy.earmark")

    bench.window.files.save_in(target)
    assert working(bench) is not None
    assert bench.project.folder == old
    qtbot.waitUntil(lambda: bench.project.folder == target)

    assert bench.session.clip is not None
    assert (target / "audio" / "take.wav").stat().st_size == 20_000_000
    assert old.is_dir()
    assert bench.session.store.settings.last_project == target


def test_copying_a_project_can_be_ended(qtbot: QtBot, bench: Bench) -> None:
    (bench.project.audio_folder / "take.wav").write_bytes(bytes(20_000_000))
    old = bench.project.folder

    with held_up(bench.session.background):
        bench.window.files.save_in(old.with_name("Copy.earmark"))
        dialog = working(bench)
        assert dialog is not None
        dialog.reject()
    qtbot.waitUntil(lambda: working(bench) is None)

    assert bench.project.folder == old
    assert not old.with_name("Copy.earmark").exists()
    assert bench.session.clip is not None
    with bench.project.edit("Rename clip") as edit:
        edit.update_clip(1, name="still open")


def test_files_are_collected_in_the_background_as_one_step(
    qtbot: QtBot, bench: Bench
) -> None:
    changes: list[object] = []
    bench.session.project_changed.connect(changes.append)

    bench.window.commands.run("file.collect")
    qtbot.waitUntil(lambda: bool(changes))

    (source,) = bench.project.sources()
    assert source.path.parent == bench.project.audio_folder
    assert bench.project.undo_title == "Collect into project"
    assert not bench.session.background.busy


def test_closing_the_window_does_not_wait_for_what_is_read_or_written(
    qtbot: QtBot, bench: Bench, make_sound: Callable[..., Path]
) -> None:
    huge = make_sound("huge.wav")
    with huge.open("r+b") as file:
        file.truncate(200 * 10**9)  # a hole, read as zeros
    importing = Import(bench.session, [huge])
    qtbot.waitUntil(lambda: importing.total == 1)

    bench.window.close()

    assert bench.project.closed
