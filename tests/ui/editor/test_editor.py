"""The editor and its session."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QInputMethodEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from ui.editor.conftest import RATE, SECONDS, Bench

from earmark.audio.files import import_file
from earmark.audio.spectrogram import SpectrogramSettings
from earmark.core.clips import Source, Span
from earmark.core.labels import Label
from earmark.core.project import Project
from earmark.ui.editor import Editor
from earmark.ui.editor.spectrogram_panel import SpectrogramPanel
from earmark.ui.session import Selection, Session
from earmark.ui.theme import DARK, LIGHT


def labels(bench: Bench) -> list[Label]:
    return bench.project.labels(bench.stage.tracks[0].track.id)


def pixels(bench: Bench) -> QImage:
    return bench.plot.surface.grab().toImage()


def test_without_a_clip_there_is_a_hint(empty_editor: Editor) -> None:
    assert empty_editor.plot is None
    assert empty_editor.visible_range() == (0, 0)
    empty_editor.zoom_in()
    empty_editor.fit()
    assert "Ctrl+O" in " ".join(
        label.text()
        for label in empty_editor.findChildren(type(empty_editor._hint.hint))
    )


def test_the_hint_is_back_when_the_clip_is_gone(bench: Bench) -> None:
    bench.session.show_clip(None)
    assert bench.editor._pages.currentWidget() is bench.editor._hint


def test_a_clip_is_shown_whole(bench: Bench) -> None:
    assert bench.editor.visible_range() == (0, SECONDS * RATE)


def test_zooming_is_around_the_playhead(bench: Bench) -> None:
    bench.session.set_playhead(10 * RATE)
    bench.editor.zoom_in()
    start, stop = bench.editor.visible_range()
    assert (stop - start) == 10 * RATE
    assert start == 5 * RATE
    bench.editor.zoom_out()
    assert bench.editor.visible_range() == (0, SECONDS * RATE)


def test_the_selection_fills_the_view(bench: Bench) -> None:
    bench.session.select(Selection(4 * RATE, 6 * RATE))
    bench.editor.zoom_to_selection()
    start, stop = bench.editor.visible_range()
    assert start <= 4 * RATE < 6 * RATE <= stop
    assert stop - start < 2.2 * RATE
    bench.editor.fit()
    assert bench.editor.visible_range() == (0, SECONDS * RATE)


def test_normal_zoom_is_a_second_in_a_hundred_pixels(bench: Bench) -> None:
    bench.editor.zoom_normal()
    start, stop = bench.editor.visible_range()
    assert stop - start == 10 * RATE


def test_a_selected_label_is_brought_into_sight(bench: Bench) -> None:
    bench.editor.zoom_normal()
    bench.session.select_labels([labels(bench)[2].id])
    start, stop = bench.editor.visible_range()
    assert start <= 10 * RATE
    assert stop >= 12 * RATE


def test_the_view_turns_the_page_while_it_plays(bench: Bench) -> None:
    bench.editor.zoom_normal()
    bench.session.player.play(0, SECONDS * RATE)
    bench.session.move_playhead(9 * RATE)
    assert bench.editor.visible_range()[0] == 0
    bench.session.move_playhead(10 * RATE + 100)
    assert bench.editor.visible_range()[0] > 9 * RATE


def test_the_view_can_stay_while_it_plays(bench: Bench) -> None:
    bench.editor.zoom_normal()
    bench.editor.set_follow("off")
    bench.session.player.play(0, SECONDS * RATE)
    bench.session.move_playhead(10 * RATE + 100)
    assert bench.editor.visible_range()[0] == 0


def test_a_loop_follows_the_selection_once_it_rests(qtbot: QtBot, bench: Bench) -> None:
    session = bench.session
    loops = session.transport.loops  # type: ignore[attr-defined]  # of the stand-in
    session.select(Selection(0, RATE))
    session.player.set_looping(True)
    session.player.play()

    for stop in (3, 4, 5):
        session.select(Selection(2 * RATE, stop * RATE))
    qtbot.waitUntil(lambda: bool(loops))

    assert loops == [(2 * RATE, 5 * RATE)]


def test_a_label_added_elsewhere_appears(bench: Bench) -> None:
    before = pixels(bench)
    with bench.project.edit("Add label") as edit:
        edit.add_label(
            Label(0, bench.stage.tracks[0].track.id, 14 * RATE, 18 * RATE, "new")
        )
    assert len(bench.stage.tracks[0].index) == 4
    after = pixels(bench)
    at = bench.track(15)
    assert before.pixelColor(at) != after.pixelColor(at)
    bench.project.undo()
    assert pixels(bench).pixelColor(at) == before.pixelColor(at)


def test_overlapping_labels_are_stacked(bench: Bench) -> None:
    height = bench.stage.layout.tracks[0].height
    with bench.project.edit("Add label") as edit:
        edit.add_label(Label(0, bench.stage.tracks[0].track.id, 3 * RATE, 5 * RATE))
    assert bench.stage.layout.tracks[0].height > height
    bench.click(bench.track(4.5, row=1))
    assert bench.session.selected_labels == {labels(bench)[1].id}


def test_a_class_colours_its_labels(bench: Bench) -> None:
    with bench.project.edit("Add class") as edit:
        edit.set_word("one", "#ff0000", "1")
    color = pixels(bench).pixelColor(bench.track(3))
    assert color.red() > 1.3 * color.green()


def test_the_clip_can_be_cut_while_it_is_shown(bench: Bench) -> None:
    bench.editor.zoom_normal()
    clip = bench.session.clip
    assert clip is not None
    with bench.project.edit("Cut") as edit:
        edit.cut(clip.id, 0, 15 * RATE)
    assert bench.stage.view.clip_frames == 5 * RATE
    assert bench.editor.visible_range()[1] == 5 * RATE


def test_tab_goes_through_the_labels(bench: Bench) -> None:
    stored = labels(bench)
    bench.plot.surface.setFocus()
    bench.session.select_labels([stored[0].id])
    bench.key(Qt.Key.Key_Tab)
    assert bench.session.selected_labels == {stored[1].id}
    bench.key(Qt.Key.Key_Backtab)
    assert bench.session.selected_labels == {stored[0].id}


def test_enter_opens_the_text_and_keeps_it(bench: Bench) -> None:
    label = labels(bench)[1]
    bench.session.select_labels([label.id])
    bench.key(Qt.Key.Key_Return)
    text = bench.plot.text
    assert text.isVisible()
    QTest.keyClicks(text, "a very long text, " * 20)
    QTest.keyClick(text, Qt.Key.Key_Return)
    assert labels(bench)[1].text == "a very long text, " * 20
    assert not text.isVisible()
    assert bench.project.undo_title == "Edit label"
    bench.project.undo()
    assert labels(bench)[1].text == "two"


def test_escape_leaves_the_text_as_it_was(bench: Bench) -> None:
    bench.editor.edit_label(labels(bench)[1].id)
    QTest.keyClicks(bench.plot.text, "nonsense")
    QTest.keyClick(bench.plot.text, Qt.Key.Key_Escape)
    assert labels(bench)[1].text == "two"
    assert bench.project.undo_title == "Import"


def test_an_unchanged_text_is_no_edit(bench: Bench) -> None:
    bench.editor.edit_label(labels(bench)[1].id)
    QTest.keyClick(bench.plot.text, Qt.Key.Key_Return)
    assert bench.project.undo_title == "Import"


def test_tab_keeps_the_text_and_opens_the_next(bench: Bench) -> None:
    stored = labels(bench)
    bench.editor.edit_label(stored[0].id)
    QTest.keyClicks(bench.plot.text, "uno")
    QTest.keyClick(bench.plot.text, Qt.Key.Key_Tab)
    assert labels(bench)[0].text == "uno"
    assert bench.plot.text.label == stored[1].id
    assert bench.plot.text.toPlainText() == "two"
    QTest.keyClick(bench.plot.text, Qt.Key.Key_Backtab)
    assert bench.plot.text.label == stored[0].id


def test_tab_at_the_last_label_closes_the_text(bench: Bench) -> None:
    bench.editor.edit_label(labels(bench)[2].id)
    QTest.keyClick(bench.plot.text, Qt.Key.Key_Tab)
    assert bench.plot.text.label is None


def test_shift_and_enter_break_the_line(bench: Bench) -> None:
    bench.editor.edit_label(labels(bench)[1].id)
    text = bench.plot.text
    QTest.keyClicks(text, "a")
    QTest.keyClick(text, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClicks(text, "b")
    QTest.keyClick(text, Qt.Key.Key_Return)
    assert labels(bench)[1].text == "a\nb"


def test_composed_characters_are_taken(bench: Bench) -> None:
    bench.editor.edit_label(labels(bench)[1].id)
    event = QInputMethodEvent()
    event.setCommitString("鳥の声")
    QApplication.sendEvent(bench.plot.text, event)
    QTest.keyClick(bench.plot.text, Qt.Key.Key_Return)
    assert labels(bench)[1].text == "鳥の声"


def test_text_is_kept_when_something_else_is_clicked(bench: Bench) -> None:
    bench.editor.edit_label(labels(bench)[1].id)
    QTest.keyClicks(bench.plot.text, "kept")
    bench.plot.surface.setFocus(Qt.FocusReason.MouseFocusReason)
    assert labels(bench)[1].text == "kept"


def test_a_missing_file_is_said_and_drawn_hatched(
    bench: Bench, session: Session, tmp_path: Path
) -> None:
    gone = Source("f" * 32, tmp_path / "gone.wav", RATE, 1, 10 * RATE)
    with bench.project.edit("Import") as edit:
        edit.add_source(gone)
        clip = edit.add_clip("gone", RATE, 1, (Span(gone.id, 0, gone.frames),))
    session.show_clip(clip)
    audio = bench.plot.surface.waveform.audio
    assert audio is not None
    (gap,) = audio.gaps
    assert (gap.start, gap.stop) == (0, 10 * RATE)
    assert "gone.wav" in gap.reason
    shown = pixels(bench)
    at = bench.waveform(1)
    colors = {shown.pixelColor(at.x() + n, at.y() + 40).rgb() for n in range(16)}
    assert len(colors) > 1


def test_colours_follow_the_palette(bench: Bench) -> None:
    bench.plot.set_palette(DARK)
    dark = pixels(bench).pixelColor(bench.waveform(1).x(), 40)
    bench.plot.set_palette(LIGHT)
    light = pixels(bench).pixelColor(bench.waveform(1).x(), 40)
    assert dark.name() == DARK.background
    assert light.name() == LIGHT.background


def test_the_mouse_tells_time_frequency_and_level(qtbot: QtBot, bench: Bench) -> None:
    with qtbot.waitSignal(bench.editor.hovered) as told:
        bench.move(bench.spectrogram(7, 1180))
    frame, hz, db = told.args
    assert frame == pytest.approx(7 * RATE, abs=200)
    assert hz == pytest.approx(1180, abs=30)
    # The tone is at 200 + 140 t Hz, with half of full scale.
    assert db == pytest.approx(-6, abs=6)
    with qtbot.waitSignal(bench.editor.hovered) as told:
        bench.move(bench.waveform(7))
    assert told.args[1:] == [None, None]


def test_spectrogram_settings_are_kept_with_the_project(bench: Bench) -> None:
    bench.editor.show_spectrogram_settings()
    panel = bench.plot._panel
    assert isinstance(panel, SpectrogramPanel)
    panel._window.setCurrentIndex(panel._window.findData(512))
    panel._window.activated.emit(panel._window.currentIndex())
    panel._floor.setValue(-80)
    stored = bench.project.view("spectrogram")
    assert stored is not None
    assert (stored["window"], stored["floor_db"]) == (512, -80)
    assert bench.plot.surface.spectrogram.settings.window == 512


def test_one_channel_of_the_spectrogram_can_be_chosen(
    bench: Bench, qtbot: QtBot, tmp_path: Path
) -> None:
    time = np.arange(2 * RATE) / RATE
    left, right = (0.5 * np.sin(2 * np.pi * hz * time) for hz in (500, 2000))
    soundfile.write(tmp_path / "two.wav", np.stack([left, right], axis=1), RATE)
    source = import_file(tmp_path / "two.wav")
    with bench.project.edit("Import") as edit:
        edit.add_source(source)
        spans = (Span(source.id, 0, source.frames),)
        clip = edit.add_clip("two", RATE, 2, spans)
    bench.editor.show_spectrogram_settings()
    bench.session.show_clip(clip)
    panel, lane = bench.plot._panel, bench.plot.surface.spectrogram
    assert panel is not None
    shown = [panel._channel.itemText(n) for n in range(panel._channel.count())]
    assert shown == ["Mix of all", "Left", "Right"]

    def heard(channel: int) -> set[int]:
        panel._channel.setCurrentIndex(channel)
        panel._channel.activated.emit(channel)
        bench.plot.surface.repaint()
        qtbot.waitUntil(lambda: lane.complete)
        levels = {hz: lane.level_at(RATE, hz) for hz in (500, 2000)}
        return {hz for hz, db in levels.items() if db is not None and db > -60}

    assert heard(1) == {500}
    assert heard(2) == {2000}
    stored = bench.project.view("spectrogram")
    assert stored is not None and stored["channel"] == 1
    assert heard(0) == {500, 2000}


def test_a_clip_without_the_chosen_channel_shows_the_mix() -> None:
    settings = SpectrogramSettings(channel=1)
    assert settings.channel_of(1) is None
    assert settings.channel_of(2) == 1


def test_a_preset_fills_the_fields(bench: Bench) -> None:
    bench.editor.show_spectrogram_settings()
    panel = bench.plot._panel
    assert panel is not None
    panel._preset.setCurrentText("Birds and wildlife")
    panel._preset.activated.emit(panel._preset.currentIndex())
    assert panel.settings.scale == "linear"
    assert panel._scale.currentData() == "linear"


def test_impossible_settings_are_not_drawn(bench: Bench) -> None:
    bench.editor.show_spectrogram_settings()
    panel = bench.plot._panel
    assert panel is not None
    before = bench.plot.surface.spectrogram.settings
    panel._ceiling.setValue(-150)
    assert bench.plot.surface.spectrogram.settings == before
    assert panel._fault.text()


def test_what_was_seen_is_seen_again(bench: Bench, session: Session) -> None:
    clip = session.clip
    assert clip is not None
    bench.editor.zoom_normal()
    bench.editor.scroll_to(12 * RATE)
    seen = bench.editor.visible_range()
    bench.plot.keep_view()
    session.show_clip(None)
    session.show_clip(clip.id)
    assert bench.editor.visible_range() == seen


def test_another_project_replaces_the_picture(
    bench: Bench, session: Session, tmp_path: Path
) -> None:
    session.open_project(Project.create(tmp_path / "Other.earmark"))
    assert session.clip is None
    assert bench.stage.tracks == []
    assert bench.editor._pages.currentWidget() is bench.editor._hint


def test_the_waveform_or_the_spectrogram_can_be_hidden(bench: Bench) -> None:
    bench.editor.show_lanes(waveform=True, spectrogram=False)
    assert bench.stage.layout.spectrogram.height == 0
    assert bench.plot.surface.waveform.isVisible()
    assert not bench.plot.surface.spectrogram.isVisible()


def test_the_overview_scrolls_the_editor(bench: Bench) -> None:
    bench.editor.zoom_normal()
    strip = bench.plot.overview
    at = strip.rect().center()
    at.setX(strip.width() * 3 // 4)
    QTest.mouseClick(strip, Qt.MouseButton.LeftButton, pos=at)
    start, stop = bench.editor.visible_range()
    assert (start + stop) / 2 == pytest.approx(15 * RATE, abs=RATE / 2)


def test_samples_are_drawn_when_they_are_far_apart(bench: Bench) -> None:
    bench.plot.fit(RATE, RATE + 100)
    shown = pixels(bench)
    lane = bench.stage.layout.waveform
    colors = {
        shown.pixelColor(bench.x(1.005), y).name() for y in range(lane.top, lane.bottom)
    }
    assert len(colors) > 2


def test_a_fault_while_drawing_does_not_end_the_program(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults: list[type[BaseException]] = []
    monkeypatch.setattr("sys.excepthook", lambda kind, *_: faults.append(kind))
    waveform = bench.plot.surface.waveform
    waveform.tiles.clear()
    monkeypatch.setattr(
        waveform.audio,
        "columns",
        lambda *_: (_ for _ in ()).throw(ValueError("broken")),
    )
    pixels(bench)
    assert ValueError in faults
    monkeypatch.undo()


def test_views_have_accessible_names(bench: Bench) -> None:
    assert bench.editor.accessibleName()
    assert bench.plot.surface.accessibleName()
    assert bench.plot.overview.accessibleName()
    assert bench.plot.text.accessibleName()
