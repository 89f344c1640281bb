"""The model hub: what a repository holds, and downloads from it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from earmark.core.errors import Cancelled, EarmarkError
from earmark.models.catalog import LICENCES, MODEL_FILES
from earmark.models.hub_cache import has_digest
from earmark.models.names import is_file_name

Arrived = Callable[[int, int], None]
"""Told how many bytes of how many have arrived."""

_BLOCK = 1 << 20
"""Bytes after which a download reports and can be stopped."""

_TIMEOUT_S = 20

_CONVERTER = "SFconvertbot"
"""The hub's own account, which makes safetensors of pickles:
https://huggingface.co/spaces/safetensors/convert"""

_CONFIG_LIMIT = 4_000_000
"""Bytes; a configuration above it is not one."""

_SHARDS = ("model-?????-of-?????.safetensors", "model.safetensors.index.json")

_LICENCES = {
    "apache-2.0": "Apache-2.0",
    "mit": "MIT",
    "bsd": "BSD-3-Clause",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "isc": "ISC",
    "mpl-2.0": "MPL-2.0",
    "gpl-3.0": "GPL-3.0-only",
    "agpl-3.0": "AGPL-3.0-only",
    "cc0-1.0": "CC0-1.0",
    "openrail": "OpenRAIL",
}
"""SPDX expressions of the names that model cards use; those of Creative Commons differ
in case only."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of a repository, with its size and digest where the hub tells them."""

    name: str
    size: int | None
    digest: str | None


@dataclass(frozen=True, slots=True)
class Repository:
    """What the hub says of a repository at one revision; no weights were fetched.

    Attributes
    ----------
    repo : str
    commit : str
    files : tuple of File
        All that may be files of a model; see `names.is_file_name`.
    config : dict
        Its config.json or model_index.json; empty if there is none.
    licence : str
        An SPDX expression, or what the model card says; empty if it says nothing.
    languages : tuple of str
    gated : bool
        Given only to those who accept its terms on the hub's page.
    """

    repo: str
    commit: str
    files: tuple[File, ...]
    config: dict[str, Any]
    licence: str
    languages: tuple[str, ...]
    gated: bool


def page(repo: str, revision: str = "") -> str:
    """The address at which a person sees a repository."""
    tree = f"/tree/{revision}" if revision not in ("", "main") else ""
    return f"https://huggingface.co/{repo}{tree}"


def look_up(repo: str, revision: str, *, endpoint: str | None = None) -> Repository:
    """Ask the hub what a repository holds; fetches its configuration only.

    Parameters
    ----------
    repo : str
    revision : str
        A commit, a branch, or a pull request's reference.
    endpoint : str, optional
        Another server than the public hub.

    Raises
    ------
    EarmarkError
        If the hub cannot be reached, or does not have it or give it.
    """
    with _asking(repo, revision):
        found = _list(repo, revision, endpoint)
        return replace(found, config=_config(found, endpoint))


def safetensors_revision(repo: str, *, endpoint: str | None = None) -> str:
    """The pull request that adds safetensors to a repository of pickles.

    Anybody may open one that says so; only those of the hub itself count.

    Returns
    -------
    str
        Such as "refs/pr/1"; empty if there is none.
    """
    with _asking(repo, "main"):
        from huggingface_hub import HfApi

        api = HfApi(endpoint=endpoint)
        for request in api.get_repo_discussions(
            repo, author=_CONVERTER, discussion_type="pull_request"
        ):
            if request.author == _CONVERTER and request.status != "closed":
                revision = f"refs/pr/{request.num}"
                info = api.model_info(repo, revision=revision, timeout=_TIMEOUT_S)
                names = [file.rfilename for file in info.siblings or ()]
                if any(name.endswith(".safetensors") for name in names):
                    return revision
    return ""


def needed(found: Repository, format: str) -> tuple[File, ...]:
    """The files that a model is made of, without its twins in other formats.

    Weights are those in safetensors format, or pickles if there are none such.

    Parameters
    ----------
    found : Repository
    format : {"transformers", "diffusers", "ctranslate2"}
    """
    files = [file for file in found.files if _is(file, (*MODEL_FILES, LICENCES))]
    small = [file for file in files if ".safetensors" not in file.name]
    if format == "ctranslate2":
        weights = [file for file in found.files if file.name == "model.bin"]
        return (*small, *weights)
    weights = [file for file in files if ".safetensors" in file.name]
    if format == "transformers":
        # Some have the same weights more than once: whole, in shards, halved.
        whole = [file for file in weights if file.name == "model.safetensors"]
        shards = [file for file in weights if _is(file, _SHARDS)]
        weights = whole or shards or weights
    if not any(file.name.endswith(".safetensors") for file in weights):
        weights = [file for file in found.files if _is(file, ("pytorch_model*.bin",))]
    return (*small, *weights)


