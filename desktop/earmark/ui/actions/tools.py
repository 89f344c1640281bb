"""The commands of the Generate, Tools and Help menus."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from earmark.core.plugins import Command
from earmark.core.tasks import Task
from earmark.ui.session import Session
from earmark.ui.takes import can_check


def commands(
    session: Session,
    *,
    show_task: Callable[[Task], None],
    run_task: Callable[[], None],
    check_take: Callable[[], None],
    find_alike: Callable[[], None],
    models: Callable[[], None],
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
        if not task.hidden
    ]
    return [
        *tasks,
        Command("generate.check_take", "Check the shown take", check_take, "Generate",
                enabled=partial(can_check, session), section=1),
        Command("task.run", "Run the task in front", run_task, "Tools",
                ("Ctrl+Return", "Ctrl+Enter"), section=1),
        Command("tools.find_alike", "Find more like this", find_alike, "Tools",
                enabled=lambda: session.clip is not None, section=1,
                icon="ph.magnifying-glass"),
        Command("tools.palette", "Find a command…", palette, "Help", ("Ctrl+Shift+P",)),
        Command("tools.models", "Models…", models, "Tools", section=2),
        Command("tools.preferences", "Preferences…", preferences, "Tools", ("Ctrl+,",),
                section=2),
        Command("help.keys", "Print keys…", print_keys, "Help", ("F1",)),
        Command("help.about", "About Earmark", about, "Help", section=1),
    ]  # fmt: skip
