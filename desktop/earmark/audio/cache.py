"""Decoded audio on the disk, its files mapped into memory, and how much is kept."""

from __future__ import annotations

import mmap
import os
import time
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from earmark.audio.pcm import Encoding, PcmLayout
from earmark.core.errors import EarmarkError

_STALE_S = 24 * 3600.0
_NPY_HEADER = 128
_CACHED = {"<i2": Encoding("PCM_16", "<i2"), "<f4": Encoding("FLOAT", "<f4")}


class MappedFrames:
    """Frames of a file, mapped into memory."""

    def __init__(self, path: Path, layout: PcmLayout) -> None:
        self.encoding = layout.encoding
        self.frames = layout.frames
        self._path = path
        self._end = layout.offset + layout.bytes
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.check()
        self.array = layout.array(self._map)

    def check(self) -> None:
        """Refuse a file that has shrunk: reading beyond its end would be fatal."""
        if self._map.size() < self._end:
            raise EarmarkError(
                f"“{self._path.name}” has become shorter since it was opened.",
                "Put the original file back, or remove the clip.",
            )


def write_all(file: BinaryIO, samples: NDArray[Any]) -> None:
    """Write every byte: an unbuffered file may take fewer at a time."""
    rest = samples.data.cast("B")
    while rest:
        rest = rest[file.write(rest) :]


def cached_layout(dtype: str, channels: int, frames: int) -> PcmLayout:
    """Where the frames are in a file that begins with a `write_header`."""
    return PcmLayout("NPY", _CACHED[dtype], _NPY_HEADER, 0, channels, frames, 0)


def write_header(file: BinaryIO, dtype: str, frames: int, channels: int) -> None:
    """Begin a .npy file; it takes the same room whatever number of frames it says."""
    header = {"descr": dtype, "fortran_order": False, "shape": (frames, channels)}
    np.lib.format.write_array_header_1_0(file, header)
    assert file.tell() == _NPY_HEADER, "numpy leaves room for the length to grow"


def map_cached(path: Path, channels: int) -> MappedFrames | None:
    """A finished file of the cache, or None if there is none that can be used."""
    try:
        with path.open("rb") as file:
            np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype.str not in _CACHED or len(shape) != 2 or shape[1] != channels:
            return None
        os.utime(path)  # it was used; see trim_cache
        return MappedFrames(path, cached_layout(dtype.str, channels, shape[0]))
    except (OSError, ValueError, EarmarkError):
        return None


def trim_cache(cache: Path, limit: int) -> int:
    """Remove what was used longest ago until the cache is not larger than a limit.

    Parameters
    ----------
    cache : Path
    limit : int
        Bytes.

    Returns
    -------
    int
        Bytes removed. What is open stays readable until it is closed.
    """
    kept = []
    for path in cache.rglob("*.npy"):
        try:
            kept.append((path.stat(), path))
        except OSError:
            continue  # another Earmark removed it
    total = sum(status.st_size for status, _ in kept)
    removed = 0
    for status, path in sorted(kept, key=lambda one: one[0].st_mtime):
        if total - removed <= limit:
            break
        try:
            path.unlink()
        except OSError:
            continue  # Windows does not remove what is open
        removed += status.st_size
    return removed


def remove_stale(folder: Path) -> None:
    """Remove what a program that was killed had half decoded."""
    for part in folder.glob("*.part"):
        try:
            if time.time() - part.stat().st_mtime > _STALE_S:
                part.unlink()
        except OSError:
            continue  # another Earmark uses or removes it
