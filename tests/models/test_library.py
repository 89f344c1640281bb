"""What the library lists, takes in, gives away and checks."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from models.samples import RECOGNITION, SPEECH, MakeModel, Offer, safetensors

from earmark.core.errors import Cancelled, EarmarkError
from earmark.models import install
from earmark.models.catalog import Catalog, CatalogEntry, load_catalog
from earmark.models.library import Library, open_library
from earmark.settings import Settings

MakeSnapshot = Callable[..., Path]


@pytest.fixture
def cache_model(tmp_path: Path) -> MakeSnapshot:
    """Puts a model into the hub cache of `library`, as the hub's own library does."""

    def make(
        repo: str,
        revision: str = "a" * 40,
        *,
        ref: str = "main",
        architecture: str = "Wav2Vec2ForCTC",
        weights: str = "model.safetensors",
    ) -> Path:
        folder = tmp_path / "hub" / f"models--{repo.replace('/', '--')}"
        snapshot = folder / "snapshots" / revision
        snapshot.mkdir(parents=True)
        (folder / "blobs").mkdir(exist_ok=True)
        reference = folder / "refs" / ref
        reference.parent.mkdir(parents=True, exist_ok=True)
        reference.write_text(revision)
        config = json.dumps({"architectures": [architecture]}).encode()
        git = hashlib.sha1(f"blob {len(config)}\0".encode() + config).hexdigest()
        content = safetensors()
        for name, blob, data in (
            ("config.json", git, config),
            (weights, hashlib.sha256(content).hexdigest(), content),
        ):
            (folder / "blobs" / blob).write_bytes(data)
            (snapshot / name).symlink_to(Path("../../blobs") / blob)
        return snapshot

    return make


def ids(library: Library) -> list[str]:
    return [model.ref.id for model in library.installed(RECOGNITION)]


def test_an_empty_library_has_nothing_and_says_what_can_be_had(
    library: Library, offer: Offer
) -> None:
    assert library.installed() == []
    assert library.default(RECOGNITION) is None
    assert library.available(RECOGNITION) == [offer.entry]
    assert library.available(SPEECH) == []
    assert library.space().models_mb == 0


def test_an_imported_folder_is_listed_and_resolved(
    library: Library, make_model: MakeModel
) -> None:
    ref = library.import_folder(make_model("mine"))
    assert ids(library) == ["mine"]
    assert library.resolve("mine", RECOGNITION) == ref
    assert library.default(RECOGNITION) == ref
    assert ref.format == "transformers"
    assert ref.revision.startswith("sha256:")
    assert library.verify("mine") == ()


def test_an_import_leaves_code_pickles_and_twins_behind(
    library: Library, make_model: MakeModel
) -> None:
    folder = make_model("mine")
    for name in ("modeling.py", "pytorch_model.bin", "flax_model.msgpack", ".secret"):
        (folder / name).write_bytes(b"x")
    (folder / "speaker").mkdir()
    (folder / "speaker" / "one.npy").write_bytes(b"x")
    ref = library.import_folder(folder)
    assert ref.path is not None
    names = {p.relative_to(ref.path).as_posix() for p in ref.path.rglob("*.*")}
    assert names == {
        "config.json",
        "model.safetensors",
        "speaker/one.npy",
        "earmark-model.json",
    }


def test_an_import_may_have_a_name_of_the_hub(
    library: Library, make_model: MakeModel
) -> None:
    ref = library.import_folder(make_model("snapshot"), "facebook/wav2vec2")
    assert ref.id == "facebook/wav2vec2"
    assert ref.path == library.folder / "facebook--wav2vec2"


@pytest.mark.parametrize(
    "name", ["../up", "", " ", "a/b/c", "-x", "end.", "/tmp/x", "con", "a\n"]
)
def test_names_that_are_no_names_are_refused(
    library: Library, make_model: MakeModel, name: str
) -> None:
    folder = make_model("not a name")
    with pytest.raises(EarmarkError, match="cannot be a model's name"):
        library.import_folder(folder, name)
    assert library.installed() == []


def test_a_name_that_is_taken_is_refused(
    library: Library, make_model: MakeModel
) -> None:
    library.import_folder(make_model("mine"))
    with pytest.raises(EarmarkError, match="has a model 'mine' already"):
        library.import_folder(make_model("other"), "mine")


def test_a_name_of_the_catalogue_is_kept_for_its_model(
    library: Library, make_model: MakeModel
) -> None:
    with pytest.raises(EarmarkError, match="'tiny' is the name of another model"):
        library.import_folder(make_model("tiny"))


