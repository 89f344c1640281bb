"""Uncompressed audio as it lies in a file: where the samples are, and what they mean.

Only WAV (RIFF, RIFX, RF64, BW64) and AIFF/AIFC are read here, because only these are
mapped instead of decoded. The formats are those of the Multimedia Programming Interface
and Data Specifications 1.0, EBU Tech 3306 (RF64), Microsoft's WAVEFORMATEXTENSIBLE, and
Apple's Audio Interchange File Format 1.3 and AIFF-C.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from earmark.core.errors import EarmarkError

MAX_CHANNELS = 32
RATES = range(1_000, 1_000_001)
"""Rates that are believed; a header that says another one is broken."""

_LARGEST = 1e6
"""Samples beyond +120 dBFS are no sound, and their squares no longer fit a float32."""

_UNKNOWN_SIZES = (0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""Sizes that stand in a header if a program wrote to a pipe, or stopped before it could
say how much it had written: everything to the end of the file is sound."""

_EXTENSIBLE = 0xFFFE
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")
_CHUNK_HEADER = 8
_MOST_CHUNKS = 10_000


@dataclass(frozen=True, slots=True)
class Encoding:
    """How one sample is stored.

    Attributes
    ----------
    name : str
        As libsndfile calls it: "PCM_16".
    dtype : str
        Of numpy. 24-bit samples are three "u1", which the shape then shows.
    little : bool
        Byte order of 24-bit samples.
    """

    name: str
    dtype: str
    little: bool = True

    @property
    def is_float(self) -> bool:
        """Whether samples may be no numbers, or beyond full scale."""
        return self.name in ("FLOAT", "DOUBLE")

    @property
    def bytes(self) -> int:
        """Bytes of a sample."""
        return 3 if self.name == "PCM_24" else np.dtype(self.dtype).itemsize

    def floats(self, raw: NDArray[Any]) -> NDArray[np.float32]:
        """Samples as float32, full scale is 1; a new array.

        Parameters
        ----------
        raw : ndarray, shape (...), or (..., 3) uint8 if 24-bit
        """
        if self.name == "PCM_24":
            raw = self._widened(raw)
        with np.errstate(over="ignore", invalid="ignore"):
            samples = raw.astype(np.float32)
        if self.is_float:
            return finite(samples)
        if self.name == "PCM_U8":
            samples -= np.float32(128.0)
        samples *= np.float32(self.scale)
        return samples

    @property
    def scale(self) -> float:
        """What a stored sample is multiplied with."""
        if self.is_float:
            return 1.0
        bits = 32 if self.name == "PCM_24" else 8 * self.bytes
        return 2.0 ** (1 - bits)

    def _widened(self, raw: NDArray[np.uint8]) -> NDArray[np.int32]:
        """24-bit samples as the upper bytes of 32."""
        padded = np.zeros((*raw.shape[:-1], 4), np.uint8)
        padded[..., 1:] = raw if self.little else raw[..., ::-1]
        whole: NDArray[np.int32] = padded.view("<i4")[..., 0]
        return whole


