"""The sound devices, as PortAudio sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from earmark.core.errors import EarmarkError

SILENCE_DB = -120.0
"""What a level meter shows at least."""


class TransportError(EarmarkError):
    """Sound cannot be played or recorded."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device of the sound system.

    Attributes
    ----------
    name : str
        As it is shown, and kept in the settings.
    inputs, outputs : int
        Channels.
    rate : int
        The rate that it prefers.
    default_input, default_output : bool
        Whether the system records from it, or plays to it, unless told otherwise.
    """

    name: str
    inputs: int
    outputs: int
    rate: int
    default_input: bool = False
    default_output: bool = False


@dataclass(frozen=True, slots=True)
class Levels:
    """How loud each channel is now, in dB of full scale."""

    peak_db: tuple[float, ...] = ()
    rms_db: tuple[float, ...] = ()

    @classmethod
    def of(cls, samples: NDArray[np.float32]) -> Levels:
        """Of samples, shape (frames, channels)."""
        least = 10.0 ** (SILENCE_DB / 20.0)
        peak = np.abs(samples).max(axis=0)
        rms = np.sqrt(np.mean(np.square(samples), axis=0))
        peak_db, rms_db = (20.0 * np.log10(np.maximum(x, least)) for x in (peak, rms))
        return cls(tuple(peak_db.tolist()), tuple(rms_db.tolist()))

    @classmethod
    def silent(cls, channels: int) -> Levels:
        """Of nothing."""
        return cls((SILENCE_DB,) * channels, (SILENCE_DB,) * channels)


def load_portaudio() -> Any:
    """The `sounddevice` module.

    Raises
    ------
    TransportError
        If the PortAudio library is missing or cannot start.
    """
    try:
        import sounddevice
    except OSError as error:
        raise TransportError(
            "Sound cannot be played: the PortAudio library is missing.",
            "Install it (Debian and Ubuntu: apt install libportaudio2).",
        ) from error
    except Exception as error:
        if type(error).__name__ != "PortAudioError":
            raise  # the module that would name this error failed to import
        raise TransportError(
            f"The sound system cannot be used: {error}.", "Restart it, or the computer."
        ) from error
    return sounddevice


def list_devices(sd: Any) -> list[Device]:
    """What can be played to and recorded from."""
    default_input, default_output = sd.default.device
    return [
        Device(
            entry["name"],
            entry["max_input_channels"],
            entry["max_output_channels"],
            round(entry["default_samplerate"]),
            index == default_input,
            index == default_output,
        )
        for index, entry in enumerate(sd.query_devices())
    ]


def find_device(sd: Any, name: str, kind: Literal["input", "output"]) -> Any:
    """What PortAudio knows of a device, or of the system's choice if `name` is empty.

    Raises
    ------
    TransportError
        If it is not there.
    """
    for entry in sd.query_devices():
        if name and entry["name"] == name and entry[f"max_{kind}_channels"] > 0:
            return entry
    if name:
        raise TransportError(
            f"The sound device “{name}” is not there.",
            "Plug it in, or choose another one in the preferences.",
        )
    try:
        return sd.query_devices(kind=kind)
    except (sd.PortAudioError, ValueError) as error:
        raise TransportError(
            f"There is no device for sound {kind}.",
            "Connect one; everything but playing and recording works without.",
        ) from error


def unusable(name: str, error: Exception) -> TransportError:
    """The error for a device that PortAudio refuses."""
    return TransportError(
        f"The sound device “{name}” cannot be used: {error}.",
        "Choose another one in the preferences.",
    )
