"""All models in one list: those on disk, those half fetched, those that can be had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from earmark.core.tasks import Task
from earmark.models.catalog import CatalogEntry
from earmark.models.installed import InstalledModel
from earmark.models.library import Library

STATES = (
    "on disk",
    "part of Earmark",
    "damaged",
    "interrupted",
    "starter",
    "on the hub",
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A model in the list.

    Attributes
    ----------
    id, title : str
    tasks : tuple of Task
        Those that can use it.
    installed : InstalledModel or None
        None if it is not on this machine.
    entry : CatalogEntry or None
        None for a model that was imported and that the catalogue does not know.
    arrived_mb : float
        Of a fetch that was interrupted, in 10^6 bytes; 0 if there is none.
    """

    id: str
    title: str
    tasks: tuple[Task, ...]
    installed: InstalledModel | None
    entry: CatalogEntry | None
    arrived_mb: float = 0.0

    @property
    def size_mb(self) -> float | None:
        """On disk, or of the download; None if it is not known."""
        if self.installed is not None:
            return self.installed.size_mb
        return self.entry.size_mb if self.entry else None

    @property
    def licence(self) -> str:
        """As far as it is known."""
        if self.installed is not None:
            return self.installed.licence
        return self.entry.licence if self.entry else ""

    @property
    def non_commercial(self) -> bool:
        """Whether its licence forbids commercial use."""
        if self.installed is not None:
            return self.installed.non_commercial
        return self.entry is not None and self.entry.non_commercial

    @property
    def state(self) -> str:
        """Where it is, in two or three words: one of `STATES`."""
        if self.installed is not None:
            if self.installed.problem:
                return "damaged"
            if self.installed.where == "library":
                return "part of Earmark"
            return "on disk"
        if self.arrived_mb:
            return "interrupted"
        if self.entry is not None and self.entry.source.kind == "wheels":
            return "starter"
        return "on the hub"

    def says(self, text: str) -> bool:
        """Whether all words of a search occur in what is known of it."""
        known = [self.id, self.title, self.licence]
        known += [task.title for task in self.tasks]
        if self.entry is not None:
            known += [self.entry.origin, self.entry.notes, *self.entry.languages]
            known.append(self.entry.architecture)
        told = " ".join(known).casefold()
        return all(word in told for word in text.casefold().split())


def listed(library: Library, tasks: Sequence[Task]) -> list[Listed]:
    """All models that there are: those on this machine first.

    Parameters
    ----------
    library : Library
    tasks : sequence of Task
        All that there are.
    """
    catalog = library.catalog
    offered = [task for task in tasks if not task.hidden]
    arrived = {entry.id: (entry, size) for entry, size in library.interrupted()}
    rows = []
    for model in library.installed():
        suited = tuple(task for task in offered if model.suits(task, catalog))
        title = model.ref.title or model.ref.id
        rows.append(Listed(model.ref.id, title, suited, model, model.entry))
    here = {row.id for row in rows if row.state != "damaged"}
    rows = [row for row in rows if row.id in here or row.id not in arrived]
    shown = here | {row.id for row in rows}
    unknown = [entry for entry, _ in arrived.values() if catalog.get(entry.id) is None]
    for entry in [*unknown, *library.available()]:
        if entry.id in shown:
            continue
        suited = tuple(task for task in offered if catalog.suits(entry, task))
        size = arrived[entry.id][1] if entry.id in arrived else 0
        rows.append(Listed(entry.id, entry.title, suited, None, entry, size / 1e6))
    return rows
