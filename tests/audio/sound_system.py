"""A sound system that nobody hears: PulseAudio with a sink that leads nowhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

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

    def script(
        self, path: Path, *arguments: object, **environment: str
    ) -> subprocess.Popen[str]:
        """Start a script of Python that hears and is heard here."""
        return subprocess.Popen(
            [sys.executable, str(path), *map(str, arguments)],
            env=self.environment | environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def stop(self) -> None:
        """End it; stopping twice is allowed."""
        self._daemon.kill()
        self._daemon.wait()


def result(script: subprocess.Popen[str]) -> dict[str, Any]:
    """What a script printed last."""
    output, errors = script.communicate(timeout=120)
    assert script.returncode == 0, errors
    printed: dict[str, Any] = json.loads(output.splitlines()[-1])
    return printed
