"""Real recordings with what is said in them, out of Debian's packages.

They are fetched once and unpacked into a cache; nothing is installed.
"""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

LANGUAGES = ("en", "es", "fr", "it", "ru")
"""Of the studio prompts that Asterisk, a telephone exchange, comes with."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A recorded sentence, or a few words, and its text."""

    path: Path
    text: str


def debian(package: str) -> Path:
    """The folder with the files of a Debian package, fetched when first asked for."""
    default = Path.home() / ".cache" / "earmark-tests"
    cache = Path(os.environ.get("EARMARK_TEST_CACHE", default))
    folder = cache / package
    if not (folder / "usr").is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as name:
            unpacked = Path(name)
            subprocess.run(
                ["apt-get", "-qq", "download", package], cwd=unpacked, check=True
            )
            (archive,) = unpacked.glob("*.deb")
            subprocess.run(["dpkg", "-x", archive, unpacked], check=True)
            folder.mkdir(exist_ok=True)
            (unpacked / "usr").rename(folder / "usr")
    return folder


def prompts(language: str, *, shortest_words: int = 1) -> list[Prompt]:
    """The studio prompts of a language that are spoken words and nothing else."""
    package = f"asterisk-core-sounds-{language}"
    documents = debian(package) / "usr" / "share" / "doc" / package
    packed = (documents / f"core-sounds-{language}.txt.gz").read_bytes()
    lines = gzip.decompress(packed).decode("utf-8", "replace")
    sounds = debian(f"{package}-wav") / "usr" / "share" / "asterisk" / "sounds"
    folder = next(sounds.glob(f"{language}*"))
    found = [
        Prompt(folder / f"{name}.wav", text)
        # What is in brackets of any kind is no speech.
        for name, text in re.findall(r"^([\w/-]+): ([^\[(\n]+)$", lines, re.M)
        if len(text.split()) >= shortest_words and (folder / f"{name}.wav").is_file()
    ]
    return sorted(found, key=lambda prompt: prompt.path)


def gcompris(*parts: str) -> list[Path]:
    """The sounds of GCompris, a children's program, in folders of these names.

    They are inside its resource files, which Qt opens.
    """
    from PySide6.QtCore import QDirIterator, QFile, QResource

    package = debian("gcompris-qt-data")
    sounds = package / "sounds"
    if not sounds.is_dir():
        with tempfile.TemporaryDirectory(dir=package) as name:
            for archive in package.glob("usr/share/gcompris-qt/rcc/**/*.rcc"):
                if not QResource.registerResource(str(archive)):
                    continue
                found = QDirIterator(":/", QDirIterator.IteratorFlag.Subdirectories)
                while found.hasNext():
                    inside = found.next()
                    if inside.endswith((".ogg", ".wav")):
                        outside = Path(name) / inside.removeprefix(":/")
                        outside.parent.mkdir(parents=True, exist_ok=True)
                        QFile.copy(inside, str(outside))
                QResource.unregisterResource(str(archive))
            Path(name).rename(sounds)
            Path(name).mkdir()  # for the temporary folder to clear away
    return sorted(
        path
        for path in sounds.rglob("*.*")
        if path.is_file() and set(parts) & set(path.parts)
    )


INSTRUMENTS = {
    "guitar": "guitar",
    "electric_guitar": "guitar",
    "piano": "piano",
    "violin": "violin",
    "flute_traversiere": "flute",
    "harp": "harp",
    "cello": "cello",
    "drum_kit": "drums",
    "snare_drum": "drums",
    "bongo": "drums",
}
"""Those of `instruments` that a tag of MagnaTagATune means, and the tag."""


def instruments() -> list[Path]:
    """A phrase of each of 26 instruments."""
    return gcompris("instruments")


def content() -> dict[str, list[Path]]:
    """Recordings of speech, of music, and of other sounds."""
    moh = debian("asterisk-moh-opsound-wav") / "usr/share/asterisk/moh"
    theme = debian("sound-theme-freedesktop") / "usr/share/sounds/freedesktop/stereo"
    speech = [
        prompt.path
        for prompt in prompts("en", shortest_words=6)
        if "silence" not in prompt.path.parts
    ]
    tones = ("guitar", "xylofon", "silence", "intro")
    others = [
        path
        for path in gcompris("activities", "core")
        if not {"instruments", "explore_world_music", "chronos"} & set(path.parts)
        and not path.stem.startswith(tones)
    ]
    # The other files there are spoken or silent, or links to these.
    signals = [
        path
        for path in sorted(theme.glob("*.oga"))
        if not path.stem.startswith("audio-channel") and not path.is_symlink()
    ]
    return {
        "speech": speech[:: len(speech) // 100][:100],
        "music": [*instruments(), *gcompris("music"), *sorted(moh.glob("*.wav"))],
        "environment": others + signals,
    }
