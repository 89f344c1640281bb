"""Damaged models: their configurations, the headers of their weights, packs of them.

The tests use some hundred, the benchmarks thousands.
"""

from __future__ import annotations

import json
import random
import shutil
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from models.samples import CT2_HEAD, RECOGNITION, SPEECH

from earmark.core.errors import EarmarkError
from earmark.models.catalog import Catalog
from earmark.models.folder import check_fits, read_folder
from earmark.models.library import Library

_ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**70, 1e308, float("inf"), float("nan"), "", "\0", "../x"),
    *([], {}, [[]], {"": {}}, ["x", 1], "x" * 5000, "\ud800"),
)
_SAFETENSORS = {
    "__metadata__": {"format": "pt"},
    "weight": {"dtype": "F32", "shape": [4, 4], "data_offsets": [0, 64]},
    "bias": {"dtype": "F32", "shape": [4], "data_offsets": [64, 80]},
}
_INDEX = {
    "metadata": {"total_size": 80},
    "weight_map": {"weight": "model.safetensors", "bias": "model.safetensors"},
}
_CONFIG = {
    "architectures": ["Wav2Vec2ForCTC"],
    "model_type": "wav2vec2",
    "id2label": {"0": "speech", "1": "music"},
    "hidden_size": 4,
}

Files = dict[str, bytes]


def attack(kind: str, folder: Path, count: int, seed: int = 0) -> Counter[str]:
    """Look at, import and verify damaged models; "accepted" and "refused" are counted.

    Parameters
    ----------
    kind : {"configurations", "weights", "packs"}
        What is damaged.
    folder : Path
        Where they are made.
    count, seed : int

    Raises
    ------
    AssertionError
        If anything but a clear error is raised, or a model that was refused is
        installed, or one that was accepted is not whole.
    """
    chance = random.Random(seed)
    inside = folder / kind
    here, library = (
        Library(inside / name, Catalog(()), hub_cache=inside / "no-hub")
        for name in ("here", "library")
    )
    attacks: dict[str, Callable[[Library, random.Random], Iterator[Path]]] = {
        "configurations": _configurations,
        "weights": _weights,
        "packs": _packs,
    }
    outcomes: Counter[str] = Counter()
    damaged = attacks[kind](here, chance)
    for number in range(count):
        try:
            outcomes[_outcome(next(damaged), here, library)] += 1
        except Exception as error:
            raise AssertionError(f"{kind}, seed {seed}, {number}") from error
    return outcomes


def _outcome(path: Path, here: Library, library: Library) -> str:
    """What becomes of a model that is in one library, or of a pack, in another."""
    if path.is_dir():
        for task in (None, RECOGNITION, SPEECH):
            here.installed(task)
        for look in (here.verify, lambda name: here.resolve(name, RECOGNITION)):
            _refused(lambda look=look: look(path.name))
        read_folder(path)
        _refused(lambda: check_fits(RECOGNITION, path))
    if _refused(lambda: library.import_folder(path, "damaged")):
        assert library.installed() == []
        return "refused"
    assert library.verify("damaged") == ()
    library.remove("damaged")
    return "accepted"


def _refused(act: Callable[[], object]) -> bool:
    try:
        act()
    except EarmarkError as error:
        assert error.message.strip()
        return True
    return False


def _configurations(here: Library, chance: random.Random) -> Iterator[Path]:
    """Model folders with a damaged JSON file."""
    transformers = {
        "config.json": _json(_CONFIG),
        "model.safetensors.index.json": _json(_INDEX),
        "model.safetensors": _tensors(_json(_SAFETENSORS)),
    }
    noted = _noted(here, transformers)
    ctranslate2 = {
        "config.json": b'{"alignment_heads": [[1, 2]]}',
        "vocabulary.json": b'["a", "b"]',
        "model.bin": CT2_HEAD + bytes(64),
    }
    while True:
        files = dict(chance.choice((transformers, noted, ctranslate2)))
        name = chance.choice([each for each in files if each.endswith(".json")])
        files[name] = _damaged_json(files[name], chance)
        yield _write(here, files)


def _weights(here: Library, chance: random.Random) -> Iterator[Path]:
    """Model folders whose weights have a damaged header."""
    header = _json(_SAFETENSORS)
    while True:
        content = _tensors(_damaged_json(header, chance))
        if chance.random() < 0.5:
            content = _damaged(_tensors(header), chance, 24)
        yield _write(
            here, {"config.json": _json(_CONFIG), "model.safetensors": content}
        )


def _packs(here: Library, chance: random.Random) -> Iterator[Path]:
    """Packs with damaged bytes."""
    _noted(here, {"config.json": _json(_CONFIG), "model.safetensors": _tensors(b"{}")})
    file = here.pack("model", here.folder / "whole")
    whole = file.read_bytes()
    path = here.folder.parent / "damaged.modelpack"
    while True:
        near_end = whole[-600:]
        match chance.randrange(3):
            case 0:
                content = _damaged(whole, chance, len(whole))
            case 1:
                content = whole[:-600] + _damaged(near_end, chance, len(near_end))
            case _:
                content = _damaged(whole, chance, 200)
        path.write_bytes(content)
        yield path


def _noted(here: Library, files: Files) -> Files:
    """A model with its manifest, as the library keeps it."""
    here.import_folder(_write(here, files).rename(here.folder.parent / "model"))
    model = here.folder / "model"
    return {each.name: each.read_bytes() for each in model.iterdir()}


def _write(here: Library, files: Files) -> Path:
    folder = here.folder / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _tensors(header: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header + bytes(80)


def _damaged_json(text: bytes, chance: random.Random) -> bytes:
    """Odd values at random places, or damaged bytes, or far too deep."""
    match chance.randrange(8):
        case 0:
            return _damaged(text, chance, len(text))
        case 1:
            return b"[" * 20_000 + text
        case _:
            value = json.loads(text)
            for _ in range(chance.choice((1, 1, 2, 5))):
                value = _with_odd(value, chance)
            return _json(value)


def _with_odd(value: Any, chance: random.Random) -> Any:
    """The value with something odd in it, or instead of it."""
    places = (
        list(value) if isinstance(value, dict)
        else range(len(value)) if isinstance(value, list)
        else ()
    )  # fmt: skip
    if not places or chance.random() < 0.15:
        return deepcopy(chance.choice(_ODD))
    place = chance.choice(places)
    if isinstance(value, dict) and chance.random() < 0.1:
        return {each: value[each] for each in value if each != place}
    value[place] = _with_odd(value[place], chance)
    return value


def _damaged(content: bytes, chance: random.Random, reach: int) -> bytes:
    """Bytes changed, cut out, put in or cut off, mostly in the first `reach`."""
    damaged = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 8))):
        at = chance.randrange(max(min(reach, len(damaged)), 1))
        match chance.randrange(5):
            case 0:
                damaged[at : at + 1] = chance.randbytes(1)
            case 1:
                damaged[at : at + 8] = chance.choice((b"\xff" * 8, bytes(8)))
            case 2:
                del damaged[at : at + chance.randrange(1, 20)]
            case 3:
                damaged[at:at] = chance.randbytes(chance.randrange(1, 20))
            case _:
                if chance.random() < 0.3:
                    del damaged[chance.randrange(len(damaged) + 1) :]
    return bytes(damaged)