def download(
    repo: str,
    revision: str,
    patterns: tuple[str, ...],
    folder: Path,
    arrived: Arrived,
    cancelled: Callable[[], bool],
    *,
    need_space: Callable[[int], None] = lambda size: None,
    endpoint: str | None = None,
) -> tuple[str, list[str]]:
    """Put the files of a repository into a folder.

    They are put into a folder of it that is named by their commit. What is whole there
    already is kept, and a file that was cut is continued.

    Parameters
    ----------
    repo, revision : str
    patterns : tuple of str
        Shell patterns of the files that are wanted.
    folder : Path
    arrived : callable
    cancelled : callable
    need_space : callable
        Told how many bytes are still to come, before the first; raises if there is no
        room for them.
    endpoint : str, optional
        Another server than the public hub.

    Returns
    -------
    commit : str
        The one that the files are from.
    names : list of str
        The files, with slashes.

    Raises
    ------
    EarmarkError
        If the hub cannot be reached or refuses, or a file is not what the hub says.
    Cancelled
        If `cancelled` gave True.
    """
    with _asking(repo, revision):
        found = _list(repo, revision, endpoint)
        files = [file for file in found.files if _is(file, patterns)]
        if not files:
            raise EarmarkError(
                f"{page(repo, revision)} has none of the files that are needed.",
                "Choose another model or revision.",
            )
        total = max(1, sum(file.size or 0 for file in files))
        target = folder / found.commit
        need_space(total - _size_of(target))
        done = 0
        for file in files:

            def tell(size: int, done: int = done) -> None:
                arrived(min(done + size, total), total)
                if cancelled():
                    raise Cancelled

            tell(0)
            path = target / file.name
            _get(repo, found.commit, file, path, tell, endpoint)
            done += path.stat().st_size
        arrived(total, total)
    return found.commit, [file.name for file in files]


def _prepare() -> None:
    """Set what the hub's library reads when it is imported."""
    # Its other protocol can neither be stopped nor continued.
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import constants
    from huggingface_hub.utils import logging

    # What goes wrong is told by what is raised.
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # theirs
    constants.DOWNLOAD_CHUNK_SIZE = min(constants.DOWNLOAD_CHUNK_SIZE, _BLOCK)


@contextmanager
def _asking(repo: str, revision: str) -> Iterator[None]:
    """Have the hub's library ready, and say what goes wrong as what it means."""
    _prepare()
    import httpx2
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        OfflineModeIsEnabled,
        RemoteEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        yield
    except GatedRepoError as error:
        raise EarmarkError(
            f"{repo} is given only to those who accept its terms.",
            f"Accept them on {page(repo)} and log in with `hf auth login`, or choose "
            "another model.",
        ) from error
    except RevisionNotFoundError as error:
        raise EarmarkError(
            f"{repo} has no revision {revision}.",
            f"The revisions that there are stand on {page(repo)}.",
        ) from error
    except RemoteEntryNotFoundError as error:
        raise EarmarkError(
            f"The hub no longer has all files of {repo}.",
            "Try again; if it stays so, choose another model.",
        ) from error
    except RepositoryNotFoundError as error:
        raise _not_there(repo) from error
    except HFValidationError as error:
        raise EarmarkError(
            f"{repo!r} is not a name that the hub has.",
            "Write it as on the model's page: ORGANISATION/NAME.",
        ) from error
    except OfflineModeIsEnabled as error:
        raise EarmarkError(
            "Downloads from the hub are switched off by HF_HUB_OFFLINE.",
            "Unset that environment variable.",
        ) from error
    except HfHubHTTPError as error:
        raise _refusal(repo, error.response) from error
    except httpx2.HTTPError as error:
        raise EarmarkError(
            f"The hub cannot be reached, so {repo} was not fetched.",
            f"Check the network and try again; or download {page(repo)} elsewhere and "
            "import its folder.",
        ) from error


def _refusal(repo: str, response: Any) -> EarmarkError:
    status = int(response.status_code)
    if status == 429:
        wait = str(response.headers.get("Retry-After", ""))
        when = f"in {wait} seconds" if wait.isdigit() else "in a few minutes"
        return EarmarkError(
            "The hub has had too many requests from this network and asks for a pause.",
            f"Try again {when}; what has arrived of {repo} is kept.",
        )
    if status == 401:  # given for what is not there, too
        return _not_there(repo)
    if status == 403:
        return EarmarkError(
            f"The hub does not give {repo} to this computer (403).",
            f"Log in with `hf auth login`, or see {page(repo)}.",
        )
    return EarmarkError(
        f"The hub refused {repo}: {status} {response.reason_phrase}.",
        "Try again later; what has arrived is kept.",
    )


