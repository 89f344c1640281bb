"""Which classes of a model a person means, and their thresholds."""

from __future__ import annotations

import pytest

from earmark.core.errors import EarmarkError
from earmark.core.ontology import audioset
from earmark.engine.classes import find, thresholds, wanted

AUDIOSET = tuple(
    sound.name
    for sound in sorted(
        (each for each in audioset().sounds.values() if each.number is not None),
        key=lambda each: each.number or 0,
    )
)


def found(entry: str, names: tuple[str, ...] = AUDIOSET) -> list[str]:
    return [names[index] for index in find(names, entry)]


def test_a_class_is_found_by_its_name_one_of_its_names_or_its_id() -> None:
    assert found("bark") == ["Bark"]
    assert found("ROOSTER")[0] == "Chicken, rooster"
    assert found("/m/05tny_") == ["Bark"]
    assert found("Whimper") == ["Whimper"]
    assert found("Whimper (dog)") == ["Whimper (dog)"]


def test_a_kind_of_sound_means_all_that_it_has() -> None:
    dogs = found("Dog")
    assert dogs[:3] == ["Dog", "Bark", "Yip"]
    assert "Whimper (dog)" in dogs
    animals = found("Animal")
    assert set(dogs) < set(animals)
    assert {"Meow", "Bee, wasp, etc.", "Whale vocalization"} < set(animals)
    assert "Speech" not in animals
    # It is no class itself.
    assert "Laughter" in found("Human voice")


def test_the_classes_of_other_data_sets_have_kinds_too() -> None:
    tags = ("guitar", "violin", "techno", "choir", "female vocal", "beats")
    assert found("Musical instrument", tags) == ["guitar", "violin", "choir"]
    assert found("Electronic music", tags) == ["techno"]
    assert found("beats", tags) == ["beats"]


@pytest.mark.parametrize(
    ("entry", "nearest"),
    [("dgo", "Dog"), ("Animl", "Animal"), ("roster", "Chicken, rooster")],
)
def test_an_unknown_class_is_answered_with_the_nearest(
    entry: str, nearest: str
) -> None:
    with pytest.raises(EarmarkError, match=f"no class “{entry}”") as refused:
        find(AUDIOSET, entry)
    assert nearest in str(refused.value)


def test_a_kind_that_the_model_does_not_know_is_told_from_an_unknown_one() -> None:
    with pytest.raises(EarmarkError, match="no class for “Vehicle” or a kind of it"):
        find(("guitar", "piano"), "vehicle")
    with pytest.raises(EarmarkError) as refused:
        find(("guitar", "piano"), "Animal")
    assert "Animal" not in refused.value.remedy
    with pytest.raises(EarmarkError, match="knows 2 classes, such as guitar, piano"):
        find(("guitar", "piano"), "qqq")


def test_the_classes_that_are_wanted_are_in_the_order_of_the_model() -> None:
    assert wanted(("a", "b", "c"), "c\n\n a ") == [0, 2]
    assert wanted(("a", "b", "c"), " \n") == [0, 1, 2]


def test_classes_and_kinds_have_thresholds_of_their_own() -> None:
    own = thresholds(AUDIOSET, "Dog: 0.4\nBark: 0.2\nchicken: 1")
    assert own["Dog"] == own["Yip"] == 0.4
    assert own["Bark"] == 0.2
    assert own["Chicken, rooster"] == own["Cluck"] == 1
    assert thresholds(AUDIOSET, "") == {}


@pytest.mark.parametrize("entry", ["Dog", "Dog: much", "Dog: 1.2", ": 0.3", "Dog: nan"])
def test_what_is_no_threshold_is_refused(entry: str) -> None:
    with pytest.raises(EarmarkError, match="no class with a threshold"):
        thresholds(AUDIOSET, entry)


def test_each_kind_that_is_offered_is_one_that_a_model_of_audioset_knows() -> None:
    assert all(find(AUDIOSET, name) for name in ("Animal", "Human voice", "Howl"))
