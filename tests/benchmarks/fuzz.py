"""Malformed sounds, labels, projects and models: a clear error each, or harmless."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.store import filled_project
from tests.benchmarks.table import Row, stopwatch


def rows(short: bool) -> Iterator[Row]:
    """Anything but a clear error ends the run with the seed that shows it."""
    from audio.fuzz import attack as attack_audio
    from core.fuzz import attack as attack_projects
    from formats.fuzz import attack as attack_labels
    from models.fuzz import attack as attack_models

    from earmark.formats import FormatRegistry

    count = 60 if short else 2000
    with tempfile.TemporaryDirectory() as folder:
        inside = Path(folder)
        with stopwatch() as watch:
            outcomes = attack_audio(inside, count, seed=7)
        yield Row("audio headers opened", outcomes["opened"], "")
        yield Row("audio headers refused clearly", outcomes["refused"], "")
        yield Row("seconds for all of them", watch.seconds, "s")
        registry = FormatRegistry()
        each = -(-count // len(registry.formats))
        read = refused = 0
        for known in registry.formats:
            outcomes = attack_labels(registry, known.id, inside, each, seed=7)
            read += outcomes["read"]
            refused += outcomes["refused"]
        yield Row("label files read", read, "")
        yield Row("label files refused clearly", refused, "")
        project, _, _ = filled_project(inside, 300)
        project.close()
        outcomes = attack_projects(project.folder, inside, count, seed=7)
        yield Row("project files opened", outcomes["opened"], "")
        yield Row("project files refused clearly", outcomes["refused"], "")
        for kind in ("configurations", "weights", "packs"):
            outcomes = attack_models(kind, inside, count, seed=7)
            yield Row(f"models: {kind} that do", outcomes["accepted"], "")
            yield Row(f"models: {kind} refused clearly", outcomes["refused"], "")
