"""The ontology of AudioSet: its sounds, what they are kinds of, and their names."""

from __future__ import annotations

from earmark.core.ontology import audioset, choices, names_in

AUDIOSET = tuple(
    sound.name
    for sound in sorted(
        (each for each in audioset().sounds.values() if each.number is not None),
        key=lambda each: each.number or 0,
    )
)


def test_the_ontology_is_whole() -> None:
    ontology = audioset()
    assert len(ontology.sounds) == 632
    assert len(AUDIOSET) == len(set(AUDIOSET)) == 527
    assert AUDIOSET[:2] == ("Speech", "Male speech, man speaking")
    assert AUDIOSET[137] == "Music"
    assert AUDIOSET[-1] == "Field recording"
    children = {id for each in ontology.sounds.values() for id in each.children}
    assert children <= ontology.sounds.keys()
    roots = [each.name for id, each in ontology.sounds.items() if id not in children]
    assert roots == [
        "Human sounds",
        "Animal",
        "Music",
        "Natural sounds",
        "Sounds of things",
        "Source-ambiguous sounds",
        "Channel, environment and background",
    ]
    (howl,) = ontology.named("howl")
    assert [each.name for each in ontology.parents(howl)] == [
        "Dog",
        "Canidae, dogs, wolves",
    ]


def test_all_sounds_are_offered_with_what_they_are_kinds_of() -> None:
    captions = dict(choices())
    assert len(captions) == 632
    assert captions["Howl"] == "Howl  ·  Dog  ·  Canidae, dogs, wolves  ·  /m/07qf0zm"


def test_names_are_told_apart_by_commas() -> None:
    assert names_in("Bee, wasp, etc.") == ["bee", "wasp", "etc."]
