"""One executable, three roles: window, command line, engine."""

from __future__ import annotations

import multiprocessing
import sys


def main() -> int:
    """Run the role that the arguments ask for.

    Returns
    -------
    int
        The exit code of the process.
    """
    # A library in the engine may use multiprocessing; a frozen child must not become
    # a second window.
    multiprocessing.freeze_support()
    arguments = sys.argv[1:]
    if arguments[:1] == ["--engine"]:
        from earmark.engine.server import main as serve

        return serve()
    if arguments[:1] == ["--unpickle"]:
        from earmark.engine.pickles import main as unpickle

        return unpickle(arguments[1:])
    from earmark.cli import main as command_line

    return command_line(arguments)


if __name__ == "__main__":
    sys.exit(main())
