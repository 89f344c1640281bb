"""Importing and exporting label files in the window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from ui.conftest import RATE, SECONDS, Bench, held_up

from earmark.core.errors import EarmarkError
from earmark.core.labels import Label
from earmark.ui.dialogs.export_labels import ExportLabels
from earmark.ui.dialogs.import_labels import ImportLabels


def texts(bench: Bench) -> list[list[str]]:
    """The texts of the shown clip's labels, track by track."""
    project, clip = bench.project, bench.session.clip
    assert clip is not None
    return [
        [label.text for label in project.labels(track.id)]
        for track in project.tracks(clip.id)
    ]


@pytest.fixture
def start(bench: Bench, tmp_path: Path) -> Callable[..., ImportLabels]:
    """Begin to import label files: name -> content."""

    def begin(**files: str) -> ImportLabels:
        paths = []
        for name, content in files.items():
            paths.append(tmp_path / name.replace("_", "."))
            paths[-1].write_text(content)
        dialog = ImportLabels(bench.session, paths, bench.window)
        dialog.start()
        return dialog

    return begin


Start = Callable[..., ImportLabels]


def test_a_label_file_becomes_a_track_in_one_step(
    qtbot: QtBot, bench: Bench, start: Start
) -> None:
    steps = len(bench.project.history())
    changed = qtbot.waitSignal(bench.session.project_changed)
    said = qtbot.waitSignal(bench.session.message)
    with changed, said:
        dialog = start(a_txt="0\t1\tone\n2\t3\ttwo\n")

    assert texts(bench) == [["one", "two"]]
    assert said.args == ["a.txt: 1 track added", 6000]
    assert not dialog.isVisible()
    assert len(bench.project.history()) == steps + 1
    bench.project.undo()
    assert texts(bench) == []


def test_what_is_not_imported_is_shown(
    qtbot: QtBot, bench: Bench, start: Start
) -> None:
    dialog = start(a_csv="start,end,label,mood\n0,1,x,glad\n")

    qtbot.waitUntil(dialog.isVisible)
    assert dialog.head.text() == "a.csv: 1 track added."
    assert "Columns of a.csv that were not imported: mood." in dialog.told.text()
    assert texts(bench) == [["x"]]
    dialog.reject()


def test_labels_outside_the_clip_are_asked_about(
    qtbot: QtBot, bench: Bench, start: Start
) -> None:
    dialog = start(a_txt=f"0\t1\tin\n{SECONDS + 1}\t{SECONDS + 2}\tout\n")

    qtbot.waitUntil(dialog.rest.isVisible)
    assert "1 label of 2 lies outside “tone”" in dialog.head.text()
    assert texts(bench) == []
    dialog.rest.click()

    qtbot.waitUntil(lambda: "left out" in dialog.told.text())
    assert dialog.told.isVisible()
    assert texts(bench) == [["in"]]
    dialog.reject()


def test_labels_outside_the_clip_may_be_left_alone(
    qtbot: QtBot, bench: Bench, start: Start
) -> None:
    dialog = start(a_txt=f"{SECONDS + 1}\t{SECONDS + 2}\tout\n")
    qtbot.waitUntil(dialog.rest.isVisible)

    with qtbot.waitSignal(dialog.destroyed):
        dialog.stop.click()

    assert texts(bench) == []


def test_a_file_that_cannot_be_read_is_an_error(
    qtbot: QtBot, bench: Bench, start: Start
) -> None:
    bench.session.error.disconnect()
    with qtbot.waitSignal(bench.session.error) as raised:
        start(a_txt="0\t1\tone\nnothing\there\n")

    (error,) = raised.args
    assert isinstance(error, EarmarkError)
    assert "a.txt, line 2" in str(error)
    assert texts(bench) == []


def test_an_import_that_is_ended_changes_nothing(
    qtbot: QtBot, bench: Bench, start: Start
) -> None:
    with (
        qtbot.waitSignal(bench.session.message) as said,
        held_up(bench.session.background),
    ):
        dialog = start(a_txt="0\t1\tone\n2\t3\ttwo\n")
        dialog.reject()

    assert said.args == ["a.txt was not imported", 6000]
    assert texts(bench) == []


def test_one_bad_file_does_not_keep_the_others_out(
    qtbot: QtBot, bench: Bench, start: Start
) -> None:
    dialog = start(bad_txt="nothing\n", good_txt="0\t1\tone\n")

    qtbot.waitUntil(lambda: dialog.head.text() == "good.txt: 1 track added.")
    assert "bad.txt was not imported: bad.txt, line 1" in dialog.told.text()
    assert texts(bench) == [["one"]]
    dialog.reject()


def test_labels_dropped_with_their_recordings_wait_for_them(
    qtbot: QtBot, bench: Bench, make_sound: Callable[..., Path]
) -> None:
    sounds = [make_sound(f"{name}.wav", 2) for name in ("owl", "wren")]
    labels = [sound.with_suffix(".txt") for sound in sounds]
    for path in labels:
        path.write_text(f"0\t1\t{path.stem}\n")

    bench.window.files.open([*labels, *sounds])

    def labelled() -> dict[str, list[str]]:
        project = bench.project
        return {
            clip.name: [label.text for label in project.labels(track.id)]
            for clip in project.clips()
            for track in project.tracks(clip.id)
        }

    qtbot.waitUntil(lambda: labelled() == {"owl": ["owl"], "wren": ["wren"]})


