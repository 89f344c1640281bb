"""A whole window over a real project, and a check that nothing of it stays behind."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile
from PySide6.QtCore import QCoreApplication, QEvent, QThread, QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from shiboken6 import Shiboken

from earmark.audio.files import import_file
from earmark.core.clips import Span
from earmark.core.plugins import Plugins
from earmark.core.project import Project
from earmark.core.tasks import Params, Task, param
from earmark.engine import protocol
from earmark.engine.client import ExitReason
from earmark.settings import SettingsStore, folders
from earmark.ui.app import Studio, build
from earmark.ui.background import Background
from earmark.ui.session import Session

RATE = 8000
SECONDS = 4
PATIENCE_MS = 60_000


class PatientQtBot(QtBot):
    """Waits long before it gives up: a busy machine is slow, and not wrong."""

    def waitUntil(
        self, callback: Callable[[], bool | None], *, timeout: int = PATIENCE_MS
    ) -> None:
        super().waitUntil(callback, timeout=timeout)

    def waitSignal(
        self, signal: Any, *, timeout: int = PATIENCE_MS, **options: Any
    ) -> Any:
        return super().waitSignal(signal, timeout=timeout, **options)

    def waitSignals(
        self, signals: Any, *, timeout: int = PATIENCE_MS, **options: Any
    ) -> Any:
        return super().waitSignals(signals, timeout=timeout, **options)

    def waitExposed(self, widget: Any, *, timeout: int = PATIENCE_MS) -> Any:
        return super().waitExposed(widget, timeout=timeout)


@pytest.fixture
def qtbot(qapp: QApplication, request: pytest.FixtureRequest) -> QtBot:
    """A patient bot instead of pytest-qt's own."""
    return PatientQtBot(request)


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test with a window that leaves widgets, threads, timers or processes."""
    if "qtbot" not in request.fixturenames:
        yield
        return
    # Looked up first, so that it is torn down after this one has looked.
    app = request.getfixturevalue("qapp")
    children = set(psutil.Process().children())
    threads = set(threading.enumerate())
    before = _alive(app)
    yield
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    app.processEvents()
    gc.collect()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    left = {kind: found - before[kind] for kind, found in _alive(app).items()}
    assert not any(left.values()), f"the test left behind {left}"
    started = {t.name for t in set(threading.enumerate()) - threads if t.is_alive()}
    assert not started, f"the test left threads running: {started}"
    assert not set(psutil.Process().children()) - children


def _alive(app: QApplication) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {"widgets": set(), "timers": set(), "threads": set()}
    for widget in app.topLevelWidgets():
        if widget.parent() is None and Shiboken.isValid(widget):
            found["widgets"].add(f"{type(widget).__name__} {id(widget):x}")
    for each in gc.get_objects():
        # Asked of the type: an object may answer for its class with a warning.
        if (
            issubclass(type(each), QTimer)
            and Shiboken.isValid(each)
            and each.isActive()
        ):
            found["timers"].add(f"timer of {type(each.parent()).__name__}")
        elif (
            issubclass(type(each), QThread)
            and Shiboken.isValid(each)
            and each.isRunning()
        ):
            found["threads"].add(repr(each))
    return found


class ShoutParams(Params):
    """Parameters of every kind."""

    loud: bool = param(False, "Loud", "Shout.")
    times: int = param(2, "Times", "How often.", ge=1, le=9)
    gap_s: float = param(0.5, "Gap", "Between two.", unit="s", ge=0, le=5, step=0.1)
    tone: str = param("", "Tone", "Of voice.", choices=(("", "Any"), ("low", "Low")))
    note: str = param("", "Note", "What else.", multiline=True, advanced=True)
    seed: int | None = param(None, "Seed", "For luck.", ge=0, le=99)


class SayParams(Params):
    """A text."""

    text: str = param(..., "Text", "What to say.", multiline=True)


LISTEN = Task(
    "listen", "Listen", "Hear things.", "understand", "audio", ShoutParams, "none:run"
)
SAY = Task(
    "say", "Say", "Say things.", "generate", "text", SayParams, "none:run",
    text_param="text",
)  # fmt: skip


class FakeEngine:
    """Takes jobs and says what a test makes it say."""

    def __init__(
        self,
        *,
        on_message: Callable[[protocol.FromEngine], None],
        on_exit: Callable[[ExitReason], None],
    ) -> None:
        self.say = on_message
        self.runs: list[protocol.Run] = []
        self.cancelled: list[int] = []

    def run(self, run: protocol.Run) -> None:
        self.runs.append(run)

    def cancel(self, job: int) -> None:
        self.cancelled.append(job)

    def kill(self) -> None: ...

    def close(self) -> None: ...


class TwoTasks:
    """A plugin with a task of each group, without models."""

    def __init__(self) -> None:
        from earmark.core.hookspecs import hookimpl

        self.register_tasks = hookimpl(lambda: [LISTEN, SAY])


class Bench:
    """A window, its session, and the engine behind it."""

    def __init__(self, studio: Studio, engine: FakeEngine) -> None:
        self.studio = studio
        self.engine = engine

    @property
    def window(self) -> Any:
        return self.studio.window

    @property
    def session(self) -> Session:
        return self.studio.session

    @property
    def project(self) -> Project:
        return self.studio.session.project


@contextmanager
def held_up(background: Background) -> Iterator[None]:
    """Let no pool thread begin anything meanwhile."""
    go_on = threading.Event()
    for _ in range(background._threads):
        background.run(lambda _: go_on.wait(), lambda _: None, lambda _: None)
    try:
        yield
    finally:
        go_on.set()


@pytest.fixture
def make_sound(tmp_path: Path) -> Callable[..., Path]:
    """Make a sound file."""

    def make(name: str = "tone.wav", seconds: float = SECONDS) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        times = np.arange(int(seconds * RATE)) / RATE
        # Named so that no two files have the same content.
        pitch = 200 + sum(name.encode()) % 700
        tone = 0.4 * np.sin(2 * np.pi * pitch * times).astype(np.float32)
        soundfile.write(path, tone, RATE)
        return path

    return make


@pytest.fixture
def project(tmp_path: Path, make_sound: Callable[..., Path]) -> Project:
    """A project with one clip of four seconds; the window closes it."""
    project = Project.create(tmp_path / "Test.earmark")
    source = import_file(make_sound())
    with project.edit("Import") as edit:
        edit.add_source(source)
        edit.add_clip("tone", RATE, 1, (Span(source.id, 0, source.frames),))
    return project


@pytest.fixture
def bench(qtbot: QtBot, qapp: QApplication, project: Project) -> Iterator[Bench]:
    """A window that shows the clip, with two tasks and an engine that does nothing."""
    engines: list[FakeEngine] = []

    def engine(**callbacks: Any) -> FakeEngine:
        engines.append(FakeEngine(**callbacks))
        return engines[-1]

    plugins = Plugins()
    plugins.register(TwoTasks(), "two-tasks")
    studio = build(
        qapp,
        project,
        store=SettingsStore(folders().settings),
        plugins=plugins,
        engine=engine,
    )
    studio.window.resize(1280, 800)
    with qtbot.waitExposed(studio.window):
        studio.window.show()
    studio.session.show_first_clip()
    qtbot.waitUntil(lambda: studio.window.docks["labels"].built)
    yield Bench(studio, engines[-1])
    studio.window.close()
    studio.window.deleteLater()
    qtbot.waitUntil(lambda: project.closed)
    studio.session.deleteLater()
    studio.appearance.deleteLater()
