"""Playing and recording through the window, on a sound system that nobody hears."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from audio.sound_system import SoundSystem, result
from window.conftest import Screen

from earmark.audio.files import import_file
from earmark.core.clips import Span
from earmark.core.project import Project

pytestmark = pytest.mark.window

SCRIPT = Path(__file__).with_name("play_in_window.py")
RATE = 22_050


@pytest.fixture
def sound_system(tmp_path: Path) -> Iterator[SoundSystem]:
    """A running sound system."""
    started = SoundSystem(tmp_path)
    yield started
    started.stop()


def tone(path: Path, hz: float, seconds: float) -> Path:
    times = np.arange(int(seconds * RATE)) / RATE
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * hz * times), RATE)
    return path


def test_a_selection_is_looped_and_the_sound_system_recorded(
    screen: Screen, sound_system: SoundSystem, tmp_path: Path
) -> None:
    source = import_file(tone(tmp_path / "clip.wav", 330.0, 4))
    folder = tmp_path / "Sound.earmark"
    project = Project.create(folder)
    with project.edit("Import") as edit:
        edit.add_source(source)
        edit.add_clip("clip", RATE, 1, (Span(source.id, 0, source.frames),))
    project.close()
    other = tone(tmp_path / "other.wav", 660.0, 60)

    seen = result(sound_system.script(SCRIPT, folder, other, **screen.variables))

    # What was selected is the second second of the clip.
    playheads = seen["playheads"]
    assert len(set(playheads)) > 5
    assert all(RATE <= frame <= 2 * RATE for frame in playheads)
    assert seen["looped_s"] > 1.5
    assert seen["shown"].startswith("0:01.")
    assert seen["peak_db"] == [pytest.approx(-6.02, abs=0.2)]
    assert seen["meter_reacts"]
    assert seen["meter_rests"]
    assert seen["rests_at"] == RATE

    name = seen["recorded_clip"]
    assert name.startswith("Recording")
    assert f"Recording “{name}”. Press Shift+R to end it." in seen["messages"]
    assert seen["recorded_s"] > 2
    assert seen["recorded_hz"] == pytest.approx(660.0, abs=2.0)
    assert (seen["origin"], seen["undo"]) == ("recording", "Record")
    reopened = Project.open(folder)
    assert [clip.name for clip in reopened.clips()] == ["clip", name]
    reopened.close()
