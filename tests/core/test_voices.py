"""Voices that are kept, speakers that are renamed, and named lists."""

from __future__ import annotations

import pytest

from earmark.core.clips import Clip, Span
from earmark.core.errors import EarmarkError
from earmark.core.labels import Label
from earmark.core.project import Project


def test_a_voice_outlives_its_clip(project: Project, clip: Clip) -> None:
    with project.edit("Keep a voice") as edit:
        edit.add_voice("Ann", clip.id, 100, 300)
        edit.add_voice("Ann", clip.id, 500, 600)
        edit.add_voice("Ben ", clip.id, 0, 50)
    with project.edit("Delete") as edit:
        edit.remove_clip(clip.id)
    first, second, third = project.voices()
    assert [voice.name for voice in (first, second, third)] == ["Ann", "Ann", "Ben"]
    assert first.spans == (Span(clip.spans[0].source, 100, 200),)
    assert (first.frames, first.rate) == (200, clip.rate)


def test_a_voice_is_forgotten_and_comes_back(project: Project, clip: Clip) -> None:
    with project.edit("Keep a voice") as edit:
        voice = edit.add_voice("Ann", clip.id, 0, 300)
    with project.edit("Forget a voice") as edit:
        edit.remove_voices([voice, 99])
    assert project.voices() == []
    project.undo()
    assert [kept.id for kept in project.voices()] == [voice]


@pytest.mark.parametrize(
    ("name", "start", "stop", "reason"),
    [
        ("  ", 0, 10, "needs a name"),
        ("Ann", 10, 10, "the range is empty"),
        ("Ann", 0, 9999, "not inside"),
    ],
)
def test_an_unusable_voice_is_refused(
    project: Project, clip: Clip, name: str, start: int, stop: int, reason: str
) -> None:
    with pytest.raises(EarmarkError, match=reason), project.edit("Keep") as edit:
        edit.add_voice(name, clip.id, start, stop)


def test_a_speaker_is_renamed_wherever_the_name_stands(
    project: Project, clip: Clip
) -> None:
    with project.edit("Label") as edit:
        turns = edit.add_track(clip.id, "speakers", "speakers")
        said = edit.add_track(clip.id, "segments", "segments")
        edit.add_labels(
            [
                Label(0, turns, 0, 10, "Speaker 1", speaker="Speaker 1"),
                Label(0, turns, 10, 20, "Speaker 2", speaker="Speaker 2"),
                Label(0, said, 0, 10, "Speaker 1", speaker="Speaker 1"),
            ]
        )
        edit.add_voice("Speaker 1", clip.id, 0, 10)
    with project.edit("Rename speaker") as edit:
        edit.rename_speaker("Speaker 1", "Ann")
    told = [(label.text, label.speaker) for label in project.labels(turns)]
    assert told == [("Ann", "Ann"), ("Speaker 2", "Speaker 2")]
    # What was said is not who said it.
    assert [(x.text, x.speaker) for x in project.labels(said)] == [("Speaker 1", "Ann")]
    assert [voice.name for voice in project.voices()] == ["Ann"]
    project.undo()
    assert project.labels(turns)[0].text == "Speaker 1"


def test_a_list_is_replaced_by_the_one_of_its_name(project: Project) -> None:
    with project.edit("Keep a list") as edit:
        edit.set_list("keywords", "birds", "owl")
        edit.set_list("intents", "birds", "hoot: who")
        kept = edit.set_list("keywords", " birds ", "owl\nwren")
        edit.set_list("keywords", "animals", "dog")
    assert [(each.name, each.text) for each in project.lists("keywords")] == [
        ("animals", "dog"),
        ("birds", "owl\nwren"),
    ]
    with project.edit("Forget a list") as edit:
        edit.remove_list(kept)
    assert [each.name for each in project.lists("keywords")] == ["animals"]
    with pytest.raises(EarmarkError, match="not there"), project.edit("x") as edit:
        edit.remove_list(kept)