@pytest.fixture
def labelled(bench: Bench) -> list[int]:
    """Three labels on the shown clip."""
    assert bench.session.clip is not None
    with bench.project.edit("Labels") as edit:
        track = edit.add_track(bench.session.clip.id, "Birds")
        labels = edit.add_labels(
            Label(0, track, n * RATE, n * RATE + 4000, f"bird {n}", score=0.5)
            for n in range(3)
        )
    bench.session.set_active_track(track)
    return labels


@pytest.fixture
def dialog(bench: Bench, labelled: list[int]) -> Iterator[ExportLabels]:
    """The export dialog, with one label selected."""
    bench.session.select_labels(labelled[1:2])
    dialog = ExportLabels(bench.session, bench.window)
    yield dialog
    dialog.deleteLater()


def choose_format(dialog: ExportLabels, name: str) -> None:
    rows = [dialog.format.itemText(row) for row in range(dialog.format.count())]
    dialog.format.setCurrentIndex(next(r for r, t in enumerate(rows) if name in t))


def test_losses_are_told_before_labels_are_exported(
    qtbot: QtBot, dialog: ExportLabels, tmp_path: Path
) -> None:
    qtbot.waitUntil(lambda: "Nothing is lost" in dialog.report.text())
    assert dialog.report.text().startswith("3 labels of 1 clip.")

    choose_format(dialog, ".srt")
    qtbot.waitUntil(lambda: "cannot carry everything" in dialog.report.text())
    assert "3 scores and 3 origins are dropped." in dialog.report.text()
    with qtbot.waitSignal(dialog.accepted):
        dialog.write(tmp_path / "birds.srt")

    assert "bird 2" in (tmp_path / "birds.srt").read_text()


def test_only_selected_labels_are_exported(
    qtbot: QtBot, dialog: ExportLabels, tmp_path: Path
) -> None:
    dialog.scopes["labels"].click()
    qtbot.waitUntil(lambda: dialog.report.text().startswith("1 label of 1 clip."))
    choose_format(dialog, "Audacity")
    qtbot.waitUntil(dialog.export.isEnabled)

    with qtbot.waitSignal(dialog.accepted):
        dialog.write(tmp_path / "one.txt")

    assert [
        line.split("\t")[2] for line in (tmp_path / "one.txt").read_text().splitlines()
    ] == ["bird 1"]


def test_an_export_that_cannot_be_written_says_so_and_may_be_tried_again(
    qtbot: QtBot, dialog: ExportLabels, tmp_path: Path
) -> None:
    qtbot.waitUntil(dialog.export.isEnabled)

    dialog.write(tmp_path / "nowhere" / "a.csv")

    qtbot.waitUntil(lambda: "cannot be written" in dialog.report.text())
    assert dialog.export.isEnabled()
    with qtbot.waitSignal(dialog.accepted):
        dialog.write(tmp_path / "a.csv")


def test_an_export_that_is_ended_leaves_what_was_there(
    qtbot: QtBot, bench: Bench, dialog: ExportLabels, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("before")
    qtbot.waitUntil(dialog.export.isEnabled)

    with qtbot.waitSignal(dialog.rejected), held_up(bench.session.background):
        dialog.write(path)
        dialog.reject()

    assert [each.name for each in tmp_path.glob("*.csv")] == ["a.csv"]
    assert path.read_text() == "before"


def test_several_clips_become_one_file_each(
    qtbot: QtBot, bench: Bench, dialog: ExportLabels, tmp_path: Path
) -> None:
    assert bench.session.clip is not None
    with bench.project.edit("Duplicate") as edit:
        edit.duplicate_clip(bench.session.clip.id)
    dialog.scopes["all"].click()
    qtbot.waitUntil(lambda: dialog.report.text().startswith("6 labels of 2 clips."))
    assert dialog.each.isEnabled()
    dialog.each.click()
    choose_format(dialog, "Audacity")
    qtbot.waitUntil(dialog.export.isEnabled)
    folder = tmp_path / "out"
    folder.mkdir()

    with qtbot.waitSignal(dialog.accepted):
        dialog.write(folder)

    assert sorted(each.name for each in folder.iterdir()) == [
        "tone (2).txt",
        "tone.txt",
    ]


def test_tab_comes_to_the_options_of_a_format_behind_it(
    qtbot: QtBot, dialog: ExportLabels
) -> None:
    choose_format(dialog, ".csv")
    dialog.show()
    dialog.activateWindow()
    dialog.format.setFocus()

    qtbot.keyClick(dialog.format, Qt.Key.Key_Tab)

    focused = dialog.focusWidget()
    assert focused is not None
    assert dialog._options is not None
    assert dialog._options.isAncestorOf(focused)
