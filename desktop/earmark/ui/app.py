"""The window's process: constructs everything, runs the event loop."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from earmark.audio.transport import Transport
from earmark.core.errors import EarmarkError
from earmark.core.plugins import Plugins
from earmark.core.project import Project
from earmark.core.tasks import JobState
from earmark.engine.client import EngineClient
from earmark.engine.events import EngineFactory
from earmark.engine.queue import JobQueue
from earmark.models.library import open_library
from earmark.settings import SettingsStore, folders
from earmark.ui.appearance import Appearance
from earmark.ui.background import Background
from earmark.ui.dialogs.projects import new_untitled, open_project, remember
from earmark.ui.session import Session
from earmark.ui.window import MainWindow
from earmark.ui.wording import count

_SETTLE_MS = 1000


@dataclass(slots=True)
class Studio:
    """What `build` made, kept alive as long as the window is."""

    session: Session
    appearance: Appearance
    window: MainWindow


def main(
    files: Sequence[str] = (),
    *,
    no_plugins: bool = False,
    read_only: bool = False,
    run_task: str = "",
) -> int:
    """Show the window until it is closed.

    Parameters
    ----------
    files : sequence of str
        Sound files, folders, label files, or one project, to open.
    no_plugins : bool
        The safe mode: no plugin is loaded.
    read_only : bool
        Open a project that is named read-only.
    run_task : str, optional
        The id of a task to run on the files once they are there.

    Returns
    -------
    int
        The exit code.
    """
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    paths = [Path(file).expanduser() for file in files]
    named = next((p for p in paths if p.suffix == ".earmark" and p.is_dir()), None)
    store = SettingsStore(folders().settings)
    appearance = _appearance(app, store)
    try:
        project = _project(store, named, read_only=read_only)
    except EarmarkError as error:
        from earmark.ui.errors import ErrorDialog

        ErrorDialog(error).exec()
        return 1
    if project is None:
        return 1
    studio = build(
        app, project, store=store, appearance=appearance, no_plugins=no_plugins
    )
    studio.window.show()
    paths = [path for path in paths if path != named]
    QTimer.singleShot(0, lambda: _begin(studio, paths, run_task))
    return app.exec()


def build(
    app: QApplication,
    project: Project,
    *,
    store: SettingsStore,
    appearance: Appearance | None = None,
    no_plugins: bool = False,
    plugins: Plugins | None = None,
    engine: EngineFactory | None = None,
) -> Studio:
    """Construct the window and all it needs; nothing is shown yet."""
    app.setApplicationName("Earmark")
    app.setDesktopFileName("earmark")
    settings = store.settings
    if plugins is None:
        plugins = Plugins(enabled=not no_plugins, disabled=settings.disabled_plugins)
        plugins.discover()
    background = Background()
    queue = JobQueue(
        project,
        plugins,
        engine or EngineClient,
        post=background.post,
        settings=lambda: store.settings,
    )
    session = Session(
        project,
        queue=queue,
        plugins=plugins,
        store=store,
        library=open_library(settings),
        transport=Transport(settings.output_device, settings.input_device),
        folders=folders(settings),
        background=background,
    )
    window = MainWindow(session)
    return Studio(session, appearance or _appearance(app, store), window)


def _appearance(app: QApplication, store: SettingsStore) -> Appearance:
    appearance = Appearance(app, folders().cache / "style")
    appearance.choose(store.settings.theme)
    store.on_change(lambda settings: appearance.choose(settings.theme))
    return appearance


def _project(
    store: SettingsStore, named: Path | None, *, read_only: bool
) -> Project | None:
    """The project that was named, else the last one, else a new one."""
    if named is not None:
        if read_only:
            return Project.open(named, read_only=True)
        project = open_project(named, None)
        if project is not None:
            remember(store, project)
        return project
    last = store.settings.last_project
    project = None
    if last is not None and last.is_dir():
        try:
            project = open_project(last, None)
        except EarmarkError as error:
            from earmark.ui.errors import ErrorDialog

            ErrorDialog(error).exec()
    if project is None:
        project = new_untitled(folders().data)
    remember(store, project)
    return project


def _begin(studio: Studio, paths: list[Path], run_task: str = "") -> None:
    """What is done once the window is there."""
    session, window = studio.session, studio.window
    # The panels are painted before the thread below competes for the processor.
    window.repaint()
    # What draws takes half a second to load: the window is used meanwhile.
    session.background.run(
        lambda _: importlib.import_module("earmark.ui.editor.plot"),
        lambda _: _show(studio, paths, run_task),
        session.error.emit,
    )
    if session.store.problem:
        session.message.emit(session.store.problem, 0)
    if session.plugins.failures:
        names = ", ".join(dict.fromkeys(f.name for f in session.plugins.failures))
        session.message.emit(f"A plugin failed: {names}. See Preferences > Plugins.", 0)
    _tell_interrupted(session)
    window.files.offer_missing()
    QTimer.singleShot(_SETTLE_MS, session, lambda: _settle(session))


def _tell_interrupted(session: Session) -> None:
    """Say which jobs can go on where the program ended."""
    tasks = session.plugins.tasks
    ended = sum(
        task not in tasks or not tasks[task].hidden
        for task in session.project.tasks_in(JobState.INTERRUPTED)
    )
    if ended:
        were = "was" if ended == 1 else "were"
        told = f"{count(ended, 'job')} {were} interrupted: see Jobs to resume."
        session.message.emit(told, 12_000)


def _show(studio: Studio, paths: list[Path], run_task: str) -> None:
    """Show what was worked on last, or the files that were named."""
    session = studio.session
    session.show_first_clip()
    importing = studio.window.files.open(paths) if paths else None
    if importing is not None and run_task:
        importing.finished.connect(lambda: _run(session, run_task))


def _run(session: Session, task_id: str) -> None:
    """Run a task on the shown clip, with its defaults."""
    try:
        task = session.plugins.task(task_id)
        session.run_task(task, {}, session.library.default(task))
    except EarmarkError as error:
        session.error.emit(error)


def _settle(session: Session) -> None:
    """What makes later work smooth, done when the window is up and quiet."""
    # What was loaded at start stays. A collection that looks through all of it stops
    # the window for 70 ms.
    gc.freeze()
    # Loading the sound system takes a while; the first press of Space shall not wait.
    session.background.run(
        lambda _: session.transport.prepare(),
        lambda _: None,
        lambda error: session.message.emit(str(error), 8000),
    )
    session.trim_cache(lambda _: None)
