"""The hooks a plugin may implement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pluggy

from earmark.core.tasks import Task

if TYPE_CHECKING:
    from earmark.core.plugins import Command, Host
    from earmark.formats import LabelFormat

hookspec = pluggy.HookspecMarker("earmark")
hookimpl = pluggy.HookimplMarker("earmark")


@hookspec
def register_tasks() -> Sequence[Task]:
    """Give the tasks this plugin adds.

    Called once at start, on the main thread, in the window and the command line: import
    nothing heavy. The engine is told the runner's name with each job.
    """
    raise AssertionError("a specification is never called")


@hookspec(firstresult=True)
def make_panel(task: Task, host: Host, parent: Any) -> Any:
    """Give the panel of a task, a `QWidget`, or None for the host's own form.

    Called on the GUI thread when the task's panel is first shown. Import PySide6 in
    the function only.
    """
    raise AssertionError("a specification is never called")


@hookspec
def register_commands(host: Host) -> Sequence[Command]:
    """Give commands for the menus, the keys and the palette.

    Called once on the GUI thread, after the main window was built.
    """
    raise AssertionError("a specification is never called")


@hookspec
def register_label_formats() -> Sequence[LabelFormat]:
    """Give label file formats to import and export.

    Called once at start, on the main thread, in the window and the command line.
    """
    raise AssertionError("a specification is never called")
