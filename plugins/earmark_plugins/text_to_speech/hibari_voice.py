"""The embedded voice: hibari, an ONNX model that ships with its library."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from earmark.api import Context
from earmark_plugins.text_to_speech.voice import Samples, choose


@dataclass(frozen=True, slots=True)
class HibariVoice:
    """One of hibari's voices, English of either side of the ocean."""

    name: str
    hibari: Any
    speed: float
    language: str = "en"
    longest: int = 400

    @property
    def rate(self) -> int:
        """Frames per second."""
        return int(self.hibari.sample_rate)

    def speak(self, sentence: str, seed: int) -> Samples:
        """Speak a sentence."""
        random = np.random.default_rng(seed)
        parts = [
            self.hibari.from_ids(self.hibari.ids(phonemes), self.speed, random)
            for phonemes in self.hibari.phonemize(sentence)
        ]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def load(ctx: Context, voice: str, speed: float) -> HibariVoice:
    """Give one of the voices that are on disk; none is ever downloaded.

    Raises
    ------
    EarmarkError
        If there is no such voice; it lists those there are.
    """
    voices: Any = importlib.import_module("hibari.voices")
    files = {}
    for name in voices.VOICES:
        try:
            files[name] = Path(voices.voice_path(name, download_missing=False))
        except FileNotFoundError:
            continue
    name = choose(voice, list(files), "hibari")

    def open_voice() -> Any:
        hibari: Any = importlib.import_module("hibari")
        opened = hibari.Hibari(voice=name, model=str(files[name]))
        opened.phonemize("ready")  # reads the lexicon, which takes longer than the rest
        return opened

    hibari = ctx.cached(("hibari", name), open_voice)
    ctx.use("cpu", "float32")
    return HibariVoice(name, hibari, speed)
