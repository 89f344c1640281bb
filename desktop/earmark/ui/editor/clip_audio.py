"""The samples of the shown clip as a picture needs them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from earmark.audio.peaks import Peaks, PeaksStore, clip_peaks
from earmark.audio.render import read
from earmark.audio.sources import Sources
from earmark.core.clips import Clip, Source
from earmark.core.errors import EarmarkError
from earmark.core.project import Project
from earmark.ui.editor.waveform import joined

_JOINED_BELOW = 64


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of a clip whose audio cannot be shown, and why."""

    start: int
    stop: int
    reason: str


class ClipAudio:
    """Peaks and samples of a clip, silence where a source is missing.

    Attributes
    ----------
    gaps : list of Gap
    spans : Spans
        Those of the clip, silent where a source is missing.
    reader : callable
        Gives the reader of a source by its id, on any thread.

    Parameters
    ----------
    clip : Clip
    project : Project
    sources : Sources
    peaks : PeaksStore
    """

    def __init__(
        self, clip: Clip, project: Project, sources: Sources, peaks: PeaksStore
    ) -> None:
        self.clip = clip
        self.gaps: list[Gap] = []
        self.sources: dict[str, Source] = {}
        self._peaks: dict[str, Peaks] = {}
        faults: dict[str, EarmarkError] = {}
        for source in {span.source for span in clip.spans if span.source}:
            try:
                known = project.source(source)
                self._peaks[source] = peaks.peaks(known)
                self.sources[source] = known
            except EarmarkError as error:
                faults[source] = error
        self.reader = sources.readers(self.sources.values())
        spans, at = [], 0
        for span in clip.spans:
            if span.source in faults:
                fault = faults[span.source]
                self.gaps.append(Gap(at, at + span.frames, str(fault)))
                span = replace(span, source=None)
            spans.append(span)
            at += span.frames
        self.spans = tuple(spans)

    @property
    def ready(self) -> float:
        """The part of the audio that can be shown, 0 to 1."""
        frames = sum(peaks.frames for peaks in self._peaks.values())
        if not frames or self.done:
            return 1.0
        return sum(peaks.ready for peaks in self._peaks.values()) / frames

    @property
    def done(self) -> bool:
        """Whether nothing more will come."""
        return all(peaks.done for peaks in self._peaks.values())

    @property
    def progress(self) -> tuple[int, ...]:
        """Something that differs once there is more to be shown."""
        return tuple(peaks.ready for peaks in self._peaks.values())

    def columns(
        self, first: int, columns: int, frames_per_px: float
    ) -> NDArray[np.float32]:
        """The least, the greatest and the RMS sample of each column.

        Returns
        -------
        ndarray, float32, shape (channels, 3, columns)
        """
        clip = self.clip
        # Between steep samples there would be gaps: the column before is needed, too.
        extra = 1 if frames_per_px < _JOINED_BELOW else 0
        found = clip_peaks(
            self.spans,
            clip.rate,
            clip.channels,
            self._peaks.__getitem__,
            int(np.floor((first - extra) * frames_per_px)),
            frames_per_px,
            columns + extra,
        )
        if not extra:
            return found
        mins, maxs = joined(found[:, 0], found[:, 1])
        return np.stack([mins, maxs, found[:, 2, 1:]], axis=1)

    def samples(self, start: int, frames: int) -> NDArray[np.float32]:
        """Samples of the clip, shape (frames, channels); silence where none are."""
        clip = self.clip
        return read(
            self.spans,
            clip.rate,
            clip.channels,
            lambda source: self._peaks[source].reader,
            start,
            frames,
        )
