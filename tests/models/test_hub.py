"""Downloads from a hub on this machine, with the hub's real client library."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from models.loopback import COMMIT, Fault, LoopbackHub
from models.samples import RECOGNITION, SPEECH, safetensors

from earmark.core.errors import Cancelled, EarmarkError
from earmark.core.tasks import Progress
from earmark.models.arrivals import Download
from earmark.models.catalog import Catalog, CatalogEntry
from earmark.models.hub import look_up
from earmark.models.library import Library
from earmark.models.offers import entry_of

WEIGHTS = safetensors(300_000)

ENTRY = CatalogEntry.model_validate(
    {
        "id": "org/name",
        "title": "A name",
        "tasks": ["speech-recognition"],
        "format": "transformers",
        "architecture": "Wav2Vec2ForCTC",
        "licence": "MIT",
        "origin": "An organisation",
        "size_mb": 0.3,
        "source": {"kind": "hub", "repo": "org/name"},
    }
)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 50_000)
    server = LoopbackHub(
        {
            "config.json": b'{"architectures": ["Wav2Vec2ForCTC"]}',
            "model.safetensors": WEIGHTS,
            "pytorch_model.bin": b"a pickle",
            "modeling.py": b"raise SystemExit",
        }
    )
    yield server
    server.close()


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "models", Catalog((ENTRY,)), hub_cache=tmp_path / "hub")


def test_only_the_needed_files_are_fetched_and_the_commit_is_noted(
    library: Library, hub: LoopbackHub
) -> None:
    told: list[Progress] = []
    ref = library.fetch(ENTRY, told.append, network=True, endpoint=hub.endpoint)
    assert ref.path is not None
    assert ref.revision == COMMIT
    assert {path.name for path in ref.path.iterdir()} == {
        "config.json",
        "model.safetensors",
        "earmark-model.json",
    }
    (found,) = library.installed(RECOGNITION)
    assert found.where == "hub"
    assert library.verify("org/name") == ()
    fractions = [progress.fraction for progress in told]
    assert fractions == sorted(fractions, key=lambda fraction: fraction or 0.0)
    assert fractions[-1] == 1.0


@pytest.mark.parametrize(
    "name",
    [
        "../up.json",
        "C:/Users/someone/startup.json",
        "\\\\server\\share\\x.json",
        ".ipynb_checkpoints/config-checkpoint.json",
        "earmark-model.json",
    ],
)
def test_files_that_cannot_be_the_models_are_left_out(
    library: Library, hub: LoopbackHub, name: str
) -> None:
    hub.files[name] = b"{}"
    ref = library.fetch(ENTRY, network=True, endpoint=hub.endpoint)
    assert {each for each, _ in hub.asked} == {"config.json", "model.safetensors"}
    assert ref.path is not None
    assert {path.name for path in ref.path.rglob("*")} == {
        "config.json",
        "model.safetensors",
        "earmark-model.json",
    }
    assert library.verify("org/name") == ()


def refused(library: Library, hub: LoopbackHub) -> EarmarkError:
    with pytest.raises(EarmarkError) as caught:
        library.fetch(ENTRY, network=True, endpoint=hub.endpoint)
    assert library.installed() == []
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize(
    ("fault", "said", "remedy"),
    [
        (Fault(401), "no model org/name, or it is private", "hf auth login"),
        (Fault(401, "GatedRepo"), "to those who accept its terms", "Accept them on"),
        (Fault(403, "GatedRepo"), "to those who accept its terms", "Accept them on"),
        (Fault(403), "does not give org/name to this computer (403)", "log in"),
        (Fault(404, "RepoNotFound"), "has no model org/name", "Check the name"),
        (Fault(404, "RevisionNotFound"), "org/name has no revision main", "revisions"),
        (Fault(429), "asks for a pause", "Try again in a few minutes"),
        (
            Fault(429, headers={"Retry-After": "300"}),
            "asks for a pause",
            "Try again in 300 seconds",
        ),
        (Fault(500), "The hub refused org/name: 500", "later"),
    ],
)
@pytest.mark.parametrize("of_a_file", [False, True])
def test_a_refusal_is_said(
    library: Library,
    hub: LoopbackHub,
    fault: Fault,
    said: str,
    remedy: str,
    of_a_file: bool,
) -> None:
    if of_a_file:
        hub.file_fault = fault
    else:
        hub.fault = fault
    error = refused(library, hub)
    assert said in error.message
    assert remedy.lower() in error.remedy.lower()


def test_a_hub_that_cannot_be_reached_is_said(
    library: Library, hub: LoopbackHub
) -> None:
    with pytest.raises(EarmarkError, match="cannot be reached"):
        library.fetch(ENTRY, network=True, endpoint="http://127.0.0.1:1")


def test_a_repository_of_pickles_is_refused(library: Library, hub: LoopbackHub) -> None:
    del hub.files["model.safetensors"]
    error = refused(library, hub)
    assert "The weights of org/name are pickles" in error.message
    assert "--convert-pickle" in error.remedy


def test_a_cancelled_download_goes_on_where_it_ended(
    library: Library, hub: LoopbackHub
) -> None:
    arrived: list[float] = []

    def stop() -> bool:
        return bool(arrived) and arrived[-1] > 0.5

    with pytest.raises(Cancelled):
        library.fetch(
            ENTRY,
            lambda progress: arrived.append(progress.fraction or 0.0),
            stop,
            network=True,
            endpoint=hub.endpoint,
        )
    assert library.installed() == []
    assert library.space().incomplete_mb > 0.1
    library.fetch(ENTRY, network=True, endpoint=hub.endpoint)
    assert library.verify("org/name") == ()
    name, wanted = hub.asked[-1]
    assert name == "model.safetensors"
    assert int(wanted.removeprefix("bytes=").removesuffix("-")) >= 100_000


def test_a_connection_that_breaks_is_taken_up_again(
    library: Library, hub: LoopbackHub
) -> None:
    hub.cut = 120_000
    library.fetch(ENTRY, network=True, endpoint=hub.endpoint)
    assert library.verify("org/name") == ()
    ranges = [wanted for name, wanted in hub.asked if name == "model.safetensors"]
    assert len(ranges) == 3


def test_a_file_that_is_not_what_the_hub_says_is_refused(
    library: Library, hub: LoopbackHub
) -> None:
    hub.served["model.safetensors"] = WEIGHTS[:-1] + b"\1"
    error = refused(library, hub)
    assert error.message.startswith("model.safetensors of org/name is not what the hub")
    assert library.space().incomplete_mb < 0.001  # it is fetched anew next time


def downloads(library: Library) -> Path:
    """Where an interrupted fetch leaves what has arrived."""
    folder = library.folder / f".incoming/org--name/downloads/{COMMIT}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize("left", [b"", bytes(len(WEIGHTS)), WEIGHTS + b"more"])
def test_a_file_that_a_power_cut_has_damaged_is_fetched_again(
    library: Library, hub: LoopbackHub, left: bytes
) -> None:
    (downloads(library) / "model.safetensors").write_bytes(left)
    ref = library.fetch(ENTRY, network=True, endpoint=hub.endpoint)
    assert ref.path is not None
    assert (ref.path / "model.safetensors").read_bytes() == WEIGHTS


def test_a_part_that_is_longer_than_the_file_is_fetched_again(
    library: Library, hub: LoopbackHub
) -> None:
    partial = downloads(library) / "model.safetensors.partial"
    partial.write_bytes(WEIGHTS + b"more")
    library.fetch(ENTRY, network=True, endpoint=hub.endpoint)
    assert library.verify("org/name") == ()


def test_a_full_disk_is_said(
    library: Library, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open

    def full(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if path.name == "model.safetensors.partial" and mode == "ab":
            return opened(Path("/dev/full"), mode, *args, **kwargs)
        return opened(path, mode, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        assert "The disk is full" in refused(library, hub).message


def test_a_connection_that_does_not_come_back_is_said_and_what_came_is_kept(
    library: Library, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import file_download

    monkeypatch.setattr(file_download.time, "sleep", lambda seconds: None)
    hub.cut = 0
    hub.stall = None
    error = refused(library, hub)
    assert error.message.startswith("The connection to the hub broke while model")
    assert "goes on where it broke" in error.remedy


def fetching(
    library: Library, hub: LoopbackHub, first: str = ""
) -> subprocess.Popen[bytes]:
    """Another process that fetches the model, after some lines of Python."""
    script = f"""
