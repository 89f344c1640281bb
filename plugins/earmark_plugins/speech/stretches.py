"""Speech between pauses, heard by a classifier stretch by stretch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.api import (
    Classifier,
    Context,
    EarmarkError,
    Limits,
    Progress,
    Unheard,
    audio_of,
    checked,
    flaw_of,
    is_heard,
)
from earmark_plugins.speech.windows import (
    BLOCK_S,
    Window,
    speech_windows,
)

Scores = NDArray[np.float32]

_TOGETHER = 16
"""Inputs whose speech is put in order of length before it is scored."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Speech between two pauses.

    Attributes
    ----------
    start_s, stop_s : float
    scores : ndarray, float32, shape (classes,)
    """

    start_s: float
    stop_s: float
    scores: Scores

    @property
    def length_s(self) -> float:
        """How long it is."""
        return self.stop_s - self.start_s


def stretches_of(
    ctx: Context, classifier: Classifier, *, vad_threshold: float = 0.5
) -> Iterator[Stretch | Progress]:
    """The stretches of speech in the audio of a job, scored batch by batch."""
    blocks = (block for _, block in ctx.blocks(classifier.rate, BLOCK_S))
    waiting: list[Window] = []
    for window in _speech(ctx, blocks, classifier, vad_threshold):
        if window.stretches:
            waiting.append(window)
        if len(waiting) == classifier.batch:
            yield from _scored(classifier, waiting)
            waiting = []
        yield Progress(min(1.0, window.stop_s / max(ctx.duration_s, 1e-9)))
    yield from _scored(classifier, waiting)


def stretches_of_many(
    contexts: Sequence[Context], classifier: Classifier, *, vad_threshold: float = 0.5
) -> Iterator[tuple[Context, list[Stretch] | EarmarkError]]:
    """The same for short inputs, stretches of about the same length at once.

    What the first context said of how it runs is true of all.
    """
    for ctx in contexts[1:]:
        ctx.use(*contexts[0].used, contexts[0].notes)
    held: list[tuple[Context, list[Window]]] = []
    for ctx, audio in audio_of(contexts, classifier.rate):
        if isinstance(audio, EarmarkError):
            yield ctx, audio
            continue
        windows = _speech(ctx, [audio], classifier, vad_threshold)
        held.append((ctx, [window for window in windows if window.stretches]))
        if len(held) == _TOGETHER:
            yield from _together(classifier, held)
            held = []
    yield from _together(classifier, held)


def mean_scores(stretches: Sequence[Stretch]) -> Scores:
    """The mean of the scores, weighted by how long each stretch is."""
    weights = [stretch.length_s for stretch in stretches]
    mean: Scores = np.average([each.scores for each in stretches], 0, weights)
    return mean.astype(np.float32)


def _together(
    classifier: Classifier, held: Sequence[tuple[Context, list[Window]]]
) -> Iterator[tuple[Context, list[Stretch]]]:
    windows = [window for _, found in held for window in found]
    order = sorted(range(len(windows)), key=lambda index: windows[index].speech_s)
    scored: dict[int, Stretch] = {}
    for first in range(0, len(order), classifier.batch):
        batch = order[first : first + classifier.batch]
        stretches = _scored(classifier, [windows[index] for index in batch])
        scored.update(zip(batch, stretches, strict=True))
    index = 0
    for ctx, found in held:
        yield ctx, [scored[index + offset] for offset in range(len(found))]
        index += len(found)


def _speech(
    ctx: Context,
    blocks: Iterable[NDArray[np.float32]],
    classifier: Classifier,
    threshold: float,
) -> Iterator[Window]:
    """The speech that is to be scored; one without any says how far was searched."""
    unheard = Unheard(ctx)
    for window in speech_windows(
        blocks,
        window_s=classifier.window_s,
        fill=False,
        vad=True,
        threshold=threshold,
    ):
        start_s = window.stop_s - window.speech_s
        flaw = flaw_of(ctx, start_s, window.stop_s, Limits())
        if window.stretches:
            unheard.notice(flaw, start_s, window.stop_s)
        yield window if is_heard(flaw) else Window((), window.stop_s)
    unheard.say()


def _scored(classifier: Classifier, windows: Sequence[Window]) -> list[Stretch]:
    """The stretches of windows that hold one each, with their scores."""
    step = classifier.batch if classifier.mixes else 1
    scores: list[Scores] = []
    for first in range(0, len(windows), step):
        heard = [window.samples for window in windows[first : first + step]]
        scores.extend(checked(classifier.score(classifier.prepare(heard))))
    return [
        Stretch(window.stop_s - window.speech_s, window.stop_s, found)
        for window, found in zip(windows, scores, strict=True)
    ]
