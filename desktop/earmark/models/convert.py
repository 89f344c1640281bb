"""Weights in formats that no runner loads, made into safetensors.

Nothing of a checkpoint is run here, and torch is not imported: a pickle is read by a
child process, a TensorFlow checkpoint by its layout.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from earmark.core.errors import Cancelled, EarmarkError
from earmark.models.catalog import PICKLES, CatalogEntry, Conversion
from earmark.models.folder import read_index

WEIGHTS = "model.safetensors"
CONFIG = "config.json"

_POLL_S = 0.2


def convert(
    entry: CatalogEntry,
    conversion: Conversion,
    raw: Path,
    model: Path,
    cancelled: Callable[[], bool],
) -> tuple[str, ...]:
    """Make a model of a checkpoint in its makers' own format.

    Parameters
    ----------
    entry : CatalogEntry
    conversion : Conversion
        Of the entry.
    raw : Path
        The folder with the checkpoint's files, which were checked.
    model : Path
        The existing folder that gets the weights and their configuration.
    cancelled : callable
        Asked often; the conversion ends when it gives True.

    Returns
    -------
    tuple of str
        Names of the files that were written.

    Raises
    ------
    EarmarkError
        If the checkpoint is not what the converter expects.
    Cancelled
        If `cancelled` gave True.
    """
    if conversion.kind == "ge2e":
        _ge2e(raw / conversion.files[0].name, model / WEIGHTS, cancelled)
    else:
        index, data = (raw / file.name for file in conversion.files)
        _musicnn(index, data, model / WEIGHTS)
    config = dict(conversion.config)
    labels = config.pop("labels", None)
    if labels is not None:
        config["id2label"] = dict(enumerate(labels))
        config["label2id"] = {label: index for index, label in enumerate(labels)}
    config = {
        "architectures": [entry.architecture],
        "model_type": entry.format,
        **config,
    }
    text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    (model / CONFIG).write_text(text, encoding="utf-8")
    return WEIGHTS, CONFIG


def convert_pickles(
    folder: Path, names: Sequence[str], model: Path, cancelled: Callable[[], bool]
) -> list[str]:
    """Make safetensors of the pickles among a model's files.

    Parameters
    ----------
    folder : Path
    names : sequence of str
        The model's files in it.
    model : Path
        The existing folder that gets what is made.
    cancelled : callable
        Asked often; the conversion ends when it gives True.

    Returns
    -------
    list of str
        The files of the converted model: those of `names` that are no weights, and
        those that were made.

    Raises
    ------
    EarmarkError
        If a pickle holds more than weights, they are of no model that is known, or
        their index is damaged.
    Cancelled
        If `cancelled` gave True.
    """
    pickles = [name for name in names if _is_pickle(name)]
    index = "pytorch_model.bin.index.json"
    others = [name for name in names if name not in pickles and name != index]
    if CONFIG not in names:
        if len(pickles) != 1:
            raise EarmarkError(
                f"{folder.name} holds no model that Earmark knows.",
                "Choose the folder that holds the model's config.json.",
            )
        return [*_beats(folder / pickles[0], model, cancelled), *others]
    renamed = {
        name: name.removesuffix(".bin").replace("pytorch_model", "model")
        + ".safetensors"
        for name in pickles
        # transformers' own: training states and the like are no weights.
        if PurePosixPath(name).name.startswith("pytorch_model")
    }
    shards = read_index(folder / index, renamed) if index in names else None
    for name, safe in renamed.items():
        target = model / safe
        target.parent.mkdir(parents=True, exist_ok=True)
        unpickle(folder / name, target, cancelled)
    made = list(renamed.values())
    if shards is not None:
        weights = {
            tensor: renamed[shard] for tensor, shard in shards["weight_map"].items()
        }
        made.append(f"{WEIGHTS}.index.json")
        (model / made[-1]).write_text(
            json.dumps({**shards, "weight_map": weights}, indent=2), encoding="utf-8"
        )
    return [*others, *made]


def unpickle(
    pickle: Path, target: Path, cancelled: Callable[[], bool] = lambda: False
) -> None:
    """Write the tensors of a pickle into a safetensors file.

    Names within nested dictionaries are joined by dots; plain values are kept as JSON
    in the file's metadata, under "rest". The pickle is read by a child
    process, which builds nothing but tensors and plain containers.

    Parameters
    ----------
    pickle : Path
    target : Path
    cancelled : callable, optional

    Raises
    ------
    EarmarkError
        If there is more in it, or it is damaged.
    Cancelled
        If `cancelled` gave True.
    """
    with subprocess.Popen(
        [*_program(), "--unpickle", str(pickle), str(target)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as child:
        try:
            while True:
                try:
                    _, said = child.communicate(timeout=_POLL_S)
                    break
                except subprocess.TimeoutExpired:
                    if cancelled():
                        raise Cancelled from None
        finally:
            child.kill()
    if child.returncode != 0:
        lines = said.decode("utf-8", errors="replace").strip().splitlines()
        reason = lines[-1] if lines else f"the conversion ended with {child.returncode}"
        raise EarmarkError(
            f"{pickle.name} was not converted: {reason.removesuffix('.')}.",
            "A file that holds more than weights is never loaded; choose another "
            "revision or model.",
        )
    shutil.copymode(pickle, target)  # it is for its owner only otherwise


def _program() -> list[str]:
    if getattr(sys, "frozen", False):
        return [sys.executable]
    return [sys.executable, "-P", "-m", "earmark"]


def _ge2e(pickle: Path, target: Path, cancelled: Callable[[], bool]) -> None:
    """Resemblyzer's checkpoint: the encoder without what only training needs."""
    from safetensors.numpy import load_file, save

    whole = target.with_suffix(".whole")
    unpickle(pickle, whole, cancelled)
    prefix = "model_state."
    tensors = {
        name.removeprefix(prefix): tensor
        for name, tensor in load_file(whole).items()
        if name.startswith((f"{prefix}lstm.", f"{prefix}linear."))
    }
    whole.unlink()
    if not tensors:
        raise EarmarkError(f"{pickle.name} is no checkpoint of a GE2E encoder.")
    target.write_bytes(save(tensors, metadata={"format": "pt"}))


