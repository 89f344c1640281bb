"""Weights inside installed Python packages."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
from pathlib import Path


def version(distribution: str) -> str | None:
    """The version of a distribution; None if it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def damaged(distribution: str) -> list[str]:
    """The files that do not have the hash that was recorded at installation."""
    wrong = []
    for file in importlib.metadata.files(distribution) or ():
        if file.hash is None or file.hash.mode != "sha256":
            continue
        path = Path(str(file.locate()))
        if path.is_file():
            digest = hashlib.sha256(path.read_bytes()).digest()
            recorded = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if recorded == file.hash.value:
                continue
        wrong.append(str(file))
    return wrong
