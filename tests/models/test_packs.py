"""Model packs: a model in one file, unpacked whole or not at all."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from models.samples import MakeModel, Offer, safetensors, sha256

from earmark.core.errors import Cancelled, EarmarkError
from earmark.core.tasks import Progress
from earmark.models.catalog import Catalog
from earmark.models.library import Library

MANIFEST = "earmark-model.json"


@pytest.fixture
def other(tmp_path: Path) -> Library:
    """The library of another computer, which knows no model."""
    return Library(tmp_path / "other", Catalog(()), hub_cache=tmp_path / "no-hub")


def test_a_packed_model_is_the_same_elsewhere(
    library: Library, offer: Offer, other: Library, tmp_path: Path
) -> None:
    library.import_folder(offer.index)
    told: list[Progress] = []
    file = library.pack("tiny", tmp_path / "tiny", told.append)
    assert file == tmp_path / "tiny.modelpack"
    assert told[-1].fraction == 1.0
    with zipfile.ZipFile(file) as pack:
        assert pack.namelist()[0] == MANIFEST
        assert {info.compress_type for info in pack.infolist()} == {zipfile.ZIP_STORED}
        manifest = json.loads(pack.read(MANIFEST))
    assert (manifest["licence"], manifest["origin"]) == ("MIT", "Made by a test")

    ref = other.unpack(file)
    assert (ref.id, ref.format, ref.revision) == ("tiny", "ctranslate2", "f" * 40)
    assert ref.path is not None
    for name, content in offer.files.items():
        assert (ref.path / name).read_bytes() == content
    assert other.verify("tiny") == ()
    (found,) = other.installed()
    assert found.licence == "MIT"


def test_the_same_model_makes_the_same_pack(
    library: Library, offer: Offer, tmp_path: Path
) -> None:
    library.import_folder(offer.index)
    first, second = (library.pack("tiny", tmp_path / name) for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


def test_an_import_takes_a_pack(
    library: Library, offer: Offer, other: Library, tmp_path: Path
) -> None:
    library.import_folder(offer.index)
    file = library.pack("tiny", tmp_path / "tiny.modelpack")
    assert other.import_folder(file, "renamed").id == "renamed"
    with pytest.raises(EarmarkError, match="has a model 'renamed' already"):
        other.unpack(file, "renamed")


def test_a_folder_without_a_manifest_can_be_packed(
    library: Library, make_model: MakeModel, other: Library, tmp_path: Path
) -> None:
    made = make_model("mine")
    library.folder.mkdir()
    made.rename(library.folder / "mine")
    other.unpack(library.pack("mine", tmp_path / "mine"))
    assert other.verify("mine") == ()


def test_a_damaged_model_is_not_packed(
    library: Library, offer: Offer, tmp_path: Path
) -> None:
    library.import_folder(offer.index)
    weights = library.folder / "tiny" / "model.bin"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    with pytest.raises(EarmarkError, match=r"model\.bin of tiny is not what it was"):
        library.pack("tiny", tmp_path / "tiny")
    assert not list(tmp_path.glob("*tiny*modelpack*"))


def test_a_pack_that_cannot_be_written_leaves_the_older_one(
    library: Library, offer: Offer, tmp_path: Path
) -> None:
    library.import_folder(offer.index)
    file = library.pack("tiny", tmp_path / "tiny")
    before = file.read_bytes()
    with pytest.raises(Cancelled):
        library.pack("tiny", file, cancelled=lambda: True)
    assert file.read_bytes() == before
    with pytest.raises(EarmarkError, match="cannot be written"):
        library.pack("tiny", tmp_path / "nowhere" / "tiny")
    assert [path.name for path in tmp_path.glob("*modelpack*")] == [file.name]


def refused(other: Library, file: Path) -> EarmarkError:
    """The error of unpacking, after which the library must be empty."""
    with pytest.raises(EarmarkError) as caught:
        other.unpack(file)
    assert other.installed() == []
    assert not list(other.folder.glob("[!.]*"))
    return caught.value


def make_pack(
    file: Path,
    members: dict[str, bytes],
    change: Callable[[dict[str, object]], None] = lambda manifest: None,
) -> Path:
    files = [
        {"name": name, "size": len(content), "sha256": sha256(content)}
        for name, content in members.items()
    ]
    manifest: dict[str, object] = {
        "id": "packed",
        "format": "transformers",
        "source": "import",
        "files": files,
    }
    change(manifest)
    with zipfile.ZipFile(file, "w") as pack:
        pack.writestr(MANIFEST, json.dumps(manifest))
        for name, content in members.items():
            pack.writestr(name, content)
    return file


GOOD = {
    "config.json": b'{"architectures": ["Wav2Vec2ForCTC"]}',
    "model.safetensors": safetensors(),
}


@pytest.mark.parametrize(
    "name",
    [
        "../evil.json",
        "/tmp/evil.json",
        "a/../../evil.json",
        "..\\evil.json",
        "C:evil.json",
        "a//b.json",
        ".hidden",
        "a/.hidden/b.json",
        "./config2.json",
        "config.json:stream",
        "a/con.json",
        "end.",
        "two\nlines.json",
    ],
)
def test_a_name_that_leaves_the_folder_is_refused(
    other: Library, tmp_path: Path, name: str
) -> None:
    file = make_pack(tmp_path / "p.modelpack", GOOD | {name: b"evil"})
    assert "damaged" in refused(other, file).message
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize(
    "id",
    ["..\\..\\evil", "C:evil", ".hidden", ".incoming", "two\nlines", "CON", "x" * 300],
)
def test_a_pack_may_not_call_its_model_anything(
    other: Library, tmp_path: Path, id: str
) -> None:
    file = make_pack(tmp_path / "p.modelpack", GOOD, lambda made: made.update(id=id))
    assert "damaged" in refused(other, file).message
    file = make_pack(tmp_path / "p.modelpack", GOOD)
    with pytest.raises(EarmarkError, match="cannot be a model's name"):
        other.unpack(file, id)
    assert not other.folder.exists()


def test_a_pack_may_not_take_the_name_of_another_model(
    library: Library, tmp_path: Path
) -> None:
    file = make_pack(
        tmp_path / "p.modelpack", GOOD, lambda made: made.update(id="tiny")
    )
    error = refused(library, file)
    assert error.message == "'tiny' is the name of another model."
    assert library.unpack(file, "mine").id == "mine"


def test_a_folder_that_was_put_there_under_an_odd_name_is_renamed_first(
    library: Library, make_model: MakeModel, tmp_path: Path
) -> None:
    library.folder.mkdir()
    make_model("mine").rename(library.folder / "mine (2)")
    with pytest.raises(EarmarkError, match="'mine \\(2\\)' cannot be a model's name"):
        library.pack("mine (2)", tmp_path / "mine")


def test_a_file_that_is_not_what_was_packed_is_refused(
    other: Library, tmp_path: Path
) -> None:
    file = make_pack(tmp_path / "p.modelpack", GOOD)
    whole = file.read_bytes()
    assert whole.count(b"Wav2Vec2ForCTC") == 1
    other_class = whole.replace(b"Wav2Vec2ForCTC", b"Wav2Vec2ForXYZ")
    file.write_bytes(other_class)
    assert "damaged" in refused(other, file).message
    file.write_bytes(whole[: len(whole) // 2])
    assert "damaged" in refused(other, file).message


def test_a_hash_is_checked_where_the_archive_has_none(
    other: Library, tmp_path: Path
) -> None:
    def lie(manifest: dict[str, object]) -> None:
        manifest["files"][1]["sha256"] = "0" * 64  # type: ignore[index]

    file = make_pack(tmp_path / "p.modelpack", GOOD, lie)
    error = refused(other, file)
    assert "model.safetensors is not what was packed" in error.message


@pytest.mark.parametrize("change", ["more", "fewer", "size", "twice", "nothing"])
def test_a_pack_holds_just_what_its_manifest_says(
    other: Library, tmp_path: Path, change: str
) -> None:
    def lie(manifest: dict[str, object]) -> None:
        files = manifest["files"]
        assert isinstance(files, list)
        if change == "more":
            files.pop()
        elif change == "fewer":
            files.append({"name": "x.json", "size": 1, "sha256": "0" * 64})
        elif change == "size":
            files[0]["size"] += 1
        elif change == "twice":
            files.append(files[0])
        else:
            del manifest["files"]

    file = make_pack(tmp_path / "p.modelpack", GOOD, lie)
    assert "damaged" in refused(other, file).message


def test_a_pack_of_pickles_is_refused(other: Library, tmp_path: Path) -> None:
    members = {"config.json": GOOD["config.json"], "pytorch_model.bin": b"a pickle"}
    file = make_pack(tmp_path / "p.modelpack", members)
    assert "pickles" in refused(other, file).message


def test_a_file_that_is_no_pack_is_said(other: Library, tmp_path: Path) -> None:
    file = tmp_path / "p.modelpack"
    file.write_bytes(b"no zip")
    assert "damaged" in refused(other, file).message
    with zipfile.ZipFile(file, "w") as pack:
        pack.writestr("readme.txt", "hello")
    assert "no model pack" in refused(other, file).message
    assert "no file" in refused(other, tmp_path / "missing.modelpack").message


def test_a_cancelled_unpacking_leaves_nothing(other: Library, tmp_path: Path) -> None:
    file = make_pack(tmp_path / "p.modelpack", GOOD)
    with pytest.raises(Cancelled):
        other.unpack(file, cancelled=lambda: True)
    assert other.installed() == []


def test_what_is_part_of_a_package_or_not_here_is_not_packed(
    library: Library, tmp_path: Path
) -> None:
    with pytest.raises(EarmarkError, match="no model 'nothing'"):
        library.pack("nothing", tmp_path / "p")
