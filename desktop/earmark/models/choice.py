"""Which model a task uses: the one that is named, the chosen one, or the default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from earmark.core.errors import EarmarkError
from earmark.core.tasks import ModelRef, Task
from earmark.models.library import Library
from earmark.models.offers import how_to_get
from earmark.settings import Settings


def model_for(
    library: Library,
    task: Task,
    name: str,
    settings: Settings,
    tasks: Sequence[Task] = (),
) -> ModelRef | None:
    """The model that a task is to use; None if it needs none.

    Parameters
    ----------
    library : Library
    task : Task
    name : str
        An id or a folder; empty takes the one in the settings, or the default.
    settings : Settings
    tasks : sequence of Task
        All that there are, to say which of them a model fits that this one cannot use.

    Raises
    ------
    EarmarkError
        If none fits; the remedy says how to get one.
    """
    if not task.formats:
        return None
    chosen = name or settings.task_models.get(task.id, "")
    if chosen:
        return library.resolve(chosen, task, tasks).identified()
    found = library.default(task)
    if found is None:
        offered = library.available(task)
        best = min(offered, key=lambda entry: entry.default_rank, default=None)
        raise EarmarkError(
            f"No model for {task.title.lower()} is on this machine"
            + (f"; {best.title} is suggested." if best else "."),
            how_to_get(best)
            if best
            else "Import a folder with `earmark models import FOLDER`.",
        )
    return found.identified()


def companions_of(
    library: Library, task: Task, tasks: Mapping[str, Task], settings: Settings
) -> dict[str, ModelRef]:
    """The models of the other tasks that a task may need, by their ids.

    One that there is no model for is left out: whether it is needed depends on the
    task's own model, and its runner says so.

    Raises
    ------
    EarmarkError
        If there is no such task, or the model that was chosen for it is gone.
    """
    found = {}
    for name in task.companions:
        if name not in tasks:
            raise EarmarkError(
                f"{task.title} needs the task {name}, which is switched off.",
                "Switch its plugin on in Preferences > Plugins.",
            )
        chosen = settings.task_models.get(name, "")
        model = (
            library.resolve(chosen, tasks[name])
            if chosen
            else library.default(tasks[name])
        )
        if model is not None:
            found[name] = model.identified()
    return found
