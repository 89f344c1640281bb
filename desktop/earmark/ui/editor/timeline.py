"""The visible part of a clip, and the ruler above it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

TimeFormat = Literal["time", "samples"]

MIN_FRAMES_PER_PX = 1 / 8
_LABEL_PX = 96
_MINOR_PX = 8
_SECONDS = (
    *(mantissa * 10.0**power for power in range(-6, 1) for mantissa in (1, 2, 5)),
    *(10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0),
    *(3600.0, 7200.0, 18000.0, 36000.0, 86400.0),
)


@dataclass(frozen=True, slots=True)
class TimeView:
    """A window onto a clip that is divided into columns one pixel wide.

    Column `c` shows the frames from `c * frames_per_px` up to the next column. The
    window always starts at a whole column, so that what was drawn for a column stays
    right while the view is scrolled.

    Attributes
    ----------
    clip_frames : int
        Length of the clip.
    width : int
        Columns in sight.
    frames_per_px : float
    first : int
        The first column in sight.
    """

    clip_frames: int
    width: int
    frames_per_px: float
    first: int = 0

    @property
    def start(self) -> int:
        """The first visible frame."""
        return min(self.clip_frames, math.floor(self.first * self.frames_per_px))

    @property
    def stop(self) -> int:
        """The frame just after the last visible one."""
        end = math.ceil((self.first + self.width) * self.frames_per_px)
        return min(self.clip_frames, end)

    @property
    def columns(self) -> int:
        """Columns of the whole clip at this zoom."""
        return math.ceil(self.clip_frames / self.frames_per_px)

    def frame_at(self, x: float) -> int:
        """The frame under a horizontal position in pixels, within the clip."""
        frame = round((self.first + x) * self.frames_per_px)
        return min(max(0, frame), self.clip_frames)

    def x_of(self, frame: float) -> float:
        """The horizontal position of a frame, in pixels."""
        return frame / self.frames_per_px - self.first

    def scrolled_to(self, first: int) -> TimeView:
        """The view with another first column, kept within the clip."""
        last = max(0, self.columns - self.width)
        return replace(self, first=min(max(0, first), last))

    def resized(self, width: int) -> TimeView:
        """The view with another width, zoomed in if the clip would not fill it."""
        return replace(self, width=max(1, width)).zoomed_to(self.frames_per_px, 0.0)

    def zoomed_to(self, frames_per_px: float, anchor_x: float) -> TimeView:
        """The view at another zoom, the frame under `anchor_x` staying in place."""
        anchor = (self.first + anchor_x) * self.frames_per_px
        scale = self._limited(frames_per_px)
        first = round(anchor / scale - anchor_x)
        return replace(self, frames_per_px=scale).scrolled_to(first)

    def fitted(self, start: int, stop: int, *, margin: float = 0.0) -> TimeView:
        """The view that shows a range, with a margin given as a part of the width."""
        usable = max(1.0, self.width * (1 - 2 * margin))
        scale = self._limited(max(1, stop - start) / usable)
        middle = (start + stop) / 2
        view = replace(self, frames_per_px=scale)
        return view.scrolled_to(round(middle / scale - self.width / 2))

    def revealing(self, start: int, stop: int) -> TimeView:
        """The view scrolled, no more than is needed, so that a range is seen."""
        left, right = self.x_of(start), self.x_of(stop)
        margin = self.width // 10
        if left >= 0 and right <= self.width:
            return self
        if right - left > self.width - 2 * margin or left < 0:
            return self.scrolled_to(self.first + math.floor(left) - margin)
        return self.scrolled_to(self.first + math.ceil(right) - self.width + margin)

    def paged_to(self, frame: int) -> TimeView:
        """The view turned to the page that begins just before a frame not in sight."""
        x = self.x_of(frame)
        if 0 <= x < self.width:
            return self
        return self.scrolled_to(self.first + math.floor(x) - self.width // 20)

    def centred_on(self, frame: int) -> TimeView:
        """The view with a frame in the middle."""
        return self.scrolled_to(self.first + round(self.x_of(frame)) - self.width // 2)

    def _limited(self, frames_per_px: float) -> float:
        whole = max(MIN_FRAMES_PER_PX, self.clip_frames / max(1, self.width))
        return min(max(MIN_FRAMES_PER_PX, frames_per_px), whole)


def whole_clip(clip_frames: int, width: int) -> TimeView:
    """The view in which a clip just fits."""
    width = max(1, width)
    scale = max(MIN_FRAMES_PER_PX, clip_frames / width)
    return TimeView(clip_frames, width, scale)


@dataclass(frozen=True, slots=True)
class Ticks:
    """Where the ruler has marks.

    Attributes
    ----------
    major : tuple of (float, str)
        Horizontal position in pixels, and the text beside it.
    minor : tuple of float
        Positions of the small marks between them.
    """

    major: tuple[tuple[float, str], ...]
    minor: tuple[float, ...]


def tick_step(frames_per_px: float, rate: int, time_format: TimeFormat) -> float:
    """Frames between two marks that have a text, at a zoom; a round number."""
    wanted = _LABEL_PX * frames_per_px
    if time_format == "time":
        seconds = next((s for s in _SECONDS if s * rate >= wanted), _SECONDS[-1])
        return seconds * rate
    step = 10 ** math.ceil(math.log10(max(1.0, wanted)))
    for divisor in (5, 2):
        if step % divisor == 0 and step // divisor >= wanted:
            return float(step // divisor)
    return float(step)


def ruler_ticks(view: TimeView, rate: int, time_format: TimeFormat) -> Ticks:
    """The marks for a view, at round times or round frame numbers."""
    step = tick_step(view.frames_per_px, rate, time_format)
    parts = next(
        (n for n in (10, 5, 4, 2) if step / n / view.frames_per_px >= _MINOR_PX), 1
    )
    first = math.floor(view.first * view.frames_per_px / step)
    last = math.floor(view.stop / step)
    major = tuple(
        (view.x_of(n * step), format_tick(n * step, rate, step, time_format))
        for n in range(first, last + 1)
    )
    minor = tuple(
        view.x_of((n + part / parts) * step)
        for n in range(first, last + 1)
        for part in range(1, parts)
    )
    return Ticks(major, minor)


def format_tick(frame: float, rate: int, step: float, time_format: TimeFormat) -> str:
    """The text beside a mark of the ruler, as short as the step allows."""
    if time_format == "samples":
        return f"{round(frame):,}".replace(",", "\N{THIN SPACE}")
    decimals = min(6, max(0, math.ceil(-math.log10(step / rate) - 1e-9)))
    return format_time(frame, rate, decimals)


def format_time(frame: float, rate: int, decimals: int = 3) -> str:
    """A position as `mm:ss.mmm`, with hours in front from one hour on."""
    unit = 10**decimals
    ticks = round(frame * unit / rate)
    seconds, fraction = divmod(ticks, unit)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{minutes:02d}:{seconds:02d}"
    if hours:
        text = f"{hours}:{text}"
    return f"{text}.{fraction:0{decimals}d}" if decimals else text
