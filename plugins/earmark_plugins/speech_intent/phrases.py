"""Intents with the phrases that stand for them."""

from __future__ import annotations

from dataclasses import dataclass

from earmark.api import EarmarkError, entries

_EXAMPLE = "Write one a line, such as “book flight: fly me to Paris; a ticket to Rome”."


@dataclass(frozen=True, slots=True)
class Intent:
    """What somebody may want, and how they may say it."""

    name: str
    phrases: tuple[str, ...]


def intents_of(text: str) -> list[Intent]:
    """The intents of a list, as a person writes it.

    Parameters
    ----------
    text : str
        An intent a line: its name, a colon, and phrases with semicolons between them.
        Without phrases, its name is the phrase. Of the lines of one name, all phrases
        count.

    Raises
    ------
    EarmarkError
        If there is no intent, or one without a name.
    """
    found: dict[str, list[str]] = {}
    for line in entries(text):
        name, _, said = line.partition(":")
        name = " ".join(name.split())
        if not name:
            raise EarmarkError(f"The intent “{line}” has no name.", _EXAMPLE)
        phrases = [phrase.strip() for phrase in said.split(";") if phrase.strip()]
        found.setdefault(name, []).extend(phrases)
    if not found:
        raise EarmarkError("There are no intents to choose from.", _EXAMPLE)
    return [
        Intent(name, tuple(dict.fromkeys(phrases)) or (name,))
        for name, phrases in found.items()
    ]
