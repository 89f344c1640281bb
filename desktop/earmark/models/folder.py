"""What a model's folder holds, told from its small files, before anything is loaded."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from earmark.core.errors import EarmarkError
from earmark.core.tasks import Task
from earmark.models.catalog import OWN_FORMATS, PACKAGED_FORMATS, SHARED_FORMATS
from earmark.models.kinds import check_class
from earmark.models.names import MANIFEST, FileName, ModelId

FORMATS = (*SHARED_FORMATS, *OWN_FORMATS)
"""The formats that a folder can be told to have."""

_SAFE = ".safetensors"
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")

_CONFIG_LIMIT = 4_000_000
"""Bytes; a configuration above it is not one."""

_HEADER_LIMIT = 100_000_000
"""Bytes; the limit that the safetensors format itself sets."""


class ManifestFile(BaseModel):
    """A file of a model in the library, as it was when it came."""

    model_config = ConfigDict(frozen=True)

    name: FileName
    size: int
    sha256: str


class Manifest(BaseModel):
    """What the library noted when a model came; `earmark-model.json` in its folder.

    Attributes
    ----------
    id, title, format, revision, licence, licence_url, origin : str
    source : str
        "wheels", "hub" or "import".
    non_commercial : bool
    converted : bool
        The weights were made from others, so that their hashes are not their makers'.
    files : tuple of ManifestFile
        Names are relative to the folder, with slashes.
    """

    model_config = ConfigDict(frozen=True)

    manifest: int = 1
    id: ModelId
    title: str = ""
    format: str
    source: str
    revision: str = ""
    licence: str = ""
    licence_url: str = ""
    non_commercial: bool = False
    origin: str = ""
    converted: bool = False
    files: tuple[ManifestFile, ...]


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """What a folder holds.

    Attributes
    ----------
    path : Path
    format : str
        One of `FORMATS`, or empty if it cannot be told.
    architectures : tuple of str
        The classes that its configuration names.
    manifest : Manifest or None
    size : int
        Bytes of all its files.
    has_weights : bool
        In whatever format.
    has_pickles : bool
        Weights that can be converted, and no others.
    remote_code : bool
        The model brings code of its own.
    problem, remedy : str
        Why it cannot be loaded, and what to do; empty if nothing is wrong.
    """

    path: Path
    format: str
    architectures: tuple[str, ...]
    manifest: Manifest | None
    size: int
    has_weights: bool
    has_pickles: bool
    remote_code: bool
    problem: str
    remedy: str


def read_folder(path: Path) -> ModelFolder:
    """Tell what a folder holds. No weights are read; it takes about a millisecond.

    Raises
    ------
    EarmarkError
        If there is no such folder or it cannot be read.
    """
    try:
        files = dict(_files(path))
    except OSError as error:
        raise EarmarkError(
            f"The folder {path} cannot be read: {error.strerror or error}."
        ) from error
    manifest = _manifest(path) if MANIFEST in files else None
    config: dict[str, Any] = {}
    problem, remedy = _missing(path, files, manifest)
    kind = _format(files)
    architectures: tuple[str, ...] = ()
    if kind == "ctranslate2":
        architectures = _ctranslate2_architectures(path / "model.bin")
    elif kind:
        name = "config.json" if kind == "transformers" else "model_index.json"
        try:
            config = _json(path / name)
        except (OSError, ValueError) as error:
            if not problem:
                problem = f"its {name} cannot be read ({error})"
                remedy = "Get the model again."
        architectures = _architectures(config)
        if config.get("model_type") in OWN_FORMATS:
            kind = str(config["model_type"])
    if not problem:
        problem, remedy = _unusable(kind, files)
    return ModelFolder(
        path=path,
        format=kind,
        architectures=architectures,
        manifest=manifest,
        size=sum(files.values()),
        has_weights=bool(kind) and any(_is_weights(name) for name in files),
        has_pickles=kind != "ctranslate2"
        and any(name.endswith(_PICKLES) for name in files)
        and not any(name.endswith(_SAFE) for name in files),
        remote_code="auto_map" in config,
        problem=problem,
        remedy=remedy,
    )


def own_formats(task: Task) -> tuple[str, ...]:
    """The formats of a plugin's own: only its runner can tell whether a folder fits."""
    known = (*FORMATS, *PACKAGED_FORMATS)
    return tuple(name for name in task.formats if name not in known)


def check_fits(
    task: Task, path: Path, *, name: str = "", tasks: Sequence[Task] = ()
) -> ModelFolder:
    """Check that a task can load the model in a folder, before anything is loaded.

    Parameters
    ----------
    task : Task
    path : Path
    name : str, optional
        What to call the model in an error; the folder's name otherwise.
    tasks : sequence of Task
        All that there are, to say which of them it fits.

    Raises
    ------
    EarmarkError
        If it cannot; says what the model is, why it does not fit and what to do.
    """
    name = name or path.name
    found = read_folder(path)
    if not found.format and own_formats(task):
        return found
    if found.problem:
        raise EarmarkError(f"{name}: {found.problem}.", found.remedy)
    check_class(
        task,
        name,
        found.format,
        found.architectures,
        remote_code=found.remote_code,
        tasks=tasks,
    )
    check_whole(path)
    return found


def _files(path: Path, below: str = "") -> Iterator[tuple[str, int]]:
    """Relative names with slashes, and sizes; hidden files are not the model's."""
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            name = below + entry.name
            if entry.is_dir():
                yield from _files(path / entry.name, name + "/")
            elif entry.is_file():
                # A hub snapshot consists of links: their targets count.
                yield name, entry.stat().st_size


