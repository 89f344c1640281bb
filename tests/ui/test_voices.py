"""Voices kept in the window, speakers renamed, and who said what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from audio.fake_sound import FakeSound
from PySide6.QtWidgets import QLabel, QToolButton
from pytestqt.qtbot import QtBot
from ui.conftest import LISTEN, RATE, Bench

from earmark.core.labels import Label, TrackKind
from earmark.ui.dialogs.voice import SpeakerName
from earmark.ui.label_model import TEXT
from earmark.ui.panels.task_panel import TaskPanel
from earmark.ui.panels.voices import Voices
from earmark.ui.session import Selection


@pytest.fixture
def voices(bench: Bench) -> Iterator[Voices]:
    """The voices as they stand in the panel of a task that compares with them."""
    task = replace(LISTEN, examples="Voices")
    panel = TaskPanel(bench.session, task, bench.window.fetching, bench.window)
    found = panel.findChild(Voices)
    assert isinstance(found, Voices)
    panel.show()
    yield found
    panel.deleteLater()


def add(bench: Bench, kind: TrackKind, *labels: Label) -> int:
    assert bench.session.clip is not None
    with bench.project.edit("Labels") as edit:
        track = edit.add_track(bench.session.clip.id, kind, kind)
        edit.add_labels(replace(label, track=track) for label in labels)
    return track


def dialog(bench: Bench) -> SpeakerName:
    """The dialog that is open in the window."""
    (found,) = bench.window.findChildren(SpeakerName)
    assert isinstance(found, SpeakerName)
    return found


def texts(voices: Voices) -> list[str]:
    return [
        label.text()
        for label in voices.findChildren(QLabel)
        if not label.isHidden() and not label.parentWidget().isHidden()
    ]


def press(voices: Voices, name: str) -> None:
    (button,) = (
        each
        for each in voices.findChildren(QToolButton)
        if each.accessibleName() == name and not each.isHidden()
    )
    button.click()


def test_without_voices_the_panel_says_how_to_keep_one(voices: Voices) -> None:
    assert any("choose Keep as a voice" in text for text in texts(voices))
    assert not voices.keep.isEnabled()


def test_the_selection_is_kept_as_a_voice_and_listed(
    bench: Bench, voices: Voices, qtbot: QtBot
) -> None:
    assert not bench.window.commands.action("labels.keep_voice").isEnabled()
    bench.session.select(Selection(RATE, 3 * RATE))
    bench.window.commands.run("labels.keep_voice")
    asked = dialog(bench)
    assert not asked.button.isEnabled()
    asked.name.setCurrentText(" Ann ")
    asked.accept()
    (voice,) = bench.project.voices()
    assert (voice.name, voice.frames) == ("Ann", 2 * RATE)
    assert bench.project.history()[-1].title == "Keep a voice"
    listed = ["Voices", "Ann", "1 sample, 2.0 s"]
    qtbot.waitUntil(lambda: texts(voices) == listed)
    bench.project.undo()
    assert "Ann" not in texts(voices)


def test_samples_of_one_name_are_one_voice(
    bench: Bench, voices: Voices, qtbot: QtBot
) -> None:
    assert bench.session.clip is not None
    with bench.project.edit("Keep voices") as edit:
        for start in (0, RATE):
            edit.add_voice("Ann", bench.session.clip.id, start, start + RATE)
        edit.add_voice("Ben", bench.session.clip.id, 0, RATE // 2)
    both = ["Ann", "2 samples, 2.0 s", "Ben", "1 sample, 0.50 s"]
    qtbot.waitUntil(lambda: texts(voices)[1:] == both)
    press(voices, "Forget the voice of Ann")
    qtbot.waitUntil(lambda: texts(voices)[1:] == ["Ben", "1 sample, 0.50 s"])
    assert bench.project.history()[-1].title == "Forget a voice"


def test_known_names_are_offered(bench: Bench) -> None:
    add(bench, "speakers", Label(0, 0, 0, RATE, "Speaker 1", speaker="Speaker 1"))
    bench.session.select(Selection(0, RATE))
    bench.window.commands.run("labels.keep_voice")
    asked = dialog(bench)
    offered = [asked.name.itemText(row) for row in range(asked.name.count())]
    assert offered == ["Speaker 1"]
    assert asked.name.currentText() == ""
    assert "surer by two seconds" in asked.state.text()
    asked.reject()


def test_a_voice_is_played_and_the_playhead_stays(
    bench: Bench, voices: Voices, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = FakeSound()
    monkeypatch.setattr(bench.session.transport, "_portaudio", lambda: sound)
    assert bench.session.clip is not None
    with bench.project.edit("Keep a voice") as edit:
        edit.add_voice("Ann", bench.session.clip.id, RATE, 2 * RATE)
    bench.session.set_playhead(500)
    press(voices, "Play the voice of Ann")
    assert bench.session.transport.playing
    assert bench.session.playhead == 500
    bench.session.stop()
    assert not bench.session.transport.playing
    assert bench.session.playhead == 500


def test_a_renamed_speaker_is_followed_by_every_label(bench: Bench) -> None:
    turn = Label(0, 0, 0, RATE, "Speaker 1", speaker="Speaker 1")
    track = add(bench, "speakers", turn, replace(turn, start=2 * RATE, stop=3 * RATE))
    segments = add(bench, "segments", Label(0, 0, 0, RATE, "Hi", speaker="Speaker 1"))
    bench.session.select_labels([bench.project.labels(track)[0].id])
    bench.window.commands.run("labels.rename_speaker")
    asked = dialog(bench)
    assert asked.name.currentText() == "Speaker 1"
    asked.name.setCurrentText("Ann")
    asked.accept()
    assert [label.text for label in bench.project.labels(track)] == ["Ann", "Ann"]
    assert [label.speaker for label in bench.project.labels(segments)] == ["Ann"]
    assert bench.project.history()[-1].title == "Rename speaker"
    bench.project.undo()
    assert bench.project.labels(segments)[0].speaker == "Speaker 1"


def test_the_table_says_who_speaks_once(bench: Bench, qtbot: QtBot) -> None:
    add(bench, "speakers", Label(0, 0, 0, RATE, "Ann", speaker="Ann"))
    add(bench, "segments", Label(0, 0, RATE, 2 * RATE, "Hello.", speaker="Ann"))
    model = bench.window.docks["labels"].content().model
    qtbot.waitUntil(lambda: model.rowCount() == 2)
    shown = [model.data(model.index(row, TEXT)) for row in range(2)]
    assert shown == ["Ann", "Ann: Hello."]


def test_speakers_of_several_labels_become_one(bench: Bench) -> None:
    names = ("Speaker 1", "Speaker 2", "Speaker 3")
    turns = [
        Label(0, 0, at * RATE, (at + 1) * RATE, name, speaker=name)
        for at, name in enumerate(names)
    ]
    track = add(bench, "speakers", *turns)
    ids = [label.id for label in bench.project.labels(track)]
    bench.session.select_labels(ids[1:])
    bench.window.commands.run("labels.rename_speaker")
    asked = dialog(bench)
    assert asked.state.text().startswith("Speaker 2 and Speaker 3 become one")
    asked.name.setCurrentText("Ben")
    asked.accept()
    found = [label.text for label in bench.project.labels(track)]
    assert found == ["Speaker 1", "Ben", "Ben"]


def test_who_said_what_is_one_edit_and_says_what_it_did(
    bench: Bench, qtbot: QtBot
) -> None:
    add(bench, "speakers", Label(0, 0, 0, 3 * RATE, "Ann", speaker="Ann"))
    segments = add(bench, "segments", Label(0, 0, 0, RATE, "Hello."))
    with qtbot.waitSignal(bench.session.message) as said:
        bench.window.commands.run("labels.who_said_what")
    assert said.args is not None
    assert said.args[0] == "“segments” says now what Ann said."
    assert bench.project.labels(segments)[0].speaker == "Ann"
    assert bench.project.history()[-1].title == "Who said what"