from pathlib import Path
from huggingface_hub import constants
from earmark.models.catalog import Catalog, CatalogEntry
from earmark.models.library import Library
constants.DOWNLOAD_CHUNK_SIZE = 50_000
{first}
entry = CatalogEntry.model_validate_json({ENTRY.model_dump_json()!r})
library = Library(Path({str(library.folder)!r}), Catalog((entry,)))
library.fetch(entry, network=True, endpoint={hub.endpoint!r})
"""
    environment = {**os.environ, "HF_HUB_OFFLINE": "0"}
    return subprocess.Popen([sys.executable, "-c", script], env=environment)


def test_a_fetch_that_was_killed_while_it_hashed_fetches_nothing_again(
    library: Library, hub: LoopbackHub
) -> None:
    dies = "import hashlib, os; hashlib.file_digest = lambda *given: os._exit(9)"
    assert fetching(library, hub, dies).wait() == 9
    ((entry, size),) = library.interrupted()
    assert size > len(WEIGHTS)
    asked = list(hub.asked)
    assert [name for name, _ in asked] == ["config.json", "model.safetensors"]
    library.fetch(entry, network=True, endpoint=hub.endpoint)
    assert hub.asked == asked
    assert library.verify("org/name") == ()


def test_a_fetch_goes_on_after_its_process_was_killed(
    library: Library, hub: LoopbackHub
) -> None:
    hub.stall = 200_000
    child = fetching(library, hub)
    assert hub.stalled.wait(60)
    partial = downloads(library) / "model.safetensors.partial"
    while not partial.exists() or partial.stat().st_size < 50_000:
        assert child.poll() is None
    child.kill()
    child.wait()
    assert library.installed() == []
    ((entry, size),) = library.interrupted()
    assert entry == ENTRY
    assert size >= 50_000
    library.fetch(entry, network=True, endpoint=hub.endpoint)
    assert library.verify("org/name") == ()
    assert library.interrupted() == []
    name, wanted = hub.asked[-1]
    assert name == "model.safetensors"
    assert int(wanted.removeprefix("bytes=").removesuffix("-")) >= 50_000
    assert [each for each, _ in hub.asked].count("config.json") == 1


def test_a_repository_that_nobody_knew_is_described_before_it_is_fetched(
    tmp_path: Path, hub: LoopbackHub
) -> None:
    library = Library(tmp_path / "models", Catalog(()), hub_cache=tmp_path / "hub")
    hub.card = {"license": "cc-by-nc-4.0", "language": ["en", "de"]}
    hub.files["model.fp16.safetensors"] = WEIGHTS
    hub.files["tokenizer.json"] = b"{}"
    offer = library.offer("org/name", network=True, endpoint=hub.endpoint)
    assert offer.architecture == "Wav2Vec2ForCTC"
    assert (offer.licence, offer.non_commercial) == ("CC-BY-NC-4.0", True)
    assert offer.languages == ("en", "de")
    assert offer.source.kind == "hub"
    assert offer.source.revision == COMMIT
    assert offer.source.files == ("config.json", "model.safetensors", "tokenizer.json")
    assert offer.size_mb == pytest.approx(len(WEIGHTS) / 1e6, rel=0.01)
    assert [name for name, _ in hub.asked] == ["config.json"]
    ref = library.fetch(offer, network=True, endpoint=hub.endpoint)
    assert ref.path is not None
    assert not (ref.path / "model.fp16.safetensors").exists()
    manifest = json.loads((ref.path / "earmark-model.json").read_text())
    assert manifest["non_commercial"] is True


def test_a_model_of_another_task_is_told_before_its_weights_are_fetched(
    library: Library, hub: LoopbackHub
) -> None:
    hub.files["config.json"] = b'{"architectures": ["WavLMForXVector"]}'
    hub.revisions["v2"] = hub.files
    offer = library.offer("org/name", "v2", network=True, endpoint=hub.endpoint)
    with pytest.raises(EarmarkError) as caught:
        library.check(offer, RECOGNITION)
    assert str(caught.value) == (
        "org/name is a speaker-verification model (WavLMForXVector); Speech "
        "recognition cannot use it. Use it under Speaker identification."
    )
    voices = replace(
        SPEECH,
        id="voices",
        title="Voices",
        formats=("transformers",),
        architectures=("*ForXVector",),
    )
    with pytest.raises(EarmarkError, match="Use it under Voices"):
        library.check(offer, RECOGNITION, (RECOGNITION, voices))
    assert {name for name, _ in hub.asked} == {"config.json"}


def test_pickles_are_refused_with_the_revision_that_has_safetensors(
    library: Library, hub: LoopbackHub
) -> None:
    safe = dict(hub.files)
    del hub.files["model.safetensors"]
    hub.revisions |= dict.fromkeys(("refs/pr/7", "refs/pr/8", "refs/pr/9"), safe)
    hub.requests = [
        (9, "a-stranger", "open"),
        (8, "SFconvertbot", "closed"),
        (7, "SFconvertbot", "open"),
    ]
    error = refused(library, hub)
    assert "earmark models fetch org/name --revision refs/pr/7" in error.remedy
    offer = library.offer("org/name", "refs/pr/7", network=True, endpoint=hub.endpoint)
    ref = library.fetch(offer, network=True, endpoint=hub.endpoint)
    assert ref.revision == hub.commit("refs/pr/7")


def test_the_hubs_library_is_set_up_whatever_it_is_asked_first(
    hub: LoopbackHub,
) -> None:
    script = f"""
