"""What `crash_models` kills: one thing done to the models or the vectors in a folder.

    python -m tests.benchmarks.crash_models_host WHAT FOLDER ENDPOINT

It says ``begun`` when all is imported and ``done`` at the end. Run again in the same
folder it does the rest.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from earmark.core.tasks import ModelRef
from earmark.models.catalog import Catalog, CatalogEntry
from earmark.models.library import Library
from earmark.models.move import finish_move
from earmark.settings import SettingsStore
from earmark.vectors import Vectors, VectorStore, unit

MODEL = "org/name"
ENTRY = CatalogEntry.model_validate(
    {
        "id": MODEL,
        "title": "A name",
        "tasks": ["speech-recognition"],
        "format": "transformers",
        "architecture": "Wav2Vec2ForCTC",
        "licence": "MIT",
        "origin": "An organisation",
        "size_mb": 40.0,
        "source": {"kind": "hub", "repo": MODEL},
    }
)
KEYS = tuple(f"{number:064x}" for number in range(400))


def main(what: str, folder: Path, endpoint: str) -> None:
    """Do it, until killed or done."""
    actions = {
        "download": lambda: download(folder, endpoint),
        "unpack": lambda: unpack(folder),
        "move": lambda: move(folder),
        "convert": lambda: convert(folder),
        "vectors": lambda: keep_vectors(folder),
    }
    prepare(what)
    say("begun")
    actions[what]()
    say("done")


def prepare(what: str) -> None:
    """Import what takes long."""
    if what == "download":
        from huggingface_hub import file_download

        file_download.constants.DOWNLOAD_CHUNK_SIZE = 1_000_000


def settings_of(folder: Path) -> SettingsStore:
    """The settings in a folder."""
    return SettingsStore(folder / "settings.json")


def library_of(folder: Path) -> Library:
    """The library that the settings in a folder name."""
    models = settings_of(folder).settings.models_folder or folder / "models"
    return Library(models, Catalog((ENTRY,)), hub_cache=folder / "no-hub")


def download(folder: Path, endpoint: str) -> None:
    """Fetch the model from a hub."""
    library_of(folder).fetch(ENTRY, network=True, endpoint=endpoint)


def unpack(folder: Path) -> None:
    """Install the model of a pack, unless it is there."""
    library = library_of(folder)
    if not library.installed():
        library.unpack(folder / "name.modelpack")


def move(folder: Path) -> None:
    """Move the library, or end a move that was begun."""
    store = settings_of(folder)
    finish_move(store)
    library, new = library_of(folder), folder / "elsewhere"

    def switch() -> None:
        store.update(models_folder=new, moved_from=library.folder)

    if library.folder != new:
        library.move(new, switch)
        finish_move(store)


def convert(folder: Path) -> None:
    """Import a folder of pickles, unless it is there."""
    library = library_of(folder)
    if not library.installed():
        library.import_folder(folder / "pickled", convert_pickle=True)


def keep_vectors(folder: Path) -> None:
    """Keep vectors under all keys."""
    store = store_of(folder)
    for key in KEYS:
        store.put(key, vectors_of(key))


def store_of(folder: Path) -> VectorStore:
    """The store in a folder."""
    return VectorStore(folder, ModelRef("m", "transformers", None, "1", "M"))


def vectors_of(key: str) -> Vectors:
    """What belongs under a key."""
    vectors = np.random.default_rng(int(key, 16)).normal(size=(200, 192))
    starts = np.arange(200)
    return Vectors(starts, starts + 2, unit(vectors.astype(np.float32)))


def say(word: str) -> None:
    """Write a line at once, past every buffer."""
    os.write(1, f"{word}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
