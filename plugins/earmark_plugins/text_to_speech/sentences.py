"""A long text in sentences that a voice can speak in one breath."""

from __future__ import annotations

import re

import sentencex

_CLAUSE = re.compile(r"(?<=[,;:\uff0c\u3001\uff1b\uff1a\u2014\u2013])\s*")


def split_sentences(text: str, language: str, longest: int) -> list[str]:
    """Give the sentences of a text.

    Parameters
    ----------
    text : str
    language : str
        Two-letter ISO 639 code, for its abbreviations and its marks.
    longest : int
        Characters that the voice can speak at once; longer sentences are parted at
        clauses, then between words.
    """
    return [
        part
        for line in text.splitlines()
        for sentence in sentencex.segment(language, line.strip())
        for part in _parts(sentence.strip(), longest)
        if any(map(str.isalnum, part))
    ]


def _parts(sentence: str, longest: int) -> list[str]:
    if len(sentence) <= longest:
        return [sentence]
    clauses = [part for part in _CLAUSE.split(sentence) if part]
    pieces = [
        piece
        for clause in clauses
        for piece in ([clause] if len(clause) <= longest else clause.split())
    ]
    parts: list[str] = []
    for piece in pieces:
        # A word without an end, such as a pasted key, is cut where it must be.
        for start in range(0, len(piece), longest):
            chunk = piece[start : start + longest]
            if parts and len(parts[-1]) + 1 + len(chunk) <= longest:
                parts[-1] += f" {chunk}"
            else:
                parts.append(chunk)
    return parts
