"""Importing files and folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from ui.conftest import Bench

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
