"""Recognizers in transformers' format: Whisper, CTC, Moonshine, Parakeet."""

from __future__ import annotations

import contextlib
import fnmatch
import json
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from tokenizers.decoders import DecodeStream
from transformers import ParakeetProcessor

from earmark.api import Context, EarmarkError, ModelRef
from earmark_plugins.speech import ARCHITECTURES, Listening
from earmark_plugins.speech.languages import UNSPACED, check_language
from earmark_plugins.speech.transcript import (
    RATE,
    SILENCE_S,
    Heard,
    Piece,
    Recognizer,
    Samples,
    Segment,
    Word,
    group_words,
    heard_as,
    mean_probability,
    moved,
)

_LEAST_REST_S = 0.2
"""So little behind the last segment is no speech."""
_SHORTEST_S = 0.5
"""Convolutional front ends fail on less than a frame; silence fills it up."""

# The thresholds of OpenAI's decoder; that of the compression ratio is of token ids,
# as transformers computes it, and equals 2.4 on text.
_FALLBACK = {
    "temperature": (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
    "compression_ratio_threshold": 1.35,
    "logprob_threshold": -1.0,
}
_NO_SPEECH = 0.6

_VOCABULARIES = ("vocab.json", "tokenizer.json", "tokenizer.model")
"""What tells the letters or pieces that a model writes by number."""

_POSITIONS_PER_S = 50
"""Of Whisper's encoder, each of two feature frames."""

# Moonshine's authors bound its text by the length of the audio, which stops it from
# repeating itself: https://huggingface.co/UsefulSensors/moonshine-base
_TOKENS_PER_S = 6.5


def load(ctx: Context, listening: Listening, ref: ModelRef) -> Recognizer:
    """Give the recognizer for a model, by its kind.

    Raises
    ------
    EarmarkError
        If the model cannot do what is asked.
    """
    _check_kind(ref)
    options: dict[str, Any] = {}
    if listening.precision not in ("auto", "int8"):
        options["dtype"] = listening.precision
    pipeline = ctx.pipeline("automatic-speech-recognition", model=ref, **options)
    model, name = pipeline.model, ref.title or ref.id
    if listening.precision == "int8":
        ctx.use(ctx.device, _dtype(model), "int8 is for CTranslate2 models only")
    if model.config.model_type == "whisper":
        return _whisper(ctx, pipeline, listening, name)
    if listening.translate:
        raise EarmarkError(
            f"{name} cannot translate.",
            "Choose a multilingual Whisper model.",
        )
    if pipeline.type == "tdt":
        make_processor: Any = ParakeetProcessor
        processor = make_processor(pipeline.feature_extractor, pipeline.tokenizer)
        return Transducer(pipeline, processor)
    if pipeline.type == "ctc":
        return Ctc(pipeline)
    return Sequence2Sequence(pipeline, listening)


def _check_kind(ref: ModelRef) -> None:
    """Refuse a model of another kind, before transformers trips over it."""
    if ref.path is None:
        return
    try:
        config = json.loads((ref.path / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise EarmarkError(
            f"{ref.path} is no transformers model: {error}",
            "Choose a folder that has a config.json.",
        ) from error
    kinds = config.get("architectures") or ["model of no known kind"]
    if not any(fnmatch.fnmatch(kinds[0], pattern) for pattern in ARCHITECTURES):
        raise EarmarkError(
            f"{ref.path} is a {kinds[0]}, which recognizes no speech.",
            "Choose a speech recognition model, such as Whisper.",
        )
    if not any((ref.path / name).is_file() for name in _VOCABULARIES):
        raise EarmarkError(
            f"{ref.path} has no vocabulary: {' or '.join(_VOCABULARIES)} is missing.",
            "Copy it from where the weights come from. A model that was trained on "
            "sound alone has none and recognizes no speech.",
        )


def _dtype(model: Any) -> str:
    return str(model.dtype).removeprefix("torch.")


def _inputs(pipeline: Any, samples: Samples, **options: Any) -> Any:
    """The features of a window, on the model's device and in its numbers."""
    shortest = int(_SHORTEST_S * RATE)
    if len(samples) < shortest:
        samples = np.pad(samples, (0, shortest - len(samples)))
    features = pipeline.feature_extractor(
        samples, sampling_rate=RATE, return_tensors="pt", **options
    )
    return features.to(pipeline.model.device, pipeline.model.dtype)


def _whole(samples: Samples, text: str, score: float | None) -> Heard:
    """A window as one segment, of a model that tells no times."""
    text = text.strip()
    segment = Segment(0.0, len(samples) / RATE, text, score)
    return Heard((segment,) if text else ())


@dataclass(frozen=True, slots=True)
class Whisper:
    """OpenAI's Whisper, of any size."""

    pipeline: Any
    listening: Listening
    words: bool
    multilingual: bool
    window_s: float = 30.0
    fills_windows: bool = True

    def transcribe(self, samples: Samples, language: str) -> Heard:
        """Transcribe one window."""
        return self.transcribe_many([samples], language)[0]

    @torch.inference_mode()
    def transcribe_many(self, clips: Sequence[Samples], language: str) -> list[Heard]:
        """Transcribe windows of about the same length, each by itself."""
        model = self.pipeline.model
        longest_s = max(map(len, clips)) / RATE + SILENCE_S
        frames = 2 * math.ceil(min(longest_s, self.window_s) * _POSITIONS_PER_S)
        features = self.pipeline.feature_extractor(
            list(clips),
            sampling_rate=RATE,
            max_length=frames * self.pipeline.feature_extractor.hop_length,
            return_tensors="pt",
            return_attention_mask=True,
        ).to(model.device, model.dtype)
        with _hearing(model, frames // 2), _once(model) as reached:
            heard = self._transcribe(clips, features, language)
        return [
            self._going_on(samples, each, reached.get(index, frames))
            for index, (samples, each) in enumerate(zip(clips, heard, strict=True))
        ]

    def _going_on(self, samples: Samples, heard: Heard, reached: int) -> Heard:
        """What was heard up to a frame, and what is heard behind it."""
        start = reached * self.pipeline.feature_extractor.hop_length
        rest = samples[start:]
        if not start or len(rest) < _LEAST_REST_S * RATE:
            return heard
        behind = self.transcribe(rest, heard.language if self.multilingual else "")
        later = tuple(moved(segment, start / RATE) for segment in behind.segments)
        return replace(heard, segments=heard.segments + later)

    def _transcribe(
        self, clips: Sequence[Samples], features: Any, language: str
    ) -> list[Heard]:
        model, tokenizer = self.pipeline.model, self.pipeline.tokenizer
        options: dict[str, Any] = {}
        spoken: list[tuple[str, float | None]] = [(language, None)] * len(clips)
        if not self.multilingual:
            spoken = [("en", None)] * len(clips)
        else:
            if not language:
                spoken = self._detect(features.input_features)
            task = "translate" if self.listening.translate else "transcribe"
            options.update(language=[code for code, _ in spoken], task=task)
        if self.listening.prompt:
            prompt = tokenizer.get_prompt_ids(
                self.listening.prompt, return_tensors="pt"
            )
            options["prompt_ids"] = prompt.to(model.device)
        # Sampling, which the decoder falls back to, then gives the same text each time.
        torch.manual_seed(0)
        out = _generate(
            model,
            **features,
            **options,
            **_FALLBACK,
            # It costs a second pass of the encoder, which found voices make needless.
            no_speech_threshold=None if self.listening.vad else _NO_SPEECH,
            num_beams=self.listening.beam_size,
            return_timestamps=True,
            return_token_timestamps=self.words,
            return_dict_in_generate=True,
            output_scores=True,
            return_segments=True,
            condition_on_prev_tokens=False,
        )
        return [
            self._heard(segments, len(samples) / RATE, *of_clip)
            for segments, samples, of_clip in zip(
                out["segments"], clips, spoken, strict=True
            )
        ]

    def _heard(
        self,
        found: Sequence[dict[str, Any]],
        length_s: float,
        language: str,
        probability: float | None,
    ) -> Heard:
        spaced = self.listening.translate or language not in UNSPACED
        segments = (self._segment(each, length_s, spaced) for each in found)
        heard = tuple(
            each for each in segments if each.text and each.start_s < length_s
        )
        return Heard(heard, language, probability)

    def _detect(self, features: torch.Tensor) -> list[tuple[str, float | None]]:
        """The language of each and its probability among all that the model knows."""
        model = self.pipeline.model
        tokens: dict[str, int] = model.generation_config.lang_to_id
        start = torch.full((len(features), 1), model.config.decoder_start_token_id)
        logits = model(
            input_features=features, decoder_input_ids=start.to(model.device)
        ).logits[:, -1]
        chances = logits[:, list(tokens.values())].float().softmax(-1).max(-1)
        codes = [token.strip("<|>") for token in tokens]
        return [
            (codes[index], chance)
            for index, chance in zip(
                chances.indices.tolist(), chances.values.tolist(), strict=True
            )
        ]

    def _segment(self, found: dict[str, Any], length_s: float, spaced: bool) -> Segment:
        generation = self.pipeline.model.generation_config
        tokenizer = self.pipeline.tokenizer
        result = found["result"]
        ids = found["tokens"].tolist()
        # Scores are of what was generated, positions of all that was decoded.
        given = len(result["sequences"]) - len(result["scores"])
        first = found["idxs"][0] - given
        scores = result["scores"][first : first + len(ids)]
        logprobs = [
            float(score.float().log_softmax(-1)[token])
            for score, token in zip(scores, ids, strict=False)
        ]
        start_s = float(found["start"])
        stop_s = min(max(float(found["end"]), start_s), length_s)
        text = [
            index
            for index, token in enumerate(ids)
            if token < generation.no_timestamps_token_id
            and token not in tokenizer.all_special_ids
        ]
        words: list[Word] = []
        if self.words:
            # The alignment of words may stray a little from the segment's own times.
            given_times = found["token_timestamps"].tolist()
            times = [min(max(at, start_s), stop_s) for at in given_times]
            stops = [*times[1:], stop_s]
            words = group_words(
                _pieces(
                    tokenizer,
                    (
                        (ids[index], times[index], stops[index], logprobs[index])
                        for index in text
                        if index < len(logprobs)
                    ),
                ),
                spaced=spaced,
            )
        return Segment(
            start_s,
            stop_s,
            tokenizer.decode([ids[index] for index in text]).strip(),
            mean_probability(logprobs),
            tuple(words),
        )


def _generate(model: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        # transformers hands a tensor to numpy for the word times of several clips.
        warnings.filterwarnings("ignore", "__array_wrap__", DeprecationWarning)
        return model.generate(**options)


@contextlib.contextmanager
def _hearing(model: Any, positions: int) -> Iterator[None]:
    """Let Whisper hear less than half a minute at once, for what is shorter.

    It refuses features of another length than its encoder has positions for; the work
    of the encoder grows with them.
    """
    encoder, config = model.model.encoder, model.config
    table, whole = encoder.embed_positions, config.max_source_positions
    attention = model.model.config._attn_implementation
    embedding: Any = torch.nn.Embedding
    encoder.embed_positions = embedding.from_pretrained(table.weight[:positions])
    config.max_source_positions = positions
    try:
        yield
    finally:
        encoder.embed_positions = table
        config.max_source_positions = whole
        # Asked for the times of words, generate takes the slow attention for good.
        model.model.config._attn_implementation = attention


@contextlib.contextmanager
def _once(model: Any) -> Iterator[dict[int, int]]:
    """Let Whisper decode each clip once; gives the frame that each was decoded up to.

    By itself it goes on behind the last segment it heard the end of, with silence up to
    the full window again, which takes the encoder as long as speech would.
    """
    reached: dict[int, int] = {}
    retrieve = model._retrieve_segment

    def retrieve_last(**given: Any) -> Any:
        segments, offset = retrieve(**given)
        clip = int(given["prev_idx"])
        reached[clip] = int(offset)
        return segments, given["seek_num_frames"][clip]

    model._retrieve_segment = retrieve_last
    try:
        yield reached
    finally:
        del model._retrieve_segment


def _whisper(ctx: Context, pipeline: Any, listening: Listening, name: str) -> Whisper:
    generation = pipeline.model.generation_config
    multilingual = bool(getattr(generation, "is_multilingual", False))
    tokens = generation.lang_to_id if multilingual else ("<|en|>",)
    check_language(
        name,
        {token.strip("<|>") for token in tokens},
        language=listening.language,
        translate=listening.translate,
    )
    words = listening.words and bool(getattr(generation, "alignment_heads", None))
    if listening.words and not words:
        note = "no word times: the model's generation_config has no alignment_heads"
        ctx.use(ctx.device, _dtype(pipeline.model), note)
    return Whisper(pipeline, listening, words, multilingual)


@dataclass(frozen=True, slots=True)
class Ctc:
    """wav2vec 2.0, HuBERT, Conformer and Parakeet with a CTC head."""

    pipeline: Any
    window_s: float = 30.0
    fills_windows: bool = False

    @torch.inference_mode()
    def transcribe(self, samples: Samples, language: str) -> Heard:
        """Transcribe one window; the model has one language only."""
        model, tokenizer = self.pipeline.model, self.pipeline.tokenizer
        logits = model(**_inputs(self.pipeline, samples)).logits[0]
        best, ids = logits.float().log_softmax(-1).max(-1)
        spoken = ids != model.config.pad_token_id
        score = mean_probability(best[spoken].tolist())
        if not hasattr(tokenizer, "word_delimiter_token"):
            return _whole(
                samples, tokenizer.decode(ids, skip_special_tokens=True), score
            )
        decoded = tokenizer.decode(
            ids, output_word_offsets=True, skip_special_tokens=True
        )
        frame_s = max(len(samples) / RATE, _SHORTEST_S) / len(ids)
        words = tuple(
            Word(
                each["start_offset"] * frame_s,
                each["end_offset"] * frame_s,
                each["word"],
                mean_probability(
                    best[each["start_offset"] : each["end_offset"]][
                        spoken[each["start_offset"] : each["end_offset"]]
                    ].tolist()
                ),
            )
            for each in decoded.word_offsets
        )
        return heard_as(words, decoded.text, score)


@dataclass(frozen=True, slots=True)
class Transducer:
    """Parakeet TDT, which predicts each token with its duration."""

    pipeline: Any
    processor: Any
    window_s: float = 30.0
    fills_windows: bool = False

    @torch.inference_mode()
    def transcribe(self, samples: Samples, language: str) -> Heard:
        """Transcribe one window; the model finds the language for itself."""
        features = _inputs(self.pipeline, samples, return_attention_mask=True)
        model = self.pipeline.model
        frames, size = features.input_features.shape[1], model.config.vocab_size
        out = model.generate(
            **features,
            # No more than it may say at each frame; it stops at the last one.
            max_new_tokens=model.max_symbols_per_step * frames,
            # The durations stand behind the tokens in one output; without this the
            # greedy search would take a likely duration for a token.
            suppress_tokens=list(range(size, size + len(model.config.durations))),
            return_dict_in_generate=True,
        )
        texts, stamps = self.processor.decode(
            out.sequences, durations=out.durations, skip_special_tokens=True
        )
        pieces = [
            Piece(each["token"], each["start"], each["end"], math.nan)
            for each in stamps[0]
        ]
        return heard_as(group_words(pieces), texts[0], None)


@dataclass(frozen=True, slots=True)
class Sequence2Sequence:
    """Moonshine, and other encoder-decoders that give text without times."""

    pipeline: Any
    listening: Listening
    window_s: float = 30.0
    fills_windows: bool = False

    @torch.inference_mode()
    def transcribe(self, samples: Samples, language: str) -> Heard:
        """Transcribe one window; the model has one language only."""
        model = self.pipeline.model
        beams = self.listening.beam_size
        out = model.generate(
            **_inputs(self.pipeline, samples),
            num_beams=beams,
            max_new_tokens=math.ceil(len(samples) / RATE * _TOKENS_PER_S) + 8,
            return_dict_in_generate=True,
            output_scores=True,
        )
        logprobs = model.compute_transition_scores(
            out.sequences,
            out.scores,
            out.beam_indices if beams > 1 else None,
            normalize_logits=beams == 1,
        )[0]
        text = self.pipeline.tokenizer.decode(
            out.sequences[0], skip_special_tokens=True
        )
        return _whole(samples, text, mean_probability(logprobs.tolist()))


def _pieces(
    tokenizer: Any, tokens: Iterable[tuple[int, float, float, float]]
) -> Iterable[Piece]:
    """The text each token adds; the bytes of one character are put together."""
    stream = DecodeStream(skip_special_tokens=True)
    started: float | None = None
    for token, start_s, stop_s, logprob in tokens:
        started = start_s if started is None else started
        text = stream.step(tokenizer.backend_tokenizer, token)
        if text is not None:
            yield Piece(text, started, max(started, stop_s), logprob)
            started = None
