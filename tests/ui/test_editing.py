"""The editing commands."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ui.conftest import RATE, SECONDS, Bench

from earmark.core.errors import EarmarkError
from earmark.core.labels import Label
from earmark.ui.session import Selection


def add_labels(bench: Bench, *starts: float) -> list[int]:
    assert bench.session.clip is not None
    with bench.project.edit("Labels") as edit:
        track = edit.add_track(bench.session.clip.id, "Labels")
        made = edit.add_labels(
            Label(0, track, int(s * RATE), int((s + 0.5) * RATE), status="predicted")
            for s in starts
        )
    bench.session.set_active_track(track)
    return made


def test_cut_and_paste_keep_the_length(bench: Bench) -> None:
    editing, session = bench.window.editing, bench.session
    session.select(Selection(RATE, 2 * RATE))

    editing.cut()
    assert session.clip is not None
    assert session.clip.frames == (SECONDS - 1) * RATE
    assert session.playhead == RATE
    editing.paste()

    assert session.clip.frames == SECONDS * RATE
    assert session.selection == Selection(RATE, 2 * RATE)


def test_delete_takes_labels_before_audio(bench: Bench) -> None:
    (label,) = add_labels(bench, 1.0)
    bench.session.select(Selection(0, RATE))
    bench.session.select_labels([label])

    bench.window.editing.delete()

    assert bench.project.label(label) is None
    assert bench.session.clip is not None
    assert bench.session.clip.frames == SECONDS * RATE


def test_accepting_goes_on_to_the_next_label(bench: Bench) -> None:
    first, second = add_labels(bench, 0.5, 2.0)
    bench.session.select_labels([first])

    bench.window.commands.run("labels.accept")

    accepted = bench.project.label(first)
    assert accepted is not None
    assert accepted.status == "accepted"
    assert bench.session.selected_labels == {second}
    assert bench.session.playhead == 2 * RATE


def test_a_class_key_labels_the_selection(bench: Bench) -> None:
    with bench.project.edit("Vocabulary") as edit:
        edit.set_word("Bird", "#e5484d", "3")
    bench.session.select(Selection(RATE, 2 * RATE))

    bench.window.commands.run("labels.class_3")

    (label,) = map(bench.project.label, bench.session.selected_labels)
    assert label is not None
    assert (label.text, label.start, label.stop) == ("Bird", RATE, 2 * RATE)


def test_edges_move_to_where_the_wave_crosses_zero(bench: Bench) -> None:
    session = bench.session
    assert session.clip is not None
    session.select(Selection(RATE + 7, 2 * RATE + 5))

    bench.window.editing.edges_to_zero()

    selection = session.selection
    assert selection is not None
    reader = session.sources.reader(session.clip_sources(session.clip)[0])
    for edge in (selection.start, selection.stop):
        before, after = reader.read(edge - 1, 2)[:, 0]
        assert (before < 0) != (after < 0)


def test_splitting_at_the_very_end_says_why_not(bench: Bench) -> None:
    bench.session.set_playhead(SECONDS * RATE)

    with pytest.raises(EarmarkError, match="beginning or end"):
        bench.window.editing.split()


def test_split_makes_two_clips_and_undo_one(bench: Bench) -> None:
    bench.session.set_playhead(RATE)

    bench.window.editing.split()

    assert sorted(c.frames for c in bench.project.clips()) == [RATE, 3 * RATE]
    bench.project.undo()
    assert [c.frames for c in bench.project.clips()] == [SECONDS * RATE]


def test_a_class_key_without_a_label_is_one_step_of_the_history(bench: Bench) -> None:
    with bench.project.edit("Words") as edit:
        edit.set_word("Bird", "#2a8f57", "1")
    bench.session.select(Selection(RATE, 2 * RATE, low_hz=500.0, channel=0))

    bench.window.commands.run("labels.class_1")
    assert bench.session.active_track is not None
    (label,) = bench.project.labels(bench.session.active_track)
    assert (label.text, label.low_hz, label.channel) == ("Bird", 500.0, 0)
    assert bench.project.undo_title == "Label as Bird"
    bench.project.undo()

    assert bench.project.undo_title == "Words"


@pytest.mark.parametrize(
    ("command", "start", "stop"),
    [("edit.start_to_playhead", 1.5, 2.0), ("edit.end_to_playhead", 1.0, 1.5)],
)
def test_moving_an_edge_keeps_frequencies_and_channel(
    bench: Bench, command: str, start: float, stop: float
) -> None:
    box = Selection(RATE, 2 * RATE, low_hz=500.0, high_hz=900.0, channel=0)
    bench.session.select(box)
    bench.session.set_playhead(int(1.5 * RATE))

    bench.window.commands.run(command)

    assert bench.session.selection == replace(
        box, start=int(start * RATE), stop=int(stop * RATE)
    )


def test_what_was_copied_becomes_a_clip_of_its_own(bench: Bench) -> None:
    (label,) = add_labels(bench, 1.25)
    session, commands = bench.session, bench.window.commands
    session.select(Selection(RATE, 2 * RATE))
    commands.run("edit.copy")

    commands.run("edit.paste_as_clip")

    assert session.clip is not None
    assert (session.clip.id, session.clip.name) == (2, "tone")
    assert session.clip.frames == RATE
    (track,) = bench.project.tracks(2)
    (copied,) = bench.project.labels(track.id)
    assert (copied.id != label, copied.start) == (True, RATE // 4)
    bench.project.undo()
    assert len(bench.project.clips()) == 1


def test_backspace_takes_back_a_decision_and_goes_back_to_it(bench: Bench) -> None:
    first, second = add_labels(bench, 0.5, 2.0)
    bench.session.select_labels([first])
    bench.window.commands.run("labels.reject")
    assert bench.session.selected_labels == {second}

    bench.window.commands.run("labels.undo")

    assert bench.session.selected_labels == {first}
    restored = bench.project.label(first)
    assert restored is not None
    assert restored.status == "predicted"


def test_backspace_takes_nothing_back_without_a_selected_label(bench: Bench) -> None:
    add_labels(bench, 0.5)
    bench.session.select_labels([])

    bench.window.commands.run("labels.undo")

    assert bench.project.undo_title == "Labels"
