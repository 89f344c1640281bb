"""Numbers in the words of the window: times, sizes, speeds."""

from __future__ import annotations


def clock(frame: int, rate: int) -> str:
    """A position as hours:minutes:seconds.milliseconds; hours only if there are any."""
    milliseconds = round(1000 * frame / rate) if rate else 0
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{milliseconds / 1000:06.3f}"
    return f"{hours}:{minutes:02d}:{seconds}" if hours else f"{minutes}:{seconds}"


def duration(seconds: float) -> str:
    """A length of time, as short as it still tells: 0.42 s, 7.9 s, 3:05, 1:02:03."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def size(megabytes: float) -> str:
    """An amount of memory or disk."""
    if megabytes >= 1000:
        return f"{megabytes / 1000:.1f} GB"
    return f"{megabytes:.0f} MB" if megabytes >= 1 else f"{megabytes * 1000:.0f} KB"


def hertz(low_hz: float | None, high_hz: float | None) -> str:
    """A frequency range; empty if it has no bounds."""
    if low_hz is None and high_hz is None:
        return ""
    if high_hz is None:
        return f"above {low_hz:.0f} Hz"
    return f"{low_hz or 0:.0f}\N{EN DASH}{high_hz:.0f} Hz"


def count(number: int, noun: str) -> str:
    """A number of things: 1 clip, 3 clips."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
