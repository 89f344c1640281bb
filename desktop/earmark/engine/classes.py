"""Which classes are looked for, and from which score on each is labelled."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from earmark.core.errors import EarmarkError
from earmark.core.ontology import audioset, names_in
from earmark.core.tasks import entries

_NEAREST = 3


def wanted(names: Sequence[str], text: str) -> list[int]:
    """Where the classes are that a person wants, among those of a model.

    Parameters
    ----------
    names : sequence of str
        The classes.
    text : str
        A class or a kind of sound a line, by its name, one of its names, or its
        AudioSet id; a kind means all that it has. Empty means all.

    Raises
    ------
    EarmarkError
        If there is no such class; names those that are spelled alike.
    """
    if not entries(text):
        return list(range(len(names)))
    return sorted({index for entry in entries(text) for index in find(names, entry)})


def thresholds(names: Sequence[str], text: str) -> dict[str, float]:
    """The threshold of each class that has one of its own.

    Parameters
    ----------
    names : sequence of str
        The classes.
    text : str
        A class or a kind of sound a line, and its threshold: "Dog: 0.3". Of several
        for one class, the last counts.

    Raises
    ------
    EarmarkError
        If there is no such class, or no threshold from 0 to 1.
    """
    found = {}
    for entry in entries(text):
        name, _, number = entry.rpartition(":")
        try:
            threshold = float(number)
        except ValueError:
            threshold = -1.0
        if not name.strip() or not 0 <= threshold <= 1:
            raise EarmarkError(
                f"“{entry}” is no class with a threshold.",
                "Write the class, a colon and a number from 0 to 1: “Dog: 0.3”.",
            )
        for index in find(names, name.strip()):
            found[names[index]] = threshold
    return found


def find(names: Sequence[str], entry: str) -> list[int]:
    """Where the classes are that an entry means, among those of a model.

    Raises
    ------
    EarmarkError
        If there are none.
    """
    ontology = audioset()
    sounds = ontology.named(entry)
    meant = {kind.id for sound in sounds for kind in ontology.kinds(sound)}
    found = [
        index
        for index, name in enumerate(names)
        if name.casefold() == entry.casefold()
        or any(sound.id in meant for sound in ontology.named(name))
    ]
    if not found:
        found = [
            index
            for index, name in enumerate(names)
            if entry.casefold() in names_in(name)
        ]
    if found:
        return found
    what = f"There is no class “{entry}”."
    if sounds:
        what = f"The model has no class for “{sounds[0].name}” or a kind of it."
    raise EarmarkError(what, _nearest(names, entry))


def _nearest(names: Sequence[str], entry: str) -> str:
    """Classes, and kinds that the model has some of, spelled alike, for a remedy."""
    ontology = audioset()
    known = {part: name for name in names for part in names_in(name)}
    heard = {sound.id for name in names for sound in ontology.named(name)}
    for sound in ontology.sounds.values():
        kinds = ontology.kinds(sound) if sound.children else ()
        if any(kind.id in heard for kind in kinds):
            for part in names_in(sound.name):
                known.setdefault(part, sound.name)
    alike = difflib.get_close_matches(entry.casefold(), known, _NEAREST, 0.6)
    if not alike:
        return f"The model knows {len(names)} classes, such as {', '.join(names[:3])}."
    found = dict.fromkeys(known[part] for part in alike)
    return f"Nearest to it: {'; '.join(found)}."
