"""Two transcripts compared in the window, and a walk through what differs."""

from __future__ import annotations

from functools import partial

import pytest
from pytestqt.qtbot import QtBot
from ui.conftest import RATE, Bench

from earmark.core.errors import EarmarkError
from earmark.core.labels import Label, LabelStatus, TrackKind
from earmark.core.tasks import JobState, ModelRef, Prediction, Usage
from earmark.engine import protocol
from earmark_plugins.speech_recognition.commands import TRACK, commands

COMPARE = "speech-recognition.compare"
NEXT = "speech-recognition.next_difference"
PREVIOUS = "speech-recognition.previous_difference"


@pytest.fixture
def window(bench: Bench) -> Bench:
    """A window with the commands that compare."""
    bench.window.commands.add(commands(bench.session))
    return bench


def transcribed(
    window: Bench,
    text: str,
    name: str = "words",
    kind: TrackKind = "words",
    status: LabelStatus = "confirmed",
) -> int:
    """A track that says a text, each word half a second."""
    clip = window.session.clip
    assert clip is not None
    said = [text] if kind == "segments" else text.split()
    step = clip.frames if kind == "segments" else RATE // 2
    with window.project.edit("Transcribe") as edit:
        track = edit.add_track(clip.id, name, kind)
        edit.add_labels(
            Label(0, track, i * step, (i + 1) * step, word, status=status)
            for i, word in enumerate(said)
        )
    return track


def has_ended(window: Bench, job: int) -> bool:
    return window.session.queue_state(job) == JobState.DONE


def differences(window: Bench) -> list[Label]:
    """The labels of the one track of differences."""
    clip = window.session.clip
    assert clip is not None
    (track,) = (each for each in window.project.tracks(clip.id) if each.name == TRACK)
    return window.project.labels(track.id)


def selected(window: Bench) -> str:
    """The text of the one selected label."""
    (label,) = map(window.project.label, window.session.selected_labels)
    assert label is not None
    return label.text


def test_no_key_of_theirs_is_taken(window: Bench) -> None:
    assert window.window.commands.conflicts() == {}


def test_one_transcript_cannot_be_compared(window: Bench) -> None:
    transcribed(window, "one two")
    assert not window.window.commands.command(COMPARE).enabled()
    assert not window.window.commands.command(NEXT).enabled()


def test_what_differs_becomes_a_track_in_one_step(qtbot: QtBot, window: Bench) -> None:
    transcribed(window, "please hold the call")
    transcribed(window, "Please hold a call now.")
    with qtbot.waitSignal(window.session.range_revealed) as revealed:
        window.window.commands.run(COMPARE)

    found = differences(window)
    assert [label.text for label in found] == ["“the” → “a”", "nothing → “now.”"]
    assert (found[0].start, found[0].stop) == (RATE, RATE * 3 // 2)
    assert selected(window) == "“the” → “a”"
    assert revealed.args == [found[0].start, found[0].stop]
    assert window.project.undo_title == "Compare transcripts"
    window.project.undo()
    assert not window.window.commands.command(NEXT).enabled()


def test_the_keys_walk_through_the_differences(window: Bench) -> None:
    transcribed(window, "a b c d e f")
    transcribed(window, "x b y d z f")
    run = window.window.commands.run
    run(COMPARE)
    walk = [selected(window)]
    for command in (NEXT, NEXT, NEXT, PREVIOUS):
        run(command)
        walk.append(selected(window))
    assert walk == ["“a” → “x”", "“c” → “y”", "“e” → “z”", "“e” → “z”", "“c” → “y”"]
    assert window.session.playhead == RATE


def test_the_walk_begins_at_the_playhead(window: Bench) -> None:
    transcribed(window, "a b c d e f")
    transcribed(window, "x b y d z f")
    run = window.window.commands.run
    run(COMPARE)
    window.session.select_labels([])
    window.session.set_playhead(RATE * 3 // 2)
    run(PREVIOUS)
    assert selected(window) == "“c” → “y”"
    window.session.select_labels([])
    window.session.set_playhead(RATE * 3 // 2)
    run(NEXT)
    assert selected(window) == "“e” → “z”"


def test_comparing_again_takes_the_place_of_what_was_found(window: Bench) -> None:
    transcribed(window, "one two")
    transcribed(window, "one too")
    window.window.commands.run(COMPARE)
    transcribed(window, "won two")
    window.window.commands.run(COMPARE)
    assert [label.text for label in differences(window)] == ["“one too” → “won two”"]


def test_an_active_transcript_is_compared_with_the_last(window: Bench) -> None:
    first = transcribed(window, "one two")
    transcribed(window, "one too")
    transcribed(window, "won two")
    window.session.set_active_track(first)
    window.window.commands.run(COMPARE)
    assert [label.text for label in differences(window)] == ["“one” → “won”"]


def test_segments_stand_for_a_model_without_words(window: Bench) -> None:
    transcribed(window, "one two three four")
    transcribed(window, "one two free four", "segments", "segments")
    window.window.commands.run(COMPARE)
    assert [label.text for label in differences(window)] == ["“three” → “free”"]


def test_rejected_words_do_not_count(window: Bench) -> None:
    transcribed(window, "one two")
    transcribed(window, "one", status="rejected")
    window.window.commands.run(COMPARE)
    assert [label.text for label in differences(window)] == ["“one two” → nothing"]


def test_two_that_say_the_same_are_told_and_change_nothing(
    qtbot: QtBot, window: Bench
) -> None:
    transcribed(window, "one two", "heard by A")
    transcribed(window, "One, two.", "heard by B")
    with qtbot.waitSignal(window.window.commands.failed) as failed:
        window.window.commands.run(COMPARE)
    (error,) = failed.args or [None]
    assert isinstance(error, EarmarkError)
    assert "“heard by A” and “heard by B” say the same" in str(error)
    assert window.project.undo_title == "Transcribe"


def test_the_models_of_two_that_say_the_same_are_named(
    qtbot: QtBot, window: Bench
) -> None:
    listen = window.session.plugins.task("listen")
    for name in ("Ears", "Big ears"):
        model = ModelRef(name.casefold(), "ears", None, title=name)
        (job,) = window.session.run_task(listen, {}, model, "clip")
        said = Prediction("words", 0, RATE, "one", kind="words")
        window.engine.say(protocol.Started(job))
        window.engine.say(protocol.Results(job, (said,)))
        window.engine.say(protocol.Done(job, Usage()))
        qtbot.waitUntil(partial(has_ended, window, job))
    with qtbot.waitSignal(window.window.commands.failed) as failed:
        window.window.commands.run(COMPARE)
    (error,) = failed.args or [None]
    assert str(error).startswith("“words” by Ears and “words” by Big ears say the same")
