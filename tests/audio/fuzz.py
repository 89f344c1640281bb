"""Malformed sound files: valid ones with damaged headers.

The tests use some hundred, the benchmarks thousands.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from audio.samples import KINDS, tones, write

from earmark.audio.files import import_file
from earmark.audio.sources import Sources
from earmark.core.errors import EarmarkError

_HEADER = 200
_NUMBERS = (
    *(
        b"\0\0\0\0",
        b"\xff\xff\xff\xff",
        b"\xff\xff\xff\x7f",
        b"\0\0\0\x80",
        b"\1\0\0\0",
    ),
    *(b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\1", b"\0\0", b"\xff\xff", b"\1\0"),
    *(
        b"\0" * 8,
        b"\xff" * 8,
        b"\x7f" + b"\xff" * 7,
        b"data",
        b"fmt ",
        b"RIFF",
        b"SSND",
    ),
)


def attack(folder: Path, count: int, seed: int = 0) -> Counter[str]:
    """Import, decode and read damaged files; "opened" and "refused" are counted.

    Raises
    ------
    AssertionError
        If anything but a clear error is raised, or what was opened is not sound.
    """
    outcomes: Counter[str] = Counter()
    sound = tones(48_000, 2, 4800)
    originals = {
        kind: write(folder / f"valid-{kind}", kind, sound).read_bytes()
        for kind in KINDS
    }
    sources = Sources(folder / "cache")
    for number, (kind, damaged) in enumerate(_damaged(originals, count, seed)):
        path = folder / "damaged.wav"
        path.write_bytes(damaged)
        try:
            outcomes[_outcome(path, sources)] += 1
        except Exception as error:
            raise AssertionError(f"{kind}, seed {seed}, {number}") from error
    sources.close()
    return outcomes


def _outcome(path: Path, sources: Sources) -> str:
    try:
        source = import_file(path)
        reader = sources.reader(source)
        reader.wait(source.frames)
        if reader.error is not None:
            raise reader.error
    except EarmarkError as error:
        assert path.name in error.message, error
        assert error.remedy, error
        return "refused"
    for start in (0, source.frames // 2, source.frames - 100):
        samples = reader.read(start, 100)
        assert samples.shape == (100, source.channels)
        assert abs(samples).max() <= 1e6  # false for what is not a number, too
    sources.forget(source.id)
    return "opened"


def _damaged(
    originals: dict[str, bytes], count: int, seed: int
) -> Iterator[tuple[str, bytes]]:
    chance = random.Random(seed)
    steps: tuple[Callable[[bytes, random.Random], bytes], ...] = (
        *(_flip, _number, _number, _number, _cut, _truncate, _insert, _tail),
    )
    kinds = list(originals)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        data = originals[kind]
        for _ in range(chance.choice((1, 1, 2, 3, 10))):
            data = chance.choice(steps)(data, chance)
        yield kind, data


def _place(data: bytes, chance: random.Random) -> int:
    """A place in the header, mostly."""
    reach = _HEADER if chance.random() < 0.9 else len(data)
    return chance.randrange(max(min(reach, len(data)), 1))


def _flip(data: bytes, chance: random.Random) -> bytes:
    at = _place(data, chance)
    return data[:at] + chance.randbytes(1) + data[at + 1 :]


def _number(data: bytes, chance: random.Random) -> bytes:
    at, number = _place(data, chance), chance.choice(_NUMBERS)
    if chance.random() < 0.7:
        at &= ~1
    return data[:at] + number + data[at + len(number) :]


def _cut(data: bytes, chance: random.Random) -> bytes:
    at = _place(data, chance)
    return data[:at] + data[at + chance.randrange(1, 20) :]


def _insert(data: bytes, chance: random.Random) -> bytes:
    at = _place(data, chance)
    return data[:at] + chance.randbytes(chance.randrange(1, 20)) + data[at:]


def _truncate(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _tail(data: bytes, chance: random.Random) -> bytes:
    """Nothing but noise behind the header."""
    return data[:_HEADER] + chance.randbytes(max(len(data) - _HEADER, 0))
