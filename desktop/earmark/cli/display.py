"""The window, if one can be shown here."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from earmark.core.errors import EarmarkError


def has_display() -> bool:
    """Whether a window would be seen."""
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def show_window(
    files: Sequence[str] = (), *, no_plugins: bool = False, run_task: str = ""
) -> int:
    """Show the window until it is closed; see `earmark.ui.app.main`.

    Raises
    ------
    EarmarkError
        If there is no display, or a system library that Qt needs is missing.
    """
    # Qt can also draw where nobody sees it, if it is told to.
    if not has_display() and not os.environ.get("QT_QPA_PLATFORM"):
        raise EarmarkError(
            "There is no display to show the window on.",
            "`earmark --help` tells what can be done without one.",
        )
    try:
        from earmark.ui.app import main
    except ImportError as error:
        if error.name and error.name.startswith("earmark"):
            raise
        raise EarmarkError(
            f"The window cannot be shown: {error}.",
            "Install what is missing (Debian and Ubuntu: apt install libegl1 libgl1 "
            "libxkbcommon-x11-0 libxcb-cursor0).",
        ) from error
    return main(files, no_plugins=no_plugins, run_task=run_task)
