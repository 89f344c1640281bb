"""Sound files: what they hold, importing them, writing them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from earmark.audio.decode import Decoder, open_decoder
from earmark.audio.pcm import PcmLayout, pcm_layout
from earmark.audio.sources import Readers, SourceReader, Sources, open_source
from earmark.core.clips import Source
from earmark.core.durable import replaced
from earmark.core.errors import EarmarkError
from earmark.core.sources import Step, hash_file, stamp, unwatched

__all__ = [
    "AudioInfo",
    "Readers",
    "SourceReader",
    "Sources",
    "hash_file",
    "import_file",
    "open_source",
    "probe",
    "write_audio",
]

_BLOCK = 1 << 15
"""Frames handed to libsndfile at once; its Vorbis encoder overflows the stack on
millions."""

_WAV_LIMIT = (1 << 32) - (1 << 16)
_VORBIS_RATE = 200_000
"""libvorbis encodes up to this rate; beyond it libsndfile ends the process."""
_FORMATS = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".oga": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
    ".aiff": ("AIFF", "PCM_16"),
    ".aif": ("AIFF", "PCM_16"),
}
_BITS = {"PCM_16": 16, "PCM_24": 24}


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What a sound file holds.

    Attributes
    ----------
    path : Path
    format, codec : str
        "WAV" and "PCM_16", "FLAC" and "PCM_24", ...
    rate, channels : int
    frames : int
        That can be read; of compressed sound to within a packet.
    missing_frames : int
        Frames that the header promises and the file does not hold.
    unusable : int
        Samples that are not numbers, or infinite; they are silent.
    clipped : int
        Samples that were beyond full scale and were limited when it was written.
    note : str
        One sentence for the user if something is missing or was limited.
    """

    path: Path
    format: str
    codec: str
    rate: int
    channels: int
    frames: int
    missing_frames: int = 0
    unusable: int = 0
    clipped: int = 0
    note: str = ""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.frames / self.rate


def probe(path: Path, step: Step = unwatched) -> AudioInfo:
    """What a sound file holds, told by its content and not by its name.

    Parameters
    ----------
    path : Path
    step : callable, optional
        Is told of what was read of a file that has to be read whole; may raise.

    Raises
    ------
    EarmarkError
        If it is missing, not readable, empty, broken, or holds no sound.
    """
    try:
        if path.is_dir():
            raise EarmarkError(
                f"“{path.name}” is a folder.", "Choose the sound files in it."
            )
        if not path.stat().st_size:
            raise EarmarkError(f"“{path.name}” is empty.", "Choose another file.")
        layout = pcm_layout(path)
        if layout is not None:
            bad = _count_unusable(path, layout, step)
            info = _described(path, layout, layout.encoding.name, bad)
        else:
            with open_decoder(path) as decoder:
                info = _described(path, decoder, decoder.codec, 0)
    except OSError as error:
        raise _unreadable(path, error) from error
    if info.frames <= 0:
        raise EarmarkError(f"“{path.name}” holds no sound.", "Choose another file.")
    return info


def import_file(
    path: Path,
    tell: Callable[[str], None] | None = None,
    step: Step = unwatched,
) -> Source:
    """A source made of a file, which stays where it is.

    Parameters
    ----------
    path : Path
    tell : callable, optional
        Is given the `note` of the file, if there is one.
    step : callable, optional
        Is told of each block of bytes that was read; may raise to end it.

    Raises
    ------
    EarmarkError
        As `probe`.
    """
    path = path.absolute()
    info = probe(path, step)
    size, modified_ns = stamp(path)  # before it is read: a change meanwhile shows
    digest = hash_file(path, step)
    if info.note and tell is not None:
        tell(info.note)
    return Source(
        digest,
        path,
        info.rate,
        info.channels,
        info.frames,
        size=size,
        modified_ns=modified_ns,
    )


def _unreadable(path: Path, error: OSError) -> EarmarkError:
    return EarmarkError(
        f"“{path}” cannot be read: {error.strerror or error}.",
        "Check that it is still there and that you may read it.",
    )


def _count_unusable(path: Path, layout: PcmLayout, step: Step) -> int:
    """How many samples of an uncompressed file are not numbers."""
    if not layout.frames or layout.encoding.name not in ("FLOAT", "DOUBLE"):
        return 0
    samples = layout.array(np.memmap(path, mode="r"))
    unusable = 0
    for at in range(0, layout.frames, _BLOCK):
        block = samples[at : at + _BLOCK]
        unusable += int(np.count_nonzero(~np.isfinite(block)))
        step(block.nbytes)
    return unusable


def _described(
    path: Path, found: PcmLayout | Decoder, codec: str, unusable: int
) -> AudioInfo:
    missing = found.missing_frames
    notes = []
    if missing:
        missing_s = missing / found.rate
        notes.append(
            f"“{path.name}” is cut short: its last {missing_s:.1f} s are missing."
        )
    if unusable:
        notes.append(
            f"{unusable} samples of “{path.name}” are not numbers; they are silent."
        )
    return AudioInfo(
        path,
        found.format,
        codec,
        found.rate,
        found.channels,
        found.frames,
        missing_frames=missing,
        unusable=unusable,
        note=" ".join(notes),
    )


def format_of(path: Path) -> tuple[str, str]:
    """The container and the usual subtype of a sound file that is to be written.

    Raises
    ------
    EarmarkError
        If its ending is none that is written.
    """
    found = _FORMATS.get(path.suffix.lower())
    if found is None:
        raise EarmarkError(
            f"“{path.name}” has an ending that Earmark does not write.",
            "Choose one of " + ", ".join(_FORMATS) + ".",
        )
    return found


