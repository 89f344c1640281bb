"""Importing files and folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

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


def test_dropped_label_files_become_tracks(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "tone.srt"
    path.write_text("1\n00:00:01,000 --> 00:00:02,000\nhello\n\n")

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
