"""Damaged project files, by the thousand; the tests and the benchmarks use it."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import closing
from pathlib import Path

from earmark.core import storage
from earmark.core.errors import EarmarkError
from earmark.core.project import Project


def read_everything(project: Project) -> None:
    """Read what a window would."""
    for clip in project.clips():
        for track in project.tracks(clip.id):
            project.labels(track.id)
            project.label_arrays(track.id)
        project.texts(clip.id)
    for found in (
        project.sources,
        project.vocabulary,
        project.takes,
        project.jobs,
        project.history,
    ):
        found()


def attack(original: Path, folder: Path, count: int, seed: int = 0) -> Counter[str]:
    """Open damaged copies of a project; "opened" and "refused" are counted.

    Raises
    ------
    AssertionError
        If anything but a clear error is raised, or the damaged file was changed by
        looking at it.
    """
    whole = (original / storage.DATABASE).read_bytes()
    chance = random.Random(seed)
    project = folder / "Damaged.earmark"
    project.mkdir()
    database = project / storage.DATABASE
    outcomes: Counter[str] = Counter()
    for number in range(count):
        damaged = _damaged(whole, chance)
        _replace(database, damaged)
        try:
            _open(project)
            outcomes["opened"] += 1
            continue
        except EarmarkError as error:
            assert error.message, number
        except Exception as error:
            raise AssertionError(f"seed {seed}, {number}") from error
        outcomes["refused"] += 1
        _replace(database, damaged)
        try:
            with closing(Project.salvage(project)) as salvaged:
                read_everything(salvaged)
        except EarmarkError as hopeless:
            assert hopeless.message, number
        assert database.read_bytes() == damaged, number
    return outcomes


def _damaged(whole: bytes, chance: random.Random) -> bytes:
    """A copy cut short, overwritten, with bits flipped, or with a broken header."""
    damaged = bytearray(whole)
    at = chance.randrange(len(damaged))
    match chance.randrange(4):
        case 0:
            del damaged[at:]
        case 1:
            length = chance.randrange(1, 5000)
            damaged[at : at + length] = chance.randbytes(length)
        case 2:
            for _ in range(chance.randrange(1, 50)):
                damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        case _:
            at = chance.randrange(200)
            damaged[at : at + 4] = chance.randbytes(4)
    return bytes(damaged)


def _replace(database: Path, contents: bytes) -> None:
    database.write_bytes(contents)
    for leftover in ("-wal", "-shm"):
        database.with_name(database.name + leftover).unlink(missing_ok=True)


def _open(project: Path) -> None:
    with closing(Project.open(project, read_only=True)) as reader:
        read_everything(reader)
    with closing(Project.open(project)) as opened:
        read_everything(opened)
        opened.undo()
