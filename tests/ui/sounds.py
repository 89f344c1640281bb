"""A window with the embeddings plugin, small models, and an engine in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import embedding_checkpoints as checkpoints
import numpy as np
import pytest
import soundfile
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from ui.conftest import Bench, FakeEngine

import earmark_plugins.embeddings
import earmark_plugins.zero_shot
from earmark.audio import render
from earmark.audio.files import import_file
from earmark.audio.flaws import Flaws
from earmark.audio.sources import Sources
from earmark.core.clips import Span
from earmark.core.errors import EarmarkError
from earmark.core.plugins import Plugins
from earmark.core.project import Project
from earmark.core.tasks import AudioInput, Job, Progress
from earmark.engine import protocol
from earmark.engine.context import Context, Surroundings
from earmark.engine.loaders import ModelCache
from earmark.engine.server import import_runner
from earmark.models.library import open_library
from earmark.settings import SettingsStore, folders
from earmark.ui.app import build

RATE = 8000
NAMES = ("low", "middle", "high", "noise", "hiss", "hum")


class EngineHere(FakeEngine):
    """Runs the runners at once, in this process."""

    def __init__(self, **callbacks: Any) -> None:
        super().__init__(**callbacks)
        self._models = ModelCache()

    def run(self, run: protocol.Run) -> None:
        super().run(run)
        with closing(Sources(run.cache, run.base)) as sources:
            for job in run.jobs:
                self._run(run, job, sources)

    def _run(self, run: protocol.Run, job: Job, sources: Sources) -> None:
        def read(given: AudioInput, rate: int, flaws: Flaws) -> Iterator[Any]:
            readers = sources.readers(given.sources)
            return render.input_blocks(
                given, rate, mono=True, readers=readers, flaws=flaws
            )

        context = Context(
            job,
            Surroundings(
                read=read,
                output=run.output,
                cache=run.cache,
                models=self._models,
                memory_budget_mb=1000,
                cancelled=lambda: False,
            ),
        )
        self.say(protocol.Started(job.id))
        try:
            found = list(import_runner(run.runner)(job, context))
        except EarmarkError as error:
            self.say(protocol.Failed(job.id, str(error), "", context.usage(0.0)))
            return
        results = tuple(each for each in found if not isinstance(each, Progress))
        self.say(protocol.Results(job.id, results))
        self.say(protocol.Done(job.id, context.usage(0.0)))


def sound(name: str) -> Any:
    """Two seconds that sound like their name, more or less."""
    times = np.arange(2 * RATE) / RATE
    random = np.random.default_rng(len(name))
    tones = {"low": 150, "middle": 700, "high": 3000, "hum": 160}
    if name in tones:
        return 0.4 * np.sin(2 * np.pi * tones[name] * times)
    return random.uniform(-0.4, 0.4, len(times))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with a clip for each of `NAMES`; the window closes it."""
    project = Project.create(tmp_path / "Test.earmark")
    with project.edit("Import") as edit:
        for name in NAMES:
            path = tmp_path / f"{name}.wav"
            soundfile.write(path, sound(name), RATE)
            source = import_file(path)
            edit.add_source(source)
            edit.add_clip(name, RATE, 1, (Span(source.id, 0, source.frames),))
    return project


@pytest.fixture
def models(tmp_path: Path, earmark_home: Path) -> tuple[str, ...]:
    """The models in the library of the test; a module may say others."""
    return ("ge2e",)


@pytest.fixture
def bench(
    qtbot: QtBot,
    qapp: QApplication,
    project: Project,
    models: tuple[str, ...],
    tmp_path: Path,
) -> Iterator[Bench]:
    """A window that shows the first clip."""
    store = SettingsStore(folders().settings)
    library = open_library(store.settings)
    for name in models:
        getattr(checkpoints, name)(tmp_path / "made" / name)
        library.import_folder(tmp_path / "made" / name)
    engines: list[FakeEngine] = []

    def engine(**callbacks: Any) -> FakeEngine:
        engines.append(EngineHere(**callbacks))
        return engines[-1]

    plugins = Plugins()
    plugins.register(earmark_plugins.embeddings, "embeddings")
    plugins.register(earmark_plugins.zero_shot, "zero-shot")
    studio = build(qapp, project, store=store, plugins=plugins, engine=engine)
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


@pytest.fixture
def auditions(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What is played that is not the shown clip: first frame and length of each."""
    heard: list[tuple[int, int]] = []

    def audition(spans: Any, rate: int, channels: int) -> None:
        heard.append((spans[0].offset, sum(span.frames for span in spans)))

    monkeypatch.setattr(bench.session.player, "audition", audition)
    return heard


def indexed(bench: Bench, qtbot: QtBot) -> None:
    """Have all clips embedded."""
    sounds = bench.window.sounds
    sounds.wake()
    qtbot.waitUntil(lambda: sounds.ready)
    sounds.index_missing()
    qtbot.waitUntil(lambda: not sounds.missing and not sounds.indexing)
