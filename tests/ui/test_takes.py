"""A sentence spoken, and heard back, by the starter weights behind the real window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from earmark.core.plugins import Plugins
from earmark.core.project import Project
from earmark.core.tasks import JobState
from earmark.settings import SettingsStore, folders
from earmark.ui.app import Studio, build
from earmark.ui.browser import NAME
from earmark.ui.queue import JobDetails

SENTENCE = "The quick brown fox jumps over the lazy dog."
PATIENCE_MS = 120_000


@pytest.fixture
def studio(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, models_folder: Path
) -> Iterator[Studio]:
    """A window with the built-in plugins and a real engine."""
    plugins = Plugins()
    plugins.discover()
    project = Project.create(tmp_path / "Takes.earmark")
    made = build(
        qapp, project, store=SettingsStore(folders().settings), plugins=plugins
    )
    with qtbot.waitExposed(made.window):
        made.window.show()
    yield made
    made.window.close()
    made.window.deleteLater()
    qtbot.waitUntil(lambda: project.closed)
    made.session.deleteLater()
    made.appearance.deleteLater()


def panel(studio: Studio, task_id: str) -> Any:
    """The panel of a task, in front."""
    task = studio.session.plugins.task(task_id)
    studio.window.show_task(task)
    tasks: Any = studio.window.dock(task.group).content()
    return tasks.current()


def wait_until_done(qtbot: QtBot, studio: Studio, jobs: int) -> None:
    def done() -> bool:
        found = studio.session.queue.jobs()
        failed = [job.error for job in found if job.state == JobState.FAILED]
        assert not failed
        return [job.state for job in found] == [JobState.DONE] * jobs

    qtbot.waitUntil(done, timeout=PATIENCE_MS)


def test_a_take_is_spoken_checked_and_marked(qtbot: QtBot, studio: Studio) -> None:
    session, window = studio.session, studio.window
    speak = panel(studio, "text-to-speech")
    speak.form.set_values({"text": SENTENCE, "seed": 1})
    speak.run()
    wait_until_done(qtbot, studio, 1)
    (take,) = session.project.takes()
    assert session.clip is not None
    assert take.clip == session.clip.id
    clips: Any = window.dock("browser").content().model
    tip = clips.index(0, NAME).data(Qt.ItemDataRole.ToolTipRole)
    assert tip.endswith("Generated")

    check_take = window.commands.action("generate.check_take")
    qtbot.waitUntil(check_take.isEnabled)
    check_take.trigger()
    wait_until_done(qtbot, studio, 2)

    (take,) = session.project.takes()
    assert take.check["words"] == 9
    assert take.check["wer"] <= 0.2
    told = f"Checked: {take.check['summary']}"
    assert told in clips.index(0, NAME).data(Qt.ItemDataRole.ToolTipRole)
    assert window.status.currentMessage() == take.check["summary"]
    window.dock("jobs").reveal()
    jobs: Any = window.dock("jobs").content()
    jobs.table.selectRow(0)
    jobs.show_details()
    (details,) = jobs.findChildren(JobDetails)
    assert f"Result: {take.check['summary']}" in details.text
    details.close()

    # The panel brings the text along; another one diverges, which is marked.
    check = panel(studio, "take-check")
    assert check.form.values()["text"] == SENTENCE
    check.form.set_values({"text": SENTENCE.replace("lazy dog", "purple elephant")})
    check.run()
    wait_until_done(qtbot, studio, 3)

    (other,) = session.project.takes()
    assert other.check["wer"] > take.check["wer"]
    assert "purple elephant" in other.check["summary"]
    assert "purple elephant" in check.preview.toPlainText()
    tracks = session.project.tracks(session.clip.id)
    marks = session.project.labels(tracks[-1].id)
    assert [mark.text for mark in marks] == [
        f"“purple elephant” heard as “{other.check['longest_divergent']['heard']}”"
    ]

    session.project.undo()
    assert session.project.takes() == [take]
    assert told in clips.index(0, NAME).data(Qt.ItemDataRole.ToolTipRole)