def test_starter_weights_are_recognised_in_a_folder(
    library: Library, offer: Offer, tmp_path: Path
) -> None:
    folder = tmp_path / "downloads"
    folder.mkdir()
    for name, content in offer.files.items():
        (folder / name).write_bytes(content)
    ref = library.import_folder(folder)
    assert (ref.id, ref.revision) == ("tiny", "f" * 40)
    assert library.missing_starter() == []


def test_a_folder_of_the_persons_own_is_not_replaced_by_a_model(
    library: Library, offer: Offer
) -> None:
    own = library.folder / "tiny"
    own.mkdir(parents=True)
    (own / "thesis.txt").write_text("ten years of work")
    with pytest.raises(EarmarkError, match="Earmark did not put it there"):
        library.import_folder(offer.index)
    assert [path.name for path in own.iterdir()] == ["thesis.txt"]


def test_a_folder_that_was_copied_by_hand_counts(
    library: Library, offer: Offer
) -> None:
    folder = library.folder / "tiny"
    folder.mkdir(parents=True)
    for name, content in offer.files.items():
        (folder / name).write_bytes(content)
    (found,) = library.installed(RECOGNITION)
    assert (found.ref.id, found.entry, found.where) == ("tiny", offer.entry, "folder")
    with pytest.raises(EarmarkError, match="no record of its files"):
        library.verify("tiny")


def test_an_import_of_pickles_is_refused(
    library: Library, make_model: MakeModel
) -> None:
    folder = make_model("mine")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(EarmarkError, match="pickles"):
        library.import_folder(folder)
    assert library.installed() == []


def test_a_file_or_a_folder_of_the_library_is_not_imported(
    library: Library, make_model: MakeModel
) -> None:
    folder = make_model("mine")
    with pytest.raises(EarmarkError, match="is not a folder"):
        library.import_folder(folder / "config.json")
    path = library.import_folder(folder).path
    assert path is not None
    with pytest.raises(EarmarkError, match="in the model library already"):
        library.import_folder(path, "twice")


def test_a_cancelled_import_leaves_nothing(
    library: Library, make_model: MakeModel
) -> None:
    with pytest.raises(Cancelled):
        library.import_folder(make_model("mine"), cancelled=lambda: True)
    assert library.installed() == []
    assert not list((library.folder / ".incoming").glob("*/model"))


def test_a_folder_anywhere_can_be_used_by_its_path(
    library: Library, make_model: MakeModel
) -> None:
    folder = make_model("elsewhere")
    ref = library.resolve(str(folder), RECOGNITION)
    assert (ref.id, ref.path, ref.format) == (str(folder), folder, "transformers")


def test_a_folder_of_a_plugins_format_can_be_used_by_its_path(
    library: Library, tmp_path: Path
) -> None:
    (tmp_path / "own").mkdir()
    task = replace(RECOGNITION, formats=("own-format",))
    assert library.resolve(str(tmp_path / "own"), task).format == "own-format"


def test_a_model_that_is_not_here_says_how_to_get_it(tmp_path: Path) -> None:
    library = Library(tmp_path / "models", load_catalog(), hub_cache=tmp_path / "hub")
    for model, said in (
        ("whisper-base", "Run `earmark models starter` (133 MB, licence MIT)."),
        ("openai/whisper-tiny", "https://huggingface.co/openai/whisper-tiny/tree/"),
    ):
        with pytest.raises(EarmarkError, match="is not on this machine") as caught:
            library.resolve(model, RECOGNITION)
        assert said in caught.value.remedy


def test_an_unknown_model_lists_what_there_is(
    library: Library, make_model: MakeModel
) -> None:
    library.import_folder(make_model("mine"))
    with pytest.raises(EarmarkError) as caught:
        library.resolve("mien", RECOGNITION)
    assert caught.value.message == "There is no model 'mien'."
    assert "can use: mine." in caught.value.remedy


def test_a_model_of_the_hub_cache_is_used_in_place(
    library: Library, cache_model: MakeSnapshot
) -> None:
    snapshot = cache_model("facebook/wav2vec2-base-960h")
    (found,) = library.installed(RECOGNITION)
    assert found.where == "hub cache"
    assert found.ref.id == "facebook/wav2vec2-base-960h"
    assert (found.ref.path, found.ref.revision) == (snapshot, "a" * 40)
    assert library.resolve(found.ref.id, RECOGNITION) == found.ref


def test_main_is_preferred_over_other_revisions(
    library: Library, cache_model: MakeSnapshot
) -> None:
    cache_model("org/name", "b" * 40)
    cache_model("org/name", "c" * 40, ref="refs/pr/1")
    assert [m.ref.revision for m in library.installed(RECOGNITION)] == ["b" * 40]


