"""Malformed label files: valid ones, damaged in bytes and in lines.

The tests use a few hundred of each format, the benchmarks thousands.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from formats.samples import demo_document

from earmark.core.errors import EarmarkError
from earmark.formats import (
    FormatRegistry,
    LabelDocument,
    LabelFormat,
    ReadContext,
    Recording,
)

_SPLICES = (
    b"\xff", b"\x00", b"\xed\xa0\x80", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b"'", b"\t",
    b",", b";", b"\r", b"\n\n", b"-", b"-->", b"<", b"&#0;", b"&#x110000;", b"{", b"[",
    b"}", b"]", b":", b"\\", b"!", b"NaN", b"Infinity", b"null", b"true", b"1e999",
    b"1e-999", b"1e99999999999999999999", b"9" * 5000, b"-1", b"0x10", b"1_000",
    b"\xd9\xa1", b"\xe2\x80\xa8", b'"\\ud800"', b"[" * 3000, b'{"a":' * 3000, b"=1+1",
)  # fmt: skip


def mutations(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """`count` damaged copies of a file, the same for the same seed."""
    rng = random.Random(seed)
    steps: tuple[Callable[[bytes, random.Random], bytes], ...] = (
        _flip, _splice, _cut, _truncate, _repeat, _drop_line, _swap_lines,
        _repeat_line, _swap_fields, _change_number, _recode,
    )  # fmt: skip
    for _ in range(count):
        damaged = data
        for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
            damaged = rng.choice(steps)(damaged, rng)
        yield damaged


def attack(
    registry: FormatRegistry, format_id: str, folder: Path, count: int, seed: int = 0
) -> Counter[str]:
    """Read damaged files of a format; "read" and "refused" are counted.

    Raises
    ------
    AssertionError
        If a reader raises anything but a clear error, or gives what is not valid.
    """
    known = registry.by_id(format_id)
    path = folder / f"damaged{known.suffixes[0]}"
    outcomes: Counter[str] = Counter()
    data = valid_file(registry, known, folder)
    context = ReadContext(demo_document().recording)
    for number, damaged in enumerate(mutations(data, count, seed)):
        path.write_bytes(damaged)
        try:
            documents = registry.import_labels(path, context, format_id)
        except EarmarkError as error:
            assert path.name in error.message, (number, error)
            assert error.remedy, (number, error)
            outcomes["refused"] += 1
        except Exception as error:
            raise AssertionError(f"{format_id}, seed {seed}, {number}") from error
        else:
            for document in documents:
                check_document(document)
            outcomes["read"] += 1
        assert path.read_bytes() == damaged
    return outcomes


def valid_file(registry: FormatRegistry, known: LabelFormat, folder: Path) -> bytes:
    """What is damaged: the demo in a format, several recordings if it can hold them."""
    demo = demo_document()
    documents = [demo]
    if known.many:
        documents.append(
            LabelDocument(Recording("other.wav", 8000, 8000 * 60), demo.tiers[:1])
        )
    path = folder / f"valid{known.suffixes[0]}"
    registry.export_labels(path, documents, known.id)
    return path.read_bytes()


def check_document(document: LabelDocument) -> None:
    """Assert that a project could take a document."""
    names = [tier.name for tier in document.tiers]
    assert len(set(names)) == len(names)
    for tier in document.tiers:
        tier.name.encode()
        for label in tier.labels:
            assert isinstance(label.start, int)
            assert isinstance(label.stop, int)
            assert label.start <= label.stop
            assert abs(label.start) < 2**62
            assert abs(label.stop) < 2**62
            for number in (label.low_hz, label.high_hz, label.score):
                assert number is None or math.isfinite(number)
            for word in label.words:
                word.text.encode()
            for text in (label.text, label.label, label.speaker, label.model):
                text.encode()
                assert "\0" not in text


def _flip(data: bytes, rng: random.Random) -> bytes:
    if not data:
        return data
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]


def _splice(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(_SPLICES) + data[at + rng.choice((0, 1, 4)) :]


def _cut(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.randrange(1, 40) :]


def _truncate(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _repeat(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data) + 1)
    part = data[start : start + rng.randrange(1, 60)]
    return data[:start] + part * rng.choice((2, 3, 50)) + data[start + len(part) :]


def _drop_line(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    del lines[rng.randrange(len(lines))]
    return b"\n".join(lines)


def _swap_lines(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return b"\n".join(lines)


def _repeat_line(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    return b"\n".join([*lines[:at], *[lines[at]] * 5, *lines[at:]])


def _swap_fields(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    mark = rng.choice((b"\t", b",", b" ", b":"))
    fields = lines[at].split(mark)
    rng.shuffle(fields)
    lines[at] = mark.join(fields)
    return b"\n".join(lines)


def _change_number(data: bytes, rng: random.Random) -> bytes:
    places = [n for n, byte in enumerate(data) if byte in b"0123456789"]
    if not places:
        return data
    at = rng.choice(places)
    new = rng.choice((b"", b"-1", b"1e400", b".", b"99999999999999999999", b"x", b"0"))
    return data[:at] + new + data[at + 1 :]


def _recode(data: bytes, rng: random.Random) -> bytes:
    codec = rng.choice(("utf-16", "utf-16-le", "utf-8-sig", "utf-32", "latin-1"))
    return data.decode("utf-8", "replace").encode(codec, "replace")
