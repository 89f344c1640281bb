"""Make the pictures of the README: the real window with the demo recording.

    python packaging/screenshots.py

The window is drawn off screen at 1920x1080 in a home of its own, with the models that
are on this machine; both themes, a transcript and what else was heard, a running job,
and a spoken clip.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"
if "EARMARK_MODELS" not in os.environ:
    from earmark.settings import folders

    os.environ["EARMARK_MODELS"] = str(folders().models)

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from earmark.core.project import Project
from earmark.core.tasks import JobState
from earmark.settings import SettingsStore
from earmark.ui.app import Studio, build
from earmark.ui.panels.task_panel import TaskPanel
from earmark.ui.panels.tasks import Tasks
from earmark.ui.session import Selection

ASSETS = Path(__file__).resolve().parent.parent / "assets"
PICTURES = ASSETS / "screenshots"
SENTENCE = "Earmark speaks without a network. It is 5 past 10."


def main() -> int:
    """Make all pictures."""
    app = QApplication([])
    with tempfile.TemporaryDirectory() as home:
        os.environ["EARMARK_HOME"] = home
        store = SettingsStore(Path(home) / "settings.json")
        store.update(theme="dark")
        project = Project.create(Path(home) / "Interview.earmark")
        studio = build(app, project, store=store)
        window, session = studio.window, studio.session
        window.resize(1920, 1080)
        window.show()
        importing = window.files.open([ASSETS / "demo.wav"])
        assert importing is not None
        until(lambda: session.clip is not None)
        run(studio, "speech-recognition", {})
        run(studio, "audio-content", {})
        run(studio, "speaker-identification", {})
        run(studio, "text-to-speech", {"text": SENTENCE, "seed": 7})
        first = session.project.clips()[0]
        session.show_clip(first.id)
        correct(studio)
        window.dock("jobs").reveal()
        task = session.plugins.task("speech-recognition")
        window.show_task(task)
        session.run_task(task, {"beam_size": 5}, session.library.default(task))
        until(lambda: session.queue.jobs()[-1].state == JobState.RUNNING)
        settle(1000)
        picture(studio, "window-dark")
        store.update(theme="light")
        settle(400)
        picture(studio, "window-light")
        until(lambda: session.queue.jobs()[-1].state == JobState.DONE)
        session.project.undo()
        window.show_task(session.plugins.task("text-to-speech"))
        session.show_clip(session.project.clips()[-1].id)
        window.dock("labels").reveal()
        settle(1500)
        picture(studio, "generate-light")
        store.update(theme="dark")
        settle(400)
        picture(studio, "generate-dark")
        window.close()
        app.processEvents()
    return 0


def run(studio: Studio, task_id: str, params: dict[str, object]) -> None:
    """Run a task to its end, from its panel."""
    session, window = studio.session, studio.window
    task = session.plugins.task(task_id)
    window.show_task(task)
    tasks = window.dock(task.group).content()
    assert isinstance(tasks, Tasks)
    panel = tasks.current()
    assert isinstance(panel, TaskPanel)
    panel.form.set_values(params)
    panel.run()
    until(lambda: session.queue.jobs()[-1].state == JobState.DONE)


def correct(studio: Studio) -> None:
    """What a person does to a transcript: accept, correct, select."""
    session = studio.session
    assert session.clip is not None
    segments, *_ = session.project.tracks(session.clip.id)
    first, second, *_ = session.project.labels(segments.id)
    with session.project.edit("Correct text") as edit:
        edit.set_label_status([first.id], "accepted")
        edit.update_label(second.id, text=second.text.replace(",", ""))
    session.set_active_track(segments.id)
    session.select(Selection(second.start, second.stop))
    session.select_labels([second.id])
    session.set_playhead(second.start + session.clip.rate)


def until(reached: Callable[[], bool]) -> None:
    """Let the window live until something is so."""
    while not reached():
        settle(20)


def settle(for_ms: int) -> None:
    """Let the window live for a while."""
    loop = QEventLoop()
    QTimer.singleShot(for_ms, loop.quit)
    loop.exec()


def picture(studio: Studio, name: str) -> None:
    """Save what the window looks like."""
    studio.window.grab().save(str(PICTURES / f"{name}.png"))


if __name__ == "__main__":
    sys.exit(main())
