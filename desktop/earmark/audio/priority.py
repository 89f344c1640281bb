"""Threads that work in the background, behind the one that draws the window."""

from __future__ import annotations

import contextlib
import os
import sys
import threading

_NICENESS = 5
"""Behind the window, but before the engine, whose jobs take minutes."""


def go_behind() -> None:
    """Let other threads of this process go before the calling one.

    Where a core is shared, a frame would else wait for it for whole time slices. Only
    Linux has a niceness for each thread; elsewhere nothing is changed.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