def _get(
    repo: str,
    commit: str,
    file: File,
    path: Path,
    arrived: Callable[[int], None],
    endpoint: str | None,
) -> None:
    """Download one file to a path, after what an earlier attempt has left of it."""
    from httpx2 import HTTPError
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.file_download import http_get

    # It is public by the documentation, but not by the type checker's rules.
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]
    from huggingface_hub.utils.tqdm import tqdm

    class Ticks(tqdm):
        """The download's progress bar, which shows nothing and passes on."""

        monitor_interval = 0  # it would start a thread to refresh what is not shown

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs["disable"] = True
            super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]  # theirs
            self.arrived = int(kwargs.get("initial") or 0)

        def update(self, n: float | None = 1) -> None:
            self.arrived += int(n or 0)
            arrived(self.arrived)

    if _is_whole(path, file):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    left = partial.stat().st_size if partial.exists() else 0
    if file.size is not None and left > file.size:
        partial.unlink()  # nothing would ever complete it
    url = hf_hub_url(repo, file.name, revision=commit, endpoint=endpoint)
    # Asked first because it tells a refusal at once, which the download waits out.
    get_hf_file_metadata(url, endpoint=endpoint)
    try:
        with partial.open("ab") as output:
            http_get(
                url,
                output,
                resume_size=output.tell(),
                headers=build_hf_headers(),
                expected_size=file.size,
                tqdm_class=Ticks,
            )
            # A power cut must not leave less of it under its final name.
            output.flush()
            os.fsync(output.fileno())
    except HfHubHTTPError:
        raise
    except HTTPError as error:
        raise EarmarkError(
            f"The connection to the hub broke while {file.name} of {repo} arrived.",
            "Check the network and try again: it goes on where it broke.",
        ) from error
    except OSError as error:
        # The library's own: another size than announced. The disk's have a number.
        if error.errno is not None:
            raise
        partial.unlink(missing_ok=True)
        raise _not_whole(repo, file) from error
    if not _is_whole(partial, file):
        partial.unlink()
        raise _not_whole(repo, file)
    partial.replace(path)


def _is_whole(path: Path, file: File) -> bool:
    """Whether a file is there and is what the hub says, as far as it says anything."""
    return (
        path.is_file()
        and file.size in (None, path.stat().st_size)
        and (file.digest is None or has_digest(path, file.digest))
    )


def _not_there(repo: str) -> EarmarkError:
    return EarmarkError(
        f"The hub has no model {repo}, or it is private.",
        "Check the name; log in with `hf auth login` if the model is yours.",
    )


def _not_whole(repo: str, file: File) -> EarmarkError:
    return EarmarkError(
        f"{file.name} of {repo} is not what the hub says it is; it was not used.",
        "Try again.",
    )


def _list(repo: str, revision: str, endpoint: str | None) -> Repository:
    """What the hub says of a repository, without its configuration."""
    from huggingface_hub import HfApi

    info = HfApi(endpoint=endpoint).model_info(
        repo, revision=revision, files_metadata=True, timeout=_TIMEOUT_S
    )
    card = info.card_data
    return Repository(
        repo=repo,
        commit=info.sha or revision,
        files=tuple(
            File(
                file.rfilename, file.size, file.lfs.sha256 if file.lfs else file.blob_id
            )
            for file in info.siblings or ()
            if is_file_name(file.rfilename)
        ),
        config={},
        licence=_licence(card.license if card else None),
        languages=_languages(card.language if card else None),
        gated=bool(info.gated),
    )


def _config(found: Repository, endpoint: str | None) -> dict[str, Any]:
    """The configuration of a model, read from the hub."""
    from huggingface_hub import get_session, hf_hub_url
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # as above
        build_hf_headers,
        hf_raise_for_status,
    )

    names = {file.name for file in found.files}
    for name in ("model_index.json", "config.json"):
        if name not in names:
            continue
        url = hf_hub_url(found.repo, name, revision=found.commit, endpoint=endpoint)
        answer = get_session().get(
            url, headers=build_hf_headers(), timeout=_TIMEOUT_S, follow_redirects=True
        )
        hf_raise_for_status(answer)
        try:
            if len(answer.content) > _CONFIG_LIMIT:
                raise ValueError("it is far too long")
            config = json.loads(answer.content)
            if not isinstance(config, dict):
                raise ValueError("it is no JSON object")
        except (ValueError, RecursionError) as error:
            raise EarmarkError(
                f"The {name} of {found.repo} cannot be read ({error}).",
                "Choose another model.",
            ) from error
        return config
    return {}


def _licence(named: object) -> str:
    if isinstance(named, list):
        return " OR ".join(_licence(name) for name in named)
    if not isinstance(named, str) or named in ("unknown", "other"):
        return ""
    lower = named.lower()
    return _LICENCES.get(lower, lower.upper() if lower.startswith("cc-") else named)


def _languages(named: object) -> tuple[str, ...]:
    several = named if isinstance(named, list) else [named]
    return tuple(code for code in several if isinstance(code, str))


def _is(file: File, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(file.name, pattern) for pattern in patterns)


def _size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
