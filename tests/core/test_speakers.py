"""Turns of speakers joined with a transcript: who said what."""

from __future__ import annotations

import pytest

from earmark.core.clips import Clip
from earmark.core.errors import EarmarkError
from earmark.core.labels import Label, LabelStatus, TrackKind
from earmark.core.project import Project
from earmark.core.speakers import (
    attributed,
    name_transcript,
    named_by,
    rename,
    who_said_what,
)


def turn(start: int, stop: int, name: str, status: LabelStatus = "predicted") -> Label:
    return Label(0, 1, start, stop, name, speaker=name, status=status, job=7)


def words(*said: tuple[int, int, str]) -> list[Label]:
    return [Label(0, 2, start, stop, text) for start, stop, text in said]


def spoken(parts: list[Label]) -> list[tuple[str, str, int, int]]:
    return [(part.speaker, part.text, part.start, part.stop) for part in parts]


HELLO = Label(5, 3, 0, 100, "Hello there, Ben. Good morning!", score=0.5, job=2)
HELLO_WORDS = words(
    (0, 20, "Hello"), (20, 40, "there,"), (40, 55, "Ben."), (60, 80, "Good"),
    (80, 100, "morning!"),
)  # fmt: skip


def test_a_segment_has_the_speaker_who_overlaps_it_most() -> None:
    turns = [turn(0, 30, "Ann"), turn(30, 60, "Ben"), turn(60, 90, "Ann")]
    (part,) = attributed(HELLO, [], turns)
    assert (part.id, part.speaker, part.text) == (5, "Ann", HELLO.text)


def test_a_segment_is_split_between_words_where_the_speaker_changes() -> None:
    parts = attributed(HELLO, HELLO_WORDS, [turn(0, 57, "Ann"), turn(57, 100, "Ben")])
    assert spoken(parts) == [
        ("Ann", "Hello there, Ben.", 0, 55),
        ("Ben", "Good morning!", 60, 100),
    ]
    assert [part.id for part in parts] == [5, 0]
    assert {(part.score, part.job) for part in parts} == {(0.5, 2)}


def test_a_word_outside_all_turns_goes_with_the_one_before_it() -> None:
    parts = attributed(HELLO, HELLO_WORDS, [turn(25, 38, "Ann"), turn(85, 95, "Ben")])
    assert spoken(parts) == [
        ("Ann", "Hello there, Ben. Good", 0, 80),
        ("Ben", "morning!", 80, 100),
    ]


def test_a_text_that_was_edited_since_is_made_of_its_words_where_it_is_split() -> None:
    edited = Label(5, 3, 0, 100, "Something else")
    parts = attributed(edited, HELLO_WORDS, [turn(0, 57, "Ann"), turn(57, 100, "Ben")])
    assert [part.text for part in parts] == ["Hello there, Ben.", "Good morning!"]


def test_the_text_of_a_language_without_spaces_is_cut_where_its_words_meet() -> None:
    segment = Label(1, 3, 0, 40, "你好。再见。")
    said = words((0, 10, "你"), (10, 20, "好。"), (20, 30, "再"), (30, 40, "见。"))
    parts = attributed(segment, said, [turn(0, 20, "Ann"), turn(20, 40, "Ben")])
    assert [part.text for part in parts] == ["你好。", "再见。"]


def test_what_was_rejected_counts_for_nothing() -> None:
    turns = [turn(0, 100, "Ann", "rejected"), turn(0, 10, "Ben")]
    ((_, (part,)),) = who_said_what([HELLO], [], turns)
    assert part.speaker == "Ben"
    rejected = Label(6, 3, 0, 100, "Hm", status="rejected")
    assert who_said_what([rejected], [], turns) == []


def test_only_what_changes_is_given() -> None:
    known = Label(6, 3, 100, 150, "Yes", speaker="Ben")
    alone = Label(7, 3, 400, 450, "Hm")
    turns = [turn(0, 100, "Ann"), turn(100, 200, "Ben")]
    changed = who_said_what([HELLO, known, alone], [], turns)
    assert [segment.id for segment, _ in changed] == [5]


def test_a_long_turn_that_began_long_before_is_found() -> None:
    turns = [turn(0, 1000, "Ann"), *(turn(at, at + 5, "Ben") for at in range(10, 60))]
    ((_, (part,)),) = who_said_what([Label(1, 3, 900, 950, "Well")], [], turns)
    assert part.speaker == "Ann"


def test_a_turn_that_nobody_could_name_names_nothing() -> None:
    unknown = Label(0, 1, 0, 100, "unknown", job=7)
    by_hand = Label(0, 1, 0, 100, "Ann")
    assert who_said_what([HELLO], [], [unknown]) == []
    ((_, (part,)),) = who_said_what([HELLO], [], [by_hand])
    assert part.speaker == "Ann"


def add(project: Project, clip: int, kind: TrackKind, *labels: Label) -> int:
    from dataclasses import replace

    with project.edit("Add") as edit:
        track = edit.add_track(clip, kind, kind)
        edit.add_labels(replace(label, track=track) for label in labels)
    return track


