"""What is not scored, because nothing is to be heard in it, and how that is said."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from earmark.engine.context import Context, Window

OVER_S = 1.0
"""How much is clipped is measured over at least so much."""

PARTLY_PERCENT = 0.5
"""What is clipped no more than that is not worth a word."""

_TOLD = 3
_MEET_S, _NEAR_S = 1e-3, 0.1

Times = list[tuple[float, float]]


class Why(StrEnum):
    """What is the matter with some seconds; the last is said, but it is scored."""

    SILENT = "silent"
    UNREADABLE = "unreadable"
    CLIPPED = "clipped"
    PARTLY = "partly clipped"


_SAID = {
    Why.UNREADABLE: "not scored because of them",
    Why.SILENT: "silent, not scored",
    Why.CLIPPED: "clipped, not scored",
    Why.PARTLY: "partly clipped, less certain",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on something is not scored.

    Attributes
    ----------
    silence_db : float
        What is nowhere louder is silent, in dB of full scale.
    clipped_percent : float
        What has a larger share of its samples clipped is not scored: see
        `earmark.audio.flaws`. Of real recordings that are driven so far, musiCNN gives
        one of six the tag that it gave before; of those that lose a hundredth at most,
        three of four (the `accuracy` benchmark).
    """

    silence_db: float = -80.0
    clipped_percent: float = 10.0


def matter_with(ctx: Context, window: Window, limits: Limits) -> Why | None:
    """What is the matter with a window of what was read; None if nothing is."""
    why = flaw_of(ctx, window.start_s, window.stop_s, limits)
    peak = float(np.abs(window.samples).max(initial=0.0))
    if why != Why.UNREADABLE and peak <= 10 ** (limits.silence_db / 20):
        return Why.SILENT
    return why


def flaw_of(ctx: Context, start_s: float, stop_s: float, limits: Limits) -> Why | None:
    """How some seconds are flawed in the sources; None if they are not."""
    if ctx.flawed("unreadable", start_s, stop_s):
        return Why.UNREADABLE
    around_s = max(0.0, OVER_S - (stop_s - start_s)) / 2
    first_s = max(0.0, min(start_s - around_s, ctx.duration_s - OVER_S))
    clipped = 100 * ctx.flawed("clipped", first_s, max(stop_s, first_s + OVER_S))
    if clipped > limits.clipped_percent:
        return Why.CLIPPED
    return Why.PARTLY if clipped > PARTLY_PERCENT else None


def is_heard(why: Why | None) -> bool:
    """Whether a window is scored although something is the matter with it."""
    return why in (None, Why.PARTLY)


class Unheard:
    """Where something is the matter with the audio of a job, to be said at the end.

    Parameters
    ----------
    ctx : Context
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._times: dict[Why, Times] = {}

    def notice(self, why: Why | None, start_s: float, stop_s: float) -> None:
        """Take down what is the matter with some seconds; they come in their order."""
        if why is None:
            return
        _join(self._times.setdefault(why, []), start_s, stop_s, _MEET_S)

    @property
    def seconds(self) -> dict[str, float]:
        """How many there are, as "silent_s", "unreadable_s" ..., if there are any."""
        return {
            f"{why.replace(' ', '_')}_s": round(_length_s(times), 3)
            for why, times in self._times.items()
        }

    def say(self, *, silence: bool = True) -> None:
        """Note it on the job's row; the silence only if that is not said elsewhere."""
        held: Times = []
        for flaw in self._ctx.flaws("unreadable"):
            _join(held, *flaw, _NEAR_S)
        if held:
            self._ctx.note(f"values that are no numbers: {self._told(held)}")
        for why, said in _SAID.items():
            if why in self._times and (silence or why != Why.SILENT):
                self._ctx.note(f"{said}: {self._told(self._times[why])}")

    def _told(self, times: Times) -> str:
        """Where that is in the clip: "1.2 to 1.4 s, 3.0 s"."""
        given = self._ctx.job.input
        assert given is not None
        rate = given.rate
        told = []
        for each in times[:_TOLD]:
            start, stop = (f"{frame / rate:.1f}" for frame in self._ctx.frames(*each))
            told.append(f"{start} to {stop} s" if start != stop else f"{start} s")
        if len(times) > _TOLD:
            told.append(f"… ({_length_s(times):.1f} s in all)")
        return ", ".join(told)


def _join(times: Times, start_s: float, stop_s: float, gap_s: float) -> None:
    """Add seconds to others, to the last ones if there is hardly a gap between."""
    if times and start_s <= times[-1][1] + gap_s:
        start_s, stop_s = times[-1][0], max(stop_s, times.pop()[1])
    times.append((start_s, stop_s))


def _length_s(times: Times) -> float:
    return sum(stop_s - start_s for start_s, stop_s in times)
