"""Where files go, and settings that survive bad files, crashes and new versions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import earmark.settings
from earmark.audio.spectrogram import SpectrogramSettings
from earmark.core.errors import EarmarkError
from earmark.settings import Settings, SettingsStore, folders


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "settings.json"


def test_one_home_holds_all_folders(earmark_home: Path) -> None:
    places = folders()
    assert places.config == earmark_home / "config"
    assert places.data == earmark_home / "data"
    assert places.cache == earmark_home / "cache"
    assert places.models == earmark_home / "models"
    assert places.settings == earmark_home / "config" / "settings.json"
    assert not earmark_home.exists()


def test_without_a_home_the_system_has_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EARMARK_HOME")
    monkeypatch.delenv("EARMARK_MODELS", raising=False)
    places = folders()
    for folder in (places.config, places.data, places.cache):
        assert folder.is_absolute()
        assert "earmark" in str(folder)
    assert places.models == places.data / "models"


def test_the_environment_goes_before_the_chosen_models_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EARMARK_MODELS", raising=False)
    chosen = Settings(models_folder=tmp_path / "chosen")
    assert folders(chosen).models == tmp_path / "chosen"
    monkeypatch.setenv("EARMARK_MODELS", str(tmp_path / "environment"))
    assert folders(chosen).models == tmp_path / "environment"


def test_a_first_start_needs_no_file(path: Path) -> None:
    store = SettingsStore(path)
    assert store.settings == Settings()
    assert store.settings.network is False
    assert store.problem == ""
    assert not path.parent.exists()


def test_settings_are_kept(path: Path, tmp_path: Path) -> None:
    SettingsStore(path).update(
        theme="dark",
        keys={"edit.split": ("Ctrl+I",)},
        recent_projects=[tmp_path / "a.earmark"],
        window={"geometry": "QUJD", "state": ""},
        task_models={"speech-recognition": "whisper-base"},
    )
    kept = SettingsStore(path).settings
    assert kept.theme == "dark"
    assert kept.keys == {"edit.split": ("Ctrl+I",)}
    assert kept.recent_projects == (tmp_path / "a.earmark",)
    assert kept.window.geometry == "QUJD"
    assert kept.task_models == {"speech-recognition": "whisper-base"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"device": "abacus"}, "The setting 'device'"),
        ({"memory_budget_mb": 1}, "The setting 'memory_budget_mb'"),
        ({"spectrogram": {"window": 3}}, "The setting 'spectrogram.window'"),
        ({"colour": "red"}, "The setting 'colour'"),
    ],
)
def test_a_bad_value_is_named_and_changes_nothing(
    path: Path, change: dict[str, Any], said: str
) -> None:
    store = SettingsStore(path)
    store.update(theme="dark")
    before = path.read_bytes()
    with pytest.raises(EarmarkError, match=said):
        store.update(**change)
    assert store.settings.theme == "dark"
    assert path.read_bytes() == before


def test_listeners_hear_of_changes_until_they_leave(path: Path) -> None:
    store = SettingsStore(path)
    heard: list[str] = []
    leave = store.on_change(lambda settings: heard.append(settings.theme))
    store.update(theme="dark")
    store.update(theme="dark")
    leave()
    leave()
    store.update(theme="light")
    assert heard == ["dark"]


def test_a_listener_may_change_settings_itself(path: Path) -> None:
    store = SettingsStore(path)

    def allow_network(settings: Settings) -> None:
        if not settings.network:
            store.update(network=True)

    store.on_change(allow_network)
    store.update(theme="dark")
    assert store.settings == Settings(theme="dark", network=True)
    assert SettingsStore(path).settings == store.settings


def test_what_another_process_has_set_is_kept(path: Path) -> None:
    window, command_line = SettingsStore(path), SettingsStore(path)
    command_line.update(theme="dark")
    window.update(device="cpu")
    assert window.settings.theme == "dark"
    assert SettingsStore(path).settings.device == "cpu"


def test_writers_at_the_same_time_lose_nothing(path: Path) -> None:
    changes = (
        {"theme": "dark"},
        {"device": "cpu"},
        {"cache_limit_mb": 500},
        {"memory_budget_mb": 1000},
    )

    def write(change: dict[str, Any]) -> None:
        store = SettingsStore(path)
        for _ in range(5):
            store.update(**change)

    threads = [threading.Thread(target=write, args=(change,)) for change in changes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = SettingsStore(path)
    assert kept.problem == ""
    assert kept.settings == Settings(
        theme="dark", device="cpu", cache_limit_mb=500, memory_budget_mb=1000
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b"{}",
        b'{"schema_version": "1"}',
        b'{"schema_version": true}',
        b'{"schema_version": 0}',
        b'{"schema_version": 1, "theme": "pink"}',
        b'{"schema_version": 1, "colour": "red"}',
        b"[" * 100_000,
        b'{"schema_version": 1' + b" " * 1000,
    ],
)
def test_a_broken_file_is_moved_aside_and_said(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    store = SettingsStore(path)
    assert store.settings == Settings()
    assert str(path) in store.problem
    assert "settings.json.broken" in store.problem
    assert path.with_name("settings.json.broken").read_bytes() == content
    store.update(theme="dark")
    again = SettingsStore(path)
    assert (again.settings.theme, again.problem) == ("dark", "")


def test_a_file_that_breaks_while_the_program_runs_costs_nothing(path: Path) -> None:
    store = SettingsStore(path)
    store.update(theme="dark")
    path.write_text("{")
    store.update(device="cpu")
    assert SettingsStore(path).settings == Settings(theme="dark", device="cpu")
    assert path.with_name("settings.json.broken").read_text() == "{"


def test_settings_of_a_newer_version_are_put_aside(path: Path) -> None:
    path.parent.mkdir()
    content = json.dumps({"schema_version": 99, "theme": "dark"})
    path.write_text(content)
    store = SettingsStore(path)
    assert store.settings == Settings()
    assert "newer Earmark" in store.problem
    assert path.with_name("settings.json.newer").read_text() == content


def test_older_settings_are_migrated_step_by_step(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dark_flag(stored: dict[str, Any]) -> dict[str, Any]:
        stored["theme"] = "dark" if stored.pop("dark") else "light"
        return stored

    def no_sound(stored: dict[str, Any]) -> dict[str, Any]:
        del stored["sound"]
        return stored

    class Later(Settings):
        schema_version: int = 3  # type: ignore[assignment]  # as a later release has it

    monkeypatch.setattr(earmark.settings, "MIGRATIONS", (dark_flag, no_sound))
    monkeypatch.setattr(earmark.settings, "Settings", Later)
    path.parent.mkdir()
    path.write_text(json.dumps({"schema_version": 1, "dark": True, "sound": 1}))
    store = SettingsStore(path)
    assert store.problem == ""
    assert (store.settings.theme, store.settings.schema_version) == ("dark", 3)
    path.write_text(json.dumps({"schema_version": 2, "theme": "dark", "sound": 1}))
    assert SettingsStore(path).settings.theme == "dark"


def test_the_list_of_migrations_ends_at_the_present_version() -> None:
    assert Settings().schema_version == len(earmark.settings.MIGRATIONS) + 1


def test_a_write_that_fails_leaves_the_old_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SettingsStore(path)
    store.update(theme="dark")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(EarmarkError, match="cannot be written") as caught:
            store.update(theme="light")
    assert "No space left" in caught.value.message
    assert store.settings.theme == "dark"
    assert SettingsStore(path).settings.theme == "dark"
    assert [p.name for p in path.parent.iterdir() if not p.name.startswith(".")] == [
        "settings.json"
    ]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = SettingsStore(tmp_path / "file" / "settings.json")
    with pytest.raises(EarmarkError, match="cannot be written"):
        store.update(theme="dark")


def test_a_file_that_cannot_be_read_is_left_alone(path: Path) -> None:
    path.mkdir(parents=True)
    store = SettingsStore(path)
    assert store.settings == Settings()
    assert "cannot be read" in store.problem
    assert path.is_dir()


def test_importing_settings_is_cheap() -> None:
    script = """
import sys, earmark.settings
heavy = {"numpy", "platformdirs", "filelock", "earmark.models", "PySide6", "torch"}
print(sorted(heavy & set(sys.modules)))
"""
    told = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert told.stdout.strip() == "[]"


def test_a_new_project_gets_the_spectrogram_that_is_meant() -> None:
    defaults = Settings().spectrogram.model_dump()
    assert SpectrogramSettings(**defaults) == SpectrogramSettings()
