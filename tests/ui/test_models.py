"""The model library's window, with a hub on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from models.loopback import COMMIT, LoopbackHub
from models.samples import RECOGNITION, SPEECH, safetensors
from PySide6.QtWidgets import QDialog, QInputDialog, QLabel, QPushButton
from pytestqt.qtbot import QtBot
from ui.conftest import Bench

from earmark.core.errors import EarmarkError
from earmark.models.catalog import CatalogEntry
from earmark.ui.dialogs.licence import AcceptLicence, starter_mb
from earmark.ui.fetching import Fetching
from earmark.ui.models import ModelLibrary
from earmark.ui.panels.model_picker import ModelPicker

WEIGHTS = safetensors(3_000_000)

ENTRY = CatalogEntry.model_validate(
    {
        "id": "org/name",
        "title": "A name",
        "tasks": [],
        "format": "transformers",
        "architecture": "Wav2Vec2ForCTC",
        "licence": "MIT",
        "origin": "An organisation",
        "size_mb": 3.0,
        "source": {"kind": "hub", "repo": "org/name"},
    }
)


@pytest.fixture
def hub(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 100_000)
    server = LoopbackHub(
        {
            "config.json": b'{"architectures": ["Wav2Vec2ForCTC"]}',
            "model.safetensors": WEIGHTS,
        }
    )
    library = bench.session.library
    for name in ("fetch", "offer"):
        there = partial(getattr(library, name), endpoint=server.endpoint)
        monkeypatch.setattr(library, name, there)
    yield server
    server.close()


@pytest.fixture
def window(qtbot: QtBot, bench: Bench) -> ModelLibrary:
    """The library's window; it goes with the main window."""
    made = ModelLibrary(bench.session, bench.window.fetching, bench.window)
    made.show()
    return made


class Recogniser:
    """A plugin whose task loads what the hub has."""

    def __init__(self) -> None:
        from earmark.core.hookspecs import hookimpl

        self.register_tasks = hookimpl(lambda: [RECOGNITION])


def model_folder(parent: Path, name: str = "mine") -> Path:
    folder = parent / "made" / name
    folder.mkdir(parents=True)
    config = {"architectures": ["Wav2Vec2ForCTC"]}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(safetensors())
    return folder


def titles(window: ModelLibrary) -> list[str]:
    return [row.title for row in window.model.rows]


def offered(window: ModelLibrary) -> list[str]:
    """What can be done with the chosen model."""
    content = window.details._content
    return [each.text() for each in content.findChildren(QPushButton)]


def click(window: ModelLibrary, text: str) -> None:
    content = window.details._content
    for each in content.findChildren(QPushButton):
        if each.text() == text:
            each.click()
            return
    raise AssertionError(f"{text} is not among {offered(window)}")


def test_a_search_and_the_filters_leave_what_fits(window: ModelLibrary) -> None:
    everything = titles(window)
    window.search.setText("clap laion")
    assert titles(window) == ["CLAP", "CLAP, long sounds"]
    assert offered(window) == ["Fetch…"]
    window.search.setText("nothing of the kind")
    assert titles(window) == []
    assert window.nothing.isVisible()
    window.search.clear()
    window.where.setCurrentIndex(window.where.findText("To fetch"))
    missing = titles(window)
    assert "CLAP" in missing
    window.where.setCurrentIndex(window.where.findText("On this computer"))
    assert sorted(missing + titles(window)) == sorted(everything)


def test_a_licence_is_accepted_before_a_model_is_fetched(
    qtbot: QtBot, bench: Bench
) -> None:
    catalog = bench.session.library.catalog
    for id, boxes in (("facebook/mms-lid-126", 1), ("laion/clap-htsat-unfused", 2)):
        entry = catalog.get(id)
        assert entry is not None
        dialog = AcceptLicence(entry, 1000.0, bench.window)
        assert len(dialog._boxes) == boxes
        for box in dialog._boxes:
            assert not dialog.fetch.isEnabled()
            box.setChecked(True)
        assert dialog.fetch.isEnabled()
        dialog.deleteLater()


