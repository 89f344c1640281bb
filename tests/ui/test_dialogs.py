"""The dialogs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import soundfile
from PySide6.QtWidgets import QDialog
from pytestqt.qtbot import QtBot
from ui.conftest import RATE, Bench

from earmark.core.labels import Label
from earmark.ui.dialogs.about import credits_html
from earmark.ui.dialogs.export_audio import ExportAudio, file_name
from earmark.ui.dialogs.find import FindLabels
from earmark.ui.dialogs.projects import MissingFiles
from earmark.ui.dialogs.vocabulary import Vocabulary
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


def test_the_credits_name_every_bundled_model_and_its_licence(bench: Bench) -> None:
    catalog = list(bench.session.library.catalog)
    page = credits_html(catalog)

    bundled = [entry for entry in catalog if entry.source.kind != "hub"]
    assert bundled
    for entry in bundled:
        assert entry.title in page
        assert entry.licence in page
