"""What a person can set, and where Earmark keeps its files."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from earmark.core.durable import replaced
from earmark.core.errors import EarmarkError
from earmark.core.listeners import Listeners


@dataclass(frozen=True, slots=True)
class Folders:
    """Where Earmark keeps its files.

    Attributes
    ----------
    config : Path
        The settings.
    data : Path
        Untitled projects.
    cache : Path
        Decoded audio, peaks and spectrograms; may be deleted at any time.
    models : Path
        The model library.
    """

    config: Path
    data: Path
    cache: Path
    models: Path

    @property
    def settings(self) -> Path:
        """The settings file."""
        return self.config / "settings.json"


def folders(settings: Settings | None = None) -> Folders:
    """The folders, as the environment and the settings have them now.

    `EARMARK_HOME` puts all of them below one folder; `EARMARK_MODELS` names the model
    library and goes before `Settings.models_folder`. Nothing is created.
    """
    if home := os.environ.get("EARMARK_HOME"):
        base = Path(home).expanduser().absolute()
        config, data, cache = base / "config", base / "data", base / "cache"
        models = base / "models"
    else:
        import platformdirs

        config = platformdirs.user_config_path("earmark", appauthor=False)
        data = platformdirs.user_data_path("earmark", appauthor=False)
        cache = platformdirs.user_cache_path("earmark", appauthor=False)
        models = data / "models"
    if settings is not None and settings.models_folder is not None:
        models = settings.models_folder
    if chosen := os.environ.get("EARMARK_MODELS"):
        models = Path(chosen).expanduser().absolute()
    return Folders(config, data, cache, models)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WindowState(_Section):
    """The main window's place and layout, base64 of what Qt saves."""

    geometry: str = ""
    state: str = ""


class SpectrogramDefaults(_Section):
    """How a spectrogram looks in a new project; as in `SpectrogramSettings`."""

    window: int = Field(2048, ge=256, le=16384)
    overlap: float = Field(0.75, ge=0, le=0.95)
    function: str = "hann"
    padding: Literal[1, 2, 4] = 1
    tilt_db: float = 0.0
    scale: Literal["linear", "mel", "log"] = "mel"
    low_hz: float = Field(0.0, ge=0)
    high_hz: float = Field(0.0, ge=0)
    floor_db: float = -100.0
    ceiling_db: float = -20.0
    colormap: str = "magma"


class Settings(_Section):
    """All settings, with the values of a first start.

    Attributes
    ----------
    network : bool
        Whether downloads from a model hub are allowed.
    device : {"auto", "cpu", "cuda", "mps"}
        Where models run.
    models_folder : Path or None
        Another place for the model library.
    moved_from : Path or None
        The place that it was moved from, until what was copied is deleted there.
    memory_budget_mb : int
        Loaded models above it are let go, the least recently used first.
    cache_limit_mb : int
        Above it the cache loses what was not used for longest.
    input_device, output_device : str
        A sound device's name; empty is the system's default.
    keys : dict of str to tuple of str
        Command id to the key sequences that replace its own.
    disabled_plugins : tuple of str
    recent_projects : tuple of Path
        The latest first.
    last_project : Path or None
        Opened at the next start.
    task_models : dict of str to str
        Task id to the id of the model chosen for it.
    """

    schema_version: Literal[1] = 1
    network: bool = False
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    models_folder: Path | None = None
    moved_from: Path | None = None
    memory_budget_mb: int = Field(4096, ge=256)
    cache_limit_mb: int = Field(10240, ge=100)
    theme: Literal["system", "light", "dark"] = "system"
    input_device: str = ""
    output_device: str = ""
    keys: dict[str, tuple[str, ...]] = {}
    disabled_plugins: tuple[str, ...] = ()
    recent_projects: tuple[Path, ...] = ()
    last_project: Path | None = None
    window: WindowState = WindowState()
    task_models: dict[str, str] = {}
    spectrogram: SpectrogramDefaults = SpectrogramDefaults()


Migration = Callable[[dict[str, Any]], dict[str, Any]]

