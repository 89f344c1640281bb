"""A long text in pieces that a voice can speak."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from earmark_plugins.text_to_speech.sentences import split_sentences


def test_sentences_end_where_they_end() -> None:
    text = 'He left. "Really?" she asked. The U.S. has states!\nA new line'
    assert split_sentences(text, "en", 400) == [
        "He left.",
        '"Really?" she asked.',
        "The U.S. has states!",
        "A new line",
    ]


def test_languages_have_their_own_ends() -> None:
    assert split_sentences("今日は。元気？", "ja", 400) == ["今日は。", "元気？"]
    assert split_sentences("Am 3. Mai kam er. Dann ging er.", "de", 400) == [
        "Am 3. Mai kam er.",
        "Dann ging er.",
    ]


def test_a_long_sentence_is_parted_at_its_clauses() -> None:
    text = "first we walk, then we run, and in the end we rest."
    assert split_sentences(text, "en", 30) == [
        "first we walk, then we run,",
        "and in the end we rest.",
    ]


def test_marks_alone_are_no_sentence() -> None:
    assert split_sentences("*** --- !!!", "en", 100) == []
    assert split_sentences("", "en", 100) == []


@given(st.text(max_size=200), st.integers(5, 60))
def test_no_letter_is_lost_and_no_part_is_too_long(text: str, longest: int) -> None:
    parts = split_sentences(text, "en", longest)
    assert all(len(part) <= longest for part in parts)
    letters = [char for char in text if char.isalnum()]
    assert [char for char in "".join(parts) if char.isalnum()] == letters