def test_a_download_is_paused_and_resumed(
    qtbot: QtBot, bench: Bench, hub: LoopbackHub, window: ModelLibrary
) -> None:
    fetching: Fetching = bench.window.fetching
    hub.stall = 1_000_000
    fetching.resume(ENTRY)
    assert window.progress.isVisible()
    assert window.progress.stop.text() == "Pause"
    qtbot.waitUntil(lambda: "MB" in fetching.message)
    assert fetching.message.startswith("Downloading A name: ")
    qtbot.waitUntil(lambda: (fetching.fraction or 0.0) > 0.2)
    window.progress.stop.click()
    assert fetching.stopping
    hub.released.set()
    with qtbot.waitSignal(fetching.finished):
        pass
    window.choose("org/name")
    chosen = window.chosen()
    assert chosen is not None
    assert chosen.state == "interrupted"
    assert offered(window) == ["Resume", "Discard"]
    with qtbot.waitSignal(fetching.finished):
        click(window, "Resume")
    chosen = window.chosen()
    assert chosen is not None
    assert (chosen.id, chosen.state) == ("org/name", "on disk")
    assert bench.session.library.verify("org/name") == ()
    assert hub.asked[-1][1]  # a range: it went on where it was


def test_a_paused_download_can_be_given_up(
    qtbot: QtBot, bench: Bench, window: ModelLibrary
) -> None:
    library = bench.session.library
    partial_file = library.folder / ".incoming/org--name/downloads" / COMMIT / "x"
    partial_file.parent.mkdir(parents=True)
    partial_file.write_bytes(b"half")
    (library.folder / ".incoming/org--name/entry.json").write_text(
        ENTRY.model_dump_json()
    )
    (library.folder / ".incoming/org--name.lock").touch()
    window.reload()
    window.choose("org/name")
    click(window, "Discard")
    assert library.interrupted() == []
    assert "A name" not in titles(window)


def test_a_model_of_the_hub_is_described_before_it_is_fetched(
    qtbot: QtBot, bench: Bench, hub: LoopbackHub
) -> None:
    fetching: Fetching = bench.window.fetching
    hub.files["config.json"] = b'{"architectures": ["LlamaForCausalLM"]}'
    with qtbot.waitSignal(bench.session.error) as told:
        fetching.look_up("org/name", "", None)
    (error,) = told.args
    assert "no task of Earmark can use it" in str(error)
    assert {name for name, _ in hub.asked} == {"config.json"}


