"""The files of recordings: where they are while they run, and what a crash leaves."""

from __future__ import annotations

from pathlib import Path


def part_of(path: Path) -> Path:
    """Where a recording is while it runs."""
    return path.with_name(f".{path.name}.part")


def unfinished(folder: Path) -> list[Path]:
    """The recordings in a folder that a crash has left, as `part_of` names them."""
    return sorted(folder.glob(".*.wav.part"))


def recover(part: Path) -> Path:
    """Give a recording that was never finished a name of its own.

    What was written of it can be read up to the crash.
    """
    stem = part.name.removeprefix(".").removesuffix(".wav.part")
    path = free_path(part.parent, f"{stem} (recovered)")
    part.rename(path)
    return path


def free_path(folder: Path, stem: str) -> Path:
    """A WAV file of a folder that is not there yet, nor being recorded."""
    number = 1
    while True:
        path = folder / (f"{stem} {number}.wav" if number > 1 else f"{stem}.wav")
        if not path.exists() and not part_of(path).exists():
            return path
        number += 1