def _beats(pickle: Path, model: Path, cancelled: Callable[[], bool]) -> tuple[str, ...]:
    """A checkpoint of BEATs: weights, the encoder's settings, perhaps AudioSet's MIDs.

    https://github.com/microsoft/unilm/tree/master/beats
    """
    from safetensors.numpy import load_file, save

    whole = model / "whole"
    unpickle(pickle, whole, cancelled)
    rest = _rest(whole)
    prefix = "model."
    tensors = {
        name.removeprefix(prefix): tensor
        for name, tensor in load_file(whole).items()
        if name.startswith(prefix)
    }
    whole.unlink()
    settings, labels = rest.get("cfg"), rest.get("label_dict") or {}
    if (
        not tensors
        or not isinstance(settings, dict)
        or "encoder_layers" not in settings
    ):
        raise EarmarkError(
            f"{pickle.name} is of no model that Earmark knows.",
            "Choose the folder that holds the model's config.json.",
        )
    (model / WEIGHTS).write_bytes(save(tensors, metadata={"format": "pt"}))
    config = {
        "architectures": ["BEATsModel"],
        "model_type": "beats",
        "sampling_rate": 16000,
        **settings,
    }
    if labels:
        config["id2label"] = {str(number): label for number, label in labels.items()}
        config["label2id"] = {label: int(number) for number, label in labels.items()}
    text = json.dumps(config, indent=2) + "\n"
    (model / CONFIG).write_text(text, encoding="utf-8")
    return WEIGHTS, CONFIG


def _rest(file: Path) -> dict[str, Any]:
    """What a pickle held beside its tensors."""
    from safetensors import safe_open

    with safe_open(file, "numpy") as opened:
        metadata = opened.metadata() or {}
    rest: dict[str, Any] = json.loads(metadata.get("rest", "{}"))
    return rest


def _is_pickle(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in PICKLES)


def _musicnn(index: Path, data: Path, target: Path) -> None:
    """musiCNN's checkpoint, its layers renamed and its axes in torch's order."""
    import numpy as np
    from safetensors.numpy import save

    try:
        variables = dict(_variables(index.read_bytes(), data.read_bytes()))
        tensors = {
            f"{ours}.{parameter}": np.ascontiguousarray(variables[name].transpose(axes))
            for ours, theirs in _MUSICNN_LAYERS
            for parameter, name, axes in _parameters(theirs)
        }
    except (LookupError, ValueError, TypeError) as error:
        raise EarmarkError(
            f"{index.name} is no checkpoint of musiCNN ({error})."
        ) from error
    target.write_bytes(save(tensors, metadata={"format": "pt"}))


