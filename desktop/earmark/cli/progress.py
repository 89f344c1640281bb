"""Progress on a terminal as bars, elsewhere as plain lines."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from earmark.core.tasks import Prediction, Text, Usage

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Meter(AbstractContextManager["Meter"]):
    """Plain lines: results on standard output, everything else on standard error.

    Parameters
    ----------
    results : bool
        Print predictions and texts as they come.
    notes : bool
        Print what was done.
    """

    def __init__(self, *, results: bool, notes: bool) -> None:
        self.results = results
        self.notes = notes

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
        speed = (
            f", {usage.audio_s / usage.run_s:.1f} x real time"
            if usage.audio_s and usage.run_s
            else ""
        )
        where = " ".join(word for word in (usage.device, usage.dtype) if word)
        note = f" ({usage.note})" if usage.note else ""
        self.say(f"{name}: done in {usage.run_s:.1f} s on {where}{speed}{note}")

    def failed(self, name: str, error: str) -> None:
        """Say why an input failed."""
        print(f"earmark: {name}: {error}", file=sys.stderr, flush=True)

    def say(self, line: str) -> None:
        """Say something that is not a result."""
        if self.notes:
            print(line, file=sys.stderr, flush=True)


class Bars(Meter):
    """A bar for each running job, on a terminal."""

    def __init__(self, *, results: bool, notes: bool) -> None:
        super().__init__(results=results, notes=notes)
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._bars: Progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} % {task.fields[message]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._ids: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
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
            self._ids[name] = self._bars.add_task(name, total=1.0, message="")
        self._bars.update(self._ids[name], completed=fraction or 0.0, message=message)

    def done(self, name: str, usage: Usage) -> None:
        self._hide(name)
        super().done(name, usage)

    def failed(self, name: str, error: str) -> None:
        self._hide(name)
        super().failed(name, error)

    def _hide(self, name: str) -> None:
        if name in self._ids:
            self._bars.remove_task(self._ids.pop(name))


def open_meter(*, as_json: bool, quiet: bool, text_to_stdout: bool) -> Meter:
    """Bars where standard error is a terminal, plain lines elsewhere."""
    notes = not quiet and not as_json
    kind = Bars if notes and sys.stderr.isatty() else Meter
    return kind(results=text_to_stdout and notes, notes=notes)


def time_of(seconds: float) -> str:
    """``h:mm:ss.mmm``, rounded once."""
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{milliseconds / 1000:06.3f}"
