"""What a session needs besides a project, without effect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from earmark.core.project import Project


class NoQueue:
    """A queue in which nothing ever happens."""

    def subscribe(self, listener: Callable[[Any], None]) -> Callable[[], None]:
        return lambda: None

    def set_project(self, project: Project) -> None: ...

    def close(self) -> None: ...


class SilentTransport:
    """Plays nothing, at the frame it is told."""

    def __init__(self) -> None:
        self.position = 0
        self.playing = False
        self.volume = 1.0

    def on_finished(self, listener: Callable[[], None]) -> Callable[[], None]:
        return lambda: None

    def on_error(self, listener: Callable[[Any], None]) -> Callable[[], None]:
        return lambda: None

    def play(self, *args: Any, **options: Any) -> None:
        self.playing = True

    def stop(self) -> None:
        self.playing = False

    def close(self) -> None: ...
