"""The commands of the Generate, Tools and Help menus."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from earmark.core.errors import EarmarkError
from earmark.core.plugins import Command
from earmark.core.tasks import Take, Task
from earmark.ui.session import Session

TAKE_CHECK = "take-check"


def commands(
    session: Session,
    *,
    show_task: Callable[[Task], None],
    run_task: Callable[[], None],
    check_take: Callable[[], None],
    preferences: Callable[[], None],
    palette: Callable[[], None],
    print_keys: Callable[[], None],
    about: Callable[[], None],
) -> list[Command]:
    """One command for each task, the palette, preferences, help."""
    tasks = [
        Command(
            f"task.{task.id}",
            f"{task.title}…",
            partial(show_task, task),
            "Generate" if task.group == "generate" else "Tools",
            icon=task.icon,
        )
        for task in session.plugins.tasks.values()
    ]
    return [
        *tasks,
        Command("generate.check_take", "Check the shown take", check_take, "Generate",
                enabled=partial(can_check, session), section=1),
        Command("task.run", "Run the task in front", run_task, "Tools",
                ("Ctrl+Return", "Ctrl+Enter"), section=1),
        Command("tools.palette", "Find a command…", palette, "Help", ("Ctrl+Shift+P",)),
        Command("tools.preferences", "Preferences…", preferences, "Tools", ("Ctrl+,",),
                section=2),
        Command("help.keys", "Print keys…", print_keys, "Help", ("F1",)),
        Command("help.about", "About Earmark", about, "Help", section=1),
    ]  # fmt: skip


def take_of(session: Session, clip: int) -> Take | None:
    """The take that a clip was made for, if it was generated."""
    return next((t for t in session.project.takes() if t.clip == clip), None)


def can_check(session: Session) -> bool:
    """Whether the shown clip is a take and something can check it."""
    if session.clip is None or TAKE_CHECK not in session.plugins.tasks:
        return False
    return take_of(session, session.clip.id) is not None


def check_take(session: Session, clip: int) -> int:
    """Queue the task that compares a take with the text it was made from.

    Raises
    ------
    EarmarkError
        If the clip is no take, its text is not known, or no model can check it.
    """
    take = take_of(session, clip)
    if take is None:
        raise EarmarkError("This clip was not generated, so there is nothing to check.")
    job = session.project.job(take.job)
    maker, checker = session.plugins.task(job.task), session.plugins.task(TAKE_CHECK)
    text = str(job.params.get(maker.text_param, ""))
    if not text:
        raise EarmarkError("The text of this take is not known.")
    wanted = session.store.settings.task_models.get(TAKE_CHECK)
    models = [each.ref for each in session.library.installed(checker)]
    model = next(
        (m for m in models if m.id == wanted), session.library.default(checker)
    )
    session.show_clip(clip)
    (made,) = session.run_task(checker, {"text": text}, model, "clip")
    session.message.emit("Checking the take; the result comes up in Jobs", 6000)
    return made
