"""A virtual screen, and what a person does at it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PATIENCE_S = 90
SIZE = ("-screen", "0", "1920x1080x24")


class Screen:
    """A virtual screen, and what a person does at it."""

    def __init__(self, display: str, environment: dict[str, str]) -> None:
        self.variables = {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
        self.environment = environment | self.variables

    def xdotool(self, *words: str) -> str:
        """Run xdotool and give what it printed."""
        done = subprocess.run(
            ["xdotool", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip()

    def start(self, *arguments: object) -> subprocess.Popen[bytes]:
        """Start Earmark and wait for its window."""
        running = subprocess.Popen(
            [sys.executable, "-m", "earmark", *map(str, arguments)],
            env=self.environment,
        )

        def is_shown() -> bool:
            assert running.poll() is None, "Earmark ended before its window was shown"
            return bool(self.window())

        until(is_shown, "the window")
        return running

    def window(self) -> str:
        """The id of the main window, empty until it is shown."""
        return self.xdotool("search", "--onlyvisible", "--name", "Earmark$")

    def press(self, *keys: str) -> None:
        """Press keys with the main window in front."""
        window = self.window().splitlines()[0]
        self.xdotool("windowfocus", "--sync", window)
        self.xdotool("key", "--clearmodifiers", *keys)


def until(reached: Callable[[], bool], what: str) -> None:
    """Wait for something outside this process, which can send no signal."""
    end = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < end, f"waited {PATIENCE_S} s for {what}"
        time.sleep(0.1)


@pytest.fixture
def screen(earmark_home: Path, models_folder: Path) -> Iterator[Screen]:
    """A virtual screen of 1920x1080."""
    assert shutil.which("Xvfb"), "Xvfb is needed: apt-get install xvfb xdotool"
    assert shutil.which("xdotool"), "xdotool is needed: apt-get install xvfb xdotool"
    reading, writing = os.pipe()
    server = subprocess.Popen(
        # It would else begin anew, and refuse others, after each xdotool that leaves.
        ["Xvfb", "-noreset", "-displayfd", str(writing), *SIZE],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as told:
        display = f":{told.readline().strip()}"
    yield Screen(display, dict(os.environ))
    server.terminate()
    server.wait()
