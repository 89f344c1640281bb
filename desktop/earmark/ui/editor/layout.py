"""Where the parts of the editor lie; positions in pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GUTTER_PX = 96
RULER_PX = 26
DIVIDER_PX = 6
ROW_PX = 26
TRACK_PADDING_PX = 4
_LEAST_PX = 48
_LABELS_SHARE = 0.45

Divider = Literal["waveform", "labels"]


@dataclass(frozen=True, slots=True)
class Lane:
    """A horizontal band of the editor; `top` and `height` in pixels."""

    top: int
    height: int

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.top + self.height

    def holds(self, y: float) -> bool:
        """Whether a vertical position is in it."""
        return self.top <= y < self.bottom


@dataclass(frozen=True, slots=True)
class Shares:
    """What a person chose to see, and how large.

    Attributes
    ----------
    waveform : float
        The waveform's part of what waveform and spectrogram share.
    labels : float or None
        The label tracks' part of everything below the ruler; None is as much as they
        need.
    show_waveform, show_spectrogram : bool
    """

    waveform: float = 0.42
    labels: float | None = None
    show_waveform: bool = True
    show_spectrogram: bool = True


@dataclass(frozen=True, slots=True)
class Layout:
    """The lanes of an editor of one size.

    Attributes
    ----------
    width, height : int
    ruler, waveform, spectrogram, labels : Lane
        A lane that is not shown has no height.
    tracks : tuple of Lane
        One for each label track, scrolled; some may lie outside `labels`.
    content : int
        Height of all tracks together.
    """

    width: int
    height: int
    ruler: Lane
    waveform: Lane
    spectrogram: Lane
    labels: Lane
    tracks: tuple[Lane, ...]
    content: int

    @property
    def left(self) -> int:
        """Where the time axis begins."""
        return GUTTER_PX

    @property
    def plot_width(self) -> int:
        """Width of the time axis."""
        return max(1, self.width - GUTTER_PX)

    def channel(self, index: int, channels: int) -> Lane:
        """The part of the waveform lane that belongs to one channel."""
        top = self.waveform.top + index * self.waveform.height // channels
        bottom = self.waveform.top + (index + 1) * self.waveform.height // channels
        return Lane(top, bottom - top)

    def divider_at(self, y: float) -> Divider | None:
        """The divider under a vertical position."""
        if self.spectrogram.height and self.waveform.height:
            below = y - self.waveform.bottom
            if 0 <= below < DIVIDER_PX:
                return "waveform"
        above = self.labels.top - y
        if self.labels.height and 0 < above <= DIVIDER_PX:
            return "labels"
        return None

    def track_at(self, y: float) -> int | None:
        """The index of the track under a vertical position."""
        if not self.labels.holds(y):
            return None
        for index, lane in enumerate(self.tracks):
            if lane.holds(y):
                return index
        return None


def track_height(rows: int) -> int:
    """Height of a label track that stacks overlapping labels in some rows."""
    return rows * ROW_PX + TRACK_PADDING_PX


def arrange(
    width: int, height: int, rows: tuple[int, ...], shares: Shares, scroll: int = 0
) -> Layout:
    """Lay out the editor.

    Parameters
    ----------
    width, height : int
    rows : tuple of int
        For each label track, how many rows of labels it stacks.
    shares : Shares
    scroll : int
        How far the label tracks are scrolled.
    """
    ruler = Lane(0, RULER_PX)
    below = max(0, height - RULER_PX)
    content = sum(map(track_height, rows))
    plots = shares.show_waveform + shares.show_spectrogram
    if not rows:
        labels_height = 0
    elif not plots:
        labels_height = below
    elif shares.labels is None:
        labels_height = min(content, int(below * _LABELS_SHARE))
    else:
        most = max(0, below - DIVIDER_PX - plots * _LEAST_PX)
        least = min(_LEAST_PX, most)
        labels_height = min(max(least, int(below * shares.labels)), most)
    labels = Lane(height - labels_height, labels_height)
    audio = max(0, below - labels_height - (DIVIDER_PX if labels_height else 0))
    if plots == 2:
        shared = max(0, audio - DIVIDER_PX)
        least = min(_LEAST_PX, shared // 2)
        wave = min(max(least, int(shared * shares.waveform)), shared - least)
        waveform = Lane(ruler.bottom, wave)
        spectrogram = Lane(waveform.bottom + DIVIDER_PX, shared - wave)
    else:
        waveform = Lane(ruler.bottom, audio if shares.show_waveform else 0)
        spectrogram = Lane(ruler.bottom, audio if shares.show_spectrogram else 0)
    top = labels.top - min(max(0, scroll), max(0, content - labels_height))
    tracks = []
    for count in rows:
        tracks.append(Lane(top, track_height(count)))
        top += track_height(count)
    return Layout(
        width, height, ruler, waveform, spectrogram, labels, tuple(tracks), content
    )


def dragged(layout: Layout, shares: Shares, divider: Divider, y: float) -> Shares:
    """The shares after a divider was dragged to a vertical position."""
    if divider == "waveform":
        room = layout.waveform.height + layout.spectrogram.height
        part = (y - layout.waveform.top) / max(1, room)
        waveform, labels = min(max(0.05, part), 0.95), shares.labels
    else:
        part = (layout.height - y) / max(1, layout.height - RULER_PX)
        waveform, labels = shares.waveform, min(max(0.05, part), 0.9)
    return Shares(waveform, labels, shares.show_waveform, shares.show_spectrogram)
