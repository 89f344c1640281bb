"""Edits of clips and labels: labels move with the audio."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from earmark.core.clips import Clip, Source, Span
from earmark.core.errors import EarmarkError
from earmark.core.labels import Label
from earmark.core.project import Fragment, Project

Ranges = list[tuple[int, int]]


@pytest.fixture
def label(project: Project, track: int) -> Callable[[Sequence[tuple[int, int]]], None]:
    """Put labels over ranges of the clip's track."""

    def add(ranges: Sequence[tuple[int, int]]) -> None:
        with project.edit("Label") as edit:
            edit.add_labels(
                Label(0, track, start, stop, f"{start}-{stop}")
                for start, stop in ranges
            )

    return add


def ranges(project: Project, track: int) -> Ranges:
    """Where the labels of a track are."""
    return [(label.start, label.stop) for label in project.labels(track)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param((0, 100), [(0, 100)], id="before it stays"),
        pytest.param((500, 600), [(400, 500)], id="after it moves up"),
        pytest.param((250, 270), [], id="wholly inside goes"),
        pytest.param((200, 300), [], id="just as long goes"),
        pytest.param((150, 250), [(150, 200)], id="its end is clipped"),
        pytest.param((250, 350), [(200, 250)], id="its start is clipped"),
        pytest.param((100, 400), [(100, 300)], id="around it shrinks"),
        pytest.param((200, 200), [], id="a point at the start goes"),
        pytest.param((300, 300), [(200, 200)], id="a point at the end stays"),
    ],
)
def test_deleting_a_range_takes_its_labels_along(
    project: Project,
    clip: Clip,
    track: int,
    label: Callable[[Ranges], None],
    before: tuple[int, int],
    after: Ranges,
) -> None:
    label([before])
    with project.edit("Delete") as edit:
        edit.delete(clip.id, 200, 300)
    assert ranges(project, track) == after
    assert project.clip(clip.id).frames == 900


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param((0, 200), [(0, 200)], id="before it stays"),
        pytest.param((200, 300), [(250, 350)], id="after it moves down"),
        pytest.param((100, 300), [(100, 350)], id="around it grows"),
        pytest.param((200, 200), [(250, 250)], id="a point follows its frame"),
    ],
)
def test_pasting_moves_labels_down(
    project: Project,
    clip: Clip,
    track: int,
    label: Callable[[Ranges], None],
    before: tuple[int, int],
    after: Ranges,
) -> None:
    label([before])
    fragment = Fragment(clip.rate, 1, (Span(None, 0, 50),))
    with project.edit("Paste") as edit:
        edit.paste(clip.id, 200, fragment)
    assert ranges(project, track) == after
    assert project.clip(clip.id).frames == 1050


def test_pasting_what_was_cut_restores_clip_and_labels(
    project: Project, clip: Clip, track: int, label: Callable[[Ranges], None]
) -> None:
    label([(0, 100), (150, 400), (210, 250), (300, 300), (500, 1000), (1000, 1000)])
    before = ranges(project, track)
    for start, stop in [(200, 300), (0, 100), (450, 1000), (0, 1000)]:
        with project.edit("Cut") as edit:
            fragment = edit.cut(clip.id, start, stop)
        assert project.clip(clip.id).frames == 1000 - (stop - start)
        with project.edit("Paste") as edit:
            edit.paste(clip.id, start, fragment)
        assert ranges(project, track) == before
        assert project.clip(clip.id) == clip


def test_trimming_clips_labels_to_what_is_kept(
    project: Project, clip: Clip, track: int, label: Callable[[Ranges], None]
) -> None:
    label([(0, 50), (50, 150), (200, 300), (350, 450), (500, 600)])
    with project.edit("Trim") as edit:
        edit.trim(clip.id, 100, 400)
    assert ranges(project, track) == [(0, 50), (100, 200), (250, 300)]
    assert project.clip(clip.id).frames == 300


def test_splitting_a_clip_shares_out_its_labels(
    project: Project, clip: Clip, track: int, label: Callable[[Ranges], None]
) -> None:
    label([(0, 50), (350, 450), (400, 400), (500, 1000)])
    with project.edit("Split") as edit:
        right = edit.split(clip.id, 400)
    (right_track,) = project.tracks(right)
    assert ranges(project, track) == [(0, 50), (350, 400)]
    assert sorted(ranges(project, right_track.id)) == [(0, 0), (0, 50), (100, 600)]
    assert [project.clip(c).frames for c in (clip.id, right)] == [400, 600]
    assert right_track.name == "Calls"