def _nth(name: str, number: int) -> str:
    """TensorFlow numbers the layers of a kind in the order in which they were made."""
    return f"{name}_{number}" if number else name


_MUSICNN_LAYERS = (
    ("input_norm", "batch_normalization"),
    *((f"front.{n}.conv", _nth("conv2d", n)) for n in range(5)),
    *((f"front.{n}.norm", _nth("batch_normalization", n + 1)) for n in range(5)),
    *((f"middle.{n}.conv", _nth("conv2d", n + 5)) for n in range(3)),
    *((f"middle.{n}.norm", _nth("batch_normalization", n + 6)) for n in range(3)),
    ("pool_norm", "batch_normalization_9"),
    ("dense", "dense"),
    ("dense_norm", "batch_normalization_10"),
    ("output", "dense_1"),
)
"""Our name of each layer, and the checkpoint's."""


def _parameters(layer: str) -> tuple[tuple[str, str, tuple[int, ...]], ...]:
    """Torch's name, the checkpoint's name and the order of axes of each parameter."""
    if layer.startswith("batch_normalization"):
        return (
            ("weight", f"{layer}/gamma", (0,)),
            ("bias", f"{layer}/beta", (0,)),
            ("running_mean", f"{layer}/moving_mean", (0,)),
            ("running_var", f"{layer}/moving_variance", (0,)),
        )
    axes = (3, 2, 0, 1) if layer.startswith("conv2d") else (1, 0)
    return (
        ("weight", f"{layer}/kernel", axes),
        ("bias", f"{layer}/bias", (0,)),
    )


def _variables(index: bytes, data: bytes) -> Iterator[tuple[str, Any]]:
    """The float32 variables of a TensorFlow checkpoint, by name.

    The index is a sorted string table whose values are `BundleEntryProto` messages;
    the data file holds the values one after the other:
    https://github.com/tensorflow/tensorflow/blob/v2.16.1/tensorflow/core/protobuf/tensor_bundle.proto
    https://github.com/google/leveldb/blob/1.23/doc/table_format.md
    """
    import numpy as np

    footer = index[-48:]
    position = 0
    for _ in range(2):  # the handle of the meta index, which is empty
        _, position = _varint(footer, position)
    offset, position = _varint(footer, position)
    size, _ = _varint(footer, position)
    for _, handle in _block(index, offset, size):
        offset, position = _varint(handle, 0)
        size, _ = _varint(handle, position)
        for key, value in _block(index, offset, size):
            entry = _message(value)
            if not key or entry.get(1, 1) != 1:  # the header, or not DT_FLOAT
                continue
            shape = [
                _message(dimension).get(1, 0)
                for dimension in _repeated(entry.get(2, b""), 2)
            ]
            count = int(entry.get(5, 0)) // 4
            values = np.frombuffer(data, "<f4", count, int(entry.get(4, 0)))
            yield key.decode(), values.reshape(shape)


def _block(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """The entries of a block: each key shares a prefix with the one before."""
    if table[offset + size] != 0:
        raise ValueError("its index is compressed")
    block = table[offset : offset + size]
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 * (restarts + 1)
    position, key = 0, b""
    while position < end:
        shared, position = _varint(block, position)
        own, position = _varint(block, position)
        length, position = _varint(block, position)
        key = key[:shared] + block[position : position + own]
        position += own
        yield key, block[position : position + length]
        position += length


def _varint(block: bytes, position: int) -> tuple[int, int]:
    """An integer of seven bits a byte, and where the next one starts."""
    value = shift = 0
    while True:
        byte = block[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, position


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a protocol buffer: a number, and an integer or bytes."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        value: int | bytes
        if key & 7 == 0:
            value, position = _varint(message, position)
        else:
            if key & 7 == 2:
                length, position = _varint(message, position)
            else:
                length = 4 if key & 7 == 5 else 8
            value = message[position : position + length]
            position += length
        yield key >> 3, value


def _message(message: bytes) -> dict[int, Any]:
    return dict(_fields(message))


def _repeated(message: bytes, number: int) -> list[bytes]:
    return [value for field, value in _fields(message) if field == number]