def finite(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The samples, changed in place: what is not a number or infinite becomes 0."""
    if samples.size and not np.abs(samples).max() <= _LARGEST:
        np.nan_to_num(samples, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        np.clip(samples, -_LARGEST, _LARGEST, out=samples)
    return samples


@dataclass(frozen=True, slots=True)
class PcmLayout:
    """Where the samples of an uncompressed file are.

    Attributes
    ----------
    format : str
        "WAV", "RF64", "AIFF", ...
    encoding : Encoding
    offset : int
        Byte at which the first frame begins.
    rate, channels : int
    frames : int
        Whole frames that are there.
    missing_frames : int
        Frames that the header promises beyond the end of the file.
    """

    format: str
    encoding: Encoding
    offset: int
    rate: int
    channels: int
    frames: int
    missing_frames: int

    @property
    def bytes(self) -> int:
        """Bytes of all frames."""
        return self.frames * self.channels * self.encoding.bytes

    def array(self, buffer: Any) -> NDArray[Any]:
        """The frames in a mapped file, shape (frames, channels), or with 3 more."""
        shape: tuple[int, ...] = (self.frames, self.channels)
        if self.encoding.name == "PCM_24":
            shape = (*shape, 3)
        return np.ndarray(shape, self.encoding.dtype, buffer, self.offset)


def pcm_layout(path: Path) -> PcmLayout | None:
    """Where the samples of a WAV or AIFF file are.

    Returns
    -------
    PcmLayout or None
        None if it is another kind of file, or holds compressed samples.

    Raises
    ------
    EarmarkError
        If it is a WAV or AIFF file whose header cannot be true.
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(12)
        chunks = _Chunks(path, file, size)
        if head[8:12] == b"WAVE" and head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
            return _wave_layout(chunks, head)
        if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
            return _aiff_layout(chunks, head)
    return None


def check_format(path: Path, rate: int, channels: int) -> None:
    """Refuse what cannot be true.

    Raises
    ------
    EarmarkError
    """
    if not 1 <= channels <= MAX_CHANNELS:
        raise EarmarkError(
            f"“{path.name}” says it has {channels} channels.",
            f"Earmark opens 1 to {MAX_CHANNELS} channels.",
        )
    if rate not in RATES:
        raise EarmarkError(
            f"“{path.name}” says it has a rate of {rate} Hz.",
            "Its header is broken; export it again from the program it came from.",
        )


@dataclass(slots=True)
class _Chunks:
    """The chunks of an IFF file, as far as they can be followed."""

    path: Path
    file: BinaryIO
    size: int
    wide_data: int | None = None
    """The size of the samples from a 64-bit header."""

    def walk(self, order: str) -> Iterator[tuple[bytes, int, int]]:
        """The name, stated size and first byte of each chunk."""
        at = 12
        for _ in range(_MOST_CHUNKS):
            header = self.body(at, _CHUNK_HEADER)
            if len(header) < _CHUNK_HEADER:
                return
            name, length = struct.unpack(f"{order}4sI", header)
            at += _CHUNK_HEADER
            yield name, length, at
            wide = name == b"data" and self.wide_data is not None
            at += self.wide_data if wide and self.wide_data else length
            at += at & 1

    def body(self, start: int, length: int) -> bytes:
        """Bytes of the file; fewer at its end."""
        if start >= self.size:
            return b""
        self.file.seek(start)
        return self.file.read(length)

    def broken(self, what: str) -> EarmarkError:
        return EarmarkError(
            f"“{self.path.name}” is not a usable sound file: {what}.",
            "Export it again from the program it came from.",
        )


def _wave_layout(chunks: _Chunks, head: bytes) -> PcmLayout | None:
    order = ">" if head[:4] == b"RIFX" else "<"
    fmt = b""
    for name, length, start in chunks.walk(order):
        if name == b"ds64":
            body = chunks.body(start, 16)
            if len(body) < 16:
                raise chunks.broken("its 64-bit header is cut short")
            chunks.wide_data = struct.unpack("<8xQ", body)[0]
        elif name == b"fmt ":
            fmt = chunks.body(start, min(length, 40))
        elif name == b"data":
            break
    else:
        raise chunks.broken("there are no samples in it")
    if len(fmt) < 16:
        raise chunks.broken("it does not say how its samples are stored")
    tag, channels, rate, _, align, bits = struct.unpack(f"{order}HHIIHH", fmt[:16])
    if tag == _EXTENSIBLE and len(fmt) == 40:
        if fmt[26:] != _GUID_TAIL:
            return None
        tag = struct.unpack(f"{order}H", fmt[24:26])[0]
    encoding = _wave_encoding(tag, bits, order)
    if encoding is None:
        return None
    check_format(chunks.path, rate, channels)
    if align != encoding.bytes * channels:
        raise chunks.broken(
            f"{channels} channels of {bits} bits do not make frames of {align} bytes"
        )
    there = max(chunks.size - start, 0)
    stated = length if chunks.wide_data is None else chunks.wide_data
    whole = int.from_bytes(head[4:8], "big" if order == ">" else "little")
    if stated in _UNKNOWN_SIZES and not (stated == 0 and whole + 8 == chunks.size):
        stated = there
    frames = min(there, stated) // align
    missing = stated // align - frames
    kind = "RF64" if head[:4] in (b"RF64", b"BW64") else "WAV"
    return PcmLayout(kind, encoding, start, rate, channels, frames, missing)


def _wave_encoding(tag: int, bits: int, order: str) -> Encoding | None:
    if tag == 1:
        return {
            8: Encoding("PCM_U8", "u1"),
            16: Encoding("PCM_16", f"{order}i2"),
            24: Encoding("PCM_24", "u1", order == "<"),
            32: Encoding("PCM_32", f"{order}i4"),
        }.get(bits)
    if tag == 3:
        return {
            32: Encoding("FLOAT", f"{order}f4"),
            64: Encoding("DOUBLE", f"{order}f8"),
        }.get(bits)
    return None


def _aiff_layout(chunks: _Chunks, head: bytes) -> PcmLayout | None:
    common = b""
    sound: tuple[int, int] | None = None
    for name, length, start in chunks.walk(">"):
        if name == b"COMM":
            common = chunks.body(start, min(length, 22))
        elif name == b"SSND":
            sound = start, length
    if len(common) < 18:
        raise chunks.broken("it does not say how its samples are stored")
    channels, stated, bits = struct.unpack(">hIh", common[:8])
    rate = _extended(common[8:18])
    compression = common[18:22] if head[8:12] == b"AIFC" else b"NONE"
    encoding = _aiff_encoding(compression, bits)
    if encoding is None:
        return None
    check_format(chunks.path, rate, channels)
    if sound is None:
        raise chunks.broken("there are no samples in it")
    start, length = sound
    gap = int.from_bytes(chunks.body(start, 4), "big")
    first = start + 8 + gap
    there = min(chunks.size, start + length) - first
    frames = min(max(there, 0) // (encoding.bytes * channels), stated)
    return PcmLayout("AIFF", encoding, first, rate, channels, frames, stated - frames)


def _aiff_encoding(compression: bytes, bits: int) -> Encoding | None:
    width = (bits + 7) // 8
    signed = {
        1: Encoding("PCM_S8", "i1"),
        2: Encoding("PCM_16", ">i2"),
        3: Encoding("PCM_24", "u1", little=False),
        4: Encoding("PCM_32", ">i4"),
    }
    if compression in (b"NONE", b"twos"):
        return signed.get(width)
    if compression == b"sowt":
        return {1: signed[1], 2: Encoding("PCM_16", "<i2")}.get(width)
    return {
        b"in24": signed[3],
        b"in32": signed[4],
        b"fl32": Encoding("FLOAT", ">f4"),
        b"FL32": Encoding("FLOAT", ">f4"),
        b"fl64": Encoding("DOUBLE", ">f8"),
        b"FL64": Encoding("DOUBLE", ">f8"),
    }.get(compression)


def _extended(body: bytes) -> int:
    """The whole number nearest to an IEEE 754 80-bit float; 0 if it is not a rate."""
    exponent, mantissa = struct.unpack(">HQ", body)
    shift = 16383 + 63 - exponent
    if not 0 <= shift <= 64:
        return 0
    return int((mantissa + (1 << shift >> 1)) >> shift)