def test_duplicating_a_range_copies_tracks_and_clipped_labels(
    project: Project, clip: Clip, track: int, label: Callable[[Ranges], None]
) -> None:
    label([(0, 150), (150, 160), (190, 300), (500, 600)])
    with project.edit("Duplicate") as edit:
        copy = edit.duplicate_clip(clip.id, 100, 200)
    (copied,) = project.tracks(copy)
    assert ranges(project, copied.id) == [(0, 50), (50, 60), (90, 100)]
    assert ranges(project, track) == [(0, 150), (150, 160), (190, 300), (500, 600)]


def test_reversing_mirrors_the_labels_inside(
    project: Project, clip: Clip, track: int, label: Callable[[Ranges], None]
) -> None:
    label([(110, 120), (150, 250)])
    with project.edit("Reverse") as edit:
        edit.reverse(clip.id, 100, 200)
    assert ranges(project, track) == [(150, 250), (180, 190)]
    assert [span.reverse for span in project.clip(clip.id).spans] == [
        False,
        True,
        False,
    ]


def test_silence_gain_and_fades_leave_length_and_labels(
    project: Project, clip: Clip, track: int, label: Callable[[Ranges], None]
) -> None:
    label([(100, 200)])
    with project.edit("Change the sound") as edit:
        edit.silence(clip.id, 100, 200)
        edit.gain(clip.id, 300, 400, -6.0)
        edit.fade_in(clip.id, 0, 50)
        edit.fade_out(clip.id, 900, 1000)
    assert ranges(project, track) == [(100, 200)]
    changed = project.clip(clip.id)
    assert changed.frames == 1000
    assert [(span.source is None, span.gain_db) for span in changed.spans] == [
        (False, 0.0),
        (False, 0.0),
        (True, 0.0),
        (False, 0.0),
        (False, -6.0),
        (False, 0.0),
        (False, 0.0),
    ]
    assert changed.spans[0].fades[0].rising
    assert not changed.spans[-1].fades[0].rising


def test_labels_are_pasted_into_the_tracks_of_the_same_name(
    project: Project, clip: Clip, track: int, label: Callable[[Ranges], None]
) -> None:
    label([(10, 20)])
    with project.edit("New clip") as edit:
        other = edit.add_clip("other", clip.rate, 1, (Span(None, 0, 100),))
        words = edit.add_track(other, "Words", "words")
        edit.paste(other, 50, project.copy(clip.id, 0, 30))
    named, calls = project.tracks(other)
    assert named.id == words
    assert (calls.name, ranges(project, calls.id)) == ("Calls", [(60, 70)])


@pytest.mark.parametrize(("rate", "channels"), [(44100, 1), (8000, 2)])
def test_a_fragment_that_does_not_fit_is_refused(
    project: Project, clip: Clip, rate: int, channels: int
) -> None:
    fragment = Fragment(rate, channels, (Span(None, 0, 10),))
    with (
        pytest.raises(EarmarkError, match="does not fit"),
        project.edit("Paste") as edit,
    ):
        edit.paste(clip.id, 0, fragment)


def test_a_fragment_of_another_project_is_refused(project: Project, clip: Clip) -> None:
    fragment = Fragment(clip.rate, 1, (Span("f" * 32, 0, 10),))
    with (
        pytest.raises(EarmarkError, match="does not know the audio file"),
        project.edit("Paste") as edit,
    ):
        edit.paste(clip.id, 0, fragment)


@pytest.mark.parametrize("spans", [(Span("sea", 990, 20),), (Span("sea", -1, 5),)])
def test_spans_beyond_their_source_are_refused(
    project: Project, clip: Clip, spans: tuple[Span, ...]
) -> None:
    source = clip.spans[0].source
    spans = tuple(Span(source, span.offset, span.frames) for span in spans)
    with (
        pytest.raises(EarmarkError, match="not all in sea"),
        project.edit("Add") as edit,
    ):
        edit.add_clip("too long", clip.rate, 1, spans)


def test_a_source_of_another_rate_is_refused(project: Project, clip: Clip) -> None:
    with pytest.raises(EarmarkError, match="8000 Hz"), project.edit("Add") as edit:
        edit.add_clip("fast", 16000, 1, clip.spans)


@pytest.mark.parametrize(("start", "stop"), [(-1, 10), (20, 10), (990, 1001)])
def test_a_range_outside_the_clip_is_refused(
    project: Project, clip: Clip, start: int, stop: int
) -> None:
    with (
        pytest.raises(EarmarkError, match="not inside “sea”"),
        project.edit("Delete") as edit,
    ):
        edit.delete(clip.id, start, stop)


def test_what_is_gone_is_said_to_be_gone(project: Project, clip: Clip) -> None:
    for missing in (project.clip, project.track, project.take, project.job):
        with pytest.raises(EarmarkError, match="77 is not there"):
            missing(77)
    for action in ("update_label", "remove_track", "update_take", "remove_word"):
        with (
            pytest.raises(EarmarkError, match="77 is not there"),
            project.edit("Change") as edit,
        ):
            getattr(edit, action)(77)