def _format(files: dict[str, int]) -> str:
    if "model_index.json" in files:
        return "diffusers"
    if "config.json" not in files:
        return ""
    vocabularies = {"vocabulary.txt", "vocabulary.json", "shared_vocabulary.json"}
    if "model.bin" in files and vocabularies & files.keys():
        return "ctranslate2"
    return "transformers"


def _is_weights(name: str) -> bool:
    return name.endswith((_SAFE, *_PICKLES))


def _unusable(kind: str, files: dict[str, int]) -> tuple[str, str]:
    """Problem and remedy of a folder whose weights Earmark cannot load."""
    if kind == "ctranslate2":
        return "", ""
    if kind and any(name.endswith(_SAFE) for name in files):
        return "", ""
    pickles = sorted(name for name in files if _is_weights(name))
    if pickles:
        first = pickles[0]
        problem = f"its weights are pickles ({first}), which may run code when loaded"
        remedy = (
            "Take a revision that has .safetensors files; on the hub it is often a "
            "pull request of SFconvertbot, the hub's own account. Or let the import "
            "convert them (`earmark models import FOLDER --convert-pickle`)."
        )
        return problem, remedy
    if kind:
        problem = "it has no weights in .safetensors format"
        return problem, "Copy the model's .safetensors files into the folder."
    problem = "no model that Earmark knows is in this folder"
    return problem, "Choose the folder that holds the model's config.json."


def _missing(
    path: Path, files: dict[str, int], manifest: Manifest | None
) -> tuple[str, str]:
    """Problem and remedy of files that are not as the manifest has them."""
    if manifest is None:
        return "", ""
    for file in manifest.files:
        if files.get(file.name) != file.size:
            state = "is not whole" if file.name in files else "is missing"
            return f"its file {file.name} {state}", f"Remove {path.name}; get it again."
    return "", ""


def check_whole(path: Path) -> None:
    """Check the length of the weights against what their own headers say.

    A safetensors file starts with the length of its JSON header (8 bytes, little
    endian) and the header, whose data offsets count from its end:
    https://huggingface.co/docs/safetensors

    Raises
    ------
    EarmarkError
        If a file of weights is missing, cut off, or none.
    """
    for index in path.glob("*.safetensors.index.json"):
        read_index(index, [each.name for each in path.iterdir()])
    for file in path.glob("*.safetensors"):
        try:
            whole = _safetensors_size(file)
        except (OSError, ValueError, struct.error, LookupError, TypeError) as error:
            raise EarmarkError(
                f"{file} is not a safetensors file: its header cannot be read.",
                "Get the model again.",
            ) from error
        if file.stat().st_size < whole:
            raise EarmarkError(
                f"{file} is cut off: {file.stat().st_size} of {whole} bytes.",
                "Get the model again.",
            )


def read_index(index: Path, files: Collection[str]) -> dict[str, Any]:
    """The index of weights in shards: its `weight_map` has the shard of each tensor.

    Parameters
    ----------
    index : Path
    files : collection of str
        Those that may be shards.

    Raises
    ------
    EarmarkError
        If it is no such index, or names other files.
    """
    try:
        read = _json(index)
        missing = set(map(str, read["weight_map"].values())).difference(files)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise EarmarkError(
            f"{index} cannot be read: it does not say which file holds which weights.",
            "Get the model again.",
        ) from error
    if missing:
        raise EarmarkError(
            f"{index} names the file {min(missing):.80}, which is not there.",
            "Get the model again.",
        )
    return read


def _safetensors_size(file: Path) -> int:
    with file.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        if length > min(file.stat().st_size, _HEADER_LIMIT):
            raise ValueError("its header is too long")
        header = _object(stream.read(length))
    ends = [
        tensor["data_offsets"][1]
        for name, tensor in header.items()
        if name != "__metadata__"
    ]
    if not all(isinstance(end, int) for end in ends):
        raise ValueError("its offsets are no numbers")
    return int(8 + length + max(ends, default=0))


def _json(path: Path) -> dict[str, Any]:
    return _object(_text(path))


def _text(path: Path) -> bytes:
    with path.open("rb") as file:
        text = file.read(_CONFIG_LIMIT + 1)
    if len(text) > _CONFIG_LIMIT:
        raise ValueError("it is far too long")
    return text


def _object(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except ValueError as error:
        raise ValueError("it is no JSON, or only a part of it") from error
    if not isinstance(value, dict):
        raise ValueError("it is no JSON object")
    return value


def _manifest(path: Path) -> Manifest | None:
    try:
        return Manifest.model_validate_json(_text(path / MANIFEST))
    except (OSError, ValueError):
        return None


def _architectures(config: dict[str, Any]) -> tuple[str, ...]:
    named = config.get("architectures") or config.get("_class_name")
    if isinstance(named, str):
        return (named,)
    return tuple(map(str, named)) if isinstance(named, list) else ()


def _ctranslate2_architectures(file: Path) -> tuple[str, ...]:
    """The transformers class of a CTranslate2 model, from the head of its model.bin.

    It starts with a format version (uint32) and the name of its specification: the
    length with the closing zero (uint16), then the name
    (`ctranslate2.specs.ModelSpec.save`).
    """
    specifications = {
        "WhisperSpec": "WhisperForConditionalGeneration",
        "Wav2Vec2Spec": "Wav2Vec2ForCTC",
        "Wav2Vec2BertSpec": "Wav2Vec2BertForCTC",
    }
    try:
        with file.open("rb") as stream:
            _, length = struct.unpack("<IH", stream.read(6))
            name = stream.read(min(length, 100)).rstrip(b"\0").decode("ascii")
    except (OSError, struct.error, UnicodeDecodeError):
        return ()
    return (specifications.get(name, name),)
