"""Downloads from a hub on this machine, with the hub's real client library."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from models.samples import RECOGNITION, safetensors

from earmark.core.errors import Cancelled, EarmarkError
from earmark.core.tasks import Progress
from earmark.models.catalog import Catalog, CatalogEntry
from earmark.models.library import Library

COMMIT = "c" * 40
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


class LoopbackHub:
    """As much of the hub's API as a download asks for.

    Attributes
    ----------
    files, served : dict of str to bytes
        What it describes, and what it sends where that is something else.
    status : int
        Given instead of the repository's description.
    cut : int or None
        The weights' connection breaks after this many bytes.
    asked : list of (str, str)
        File name and `Range` header of each download.
    """

    def __init__(self) -> None:
        self.files = {
            "config.json": b'{"architectures": ["Wav2Vec2ForCTC"]}',
            "model.safetensors": WEIGHTS,
            "pytorch_model.bin": b"a pickle",
            "modeling.py": b"raise SystemExit",
        }
        self.served: dict[str, bytes] = {}
        self.status = 200
        self.cut: int | None = None
        self.asked: list[tuple[str, str]] = []
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                hub.answer(self)

            def do_HEAD(self) -> None:
                hub.answer(self)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        if path.startswith("/api/models/org/name"):
            self.describe(request)
        else:
            self.send_file(request, path.rpartition("/")[2])

    def describe(self, request: http.server.BaseHTTPRequestHandler) -> None:
        siblings = []
        for name, content in self.files.items():
            sibling: dict[str, Any] = {"rfilename": name, "size": len(content)}
            if name.endswith((".safetensors", ".bin")):
                digest = hashlib.sha256(content).hexdigest()
                sibling["lfs"] = {
                    "sha256": digest,
                    "size": len(content),
                    "pointerSize": 130,
                }
            else:
                git = f"blob {len(content)}\0".encode() + content
                sibling["blobId"] = hashlib.sha1(git).hexdigest()
            siblings.append(sibling)
        body = json.dumps(
            {"id": "org/name", "sha": COMMIT, "siblings": siblings}
        ).encode()
        request.send_response(self.status)
        if self.status == 404:
            request.send_header("X-Error-Code", "RepoNotFound")
        if self.status == 403:
            request.send_header("X-Error-Code", "GatedRepo")
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def send_file(self, request: http.server.BaseHTTPRequestHandler, name: str) -> None:
        content = self.served.get(name, self.files[name])
        wanted = request.headers.get("Range", "")
        start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
        request.send_response(206 if wanted else 200)
        request.send_header("X-Repo-Commit", COMMIT)
        request.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        request.send_header("Content-Length", str(len(content) - start))
        if wanted:
            last = len(content) - 1
            request.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
        request.end_headers()
        if request.command == "HEAD":
            return
        self.asked.append((name, wanted))
        if self.cut is not None and name.endswith(".safetensors"):
            request.wfile.write(content[start : start + self.cut])
            request.wfile.flush()
            request.close_connection = True
            return
        request.wfile.write(content[start:])


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 50_000)
    server = LoopbackHub()
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


def refused(library: Library, hub: LoopbackHub) -> EarmarkError:
    with pytest.raises(EarmarkError) as caught:
        library.fetch(ENTRY, network=True, endpoint=hub.endpoint)
    assert library.installed() == []
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (403, "only to those who accept its terms"),
        (404, "The hub has no org/name"),
        (500, "The hub refused org/name: 500"),
    ],
)
def test_a_refusal_is_said(
    library: Library, hub: LoopbackHub, status: int, said: str
) -> None:
    hub.status = status
    assert said in refused(library, hub).message


def test_a_hub_that_cannot_be_reached_is_said(
    library: Library, hub: LoopbackHub
) -> None:
    with pytest.raises(EarmarkError, match="cannot be reached"):
        library.fetch(ENTRY, network=True, endpoint="http://127.0.0.1:1")


def test_a_repository_of_pickles_is_refused(library: Library, hub: LoopbackHub) -> None:
    del hub.files["model.safetensors"]
    assert "no weights in .safetensors" in refused(library, hub).message


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
    assert error.message == "model.safetensors of org/name did not arrive whole."


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
