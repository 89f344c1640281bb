"""The preferences of models: where they run, which are here, the network."""

from __future__ import annotations

from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QSpinBox, QWidget

from earmark.ui.dialogs.licence import starter_mb
from earmark.ui.fetching import Fetching
from earmark.ui.models import ModelLibrary
from earmark.ui.pages.page import Page
from earmark.ui.session import Session
from earmark.ui.widgets import button, muted, roomy
from earmark.ui.wording import count, size

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
        run.add("Device", self.device)
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
        run.add("Memory for loaded models", self.memory)
        network = self.section("Network")
        self.network = QCheckBox("Allow model downloads from the hub", self)
        self.network.setChecked(settings.network)
        self.network.toggled.connect(lambda on: session.store.update(network=on))
        network.addRow(self.network)
        self.section("Models on this computer")
        self.space = muted("", self)
        self.body.addWidget(self.space)
        self._fetching = Fetching.of(session)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.open = button("Open the model library…", self._open, self, role="primary")
        row.addWidget(self.open)
        self._starter = button("", lambda: self._fetching.fetch_starter(self), self)
        row.addWidget(self._starter)
        row.addStretch(1)
        self.body.addLayout(row)
        self.state = muted("", self)
        self.body.addWidget(self.state)
        self._fetching.progressed.connect(self._show_progress)
        self._fetching.finished.connect(self._fill)
        self._fill()

    def _fill(self) -> None:
        library = self._session.library
        here = [each for each in library.installed() if each.where != "library"]
        space = library.space()
        self.space.setText(
            f"{count(len(here), 'model')} in {library.folder}  ·  "
            f"{size(space.models_mb)} used, {size(space.free_mb)} free"
        )
        missing = library.missing_starter()
        self._starter.setText(f"Fetch starter weights ({size(starter_mb(missing))})…")
        self._starter.setVisible(bool(missing))
        self.state.setText("")

    def _show_progress(self) -> None:
        fraction = self._fetching.fraction
        done = "" if fraction is None else f"  {fraction:.0%}"
        self.state.setText(self._fetching.message + done)

    def _open(self) -> None:
        ModelLibrary(self._session, self._fetching, self).open()
