"""The text that most labels of a clip have."""

from __future__ import annotations

from pathlib import Path

import pytest

from earmark.core.clips import Source, Span
from earmark.core.labels import Label
from earmark.core.project import Project


@pytest.fixture
def filled(tmp_path: Path) -> tuple[Project, list[int]]:
    """A project with three clips, the first two of which have a track."""
    project = Project.create(tmp_path / "p.earmark")
    source = Source("0" * 32, tmp_path / "none.wav", 100, 1, 1000)
    with project.edit("Fill") as edit:
        edit.add_source(source)
        clips = [
            edit.add_clip(name, 100, 1, (Span(source.id, 0, 1000),)) for name in "abc"
        ]
        for clip in clips[:2]:
            edit.add_track(clip, "labels")
            edit.add_track(clip, "words", "words")
    return project, clips


def label(project: Project, clip: int, texts: str, track: int = 0) -> list[int]:
    """Label a clip with words, one after the other."""
    to = project.tracks(clip)[track].id
    with project.edit("Label") as edit:
        return edit.add_labels(
            Label(0, to, 10 * number, 10 * number + 5, text)
            for number, text in enumerate(texts.split())
        )


def test_the_text_of_most_labels_counts_and_of_as_many_the_earliest(
    filled: tuple[Project, list[int]],
) -> None:
    project, (first, second, _) = filled
    label(project, first, "dog cat cat dog cat")
    label(project, second, "rain wind wind rain")
    assert project.usual_labels() == {first: "cat", second: "rain"}
    project.close()


def test_words_rejected_labels_and_those_without_a_text_do_not_count(
    filled: tuple[Project, list[int]],
) -> None:
    project, (first, second, _) = filled
    cats = label(project, first, "cat cat dog")[:2]
    label(project, second, "said said", track=1)
    with project.edit("Reject") as edit:
        edit.set_label_status(cats, "rejected")
        empty = Label(0, project.tracks(second)[0].id, 0, 5, "")
        edit.add_label(empty)
    assert project.usual_labels() == {first: "dog"}
    project.close()
