"""Conversations of known turns, put together from real recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import recordings
import soundfile
import soxr
from numpy.typing import NDArray

RATE = 16_000

_VOICES = {
    "Allison": ("asterisk-core-sounds-en-wav", "en_US_f_Allison"),
    "June": ("asterisk-core-sounds-fr-wav", "fr_CA_f_June"),
    "Carlo": ("asterisk-core-sounds-it-wav", "it_IT_m_Carlo"),
    "Ivrvoice": ("asterisk-core-sounds-ru-wav", "ru_RU_f_IvrvoiceRU"),
    "Menardi": ("asterisk-prompt-it-menardi-wav", "it_IT_f_Menardi"),
    "Colombian": ("asterisk-prompt-es-co", "es"),
    "Armelle": ("asterisk-prompt-fr-armelle", "fr"),
}
VOICES = tuple(_VOICES)
"""Who speaks in the recordings: each a studio voice of its own."""

_NO_VOICE = ("beep", "tone", "silence", "monkeys", "ascending", "descending")


@dataclass(frozen=True, slots=True)
class Spoken:
    """Who speaks from where to where."""

    start_s: float
    stop_s: float
    name: str


def prompts_of(voice: str, shortest_s: float, longest_s: float) -> list[Path]:
    """The recordings of a voice that have a length, in order of their names."""
    package, folder = _VOICES[voice]
    sounds = recordings.debian(package) / "usr" / "share" / "asterisk" / "sounds"
    return [
        path
        for path in sorted((sounds / folder).glob("*.*"))
        if not any(word in path.name for word in _NO_VOICE)
        and path.suffix in (".wav", ".gsm")
        and shortest_s <= _length_s(path) <= longest_s
    ]


def heard(path: Path) -> NDArray[np.float32]:
    """The samples of a recording at `RATE`, shape (frames,)."""
    samples, rate = soundfile.read(path, dtype="float32", **_unsaid(path))
    mono = samples if samples.ndim == 1 else samples.mean(axis=1)
    resampled: NDArray[np.float32] = soxr.resample(mono, rate, RATE)
    return resampled


def _length_s(path: Path) -> float:
    with soundfile.SoundFile(path, **_unsaid(path)) as file:
        return float(file.frames / file.samplerate)


def _unsaid(path: Path) -> dict[str, Any]:
    """What a file of bare GSM 06.10 does not say of itself."""
    if path.suffix != ".gsm":
        return {}
    return {"format": "RAW", "subtype": "GSM610", "samplerate": 8000, "channels": 1}


def conversation(
    path: Path, voices: Sequence[str], turns: int, seed: int
) -> list[Spoken]:
    """Write a conversation: each turn is one to three prompts, a short pause behind.

    Parameters
    ----------
    path : Path
        Of the WAV file that is written.
    voices : sequence of str
        Two or more of `VOICES`; they begin in this order.
    turns : int
    seed : int

    Returns
    -------
    list of Spoken
    """
    chance = np.random.default_rng(seed)
    left = {
        voice: list(chance.permutation(np.array(prompts_of(voice, 1.5, 8.0), object)))
        for voice in voices
    }
    parts: list[NDArray[np.float32]] = []
    truth: list[Spoken] = []
    frames = 0
    for turn in range(turns):
        if turn < len(voices):
            name = voices[turn]
        else:
            others = [voice for voice in voices if voice != truth[-1].name]
            name = others[chance.integers(len(others))]
        for _ in range(chance.integers(1, 4)):
            samples = heard(left[name].pop())
            pause = np.zeros(int(chance.uniform(0.2, 0.8) * RATE), np.float32)
            parts += [samples, pause]
            stop = frames + len(samples)
            truth.append(Spoken(frames / RATE, stop / RATE, name))
            frames = stop + len(pause)
    soundfile.write(path, np.concatenate(parts), RATE)
    return truth


def right_share(truth: Sequence[Spoken], found: Sequence[Spoken]) -> float:
    """The share of the spoken time that has the right speaker, 0 to 1.

    Names need not agree: each found one stands for the speaker with whom, all taken
    together, it agrees longest.
    """
    from scipy.optimize import linear_sum_assignment

    names = sorted({spoken.name for spoken in truth})
    others = sorted({spoken.name for spoken in found})
    agreed = np.zeros((len(names), len(others)))
    for said in truth:
        for spoken in found:
            overlap_s = min(said.stop_s, spoken.stop_s) - max(
                said.start_s, spoken.start_s
            )
            if overlap_s > 0:
                agreed[names.index(said.name), others.index(spoken.name)] += overlap_s
    total_s = sum(said.stop_s - said.start_s for said in truth)
    return float(agreed[linear_sum_assignment(-agreed)].sum() / total_s)
