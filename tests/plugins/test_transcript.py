"""Tokens put together to words, words to segments, segments to a text."""

from __future__ import annotations

import math

import pytest

from earmark_plugins.speech.transcript import (
    Piece,
    Segment,
    Word,
    group_words,
    mean_probability,
    paragraphs,
    repeated,
    without_loop,
)


def pieces(*texts: str) -> list[Piece]:
    """Tokens of a second each, all of probability one half."""
    return [
        Piece(text, index, index + 1, math.log(0.5)) for index, text in enumerate(texts)
    ]


def test_words_begin_at_spaces() -> None:
    words = group_words(pieces(" The", " qu", "ick", ",", " brown", "."))
    assert [word.text for word in words] == ["The", "quick,", "brown."]
    assert (words[1].start_s, words[1].stop_s) == (1, 4)
    assert words[1].score == pytest.approx(0.5)


def test_a_space_may_be_a_token_of_its_own() -> None:
    words = group_words(pieces("h", "i", " ", "y", "o"))
    assert [word.text for word in words] == ["hi", "yo"]


def test_without_spaces_each_token_is_a_word_and_marks_join_the_one_before() -> None:
    words = group_words(pieces("今日", "は", "。", "元気"), spaced=False)
    assert [word.text for word in words] == ["今日", "は。", "元気"]


def test_no_tokens_are_no_words() -> None:
    assert group_words([]) == []


def test_the_mean_probability_is_the_geometric_one() -> None:
    assert mean_probability([math.log(0.1), math.log(0.4)]) == pytest.approx(0.2)
    assert mean_probability([-math.inf, math.log(0.4)]) == pytest.approx(0.4)
    assert mean_probability([]) is None


def test_what_people_repeat_is_no_loop() -> None:
    assert repeated(["no", "no", "no", "no", "no", "stop", "that"]) is None
    assert repeated(["the", "end"] * 3) is None
    assert repeated([]) is None


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_loop_is_found_whatever_its_length(length: int) -> None:
    said = ["we", "go"]
    round_ = [f"word{index}" for index in range(length)]
    texts = said + round_ * 20 + ["on"]
    found = repeated(texts)
    assert found is not None
    first, after = found
    assert texts[:first] + texts[after:] == [*said, *round_, "on"]


def test_a_loop_is_reduced_to_its_first_round_with_its_words() -> None:
    words = tuple(Word(i, i + 1, text) for i, text in enumerate(["thank", "you"] * 8))
    text = " ".join(word.text for word in words)
    left = without_loop(Segment(0, 16, text, 0.9, words))
    assert left.text == "thank you"
    assert left.words == words[:2]
    assert left.stop_s == 2


def test_a_long_pause_begins_a_new_line() -> None:
    segments = [
        Segment(0, 1, "One."),
        Segment(1.2, 2, " Two. "),
        Segment(9, 10, "Three."),
    ]
    assert paragraphs(segments) == "One. Two.\nThree."