from earmark.models.hub import safetensors_revision
print(safetensors_revision("org/name", endpoint={hub.endpoint!r}))
from huggingface_hub import constants
assert constants.HF_HUB_DISABLE_XET and constants.HF_HUB_DISABLE_TELEMETRY
"""
    environment = {**os.environ, "HF_HUB_OFFLINE": "0"}
    for name in ("HF_HUB_DISABLE_XET", "HF_HUB_DISABLE_TELEMETRY"):
        environment.pop(name, None)
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (b"{}", "nothing there says what class"),
        (b"[1]", "cannot be read"),
        (b"{", "cannot be read"),
        (None, "nothing there says what class"),
    ],
)
def test_a_repository_that_holds_no_model_is_said(
    tmp_path: Path, hub: LoopbackHub, config: bytes | None, said: str
) -> None:
    library = Library(tmp_path / "models", Catalog(()), hub_cache=tmp_path / "hub")
    if config is None:
        del hub.files["config.json"]
    else:
        hub.files["config.json"] = config
    with pytest.raises(EarmarkError, match=said):
        library.offer("org/name", network=True, endpoint=hub.endpoint)


def test_a_repository_with_a_name_that_no_folder_can_have_is_refused(
    hub: LoopbackHub,
) -> None:
    found = look_up("org/name", "main", endpoint=hub.endpoint)
    assert entry_of(found).id == "org/name"
    with pytest.raises(EarmarkError, match=r"'nul\.org/name' cannot be a model's name"):
        entry_of(replace(found, repo="nul.org/name"))


def test_the_hub_is_not_looked_up_while_the_network_is_off(library: Library) -> None:
    with pytest.raises(EarmarkError, match="switched off"):
        library.offer("org/other")


def test_a_disk_without_room_is_said_before_the_weights_come(
    library: Library, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(library.folder.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    assert "A name needs 50 MB; 0 MB are free" in refused(library, hub).message
    assert hub.asked == []


def test_a_download_says_how_much_has_come_and_how_fast() -> None:
    told: list[Progress] = []
    now = iter([0.0, 1.0, 2.0, 60.0])
    download = Download(told.append, "Tiny", 0.5, lambda: next(now))
    for arrived in (0, 4_000_000, 8_000_000, 8_000_000):
        download(arrived, 16_000_000)
    assert [progress.message for progress in told] == [
        "Downloading Tiny: 0.0 of 16.0 MB",
        "Downloading Tiny: 4.0 of 16.0 MB, 4.0 MB/s",
        "Downloading Tiny: 8.0 of 16.0 MB, 4.0 MB/s",
        "Downloading Tiny: 8.0 of 16.0 MB",
    ]
    assert [progress.fraction for progress in told] == [0.0, 0.125, 0.25, 0.25]


def test_a_pickle_of_the_catalogue_is_converted_if_that_was_allowed(
    tmp_path: Path, hub: LoopbackHub
) -> None:
    import torch

    checkpoint = {"cfg": {"encoder_layers": 1}, "model": {"w": torch.ones(2)}}
    torch.save(checkpoint, tmp_path / "beats.pt")
    hub.files = {"beats/b.pt": (tmp_path / "beats.pt").read_bytes(), "README.md": b""}
    row = ENTRY.model_dump() | {"id": "beats", "format": "beats"}
    row["source"] |= {"files": ["beats/*.pt"], "pickled": True}
    entry = CatalogEntry.model_validate(row)
    library = Library(
        tmp_path / "models", Catalog((entry,)), hub_cache=tmp_path / "hub"
    )
    with pytest.raises(EarmarkError, match="are pickles"):
        library.fetch(entry, network=True, endpoint=hub.endpoint)
    assert hub.asked == []
    ref = library.fetch(entry, network=True, convert_pickle=True, endpoint=hub.endpoint)
    assert (ref.format, ref.revision) == ("beats", COMMIT)
    assert ref.path is not None
    assert {path.name for path in ref.path.iterdir()} == {
        "config.json",
        "model.safetensors",
        "earmark-model.json",
    }
    assert library.verify("beats") == ()
    assert library.space().incomplete_mb == 0
