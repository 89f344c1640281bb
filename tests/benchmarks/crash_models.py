"""`kill -9` while models come, move and are converted, and while vectors are kept."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from earmark.core.errors import EarmarkError
from earmark.models.library import Library
from tests.benchmarks import crash_models_host as host
from tests.benchmarks.table import Row, stopwatch

WEIGHTS_BYTES = 40_000_000
WHAT = ("download", "unpack", "move", "convert", "vectors")


def rows(short: bool) -> Iterator[Row]:
    """Kill each at random moments, look, and do it again to its end."""
    from models.loopback import LoopbackHub
    from models.samples import safetensors

    rounds = 1 if short else 20
    size = WEIGHTS_BYTES // 40 if short else WEIGHTS_BYTES
    config = b'{"architectures": ["Wav2Vec2ForCTC"], "model_type": "wav2vec2"}'
    files = {"config.json": config, "model.safetensors": safetensors(size)}
    hub = LoopbackHub(files)
    try:
        for what in WHAT:
            yield from kills(what, rounds, files, hub.endpoint)
    finally:
        hub.close()


def kills(
    what: str, rounds: int, files: dict[str, bytes], endpoint: str
) -> Iterator[Row]:
    """Do it once in peace, to know how long it takes, and then be killed in it."""
    chance = random.Random(1)
    killed = halves = failed = 0
    with made_ready(what, files) as folder:
        takes_s = run(what, folder, endpoint, None)
    for _ in range(rounds):
        with made_ready(what, files) as folder:
            killed += run(what, folder, endpoint, chance.uniform(0.0, takes_s)) < 0.0
            halves += not is_sound(what, folder, complete=False)
            again_s = run(what, folder, endpoint, None)
            failed += again_s < 0.0 or not is_sound(what, folder, complete=True)
    yield Row(f"{what}: kills of {rounds} before it was done", killed, "")
    yield Row(f"{what}: something half done that showed", halves, "", 0)
    yield Row(f"{what}: repeats that did not succeed", failed, "", 0)


@contextmanager
def made_ready(what: str, files: dict[str, bytes]) -> Iterator[Path]:
    """A folder with what is there before it is done."""
    with tempfile.TemporaryDirectory() as scratch:
        prepare(what, Path(scratch), files)
        yield Path(scratch)


def prepare(what: str, folder: Path, files: dict[str, bytes]) -> None:
    """Make what it is done to."""
    made = folder / "name"
    made.mkdir()
    for name, content in files.items():
        (made / name).write_bytes(content)
    if what == "unpack":
        other = Library(folder / "other", host.library_of(folder).catalog)
        other.import_folder(made, host.MODEL)
        other.pack(host.MODEL, folder / "name.modelpack")
    elif what == "move":
        for name in ("a", "b", "c"):
            host.library_of(folder).import_folder(made, name)
    elif what == "convert":
        import torch

        weights = made / "model.safetensors"
        values = torch.zeros(weights.stat().st_size // 4)
        weights.unlink()
        torch.save({"w": values}, made / "pytorch_model.bin")
        made.rename(folder / "pickled")


def run(what: str, folder: Path, endpoint: str, after_s: float | None) -> float:
    """Do it in a process of its own; the seconds it took, or -1 if it was not done.

    It is killed `after_s` from its beginning, or left in peace.
    """
    arguments: list[Any] = [what, folder, endpoint]
    running = subprocess.Popen(
        [sys.executable, "-m", host.__name__, *arguments],
        stdout=subprocess.PIPE,
        env=os.environ | {"HF_HUB_OFFLINE": "0"},
        text=True,
    )
    assert running.stdout is not None
    with running, stopwatch() as watch:
        assert running.stdout.readline() == "begun\n"
        if after_s is not None:
            timer = threading.Timer(after_s, running.kill)
            timer.start()
        began_s = watch.seconds
        done = running.stdout.readline() == "done\n"
        took_s = watch.seconds - began_s
        if after_s is not None:
            timer.cancel()
        running.wait()
    return took_s if done else -1.0


def is_sound(what: str, folder: Path, *, complete: bool) -> bool:
    """Whether all that shows is whole, and all is there that has to be."""
    if what == "vectors":
        return are_sound(folder, complete=complete)
    library = host.library_of(folder)
    here = library.installed()
    try:
        whole = all(
            not model.problem and library.verify(model.ref.id) == () for model in here
        )
    except EarmarkError as error:
        print(f"  {what}: {error}")
        return False
    expected = 3 if what == "move" else 1
    there = len(here) == expected or (what != "move" and not complete and not here)
    if what == "move" and complete:
        there = there and not (folder / "models").exists()
    return whole and there


def are_sound(folder: Path, *, complete: bool) -> bool:
    """Whether the vectors that are kept are those that were put."""
    store = host.store_of(folder)
    for key in host.KEYS:
        found = store.get(key)
        if found is None:
            if complete or key in store:
                return False
        elif not np.array_equal(found.vectors, host.vectors_of(key).vectors):
            return False
    return True
