"""Who is heard in one input, stretch after stretch of speech."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from earmark.api import (
    Context,
    EarmarkError,
    Limits,
    Prediction,
    Progress,
    Result,
    Text,
    Unheard,
    Window,
    flaw_of,
    is_heard,
)
from earmark_plugins.speaker_identification import SpeakerIdentification
from earmark_plugins.speaker_identification.encoders import (
    Encoder,
    Samples,
    Vectors,
    load_encoder,
)
from earmark_plugins.speaker_identification.stretches import (
    Place,
    speech_in,
    windows_in,
)
from earmark_plugins.speaker_identification.turns import (
    bridged,
    centre,
    speakers,
    turns,
)
from earmark_plugins.speaker_identification.voices import Voices, enrolled

TIER = "speakers"
UNKNOWN = "unknown"

_JOINT_S = 0.01
"""What is cut since it is too long to embed at once meets again, up to rounding."""


@dataclass(frozen=True, slots=True)
class Listener:
    """What voices are heard with, and the voices that are known."""

    params: SpeakerIdentification
    encoder: Encoder
    voices: Voices

    def least(self, length_s: float) -> float:
        """The cosine from which speech of a length is of a known voice."""
        apart = self.voices.apart if self.encoder.advised else None
        usual = self.encoder.threshold(length_s) if apart is None else apart
        return usual + self.params.shift

    @property
    def advice(self) -> str:
        """What is to be known of a threshold that is not known to be right."""
        if not self.encoder.advised:
            return ""
        least = self.least(self.params.window_s)
        if not self.voices.names:
            return (
                f"voices count as one from a cosine of {self.encoder.alike:.2f} on, "
                "as the model's documentation suggests; it was not measured"
            )
        if self.voices.apart is not None:
            return (
                f"a voice counts as known from a cosine of {least:.2f} on, "
                "by which the samples of the voices are told apart best"
            )
        return (
            f"a voice counts as known from a cosine of {least:.2f} on, as the model's "
            "documentation suggests; keep two samples each of two voices to have it "
            "measured"
        )


@dataclass(frozen=True, slots=True)
class Piece:
    """Samples that are embedded at once, and where they are."""

    place: Place
    samples: Samples


def load_listener(ctx: Context, params: SpeakerIdentification) -> Listener:
    """What a job hears with.

    Raises
    ------
    EarmarkError
        If its model cannot be opened, or there is no voice to compare with.
    """
    encoder = load_encoder(ctx)
    voices = enrolled(ctx, encoder, params.vad_threshold)
    if params.along != "turns" and not voices.names:
        raise EarmarkError(
            "No voices to compare with were given.",
            "Select a few seconds of one person and choose Keep as a voice, or ask "
            "for speaker turns, which need none.",
        )
    return Listener(params, encoder, voices)


class Answer:
    """Who is heard in one input.

    Parameters
    ----------
    ctx : Context
    listener : Listener
    """

    def __init__(self, ctx: Context, listener: Listener) -> None:
        self.ctx = ctx
        self._listener = listener
        self._params = listener.params
        self._hop_s = min(listener.params.hop_s, listener.params.window_s)
        self._unheard = Unheard(ctx)
        self._places: list[Place] = []
        self._vectors: list[Vectors] = []
        self._spoken_s: defaultdict[str, float] = defaultdict(float)

    def pieces(self, blocks: Iterable[Samples]) -> Iterator[tuple[float, list[Piece]]]:
        """What is to be embedded of each stretch of speech, and where that ends."""
        stretch, before_s = 0, -np.inf
        for speech in speech_in(blocks, self._params.vad_threshold):
            flaw = flaw_of(self.ctx, speech.start_s, speech.stop_s, Limits())
            if len(speech.samples):
                self._unheard.notice(flaw, speech.start_s, speech.stop_s)
            if not len(speech.samples) or not is_heard(flaw):
                yield speech.stop_s, []
                continue
            if speech.start_s - before_s > _JOINT_S:
                stretch += 1
            before_s = speech.stop_s
            cut = [
                Piece(Place(stretch, each.start_s, each.stop_s), each.samples)
                for each in self._cut(speech)
            ]
            yield speech.stop_s, cut

    def take(self, pieces: Sequence[Piece], vectors: Vectors) -> Iterator[Result]:
        """Keep what was embedded; label it if that is asked of each stretch."""
        voices = self._listener.voices
        for piece, vector in zip(pieces, vectors, strict=True):
            place = piece.place
            self._places.append(place)
            self._vectors.append(vector)
            if self._params.along == "speech":
                cosines = voices.cosines(vector[None])
                name = voices.best(cosines, self._listener.least(place.length_s))
                score = float(cosines.max())
                yield self._label(place.start_s, place.stop_s, name, score)

    def end(self) -> Iterator[Result]:
        """The labels that take knowing all of it, and the text that sums it up."""
        data: dict[str, Any] = {"score_kind": "cosine"}
        if self._places and self._params.along == "turns":
            yield from self._turns()
        elif self._places and self._params.along == "clip":
            cosines, label = self._whole()
            data["scores"] = dict(
                zip(self._listener.voices.names, cosines, strict=True)
            )
            yield label
        self._unheard.say()
        if self._places and self._listener.advice:
            self.ctx.note(self._listener.advice)
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

    def _cut(self, speech: Window) -> list[Window]:
        if self._params.along == "turns":
            return windows_in(speech, self._params.window_s, self._hop_s)
        return [speech]

    def _turns(self) -> Iterator[Prediction]:
        vectors = np.stack(self._vectors)
        encoder, count = self._listener.encoder, self._params.speakers
        groups = speakers(self._places, vectors, encoder, count)
        names = self._names([vectors[group] for group in groups])
        centres = np.stack([centre(vectors[group]) for group in groups])
        # Groups that are near the same known voice are one speaker.
        one = [names.index(name) for name in names]
        found = (
            replace(turn, speaker=one[turn.speaker])
            for turn in turns(self._places, vectors, centres, self._hop_s)
        )
        for turn in bridged(found, self._params.bridge_s):
            name = names[turn.speaker]
            yield self._label(turn.start_s, turn.stop_s, name, turn.score)

    def _names(self, groups: Sequence[Vectors]) -> list[str]:
        """The known voice that each group is near; the others are numbered."""
        voices = self._listener.voices
        least = self._listener.least(self._params.window_s)
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
        voices = self._listener.voices
        lengths = np.array([place.length_s for place in self._places])
        near = np.stack(self._vectors) @ voices.vectors.T
        cosines = np.average(near, axis=0, weights=lengths)
        name = voices.best(cosines, self._listener.least(float(lengths.sum())))
        label = self._label(0.0, self.ctx.duration_s, name, float(cosines.max()))
        return [round(float(each), 6) for each in cosines], label

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