def write_audio(
    path: Path,
    samples: NDArray[Any] | Iterable[NDArray[Any]],
    rate: int,
    channels: int,
    *,
    subtype: str | None = None,
    frames: int | None = None,
) -> AudioInfo:
    """Write a sound file; it appears under its name only when it is whole.

    Parameters
    ----------
    path : Path
        Its ending says which format: .wav, .flac, .ogg, .opus, .mp3, .aiff.
    samples : ndarray, shape (frames,) or (frames, channels), or an iterable of such
        Full scale is 1.
    rate, channels : int
    subtype : str, optional
        libsndfile's word: "PCM_16", "PCM_24", "FLOAT", "VORBIS", ...
    frames : int, optional
        How many will come, if blocks are given; needed beyond 4 GB of WAV.

    Returns
    -------
    AudioInfo
        Of the file, re-opened; `clipped` counts limited samples.

    Raises
    ------
    EarmarkError
        If there is nothing to write, a sample is not a number, the format does not take
        this rate or channel count, or the disk is full. Nothing is left behind then.
    """
    container, usual = format_of(path)
    subtype = subtype or usual
    if isinstance(samples, np.ndarray):
        frames = len(samples)
        blocks: Iterable[NDArray[Any]] = [samples]
    else:
        blocks = samples
    width = {"PCM_24": 3, "FLOAT": 4, "DOUBLE": 8}.get(subtype, 2)
    if container == "WAV" and (frames or 0) * channels * width > _WAV_LIMIT:
        container = "RF64"
    if subtype == "VORBIS" and rate > _VORBIS_RATE:
        raise EarmarkError(
            f"“{path.name}” cannot be written at {rate} Hz.",
            f"Ogg Vorbis takes up to {_VORBIS_RATE} Hz; choose another format or rate.",
        )
    if not soundfile.check_format(container, subtype):
        raise EarmarkError(
            f"“{path.name}” cannot be written as {subtype}.", f"Choose {usual}."
        )
    try:
        with replaced(path) as beside:
            try:
                writer = _Writer(beside, path.name, container, subtype, rate, channels)
                try:
                    for block in blocks:
                        writer.write(block)
                finally:
                    writer.close()
            except soundfile.LibsndfileError as error:
                raise EarmarkError(
                    f"“{path.name}” cannot be written: {error.error_string}",
                    f"{container} may not take {rate} Hz with {channels} channels.",
                ) from error
            _check_written(beside, path, writer)
    except OSError as error:
        raise EarmarkError(
            f"“{path}” cannot be written: {error.strerror or error}.",
            "Check that the folder is there, writable, and has room.",
        ) from error
    note = (
        f"{writer.clipped} samples were too loud for {subtype} and were limited."
        if writer.clipped
        else ""
    )
    return AudioInfo(
        path, container, subtype, rate, channels, writer.frames, clipped=writer.clipped,
        note=note,
    )  # fmt: skip


class _Writer:
    """An open file of libsndfile, with our own rounding and counting."""

    def __init__(
        self,
        part: Path,
        name: str,
        container: str,
        subtype: str,
        rate: int,
        channels: int,
    ) -> None:
        self._file = soundfile.SoundFile(
            part, "w", rate, channels, subtype, format=container
        )
        self._name = name
        self._bits = _BITS.get(subtype)
        self._counts_clipping = subtype not in ("FLOAT", "DOUBLE")
        self.channels = channels
        self.rate = rate
        self.frames = 0
        self.clipped = 0

    def write(self, block: NDArray[Any]) -> None:
        shaped = block if block.ndim == 2 else block[:, None]
        if shaped.shape[1] != self.channels:
            raise ValueError(f"{shaped.shape} is not {self.channels} channels")
        for start in range(0, len(shaped), _BLOCK):
            self._write(shaped[start : start + _BLOCK].astype(np.float32, copy=False))

    def _write(self, samples: NDArray[np.float32]) -> None:
        loudest = float(np.abs(samples).max())
        if not np.isfinite(loudest):
            raise EarmarkError(
                f"The sound for “{self._name}” has samples that are not numbers.",
                "It was not written; look for what made them.",
            )
        if self._counts_clipping and loudest > 1.0:
            self.clipped += int(np.count_nonzero(np.abs(samples) > 1.0))
        if self._bits is None:
            self._file.write(samples)
        else:
            full = 1 << (self._bits - 1)
            whole = np.rint(samples.astype(np.float64) * full)
            whole = np.clip(whole, -full, full - 1).astype(np.int32)
            self._file.write(whole << (32 - self._bits))
        self.frames += len(samples)

    def close(self) -> None:
        self._file.close()


def _check_written(part: Path, path: Path, writer: _Writer) -> None:
    if not writer.frames:
        raise EarmarkError(
            f"There is no sound to write to “{path.name}”.", "Select some first."
        )
    found = soundfile.info(part)
    # An MP3 or Opus stream is made of packets.
    slack = 4096 if path.suffix.lower() in (".mp3", ".opus") else 0
    same = abs(found.frames - writer.frames) <= slack
    if not same or (found.samplerate, found.channels) != (writer.rate, writer.channels):
        raise EarmarkError(
            f"“{path.name}” was not written whole: {found.frames} of {writer.frames} "
            "frames were found in it.",
            "Check that the disk has room.",
        )
