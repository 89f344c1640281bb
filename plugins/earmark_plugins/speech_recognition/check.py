"""A take compared with its text: what differs, how much, and where."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jiwer
from transformers.models.whisper.english_normalizer import (
    BasicTextNormalizer,
    EnglishTextNormalizer,
)

from earmark.api import EarmarkError, differing
from earmark_plugins.speech.languages import UNSPACED
from earmark_plugins.speech.transcript import Word

_basic: Any = BasicTextNormalizer


@functools.cache
def _english() -> Any:
    # Without a table of spellings: "colour" and "color" stay two words.
    normaliser: Any = EnglishTextNormalizer
    return normaliser({})


@dataclass(frozen=True, slots=True)
class Divergence:
    """Neighbouring words that differ; either side may be empty."""

    start_s: float
    stop_s: float
    expected: str
    heard: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far what was heard is from the text.

    Attributes
    ----------
    wer, cer : float
        Word and character error rate of the normalised texts: substitutions, deletions
        and insertions by the length of the reference. They may exceed 1.
    words, wrong_words : int
        Of the reference; errors among them.
    reference, hypothesis : str
        As they were compared.
    longest : Divergence or None
    """

    wer: float
    cer: float
    words: int
    wrong_words: int
    reference: str
    hypothesis: str
    longest: Divergence | None

    @property
    def summary(self) -> str:
        """One sentence or two for a person."""
        if self.longest is None:
            return f"All {self.words} words were heard as written."
        return (
            f"{self.wrong_words} of {self.words} words differ "
            f"(WER {self.wer:.1%}, CER {self.cer:.1%}). "
            f"Longest: “{self.longest.expected}” was heard as “{self.longest.heard}”."
        )


def normalise(text: str, language: str) -> str:
    """Lower case without punctuation; in English numbers and contractions alike.

    It is the normalisation of the Whisper paper (Radford et al. 2022, appendix C).
    Languages written without spaces are compared letter by letter.
    """
    if language == "en":
        plain = str(_english()(text))
    else:
        plain = str(_basic(split_letters=language in UNSPACED)(text))
    return " ".join(word for word in plain.split() if any(map(str.isalnum, word)))


def compare(
    text: str, transcript: str, words: Sequence[Word], language: str
) -> Comparison:
    """Compare a text with what was heard.

    Parameters
    ----------
    text : str
        What should have been said.
    transcript : str
        What was heard.
    words : sequence of Word
        The same, with times.
    language : str
        A code; decides how texts are normalised.

    Raises
    ------
    EarmarkError
        If the text has no words.
    """
    reference = normalise(text, language)
    if not reference:
        raise EarmarkError(
            "The text to compare with has no words.", "Give what should be heard."
        )
    hypothesis = normalise(transcript, language)
    found = jiwer.process_words(reference, hypothesis)
    heard = hypothesis.split()
    expected = reference.split()
    times = _times(heard, words, language)
    runs = [
        Divergence(
            *_range(times, run.hypothesis.start, run.hypothesis.stop),
            " ".join(expected[run.reference]),
            " ".join(heard[run.hypothesis]),
        )
        for run in differing(found.alignments[0])
    ]
    return Comparison(
        wer=found.wer,
        cer=jiwer.cer(reference, hypothesis),
        words=len(expected),
        wrong_words=found.substitutions + found.deletions + found.insertions,
        reference=reference,
        hypothesis=hypothesis,
        longest=max(runs, key=_size, default=None),
    )


def _size(run: Divergence) -> int:
    return max(len(run.expected.split()), len(run.heard.split()))


def _times(
    heard: Sequence[str], words: Sequence[Word], language: str
) -> list[tuple[float, float]]:
    """When each normalised word was said.

    Normalising may join, split and drop words ("twenty one" becomes "21"), so both
    are aligned: where they agree the time is the word's, elsewhere that of the run.
    """
    single: list[str] = []
    spoken: list[Word] = []
    for word in words:
        parts = normalise(word.text, language).split()
        single.extend(parts)
        spoken.extend([word] * len(parts))
    if not heard or not single:
        return []
    times = [(0.0, 0.0)] * len(heard)
    aligned = jiwer.process_words(" ".join(single), " ".join(heard)).alignments[0]
    for chunk in aligned:
        if chunk.type == "equal":
            times[chunk.hyp_start_idx : chunk.hyp_end_idx] = [
                (word.start_s, word.stop_s)
                for word in spoken[chunk.ref_start_idx : chunk.ref_end_idx]
            ]
    last = len(spoken) - 1
    for run in differing(aligned):
        parted, joined = run.reference, run.hypothesis
        begin = spoken[min(parted.start, last)]
        end = spoken[min(max(parted.stop - 1, parted.start), last)]
        length = joined.stop - joined.start
        times[joined] = [(begin.start_s, end.stop_s)] * length
    return times


def _range(
    times: Sequence[tuple[float, float]], first: int, after: int
) -> tuple[float, float]:
    """When the heard words [first, after) were said; the gap, if there are none."""
    if first < after:
        return times[first][0], times[after - 1][1]
    start_s = times[first - 1][1] if first else 0.0
    stop_s = times[first][0] if first < len(times) else start_s
    return start_s, max(start_s, stop_s)
