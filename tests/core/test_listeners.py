"""Who is told, in which order, and what happens if one of them fails."""

from __future__ import annotations

import pytest

from earmark.core.listeners import Listeners


def test_listeners_are_told_in_order_until_they_end_it() -> None:
    told: list[str] = []
    listeners: Listeners[[str]] = Listeners()
    listeners.add(lambda word: told.append(f"first {word}"))
    end = listeners.add(lambda word: told.append(f"second {word}"))
    listeners.tell("one")
    end()
    end()
    listeners.tell("two")
    assert told == ["first one", "second one", "first two"]


def test_a_listener_that_fails_keeps_no_other_from_being_told() -> None:
    told: list[str] = []
    listeners: Listeners[[]] = Listeners()

    def fail() -> None:
        raise ZeroDivisionError("the first")

    listeners.add(fail)
    listeners.add(lambda: told.append("the second"))
    with pytest.raises(ZeroDivisionError, match="the first"):
        listeners.tell()
    assert told == ["the second"]


def test_one_that_is_added_while_they_are_told_is_told_the_next_time() -> None:
    told: list[int] = []
    listeners: Listeners[[int]] = Listeners()

    def grow(number: int) -> None:
        listeners.add(told.append)

    listeners.add(grow)
    listeners.tell(1)
    listeners.tell(2)
    assert told == [2]
