"""The model hub: its cache on this machine, and downloads from it.

The cache's layout is `models--ORG--NAME/{refs,snapshots,blobs}`; a snapshot holds
links to blobs, which are named by their hash:
https://huggingface.co/docs/huggingface_hub/guides/manage-cache
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from earmark.core.errors import Cancelled, EarmarkError
from earmark.models.catalog import CatalogEntry, Hub

Report = Callable[[float], None]

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One revision of a repository in the cache."""

    repo: str
    revision: str
    path: Path


@dataclass(frozen=True, slots=True)
class File:
    """A file of a repository, with its size and digest where the hub tells them."""

    name: str
    size: int | None
    digest: str | None


def cache_folder() -> Path:
    """Where the hub's own library keeps its cache, by the environment."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if folder := os.environ.get(name):
            return Path(os.path.expandvars(folder)).expanduser()
    home = os.environ.get("HF_HOME")
    if not home:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        home = str(Path(base) / "huggingface")
    return Path(os.path.expandvars(home)).expanduser() / "hub"


def snapshots(cache: Path) -> Iterator[list[Snapshot]]:
    """The snapshots of each model repository in a cache, the likeliest first.

    That is the one that "main" refers to, then the latest.
    """
    try:
        folders = sorted(cache.glob("models--*"))
    except OSError:
        return
    for folder in folders:
        repo = folder.name.removeprefix("models--").replace("--", "/", 1)
        try:
            found = [path for path in (folder / "snapshots").iterdir() if path.is_dir()]
            found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        except OSError:
            continue
        main = folder / "refs" / "main"
        try:
            head = main.read_text(encoding="utf-8").strip()
        except OSError:
            head = ""
        found.sort(key=lambda path: path.name != head)
        if found:
            yield [Snapshot(repo, path.name, path) for path in found]


def damaged(snapshot: Path) -> list[str]:
    """The files of a snapshot whose contents do not match the names of their blobs."""
    wrong = []
    for path in sorted(snapshot.rglob("*")):
        if path.is_dir():
            continue
        blob = path.resolve()
        if not blob.is_file() or not _has_digest(blob, blob.name):
            wrong.append(path.relative_to(snapshot).as_posix())
    return wrong


def download(
    entry: CatalogEntry,
    source: Hub,
    folder: Path,
    report: Report,
    cancelled: Callable[[], bool],
    *,
    endpoint: str | None = None,
) -> tuple[str, list[str]]:
    """Put the files of a repository into a folder.

    They are put into a folder of it that is named by their commit. What is there
    already is kept, and a file that was cut is continued.

    Parameters
    ----------
    entry : CatalogEntry
        Named in errors.
    source : Hub
        Of the entry.
    folder : Path
    report : callable
    cancelled : callable
    endpoint : str, optional
        Another server than the public hub.

    Returns
    -------
    revision : str
        The commit that the files are from.
    names : list of str
        The files, with slashes.

    Raises
    ------
    EarmarkError
        If the hub cannot be reached or refuses, or a file is not what the hub says.
    Cancelled
        If `cancelled` gave True.
    """
    # Read when the library is imported. Its other protocol can neither be stopped nor
    # continued.
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    page = f"https://huggingface.co/{source.repo}"
    try:
        info = HfApi(endpoint=endpoint).model_info(
            source.repo, revision=source.revision, files_metadata=True, timeout=20
        )
        files = [
            File(
                file.rfilename, file.size, file.lfs.sha256 if file.lfs else file.blob_id
            )
            for file in info.siblings or ()
            if any(fnmatchcase(file.rfilename, pattern) for pattern in source.files)
            and ".." not in PurePosixPath(file.rfilename).parts
            and not PurePosixPath(file.rfilename).is_absolute()
        ]
        if info.sha is None or not files:
            raise EarmarkError(
                f"{page} has none of the files that {entry.title} needs.",
                "Choose another model.",
            )
        total = max(1, sum(file.size or 0 for file in files))
        done = 0
        for file in files:

            def arrived(size: int, done: int = done) -> None:
                report(min(1.0, (done + size) / total))
                if cancelled():
                    raise Cancelled

            arrived(0)
            path = folder / info.sha / file.name
            _get(source.repo, info.sha, file, path, arrived, endpoint)
            done += path.stat().st_size
        report(1.0)
    except GatedRepoError as error:
        raise EarmarkError(
            f"{entry.title} is given only to those who accept its terms.",
            f"Accept them on {page}, or choose another model.",
        ) from error
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise EarmarkError(
            f"The hub has no {source.repo} at revision {source.revision}.",
            "Choose another model.",
        ) from error
    except OfflineModeIsEnabled as error:
        raise EarmarkError(
            "Downloads from the hub are switched off by HF_HUB_OFFLINE.",
            "Unset that environment variable.",
        ) from error
    except HfHubHTTPError as error:
        raise EarmarkError(
            f"The hub refused {source.repo}: {error.response.status_code} "
            f"{error.response.reason_phrase}.",
            "Try again later.",
        ) from error
    except httpx2.HTTPError as error:
        raise EarmarkError(
            f"The hub cannot be reached, so {entry.title} was not fetched.",
            f"Check the network and try again; or download {page} elsewhere and import "
            "its folder.",
        ) from error
    return info.sha, [file.name for file in files]


def _get(
    repo: str,
    revision: str,
    file: File,
    path: Path,
    arrived: Callable[[int], None],
    endpoint: str | None,
) -> None:
    """Download one file to a path, after what an earlier attempt has left of it."""
    from httpx2 import HTTPError
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get

    # It is public by the documentation, but not by the type checker's rules.
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]
    from huggingface_hub.utils.tqdm import tqdm

    class Ticks(tqdm):
        """The download's progress bar, which shows nothing and passes on."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs["disable"] = True
            super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]  # theirs
            self.arrived = int(kwargs.get("initial") or 0)

        def update(self, n: float | None = 1) -> None:
            self.arrived += int(n or 0)
            arrived(self.arrived)

    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("ab") as output:
            http_get(
                hf_hub_url(repo, file.name, revision=revision, endpoint=endpoint),
                output,
                resume_size=output.tell(),
                headers=build_hf_headers(),
                expected_size=file.size,
                tqdm_class=Ticks,
            )
    except OSError as error:
        # The library's own: another size than announced. The disk's have a number.
        if isinstance(error, HTTPError) or error.errno is not None:
            raise
        partial.unlink(missing_ok=True)
        raise _not_whole(repo, file) from error
    if file.digest is not None and not _has_digest(partial, file.digest):
        partial.unlink()
        raise _not_whole(repo, file)
    partial.rename(path)


def _not_whole(repo: str, file: File) -> EarmarkError:
    return EarmarkError(f"{file.name} of {repo} did not arrive whole.", "Try again.")


def _has_digest(path: Path, digest: str) -> bool:
    """Large files have their sha256, small ones their id in git."""
    if len(digest) == 64:
        return _digest(path, hashlib.sha256()) == digest
    head = f"blob {path.stat().st_size}\0".encode()
    return _digest(path, hashlib.sha1(head, usedforsecurity=False)) == digest


def _digest(path: Path, hashed: Any) -> str:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            hashed.update(block)
    return str(hashed.hexdigest())
