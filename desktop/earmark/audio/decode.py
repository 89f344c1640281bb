"""Decoding: libsndfile where it knows the format, FFmpeg for the rest."""

from __future__ import annotations

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
_SNDFILE_MAGICS = (b"RIFF", b"RIFX", b"RF64", b"FORM", b"fLaC", b"OggS", b"caff")
_SNDFILE_MAGICS += (b".snd", b"dns.", b"riff\x2e\x91\xcf\x11")
"""What libsndfile is trusted with: it also takes obscure formats for which the first
bytes prove little. It is not given MP3: without a Xing header it stops at its own
estimate of the length, and it writes warnings to the terminal."""

_NARROW = {"PCM_U8", "PCM_S8", "PCM_16", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM"}
_NARROW |= {"GSM610", "G721_32", "DPCM_8", "DPCM_16", "ALAC_16"}
_UNKNOWN_LENGTH = 1 << 62

_FFMPEG = {
    # Playlists would open other files, and addresses.
    "format_whitelist": "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,eac3,flac,flv,"
    "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpeg,mpegts,ogg,rm,swf,tak,tta,voc,w64,"
    "wav,wv,mpc,mpc8,xwma,oma,loas,latm",
    "protocol_whitelist": "file",
}


class Decoder(Protocol):
    """An open compressed file.

    Attributes
    ----------
    format, codec : str
    rate, channels : int
    frames : int
        What the header says.
    exact : bool
        Whether that can be relied on.
    dtype : str
        "<i2" or "<f4": what the blocks hold.
    """

    format: str
    codec: str
    rate: int
    channels: int
    frames: int
    exact: bool
    dtype: str

    def blocks(self) -> Iterator[NDArray[Any]]:
        """The samples, shape (frames, channels), up to the first that is broken."""

    def count(self) -> int:
        """The frames that are there; reads the packets, but decodes nothing."""

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
    def __init__(self, file: soundfile.SoundFile) -> None:
        self._file = file
        self.format = file.format
        self.codec = file.subtype
        self.rate = file.samplerate
        self.channels = file.channels
        self.frames = file.frames
        self.exact = True
        self.dtype = "<i2" if file.subtype in _NARROW else "<f4"

    def blocks(self) -> Iterator[NDArray[Any]]:
        dtype = "int16" if self.dtype == "<i2" else "float32"
        while True:
            try:
                block = self._file.read(_BLOCK, dtype=dtype, always_2d=True)
            except soundfile.LibsndfileError:
                return
            if not len(block):
                return
            yield finite(block) if dtype == "float32" else block

    def count(self) -> int:
        return self.frames

    def close(self) -> None:
        self._file.close()


def _open_sndfile(path: Path) -> _Sndfile | None:
    try:
        file = soundfile.SoundFile(path)
    except soundfile.LibsndfileError:
        return None
    if file.frames >= _UNKNOWN_LENGTH:
        file.close()
        return None
    return _Sndfile(file)


class _Ffmpeg:
    def __init__(self, path: Path, container: Any) -> None:
        self._path = path
        self._container = container
        self._stream = container.streams.best("audio")
        first = next(container.decode(self._stream))
        container.seek(0)
        self.format = container.format.long_name
        self.codec = self._stream.codec_context.codec.long_name
        self.rate = first.sample_rate
        self.channels = first.layout.nb_channels
        self._layout = first.layout.name
        self._packet = first.samples
        duration = self._stream.duration
        self.frames = (
            round(duration * self._stream.time_base * self.rate) if duration else 0
        )
        self.exact = container.format.name.startswith("mov") and self.frames > 0
        self.dtype = "<f4"

    def blocks(self) -> Iterator[NDArray[Any]]:
        import av

        resampler = av.AudioResampler("flt", self._layout, self.rate)
        try:
            for frame in self._container.decode(self._stream):
                for block in resampler.resample(frame):
                    yield self._array(block)
            for block in resampler.resample(None):
                yield self._array(block)
        except (av.FFmpegError, ValueError):
            return

    def _array(self, frame: Any) -> NDArray[np.float32]:
        samples: NDArray[np.float32] = frame.to_ndarray()
        return finite(samples.reshape(-1, self.channels))

    def count(self) -> int:
        import av

        ticks = 0
        try:
            for packet in self._container.demux(self._stream):
                ticks += packet.duration or 0
        except av.FFmpegError:
            pass  # what follows cannot be read either
        self._container.seek(0)
        counted = round(ticks * self._stream.time_base * self.rate)
        close = abs(counted - self.frames) <= 3 * self._packet
        return self.frames if self.frames and close else counted

    def close(self) -> None:
        self._container.close()


def _open_ffmpeg(path: Path) -> _Ffmpeg:
    import av

    container = None
    try:
        container = av.open(str(path), options=_FFMPEG, metadata_errors="replace")
        if container.streams.best("audio") is not None:
            return _Ffmpeg(path, container)
    except (av.FFmpegError, StopIteration, ValueError) as error:
        if container is not None:
            container.close()
        raise EarmarkError(
            f"“{path.name}” holds no sound that can be read.",
            "Convert it to WAV or FLAC with the program it came from.",
        ) from error
    container.close()
    raise EarmarkError(f"“{path.name}” has no sound track.", "Choose another file.")
