"""Decoding: libsndfile where it knows the format, FFmpeg for the rest."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from earmark.audio.pcm import check_format, finite
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
_STATED_LENGTH = ("mov", "matroska", "asf")
"""Containers that state how long they are; FFmpeg estimates it for others."""

_LONGEST_PACKET = 4608


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
            yield block if dtype == "int16" else finite(block)

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


class _Ffmpeg:
    def __init__(self, container: Any, stream: Any) -> None:
        from av.stream import Discard

        self._container = container
        self._stream = stream
        for other in container.streams:
            if other is not stream:
                other.discard = Discard.all
        first = next(self._decoded())
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
                    yield finite(np.concatenate(gathered))
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
        stated = 0
        if stream.duration:
            stated = round(stream.duration * stream.time_base * self.rate)
        elif container.duration:
            stated = round(container.duration * self.rate / 1_000_000)
        if not ends:
            return stated, 0
        begin, end = min(a for a, _ in ends), max(b for _, b in ends)
        # Some containers count in milliseconds: nothing is lost by one more.
        there = math.ceil((end - begin + 1) * stream.time_base * self.rate)
        if abs(there - stated) <= _LONGEST_PACKET:
            return stated, 0
        trusted = container.format.name.startswith(_STATED_LENGTH)
        return there, max(stated - there, 0) if trusted else 0


def _open_ffmpeg(path: Path) -> _Ffmpeg:
    import av

    nothing = EarmarkError(
        f"“{path.name}” holds no sound that can be read.",
        "Convert it to WAV or FLAC with the program it came from.",
    )
    try:
        container = av.open(str(path), options=_FFMPEG, metadata_errors="replace")
    except (av.FFmpegError, ValueError) as error:
        raise nothing from error
    try:
        stream = container.streams.best("audio")
        if stream is None:
            raise EarmarkError(
                f"“{path.name}” has no sound track.", "Choose another file."
            )
        return _Ffmpeg(container, stream)
    except (av.FFmpegError, StopIteration) as error:
        container.close()
        raise nothing from error
    except EarmarkError:
        container.close()
        raise
