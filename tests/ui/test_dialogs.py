"""The dialogs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any

import pytest
import soundfile
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QFileDialog,
    QLabel,
    QLineEdit,
    QMessageBox,
)
from pytestqt.qtbot import QtBot
from ui.conftest import RATE, Bench

from earmark.audio.files import import_file
from earmark.core.labels import Label
from earmark.ui.dialogs.about import credits_html
from earmark.ui.dialogs.export_audio import ExportAudio, file_name
from earmark.ui.dialogs.find import FindLabels
from earmark.ui.dialogs.projects import MissingFiles
from earmark.ui.dialogs.saving import ask_path, may_replace
from earmark.ui.dialogs.vocabulary import Vocabulary
from earmark.ui.pages.storage import StoragePage
from earmark.ui.session import Selection


@pytest.fixture
def labelled(bench: Bench) -> list[int]:
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
def keep() -> Iterator[Callable[[QDialog], QDialog]]:
    made: list[QDialog] = []

    def remember(dialog: QDialog) -> QDialog:
        made.append(dialog)
        return dialog

    yield remember
    for dialog in made:
        dialog.deleteLater()


Keep = Callable[[QDialog], QDialog]


def test_audio_is_exported_one_file_for_each_label(
    qtbot: QtBot, bench: Bench, labelled: list[int], keep: Keep, tmp_path: Path
) -> None:
    assert bench.session.clip is not None
    dialog = ExportAudio(bench.session, bench.session.clip, bench.window)
    keep(dialog)
    dialog._scopes["labels"].setChecked(True)
    written: list[list[Path]] = []

    dialog.start(tmp_path, written.append)
    qtbot.waitUntil(lambda: bool(written))

    names = [path.name for path in written[0]]
    assert names == ["tone 1 bird 0.wav", "tone 2 bird 1.wav", "tone 3 bird 2.wav"]
    assert soundfile.info(written[0][1]).frames == 4000


def test_the_selection_is_exported_at_another_rate(
    qtbot: QtBot, bench: Bench, keep: Keep, tmp_path: Path
) -> None:
    bench.session.select(Selection(RATE, 2 * RATE))
    assert bench.session.clip is not None
    dialog = ExportAudio(bench.session, bench.session.clip, bench.window)
    keep(dialog)
    dialog.rate.setCurrentIndex(dialog.rate.findData(16000))
    written: list[list[Path]] = []

    dialog.start(tmp_path / "part.wav", written.append)
    qtbot.waitUntil(lambda: bool(written))

    info = soundfile.info(tmp_path / "part.wav")
    assert (info.frames, info.samplerate) == (16000, 16000)


def export_dialog(bench: Bench, keep: Keep, scope: str) -> ExportAudio:
    assert bench.session.clip is not None
    dialog = ExportAudio(bench.session, bench.session.clip, bench.window)
    keep(dialog)
    dialog._scopes[scope].setChecked(True)  # type: ignore[index]  # a Scope
    return dialog


def test_a_recording_is_not_exported_onto_itself(
    qtbot: QtBot, bench: Bench, keep: Keep
) -> None:
    (source,) = bench.project.sources()
    before = source.path.read_bytes()
    with bench.project.edit("Silence") as edit:
        edit.silence(1, 0, RATE)
    dialog = export_dialog(bench, keep, "clip")

    dialog.start(source.path, lambda _: pytest.fail("it was written"))
    qtbot.waitUntil(lambda: dialog._ticket is None)

    assert source.path.read_bytes() == before
    assert "“tone.wav” is a recording" in dialog.state.text()
    assert "Choose another name" in dialog.state.text()
    assert dialog._export.isEnabled()


def test_no_recording_of_the_project_is_overwritten_by_another_name(
    qtbot: QtBot, bench: Bench, keep: Keep, make_sound: Callable[..., Path]
) -> None:
    other = make_sound("other.wav")
    with bench.project.edit("Add") as edit:
        edit.add_source(import_file(other))
    link = other.with_name("link.wav")
    link.symlink_to(other)
    before = other.read_bytes()
    dialog = export_dialog(bench, keep, "clip")

    dialog.start(link, lambda _: pytest.fail("it was written"))
    qtbot.waitUntil(lambda: dialog._ticket is None)

    assert other.read_bytes() == before


def test_the_selected_labels_of_any_track_are_exported_and_no_points(
    bench: Bench, labelled: list[int], keep: Keep
) -> None:
    assert bench.session.clip is not None
    with bench.project.edit("More") as edit:
        track = edit.add_track(bench.session.clip.id, "Cars")
        car = edit.add_label(Label(0, track, 100, 900, "car"))
        point = edit.add_label(Label(0, track, 50, 50, "point"))
    bench.session.select_labels([car, point, labelled[1]])

    dialog = export_dialog(bench, keep, "labels")

    choice = dialog._scopes["labels"]
    assert choice.text() == "One file for each of 2 selected labels"
    assert [piece.name for piece in dialog.pieces()] == ["tone 1 car", "tone 2 bird 1"]


def test_a_long_clip_name_leaves_the_files_of_its_labels_apart(
    bench: Bench, labelled: list[int], keep: Keep
) -> None:
    with bench.project.edit("Rename clip") as edit:
        edit.update_clip(1, name="a very long name " * 6)

    names = [piece.name for piece in export_dialog(bench, keep, "labels").pieces()]

    assert names == [f"a very long name a very {n + 1} bird {n}" for n in range(3)]


def answer(window: type[QDialog], act: Callable[[Any], None]) -> None:
    """Do something with the next dialog of a kind once it is open."""

    def look() -> None:
        found = QApplication.activeModalWidget()
        if isinstance(found, window):
            act(found)
        else:
            QTimer.singleShot(0, look)

    QTimer.singleShot(0, look)


def press(text: str) -> Callable[[QMessageBox], None]:
    def act(box: QMessageBox) -> None:
        next(each for each in box.buttons() if each.text() == text).click()

    return act


def test_files_that_are_there_are_replaced_only_if_wanted(
    bench: Bench, tmp_path: Path
) -> None:
    there = tmp_path / "tone 1.wav"
    assert may_replace(bench.window, [there])
    there.write_bytes(b"mine")
    told: list[str] = []

    def refuse(box: QMessageBox) -> None:
        told.append(box.text())
        box.reject()

    answer(QMessageBox, refuse)
    assert not may_replace(bench.window, [tmp_path / "new.wav", there])
    answer(QMessageBox, press("Replace"))
    assert may_replace(bench.window, [there])

    assert told == [f"“tone 1.wav” is in “{tmp_path.name}” already."]


@pytest.mark.parametrize("typed", ["there", "take.2"])
def test_the_ending_is_added_before_it_is_asked_what_may_be_replaced(
    bench: Bench, tmp_path: Path, typed: str
) -> None:
    (tmp_path / f"{typed}.wav").write_bytes(b"mine")
    questions: list[str] = []

    def refuse(box: QMessageBox) -> None:
        questions.append(box.text())
        box.reject()
        # The file dialog asks itself, and stays open for another name.
        if isinstance(dialog := QApplication.activeModalWidget(), QFileDialog):
            dialog.reject()

    def name(dialog: QFileDialog) -> None:
        answer(QMessageBox, refuse)
        (field,) = dialog.findChildren(QLineEdit)
        field.setText(typed)
        dialog.accept()

    answer(QFileDialog, name)
    path = ask_path(bench.window, "Export", tmp_path / "x.wav", [".wav"], "WAV (*.wav)")

    assert path is None
    assert len(questions) == 1
    assert f"{typed}.wav" in questions[0]


@pytest.mark.parametrize(
    ("text", "name"),
    [("a/b:c", "a b c"), (" ..", "audio"), ("Größe?", "Größe"), ("x" * 99, "x" * 48)],
)
def test_file_names_fit_every_system(text: str, name: str) -> None:
    assert file_name(text) == name


def test_the_vocabulary_is_one_edit(bench: Bench, keep: Keep) -> None:
    dialog = Vocabulary(bench.session, bench.window)
    keep(dialog)
    dialog.add("Bird")
    dialog.add("Car")

    dialog.accept()

    words = bench.project.vocabulary()
    assert [(word.name, word.key) for word in words] == [("Bird", "1"), ("Car", "2")]
    assert bench.project.undo_title == "Edit vocabulary"


def test_keys_of_two_classes_can_change_places(bench: Bench, keep: Keep) -> None:
    with bench.project.edit("Words") as edit:
        edit.set_word("Bird", "#111111", "1")
        edit.set_word("Car", "#222222", "2")
    dialog = Vocabulary(bench.session, bench.window)
    keep(dialog)
    dialog._widgets(0)[1].setCurrentText("2")
    dialog.accept()
    assert "same key" in dialog.state.text()

    dialog._widgets(1)[1].setCurrentText("1")
    dialog.accept()

    assert {w.name: w.key for w in bench.project.vocabulary()} == {
        "Bird": "2", "Car": "1",
    }  # fmt: skip


def test_a_label_is_found_and_shown(
    bench: Bench, labelled: list[int], keep: Keep
) -> None:
    dialog = FindLabels(bench.session, bench.window)
    keep(dialog)
    dialog.field.setText("BIRD 2")
    dialog.search()
    assert dialog.counted.text() == "1 label"

    dialog.go()

    assert bench.session.selected_labels == {labelled[2]}
    assert bench.session.playhead == 2 * RATE


def test_a_moved_file_is_found_by_its_content(
    qtbot: QtBot, bench: Bench, keep: Keep, tmp_path: Path
) -> None:
    (source,) = bench.project.sources()
    elsewhere = tmp_path / "elsewhere" / "renamed.wav"
    elsewhere.parent.mkdir()
    source.path.rename(elsewhere)
    missing = bench.project.missing_sources()
    assert [each.id for each in missing] == [source.id]
    dialog = MissingFiles(bench.session, missing, bench.window)
    keep(dialog)

    with qtbot.waitSignal(dialog.accepted):
        dialog.search(elsewhere.parent)

    assert bench.project.source(source.id).path == elsewhere


def test_what_is_no_longer_the_same_file_is_not_taken_for_it(
    qtbot: QtBot, bench: Bench, keep: Keep, make_sound: Callable[..., Path]
) -> None:
    (source,) = bench.project.sources()
    dialog = MissingFiles(bench.session, [source], bench.window)
    keep(dialog)

    dialog.locate(source, make_sound("other.wav"))
    qtbot.waitUntil(lambda: "not the file" in dialog.said.text())

    assert bench.project.source(source.id).path == source.path
    assert all(way.isEnabled() for way in dialog._ways)


def test_many_files_that_were_found_are_one_step_of_the_history(
    qtbot: QtBot, bench: Bench, keep: Keep, make_sound: Callable[..., Path]
) -> None:
    with bench.project.edit("Import") as edit:
        for name in ("a.wav", "b.wav"):
            edit.add_source(import_file(make_sound(f"old/{name}")))
    old = bench.project.folder.parent / "old"
    old.rename(old.with_name("new"))
    dialog = MissingFiles(bench.session, bench.project.missing_sources(), bench.window)
    keep(dialog)

    with qtbot.waitSignal(dialog.accepted):
        dialog.search(old.with_name("new"))

    assert bench.project.undo_title == "Locate 2 files"
    assert bench.project.missing_sources() == []


def test_the_size_of_untitled_projects_is_theirs_alone(
    qtbot: QtBot, bench: Bench
) -> None:
    folders = bench.session.folders
    kept = {
        folders.data / "Untitled 1.earmark" / "audio" / "take.wav": 2_000_000,
        folders.data / "Untitled 2.earmark" / "project.sqlite": 1_000_000,
        folders.data / "models" / "ears" / "model.safetensors": 9_000_000,
    }
    for path, size in kept.items():
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(size))

    page = StoragePage(bench.session, bench.window)

    (shown,) = [
        label
        for label in page.findChildren(QLabel)
        if label.accessibleName() == "Size of Untitled projects"
    ]
    qtbot.waitUntil(lambda: shown.text() == "3 MB")


def test_the_credits_name_every_bundled_model_and_its_licence(bench: Bench) -> None:
    catalog = list(bench.session.library.catalog)
    page = credits_html(catalog)

    bundled = [entry for entry in catalog if entry.source.kind != "hub"]
    assert bundled
    for entry in bundled:
        assert entry.title in page
        assert entry.licence in page
        assert f"{escape(entry.title)}:" not in page  # it stands above already
        assert escape(entry.origin) in page
