"""What a recognizer hears, and how pieces of it are put together."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
"""What every recognizer here listens at."""

Samples = NDArray[np.float32]

SILENCE_S = 10.0
"""What Whisper hears behind a clip that is shorter than its window of 30 s.

It fills every window, and on short clips that silence is nearly all its work. Ten
seconds of it are enough to end a sentence; with fewer than six it repeats short ones.
"""

_PARAGRAPH_S = 2.0
_LOOP_REPEATS = 4
_LOOP_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its time; the score is its probability, 0 to 1, if known."""

    start_s: float
    stop_s: float
    text: str
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech.

    `score` is the geometric mean of the probabilities of its tokens, 0 to 1. `words`
    are empty if the model gives no word times.
    """

    start_s: float
    stop_s: float
    text: str
    score: float | None = None
    words: tuple[Word, ...] = ()


def moved(segment: Segment, by_s: float) -> Segment:
    """A segment with its words some seconds later."""
    words = tuple(
        replace(word, start_s=word.start_s + by_s, stop_s=word.stop_s + by_s)
        for word in segment.words
    )
    return replace(
        segment,
        start_s=segment.start_s + by_s,
        stop_s=segment.stop_s + by_s,
        words=words,
    )


@dataclass(frozen=True, slots=True)
class Heard:
    """What a recognizer heard in one window; seconds count from the window's start."""

    segments: tuple[Segment, ...]
    language: str = ""
    """Empty if the model does not tell languages apart."""
    probability: float | None = None
    """Of the language; None if it was given."""


def heard_as(words: Sequence[Word], text: str, score: float | None) -> Heard:
    """What was heard in a window as one segment; nothing if there are no words."""
    if not words:
        return Heard(())
    start_s, stop_s = words[0].start_s, words[-1].stop_s
    return Heard((Segment(start_s, stop_s, text.strip(), score, tuple(words)),))


class Recognizer(Protocol):
    """A loaded model.

    Attributes
    ----------
    window_s : float
        The most it hears at once.
    fills_windows : bool
        A window costs the same however little it holds, so several stretches of speech
        are put into one.
    """

    @property
    def window_s(self) -> float: ...

    @property
    def fills_windows(self) -> bool: ...

    def transcribe(self, samples: Samples, language: str) -> Heard:
        """Transcribe one window, shape (frames,) at `RATE`.

        `language` is a code, or empty to detect it.
        """


@runtime_checkable
class BatchRecognizer(Recognizer, Protocol):
    """A recognizer that hears several short windows faster than one by one."""

    def transcribe_many(self, clips: Sequence[Samples], language: str) -> list[Heard]:
        """Transcribe windows, each by itself; best are some of about the same length.

        Parameters
        ----------
        clips : sequence of ndarray, float32, shape (frames,)
            At `RATE`, none longer than `window_s`.
        language : str
            A code, or empty to detect that of each.
        """


@dataclass(frozen=True, slots=True)
class Piece:
    """The text a token adds, with its time and log probability."""

    text: str
    start_s: float
    stop_s: float
    logprob: float


@dataclass(slots=True)
class _OpenWord:
    pieces: list[Piece] = field(default_factory=list)

    def close(self) -> Word:
        return Word(
            self.pieces[0].start_s,
            self.pieces[-1].stop_s,
            "".join(piece.text for piece in self.pieces).strip(),
            mean_probability(piece.logprob for piece in self.pieces),
        )


def group_words(pieces: Iterable[Piece], *, spaced: bool = True) -> list[Word]:
    """Put tokens together to words.

    Parameters
    ----------
    pieces : iterable of Piece
    spaced : bool
        The language parts its words by spaces; if not, each token is a word and
        punctuation joins the word before it.
    """
    words: list[Word] = []
    open_word = _OpenWord()
    for piece in pieces:
        letters = any(map(str.isalnum, piece.text))
        begins = piece.text[:1].isspace() if spaced else letters
        if begins and any(part.text.strip() for part in open_word.pieces):
            words.append(open_word.close())
            open_word = _OpenWord()
        if piece.text.strip():
            open_word.pieces.append(piece)
        elif spaced and open_word.pieces:
            words.append(open_word.close())
            open_word = _OpenWord()
    if open_word.pieces:
        words.append(open_word.close())
    return words


def mean_probability(logprobs: Iterable[float]) -> float | None:
    """The geometric mean of probabilities given as logarithms; None of nothing."""
    values = [value for value in logprobs if math.isfinite(value)]
    return math.exp(sum(values) / len(values)) if values else None


def repeated(texts: Sequence[str]) -> tuple[int, int] | None:
    """Find a run of words said over and over, as a decoder caught in a loop does.

    Parameters
    ----------
    texts : sequence of str
        The words.

    Returns
    -------
    (first, after) : tuple of int, or None
        The words to leave out: all but the first round. A run counts if it has more
        than four rounds and twelve words, which speech hardly ever has.
    """
    words = [re.sub(r"\W+", "", text).casefold() for text in texts]
    for length in range(1, len(words) // _LOOP_REPEATS + 1):
        same = 0
        for index in range(length, len(words) + 1):
            if index < len(words) and words[index] == words[index - length]:
                same += 1
                continue
            if same >= max(_LOOP_REPEATS * length, _LOOP_LENGTH):
                return index - same, index
            same = 0
    return None


def without_loop(segment: Segment) -> Segment:
    """Give a segment with the rounds of a decoding loop reduced to the first."""
    texts = [word.text for word in segment.words] or segment.text.split()
    found = repeated(texts)
    if found is None:
        return segment
    first, after = found
    text = " ".join([*texts[:first], *texts[after:]])
    words = segment.words[:first] + segment.words[after:]
    stop_s = words[-1].stop_s if words else segment.stop_s
    return without_loop(
        Segment(segment.start_s, stop_s, text, segment.score, words),
    )


def paragraphs(segments: Iterable[Segment]) -> str:
    """Join the texts of segments; a long pause starts a new line."""
    return "".join(_joined(segments)).strip()


def _joined(segments: Iterable[Segment]) -> Iterator[str]:
    stop_s = math.inf
    for segment in segments:
        yield "\n" if segment.start_s - stop_s >= _PARAGRAPH_S else " "
        yield segment.text.strip()
        stop_s = segment.stop_s
