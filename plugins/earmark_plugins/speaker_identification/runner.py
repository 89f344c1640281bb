"""Runs speaker identification."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from earmark.api import (
    Context,
    EarmarkError,
    Hearing,
    Job,
    Limits,
    Prediction,
    Progress,
    Result,
    Text,
    Unheard,
    Window,
    WindowParams,
    audio_of,
    classify,
    classify_many,
    flaw_of,
    is_heard,
    load_classifier,
)
from earmark_plugins.speaker_identification import SpeakerIdentification
from earmark_plugins.speaker_identification.encoders import (
    Encoder,
    Samples,
    Vectors,
    is_classifier,
    load_encoder,
)
from earmark_plugins.speaker_identification.turns import (
    Place,
    bridged,
    centre,
    speakers,
    turns,
    windows_in,
)
from earmark_plugins.speaker_identification.voices import LONGEST_S, Voices, enrolled
from earmark_plugins.speech.transcript import RATE
from earmark_plugins.speech.windows import BLOCK_S, speech_windows

TIER = "speakers"
UNKNOWN = "unknown"

_TOGETHER = 16
"""Short inputs whose speech is embedded together."""

_PAUSE_S, _PAD_S = 0.25, 0.1
"""Speakers often change at a short pause, and what is around a voice is another's."""

_JOINT_S = 0.01
"""Windows of one stretch of speech overlap, or meet up to rounding."""

_CLASSIFIER_WINDOW_S = 4.0
_CLASSIFIER_SURE = 0.5

Outcome = tuple[Context, Sequence[Result] | EarmarkError]


def run(job: Job, ctx: Context) -> Iterator[Result]:
    """Tell who speaks in one recording."""
    params = SpeakerIdentification(**job.params)
    if is_classifier(ctx):
        for result in classify(ctx, _known_speakers(ctx, params)):
            yield _as_speaker(result)
        return
    hearing = _hearing(ctx, params)
    answer = _Answer(ctx, hearing)
    blocks = (block for _, block in ctx.blocks(RATE, BLOCK_S))
    for stop_s, pieces in answer.pieces(blocks):
        if pieces:
            vectors = hearing.encoder.embed([piece.samples for piece in pieces])
            yield from answer.take(pieces, vectors)
        yield Progress(min(1.0, stop_s / max(ctx.duration_s, 1e-9)))
    yield from answer.end()


def run_many(contexts: Sequence[Context]) -> Iterator[Outcome]:
    """Tell who speaks in short recordings, the voices of several heard together."""
    first, *others = contexts
    params = SpeakerIdentification(**first.job.params)
    if is_classifier(first):
        for ctx, outcome in classify_many(contexts, _known_speakers(first, params)):
            if isinstance(outcome, EarmarkError):
                yield ctx, outcome
            else:
                yield ctx, [_as_speaker(result) for result in outcome]
        return
    hearing = _hearing(first, params)
    for ctx in others:
        ctx.use(*first.used)
    held: list[tuple[_Answer, list[Window]]] = []
    for ctx, audio in audio_of(contexts, RATE):
        if isinstance(audio, EarmarkError):
            yield ctx, audio
            continue
        answer = _Answer(ctx, hearing)
        found = [piece for _, pieces in answer.pieces([audio]) for piece in pieces]
        held.append((answer, found))
        if len(held) == _TOGETHER:
            yield from _together(hearing.encoder, held)
            held = []
    yield from _together(hearing.encoder, held)


def _together(
    encoder: Encoder, held: Sequence[tuple[_Answer, list[Window]]]
) -> Iterator[tuple[Context, Sequence[Result]]]:
    pieces = [piece.samples for _, found in held for piece in found]
    vectors = encoder.embed(pieces) if pieces else np.zeros((0, 0), np.float32)
    at = 0
    for answer, found in held:
        results: list[Result] = []
        if found:
            results += answer.take(found, vectors[at : at + len(found)])
        at += len(found)
        yield answer.ctx, [*results, *answer.end()]


