"""The sounds of AudioSet's ontology: their ids, names, and which are kinds of which.

Gemmeke et al., "Audio Set: An ontology and human-labeled dataset for audio events",
2017 (https://github.com/audioset/ontology, CC BY-SA 4.0).
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Sound:
    """A class of sounds.

    Attributes
    ----------
    id : str
        Its machine id: "/m/0bt9lr".
    name : str
        "Dog", or several names with commas between them: "Chicken, rooster".
    number : int or None
        Of the class in models of AudioSet; they know 527 of the 632 sounds.
    children : tuple of str
        Ids of its kinds. A sound can be of several kinds.
    """

    id: str
    name: str
    number: int | None
    children: tuple[str, ...]


class Ontology:
    """All sounds by their ids."""

    def __init__(self, sounds: tuple[Sound, ...]) -> None:
        self.sounds = {sound.id: sound for sound in sounds}
        self._whole: dict[str, list[Sound]] = defaultdict(list)
        self._parts: dict[str, list[Sound]] = defaultdict(list)
        self._parents: dict[str, list[Sound]] = defaultdict(list)
        for sound in sounds:
            for name in (sound.id, sound.name):
                self._whole[name.casefold()].append(sound)
            for name in names_in(sound.name):
                self._parts[name].append(sound)
            for child in sound.children:
                self._parents[child].append(sound)

    def name(self, id: str) -> str:
        """The name of a sound; what is not the id of one is a name already."""
        return self.sounds[id].name if id in self.sounds else id

    def named(self, text: str) -> Sequence[Sound]:
        """The sounds with an id or a name, or else those with it among their names."""
        wanted = text.casefold()
        found = self._whole if wanted in self._whole else self._parts
        return found.get(wanted, ())

    def kinds(self, sound: Sound) -> Iterator[Sound]:
        """A sound and all that are of its kind."""
        yield sound
        for child in sound.children:
            yield from self.kinds(self.sounds[child])

    def parents(self, sound: Sound) -> Sequence[Sound]:
        """What a sound is a kind of."""
        return self._parents[sound.id]


def names_in(name: str) -> list[str]:
    """The names that a class is called by, in lower case: "chicken", "rooster"."""
    return [part.strip() for part in name.casefold().split(",") if part.strip()]


@lru_cache(maxsize=1)
def audioset() -> Ontology:
    """The sounds of AudioSet, each kind before what it has."""
    text = files("earmark.core").joinpath("audioset.tsv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    return Ontology(
        tuple(
            Sound(
                row["id"],
                row["name"],
                int(row["class"]) if row["class"] else None,
                tuple(row["children"].split()),
            )
            for row in rows
        )
    )


def choices() -> list[tuple[str, str]]:
    """Each name, and a caption with what it is a kind of and its id, to be searched."""
    ontology = audioset()
    return [
        (
            sound.name,
            "  ·  ".join(
                [
                    sound.name,
                    *(parent.name for parent in ontology.parents(sound)),
                    sound.id,
                ]
            ),
        )
        for sound in ontology.sounds.values()
    ]
