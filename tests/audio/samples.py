"""Small sound files, made for the tests."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

SNDFILE_KINDS = {
    "wav-u8": ("WAV", "PCM_U8"),
    "wav-16": ("WAV", "PCM_16"),
    "wav-24": ("WAV", "PCM_24"),
    "wav-32": ("WAV", "PCM_32"),
    "wav-float": ("WAV", "FLOAT"),
    "wav-double": ("WAV", "DOUBLE"),
    "wavex-16": ("WAVEX", "PCM_16"),
    "wavex-24": ("WAVEX", "PCM_24"),
    "rf64-16": ("RF64", "PCM_16"),
    "aiff-s8": ("AIFF", "PCM_S8"),
    "aiff-16": ("AIFF", "PCM_16"),
    "aiff-24": ("AIFF", "PCM_24"),
    "aiff-32": ("AIFF", "PCM_32"),
    "aiff-float": ("AIFF", "FLOAT"),
    "aiff-double": ("AIFF", "DOUBLE"),
    "wav-ulaw": ("WAV", "ULAW"),
    "wav-adpcm": ("WAV", "IMA_ADPCM"),
    "flac-16": ("FLAC", "PCM_16"),
    "flac-24": ("FLAC", "PCM_24"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "caf": ("CAF", "PCM_16"),
    "caf-alac": ("CAF", "ALAC_16"),
    "au": ("AU", "PCM_16"),
    "w64": ("W64", "PCM_24"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
MAPPED_KINDS = [
    kind
    for kind, (container, codec) in SNDFILE_KINDS.items()
    if container in ("WAV", "WAVEX", "RF64", "AIFF") and codec not in
    ("ULAW", "IMA_ADPCM")
]  # fmt: skip
LOSSY_KINDS = {"ogg", "opus", "mp3", "m4a", "webm", "wav-ulaw", "wav-adpcm", "wma"}

FFMPEG_KINDS = {
    "m4a": ("ipod", "aac"),
    "mkv": ("matroska", "flac"),
    "webm": ("webm", "libopus"),
    "m4a-alac": ("ipod", "alac"),
    "wma": ("asf", "wmav2"),
}
KINDS = [*SNDFILE_KINDS, *FFMPEG_KINDS]


def tones(rate: int, channels: int, frames: int) -> NDArray[np.float32]:
    """A different, slowly swelling tone in each channel, at most half of full scale."""
    time_s = np.arange(frames)[:, None] / rate
    hz = 220.0 * (1.0 + np.arange(channels))
    swell = 0.25 + 0.25 * np.sin(2 * np.pi * 3.0 * time_s)
    sound: NDArray[np.float32] = swell * np.sin(2 * np.pi * hz * time_s)
    return sound.astype(np.float32)


def write(
    path: Path, kind: str, samples: NDArray[np.float32], rate: int = 48_000
) -> Path:
    """Write samples as one of `KINDS`."""
    if kind in SNDFILE_KINDS:
        container, codec = SNDFILE_KINDS[kind]
        soundfile.write(path, samples, rate, codec, format=container)
        return path
    container, codec = FFMPEG_KINDS[kind]
    with av.open(str(path), "w", format=container) as file:
        stream = _sound_track(file, codec, samples, rate)
        _encode(file, stream, samples, rate)
    return path


def write_video(path: Path, container: str, samples: NDArray[np.float32]) -> Path:
    """Write samples at 48 kHz as the sound track of a video of grey pictures."""
    with av.open(str(path), "w", format=container) as file:
        picture = file.add_stream("mpeg4", rate=25, width=64, height=64)
        picture.pix_fmt = "yuv420p"
        codec = "mp3" if container == "avi" else "aac"
        sound = _sound_track(file, codec, samples, 48_000)
        for number in range(25 * len(samples) // 48_000 + 1):
            grey = np.full((64, 64, 3), 8 * number % 256, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, "rgb24")
            frame.pts = number
            file.mux(picture.encode(frame))
        file.mux(picture.encode(None))
        _encode(file, sound, samples, 48_000)
    return path


def _sound_track(file: Any, codec: str, samples: NDArray[np.float32], rate: int) -> Any:
    """A stream for samples, which has to be there before anything is written."""
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[samples.shape[1]]
    stream = file.add_stream(codec, rate=rate, layout=layout)
    stream.bit_rate = 128_000
    return stream


def _encode(file: Any, stream: Any, samples: NDArray[np.float32], rate: int) -> None:
    layout = stream.layout.name
    size = stream.codec_context.frame_size or 1024
    wanted = stream.codec_context.format or av.AudioFormat("fltp")
    to_wanted = av.AudioResampler(wanted, layout, rate, size)
    for at in range(0, len(samples), 1024):
        lined = np.ascontiguousarray(samples[at : at + 1024].T)
        frame = av.AudioFrame.from_ndarray(lined, "fltp", layout)
        frame.sample_rate, frame.pts = rate, at
        for ready in to_wanted.resample(frame):
            file.mux(stream.encode(ready))
    for ready in to_wanted.resample(None):
        file.mux(stream.encode(ready))
    file.mux(stream.encode(None))


def wave_header(
    *,
    tag: int = 1,
    channels: int = 1,
    rate: int = 8000,
    bits: int = 16,
    align: int | None = None,
    data_size: int = 0,
    riff_size: int | None = None,
) -> bytes:
    """A WAV header that may lie; the samples follow it."""
    align = channels * bits // 8 if align is None else align
    riff_size = 36 + data_size if riff_size is None else riff_size
    return (
        struct.pack("<4sI4s", b"RIFF", riff_size, b"WAVE")
        + struct.pack("<4sIHHIIHH", b"fmt ", 16, tag, channels, rate, 0, align, bits)
        + struct.pack("<4sI", b"data", data_size)
    )
