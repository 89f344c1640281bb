"""Two transcripts of one recording: the words in which they differ, with their times.

What the window calls, so nothing here imports what runs models.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from earmark_plugins.speech_recognition.alignment import differences

Kind = Literal["replaced", "left out", "added"]


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word and its half-open range in frames."""

    start: int
    stop: int
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Neighbouring words that two transcripts do not share.

    Attributes
    ----------
    start, stop : int
        From the first to the last of the words in frames, of either transcript.
    kind : {"replaced", "left out", "added"}
        Of the second transcript, seen from the first.
    first, second : str
        As written; empty where there is nothing.
    """

    start: int
    stop: int
    kind: Kind
    first: str
    second: str

    @property
    def text(self) -> str:
        """In one line, for a label."""
        first, second = (
            f"“{words}”" if words else "nothing" for words in (self.first, self.second)
        )
        return f"{first} → {second}"


def compare(
    first: Sequence[TimedWord], second: Sequence[TimedWord]
) -> list[Difference]:
    """The differences of two transcripts; case and punctuation do not count.

    Parameters
    ----------
    first, second : sequence of TimedWord
        In the order of time.

    Returns
    -------
    list of Difference
        In the order of time, with the fewest words between them.
    """
    first, second = _spoken(first), _spoken(second)
    runs = differences(
        [_plain(word.text) for word in first], [_plain(word.text) for word in second]
    )
    return [_difference(first, second, run.reference, run.hypothesis) for run in runs]


def words_of(start: int, stop: int, text: str) -> Iterable[TimedWord]:
    """The words of a segment, which share its time by their length."""
    words = text.split()
    letters = sum(map(len, words))
    said = 0
    for word in words:
        begin = start + (stop - start) * said // letters
        said += len(word)
        yield TimedWord(begin, start + (stop - start) * said // letters, word)


def _difference(
    first: Sequence[TimedWord],
    second: Sequence[TimedWord],
    of_first: slice,
    of_second: slice,
) -> Difference:
    ours, theirs = first[of_first], second[of_second]
    kind: Kind = "replaced"
    if not theirs:
        kind = "left out"
    elif not ours:
        kind = "added"
    said = [*ours, *theirs]
    return Difference(
        min(word.start for word in said),
        max(word.stop for word in said),
        kind,
        " ".join(word.text for word in ours),
        " ".join(word.text for word in theirs),
    )


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def _spoken(words: Iterable[TimedWord]) -> list[TimedWord]:
    return [word for word in words if _plain(word.text)]
