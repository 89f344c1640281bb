"""A model hub on this machine, for its real client library."""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import select
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

COMMIT = "c" * 40


@dataclass
class Fault:
    """An answer that is none.

    Attributes
    ----------
    status : int
    code : str
        The hub's word for it, in a header.
    headers : dict of str to str
    """

    status: int
    code: str = ""
    headers: dict[str, str] = field(default_factory=dict)


class LoopbackHub:
    """As much of the hub's API as look-ups and downloads ask for.

    Attributes
    ----------
    files : dict of str to bytes
        What the repository org/name has on its main revision.
    revisions : dict of str to dict
        The files of other revisions.
    card : dict
        The front matter of its model card.
    requests : list of (int, str, str)
        Number, author and status of its pull requests, which all add safetensors.
    served : dict of str to bytes
        What is sent of a file where that is something else than it has.
    fault, file_fault : Fault or None
        Given instead of the repository's description, and instead of a file.
    cut : int or None
        The weights' connection breaks after this many bytes.
    stall : int or None
        After this many bytes of the weights nothing more comes, once.
    stalled : Event
        Set when that has happened.
    released : Event
        Ends the stall, by hanging up.
    asked : list of (str, str)
        File name and `Range` header of each download.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.revisions: dict[str, dict[str, bytes]] = {}
        self.card: dict[str, Any] = {}
        self.requests: list[tuple[int, str, str]] = []
        self.served: dict[str, bytes] = {}
        self.fault: Fault | None = None
        self.file_fault: Fault | None = None
        self.cut: int | None = None
        self.stall: int | None = None
        self.stalled = threading.Event()
        self.released = threading.Event()
        self.asked: list[tuple[str, str]] = []
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                # Who was killed or had enough hangs up.
                with suppress(BrokenPipeError, ConnectionResetError):
                    hub.answer(self)

            def do_HEAD(self) -> None:
                self.do_GET()

            def end_headers(self) -> None:
                # A thread that waits for the next request would outlive the test.
                self.send_header("Connection", "close")
                super().end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        # Closing it waits for the answers under way, so that no thread outlives a test.
        self.server.daemon_threads = False
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0].replace("%2F", "/")
        api = "/api/models/org/name"
        if path.startswith(f"{api}/discussions"):
            self.list_requests(request)
        elif path == api or path.startswith(f"{api}/revision/"):
            self.describe(request, path.removeprefix(api).removeprefix("/revision/"))
        elif match := re.fullmatch("/org/name/resolve/([^/]+)/(.+)", path):
            self.send_file(request, match[1], match[2])
        else:
            self.refuse(request, Fault(404, "RepoNotFound"))

    def commit(self, revision: str) -> str:
        """The commit of a revision; empty if there is no such revision."""
        if revision in ("", "main", COMMIT):
            return COMMIT
        names = list(self.revisions)
        for name in names:
            own = f"{names.index(name) + 1:040x}"
            if revision in (name, own):
                return own
        return ""

    def files_at(self, commit: str) -> dict[str, bytes]:
        if commit == COMMIT:
            return self.files
        return list(self.revisions.values())[int(commit, 16) - 1]

    def describe(
        self, request: http.server.BaseHTTPRequestHandler, revision: str
    ) -> None:
        commit = self.commit(revision)
        if self.fault is not None:
            self.refuse(request, self.fault)
            return
        if not commit:
            self.refuse(request, Fault(404, "RevisionNotFound"))
            return
        siblings = []
        for name, content in self.files_at(commit).items():
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
        self.send_json(
            request,
            {
                "id": "org/name",
                "sha": commit,
                "siblings": siblings,
                "gated": False,
                "cardData": self.card,
            },
        )

    def list_requests(self, request: http.server.BaseHTTPRequestHandler) -> None:
        rows = [
            {
                "num": number,
                "title": "Adding `safetensors` variant of this model",
                "status": status,
                "isPullRequest": True,
                "author": {"name": author},
                "createdAt": "2023-01-01T00:00:00.000Z",
                "repo": {"name": "org/name", "type": "model"},
            }
            for number, author, status in self.requests
        ]
        self.send_json(request, {"discussions": rows, "count": len(rows), "start": 0})

    def send_json(
        self, request: http.server.BaseHTTPRequestHandler, value: object
    ) -> None:
        body = json.dumps(value).encode()
        request.send_response(200)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def refuse(self, request: http.server.BaseHTTPRequestHandler, fault: Fault) -> None:
        request.send_response(fault.status)
        if fault.code:
            request.send_header("X-Error-Code", fault.code)
        for name, value in fault.headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", "0")
        request.end_headers()

    def send_file(
        self, request: http.server.BaseHTTPRequestHandler, revision: str, name: str
    ) -> None:
        if self.file_fault is not None and name.endswith(".safetensors"):
            self.refuse(request, self.file_fault)
            return
        commit = self.commit(revision)
        content = self.served.get(name, self.files_at(commit)[name])
        wanted = request.headers.get("Range", "")
        start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
        request.send_response(206 if wanted else 200)
        request.send_header("X-Repo-Commit", commit)
        request.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        request.send_header("Content-Length", str(len(content) - start))
        if wanted:
            last = len(content) - 1
            request.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
        request.end_headers()
        if request.command == "HEAD":
            return
        self.asked.append((name, wanted))
        if not name.endswith(".safetensors"):
            request.wfile.write(content[start:])
        elif self.stall is not None:
            request.wfile.write(content[start : start + self.stall])
            request.wfile.flush()
            self.stall = None
            self.stalled.set()
            request.close_connection = True
            # Until the other side has hung up, or this one is to.
            while not self.released.wait(0.01):
                if select.select([request.connection], [], [], 0)[0]:
                    break
        elif self.cut is not None:
            request.wfile.write(content[start : start + self.cut])
            request.wfile.flush()
            request.close_connection = True
        else:
            request.wfile.write(content[start:])
