"""Which model a task uses, and how to get one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from earmark.core.tasks import ModelRef, Task
from earmark.models.catalog import CatalogEntry
from earmark.models.library import InstalledModel
from earmark.ui.dialogs.licence import starter_mb
from earmark.ui.fetching import Fetching
from earmark.ui.icons import icon
from earmark.ui.models import ModelLibrary, import_folder
from earmark.ui.session import Session
from earmark.ui.widgets import bold, button, muted
from earmark.ui.wording import size

_MODEL = Qt.ItemDataRole.UserRole


class ModelPicker(QWidget):
    """The models a task can use: those on disk, then those that can be fetched.

    Parameters
    ----------
    session : Session
    task : Task
    fetching : Fetching
        Fetches models, one at a time for the whole window.
    """

    changed = Signal()

    def __init__(
        self,
        session: Session,
        task: Task,
        fetching: Fetching,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._task = task
        self._fetching = fetching
        caption = QLabel("Model", self)
        bold(caption)
        self.more = button("All models…", self._open_library, self, role="link")
        self.box = QComboBox(self)
        self.box.setAccessibleName("Model")
        self.box.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.box.setMinimumContentsLength(12)
        self.facts = muted("", self)
        self.notice = _Notice(self)
        self.notice.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 0)
        head.addWidget(caption)
        head.addStretch(1)
        head.addWidget(self.more)
        layout.addLayout(head)
        for widget in (self.box, self.facts, self.notice):
            layout.addWidget(widget)
        self.box.currentIndexChanged.connect(self._take_choice)
        fetching.finished.connect(self.reload)
        fetching.progressed.connect(self._show_progress)
        self.reload()

    def model(self) -> ModelRef | None:
        """The model that was chosen, None if it is not on disk."""
        chosen = self.box.currentData(_MODEL)
        return chosen.ref if isinstance(chosen, InstalledModel) else None

    def reload(self) -> None:
        """Look at the disk again."""
        library, task = self._session.library, self._task
        here = [each for each in library.installed(task) if not each.problem]
        there = sorted(library.available(task), key=lambda entry: entry.default_rank)
        wanted = self._session.store.settings.task_models.get(task.id)
        rows = QStandardItemModel(self.box)
        for installed in here:
            item = QStandardItem(icon("ph.check-circle"), _title(installed))
            item.setToolTip("On this computer")
            item.setData(installed, _MODEL)
            rows.appendRow(item)
        for entry in there:
            item = QStandardItem(icon("ph.download-simple"), entry.title)
            item.setToolTip("Not on this computer yet")
            item.setData(entry, _MODEL)
            rows.appendRow(item)
        self.box.blockSignals(True)
        self.box.setModel(rows)
        chosen = next((r for r, each in enumerate(here) if each.ref.id == wanted), 0)
        self.box.setCurrentIndex(chosen)
        self.box.blockSignals(False)
        self.box.setVisible(bool(here or there))
        self._describe()

    def _take_choice(self) -> None:
        chosen = self.box.currentData(_MODEL)
        if isinstance(chosen, InstalledModel):
            models = dict(self._session.store.settings.task_models)
            models[self._task.id] = chosen.ref.id
            self._session.store.update(task_models=models)
        self._describe()
        self.changed.emit()

    def _describe(self) -> None:
        chosen = self.box.currentData(_MODEL)
        self.notice.hide()
        if isinstance(chosen, InstalledModel):
            facts = [size(chosen.size_mb), chosen.licence or "licence unknown"]
            if chosen.non_commercial:
                facts.append("not for commercial use")
            self.facts.setText("  ·  ".join([*facts, "on this computer"]))
            self.facts.setToolTip(chosen.entry.credit if chosen.entry else "")
            return
        if isinstance(chosen, CatalogEntry):
            megabytes = (
                "size unknown" if chosen.size_mb is None else size(chosen.size_mb)
            )
            facts = [megabytes, chosen.licence]
            if chosen.non_commercial:
                facts.append("not for commercial use")
            self.facts.setText("  ·  ".join([*facts, "not on this computer"]))
            self.facts.setToolTip(chosen.credit)
        else:
            self.facts.setText("")
        self._offer(chosen)

    def _offer(self, entry: CatalogEntry | None) -> None:
        """Say how the model can be had, with the buttons that do it."""
        actions: list[tuple[str, Callable[[], object]]] = []
        starter = self._session.library.missing_starter()
        useful = [
            each
            for each in starter
            if self._session.library.catalog.suits(each, self._task)
        ]
        if self._fetching.running:
            self.notice.show_progress(self._fetching.message, self._fetching.fraction)
            word = "Pause" if self._fetching.can_pause else "Cancel"
            self.notice.offer([(word, self._fetching.cancel)])
            self.notice.show()
            return
        if useful and (entry is None or entry in useful):
            total = size(starter_mb(starter))
            actions.append((f"Fetch starter weights ({total})…", self._fetch_starter))
        elif entry is not None and entry.source.kind == "hub":
            paused = {each.id for each, _ in self._session.library.interrupted()}
            if entry.id in paused:
                actions.append(("Resume", lambda: self._resume(entry)))
            else:
                actions.append(("Fetch this model…", lambda: self._fetch(entry)))
        actions.append(("Import folder…", self._import))
        self.notice.say(
            "This task needs a model, and the chosen one is not on this computer."
        )
        self.notice.offer(actions)
        self.notice.show()

    def _show_progress(self) -> None:
        if self.notice.isVisible():
            self.notice.show_progress(self._fetching.message, self._fetching.fraction)
        if self.model() is None:
            self._describe()

    def _fetch_starter(self) -> None:
        self._fetching.fetch_starter(self)
        self._describe()

    def _fetch(self, entry: CatalogEntry) -> None:
        self._fetching.fetch(entry, self)
        self._describe()

    def _resume(self, entry: CatalogEntry) -> None:
        self._fetching.resume(entry)
        self._describe()

    def _import(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Import a model's folder")
        if path:
            import_folder(self._fetching, Path(path), self)
            self._describe()

    def _open_library(self) -> None:
        ModelLibrary(
            self._session, self._fetching, self.window(), task=self._task
        ).open()


class _Notice(QFrame):
    """A sentence and what can be done about it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("role", "notice")
        self._text = QLabel(self)
        self._text.setWordWrap(True)
        self._buttons = QVBoxLayout()
        self._buttons.setSpacing(4)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(8)
        layout.addWidget(self._text)
        layout.addLayout(self._buttons)
        self._offered: list[str] = []

    def say(self, text: str) -> None:
        self._text.setText(text)

    def show_progress(self, message: str, fraction: float | None) -> None:
        done = "" if fraction is None else f"  {fraction:.0%}"
        self._text.setText(f"{message}{done}")

    def offer(self, actions: list[tuple[str, Callable[[], object]]]) -> None:
        """Show buttons; the same ones stay, so that a click is not lost."""
        names = [name for name, _ in actions]
        if names == self._offered:
            return
        self._offered = names
        while (item := self._buttons.takeAt(0)) is not None:
            if (layout := item.layout()) is not None:
                layout.deleteLater()
            elif (widget := item.widget()) is not None:
                widget.deleteLater()
        for number, (name, act) in enumerate(actions):
            role = "primary" if number == 0 and len(actions) > 1 else ""
            self._buttons.addWidget(button(name, act, self, role=role))


def _title(model: InstalledModel) -> str:
    return model.ref.title or model.ref.id