def test_a_revision_with_safetensors_is_preferred_over_pickles(
    library: Library, cache_model: MakeSnapshot
) -> None:
    cache_model("org/name", "b" * 40, weights="pytorch_model.bin")
    (found,) = library.installed()
    assert "pickles" in found.problem
    assert library.installed(RECOGNITION) == []
    with pytest.raises(EarmarkError, match="org/name: its weights are pickles"):
        library.resolve("org/name", RECOGNITION)
    cache_model("org/name", "c" * 40, ref="refs/pr/1")
    assert [m.ref.revision for m in library.installed(RECOGNITION)] == ["c" * 40]


def test_a_model_of_another_task_in_the_hub_cache_is_named_by_its_id(
    library: Library, cache_model: MakeSnapshot
) -> None:
    cache_model("org/speaker", architecture="WavLMForXVector")
    with pytest.raises(EarmarkError, match="org/speaker is a speaker-verification"):
        library.resolve("org/speaker", RECOGNITION)


def test_leftovers_in_the_hub_cache_are_passed_over(
    library: Library, cache_model: MakeSnapshot, tmp_path: Path
) -> None:
    (tmp_path / "hub" / "models--empty--one").mkdir(parents=True)
    (tmp_path / "hub" / "models--org--half" / "snapshots" / "x").mkdir(parents=True)
    (cache_model("org/config-only") / "model.safetensors").unlink()
    (tmp_path / "hub" / "datasets--org--data" / "snapshots").mkdir(parents=True)
    cache_model("org/name")
    assert [model.ref.id for model in library.installed()] == ["org/name"]


def test_a_damaged_blob_of_the_hub_cache_is_found(
    library: Library, cache_model: MakeSnapshot
) -> None:
    snapshot = cache_model("org/name")
    assert library.verify("org/name") == ()
    blob = (snapshot / "model.safetensors").resolve()
    blob.write_bytes(blob.read_bytes()[:-1] + b"\1")
    assert library.verify("org/name") == (
        "model.safetensors is missing or not what it was.",
    )


def test_the_hub_cache_is_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    catalog = Catalog(())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert Library(tmp_path, catalog).hub_cache == tmp_path / "xdg/huggingface/hub"
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    assert Library(tmp_path, catalog).hub_cache == tmp_path / "hf/hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    assert Library(tmp_path, catalog).hub_cache == tmp_path / "cache"


def embedded(distribution: str) -> CatalogEntry:
    return CatalogEntry.model_validate(
        {
            "id": "inside",
            "title": "Inside",
            "tasks": ["text-to-speech"],
            "format": "hibari",
            "licence": "MIT",
            "origin": "Someone",
            "source": {"kind": "embedded", "distribution": distribution},
        }
    )


def test_weights_inside_a_package_are_listed_with_its_version(tmp_path: Path) -> None:
    library = Library(
        tmp_path / "models", Catalog((embedded("pluggy"),)), hub_cache=tmp_path
    )
    (found,) = library.installed(SPEECH)
    assert (found.ref.path, found.where) == (None, "library")
    assert found.ref.revision
    assert library.resolve("inside", SPEECH) == found.ref
    assert library.verify("inside") == ()
    with pytest.raises(EarmarkError, match="Inside is not for Speech recognition"):
        library.resolve("inside", RECOGNITION)
    with pytest.raises(EarmarkError, match="part of a Python package"):
        library.remove("inside")


def test_weights_inside_a_package_that_is_missing_can_be_had(tmp_path: Path) -> None:
    entry = embedded("a-package-that-is-not-installed")
    library = Library(tmp_path / "models", Catalog((entry,)), hub_cache=tmp_path)
    assert library.installed(SPEECH) == []
    assert library.available(SPEECH) == [entry]
    with pytest.raises(EarmarkError, match="comes with a Python package") as caught:
        library.fetch(entry)
    assert "Install the package a-package-that" in caught.value.remedy


def test_a_changed_package_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "site" / "weights-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: weights\nVersion: 1\n")
    (info / "RECORD").write_text("w.bin,sha256=AAAA,1\n")
    (tmp_path / "site" / "w.bin").write_bytes(b"x")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    library = Library(
        tmp_path / "models", Catalog((embedded("weights"),)), hub_cache=tmp_path
    )
    assert library.verify("inside") == ("w.bin is missing or not what it was.",)


def test_the_default_has_the_lowest_rank(
    library: Library, offer: Offer, make_model: MakeModel
) -> None:
    library.import_folder(make_model("a-model-of-mine"))
    library.import_folder(offer.index)
    assert ids(library) == ["tiny", "a-model-of-mine"]
    default = library.default(RECOGNITION)
    assert default is not None
    assert default.id == "tiny"


