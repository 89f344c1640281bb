"""A session over a real project, whose queue and sound card do nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from earmark.core.project import Project
from earmark.settings import SettingsStore, folders
from earmark.ui.background import Background
from earmark.ui.session import Session


class NoQueue:
    """A queue in which nothing ever happens."""

    def subscribe(self, listener: Callable[[Any], None]) -> Callable[[], None]:
        return lambda: None

    def set_project(self, project: Project) -> None: ...

    def close(self) -> None: ...


class SilentTransport:
    """Plays nothing, and stays where it is put."""

    def __init__(self) -> None:
        self.position = 0
        self.playing = False
        self.volume = 1.0
        self.loops: list[object] = []

    def on_finished(self, listener: Callable[[], None]) -> Callable[[], None]:
        return lambda: None

    def on_error(self, listener: Callable[[Any], None]) -> Callable[[], None]:
        return lambda: None

    def play(self, *args: Any, **options: Any) -> None:
        self.playing = True

    def set_loop(self, loop: object) -> None:
        self.loops.append(loop)

    def stop(self) -> None:
        self.playing = False

    def close(self) -> None: ...


def quiet_session(project: Project) -> Session:
    """A session for the editor, which asks for no plugin, model or format."""
    return Session(
        project,
        queue=NoQueue(),  # type: ignore[arg-type]  # stands in for a job queue
        plugins=None,  # type: ignore[arg-type]  # never asked
        store=SettingsStore(folders().settings),
        library=None,  # type: ignore[arg-type]  # never asked
        transport=SilentTransport(),  # type: ignore[arg-type]  # stands in for a device
        folders=folders(),
        background=Background(),
    )
