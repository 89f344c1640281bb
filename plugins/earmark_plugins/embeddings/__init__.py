"""Embeddings: sounds as vectors, to find alike ones, to map them, and to export."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from earmark.api import Params, Task, Windowing, hookimpl, param

_FORMATS = ("ge2e", "musicnn", "beats", "transformers")
_ARCHITECTURES = (
    "AST*",
    "ClapModel",
    "Hubert*",
    "UniSpeech*",
    "Wav2Vec2*",
    "WavLM*",
    "Whisper*",
)


class Embeddings(Windowing):
    """What one vector stands for."""

    each: Literal["window", "clip"] = param(
        "window",
        "A vector for",
        "Each window, or all that is heard: the mean of its windows.",
        choices=(("window", "Each window"), ("clip", "The whole")),
    )


class FindSounds(Params):
    """What is looked for: a description, or else the sound given as the example."""

    description: str = param("", "Description", "What it sounds like, in words.")


class EmbeddingMap(Params):
    """Which vectors are laid out in two dimensions, and how."""

    vectors: Path = param(..., "Vectors", "A .npy file, one vector a row.")
    method: Literal["pca", "umap"] = param(
        "umap",
        "Method",
        "UMAP shows groups, PCA the directions in which sounds differ most.",
        choices=(("umap", "UMAP"), ("pca", "PCA")),
    )
    neighbours: int = param(
        15, "Neighbours", "Of a point, in UMAP: fewer show finer groups.", ge=2, le=200
    )


@hookimpl
def register_tasks() -> Sequence[Task]:
    """Give the tasks of this plugin."""
    return [
        Task(
            id="embeddings",
            title="Embeddings",
            summary="Turn sounds into vectors, to find alike ones and to map them.",
            group="understand",
            input="audio",
            params=Embeddings,
            runner="earmark_plugins.embeddings.runner:run",
            many="earmark_plugins.embeddings.runner:run_many",
            formats=_FORMATS,
            architectures=_ARCHITECTURES,
            icon="ph.circles-three",
            vectors=True,
        ),
        Task(
            id="find-sounds",
            title="Find sounds",
            summary="Turn a description or an example into a vector to search with.",
            group="understand",
            input="text",
            params=FindSounds,
            runner="earmark_plugins.embeddings.queries:run",
            formats=_FORMATS,
            architectures=_ARCHITECTURES,
            icon="ph.magnifying-glass",
            hidden=True,
        ),
        Task(
            id="embedding-map",
            title="Sound map",
            summary="Lay vectors out in two dimensions, alike ones close together.",
            group="understand",
            input="text",
            params=EmbeddingMap,
            runner="earmark_plugins.embeddings.maps:run",
            icon="ph.circles-three-plus",
            hidden=True,
        ),
    ]
