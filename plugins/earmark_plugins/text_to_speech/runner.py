"""Runs text to speech."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

import numpy as np

from earmark.api import Context, EarmarkError, Job, Progress, Result, Text
from earmark_plugins.text_to_speech import TextToSpeech
from earmark_plugins.text_to_speech.sentences import split_sentences
from earmark_plugins.text_to_speech.spelling import short_code, spell
from earmark_plugins.text_to_speech.voice import Samples, Voice

_NAME_LENGTH = 40


def run(job: Job, ctx: Context) -> Iterator[Result]:
    """Speak a text, sentence by sentence, as one clip."""
    params = TextToSpeech(**job.params)
    if not any(map(str.isalnum, params.text)):
        raise EarmarkError(
            "There is nothing to speak: the text has no letters and no digits.",
            "Type the words to be spoken.",
        )
    voice = _load(ctx, params)
    language = short_code(params.language or voice.language)
    text = spell(params.text, language) if params.spell_out else params.text
    sentences = split_sentences(text, language, voice.longest)
    seed = secrets.randbelow(2**31) if params.seed is None else params.seed
    pause = np.zeros(round(params.pause_s * voice.rate), np.float32)
    parts: list[Samples] = []
    spoken: list[dict[str, object]] = []
    skipped: list[str] = []
    frame = 0
    for number, sentence in enumerate(sentences):
        yield Progress(number / len(sentences), sentence)
        # A seed of its own lets each sentence be the same whatever is before it.
        samples = voice.speak(sentence, seed + number)
        if not len(samples):
            skipped.append(sentence)
            continue
        if parts:
            parts.append(pause)
            frame += len(pause)
        parts.append(samples)
        spoken.append({"text": sentence, "start": frame, "stop": frame + len(samples)})
        frame += len(samples)
    if not parts:
        raise EarmarkError(
            f"This voice cannot speak “{_shortened(params.text)}”: none of its "
            "characters are known to it.",
            "Choose a voice for the text's language.",
        )
    audio = ctx.write_audio(np.concatenate(parts), voice.rate, _shortened(params.text))
    yield audio
    yield Text(
        "spoken-text",
        " ".join(str(sentence["text"]) for sentence in spoken),
        {
            "sentences": spoken,
            "rate": voice.rate,
            "seed": seed,
            "voice": voice.name,
            "language": language,
            "skipped": skipped,
        },
    )
    left_out = f"not spoken: {'; '.join(skipped)}" if skipped else ""
    yield Progress(1.0, left_out)


def _load(ctx: Context, params: TextToSpeech) -> Voice:
    if ctx.model is None:
        raise EarmarkError(
            "No voice was chosen.",
            "Choose one in the panel, or install the starter voices.",
        )
    if ctx.model.format == "hibari":
        from earmark_plugins.text_to_speech import hibari_voice

        return hibari_voice.load(ctx, params.voice, params.speed)
    if ctx.model.format == "transformers":
        from earmark_plugins.text_to_speech import transformers_voices

        return transformers_voices.load(ctx, params.voice, params.speed)
    raise EarmarkError(
        f"{ctx.model.id} is in the format “{ctx.model.format}”.",
        "Choose the embedded voice or a transformers model.",
    )


def _shortened(text: str) -> str:
    """The first words: the name of the clip."""
    words = re.sub(r"\s+", " ", text).strip()
    if len(words) > _NAME_LENGTH:
        words = words[: _NAME_LENGTH + 1].rsplit(" ", 1)[0][:_NAME_LENGTH]
    return words.strip(" .,;:!?-\u2013\u2014") or words
