"""The hub's cache on this machine, which other programs share.

Its layout is `models--ORG--NAME/{refs,snapshots,blobs}`; a snapshot holds links to
blobs, which are named by their hash:
https://huggingface.co/docs/huggingface_hub/guides/manage-cache
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One revision of a repository in the cache."""

    repo: str
    revision: str
    path: Path


def cache_folder() -> Path:
    """Where the hub's own library keeps its cache, by the environment."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if folder := os.environ.get(name):
            return Path(os.path.expandvars(folder)).expanduser()
    home = os.environ.get("HF_HOME")
    if not home:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        home = str(Path(base) / "huggingface")
    return Path(os.path.expandvars(home)).expanduser() / "hub"


def snapshots(cache: Path) -> Iterator[list[Snapshot]]:
    """The snapshots of each model repository in a cache, the likeliest first.

    That is the one that "main" refers to, then the latest.
    """
    try:
        folders = sorted(cache.glob("models--*"))
    except OSError:
        return
    for folder in folders:
        repo = folder.name.removeprefix("models--").replace("--", "/", 1)
        try:
            found = [path for path in (folder / "snapshots").iterdir() if path.is_dir()]
            found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        except OSError:
            continue
        main = folder / "refs" / "main"
        try:
            head = main.read_text(encoding="utf-8").strip()
        except OSError:
            head = ""
        found.sort(key=lambda path: path.name != head)
        if found:
            yield [Snapshot(repo, path.name, path) for path in found]


def damaged(snapshot: Path) -> list[str]:
    """The files of a snapshot whose contents do not match the names of their blobs."""
    wrong = []
    for path in sorted(snapshot.rglob("*")):
        if path.is_dir():
            continue
        blob = path.resolve()
        if not blob.is_file() or not has_digest(blob, blob.name):
            wrong.append(path.relative_to(snapshot).as_posix())
    return wrong


def has_digest(path: Path, digest: str) -> bool:
    """Large files have their sha256, small ones their id in git."""
    if len(digest) == 64:
        return _digest(path, hashlib.sha256()) == digest
    head = f"blob {path.stat().st_size}\0".encode()
    return _digest(path, hashlib.sha1(head, usedforsecurity=False)) == digest


def _digest(path: Path, hashed: Any) -> str:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            hashed.update(block)
    return str(hashed.hexdigest())
