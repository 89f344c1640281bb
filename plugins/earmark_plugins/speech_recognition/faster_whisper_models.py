"""Whisper in CTranslate2's format, run by faster-whisper."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import ctranslate2
import numpy as np
import psutil
from faster_whisper import WhisperModel
from numpy.typing import NDArray

from earmark.api import Context, EarmarkError
from earmark_plugins.speech_recognition import SpeechRecognition
from earmark_plugins.speech_recognition.languages import check_language
from earmark_plugins.speech_recognition.transcript import (
    Heard,
    Samples,
    Segment,
    Word,
)

_FRAMES_PER_S = 100
_SILENCE_S = 10
_PREFERRED = {
    "cpu": ("int8", "int8_float32", "float32"),
    "cuda": ("float16", "int8_float16", "bfloat16", "float32"),
}


class ShortWhisper(WhisperModel):  # type: ignore[misc] # the library is untyped
    """Whisper that does not listen to half a minute of silence behind a short clip.

    Whisper fills every window up to 30 s, and on short clips that silence is nearly
    all its work. Ten seconds of it are enough to end a sentence; with fewer than six
    it repeats short ones. The filling is as silent as the quietest part of the clip.
    """

    def encode(self, features: NDArray[np.float32]) -> ctranslate2.StorageView:
        """Encode log-mel features, shape (mels, frames), zero behind the audio."""
        heard = np.flatnonzero(features.any(axis=0))
        length = int(heard[-1]) + 1 if len(heard) else features.shape[-1]
        stop = min(length + _SILENCE_S * _FRAMES_PER_S, features.shape[-1])
        filled = features[..., :stop].copy()
        filled[..., length:] = filled[..., :length].min()
        return super().encode(filled)


@dataclass(frozen=True, slots=True)
class FasterWhisper:
    """A recognizer over a loaded model."""

    model: WhisperModel
    params: SpeechRecognition
    window_s: float = 30.0
    fills_windows: bool = True

    def transcribe(self, samples: Samples, language: str) -> Heard:
        """Transcribe one window."""
        # Sampling, which the decoder falls back to, then gives the same text each time.
        ctranslate2.set_random_seed(0)
        found, info = self.model.transcribe(
            samples,
            language=language or None,
            task="translate" if self.params.translate else "transcribe",
            beam_size=self.params.beam_size,
            initial_prompt=self.params.prompt or None,
            word_timestamps=self.params.words,
            # Each window stands alone: a mistake cannot spread to the next, and a
            # resumed job gives what an uninterrupted one would have.
            condition_on_previous_text=False,
        )
        segments = tuple(_segment(each) for each in found)
        if not self.model.model.is_multilingual:
            return Heard(segments, "en")
        probability = None if language else float(info.language_probability)
        return Heard(segments, info.language, probability)


def load(ctx: Context, params: SpeechRecognition) -> FasterWhisper:
    """Give the job's model.

    Raises
    ------
    EarmarkError
        If the folder is no Whisper model, cannot do what is asked, or the precision
        is not to be had on the device.
    """
    if ctx.model is None or ctx.model.path is None:
        raise EarmarkError("No model was chosen.", "Choose one that is on disk.")
    folder = ctx.model.path
    if not (folder / "model.bin").is_file():
        raise EarmarkError(
            f"{folder} holds no CTranslate2 model: model.bin is missing.",
            "Import the model again, or choose another one.",
        )
    if not (folder / "tokenizer.json").is_file():
        raise EarmarkError(
            f"{folder} has no tokenizer.json.",
            "Copy it from the model that the folder was converted from.",
        )
    kind, _, index = ctx.device.partition(":")
    note = "" if kind in _PREFERRED else f"CTranslate2 cannot use {kind}"
    device = kind if kind in _PREFERRED else "cpu"
    compute_type = _compute_type(device, params.precision)

    def open_model() -> ShortWhisper:
        try:
            return ShortWhisper(
                str(folder),
                device=device,
                device_index=int(index or 0),
                compute_type=compute_type,
                cpu_threads=_threads(),
                local_files_only=True,
            )
        except (RuntimeError, ValueError, OSError) as error:
            if isinstance(error, RuntimeError) and "memory" in str(error).lower():
                raise
            raise EarmarkError(
                f"{folder} could not be opened as a Whisper model: {error}",
                "Import the model again, or choose another one.",
            ) from error

    model = ctx.cached(("faster-whisper", compute_type), open_model)
    check_language(
        ctx.model.title or folder.name,
        model.supported_languages,
        language=params.language,
        translate=params.translate,
    )
    ctx.use(ctx.device if device == kind else "cpu", model.model.compute_type, note)
    return FasterWhisper(model, params)


def _segment(found: Any) -> Segment:
    words = tuple(
        Word(float(word.start), float(word.end), word.word.strip(), word.probability)
        for word in found.words or ()
    )
    score = float(np.exp(found.avg_logprob))
    return Segment(found.start, found.end, found.text.strip(), score, words)


def _compute_type(device: str, precision: str) -> str:
    supported = ctranslate2.get_supported_compute_types(device)
    wanted = _PREFERRED[device] if precision == "auto" else (precision,)
    for compute_type in wanted:
        if compute_type in supported:
            return compute_type
    raise EarmarkError(
        f"This {device.upper()} cannot compute in {precision}.",
        f"Set the precision to auto, or to one of {', '.join(sorted(supported))}.",
    )


def _threads() -> int:
    """The cores this process may use; beyond eight, more threads do not pay."""
    cores = psutil.cpu_count(logical=False) or 1
    if hasattr(os, "sched_getaffinity"):
        cores = min(cores, len(os.sched_getaffinity(0)))
    return min(cores, 8)
