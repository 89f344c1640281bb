"""What processes that Earmark starts have in common."""

from __future__ import annotations

import ctypes
import signal
import sys


def end_with_parent() -> None:
    """Have Linux end this process when the thread that started it is gone.

    The end of its standard input may tell it too, but not while native code holds
    Python's lock.
    """
    if sys.platform == "linux":
        set_parent_death_signal = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
