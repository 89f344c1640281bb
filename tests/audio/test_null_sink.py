"""Playing on a real sound system: PulseAudio with a sink that nobody hears."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from audio.sound_system import SoundSystem, result

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="PulseAudio is the sound system of Linux"
)

SCRIPT = Path(__file__).with_name("play_on_null_sink.py")


@pytest.fixture
def sound_system(tmp_path: Path) -> Iterator[SoundSystem]:
    """A running sound system."""
    started = SoundSystem(tmp_path)
    yield started
    started.stop()


def test_what_is_played_is_what_the_sink_hears(sound_system: SoundSystem) -> None:
    found = result(sound_system.script(SCRIPT, "play"))
    assert found["outputs"] == ["default"]
    assert found["places"] == sorted(found["places"])
    assert any(0 < place < 44_100 for place in found["places"])
    assert found["position"] == 44_100
    assert found["peak_db"] == pytest.approx([-6.02, -12.04], abs=0.1)
    # What the sink got is what was played: its pitch and its loudness, and no more of
    # it; a busy machine may miss some.
    assert found["recorded_hz"] == pytest.approx(441.0, abs=2.0)
    assert found["recorded_peaks"] == pytest.approx([0.5, 0.25], abs=0.01)
    assert 0.5 < found["recorded_s"] < 1.1


def test_a_sound_system_that_goes_away_is_reported(sound_system: SoundSystem) -> None:
    script = sound_system.script(SCRIPT, "lose")
    assert script.stdout is not None
    assert script.stdout.readline() == "playing\n"
    sound_system.stop()
    found = result(script)
    assert found["told"]
    assert "stopped working" in found["error"]
    assert not found["playing"]
