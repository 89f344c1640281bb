"""Progress on a terminal as bars, elsewhere as plain lines."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from earmark.core.tasks import Prediction, Text, Usage

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

TOLD_EVERY_S = 10.0
"""How often plain lines say how far many files are."""

SHORTEST_S = 0.05
"""Of less time nothing is said: a clock says little of it."""

MOST_BARS = 3
"""How many files have a bar of their own."""


class Meter(AbstractContextManager["Meter"]):
    """Plain lines: results on standard output, everything else on standard error.

    Parameters
    ----------
    total : int
        The number of inputs.
    results : bool
        Print predictions and texts as they come.
    notes : bool
        Print what was done.
    """

    def __init__(self, total: int, *, results: bool, notes: bool) -> None:
        self.total = total
        self.results = results
        self.notes = notes
        self.ended = 0
        self._earlier = 0
        self._started = self._told = time.monotonic()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None

    def progress(
        self, name: str, fraction: float | None, message: str, eta_s: float | None
    ) -> None:
        """Show how far a job is. Plain output does not: it would be a flood."""

    def prediction(self, name: str, found: Prediction, rate: int) -> None:
        """Show a label; words are left out, their segments say the same."""
        if self.results and found.kind != "words":
            start, stop = time_of(found.start / rate), time_of(found.stop / rate)
            print(f"{name}\t{start}\t{stop}\t{found.text.strip()}", flush=True)

    def text(self, name: str, text: Text) -> None:
        """Show a text result other than the transcript, which was shown in parts."""
        if self.results and text.role != "transcript":
            print(f"{name}\t{text.role}\t{text.text}", flush=True)

    def done(self, name: str, usage: Usage) -> None:
        """Say what a job took and where it ran."""
        self._count()
        where = " ".join(word for word in (usage.device, usage.dtype) if word)
        told = f"done on {where}"
        if usage.run_s >= SHORTEST_S:
            told = f"done in {usage.run_s:.1f} s on {where}"
            if usage.audio_s:
                told += f", {usage.audio_s / usage.run_s:.1f} x real time"
        self.line(name, f"{told} ({usage.note})" if usage.note else told)

    def done_earlier(self, name: str) -> None:
        """Say that an input was done before; nobody waits for these."""
        self._earlier += 1
        self._count()

    def failed(self, name: str, error: str) -> None:
        """Say why an input failed."""
        self._count()
        print(f"earmark: {name}: {error}", file=sys.stderr, flush=True)

    def line(self, name: str, what: str) -> None:
        """Say what became of an input, and how many of them it is."""
        count = f"[{self.ended:,}/{self.total:,}] " if self.total > 1 else ""
        self.say(f"{count}{name}: {what}")

    def say(self, line: str) -> None:
        """Say something that is not a result."""
        if self.notes:
            print(line, file=sys.stderr, flush=True)

    def _count(self) -> None:
        self.ended += 1
        now = time.monotonic()
        if self.total > 1 and now - self._told > TOLD_EVERY_S:
            self._told = now
            self.say(f"{self.ended:,} of {self.total:,} files{self.pace()}")

    def pace(self) -> str:
        """How many files a second, and how long the rest takes, once that is known."""
        passed_s = time.monotonic() - self._started
        worked = self.ended - self._earlier
        if not worked or passed_s <= 0:
            return ""
        rate = worked / passed_s
        left = short_time_of((self.total - self.ended) / rate)
        return f", {rate:.3g} a second, about {left} left"


class Bars(Meter):
    """A bar for all inputs and one for each of a few that run, on a terminal."""

    def __init__(self, total: int, *, results: bool, notes: bool) -> None:
        super().__init__(total, results=results, notes=notes)
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._bars: Progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[message]}", markup=False),
            console=Console(stderr=True),
            # What is piped elsewhere must not come out here.
            redirect_stdout=sys.stdout.isatty(),
            transient=True,
        )
        self._ids: dict[str, TaskID] = {}
        self._all: TaskID | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        if self.total > 1:
            self._all = self._bars.add_task("all files", total=self.total, message="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def progress(
        self, name: str, fraction: float | None, message: str, eta_s: float | None
    ) -> None:
        if name not in self._ids:
            short = self.total > 1 and fraction is None
            if short or len(self._ids) == MOST_BARS:
                return
            self._ids[name] = self._bars.add_task(name, total=1.0, message="")
        done = fraction or 0.0
        left = "" if eta_s is None else f", about {short_time_of(eta_s)} left"
        told = f"{done:>4.0%} {message}{left}"
        self._bars.update(self._ids[name], completed=done, message=told)

    def done(self, name: str, usage: Usage) -> None:
        self._hide(name)
        super().done(name, usage)

    def failed(self, name: str, error: str) -> None:
        self._hide(name)
        super().failed(name, error)

    def line(self, name: str, what: str) -> None:
        if self.total == 1:
            super().line(name, what)

    def _count(self) -> None:
        self.ended += 1
        if self._all is not None:
            told = f"{self.ended:,} of {self.total:,}{self.pace()}"
            self._bars.update(self._all, completed=self.ended, message=told)

    def _hide(self, name: str) -> None:
        if name in self._ids:
            self._bars.remove_task(self._ids.pop(name))


def open_meter(
    *, as_json: bool, quiet: bool, text_to_stdout: bool, total: int = 1
) -> Meter:
    """Bars where standard error is a terminal, plain lines elsewhere."""
    notes = not quiet and not as_json
    kind = Bars if notes and sys.stderr.isatty() else Meter
    return kind(total, results=text_to_stdout and notes, notes=notes)


def time_of(seconds: float) -> str:
    """``h:mm:ss.mmm``, rounded once."""
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{milliseconds / 1000:06.3f}"


def short_time_of(seconds: float) -> str:
    """``m:ss`` or ``h:mm:ss``, for what is about right."""
    minutes, second = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{second:02}" if hours else f"{minutes}:{second:02}"
