"""Discovery of plugins, and calls to them that one broken plugin cannot break."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Command:
    """Something a person can do: in the menus, on a key, in the palette.

    Attributes
    ----------
    id : str
        Stable and dotted: "edit.split".
    title : str
        As in the menu; also the title of the edit in the history.
    run : callable
        Takes nothing.
    menu : str
        "Edit", or a path: "View/Zoom"; empty keeps it out of the menus.
    keys : tuple of str
        Portable key sequences, "Ctrl+I".
    enabled : callable
        Asked before it runs and when a menu opens.
    checked : callable or None
        For a command that switches something on and off.
    icon : str
    section : int
        Commands of one menu are grouped by it, with a line between groups.
    """

    id: str
    title: str
    run: Callable[[], None]
    menu: str = ""
    keys: tuple[str, ...] = ()
    enabled: Callable[[], bool] = lambda: True
    checked: Callable[[], bool] | None = None
    icon: str = ""
    section: int = 0


class Host(Protocol):
    """What a panel or a command of a plugin may use of the window."""

    @property
    def project(self) -> Any:
        """The open `Project`."""

    @property
    def queue(self) -> Any:
        """The `JobQueue`."""
