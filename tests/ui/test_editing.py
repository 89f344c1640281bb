"""The editing commands."""

from __future__ import annotations

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