@dataclass(frozen=True, slots=True)
class _Hearing:
    """What voices are heard with, and the voices that are known."""

    params: SpeakerIdentification
    encoder: Encoder
    voices: Voices


def _hearing(ctx: Context, params: SpeakerIdentification) -> _Hearing:
    encoder = load_encoder(ctx)
    if encoder.rate != RATE:
        raise EarmarkError(
            f"The model listens at {encoder.rate} Hz; voices are heard at {RATE} Hz.",
            "Choose another model.",
        )

    def speech_of(samples: Samples) -> Samples:
        found = [each.samples for each in _speech([samples], params)]
        return np.concatenate(found) if any(map(len, found)) else samples

    voices = enrolled(ctx, encoder, speech_of)
    if params.along != "turns" and not voices.names:
        raise EarmarkError(
            "No voices to compare with were given.",
            "Select a few seconds of one person and choose Keep as a voice, or ask "
            "for speaker turns, which need none.",
        )
    return _Hearing(params, encoder, voices)


class _Answer:
    """Who is heard in one input, stretch after stretch of speech."""

    def __init__(self, ctx: Context, hearing: _Hearing) -> None:
        self.ctx = ctx
        self._hearing = hearing
        self._unheard = Unheard(ctx)
        self._places: list[Place] = []
        self._vectors: list[Vectors] = []
        self._stretches = 0
        self._spoken_s: defaultdict[str, float] = defaultdict(float)
        self._hop_s = min(hearing.params.hop_s, hearing.params.window_s)

    def pieces(self, blocks: Iterable[Samples]) -> Iterator[tuple[float, list[Window]]]:
        """What is to be embedded of each stretch of speech, and where that ends."""
        params = self._hearing.params
        for speech in _speech(blocks, params):
            if not len(speech.samples):
                yield speech.stop_s, []
                continue
            flaw = flaw_of(self.ctx, speech.start_s, speech.stop_s, Limits())
            self._unheard.notice(flaw, speech.start_s, speech.stop_s)
            if not is_heard(flaw):
                yield speech.stop_s, []
            elif params.along == "turns":
                cut = windows_in(speech, RATE, params.window_s, self._hop_s)
                yield speech.stop_s, cut
            else:
                yield speech.stop_s, [speech]

    def take(self, pieces: Sequence[Window], vectors: Vectors) -> Iterator[Result]:
        """Keep the vectors of one or more stretches; label these if that is asked."""
        hearing = self._hearing
        for piece, vector in zip(pieces, vectors, strict=True):
            before_s = self._places[-1].stop_s if self._places else -np.inf
            if piece.start_s - before_s > _JOINT_S:
                self._stretches += 1
            place = Place(self._stretches, piece.start_s, piece.stop_s)
            self._places.append(place)
            self._vectors.append(vector)
            if hearing.params.along == "speech":
                cosines = hearing.voices.cosines(vector[None])
                name = hearing.voices.best(cosines, self._least(place.length_s))
                score = float(cosines.max())
                yield self._label(place.start_s, place.stop_s, name, score)

    def end(self) -> Iterator[Result]:
        """The labels that take knowing all of it, and the text that sums it up."""
        data: dict[str, Any] = {"score_kind": "cosine"}
        if self._places and self._hearing.params.along == "turns":
            yield from self._turns()
        elif self._places and self._hearing.params.along == "clip":
            cosines, label = self._whole()
            data["scores"] = dict(zip(self._hearing.voices.names, cosines, strict=True))
            yield label
        self._unheard.say()
        told = "" if self._places else "no speech was found"
        if told:
            self.ctx.note(told)
        ranked = sorted(self._spoken_s.items(), key=lambda spoken: -spoken[1])
        data |= {
            "speakers": {name: round(spoken_s, 3) for name, spoken_s in ranked},
            **self._unheard.seconds,
        }
        yield Text(TIER, ", ".join(name for name, _ in ranked), data)
        yield Progress(1.0, told)

    def _turns(self) -> Iterator[Prediction]:
        params, vectors = self._hearing.params, np.stack(self._vectors)
        groups = speakers(self._places, vectors, self._hearing.encoder, params.speakers)
        names = self._names([vectors[group] for group in groups])
        centres = np.stack([centre(vectors[group]) for group in groups])
        # Groups that are near the same known voice are one speaker.
        one = [names.index(name) for name in names]
        found = (
            replace(turn, speaker=one[turn.speaker])
            for turn in turns(self._places, vectors, centres, self._hop_s)
        )
        for turn in bridged(found, params.bridge_s):
            yield self._label(
                turn.start_s, turn.stop_s, names[turn.speaker], turn.score
            )

    def _names(self, groups: Sequence[Vectors]) -> list[str]:
        """The known voice that each group is near; the others are numbered."""
        voices, least = self._hearing.voices, self._least(self._hearing.params.window_s)
        names = []
        number = 0
        for vectors in groups:
            known = voices.names and voices.best(voices.cosines(vectors), least)
            if known:
                names.append(known)
                continue
            number += 1
            while f"Speaker {number}" in voices.names:
                number += 1
            names.append(f"Speaker {number}")
        return names

    def _whole(self) -> tuple[list[float], Prediction]:
        """How near all of the speech is to each voice, and the label that says so."""
        voices = self._hearing.voices
        lengths = np.array([place.length_s for place in self._places])
        near = np.stack(self._vectors) @ voices.vectors.T
        cosines = np.average(near, axis=0, weights=lengths)
        name = voices.best(cosines, self._least(float(lengths.sum())))
        label = self._label(0.0, self.ctx.duration_s, name, float(cosines.max()))
        return [round(float(each), 6) for each in cosines], label

    def _least(self, length_s: float) -> float:
        return self._hearing.encoder.threshold(length_s) + self._hearing.params.shift

    def _label(
        self, start_s: float, stop_s: float, name: str, score: float
    ) -> Prediction:
        self._spoken_s[name or UNKNOWN] += stop_s - start_s
        return self.ctx.label(
            start_s,
            stop_s,
            name or UNKNOWN,
            tier=TIER,
            kind="speakers",
            score=score,
            speaker=name,
        )