def test_a_model_of_the_hub_is_fetched_by_its_name(
    qtbot: QtBot,
    bench: Bench,
    hub: LoopbackHub,
    window: ModelLibrary,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fetching: Fetching = bench.window.fetching
    bench.session.plugins.register(Recogniser(), "recogniser")
    shown: list[str] = []

    def accept(dialog: AcceptLicence) -> bool:
        shown.extend(label.text() for label in dialog.findChildren(QLabel))
        assert not dialog.fetch.isEnabled()
        dialog.accepted_licence.setChecked(True)
        return dialog.fetch.isEnabled()

    monkeypatch.setattr(AcceptLicence, "exec", accept)
    monkeypatch.setattr(
        QInputDialog, "getText", lambda *_: ("https://huggingface.co/org/name", True)
    )
    hub.card = {"license": "cc-by-nc-4.0"}
    with qtbot.waitSignals([fetching.finished, fetching.finished]):
        window._look_up()
    assert "This model may not be used for commercial work." in shown
    chosen = window.chosen()
    assert chosen is not None
    assert (chosen.id, chosen.state) == ("org/name", "on disk")  # what has arrived
    assert chosen.non_commercial


def test_only_the_chosen_model_is_described_while_a_dialog_waits(
    bench: Bench, window: ModelLibrary
) -> None:
    window.choose("whisper-base")
    first = window.details._content
    window.choose("whisper-tiny.en")
    assert first is not window.details._content
    assert first.isHidden()  # it is deleted only after the dialog was answered


def test_the_picker_tells_what_a_model_allows_and_goes_on_with_a_paused_one(
    qtbot: QtBot, bench: Bench
) -> None:
    library = bench.session.library
    entry = library.catalog.get("facebook/mms-tts-eng")
    assert entry is not None
    picker = ModelPicker(bench.session, SPEECH, bench.window.fetching, bench.window)
    picker.show()
    picker.box.setCurrentIndex(picker.box.findText("MMS English"))
    assert "not for commercial use" in picker.facts.text()
    buttons = [each.text() for each in picker.notice.findChildren(QPushButton)]
    assert "Fetch this model…" in buttons
    incoming = library.folder / ".incoming/facebook--mms-tts-eng"
    (incoming / "downloads").mkdir(parents=True)
    (incoming / "downloads" / "half").write_bytes(b"half")
    (incoming / "entry.json").write_text(entry.model_dump_json())
    picker.reload()
    picker.box.setCurrentIndex(picker.box.findText("MMS English"))
    qtbot.waitUntil(
        lambda: (
            "Resume"
            in [each.text() for each in picker.notice.findChildren(QPushButton)]
        )
    )
    picker.more.click()
    (dialog,) = bench.window.findChildren(ModelLibrary)
    dialog.close()


def test_a_model_is_imported_verified_packed_deleted_and_unpacked(
    qtbot: QtBot, bench: Bench, window: ModelLibrary, tmp_path: Path
) -> None:
    fetching: Fetching = bench.window.fetching
    library = bench.session.library
    with qtbot.waitSignal(fetching.finished):
        fetching.import_folder(model_folder(tmp_path))
    window.choose("mine")
    assert offered(window) == ["Verify", "Pack…", "Delete…"]
    with qtbot.waitSignal(fetching.verified):
        click(window, "Verify")
    assert window.details.state.text() == "All its files are what they were."
    with qtbot.waitSignal(fetching.finished):
        fetching.pack("mine", tmp_path / "mine.modelpack")
    library.remove("mine")
    with qtbot.waitSignal(fetching.finished):
        fetching.import_folder(tmp_path / "mine.modelpack")
    assert library.verify("mine") == ()
    weights = library.folder / "mine" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    window.choose("mine")
    with qtbot.waitSignal(fetching.verified):
        click(window, "Verify")
    assert "model.safetensors is missing or not what" in window.details.state.text()


def test_a_model_that_arrives_is_chosen_whatever_is_searched_for(
    qtbot: QtBot, bench: Bench, window: ModelLibrary, tmp_path: Path
) -> None:
    fetching: Fetching = bench.window.fetching
    window.search.setText("clap")
    window.where.setCurrentText("To fetch")
    with qtbot.waitSignal(fetching.finished):
        fetching.import_folder(model_folder(tmp_path))
    chosen = window.chosen()
    assert chosen is not None
    assert chosen.id == "mine"


def test_the_models_move_and_the_settings_with_them(
    qtbot: QtBot, bench: Bench, window: ModelLibrary, tmp_path: Path
) -> None:
    fetching: Fetching = bench.window.fetching
    library = bench.session.library
    old, new = library.folder, tmp_path / "new place"
    library.import_folder(model_folder(tmp_path))
    with qtbot.waitSignal(fetching.finished):
        fetching.move(new)
    assert bench.session.store.settings.models_folder == new
    assert library.folder == new
    assert not old.exists()
    assert str(new) in window.space.text()
    assert library.verify("mine") == ()


def test_one_thing_is_done_at_a_time(
    qtbot: QtBot, bench: Bench, window: ModelLibrary, tmp_path: Path
) -> None:
    fetching: Fetching = bench.window.fetching
    with qtbot.waitSignal(fetching.finished):
        fetching.import_folder(model_folder(tmp_path))
        window.choose("org/none")
        with pytest.raises(EarmarkError, match="Wait, or stop it"):
            fetching.import_folder(tmp_path / "other")
        assert offered(window) == []


def test_models_in_one_wheel_are_downloaded_once(bench: Bench) -> None:
    catalog = bench.session.library.catalog
    both = [catalog.get(f"musicnn-{name}") for name in ("mtt", "msd")]
    first = [entry for entry in both if entry is not None]
    assert len(first) == 2
    assert starter_mb(first) == starter_mb(first[:1])


def test_the_library_opens_from_the_menu(qtbot: QtBot, bench: Bench) -> None:
    bench.window.commands.run("tools.models")
    (dialog,) = bench.window.findChildren(ModelLibrary)
    assert isinstance(dialog, QDialog)
    assert dialog.isVisible()
    dialog.close()
