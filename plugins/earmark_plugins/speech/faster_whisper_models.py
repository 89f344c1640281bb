"""Whisper in CTranslate2's format, run by faster-whisper."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import ctranslate2
import numpy as np
import psutil
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_compression_ratio, get_suppressed_tokens
from numpy.typing import NDArray

from earmark.api import Context, EarmarkError, ModelRef
from earmark_plugins.speech import Listening
from earmark_plugins.speech.languages import check_language
from earmark_plugins.speech.transcript import (
    RATE,
    SILENCE_S,
    Heard,
    Samples,
    Segment,
    Word,
)

_FRAMES_PER_S = 100
_SHORTEST_S = 0.5

# The library's own defaults: below this mean log probability, or above this ratio of
# the text to the text compressed, a reading is not trusted.
_LIKELY = -1.0
_REPETITIVE = 2.4
_LATEST_START = 50
"""A second, in the steps of Whisper's time tokens."""
_PUNCTUATION = ("\"'“¿([{-", "\"'.。,，!！?？:：”)]}、")  # noqa: RUF001
"""What joins the word behind it, and the word before it."""

_TOKENS_PER_S = 12
"""More than fast speech has in most languages; who needs more is caught in a loop."""
_APART_S = 60
"""To the library clips of a batch lie on one axis of time. So far apart, how long a
word lasts and what was before it in its own clip is all that counts."""

_PREFERRED = {
    "cpu": ("int8", "int8_float32", "float32"),
    "cuda": ("float16", "int8_float16", "bfloat16", "float32"),
}


class ShortWhisper(WhisperModel):  # type: ignore[misc] # the library is untyped
    """Whisper that does not listen to half a minute of silence behind a short clip.

    The filling is as silent as the quietest part of the clip; see `SILENCE_S`.
    """

    def encode(self, features: NDArray[np.float32]) -> ctranslate2.StorageView:
        """Encode log-mel features, shape (mels, frames), zero behind the audio."""
        heard = np.flatnonzero(features.any(axis=0))
        length = int(heard[-1]) + 1 if len(heard) else features.shape[-1]
        return super().encode(self._filled(features[:, :length], self._room(length)))

    def encode_clips(
        self, clips: Sequence[Samples]
    ) -> tuple[ctranslate2.StorageView, list[int]]:
        """Encode clips together; gives how many frames each has, too."""
        shortest = int(_SHORTEST_S * RATE)
        features = [
            self.feature_extractor(np.pad(clip, (0, max(0, shortest - len(clip)))))
            for clip in clips
        ]
        lengths = [each.shape[-1] for each in features]
        room = self._room(max(lengths))
        filled = [self._filled(each[:, :room], room) for each in features]
        return super().encode(np.stack(filled)), [min(each, room) for each in lengths]

    def _room(self, length: int) -> int:
        frames = length + int(SILENCE_S * _FRAMES_PER_S)
        return min(frames, int(self.feature_extractor.nb_max_frames))

    def _filled(self, features: NDArray[np.float32], room: int) -> NDArray[np.float32]:
        behind = ((0, 0), (0, room - features.shape[-1]))
        return np.pad(features, behind, constant_values=features.min())


