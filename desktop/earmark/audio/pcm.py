"""Uncompressed audio as it lies in a file: where the samples are, and what they mean.

Only WAV (RIFF, RIFX, RF64, BW64) and AIFF/AIFC are read here, because only these are
mapped instead of decoded. The formats are those of the Multimedia Programming Interface
and Data Specifications 1.0, EBU Tech 3306 (RF64), Microsoft's WAVEFORMATEXTENSIBLE, and
Apple's Audio Interchange File Format 1.3 and AIFF-C.
"""

from __future__ import annotations

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

_TO_THE_END = 0xFFFFFFFF
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")
_SMALLEST_CHUNK = 8


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
            padded = np.zeros((*raw.shape[:-1], 4), np.uint8)
            if self.little:
                padded[..., 1:] = raw
            else:
                padded[..., 1:] = raw[..., ::-1]
            whole = padded.view("<i4")[..., 0]
            return np.multiply(whole, np.float32(2.0**-31), dtype=np.float32)
        if self.name == "PCM_U8":
            return np.multiply(
                raw.astype(np.float32) - np.float32(128), np.float32(2.0**-7)
            )
        if self.name.startswith("PCM"):
            bits = np.dtype(self.dtype).itemsize * 8
            scale = np.float32(2.0 ** (1 - bits))
            samples = raw.astype(np.float32)
            samples *= scale
            return samples
        with np.errstate(over="ignore", invalid="ignore"):
            return finite(raw.astype(np.float32))


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
        size = file.seek(0, 2)
        file.seek(0)
        head = file.read(12)
        if head[8:12] == b"WAVE" and head[:4] in (b"RIFF", b"RF64", b"BW64", b"RIFX"):
            return _Wave(path, file, size, head[:4]).layout()
        if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
            return _Aiff(path, file, size, head[8:12]).layout()
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
    kind: bytes

    def chunks(self, order: str) -> Iterator[tuple[bytes, int, int]]:
        """The name, declared size and first byte of each chunk."""
        at = 12
        while at + _SMALLEST_CHUNK <= self.size:
            self.file.seek(at)
            name, length = struct.unpack(f"{order}4sI", self.file.read(8))
            yield name, length, at + 8
            at += 8 + self.length(name, length)
            at += at & 1

    def length(self, name: bytes, declared: int) -> int:
        """The true size of a chunk."""
        del name
        return declared

    def body(self, start: int, length: int) -> bytes:
        self.file.seek(start)
        return self.file.read(length)

    def broken(self, what: str) -> EarmarkError:
        return EarmarkError(
            f"“{self.path.name}” is not a usable sound file: {what}.",
            "Export it again from the program it came from.",
        )

    def counted(
        self, encoding: Encoding, channels: int, start: int, promised: int | None
    ) -> tuple[int, int]:
        """How many whole frames are there, and how many are missing."""
        frame = encoding.bytes * channels
        there = max(self.size - start, 0) // frame
        if promised is None:
            return there, 0
        return min(there, promised), max(promised - there, 0)


class _Wave(_Chunks):
    def layout(self) -> PcmLayout | None:
        order = ">" if self.kind == b"RIFX" else "<"
        self._data_size: int | None = None
        fmt = b""
        for name, length, start in self.chunks(order):
            if name == b"ds64":
                body = self.body(start, 28)
                if len(body) < 24:
                    raise self.broken("its 64-bit header is cut short")
                self._data_size = struct.unpack("<8xQ8x", body[:24])[0]
            elif name == b"fmt ":
                fmt = self.body(start, min(length, 40))
            elif name == b"data":
                if not fmt:
                    raise self.broken("its samples come before their description")
                return self._described(order, fmt, length, start)
        raise self.broken("it has no samples" if fmt else "it has no description")

    def length(self, name: bytes, declared: int) -> int:
        if name == b"data" and self._data_size is not None:
            return self._data_size
        return declared

    def _described(
        self, order: str, fmt: bytes, length: int, start: int
    ) -> PcmLayout | None:
        if len(fmt) < 16:
            raise self.broken("the description of its samples is cut short")
        tag, channels, rate, _, align, bits = struct.unpack(f"{order}HHIIHH", fmt[:16])
        if tag == 0xFFFE and len(fmt) >= 40:
            if fmt[26:40] != _GUID_TAIL:
                return None
            tag = struct.unpack(f"{order}H", fmt[24:26])[0]
        encoding = _wave_encoding(tag, bits, order)
        if encoding is None:
            return None
        check_format(self.path, rate, channels)
        if align != encoding.bytes * channels:
            raise self.broken(
                f"{channels} channels of {bits} bits do not make {align} bytes"
            )
        data: int | None = self.length(b"data", length)
        streamed = length in (0, _TO_THE_END) and self._data_size is None
        if streamed and self.size > start:
            # Written to a pipe, or by a program that stopped before it could say
            # how much it had written.
            data = None
        promised = None if data is None else data // align
        frames, missing = self.counted(encoding, channels, start, promised)
        kind = "WAV" if self.kind in (b"RIFF", b"RIFX") else "RF64"
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


class _Aiff(_Chunks):
    def layout(self) -> PcmLayout | None:
        common = b""
        sound: tuple[int, int] | None = None
        for name, length, start in self.chunks(">"):
            if name == b"COMM":
                common = self.body(start, min(length, 64))
            elif name == b"SSND":
                sound = length, start
        if len(common) < 18:
            raise self.broken("it has no description")
        if sound is None:
            raise self.broken("it has no samples")
        channels, promised, bits = struct.unpack(">hIh", common[:8])
        rate = _extended(common[8:18])
        compression = common[18:22] if self.kind == b"AIFC" else b"NONE"
        encoding = _aiff_encoding(compression, bits)
        if encoding is None:
            return None
        check_format(self.path, rate, channels)
        length, start = sound
        gap = self.body(start, 8)
        if len(gap) < 8:
            raise self.broken("its samples are cut off")
        first = start + 8 + int.from_bytes(gap[:4], "big")
        frames, missing = self.counted(encoding, channels, first, promised)
        return PcmLayout("AIFF", encoding, first, rate, channels, frames, missing)


def _aiff_encoding(compression: bytes, bits: int) -> Encoding | None:
    width = (bits + 7) // 8
    whole = {
        1: Encoding("PCM_S8", "i1"),
        2: Encoding("PCM_16", ">i2"),
        3: Encoding("PCM_24", "u1", little=False),
        4: Encoding("PCM_32", ">i4"),
    }
    if compression in (b"NONE", b"twos"):
        return whole.get(width)
    if compression == b"sowt":
        return {1: whole[1], 2: Encoding("PCM_16", "<i2")}.get(width)
    return {
        b"in24": whole[3],
        b"in32": whole[4],
        b"fl32": Encoding("FLOAT", ">f4"),
        b"FL32": Encoding("FLOAT", ">f4"),
        b"fl64": Encoding("DOUBLE", ">f8"),
        b"FL64": Encoding("DOUBLE", ">f8"),
    }.get(compression)


def _extended(body: bytes) -> int:
    """The whole number nearest to an IEEE 754 80-bit extended float; 0 if it is odd."""
    exponent, mantissa = struct.unpack(">HQ", body)
    shift = (exponent & 0x7FFF) - 16383 - 63
    if exponent & 0x8000 or not -64 <= shift <= 0:
        return 0
    return int(mantissa) + (1 << -shift >> 1) >> -shift
