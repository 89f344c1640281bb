"""Run the benchmarks and print their table.

    python -m tests.benchmarks [--short] [NAME ...]

Each module of this package with a ``rows(short)`` function is a benchmark; NAME picks
some of them. ``--short`` runs each once, small, so that they cannot rot.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import shutil
import sys
import tempfile
from pathlib import Path

from tests import benchmarks

# The tests' own helpers, under the names that the tests import them by.
sys.path.insert(0, str(Path(__file__).parents[1]))

NO_BENCHMARKS = {
    *("__main__", "table", "material", "crash_host", "window_host"),
    *("crash_models_host", "many_jobs_host", "many_jobs_runner"),
}


def main(arguments: list[str]) -> int:
    """Run the chosen benchmarks."""
    short = "--short" in arguments
    names = [word for word in arguments if not word.startswith("-")]
    known = sorted(
        module.name
        for module in pkgutil.iter_modules(benchmarks.__path__)
        if module.name not in NO_BENCHMARKS
    )
    unknown = set(names) - set(known)
    if unknown:
        print(f"No benchmark {', '.join(sorted(unknown))}; there are: {known}")
        return 2
    home = Path(tempfile.mkdtemp(prefix="earmark-benchmarks-"))
    # The models of the person stay where they are; all else is of this run.
    if "EARMARK_MODELS" not in os.environ:
        from earmark.settings import folders

        os.environ["EARMARK_MODELS"] = str(folders().models)
    os.environ["EARMARK_HOME"] = str(home)
    try:
        for name in names or known:
            print(f"\n{name}", flush=True)
            module = importlib.import_module(f"tests.benchmarks.{name}")
            for row in module.rows(short):
                print(f"  {row}", flush=True)
    finally:
        shutil.rmtree(home)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
