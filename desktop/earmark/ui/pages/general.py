"""The preferences of looks and of sound."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QWidget

from earmark.audio.transport import Device, TransportError
from earmark.ui.background import Ticket
from earmark.ui.pages.page import Page
from earmark.ui.session import Session
from earmark.ui.widgets import muted, set_role

_THEMES = (("system", "As the system"), ("dark", "Dark"), ("light", "Light"))


class AppearancePage(Page):
    """Dark, light, or as the system."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__("Appearance", parent)
        form = self.section("Colours")
        self.theme = QComboBox(self)
        self.theme.setAccessibleName("Appearance")
        for value, title in _THEMES:
            self.theme.addItem(title, value)
        self.theme.setCurrentIndex(self.theme.findData(session.store.settings.theme))
        self.theme.currentIndexChanged.connect(
            lambda _: session.store.update(theme=self.theme.currentData())
        )
        form.add("Appearance", self.theme)


class SoundPage(Page):
    """The devices to play to and to record from."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__("Sound", parent)
        self._session = session
        form = self.section(
            "Devices", "A change counts from the next start of playing."
        )
        self.output = _device_box("Output device", self)
        self.input = _device_box("Input device", self)
        form.add("Output", self.output)
        form.add("Input", self.input)
        self.state = muted("Looking for devices…", self)
        self.body.addWidget(self.state)
        transport = session.transport

        def find(_: Ticket) -> list[Device]:
            return transport.devices()

        session.background.run(find, self._take_devices, self._take_failure)

    def _take_devices(self, devices: list[Device]) -> None:
        settings = self._session.store.settings
        for box, chosen, fits in (
            (self.output, settings.output_device, [d for d in devices if d.outputs]),
            (self.input, settings.input_device, [d for d in devices if d.inputs]),
        ):
            for device in fits:
                box.addItem(device.name, device.name)
            if chosen and box.findData(chosen) < 0:
                box.addItem(f"{chosen} (not connected)", chosen)
            box.setCurrentIndex(max(0, box.findData(chosen)))
        if devices:
            self.state.hide()
        else:
            self.state.setText("No sound device was found.")
        self.output.currentIndexChanged.connect(self._store)
        self.input.currentIndexChanged.connect(self._store)

    def _take_failure(self, error: Exception) -> None:
        if not isinstance(error, TransportError):
            raise error
        self.state.setText(str(error))
        set_role(self.state, "warning")

    def _store(self, _: int) -> None:
        output, source = self.output.currentData(), self.input.currentData()
        self._session.store.update(output_device=output, input_device=source)
        self._session.transport.output_device = output
        self._session.transport.input_device = source


def _device_box(name: str, parent: QWidget) -> QComboBox:
    box = QComboBox(parent)
    box.setAccessibleName(name)
    box.setMinimumWidth(280)
    box.addItem("System default", "")
    return box