MIGRATIONS: tuple[Migration, ...] = ()
"""The n-th (from 1) turns settings of schema version n into those of n + 1."""


class SettingsStore:
    """The settings file.

    Parameters
    ----------
    path : Path
        A missing file means the values of a first start; it is written at the first
        `update`. A file that cannot be used is moved aside and `problem` says so.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._listeners: Listeners[[Settings]] = Listeners()
        self._problem = ""
        self._settings = self._read() or Settings()

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._settings

    @property
    def problem(self) -> str:
        """What was wrong with the file; empty if nothing was."""
        return self._problem

    def update(self, **changes: Any) -> Settings:
        """Change settings and write the file.

        The file is read again first, so that what another process (a command line
        beside the window) has set meanwhile is kept.

        Parameters
        ----------
        **changes
            Fields of `Settings`; plain values are validated.

        Returns
        -------
        Settings
            The new settings; listeners have been told.

        Raises
        ------
        EarmarkError
            If a name or a value is not allowed, or the file cannot be written.
            Nothing is changed then.
        """
        from filelock import FileLock

        with self._lock:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with FileLock(self._path.with_name(f".{self._path.name}.lock")):
                    current = self._read() or self._settings
                    settings = _validated(current.model_dump() | changes)
                    _write(self._path, settings)
            except OSError as error:
                raise EarmarkError(
                    f"The settings cannot be written to {self._path}: "
                    f"{error.strerror or error}.",
                    "Check that the folder is writable and the disk is not full.",
                ) from error
            changed = settings != self._settings
            self._settings = settings
        if changed:
            self._listeners.tell(settings)
        return settings

    def on_change(self, listener: Callable[[Settings], None]) -> Callable[[], None]:
        """Call `listener` with the new settings after each change.

        It is called on the thread that called `update`.

        Returns
        -------
        callable
            Ends the subscription.
        """
        return self._listeners.add(listener)

    def _read(self) -> Settings | None:
        """The file's settings; None if there is no file or it was moved aside."""
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            version = _version(stored)
            if version > len(MIGRATIONS) + 1:
                self._set_aside(
                    ".newer", "were written by a newer Earmark and cannot be read"
                )
                return None
            return _validated(migrate(stored, version))
        except FileNotFoundError:
            return None
        except OSError as error:
            self._problem = (
                f"The settings in {self._path} cannot be read "
                f"({error.strerror or error}). The values of a first start are used."
            )
            return None
        except (ValueError, RecursionError, EarmarkError) as error:
            self._set_aside(".broken", f"cannot be used ({error})")
            return None

    def _set_aside(self, suffix: str, what: str) -> None:
        aside = self._path.with_name(self._path.name + suffix)
        try:
            self._path.replace(aside)
        except OSError as error:
            where = f"The file could not be moved aside: {error.strerror or error}."
        else:
            where = f"The file was moved aside to {aside.name}."
        self._problem = (
            f"The settings in {self._path} {what}. {where} "
            "The values of a first start are used."
        )


def migrate(stored: dict[str, Any], version: int) -> dict[str, Any]:
    """Settings of an older schema version, brought to the present one."""
    for number, migration in enumerate(MIGRATIONS[version - 1 :], start=version + 1):
        stored = migration(dict(stored)) | {"schema_version": number}
    return stored


def _version(stored: Any) -> int:
    if not isinstance(stored, dict):
        raise ValueError("it holds no settings")
    version = stored.get("schema_version")
    if type(version) is not int or version < 1:
        raise ValueError("schema_version is missing")
    return version


def _validated(values: dict[str, Any]) -> Settings:
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise EarmarkError(f"The setting {field!r}: {first['msg']}.") from error


def _write(path: Path, settings: Settings) -> None:
    text = settings.model_dump_json(indent=2) + "\n"
    with replaced(path) as beside:
        beside.write_text(text, encoding="utf-8")
        if beside.read_text(encoding="utf-8") != text:
            raise OSError(f"{beside} does not hold what was written")
