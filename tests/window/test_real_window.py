"""The program as a person starts it, on a virtual screen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from earmark.core.project import Project
from earmark.core.tasks import JobState

pytestmark = pytest.mark.window

PATIENCE_S = 90


class Screen:
    """A virtual screen, and what a person does at it."""

    def __init__(self, display: str, environment: dict[str, str]) -> None:
        self.environment = environment | {
            "DISPLAY": display,
            "QT_QPA_PLATFORM": "xcb",
        }

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
        until(lambda: bool(self.window()), "the window")
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
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1920x1080x24"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as told:
        display = f":{told.readline().strip()}"
    yield Screen(display, dict(os.environ))
    server.terminate()
    server.wait()


def stored(home: Path) -> Project | None:
    """The untitled project of the first start, for reading."""
    found = sorted(home.glob("data/**/*.earmark"))
    return Project.open(found[0], read_only=True) if found else None


def demo_is_done(home: Path) -> bool:
    project = stored(home)
    if project is None:
        return False
    try:
        return [job.state for job in project.jobs()] == [JobState.DONE]
    finally:
        project.close()


def test_the_demo_is_opened_transcribed_undone_and_kept(
    screen: Screen, earmark_home: Path
) -> None:
    running = screen.start("demo")
    until(lambda: demo_is_done(earmark_home), "the transcript")
    project = stored(earmark_home)
    assert project is not None
    (clip,) = project.clips()
    assert [track.name for track in project.tracks(clip.id)] == ["segments", "words"]
    project.close()

    screen.press("ctrl+z")
    until(lambda: tracks(earmark_home) == 0, "the undo")
    screen.press("ctrl+y")
    until(lambda: tracks(earmark_home) == 2, "the redo")

    engine = psutil.Process(running.pid).children(recursive=True)
    screen.press("ctrl+q")
    assert running.wait(PATIENCE_S) == 0
    _, alive = psutil.wait_procs(engine, timeout=10)
    assert not alive, "the engine outlived the window"


def test_a_killed_window_comes_back_with_everything(
    screen: Screen, earmark_home: Path, demo_audio: Path
) -> None:
    running = screen.start(demo_audio)
    until(lambda: clips(earmark_home) == 1, "the clip")
    running.kill()
    running.wait()
    again = screen.start()
    assert clips(earmark_home) == 1
    assert again.poll() is None
    screen.press("ctrl+q")
    assert again.wait(PATIENCE_S) == 0


def tracks(home: Path) -> int:
    project = stored(home)
    assert project is not None
    try:
        return sum(len(project.tracks(clip.id)) for clip in project.clips())
    finally:
        project.close()


def clips(home: Path) -> int:
    project = stored(home)
    if project is None:
        return 0
    try:
        return len(project.clips())
    finally:
        project.close()
