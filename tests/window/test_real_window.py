"""The program as a person starts it, on a virtual screen."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
from window.conftest import PATIENCE_S, Screen, until

from earmark.core.project import Project
from earmark.core.tasks import JobState
from earmark.settings import SettingsStore, folders

pytestmark = pytest.mark.window


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
    _, alive = psutil.wait_procs(engine, timeout=PATIENCE_S)
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


def test_the_cache_is_brought_below_its_limit_after_the_start(
    screen: Screen, earmark_home: Path
) -> None:
    SettingsStore(folders().settings).update(cache_limit_mb=100)
    cached = folders().cache / "decoded" / "long ago.npy"
    cached.parent.mkdir(parents=True)
    with cached.open("wb") as file:
        file.truncate(101 * 10**6)

    running = screen.start()

    until(lambda: not cached.exists(), "the cache to shrink")
    screen.press("ctrl+q")
    assert running.wait(PATIENCE_S) == 0


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
