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
