"""The preferences of models: where they run, which are here, the network."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMessageBox,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from earmark.core.errors import EarmarkError
from earmark.ui.fetching import Fetching
from earmark.ui.pages.page import Page
from earmark.ui.session import Session
from earmark.ui.tables import plain_header
from earmark.ui.widgets import button, muted, roomy
from earmark.ui.wording import size

_DEVICES = (
    ("auto", "Automatic: the fastest there is"),
    ("cpu", "Processor (CPU)"),
    ("cuda", "NVIDIA graphics (CUDA)"),
    ("mps", "Apple graphics (MPS)"),
)


class ModelsPage(Page):
    """Device, memory, network switch, and the library."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__("Models", parent)
        self._session = session
        settings = session.store.settings
        run = self.section(
            "Where models run",
            "What really ran stands on every job. Where the wish cannot be met, a job "
            "falls back to the processor and says so.",
        )
        self.device = QComboBox(self)
        self.device.setAccessibleName("Device")
        for value, title in _DEVICES:
            self.device.addItem(title, value)
        self.device.setCurrentIndex(self.device.findData(settings.device))
        self.device.currentIndexChanged.connect(
            lambda _: session.store.update(device=self.device.currentData())
        )
        run.addRow("Device", self.device)
        self.memory = QSpinBox(self)
        self.memory.setAccessibleName("Memory for loaded models")
        roomy(self.memory)
        self.memory.setRange(256, 1_000_000)
        self.memory.setSingleStep(256)
        self.memory.setSuffix(" MB")
        self.memory.setValue(settings.memory_budget_mb)
        self.memory.valueChanged.connect(
            lambda value: session.store.update(memory_budget_mb=value)
        )
        run.addRow("Memory for loaded models", self.memory)
        network = self.section("Network")
        self.network = QCheckBox("Allow model downloads from the hub", self)
        self.network.setChecked(settings.network)
        self.network.toggled.connect(lambda on: session.store.update(network=on))
        network.addRow(self.network)
        self.section("Models on this computer")
        self.table = QTableWidget(0, 4, self)
        self.table.setAccessibleName("Models on this computer")
        self.table.setHorizontalHeaderLabels(["Model", "Size", "Licence", "From"])
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setMinimumHeight(160)
        header = self.table.horizontalHeader()
        plain_header(header)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.body.addWidget(self.table)
        self.space = muted("", self)
        self.body.addWidget(self.space)
        self._fetching = Fetching(session)
        row = QHBoxLayout()
        row.setSpacing(8)
        self._starter = button("", lambda: self._fetching.fetch_starter(self), self)
        row.addWidget(self._starter)
        row.addWidget(button("Import folder…", self._import, self))
        self._remove = button("Remove", self._remove_selected, self)
        row.addWidget(self._remove)
        row.addStretch(1)
        self.body.addLayout(row)
        self.state = QLabel(self)
        self.state.setProperty("role", "muted")
        self.body.addWidget(self.state)
        self._fetching.progressed.connect(self._show_progress)
        self._fetching.finished.connect(self._fill)
        self._fill()

    def _fill(self) -> None:
        library = self._session.library
        models = library.installed()
        self.table.setRowCount(len(models))
        for row, model in enumerate(models):
            name = QTableWidgetItem(model.ref.title or model.ref.id)
            name.setData(Qt.ItemDataRole.UserRole, model.ref.id)
            name.setToolTip(model.problem or str(model.ref.path or model.ref.id))
            self.table.setItem(row, 0, name)
            for column, text in enumerate(
                (size(model.size_mb), model.licence, model.where), 1
            ):
                self.table.setItem(row, column, QTableWidgetItem(text))
        space = library.space()
        self.space.setText(
            f"{library.folder}  ·  {size(space.models_mb)} used, "
            f"{size(space.free_mb)} free"
        )
        missing = library.missing_starter()
        total = sum(entry.size_mb or 0 for entry in missing)
        self._starter.setText(f"Fetch starter weights ({size(total)})…")
        self._starter.setVisible(bool(missing))
        self.state.setText("")

    def _show_progress(self) -> None:
        fraction = self._fetching.fraction
        done = "" if fraction is None else f"  {fraction:.0%}"
        self.state.setText(self._fetching.message + done)

    def _import(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Import a model's folder")
        if path:
            self._fetching.import_folder(Path(path))

    def _remove_selected(self) -> None:
        item = self.table.item(self.table.currentRow(), 0)
        if item is None:
            return
        question = f"Delete “{item.text()}” from this computer?"
        answer = QMessageBox.question(self, "Remove model", question)
        if answer == QMessageBox.StandardButton.Yes:
            try:
                self._session.library.remove(item.data(Qt.ItemDataRole.UserRole))
            except EarmarkError as error:
                self._session.error.emit(error)
            self._fill()
