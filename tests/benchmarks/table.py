"""Rows of the benchmark table, and how they are made."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Row:
    """One measured number beside the one to reach.

    Attributes
    ----------
    what : str
    measured : float
    unit : str
        "s", "ms", "MB", "x", "%", ...
    reach : float or None
        The number to reach; None if the row is for information.
    best : {"low", "high"}
        Whether a smaller or a larger number is better.
    """

    what: str
    measured: float
    unit: str
    reach: float | None = None
    best: str = "low"

    @property
    def reached(self) -> bool | None:
        """Whether the number was reached; None without one."""
        if self.reach is None:
            return None
        if self.best == "low":
            return self.measured <= self.reach
        return self.measured >= self.reach

    def __str__(self) -> str:
        sign = "<=" if self.best == "low" else ">="
        wanted = "" if self.reach is None else f"{sign} {self.reach:g} {self.unit}"
        mark = {None: "", True: "yes", False: "NO"}[self.reached]
        return (
            f"{self.what:<66} {self.measured:>11.3f} {self.unit:<5} {wanted:<13} {mark}"
        )


class Stopwatch:
    """Seconds since it was made, frozen when the block ends."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._stopped: float | None = None

    @property
    def seconds(self) -> float:
        """Elapsed time."""
        return (self._stopped or time.perf_counter()) - self._started

    def stop(self) -> None:
        """Freeze the time."""
        self._stopped = time.perf_counter()


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Time a block."""
    watch = Stopwatch()
    try:
        yield watch
    finally:
        watch.stop()


def percentile_ms(act: Callable[[int], object], times: int, rank: float) -> float:
    """A percentile of how long calls of `act(number)` take, in milliseconds."""
    taken = np.empty(times)
    for number in range(times):
        with stopwatch() as watch:
            act(number)
        taken[number] = watch.seconds
    return float(np.percentile(taken, rank) * 1000)


def told_by(host: str, *arguments: object, timeout_s: float) -> dict[str, float]:
    """The ``NAME VALUE`` lines that a module of this package prints.

    It runs in a process and with a home of its own, and shows no window.
    """
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [sys.executable, "-m", f"tests.benchmarks.{host}", *map(str, arguments)],
            env=os.environ | {"EARMARK_HOME": home, "QT_QPA_PLATFORM": "offscreen"},
            stdout=subprocess.PIPE,
            text=True,
            timeout=timeout_s,
            check=True,
        )
    lines = (line.rsplit(maxsplit=1) for line in done.stdout.splitlines())
    return {name: float(value) for name, value in lines}
