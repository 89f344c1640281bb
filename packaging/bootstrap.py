"""Set Earmark up on a fresh machine, then run the demo, the tests or the build.

    python3 packaging/bootstrap.py demo     # the main job on the demo recording
    python3 packaging/bootstrap.py test     # every check and test
    python3 packaging/bootstrap.py freeze   # build the application and self-test it

Only the standard library is used. Everything Python goes into `.venv` beside
`pyproject.toml`, with the exact versions of `constraints.txt`; weights go where Earmark
keeps its models. System libraries that are missing are installed where that is allowed
(root, or sudo without a password, on Debian and its relatives); otherwise the line to
run is printed.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
CONSTRAINTS = ROOT / "packaging" / "constraints.txt"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")

# A shared library or a program, and the Debian package that has it.
WINDOW = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
}
SOUND = {"libportaudio.so.2": "libportaudio2"}
TESTS = {
    "Xvfb": "xvfb",
    "xdotool": "xdotool",
    "pulseaudio": "pulseaudio",
    "pactl": "pulseaudio-utils",
}
# PortAudio reaches a sound server through this plugin of ALSA.
ALSA_PULSE = {"alsa-lib/libasound_module_pcm_pulse.so": "libasound2-plugins"}
FREEZE = {"objdump": "binutils"}


def main(arguments: Sequence[str]) -> int:
    """Set up and do what the first argument says."""
    jobs = {"demo": demo, "test": test, "freeze": freeze}
    if len(arguments) != 1 or arguments[0] not in jobs:
        print(__doc__, file=sys.stderr)
        return 2
    if sys.version_info < (3, 11):
        print("Earmark needs Python 3.11 or newer.", file=sys.stderr)
        return 2
    return jobs[arguments[0]]()


def demo() -> int:
    """Open the demo recording and transcribe it; without a display, on a terminal."""
    system(WINDOW | SOUND)
    environment("starter")
    earmark("models", "starter")
    return earmark("demo")


def test() -> int:
    """Run every check: format, lint, types, imports, tests."""
    system(WINDOW | SOUND | TESTS | ALSA_PULSE)
    environment("starter", "test")
    earmark("models", "starter")
    steps = [
        ["ruff", "format", "--check", "."],
        ["ruff", "check", "."],
        ["mypy"],
        ["lint-imports"],
        ["pytest", "-n", str(min(4, os.cpu_count() or 1)), "--dist", "loadfile"],
    ]
    for step in steps:
        print("\n$", " ".join(step), flush=True)
        outcome = run([BIN / step[0], *step[1:]])
        if outcome:
            return outcome
    return 0


def freeze() -> int:
    """Build the one-folder application and let it test itself."""
    system(WINDOW | SOUND | FREEZE)
    environment("package")
    earmark("models", "starter")
    target = ROOT / "build"
    options = ["--noconfirm", "--log-level", "WARN"]
    folders = ["--distpath", target / "dist", "--workpath", target / "work"]
    spec = ROOT / "packaging" / "earmark.spec"
    outcome = run([BIN / "pyinstaller", *options, *folders, spec])
    return outcome or run([target / "dist" / "earmark" / "earmark", "selftest"])


def environment(*extras: str) -> None:
    """Make `.venv` hold Earmark with the extras, in the versions of the constraints."""
    wanted = fingerprint(extras)
    stamp = VENV / "earmark-setup.txt"
    done = stamp.read_text(encoding="utf-8").split() if stamp.exists() else []
    if wanted in done:
        return
    if not (BIN / "python").exists() and not (BIN / "python.exe").exists():
        make_venv()
    pip = [BIN / "python", "-m", "pip", "--quiet", "--disable-pip-version-check"]
    earmark_here = f"{ROOT}[{','.join(extras)}]"
    require(
        run([*pip, "install", "--constraint", CONSTRAINTS, "--editable", earmark_here]),
        "pip could not install Earmark; its message is above.",
    )
    stamp.write_text("\n".join([*done, wanted]), encoding="utf-8")


def make_venv() -> None:
    """Create `.venv`, with Debian's package for it where Python came without."""
    if run([sys.executable, "-m", "venv", VENV], quiet=True) == 0:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    install([f"python3.{sys.version_info.minor}-venv"])
    require(
        run([sys.executable, "-m", "venv", VENV]),
        "Python's venv module is needed to set Earmark up.",
    )


def system(needed: dict[str, str]) -> None:
    """Install the system packages whose libraries or programs are missing."""
    if not sys.platform.startswith("linux"):
        return
    missing = [package for name, package in needed.items() if not there(name)]
    if missing:
        install(missing)


def there(name: str) -> bool:
    """Whether a shared library can be loaded or a program is on the path."""
    if "/" in name:
        multiarch = sysconfig.get_config_var("MULTIARCH") or ""
        return any(
            (Path(base) / name).exists()
            for base in (f"/usr/lib/{multiarch}", "/usr/lib", "/usr/lib64")
        )
    if ".so" not in name:
        return shutil.which(name) is not None
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def install(packages: Iterable[str]) -> None:
    """Install Debian packages, or print the line that does."""
    names = sorted(set(packages))
    prefix: list[str] = []
    if os.geteuid() != 0:
        prefix = ["sudo", "-n"]
    line = ["apt-get", "install", "--yes", "--no-install-recommends", *names]
    allowed = shutil.which("apt-get") and (
        not prefix or (shutil.which("sudo") and run([*prefix, "true"], quiet=True) == 0)
    )
    if not allowed:
        print("Missing on this system. Please run, then start again:", flush=True)
        print(f"    sudo {' '.join(line)}", flush=True)
        return
    run([*prefix, "apt-get", "update"], quiet=True)
    if run([*prefix, *line], quiet=True):
        print(f"Could not install: {' '.join(names)}. Trying without.", flush=True)


def earmark(*arguments: str) -> int:
    """Run the program itself."""
    return run([BIN / "earmark", *arguments])


def fingerprint(extras: Sequence[str]) -> str:
    """What an environment depends on, as a short hash."""
    told = hashlib.sha256("+".join(sorted(extras)).encode())
    for path in (ROOT / "pyproject.toml", CONSTRAINTS):
        told.update(path.read_bytes())
    return told.hexdigest()[:16]


def run(command: Sequence[str | Path], *, quiet: bool = False) -> int:
    """Run a command in the project's folder and give its exit code."""
    output = subprocess.DEVNULL if quiet else None
    words = [str(word) for word in command]
    variables = {
        **os.environ,
        "DEBIAN_FRONTEND": "noninteractive",
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    done = subprocess.run(
        words, cwd=ROOT, stdout=output, stderr=output, env=variables, check=False
    )
    return done.returncode


def require(outcome: int, message: str) -> None:
    """Stop with a message unless a step succeeded."""
    if outcome:
        print(message, file=sys.stderr)
        sys.exit(outcome)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