def test_a_label_that_overhangs_is_clipped_and_one_outside_refused(
    project: Project, track: int
) -> None:
    with project.edit("Label") as edit:
        edit.add_label(Label(0, track, -5, 10))
        edit.add_label(Label(0, track, 990, 1003))
    assert ranges(project, track) == [(0, 10), (990, 1000)]
    for start, stop in [(1001, 1002), (-9, -3), (20, 10)]:
        with (
            pytest.raises(EarmarkError, match="not inside the clip"),
            project.edit("Label") as edit,
        ):
            edit.add_label(Label(0, track, start, stop))


def test_ids_of_added_labels_come_in_their_order(project: Project, track: int) -> None:
    with project.edit("Label") as edit:
        ids = edit.add_labels(Label(0, track, n, n, f"{n}") for n in (30, 10, 20))
    assert [project.label(key).text for key in ids if project.label(key)] == [  # type: ignore[union-attr] # checked in the condition
        "30",
        "10",
        "20",
    ]


def test_a_prediction_that_is_changed_becomes_edited(
    project: Project, track: int
) -> None:
    with project.edit("Label") as edit:
        made = edit.add_label(Label(0, track, 0, 5, "by hand"))
        found = edit.add_label(
            Label(0, track, 10, 20, "crow", score=0.5, status="predicted", job=3)
        )
        assert edit.update_label(made, text="mine").status == "confirmed"
        assert edit.update_label(found, text="crow").status == "predicted"
        assert edit.update_label(found, status="accepted").status == "accepted"
        changed = edit.update_label(found, text="raven", stop=25)
    assert changed == project.label(found)
    assert (changed.status, changed.job, changed.score) == ("edited", 3, 0.5)


def test_moving_audio_does_not_make_predictions_edited(
    project: Project, clip: Clip, track: int
) -> None:
    with project.edit("Label") as edit:
        found = edit.add_label(Label(0, track, 500, 600, status="predicted", job=1))
        edit.delete(clip.id, 0, 100)
    moved = project.label(found)
    assert moved is not None
    assert (moved.start, moved.status) == (400, "predicted")


def test_many_labels_are_accepted_at_once(project: Project, track: int) -> None:
    with project.edit("Label") as edit:
        ids = edit.add_labels(
            Label(0, track, n, n + 1, status="predicted", job=1) for n in range(10)
        )
        edit.set_label_status(ids[:4], "accepted")
    statuses = [label.status for label in project.labels(track)]
    assert statuses == ["accepted"] * 4 + ["predicted"] * 6


def test_merging_labels_keeps_what_they_agree_on(project: Project, track: int) -> None:
    with project.edit("Label") as edit:
        ids = edit.add_labels(
            [
                Label(0, track, 50, 60, "world", 200.0, None, 0, 0.9, "Ann"),
                Label(0, track, 10, 20, "hello", 100.0, 900.0, 0, 0.7, "Ann"),
                Label(0, track, 25, 30, "", 300.0, 800.0, 1, 0.7, "Ann"),
            ]
        )
        merged = edit.merge_labels(ids)
    (label,) = project.labels(track)
    assert label.id == merged == ids[1]
    assert (label.start, label.stop, label.text) == (10, 60, "hello world")
    assert (label.low_hz, label.high_hz) == (100.0, None)
    assert (label.channel, label.score, label.speaker) == (None, None, "Ann")


def test_labels_of_two_tracks_are_not_merged(
    project: Project, clip: Clip, track: int
) -> None:
    with project.edit("Label") as edit:
        other = edit.add_track(clip.id, "Other")
        ids = edit.add_labels([Label(0, track, 0, 5), Label(0, other, 5, 10)])
    with pytest.raises(EarmarkError, match="one track"), project.edit("Merge") as edit:
        edit.merge_labels(ids)


def test_splitting_a_label_gives_both_parts_its_text(
    project: Project, track: int
) -> None:
    with project.edit("Label") as edit:
        whole = edit.add_label(Label(0, track, 10, 30, "crow", speaker="a"))
        right = edit.split_label(whole, 18)
    assert ranges(project, track) == [(10, 18), (18, 30)]
    assert {label.text for label in project.labels(track)} == {"crow"}
    assert right != whole
    with (
        pytest.raises(EarmarkError, match="does not reach over frame 30"),
        project.edit("Split") as edit,
    ):
        edit.split_label(right, 30)


def test_shifting_a_track_moves_all_or_none(
    project: Project, track: int, label: Callable[[Ranges], None]
) -> None:
    label([(10, 20), (900, 950)])
    with project.edit("Shift") as edit:
        edit.shift_labels(track, 50)
    assert ranges(project, track) == [(60, 70), (950, 1000)]
    with (
        pytest.raises(EarmarkError, match="1 labels out"),
        project.edit("Shift") as edit,
    ):
        edit.shift_labels(track, 1)
    assert ranges(project, track) == [(60, 70), (950, 1000)]


