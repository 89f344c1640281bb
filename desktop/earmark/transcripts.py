"""Transcripts of one recording side by side: the words in which they differ."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from earmark.core.errors import EarmarkError

Kind = Literal["replaced", "left out", "added"]


@dataclass(frozen=True, slots=True)
class SpokenWord:
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
    words : int
        How many words must be replaced, left out or added.
    """

    start: int
    stop: int
    kind: Kind
    first: str
    second: str
    words: int

    @property
    def text(self) -> str:
        """In one line, for a label."""
        first, second = (
            f"“{words}”" if words else "nothing" for words in (self.first, self.second)
        )
        return f"{first} → {second}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far the second of two transcripts is from the first.

    Attributes
    ----------
    words : int
        Of the first transcript.
    differences : tuple of Difference
        In the order of time, with the fewest words between them.
    """

    words: int
    differences: tuple[Difference, ...]

    @property
    def wrong(self) -> int:
        """How many words must be replaced, left out or added."""
        return sum(each.words for each in self.differences)

    @property
    def wer(self) -> float | None:
        """The word error rate: `wrong` by `words`; None if there are no words."""
        return self.wrong / self.words if self.words else None


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring words that differ: half-open ranges of two lists.

    One of the ranges may be empty; it is then where the words of the other belong.
    """

    reference: slice
    hypothesis: slice


def compare_words(
    first: Sequence[SpokenWord], second: Sequence[SpokenWord]
) -> Comparison:
    """How two transcripts differ; case and punctuation do not count.

    Parameters
    ----------
    first, second : sequence of SpokenWord
        In the order of time.

    Raises
    ------
    EarmarkError
        If the library that aligns them is not installed.
    """
    first, second = _spoken(first), _spoken(second)
    runs = _differences(
        [_plain(word.text) for word in first], [_plain(word.text) for word in second]
    )
    found = (_difference(first[run.reference], second[run.hypothesis]) for run in runs)
    return Comparison(len(first), tuple(found))


def words_of(start: int, stop: int, text: str) -> Iterator[SpokenWord]:
    """The words of a segment, which share its time by their length."""
    words = text.split()
    letters = sum(map(len, words))
    said = 0
    for word in words:
        begin = start + (stop - start) * said // letters
        said += len(word)
        yield SpokenWord(begin, start + (stop - start) * said // letters, word)


def differing(chunks: Iterable[Any]) -> Iterator[Run]:
    """Join what jiwer found to differ into runs of neighbours.

    Parameters
    ----------
    chunks : iterable of jiwer.AlignmentChunk
        Of one pair of texts, in order.
    """
    open_run: Run | None = None
    for chunk in chunks:
        if chunk.type == "equal":
            continue
        reference = slice(chunk.ref_start_idx, chunk.ref_end_idx)
        hypothesis = slice(chunk.hyp_start_idx, chunk.hyp_end_idx)
        if open_run is not None and (
            (open_run.reference.stop, open_run.hypothesis.stop)
            == (reference.start, hypothesis.start)
        ):
            reference = slice(open_run.reference.start, reference.stop)
            hypothesis = slice(open_run.hypothesis.start, hypothesis.stop)
        elif open_run is not None:
            yield open_run
        open_run = Run(reference, hypothesis)
    if open_run is not None:
        yield open_run


def _differences(reference: Sequence[str], hypothesis: Sequence[str]) -> Iterator[Run]:
    """The runs in which two lists of words differ, by the fewest edits of words."""
    try:
        # The window compares too, and starts sooner without it.
        import jiwer
    except ImportError as error:
        raise EarmarkError(
            "Comparing transcripts needs the Python package jiwer, which is not "
            "installed.",
            "Install `earmark[models]`.",
        ) from error
    found = jiwer.process_words(" ".join(reference), " ".join(hypothesis))
    return differing(found.alignments[0])


def _difference(
    first: Sequence[SpokenWord], second: Sequence[SpokenWord]
) -> Difference:
    kind: Kind = "replaced"
    if not second:
        kind = "left out"
    elif not first:
        kind = "added"
    said = [*first, *second]
    return Difference(
        min(word.start for word in said),
        max(word.stop for word in said),
        kind,
        " ".join(word.text for word in first),
        " ".join(word.text for word in second),
        max(len(first), len(second)),
    )


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def _spoken(words: Iterable[SpokenWord]) -> list[SpokenWord]:
    return [word for word in words if _plain(word.text)]
