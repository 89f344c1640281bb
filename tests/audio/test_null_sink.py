"""Playing on a real sound system: PulseAudio with a sink that nobody hears."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="PulseAudio is the sound system of Linux"
)

SCRIPT = Path(__file__).with_name("play_on_null_sink.py")
MODULES = (
    "module-null-sink sink_name=nobody norewinds=1 rate=44100",
    "module-native-protocol-unix",
)


class SoundSystem:
    """A PulseAudio daemon of its own, and the environment that leads to it."""

    def __init__(self, folder: Path) -> None:
        runtime = folder / "runtime"
        runtime.mkdir(mode=0o700)
        config = folder / "asound.conf"
        config.write_text("pcm.!default pulse\nctl.!default pulse\n")
        self.folder = folder
        self.environment = os.environ | {
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(runtime),
            "ALSA_CONFIG_PATH": f"/usr/share/alsa/alsa.conf:{config}",
        }
        self.environment.pop("PULSE_SERVER", None)
        program = shutil.which("pulseaudio")
        assert program, "install PulseAudio: apt install pulseaudio libasound2-plugins"
        self._log = folder / "pulseaudio.log"
        with self._log.open("w") as log:
            self._daemon = subprocess.Popen(
                [
                    program,
                    "-n",
                    "--daemonize=no",
                    "--exit-idle-time=-1",
                    "--disable-shm=yes",
                    "--log-target=stderr",
                    *(f"--load={module}" for module in MODULES),
                ],
                env=self.environment,
                stderr=log,
            )
        while not self._answers():
            assert self._daemon.poll() is None, self._log.read_text()

    def _answers(self) -> bool:
        asked = subprocess.run(
            ["pactl", "info"], env=self.environment, capture_output=True
        )
        return asked.returncode == 0

    def script(self, what: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(SCRIPT), what],
            env=self.environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def stop(self) -> None:
        """End it; stopping twice is allowed."""
        self._daemon.kill()
        self._daemon.wait()


@pytest.fixture
def sound_system(tmp_path: Path) -> Iterator[SoundSystem]:
    """A running sound system."""
    started = SoundSystem(tmp_path)
    yield started
    started.stop()


def result(script: subprocess.Popen[str]) -> dict[str, Any]:
    """What a script printed last."""
    output, errors = script.communicate(timeout=120)
    assert script.returncode == 0, errors
    printed: dict[str, Any] = json.loads(output.splitlines()[-1])
    return printed


def test_what_is_played_is_heard_at_the_right_time(sound_system: SoundSystem) -> None:
    found = result(sound_system.script("play"))
    assert found["outputs"] == ["default"]
    assert found["finished"]
    assert found["position"] == 44_100
    assert found["peak_db"] == pytest.approx([-6.02, -12.04], abs=0.1)
    # What the sink got is what was played: its pitch, its loudness, its length.
    assert found["recorded_hz"] == pytest.approx(441.0, abs=2.0)
    assert found["recorded_peaks"] == pytest.approx([0.5, 0.25], abs=0.01)
    assert found["recorded_s"] == pytest.approx(1.0, abs=0.1)
    # The place goes on as fast as time does, but for what a busy machine held up.
    assert found["speed"] == pytest.approx(1.0, abs=0.5)


def test_a_sound_system_that_goes_away_is_reported(sound_system: SoundSystem) -> None:
    script = sound_system.script("lose")
    assert script.stdout is not None
    assert script.stdout.readline() == "playing\n"
    sound_system.stop()
    found = result(script)
    assert found["told"]
    assert "stopped working" in found["error"]
    assert not found["playing"]