def test_the_transcript_of_a_clip_is_named_in_one_edit(
    project: Project, clip: Clip
) -> None:
    add(project, clip.id, "speakers", turn(0, 57, "Ann"), turn(57, 100, "Ben"))
    add(project, clip.id, "words", *HELLO_WORDS)
    predicted = Label(0, 0, 0, 100, HELLO.text, status="predicted")
    track = add(project, clip.id, "segments", predicted)
    said = name_transcript(project, clip.id)
    assert said == "“segments” says now what Ann and Ben said."
    after = project.labels(track)
    assert [(label.speaker, label.text) for label in after] == [
        ("Ann", "Hello there, Ben."),
        ("Ben", "Good morning!"),
    ]
    assert {label.status for label in after} == {"predicted"}
    assert name_transcript(project, clip.id).endswith("already.")
    project.undo()
    (whole,) = project.labels(track)
    assert (whole.speaker, whole.text) == ("", HELLO.text)


def test_without_segments_the_words_are_named(project: Project, clip: Clip) -> None:
    add(project, clip.id, "speakers", turn(0, 57, "Ann"), turn(57, 100, "Ben"))
    track = add(project, clip.id, "words", *HELLO_WORDS)
    name_transcript(project, clip.id)
    speakers = [label.speaker for label in project.labels(track)]
    assert speakers == ["Ann", "Ann", "Ann", "Ben", "Ben"]


def test_the_active_track_is_preferred(project: Project, clip: Clip) -> None:
    first = add(project, clip.id, "speakers", turn(0, 100, "Ann"))
    add(project, clip.id, "speakers", turn(0, 100, "Ben"))
    track = add(project, clip.id, "segments", HELLO)
    name_transcript(project, clip.id, preferred=first)
    assert [label.speaker for label in project.labels(track)] == ["Ann"]


@pytest.mark.parametrize(
    ("kind", "missing"), [("segments", "track of speakers"), ("speakers", "transcript")]
)
def test_what_is_missing_is_said_with_the_task_that_makes_it(
    project: Project, clip: Clip, kind: TrackKind, missing: str
) -> None:
    add(project, clip.id, kind, turn(0, 100, "Ann"))
    with pytest.raises(EarmarkError, match=f"no {missing}.*Run Spe"):
        name_transcript(project, clip.id)


def test_what_a_label_says_in_a_track_of_speakers_is_who_speaks(
    project: Project, clip: Clip
) -> None:
    track = add(project, clip.id, "speakers", turn(0, 100, "Speaker 1"))
    (label,) = project.labels(track)
    with project.edit("Edit label") as edit:
        edit.update_label(label.id, text="Ann")
    (label,) = project.labels(track)
    assert (label.text, label.speaker, label.status) == ("Ann", "Ann", "edited")


def test_speakers_are_known_by_labels_and_voices(project: Project, clip: Clip) -> None:
    add(project, clip.id, "speakers", turn(0, 10, "Speaker 1"), turn(20, 30, "Ben"))
    with project.edit("Keep a voice") as edit:
        edit.add_voice("Ann", clip.id, 0, 50)
        edit.add_voice("Ben", clip.id, 0, 50)
    assert project.speakers() == ["Ann", "Ben", "Speaker 1"]


def test_the_speakers_of_labels_are_renamed_everywhere_and_become_one(
    project: Project, clip: Clip
) -> None:
    turns = [turn(0, 10, "Speaker 1"), turn(10, 20, "Speaker 2")]
    track = add(project, clip.id, "speakers", *turns, turn(20, 30, "Speaker 1"))
    segments = add(project, clip.id, "segments", HELLO)
    name_transcript(project, clip.id)
    first, second, _ = (label.id for label in project.labels(track))
    assert named_by(project, [first, second]) == ["Speaker 1", "Speaker 2"]
    rename(project, [first, second], " Ann ")
    assert [label.text for label in project.labels(track)] == ["Ann"] * 3
    assert [label.speaker for label in project.labels(segments)] == ["Ann"]
    project.undo()
    texts = [label.text for label in project.labels(track)]
    assert texts == ["Speaker 1", "Speaker 2", "Speaker 1"]


def test_a_label_without_a_speaker_is_given_one_alone(
    project: Project, clip: Clip
) -> None:
    unknown = [Label(0, 0, at, at + 10, "unknown", job=None) for at in (0, 20)]
    track = add(project, clip.id, "segments", *unknown)
    first, second = project.labels(track)
    assert named_by(project, [first.id]) == []
    rename(project, [first.id], "Ann")
    first, second = project.labels(track)
    assert (first.speaker, first.text, second.speaker) == ("Ann", "unknown", "")
    with pytest.raises(EarmarkError, match="needs a name"):
        rename(project, [second.id], "  ")


def test_a_turn_that_says_its_speaker_in_its_text_only_is_renamed(
    project: Project, clip: Clip
) -> None:
    by_hand = [Label(0, 0, at, at + 10, "Ann") for at in (0, 20)]
    track = add(project, clip.id, "speakers", *by_hand)
    first, _ = project.labels(track)
    assert named_by(project, [first.id]) == ["Ann"]
    rename(project, [first.id], "Bea")
    assert [label.text for label in project.labels(track)] == ["Bea", "Bea"]
