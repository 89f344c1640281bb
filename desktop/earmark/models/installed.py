"""What models are on this machine, read anew from the disk each time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

from earmark.core.errors import EarmarkError
from earmark.core.tasks import ModelRef, Task
from earmark.models import hub_cache, packages
from earmark.models.catalog import Catalog, CatalogEntry, Embedded, fits
from earmark.models.folder import Manifest, ModelFolder, read_folder

Where = Literal["starter", "hub", "hub cache", "folder", "library"]

_WHERE: dict[str, Where] = {"wheels": "starter", "hub": "hub", "import": "folder"}


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model on this machine.

    Attributes
    ----------
    ref : ModelRef
    entry : CatalogEntry or None
        None for a model that the catalogue does not know.
    size_mb : float
        In 10^6 bytes.
    where : {"starter", "hub", "hub cache", "folder", "library"}
        Fetched as starter weights or from the hub; in the hub's own cache; a folder
        that was imported or put there; inside a Python package.
    architectures : tuple of str
    problem : str
        Why it cannot be loaded; empty if nothing is wrong.
    manifest : Manifest or None
        What was noted when it came.
    """

    ref: ModelRef
    entry: CatalogEntry | None
    size_mb: float
    where: Where
    architectures: tuple[str, ...] = ()
    problem: str = ""
    manifest: Manifest | None = None

    def suits(self, task: Task, catalog: Catalog) -> bool:
        """Whether a task can use it."""
        if self.problem:
            return False
        if self.entry is not None:
            return catalog.suits(self.entry, task)
        return fits(task, self.ref.format, self.architectures)

    @property
    def licence(self) -> str:
        """As far as it is known."""
        if self.entry is not None:
            return self.entry.licence
        return self.manifest.licence if self.manifest is not None else ""

    @property
    def non_commercial(self) -> bool:
        """Whether its licence forbids commercial use, as far as it is known."""
        if self.entry is not None:
            return self.entry.non_commercial
        return self.manifest is not None and self.manifest.non_commercial


def installed_models(
    folder: Path, hub_cache: Path, catalog: Catalog
) -> dict[str, InstalledModel]:
    """All models by id; one in the library's folder goes before one elsewhere.

    Raises
    ------
    EarmarkError
        If the library's folder cannot be read.
    """
    models: dict[str, InstalledModel] = {}
    for model in chain(
        _in_folder(folder, catalog),
        _in_hub_cache(hub_cache, catalog),
        _in_packages(catalog),
    ):
        known = models.get(model.ref.id)
        if known is None or (known.problem and not model.problem):
            models[model.ref.id] = model
    return models


def model_folders(library: Path) -> Iterator[ModelFolder]:
    """The models in a library's folder; what else is in it is not the library's.

    Raises
    ------
    EarmarkError
        If it cannot be read.
    """
    if not library.exists():
        return
    try:
        paths = sorted(library.iterdir())
    except OSError as error:
        raise EarmarkError(
            f"The models folder {library} cannot be read: {error.strerror or error}.",
            "Choose another models folder.",
        ) from error
    for path in paths:
        if path.name.startswith(".") or not path.is_dir():
            continue
        found = _read_or_none(path)
        if found is not None and (found.manifest is not None or found.format):
            yield found


def _in_folder(folder: Path, catalog: Catalog) -> Iterator[InstalledModel]:
    for found in model_folders(folder):
        if found.manifest is not None:
            where = _WHERE.get(found.manifest.source, "folder")
            yield _installed(catalog, found.manifest.id, found, where)
        else:
            id = found.path.name.replace("--", "/", 1)
            yield _installed(catalog, id, found, "folder")


def _in_hub_cache(cache: Path, catalog: Catalog) -> Iterator[InstalledModel]:
    for candidates in hub_cache.snapshots(cache):
        read = [(s, _read_or_none(s.path)) for s in candidates]
        # Other programs often leave nothing but a configuration.
        whole = [(s, found) for s, found in read if found and found.has_weights]
        # A conversion to safetensors often is another revision than "main".
        whole.sort(key=lambda pair: bool(pair[1].problem))
        for snapshot, found in whole[:1]:
            yield _installed(
                catalog, snapshot.repo, found, "hub cache", snapshot.revision
            )


def _in_packages(catalog: Catalog) -> Iterator[InstalledModel]:
    for entry in catalog:
        if not isinstance(entry.source, Embedded):
            continue
        version = packages.version(entry.source.distribution)
        if version is None:
            continue
        ref = ModelRef(entry.id, entry.format, None, version, entry.title)
        architectures = (entry.architecture,) if entry.architecture else ()
        yield InstalledModel(ref, entry, entry.size_mb or 0.0, "library", architectures)


def _installed(
    catalog: Catalog, id: str, found: ModelFolder, where: Where, revision: str = ""
) -> InstalledModel:
    entry = catalog.get(id)
    manifest = found.manifest
    return InstalledModel(
        ref=ModelRef(
            id=id,
            format=found.format or (manifest.format if manifest else ""),
            path=found.path,
            revision=manifest.revision if manifest else revision,
            title=entry.title if entry else (manifest and manifest.title) or id,
        ),
        entry=entry,
        size_mb=found.size / 1e6,
        where=where,
        architectures=found.architectures,
        problem=found.problem,
        manifest=manifest,
    )


def _read_or_none(path: Path) -> ModelFolder | None:
    """None if it was just removed, or is not ours to read."""
    try:
        return read_folder(path)
    except EarmarkError:
        return None