def _speech(
    blocks: Iterable[Samples], params: SpeakerIdentification
) -> Iterator[Window]:
    """The stretches of speech; one without samples says how far there was none."""
    for window in speech_windows(
        blocks,
        window_s=LONGEST_S,
        fill=False,
        vad=True,
        threshold=params.vad_threshold,
        pause_s=_PAUSE_S,
        pad_s=_PAD_S,
    ):
        for stretch in window.stretches:
            start_s = stretch.start / RATE
            stop_s = start_s + len(stretch.samples) / RATE
            yield Window(start_s, stop_s, stretch.samples)
        if not window.stretches:
            nothing = np.zeros(0, np.float32)
            yield Window(window.stop_s, window.stop_s, nothing)


def _known_speakers(ctx: Context, params: SpeakerIdentification) -> Hearing:
    """A model that knows speakers by name, and how it is asked."""
    classifier = load_classifier(ctx, window_s=_CLASSIFIER_WINDOW_S)
    if ctx.job.examples:
        ctx.note(
            f"the model knows its own {len(classifier.names)} speakers only; the "
            "voices of the project were not used"
        )
    rules = WindowParams(
        along="clip" if params.along == "clip" else "time",
        threshold=min(1.0, max(0.0, _CLASSIFIER_SURE + params.shift)),
        top=1,
        bridge_s=params.bridge_s,
    )
    return Hearing(classifier, rules, TIER)


def _as_speaker(result: Result) -> Result:
    if isinstance(result, Prediction):
        return replace(result, kind="speakers", speaker=result.text)
    return result