def test_a_damaged_model_is_shown_but_not_used(
    library: Library, make_model: MakeModel
) -> None:
    path = library.import_folder(make_model("mine")).path
    assert path is not None
    (path / "model.safetensors").write_bytes(b"cut")
    (found,) = library.installed()
    assert found.problem == "its file model.safetensors is not whole"
    assert library.installed(RECOGNITION) == []
    with pytest.raises(EarmarkError, match="not whole") as caught:
        library.resolve("mine", RECOGNITION)
    assert caught.value.remedy == "Remove mine; get it again."


def test_a_changed_file_is_found_by_its_hash(
    library: Library, make_model: MakeModel
) -> None:
    path = library.import_folder(make_model("mine")).path
    assert path is not None
    weights = (path / "model.safetensors").read_bytes()
    (path / "model.safetensors").write_bytes(weights[:-1] + b"\1")
    assert library.verify("mine") == (
        "model.safetensors is missing or not what it was.",
    )


def test_a_removed_model_is_gone_with_its_files(
    library: Library, make_model: MakeModel
) -> None:
    library.import_folder(make_model("mine"))
    library.remove("mine")
    assert library.installed() == []
    assert not list(library.folder.rglob("*.safetensors"))
    with pytest.raises(EarmarkError, match="no model 'mine'"):
        library.remove("mine")


def test_a_model_in_use_is_not_removed(
    library: Library, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.import_folder(make_model("mine"))

    def in_use(self: Path, target: Path) -> Path:
        raise PermissionError(13, "The process cannot access the file", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", in_use)
        with pytest.raises(EarmarkError, match="cannot be removed") as caught:
            library.remove("mine")
    assert "a job is using it" in caught.value.remedy
    assert ids(library) == ["mine"]
    assert library.verify("mine") == ()


def test_a_model_that_another_process_is_changing_is_left_alone(
    library: Library, make_model: MakeModel
) -> None:
    library.import_folder(make_model("mine"))
    with (
        install._lock(library.folder, "mine"),
        pytest.raises(EarmarkError, match="by another Earmark"),
    ):
        library.remove("mine")
    assert ids(library) == ["mine"]


def test_a_link_in_the_library_is_removed_without_its_target(
    library: Library, make_model: MakeModel
) -> None:
    folder = make_model("mine")
    library.folder.mkdir()
    (library.folder / "linked").symlink_to(folder)
    assert ids(library) == ["linked"]
    library.remove("linked")
    assert ids(library) == []
    assert (folder / "model.safetensors").exists()


def test_a_model_of_the_hub_cache_is_not_removed(
    library: Library, cache_model: MakeSnapshot
) -> None:
    cache_model("org/name")
    with pytest.raises(EarmarkError, match="other programs share"):
        library.remove("org/name")


def test_the_hub_is_not_asked_while_the_network_is_off(tmp_path: Path) -> None:
    catalog = load_catalog()
    library = Library(tmp_path / "models", catalog, hub_cache=tmp_path / "hub")
    entry = catalog.get("openai/whisper-tiny")
    assert entry is not None
    with pytest.raises(EarmarkError, match="switched off"):
        library.fetch(entry)


def test_a_models_folder_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    library = Library(tmp_path / "models", Catalog(()), hub_cache=tmp_path / "hub")
    with pytest.raises(EarmarkError, match="cannot be read"):
        library.installed()


def test_the_library_is_where_settings_and_environment_say(
    earmark_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EARMARK_MODELS", raising=False)
    assert open_library(Settings()).folder == earmark_home / "models"
    chosen = Settings(models_folder=tmp_path / "chosen")
    assert open_library(chosen).folder == tmp_path / "chosen"
    monkeypatch.setenv("EARMARK_MODELS", str(tmp_path / "environment"))
    assert open_library(chosen).folder == tmp_path / "environment"


def test_listing_models_imports_nothing_heavy_and_reads_no_weights(
    library: Library, make_model: MakeModel
) -> None:
    library.import_folder(make_model("mine"))
    script = f"""
import builtins, io, json, sys
opened = []
def watch(event, args):
    if event == "open":
        opened.append(str(args[0]))
sys.addaudithook(watch)
from pathlib import Path
from earmark.models.catalog import load_catalog
from earmark.models.library import Library
library = Library(Path({str(library.folder)!r}), load_catalog())
print(json.dumps({{
    "ids": [m.ref.id for m in library.installed() if m.where == "folder"],
    "weights": [name for name in opened if name.endswith((".safetensors", ".bin"))],
    "modules": sorted(set(sys.modules) & {{
        "torch", "transformers", "huggingface_hub", "ctranslate2", "numpy.testing",
        "scipy", "PySide6", "httpx2", "requests",
    }}),
}}))
"""
    told: dict[str, Any] = json.loads(
        subprocess.run(
            [sys.executable, "-c", script], check=True, capture_output=True, text=True
        ).stdout
    )
    assert told == {"ids": ["mine"], "weights": [], "modules": []}
