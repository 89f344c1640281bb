"""The history: what is undone and redone, and what listeners are told."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from earmark.core import schema
from earmark.core.clips import Clip, Source, Span
from earmark.core.labels import STATUSES, Label
from earmark.core.project import Change, Project
from earmark.core.tasks import Take, Text

Dump = dict[str, list[tuple[Any, ...]]]


def dump(project: Project) -> Dump:
    """All tracked tables."""
    return {
        table: project._database.rows(f"SELECT * FROM {table} ORDER BY 1")
        for table in schema.TRACKED
    }


PLACE = st.floats(0, 1)
PICK = st.integers(0, 1000)


class Editing(RuleBasedStateMachine):
    """Random edits, undos and redos against the states they led from and to."""

    def __init__(self) -> None:
        super().__init__()
        self.scratch = tempfile.TemporaryDirectory()
        self.folder = Path(self.scratch.name) / "Random.earmark"
        self.project = Project.create(self.folder)
        self.past: list[Dump] = []
        self.now: Dump = dump(self.project)
        self.future: list[Dump] = []

    def teardown(self) -> None:
        self.project.close()
        self.scratch.cleanup()

    @initialize()
    def import_a_clip(self) -> None:
        source = Source("a" * 32, self.folder.parent / "a.wav", 8000, 1, 400)
        with self.project.edit("Import") as edit:
            edit.add_source(source)
            clip = edit.add_clip("a", 8000, 1, (Span(source.id, 0, 400),), ("x",))
            edit.add_track(clip, "first")
        self.edited()

    def edited(self) -> None:
        """Take note of what an edit led to."""
        after = dump(self.project)
        if after != self.now:
            self.past.append(self.now)
            self.future.clear()
            self.now = after

    def a_clip(self, pick: int) -> Clip:
        clips = self.project.clips()
        return clips[pick % len(clips)]

    def a_range(self, clip: Clip, a: float, b: float) -> tuple[int, int]:
        start, stop = sorted((int(a * clip.frames), int(b * clip.frames)))
        return start, stop

    def some_labels(self) -> list[int]:
        return [row[0] for row in self.now["labels"]]

    @property
    def has_clip(self) -> bool:
        return bool(self.now["clips"])

    @precondition(lambda self: self.has_clip)
    @rule(pick=PICK, a=PLACE, b=PLACE, text=st.text(max_size=5))
    def add_labels(self, pick: int, a: float, b: float, text: str) -> None:
        clip = self.a_clip(pick)
        start, stop = self.a_range(clip, a, b)
        with self.project.edit("Label") as edit:
            tracks = self.project.tracks(clip.id)
            track = (
                tracks[pick % len(tracks)].id
                if tracks
                else edit.add_track(clip.id, text)
            )
            edit.add_labels(
                [Label(0, track, start, stop, text), Label(0, track, start, start)]
            )
        self.edited()

    @precondition(lambda self: self.some_labels())
    @rule(pick=PICK, a=PLACE, b=PLACE, status=st.sampled_from(STATUSES))
    def change_a_label(self, pick: int, a: float, b: float, status: str) -> None:
        labels = self.some_labels()
        key = labels[pick % len(labels)]
        label = self.project.label(key)
        assert label is not None
        clip = self.project.clip(self.project.track(label.track).clip)
        start, stop = self.a_range(clip, a, b)
        with self.project.edit("Change") as edit:
            edit.update_label(key, start=start, stop=stop, status=status)
        self.edited()

    @precondition(lambda self: self.some_labels())
    @rule(pick=PICK)
    def remove_labels(self, pick: int) -> None:
        labels = self.some_labels()
        with self.project.edit("Remove") as edit:
            edit.remove_labels(labels[pick % len(labels) :])
        self.edited()

    @precondition(lambda self: self.has_clip)
    @rule(pick=PICK, a=PLACE, b=PLACE, at=PLACE)
    def move_audio(self, pick: int, a: float, b: float, at: float) -> None:
        clip = self.a_clip(pick)
        with self.project.edit("Move") as edit:
            cut = edit.cut(clip.id, *self.a_range(clip, a, b))
            left = clip.frames - cut.frames
            edit.paste(clip.id, int(at * left), cut)
        assert self.project.clip(clip.id).frames == clip.frames
        self.edited()

    @precondition(lambda self: self.has_clip)
    @rule(
        pick=PICK,
        a=PLACE,
        b=PLACE,
        how=st.sampled_from(["silence", "reverse", "fade_in", "fade_out", "delete"]),
    )
    def change_audio(self, pick: int, a: float, b: float, how: str) -> None:
        clip = self.a_clip(pick)
        start, stop = self.a_range(clip, a, b)
        with self.project.edit(how) as edit:
            getattr(edit, how)(clip.id, start, stop)
        removed = stop - start if how == "delete" else 0
        assert self.project.clip(clip.id).frames == clip.frames - removed
        self.edited()

    @precondition(lambda self: self.has_clip)
    @rule(pick=PICK, at=PLACE)
    def split(self, pick: int, at: float) -> None:
        clip = self.a_clip(pick)
        with self.project.edit("Split") as edit:
            right = edit.split(clip.id, int(at * clip.frames))
            edit.update_clip(right, name="right", status="done")
        self.edited()

    @precondition(lambda self: self.has_clip)
    @rule(pick=PICK)
    def remove_a_clip(self, pick: int) -> None:
        with self.project.edit("Remove clip") as edit:
            edit.remove_clip(self.a_clip(pick).id)
        self.edited()

    @precondition(lambda self: self.has_clip)
    @rule(pick=PICK, job=st.integers(1, 3))
    def add_a_take_and_a_text(self, pick: int, job: int) -> None:
        clip = self.a_clip(pick).id
        with self.project.edit("Take") as edit:
            take = edit.add_take(Take(0, "a" * 32, clip, job, {"wer": 0.1}))
            edit.update_take(take, check={"errors": 1})
            edit.set_text(job, clip, Text("transcript", f"{pick}"))
        self.edited()

    @rule(name=st.sampled_from("abc"), key=st.sampled_from(["", "1", "2"]))
    def set_a_word(self, name: str, key: str) -> None:
        with self.project.edit("Word") as edit:
            edit.set_word(name, "#123456", key)
        self.edited()

    @precondition(lambda self: self.has_clip)
    @rule(pick=PICK)
    def fail(self, pick: int) -> None:
        with pytest.raises(ZeroDivisionError), self.project.edit("Fail") as edit:
            edit.remove_clip(self.a_clip(pick).id)
            edit.set_word("never", "#000000")
            _ = 1 / 0
        assert dump(self.project) == self.now

    @rule()
    def undo(self) -> None:
        change = self.project.undo()
        assert (change is None) == (not self.past)
        if change is not None:
            assert dump(self.project) == self.past[-1]
            assert set(change.rows) == {
                table for table in self.now if self.now[table] != self.past[-1][table]
            }
            self.future.append(self.now)
            self.now = self.past.pop()

    @rule()
    def redo(self) -> None:
        change = self.project.redo()
        assert (change is None) == (not self.future)
        if change is not None:
            assert dump(self.project) == self.future[-1]
            self.past.append(self.now)
            self.now = self.future.pop()

    @rule()
    def restart(self) -> None:
        self.project.close()
        self.project = Project.open(self.folder)
        assert dump(self.project) == self.now

    @invariant()
    def the_history_is_as_long_as_the_past_and_the_future(self) -> None:
        undone = [entry.undone for entry in self.project.history()]
        assert undone == [False] * len(self.past) + [True] * len(self.future)

    @invariant()
    def labels_are_inside_their_clips(self) -> None:
        for clip in self.project.clips():
            for track in self.project.tracks(clip.id):
                for label in self.project.labels(track.id):
                    assert 0 <= label.start <= label.stop <= clip.frames

    @invariant()
    def the_arrays_are_the_labels(self) -> None:
        for _, track, *_ in self.now["labels"]:
            arrays = self.project.label_arrays(track)
            labels = {label.id: label for label in self.project.labels(track)}
            assert set(arrays.ids.tolist()) == set(labels)
            assert arrays.starts.tolist() == sorted(arrays.starts.tolist())
            for at, key in enumerate(arrays.ids.tolist()):
                assert (arrays.starts[at], arrays.stops[at]) == (
                    labels[key].start,
                    labels[key].stop,
                )
                assert STATUSES[arrays.statuses[at]] == labels[key].status


TestEditing = Editing.TestCase
TestEditing.settings = settings(max_examples=40, stateful_step_count=30)


def test_an_edit_tells_which_rows_it_changed(
    project: Project, clip: Clip, track: int
) -> None:
    changes: list[Change] = []
    unsubscribe = project.subscribe(changes.append)
    with project.edit("Label") as edit:
        first = edit.add_label(Label(0, track, 0, 10))
        second = edit.add_label(Label(0, track, 20, 30))
    with project.edit("Rename") as edit:
        edit.update_label(first, text="crow")
        edit.update_clip(clip.id, name="bay")
    project.undo()
    project.redo()
    unsubscribe()
    project.undo()
    assert [(change.kind, change.title) for change in changes] == [
        ("edit", "Label"),
        ("edit", "Rename"),
        ("undo", "Rename"),
        ("redo", "Rename"),
    ]
    assert changes[0].rows == {"labels": {first, second}}
    assert changes[1].rows == {"labels": {first}, "clips": {clip.id}}
    assert changes[1].rows["takes"] == frozenset()
    assert [change.tracks for change in changes] == [{track}] * 4


def test_an_edit_without_effect_leaves_no_trace(project: Project, clip: Clip) -> None:
    with project.edit("Delete") as edit:
        edit.delete(clip.id, 0, 100)
    project.undo()
    changes: list[Change] = []
    project.subscribe(changes.append)
    with project.edit("Rename") as edit:
        edit.update_clip(clip.id, name="other")
        edit.update_clip(clip.id, name=clip.name)
        edit.delete(clip.id, 10, 10)
    assert changes == []
    assert project.redo_title == "Delete"


def test_an_exception_in_an_edit_takes_all_of_it_back(
    project: Project, clip: Clip
) -> None:
    before = dump(project)
    changes: list[Change] = []
    project.subscribe(changes.append)
    with pytest.raises(KeyboardInterrupt), project.edit("Remove") as edit:
        edit.remove_clip(clip.id)
        raise KeyboardInterrupt
    assert dump(project) == before
    assert changes == []
    with project.edit("Rename") as edit:
        edit.update_clip(clip.id, name="still works")
    assert project.undo_title == "Rename"


def test_edits_do_not_nest(project: Project, clip: Clip) -> None:
    with project.edit("Outer") as edit:
        edit.update_clip(clip.id, name="outer")
        with pytest.raises(RuntimeError, match="under way"), project.edit("Inner"):
            raise AssertionError("never reached")
        with pytest.raises(RuntimeError, match="under way"):
            project.undo()
    assert project.clip(clip.id).name == "outer"


def test_a_new_edit_drops_what_was_undone(project: Project, clip: Clip) -> None:
    for name in ("one", "two", "three"):
        with project.edit(name) as edit:
            edit.update_clip(clip.id, name=name)
    project.undo()
    project.undo()
    with project.edit("four") as edit:
        edit.update_clip(clip.id, name="four")
    assert not project.can_redo
    assert [entry.title for entry in project.history()] == ["Import", "one", "four"]


def test_going_to_a_step_undoes_or_redoes_up_to_it(
    project: Project, clip: Clip
) -> None:
    for name in ("one", "two", "three"):
        with project.edit(name) as edit:
            edit.update_clip(clip.id, name=name)
    steps = {entry.title: entry.id for entry in project.history()}
    for title in ("one", "three", "two"):
        project.go_to(steps[title])
        assert project.clip(clip.id).name == title
        assert project.undo_title == title
    project.go_to(0)
    assert project.clips() == []
    assert not project.can_undo


def test_the_history_is_bounded_and_keeps_the_newest(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "Bounded", history_bytes=4000)
    for number in range(100):
        with project.edit(f"{number}") as edit:
            edit.add_clip(f"{number}" * 20, 8000, 1, ())
    kept = project.history()
    assert 1 < len(kept) < 100
    assert [entry.title for entry in kept] == [
        f"{number}" for number in range(100 - len(kept), 100)
    ]
    assert sum(entry.bytes for entry in kept) <= 4000
    for _ in kept:
        project.undo()
    assert len(project.clips()) == 100 - len(kept)
    for _ in kept:
        project.redo()
    with project.edit("huge") as edit:
        for number in range(1000):
            edit.add_clip(f"{number * 7919}", 8000, 1, ())
    assert [entry.title for entry in project.history()] == ["huge"]
    project.undo()
    assert len(project.clips()) == 100
    project.close()


def test_every_listener_hears_of_a_change_even_if_one_fails(
    project: Project, clip: Clip
) -> None:
    heard: list[Change] = []

    def broken(change: Change) -> None:
        raise ZeroDivisionError

    project.subscribe(broken)
    project.subscribe(heard.append)
    with pytest.raises(ZeroDivisionError), project.edit("Rename") as edit:
        edit.update_clip(clip.id, name="other")
    assert len(heard) == 1
    assert project.clip(clip.id).name == "other"


def test_a_listener_may_edit(project: Project, clip: Clip) -> None:
    def tag(change: Change) -> None:
        if change.title == "Rename":
            with project.edit("Tag") as edit:
                edit.update_clip(clip.id, tags=("renamed",))

    project.subscribe(tag)
    with project.edit("Rename") as edit:
        edit.update_clip(clip.id, name="other")
    assert project.clip(clip.id).tags == ("renamed",)
    assert project.undo_title == "Tag"


def test_the_view_state_is_not_part_of_the_history(
    project: Project, clip: Clip
) -> None:
    project.set_view("spectrogram", {"window": 2048})
    project.set_view("spectrogram", {"window": 4096})
    project.undo()
    assert project.view("spectrogram") == {"window": 4096}
    assert project.view("zoom") is None
