"""Two lists of words side by side: where they differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from earmark.api import EarmarkError


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring words that differ: half-open ranges of either list.

    One of the ranges may be empty; it is then where the words of the other belong.
    """

    reference: slice
    hypothesis: slice


def differing(chunks: Sequence[Any]) -> list[Run]:
    """Join what jiwer found to differ into runs of neighbours.

    Parameters
    ----------
    chunks : sequence of jiwer.AlignmentChunk
        Of one pair of texts, in order.

    Returns
    -------
    list of Run
    """
    return list(_joined(chunks))


def differences(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Run]:
    """The runs in which two lists of words differ, by the fewest edits of words.

    Parameters
    ----------
    reference, hypothesis : sequence of str
        Words without spaces in them, compared as they are.

    Raises
    ------
    EarmarkError
        If the library that aligns them is not installed.
    """
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


def _joined(chunks: Sequence[Any]) -> Iterator[Run]:
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
