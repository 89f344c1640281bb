"""Recording into a project, and what must never be lost of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from audio.fake_sound import FakeSound
from pytestqt.qtbot import QtBot
from ui.conftest import RATE, Bench

from earmark.core.project import Project


@pytest.fixture
def sound(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> FakeSound:
    """The sound system of the window."""
    made = FakeSound()
    monkeypatch.setattr(bench.session.transport, "_portaudio", lambda: made)
    return made


def hear(sound: FakeSound, seconds: float) -> None:
    """Have the microphone hear something in the recording that runs."""
    blocks = round(seconds * 100)
    random = np.random.default_rng(0)
    for _ in range(blocks):
        sound.streams[-1].give(random.uniform(-0.1, 0.1, (480, 1)).astype(np.float32))


def clips(project: Project) -> dict[str, int]:
    return {clip.name: clip.frames for clip in project.clips()}


def test_what_is_recorded_becomes_a_clip_at_the_device_s_rate(
    qtbot: QtBot, bench: Bench, sound: FakeSound
) -> None:
    bench.window.recorder.toggle()
    hear(sound, 0.5)
    with qtbot.waitSignal(bench.session.clip_changed):
        bench.window.recorder.toggle()
    clip = bench.session.clip
    assert clip is not None
    assert (clip.name, clip.rate, clip.frames) == ("Recording", 48_000, 24_000)
    (source,) = bench.session.clip_sources(clip)
    assert source.origin == "recording"
    assert source.path.is_relative_to(bench.project.audio_folder)


def test_closing_the_window_keeps_what_is_recorded(
    qtbot: QtBot, bench: Bench, sound: FakeSound
) -> None:
    bench.window.recorder.toggle()
    hear(sound, 0.5)
    bench.window.close()
    qtbot.waitUntil(lambda: bench.project.closed)
    again = Project.open(bench.project.folder)
    assert clips(again) == {"tone": 4 * RATE, "Recording": 24_000}
    again.close()


def test_saving_elsewhere_takes_what_is_recorded_along(
    qtbot: QtBot, bench: Bench, sound: FakeSound, tmp_path: Path
) -> None:
    bench.window.recorder.toggle()
    hear(sound, 0.5)
    bench.window.files.save_in(tmp_path / "Elsewhere.earmark")
    qtbot.waitUntil(lambda: bench.project.name == "Elsewhere")
    assert not bench.window.recorder.recording
    assert clips(bench.project)["Recording"] == 24_000
    assert bench.project.missing_sources() == []


def test_another_project_does_not_get_what_was_recorded_here(
    bench: Bench, sound: FakeSound, tmp_path: Path
) -> None:
    here = bench.project.folder
    bench.window.recorder.toggle()
    hear(sound, 0.5)
    bench.session.open_project(Project.create(tmp_path / "Other"))
    assert clips(bench.project) == {}
    bench.session.open_project(Project.open(here))
    assert clips(bench.project)["Recording"] == 24_000


def test_what_a_crash_left_of_a_recording_becomes_a_clip(
    qtbot: QtBot, bench: Bench, tmp_path: Path
) -> None:
    other = Project.create(tmp_path / "Other")
    part = other.audio_folder / ".Recording.wav.part"
    soundfile.write(part, np.full(4800, 0.1), 48_000, "PCM_24", format="WAV")
    bench.session.open_project(other)
    qtbot.waitUntil(lambda: "Recording (recovered)" in clips(other))
    assert not part.exists()
