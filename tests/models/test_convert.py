"""Weights in other formats, made into safetensors without running anything of them."""

from __future__ import annotations

import json
import os
import pickle
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from models.samples import RECOGNITION, MakeModel, make_wheel, sha256, wheel_row
from safetensors.numpy import load_file

from earmark.core.errors import Cancelled, EarmarkError
from earmark.engine import pickles
from earmark.models.catalog import Catalog, CatalogEntry
from earmark.models.convert import unpickle
from earmark.models.folder import check_fits, read_folder
from earmark.models.library import Library


def test_the_tensors_of_a_pickle_are_kept_by_their_dotted_names(tmp_path: Path) -> None:
    shared = torch.arange(6.0)
    torch.save(
        {
            "a": shared,
            "deep": {"b": shared, "half": torch.ones(2, dtype=torch.bfloat16)},
            "note": {"layers": 3, "name": "x", "odd": {1, 2}},
        },
        tmp_path / "weights.bin",
    )
    unpickle(tmp_path / "weights.bin", tmp_path / "weights.safetensors")
    from safetensors import safe_open

    with safe_open(tmp_path / "weights.safetensors", "pt") as opened:
        assert set(opened.keys()) == {"a", "deep.b", "deep.half"}
        assert torch.equal(opened.get_tensor("deep.b"), shared)
        assert opened.get_tensor("deep.half").dtype == torch.bfloat16
        rest = json.loads(opened.metadata()["rest"])
    assert rest["note"] == {"layers": 3, "name": "x"}


class Trap:
    """What runs when it is unpickled without care."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (Path.touch, (self.mark,))


def test_a_pickle_that_would_run_code_is_refused_and_runs_none(tmp_path: Path) -> None:
    mark = tmp_path / "it ran"
    for name, save in (("new.bin", torch.save), ("old.bin", plain_pickle)):
        save({"w": torch.ones(1), "x": Trap(mark)}, tmp_path / name)
        with pytest.raises(EarmarkError) as caught:
            unpickle(tmp_path / name, tmp_path / "out.safetensors")
        assert f"{name} was not converted" in caught.value.message
        assert "never loaded" in caught.value.remedy
    assert not mark.exists()
    assert not (tmp_path / "out.safetensors").exists()


def plain_pickle(value: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(value))


@pytest.mark.parametrize("content", [b"", b"no pickle", b"\x80\x02."])
def test_a_pickle_that_is_none_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "weights.bin").write_bytes(content)
    with pytest.raises(EarmarkError, match=r"weights\.bin was not converted: "):
        unpickle(tmp_path / "weights.bin", tmp_path / "out.safetensors")


def test_tensors_that_would_have_one_name_are_refused(tmp_path: Path) -> None:
    torch.save({"a.b": torch.zeros(2), "a": {"b": torch.ones(2)}}, tmp_path / "w.bin")
    with pytest.raises(EarmarkError, match=r"two tensors named a\.b"):
        unpickle(tmp_path / "w.bin", tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_what_cannot_be_written_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"w": torch.ones(1)}, tmp_path / "w.bin")
    assert pickles.main([str(tmp_path / "w.bin"), str(tmp_path / "no" / "out")]) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert "No such file" in said


def test_a_conversion_can_be_cancelled(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(1)}, tmp_path / "weights.bin")
    with pytest.raises(Cancelled):
        unpickle(tmp_path / "weights.bin", tmp_path / "out", lambda: True)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends it by a signal")
def test_a_conversion_ends_with_who_asked_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "weights.bin")
    script = f"""