def test_tracks_keep_the_order_they_are_given(project: Project, clip: Clip) -> None:
    with project.edit("Tracks") as edit:
        keys = [edit.add_track(clip.id, name) for name in "abc"]
        edit.update_track(keys[2], position=0)
    assert [track.name for track in project.tracks(clip.id)] == ["c", "a", "b"]
    with project.edit("Rename") as edit:
        edit.update_track(keys[0], name="first", kind="words")
    assert project.track(keys[0]).kind == "words"


def test_removing_a_clip_removes_what_belongs_to_it(
    project: Project, clip: Clip, track: int, label: Callable[[Ranges], None]
) -> None:
    label([(0, 10)])
    with project.edit("Remove") as edit:
        edit.remove_clip(clip.id)
    assert project.clips() == []
    assert project.tracks(clip.id) == []
    assert project.label_count(track) == 0
    assert len(project.sources()) == 1
    project.undo()
    assert project.clips() == [clip]
    assert ranges(project, track) == [(0, 10)]


def test_a_class_key_belongs_to_one_word(project: Project) -> None:
    with project.edit("Vocabulary") as edit:
        crow = edit.set_word("crow", "#101010", "1")
        edit.set_word("owl", "#ABCDEF", "1")
    assert [(word.name, word.color, word.key) for word in project.vocabulary()] == [
        ("crow", "#101010", ""),
        ("owl", "#abcdef", "1"),
    ]
    with project.edit("Vocabulary") as edit:
        assert edit.set_word("crow", "#202020") == crow
        edit.update_word(crow, name="raven")
        edit.remove_word(crow)
    assert [word.name for word in project.vocabulary()] == ["owl"]


@pytest.mark.parametrize(
    ("name", "color", "key"),
    [("crow", "red", ""), ("crow", "#000000", "x"), (" ", "#000000", "")],
)
def test_an_unusable_word_is_refused(
    project: Project, name: str, color: str, key: str
) -> None:
    with pytest.raises(EarmarkError), project.edit("Vocabulary") as edit:
        edit.set_word(name, color, key)
    assert project.vocabulary() == []


def test_text_that_is_not_unicode_is_refused(project: Project, track: int) -> None:
    with pytest.raises(EarmarkError, match="valid Unicode"), project.edit("L") as edit:
        edit.add_label(Label(0, track, 0, 1, "lone \ud800"))


def test_labels_are_found_whatever_their_case(project: Project, track: int) -> None:
    with project.edit("Label") as edit:
        edit.add_labels(
            Label(0, track, n, n + 1, text)
            for n, text in enumerate(["Straße", "STRASSE 2", "100%", "Крик"])
        )
    assert [label.start for label in project.find_labels("strasse")] == [0, 1]
    assert [label.start for label in project.find_labels("0%")] == [2]
    assert [label.start for label in project.find_labels("крик")] == [3]
    assert project.find_labels("крик", clip=99) == []


def test_labels_of_a_range_come_in_order_and_up_to_a_limit(
    project: Project, track: int, label: Callable[[Ranges], None]
) -> None:
    label([(300, 400), (0, 1000), (100, 200), (200, 200), (200, 300)])
    assert [(found.start, found.stop) for found in project.labels(track, 200, 300)] == [
        (0, 1000),
        (200, 200),
        (200, 300),
    ]
    assert len(project.labels(track, limit=2)) == 2
    assert project.label_count(track) == 5


def test_a_file_name_that_is_not_unicode_is_kept(
    project: Project, tmp_path: Path
) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    source = Source("a" * 32, path, 8000, 1, 10)
    with project.edit("Import") as edit:
        edit.add_source(source)
    assert project.sources() == [source]


def test_clips_are_read_as_they_are_whatever_was_kept_of_them(
    project: Project, clip: Clip
) -> None:
    with project.edit("Double") as edit:
        other = edit.duplicate_clip(clip.id)
    assert project.clip_ids() == [clip.id, other]
    assert project.clips_by_id([other, 99]).keys() == {other}

    with pytest.raises(KeyboardInterrupt), project.edit("Rename") as edit:
        edit.update_clip(other, name="new", tags=["a", "b"])
        assert project.clips()[1].tags == ("a", "b")
        raise KeyboardInterrupt
    assert project.clips()[1] == replace(clip, id=other)
    with project.edit("Cut") as edit:
        edit.delete(other, 0, 10)
        edit.remove_clip(clip.id)
    assert [(known.id, known.frames) for known in project.clips()] == [
        (other, clip.frames - 10)
    ]
    project.undo()
    assert project.clips() == [clip, replace(clip, id=other)]