@dataclass(frozen=True, slots=True)
class FasterWhisper:
    """A recognizer over a loaded model."""

    model: ShortWhisper
    listening: Listening
    window_s: float = 30.0
    fills_windows: bool = True

    def transcribe(self, samples: Samples, language: str) -> Heard:
        """Transcribe one window."""
        # Sampling, which the decoder falls back to, then gives the same text each time.
        ctranslate2.set_random_seed(0)
        found, info = self.model.transcribe(
            samples,
            language=language or None,
            task=self._task,
            beam_size=self.listening.beam_size,
            initial_prompt=self.listening.prompt or None,
            word_timestamps=self.listening.words,
            # Each window stands alone: a mistake cannot spread to the next, and a
            # resumed job gives what an uninterrupted one would have.
            condition_on_previous_text=False,
        )
        segments = tuple(_segment(each) for each in found)
        if not self.model.model.is_multilingual:
            return Heard(segments, "en")
        probability = None if language else float(info.language_probability)
        return Heard(segments, info.language, probability)

    def transcribe_many(self, clips: Sequence[Samples], language: str) -> list[Heard]:
        """Transcribe clips, those in doubt once more by themselves.

        In doubt is one whose text repeats itself, is unlikely, or has no end: alone,
        the decoder falls back to sampling and goes on behind what it heard.
        """
        encoded, lengths = self.model.encode_clips(clips)
        spoken: list[tuple[str, float | None]] = [(language or "en", None)] * len(clips)
        if self.model.model.is_multilingual and not language:
            found = self.model.model.detect_language(encoded)
            spoken = [(chances[0][0].strip("<|>"), chances[0][1]) for chances in found]
        languages = {code for code, _ in spoken}
        if len(languages) == 1:
            heard = self._decode(encoded, lengths, languages.pop())
        else:
            heard = self._one_language_after_another(clips, [c for c, _ in spoken])
        return [
            replace(
                self.transcribe(clip, code) if of_clip is None else of_clip,
                language=code,
                probability=probability,
            )
            for clip, of_clip, (code, probability) in zip(
                clips, heard, spoken, strict=True
            )
        ]

    @property
    def _task(self) -> str:
        return "translate" if self.listening.translate else "transcribe"

    def _one_language_after_another(
        self, clips: Sequence[Samples], spoken: Sequence[str]
    ) -> list[Heard | None]:
        heard: list[Heard | None] = [None] * len(clips)
        for language in dict.fromkeys(spoken):
            of_it = [index for index, code in enumerate(spoken) if code == language]
            found = self.transcribe_many([clips[index] for index in of_it], language)
            for index, each in zip(of_it, found, strict=True):
                heard[index] = each
        return heard

    def _decode(
        self, encoded: ctranslate2.StorageView, lengths: Sequence[int], language: str
    ) -> list[Heard | None]:
        """What is heard in encoded clips of one language; None where it is in doubt."""
        whisper = self.model
        tokenizer = Tokenizer(
            whisper.hf_tokenizer,
            whisper.model.is_multilingual,
            task=self._task,
            language=language,
        )
        before = self.listening.prompt.strip()
        prompt = whisper.get_prompt(
            tokenizer, tokenizer.encode(f" {before}") if before else []
        )
        room = math.ceil(max(lengths) / _FRAMES_PER_S * _TOKENS_PER_S)
        longest = min(whisper.max_length, len(prompt) + room)
        results = whisper.model.generate(
            encoded,
            [prompt] * len(lengths),
            beam_size=self.listening.beam_size,
            max_length=longest,
            return_scores=True,
            suppress_tokens=get_suppressed_tokens(tokenizer, [-1]),
            max_initial_timestamp_index=_LATEST_START,
        )
        parts: list[list[dict[str, Any]]] = []
        scores: list[float | None] = []
        for index, (result, length) in enumerate(zip(results, lengths, strict=True)):
            tokens = result.sequences_ids[0]
            found, reached, _ = whisper._split_segments_by_timestamps(
                tokenizer, tokens, index * _APART_S, length, length / _FRAMES_PER_S, 0
            )
            for part in found:
                part["seek"] = index * _APART_S * _FRAMES_PER_S
            parts.append(found)
            logprob = result.scores[0] * len(tokens) / (len(tokens) + 1)
            repetition = get_compression_ratio(tokenizer.decode(tokens).strip())
            certain = (
                logprob >= _LIKELY
                and repetition <= _REPETITIVE
                and reached >= length
                and len(prompt) + len(tokens) < longest
            )
            scores.append(math.exp(logprob) if certain else None)
        if self.listening.words:
            whisper.add_word_timestamps(
                parts, tokenizer, encoded, list(lengths), *_PUNCTUATION, -_APART_S
            )
        return [
            None
            if score is None
            else Heard(
                tuple(
                    _part(tokenizer, part, index * _APART_S, score)
                    for part in found
                    if tokenizer.decode(part["tokens"]).strip()
                )
            )
            for index, (found, score) in enumerate(zip(parts, scores, strict=True))
        ]


def _part(
    tokenizer: Tokenizer, part: dict[str, Any], before_s: float, score: float
) -> Segment:
    words = tuple(
        Word(
            max(0.0, float(word["start"]) - before_s),
            max(0.0, float(word["end"]) - before_s),
            word["word"].strip(),
            float(word["probability"]),
        )
        for word in part.get("words", ())
    )
    return Segment(
        max(0.0, float(part["start"]) - before_s),
        max(0.0, float(part["end"]) - before_s),
        tokenizer.decode(part["tokens"]).strip(),
        score,
        words,
    )


def load(ctx: Context, listening: Listening, ref: ModelRef) -> FasterWhisper:
    """Give a recognizer for a model.

    Raises
    ------
    EarmarkError
        If the folder is no Whisper model, cannot do what is asked, or the precision
        is not to be had on the device.
    """
    model = open_whisper(ctx, ref, listening.precision)
    check_language(
        ref.title or ref.id,
        model.supported_languages,
        language=listening.language,
        translate=listening.translate,
    )
    return FasterWhisper(model, listening)


def open_whisper(ctx: Context, ref: ModelRef, precision: str = "auto") -> ShortWhisper:
    """Give a model, loaded once for all tasks that hear with it.

    Raises
    ------
    EarmarkError
        If the folder is no Whisper model, or the precision is not to be had on the
        device.
    """
    if ref.path is None:
        raise EarmarkError("No model was chosen.", "Choose one that is on disk.")
    folder = ref.path
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
    compute_type = _compute_type(device, precision)

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

    model = ctx.cached(("faster-whisper", compute_type), open_model, model=ref)
    ctx.use(ctx.device if device == kind else "cpu", model.model.compute_type, note)
    return model


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
