"""Starting the program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from ui.conftest import Bench

from earmark.core.labels import Label
from earmark.core.project import Project
from earmark.core.tasks import JobState
from earmark.settings import SettingsStore, folders
from earmark.ui import app as program
from earmark.ui.dialogs import projects

HEAVY = ("torch", "transformers", "ctranslate2", "onnxruntime", "faster_whisper")
LATE = ("pyqtgraph", "scipy", "av", "rich", "qtawesome", "huggingface_hub")


def test_the_window_loads_no_model_library_and_no_late_one_at_start() -> None:
    script = (
        "import sys\n"
        "from PySide6.QtWidgets import QApplication\n"
        "from earmark.ui import app\n"
        "begin = app._begin\n"
        "def ready(studio, paths, task):\n"
        "    assert studio.window.isVisible()\n"
        "    print(*sorted(sys.modules), sep='\\n')\n"
        "    begin(studio, paths, task)\n"
        "    studio.window.close()\n"
        "app._begin = ready\n"
        "sys.exit(app.main([]))\n"
    )

    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120
    )

    assert run.returncode == 0, run.stderr
    loaded = set(run.stdout.split())
    assert "earmark.ui.window" in loaded
    assert not loaded.intersection(HEAVY + LATE)


def test_the_first_start_makes_an_untitled_project(earmark_home: Path) -> None:
    store = SettingsStore(folders().settings)

    project = program._project(store, None, read_only=False)

    assert project is not None
    assert project.untitled
    assert project.folder.parent == folders().data
    assert store.settings.last_project == project.folder
    project.close()


def test_the_last_project_is_opened_again(tmp_path: Path) -> None:
    store = SettingsStore(folders().settings)
    Project.create(tmp_path / "Mine.earmark").close()
    store.update(last_project=tmp_path / "Mine.earmark")

    project = program._project(store, None, read_only=False)

    assert project is not None
    assert project.name == "Mine"
    project.close()


@pytest.mark.parametrize("accepted", [True, False])
def test_a_project_in_use_is_offered_read_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, accepted: bool
) -> None:
    first = Project.create(tmp_path / "Mine.earmark")
    told: list[str] = []

    def answer(_: object, error: Exception, offer: str) -> bool:
        told.append(f"{error} [{offer}]")
        return accepted

    monkeypatch.setattr(projects, "ask", answer)
    second = projects.open_project(first.folder, None)

    assert "[Open read-only]" in told[0]
    assert (second is not None) == accepted
    if second is not None:
        assert second.read_only
        second.close()
    first.close()


def test_what_could_be_read_of_a_damaged_project_is_told(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with project.edit("Labels") as edit:
        track = edit.add_track(1, "Labels")
        edit.add_labels(Label(0, track, n, n) for n in range(3))
    project._database.run("UPDATE labels SET text = CAST(x'ff' AS TEXT) WHERE id = 2")
    monkeypatch.setattr(projects, "ask", lambda *_: True)
    told: list[str] = []
    monkeypatch.setattr(projects, "tell", lambda _, *words: told.extend(words))
    project._database.run("PRAGMA user_version = 0")
    folder = project.folder
    project.close()

    salvaged = projects.open_project(folder, None)

    assert salvaged is not None
    assert salvaged.read_only
    salvaged.close()
    assert told[0] == "Of Test, 1 clip, 1 label track and 2 labels could be read."
    assert told[1].startswith("Some labels could not be read.")


def test_jobs_that_were_interrupted_are_told_of(qtbot: QtBot, bench: Bench) -> None:
    session = bench.session
    for _ in range(2):
        (job,) = session.run_task(session.plugins.task("listen"), {}, None, "clip")
        session.project.update_job(job, state=JobState.INTERRUPTED)

    with qtbot.waitSignal(session.message) as told:
        program._tell_interrupted(session)

    assert told.args[0] == "2 jobs were interrupted: see Jobs to resume."


def test_the_appearance_follows_the_choice(qtbot: QtBot, qapp: QApplication) -> None:
    from earmark.ui.appearance import Appearance, current_palette

    appearance = Appearance(qapp, folders().cache / "style")
    appearance.choose("light")
    assert not current_palette().dark

    with qtbot.waitSignal(appearance.changed):
        appearance.choose("dark")

    assert current_palette().dark
    appearance.deleteLater()
