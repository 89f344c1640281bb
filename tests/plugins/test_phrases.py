"""Intents as a person writes them."""

from __future__ import annotations

import pytest

from earmark.api import EarmarkError
from earmark_plugins.speech_intent.phrases import Intent, intents_of


def test_an_intent_has_a_name_and_phrases() -> None:
    assert intents_of("book flight: I need a ticket; fly me to Paris\n\nhelp:\n") == [
        Intent("book flight", ("I need a ticket", "fly me to Paris")),
        Intent("help", ("help",)),
    ]


def test_an_intent_without_phrases_is_its_own() -> None:
    assert intents_of("turn the light on") == [
        Intent("turn the light on", ("turn the light on",))
    ]


def test_lines_of_one_name_are_one_intent() -> None:
    assert intents_of("stop: halt ; halt\ngo: on\nstop: no more") == [
        Intent("stop", ("halt", "no more")),
        Intent("go", ("on",)),
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("", "no intents"), ("  \n ", "no intents"), (": fly me", "“: fly me” has no")],
)
def test_a_list_without_names_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(EarmarkError, match=complaint):
        intents_of(text)