from pathlib import Path
from earmark.models.convert import unpickle
unpickle(Path({str(tmp_path / "weights.bin")!r}), Path({str(tmp_path / "out")!r}))
"""
    asking = subprocess.Popen([sys.executable, "-c", script])
    with (tmp_path / "weights.bin").open("wb"):  # the conversion has come to read it
        (converting,) = psutil.Process(asking.pid).children()
        converting.suspend()
        asking.kill()
        asking.wait()
        converting.wait()
    assert not (tmp_path / "out").exists()


def pickled_model(make_model: MakeModel, name: str = "pickled") -> Path:
    folder = make_model(name)
    (folder / "model.safetensors").unlink()
    torch.save({"w": torch.arange(4.0)}, folder / "pytorch_model.bin")
    return folder


def test_a_folder_of_pickles_is_converted_only_if_the_person_says_so(
    library: Library, make_model: MakeModel
) -> None:
    folder = pickled_model(make_model)
    with pytest.raises(EarmarkError, match="pickles") as caught:
        library.import_folder(folder)
    assert "--convert-pickle" in caught.value.remedy
    ref = library.import_folder(folder, convert_pickle=True)
    assert ref.path is not None
    names = {path.name for path in ref.path.iterdir()}
    assert names == {"config.json", "model.safetensors", "earmark-model.json"}
    assert load_file(ref.path / "model.safetensors")["w"].tolist() == [0, 1, 2, 3]
    assert library.verify("pickled") == ()
    assert json.loads((ref.path / "earmark-model.json").read_text())["converted"]
    check_fits(RECOGNITION, ref.path)


def test_shards_keep_their_index(library: Library, make_model: MakeModel) -> None:
    folder = pickled_model(make_model)
    (folder / "pytorch_model.bin").unlink()
    weights = {}
    for number, name in enumerate(("u", "v"), 1):
        shard = f"pytorch_model-{number:05}-of-00002.bin"
        torch.save({name: torch.full((2,), float(number))}, folder / shard)
        weights[name] = shard
    index = {"metadata": {"total_size": 16}, "weight_map": weights}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    ref = library.import_folder(folder, convert_pickle=True)
    assert ref.path is not None
    made = json.loads((ref.path / "model.safetensors.index.json").read_text())
    assert made["weight_map"]["v"] == "model-00002-of-00002.safetensors"
    shard_file = ref.path / made["weight_map"]["v"]
    assert load_file(shard_file)["v"].tolist() == [2.0, 2.0]
    assert not list(ref.path.glob("*.bin*"))
    check_fits(RECOGNITION, ref.path)


@pytest.mark.parametrize(
    "index",
    [
        "{",
        "[]",
        "{}",
        '{"weight_map": ["pytorch_model.bin"]}',
        '{"weight_map": {"w": 1}}',
        '{"weight_map": {"w": "pytorch_model-00009.bin"}}',
        '{"weight_map": {"w": "config.json"}}',
    ],
)
def test_a_damaged_index_of_shards_is_said(
    library: Library, make_model: MakeModel, index: str
) -> None:
    folder = pickled_model(make_model)
    (folder / "pytorch_model.bin.index.json").write_text(index)
    with pytest.raises(
        EarmarkError, match=r"pytorch_model\.bin\.index\.json"
    ) as caught:
        library.import_folder(folder, convert_pickle=True)
    assert caught.value.remedy == "Get the model again."
    assert library.installed() == []


def test_a_refused_pickle_leaves_nothing_in_the_library(
    library: Library, make_model: MakeModel, tmp_path: Path
) -> None:
    folder = pickled_model(make_model)
    torch.save({"x": Trap(tmp_path / "ran")}, folder / "pytorch_model.bin")
    with pytest.raises(EarmarkError, match="was not converted"):
        library.import_folder(folder, convert_pickle=True)
    assert library.installed() == []
    assert library.space().incomplete_mb == 0


def test_a_checkpoint_of_beats_brings_its_settings_and_labels(
    library: Library, tmp_path: Path
) -> None:
    folder = tmp_path / "beats"
    folder.mkdir()
    torch.save(
        {
            "cfg": {"encoder_layers": 2, "embed_dim": 8},
            "model": {"encoder.weight": torch.ones(2, 2)},
            "label_dict": {0: "/m/09x0r", 1: "/m/04rlf"},
        },
        folder / "BEATs_iter3.pt",
    )
    ref = library.import_folder(folder, convert_pickle=True)
    assert ref.path is not None
    assert ref.format == "beats"
    found = read_folder(ref.path)
    assert found.architectures == ("BEATsModel",)
    config = json.loads((ref.path / "config.json").read_text())
    assert config["encoder_layers"] == 2
    assert config["id2label"] == {"0": "/m/09x0r", "1": "/m/04rlf"}
    assert set(load_file(ref.path / "model.safetensors")) == {"encoder.weight"}


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def table_block(entries: list[tuple[bytes, bytes]]) -> bytes:
    """A block of a string table: keys that share prefixes, one restart."""
    out, before = b"", b""
    for key, value in entries:
        shared = 0
        while shared < min(len(before), len(key)) and before[shared] == key[shared]:
            shared += 1
        out += varint(shared) + varint(len(key) - shared) + varint(len(value))
        out += key[shared:] + value
        before = key
    return out + struct.pack("<II", 0, 1)


def tensorflow_checkpoint(variables: dict[str, np.ndarray]) -> tuple[bytes, bytes]:
    """The index and the data of a checkpoint, as TensorFlow writes them."""
    data, entries = b"", [(b"", b"header")]
    for name in sorted(variables):
        values = variables[name].astype("<f4")
        shape = b"".join(field(2, field(1, size)) for size in values.shape)
        row = field(1, 1) + field(2, shape)
        if data:
            row += field(4, len(data))
        entries.append((name.encode(), row + field(5, values.nbytes)))
        data += values.tobytes()
    trailer = b"\0" + b"\0" * 4  # not compressed, and a checksum that nobody reads
    block = table_block(entries)
    handle = varint(0) + varint(len(block))
    top = table_block([(b"\xff", handle)])
    index = block + trailer + top + trailer
    footer = varint(0) + varint(0) + varint(len(block) + 5) + varint(len(top))
    return index + footer.ljust(40, b"\0") + b"magic..!", data


def music_variables() -> dict[str, np.ndarray]:
    """musiCNN's variables, by TensorFlow's names, all tiny."""
    random = np.random.default_rng(1)

    def some(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype(np.float32)

    def nth(name: str, number: int) -> str:
        return f"{name}_{number}" if number else name

    made = {}
    for number in range(8):
        made[f"{nth('conv2d', number)}/kernel"] = some(3, 2, 1, 4)
        made[f"{nth('conv2d', number)}/bias"] = some(4)
    for number in range(11):
        for part in ("gamma", "beta", "moving_mean", "moving_variance"):
            made[f"{nth('batch_normalization', number)}/{part}"] = some(4)
    for number in range(2):
        made[f"{nth('dense', number)}/kernel"] = some(5, 3)
        made[f"{nth('dense', number)}/bias"] = some(3)
    return made


def music_offer(tmp_path: Path, index: bytes, data: bytes) -> CatalogEntry:
    wheel = make_wheel(
        tmp_path / "index",
        "music",
        {"MTT/.index": index, "MTT/.data": data, "L": b"ISC"},
    )

    def row(name: str, member: str, content: bytes) -> dict[str, Any]:
        return {
            "name": name,
            "members": [f"music/{member}"],
            "size": len(content),
            "sha256": sha256(content),
        }

    return CatalogEntry.model_validate(
        {
            "id": "music",
            "title": "Music tags",
            "tasks": ["audio-events"],
            "format": "musicnn",
            "architecture": "MusiCNN",
            "licence": "ISC",
            "origin": "Made by a test",
            "source": {
                "kind": "wheels",
                "upstream": "https://example.org/music",
                "revision": "1.0",
                "wheels": [wheel_row(wheel, "music")],
                "files": [row("LICENSE", "L", b"ISC")],
                "conversion": {
                    "kind": "musicnn",
                    "files": [
                        row("checkpoint.index", "MTT/.index", index),
                        row("checkpoint.data", "MTT/.data", data),
                    ],
                    "config": {"sampling_rate": 16000, "labels": ["guitar", "piano"]},
                },
            },
        }
    )


def test_a_tensorflow_checkpoint_becomes_a_model_with_its_labels(
    tmp_path: Path,
) -> None:
    variables = music_variables()
    entry = music_offer(tmp_path, *tensorflow_checkpoint(variables))
    library = Library(
        tmp_path / "models", Catalog((entry,)), hub_cache=tmp_path / "hub"
    )
    ref = library.import_folder(tmp_path / "index")
    assert (ref.id, ref.format, ref.path) == (
        "music",
        "musicnn",
        library.folder / "music",
    )
    tensors = load_file(ref.path / "model.safetensors")
    assert len(tensors) == 8 * 2 + 11 * 4 + 2 * 2
    np.testing.assert_array_equal(
        tensors["front.0.conv.weight"],
        variables["conv2d/kernel"].transpose(3, 2, 0, 1),
    )
    np.testing.assert_array_equal(
        tensors["output.weight"], variables["dense_1/kernel"].T
    )
    np.testing.assert_array_equal(
        tensors["pool_norm.running_var"],
        variables["batch_normalization_9/moving_variance"],
    )
    config = json.loads((ref.path / "config.json").read_text())
    assert config["architectures"] == ["MusiCNN"]
    assert config["id2label"] == {"0": "guitar", "1": "piano"}
    assert config["label2id"] == {"guitar": 0, "piano": 1}
    assert library.verify("music") == ()
    assert library.space().incomplete_mb == 0


def test_a_checkpoint_of_something_else_is_said(tmp_path: Path) -> None:
    variables = music_variables()
    del variables["dense/bias"]
    for number, (index, data) in enumerate(
        (
            tensorflow_checkpoint(variables),
            (b"\xff" * 100, b""),
            (b"", b""),
            (tensorflow_checkpoint(music_variables())[0], b"too short"),
        )
    ):
        place = tmp_path / str(number)
        entry = music_offer(place, index, data)
        library = Library(place / "models", Catalog((entry,)), hub_cache=place / "hub")
        with pytest.raises(EarmarkError, match="no checkpoint of musiCNN"):
            library.import_folder(place / "index")
        assert library.installed() == []


def test_a_speaker_encoder_loses_what_only_training_needs(tmp_path: Path) -> None:
    state = {
        "similarity_weight": torch.ones(1),
        "lstm.weight_ih_l0": torch.ones(4, 2),
        "linear.bias": torch.zeros(2),
    }
    torch.save({"step": 5, "model_state": state}, tmp_path / "pretrained.pt")
    content = (tmp_path / "pretrained.pt").read_bytes()
    wheel = make_wheel(tmp_path / "index", "voices", {"p.pt": content, "L": b"Apache"})
    row = music_offer(tmp_path / "other", b"", b"").model_dump()
    row |= {"id": "voices", "format": "ge2e", "architecture": "GE2ESpeakerEncoder"}
    row["source"]["wheels"] = [wheel_row(wheel, "voices")]
    for file, member, held in (
        (row["source"]["files"][0], "L", b"Apache"),
        (row["source"]["conversion"]["files"][0], "p.pt", content),
    ):
        file |= {"members": [f"voices/{member}"], "size": len(held)}
        file["sha256"] = sha256(held)
    row["source"]["conversion"]["files"] = row["source"]["conversion"]["files"][:1]
    row["source"]["conversion"] |= {"kind": "ge2e", "config": {"num_mel_bins": 40}}
    entry = CatalogEntry.model_validate(row)
    library = Library(
        tmp_path / "models", Catalog((entry,)), hub_cache=tmp_path / "hub"
    )
    ref = library.import_folder(tmp_path / "index")
    assert ref.path is not None
    assert {path.name for path in ref.path.iterdir()} == {
        "LICENSE",
        "config.json",
        "earmark-model.json",
        "model.safetensors",
    }
    tensors = load_file(ref.path / "model.safetensors")
    assert set(tensors) == {"lstm.weight_ih_l0", "linear.bias"}
    assert json.loads((ref.path / "config.json").read_text()) == {
        "architectures": ["GE2ESpeakerEncoder"],
        "model_type": "ge2e",
        "num_mel_bins": 40,
    }


def test_the_program_that_converts_does_not_import_torch(
    make_model: MakeModel, tmp_path: Path
) -> None:
    folder = pickled_model(make_model)
    script = f"""
import sys
from pathlib import Path
from earmark.models.catalog import Catalog
from earmark.models.library import Library
library = Library(Path({str(tmp_path / "models")!r}), Catalog(()))
library.import_folder(Path({str(folder)!r}), convert_pickle=True)
print([name for name in ("torch", "transformers") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
