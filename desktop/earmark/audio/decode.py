"""Decoding: libsndfile where it knows the format, FFmpeg for the rest."""

from __future__ import annotations

import itertools
import math
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from earmark.audio.pcm import check_format
from earmark.core.errors import EarmarkError

_BLOCK = 1 << 16
_SMALLEST_BLOCK = 64

_SNDFILE_MAGICS = (
    *(b"RIFF", b"RIFX", b"RF64", b"FORM", b"fLaC", b"OggS", b"caff"),
    *(b".snd", b"dns.", b"riff\x2e\x91\xcf\x11"),
)
"""What libsndfile is given. Its other formats are recognised by very little, and FFmpeg
is the one for MP3: without a Xing header libsndfile stops at its own estimate of the
length, and it writes warnings to the terminal."""

_SIXTEEN_BITS = {
    *("PCM_U8", "PCM_S8", "PCM_16", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM"),
    *("GSM610", "ALAC_16", "DPCM_8", "DPCM_16"),
}
_MOST_FRAMES = 1 << 48
"""No file is that long; libsndfile says so if it does not know."""

_FFMPEG = {
    # Playlists are not among them: they would open other files, and addresses.
    "format_whitelist": "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,eac3,flac,flv,latm,"
    "loas,m4a,matroska,mov,mp3,mp4,mpc,mpc8,mpeg,mpegts,oga,ogg,oma,rm,tak,tta,voc,"
    "w64,wav,webm,wv,xwma",
    "protocol_whitelist": "file",
}
_STATED_LENGTH = ("mov", "matroska", "asf", "caf")
"""Containers that state how long they are; FFmpeg estimates it for others."""

_LONGEST_PACKET = 4608
_OPENING = 32
"""Frames at the beginning that have to be alike: bytes of any kind look like MP3 here
and there."""


class Decoder(Protocol):
    """An open compressed file.

    Attributes
    ----------
    format, codec : str
        "FLAC", "MOV", ...; "PCM_24", "AAC", ...
    rate, channels : int
    frames : int
        That can be decoded, to within a packet.
    missing_frames : int
        That the file should have, too.
    dtype : {"<i2", "<f4"}
        What the blocks hold.
    """

    format: str
    codec: str
    rate: int
    channels: int
    frames: int
    missing_frames: int
    dtype: str

    def blocks(self) -> Iterator[NDArray[Any]]:
        """The samples that can be decoded, shape (frames, channels)."""

    def close(self) -> None:
        """Let go of the file."""


@contextmanager
def open_decoder(path: Path) -> Iterator[Decoder]:
    """Open a compressed file by what it holds, whatever it is called.

    Raises
    ------
    EarmarkError
        If it holds no sound that can be decoded.
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(16)
    decoder: Decoder | None = None
    if head.startswith(_SNDFILE_MAGICS):
        decoder = _open_sndfile(path)
    if decoder is None:
        decoder = _open_ffmpeg(path)
    try:
        check_format(path, decoder.rate, decoder.channels)
        yield decoder
    finally:
        decoder.close()


class _Sndfile:
    def __init__(self, path: Path, file: soundfile.SoundFile) -> None:
        self._file = file
        self.format: str = file.format
        self.codec: str = file.subtype
        self.rate: int = file.samplerate
        self.channels: int = file.channels
        self.frames = _readable(path, file.frames)
        self.missing_frames = file.frames - self.frames
        self.dtype = "<i2" if file.subtype in _SIXTEEN_BITS else "<f4"

    def blocks(self) -> Iterator[NDArray[Any]]:
        dtype = "int16" if self.dtype == "<i2" else "float32"
        for start in range(0, self.frames, _BLOCK):
            frames = min(_BLOCK, self.frames - start)
            try:
                block = self._file.read(frames, dtype, always_2d=True)
            except soundfile.LibsndfileError:
                return  # broken within, not cut off; the reader says what is missing
            yield block

    def close(self) -> None:
        self._file.close()


def _open_sndfile(path: Path) -> _Sndfile | None:
    try:
        file = soundfile.SoundFile(path)
    except soundfile.LibsndfileError:
        return None
    if file.frames > _MOST_FRAMES:
        file.close()
        return None
    return _Sndfile(path, file)


def _readable(path: Path, frames: int) -> int:
    """How many of so many frames can be decoded, in a file that may be cut off."""

    def there(count: int) -> bool:
        # A decoder that has met the end is of no further use.
        try:
            with soundfile.SoundFile(path) as file:
                file.seek(count - 1)
                return len(file.read(1)) == 1
        except soundfile.LibsndfileError:
            return False

    if not frames or there(frames):
        return frames
    least, most = 0, frames
    while most - least > _SMALLEST_BLOCK:
        middle = (least + most) // 2
        if there(middle):
            least = middle
        else:
            most = middle
    return least


def _caf_frames(path: Path) -> int:
    """How long a Core Audio file says it is; 0 if it does not say.

    https://developer.apple.com/library/archive/documentation/MusicAudio/Reference/CAFSpec
    """
    per_packet = packet_bytes = size = 0
    with path.open("rb") as file:
        file.seek(8)
        while len(header := file.read(12)) == 12:
            name, length = struct.unpack(">4sq", header)
            body = file.read(24)
            if name == b"desc" and len(body) == 24:
                packet_bytes, per_packet = struct.unpack(">16xII", body)
            elif name == b"pakt" and len(body) == 24:
                return int.from_bytes(body[8:16], "big")  # packets of unequal size
            elif name == b"data":
                size = max(length - 4, 0)
            if length < 0:
                break  # it goes on to the end
            file.seek(length - len(body), os.SEEK_CUR)
    return size // packet_bytes * per_packet if packet_bytes else 0


class _Ffmpeg:
    def __init__(self, path: Path, container: Any, stream: Any) -> None:
        from av.stream import Discard

        self._path = path
        self._container = container
        self._stream = stream
        for other in container.streams:
            if other is not stream:
                other.discard = Discard.all
        opening = list(itertools.islice(self._decoded(), _OPENING))
        forms = {(each.sample_rate, each.layout.nb_channels) for each in opening}
        if not forms or (container.format.name == "mp3" and len(forms) > 1):
            raise _no_sound(path)
        first = opening[0]
        container.seek(0)
        self._layout = first.layout.name
        self.format = container.format.name.split(",")[0].upper()
        self.codec = stream.codec_context.codec.canonical_name.upper()
        self.rate: int = first.sample_rate
        self.channels: int = first.layout.nb_channels
        self.frames, self.missing_frames = self._length()
        container.seek(0)
        self.dtype = "<f4"

    def blocks(self) -> Iterator[NDArray[Any]]:
        import av

        resampler = av.AudioResampler("flt", self._layout, self.rate)
        gathered: list[NDArray[np.float32]] = []
        for frame in itertools.chain(self._decoded(), [None]):
            for block in resampler.resample(frame):
                samples = block.to_ndarray().astype(np.float32, copy=False)
                gathered.append(samples.reshape(-1, self.channels))
            if frame is None or sum(map(len, gathered)) >= _BLOCK:
                if gathered:
                    yield np.concatenate(gathered)
                gathered.clear()

    def close(self) -> None:
        self._container.close()

    def _packets(self) -> Iterator[Any]:
        import av

        try:
            yield from self._container.demux(self._stream)
        except av.FFmpegError:
            return  # cut off here

    def _decoded(self) -> Iterator[Any]:
        import av

        for packet in self._packets():
            try:
                yield from packet.decode()
            except av.FFmpegError:
                continue  # a broken packet; those after it are decoded all the same

    def _length(self) -> tuple[int, int]:
        """Frames that are there and that are missing, told by the packets."""
        ends = [
            (packet.pts, packet.pts + (packet.duration or 0))
            for packet in self._packets()
            if packet.pts is not None
        ]
        container, stream = self._container, self._stream
        name = container.format.name
        stated = 0
        if stream.duration:
            stated = round(stream.duration * stream.time_base * self.rate)
        elif container.duration:
            stated = round(container.duration * self.rate / 1_000_000)
        if name == "caf":
            stated = max(stated, _caf_frames(self._path))
        if not ends:
            return stated, 0
        begin, end = min(a for a, _ in ends), max(b for _, b in ends)
        # Some containers count in milliseconds: nothing is lost by one more.
        there = math.ceil((end - begin + 1) * stream.time_base * self.rate)
        if abs(there - stated) <= _LONGEST_PACKET:
            return stated, 0
        trusted = name.startswith(_STATED_LENGTH)
        trusted = trusted or (name == "mp3" and _states_length(self._path))
        return there, max(stated - there, 0) if trusted else 0


def _states_length(mp3: Path) -> bool:
    """Whether the first frame of an MP3 file counts the others."""
    with mp3.open("rb") as file:
        head = file.read(10)
        tag = 0
        if len(head) == 10 and head.startswith(b"ID3"):
            # Seven bits of each byte count.
            for byte in head[6:]:
                tag = tag << 7 | byte & 0x7F
            tag += len(head)
        file.seek(tag)
        frame = file.read(64)
    return any(mark in frame for mark in (b"Xing", b"Info", b"VBRI"))


def _lacks_index(path: Path) -> bool:
    """Whether an MP4 file ends before the index that tells what it holds."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        at, kinds = 0, list[bytes]()
        while at < size:
            file.seek(at)
            header = file.read(16)
            if len(header) < 8:
                break
            length, kind = struct.unpack(">I4s", header[:8])
            if length == 1 and len(header) == 16:
                length = int.from_bytes(header[8:], "big")
            kinds.append(kind)
            if length < 8:
                break  # it goes on to the end
            at += length
    return kinds[:1] == [b"ftyp"] and b"moov" not in kinds


def _no_sound(path: Path) -> EarmarkError:
    return EarmarkError(
        f"“{path.name}” holds no sound that can be read.",
        "Convert it to WAV or FLAC with the program it came from.",
    )


def _open_ffmpeg(path: Path) -> _Ffmpeg:
    import av

    try:
        container = av.open(str(path), options=_FFMPEG, metadata_errors="replace")
    except (av.FFmpegError, ValueError) as error:
        if _lacks_index(path):
            raise EarmarkError(
                f"“{path.name}” was cut off: the index at its end is missing.",
                "Copy or download the whole file again.",
            ) from error
        raise _no_sound(path) from error
    try:
        stream = container.streams.best("audio")
        if stream is None:
            raise EarmarkError(
                f"“{path.name}” has no sound track.", "Choose another file."
            )
        return _Ffmpeg(path, container, stream)
    except av.FFmpegError as error:
        container.close()
        raise _no_sound(path) from error
    except EarmarkError:
        container.close()
        raise
