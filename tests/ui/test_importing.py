"""Importing files and folders."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from ui.conftest import Bench

from earmark.audio.files import import_file
from earmark.ui.importing import Import, Outcomes

Sound = Callable[..., Path]


def test_folders_are_searched_to_any_depth(
    qtbot: QtBot, bench: Bench, make_sound: Sound
) -> None:
    top = make_sound("many/one.wav", 1).parent
    make_sound("many/deep/er/two.wav", 1)
    (top / "notes.txt").write_text("not a sound")

    importing = Import(bench.session, [top])
    with qtbot.waitSignal(importing.finished):
        pass

    assert {clip.name for clip in bench.project.clips()} == {"tone", "one", "two"}
    assert bench.session.clip is not None
    assert bench.session.clip.name in ("one", "two")


def test_one_bad_file_does_not_stop_the_rest(
    qtbot: QtBot, bench: Bench, make_sound: Sound, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF nothing of the kind")
    good = [make_sound(f"good{n}.wav", 1) for n in range(3)]

    importing = Import(bench.session, [good[0], bad, *good[1:]])
    with qtbot.waitSignal(importing.finished):
        pass

    assert len(bench.project.clips()) == 4
    (failure,) = importing.failures
    assert failure.path == bad
    assert "bad.wav" in failure.error
    dialog = Outcomes(importing.outcomes, bench.window)
    item = dialog.table.item(0, 0)
    assert item is not None
    assert item.text() == "bad.wav"
    dialog.deleteLater()


def test_dropped_label_files_become_tracks(
    qtbot: QtBot, bench: Bench, tmp_path: Path
) -> None:
    path = tmp_path / "tone.srt"
    path.write_text("1\n00:00:01,000 --> 00:00:02,000\nhello\n\n")

    with qtbot.waitSignal(bench.session.project_changed):
        bench.window.files.open([path])

    assert bench.session.clip is not None
    (track,) = bench.project.tracks(bench.session.clip.id)
    assert [label.text for label in bench.project.labels(track.id)] == ["hello"]


def test_stopping_keeps_what_is_there(
    qtbot: QtBot, bench: Bench, make_sound: Sound
) -> None:
    importing = Import(bench.session, [make_sound("late.wav", 1)])

    with qtbot.waitSignal(importing.finished):
        importing.cancel()

    assert [clip.name for clip in bench.project.clips()] == ["tone"]


def cut_short(path: Path) -> Path:
    """Let a sound file end in its middle, as one does whose copying was stopped."""
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


def test_a_file_that_is_cut_short_says_so(
    qtbot: QtBot, bench: Bench, make_sound: Sound
) -> None:
    path = cut_short(make_sound("short.wav", 2))

    with qtbot.waitSignal(bench.session.message) as said:
        bench.window.files.open([path])

    note = "“short.wav” is cut short: its last 1.0 s are missing."
    assert said.args == [note, 15_000]
    clips = bench.window.docks["browser"].content().model
    assert bench.session.clip is not None
    row = clips.row_of(bench.session.clip.id)
    assert note in clips.index(row, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert note not in clips.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)


def test_many_files_are_told_of_in_one_list(
    qtbot: QtBot, bench: Bench, make_sound: Sound, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF nothing of the kind")
    sounds = [make_sound("good.wav", 1), cut_short(make_sound("short.wav", 2)), bad]
    importing = Import(bench.session, sounds)
    with qtbot.waitSignal(importing.finished):
        pass

    dialog = Outcomes(importing.outcomes, bench.window)

    cells = [
        [dialog.table.item(row, column) for column in range(3)]
        for row in range(dialog.table.rowCount())
    ]
    texts = sorted([item.text() for item in row if item] for row in cells)
    assert [row[:2] for row in texts] == [["bad.wav", "No"], ["short.wav", "In part"]]
    assert "cut short" in texts[1][2]
    dialog.deleteLater()


def test_a_name_that_is_no_unicode_costs_no_other_file(
    qtbot: QtBot, bench: Bench, make_sound: Sound
) -> None:
    first, odd, last = (make_sound(f"odd/{name}.wav", 1) for name in "abc")
    odd = odd.rename(os.fsdecode(os.fsencode(odd.parent) + b"/b\xff.wav"))

    importing = bench.window.files.open([first.parent])
    with qtbot.waitSignal(importing.finished):
        pass

    assert importing.failures == []
    names = {clip.name for clip in bench.project.clips()}
    assert names == {"tone", first.stem, "b\N{REPLACEMENT CHARACTER}", last.stem}
    assert {odd} < {source.path for source in bench.project.sources()}


def test_a_file_that_the_project_refuses_costs_no_other_file(
    qtbot: QtBot, bench: Bench, make_sound: Sound
) -> None:
    importing = Import(bench.session, [])
    good, bad = make_sound("good.wav", 1), make_sound("bad.wav", 1)
    silent = replace(import_file(bad), rate=0)

    importing._pending = [(bad, silent, ""), (good, import_file(good), "")]
    with qtbot.waitSignal(importing.finished):
        pass

    (failure,) = importing.failures
    assert failure.path == bad
    assert "0 Hz" in failure.error
    assert {clip.name for clip in bench.project.clips()} == {"tone", "good"}


def test_a_folder_whose_name_is_no_unicode_is_imported(
    qtbot: QtBot, bench: Bench, make_sound: Sound
) -> None:
    sound = make_sound("plain/one.wav", 1)
    folder = os.fsdecode(os.fsencode(sound.parent.parent) + b"/f\xff")
    sound.parent.rename(folder)

    importing = bench.window.files.open([Path(folder) / "one.wav"])
    with qtbot.waitSignal(importing.finished):
        pass

    assert importing.failures == []
    assert bench.session.import_paths() == Path(folder)
