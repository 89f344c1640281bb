"""How the spectrogram is drawn: a panel whose changes are seen at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import numpy as np
from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QIcon, QImage, QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from earmark.audio.spectrogram import (
    COLOR_MAPS,
    WINDOWS,
    Scale,
    SpectrogramSettings,
    WindowFunction,
    color_map,
)
from earmark.core.errors import EarmarkError
from earmark.ui.editor.presets import PRESETS

_OVERLAPS = (0.0, 0.5, 0.75, 0.875, 0.95)
_SWATCH = QSize(72, 12)


class SpectrogramPanel(QDialog):
    """The settings of the spectrogram; it stays open while the sound plays.

    Parameters
    ----------
    settings : SpectrogramSettings
    rate, channels : int
        Of the shown clip.
    """

    changed = Signal(object)
    """`SpectrogramSettings` to draw with."""

    def __init__(
        self,
        settings: SpectrogramSettings,
        rate: int,
        channels: int,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Spectrogram")
        self.setModal(False)
        self._settings = settings
        self._rate = rate
        self._channel = _combo("Channel", channel_names(channels))
        self._preset = _combo(
            "Preset", {"Choose a preset": ""} | {n: n for n in PRESETS}
        )
        self._window = _combo("Window", {f"{n}": n for n in WINDOWS})
        self._overlap = _combo(
            "Overlap", {f"{100 * part:.4g} %": part for part in _OVERLAPS}
        )
        self._function = _combo(
            "Window function",
            {name.capitalize(): name for name in get_args(WindowFunction)},
        )
        self._padding = _combo("Zero padding", {"None": 1, "2 times": 2, "4 times": 4})
        self._scale = _combo(
            "Frequency scale", {n.capitalize(): n for n in get_args(Scale)}
        )
        self._colormap = _combo("Colours", {n.capitalize(): n for n in COLOR_MAPS})
        for index, name in enumerate(COLOR_MAPS):
            self._colormap.setItemIcon(index, _swatch(name))
        self._colormap.setIconSize(_SWATCH)
        self._low = _spin("Lowest frequency", 0, 192_000, 100, " Hz")
        self._high = _spin("Highest frequency", 0, 192_000, 100, " Hz")
        self._high.setSpecialValueText("Half the rate")
        self._floor = _spin("Darkest level", -200, 50, 5, " dB")
        self._ceiling = _spin("Brightest level", -200, 50, 5, " dB")
        self._tilt = _spin("High frequencies raised by", -12, 12, 1, " dB per octave")
        self._fault = QLabel(self)
        self._fault.setWordWrap(True)
        self._fault.setProperty("role", "muted")
        self._time_and_pitch = QLabel(self)
        self._time_and_pitch.setProperty("role", "muted")
        form = QFormLayout()
        for field in (
            self._preset, self._channel, self._window, self._overlap, self._function,
            self._padding, self._scale, self._low, self._high, self._floor,
            self._ceiling, self._tilt, self._colormap,
        ):  # fmt: skip
            form.addRow(field.accessibleName(), field)
        reset = QPushButton("Reset", self)
        reset.clicked.connect(lambda: self._apply(SpectrogramSettings()))
        close = QPushButton("Close", self)
        close.clicked.connect(self.close)
        close.setDefault(True)
        buttons = QHBoxLayout()
        buttons.addWidget(reset)
        buttons.addStretch(1)
        buttons.addWidget(close)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self._time_and_pitch)
        layout.addWidget(self._fault)
        layout.addLayout(buttons)
        self.show_settings(settings)
        self._preset.activated.connect(self._take_preset)
        self._channel.activated.connect(self._take_channel)
        for combo in self._combos():
            combo.activated.connect(self._take_fields)
        for spin in self._spins():
            spin.setKeyboardTracking(False)
            spin.valueChanged.connect(self._take_fields)

    @property
    def settings(self) -> SpectrogramSettings:
        """What the fields say."""
        return self._settings

    def show_settings(self, settings: SpectrogramSettings) -> None:
        """Fill the fields."""
        self._settings = settings
        for name, combo in self._combos_by_name().items():
            value = getattr(settings, name)
            if combo.findData(value) < 0:
                combo.addItem(f"{value}", value)
            combo.setCurrentIndex(combo.findData(value))
        # A channel that the clip does not have is kept for those that do.
        self._channel.setCurrentIndex(max(0, self._channel.findData(settings.channel)))
        for name, spin in self._spins_by_name().items():
            with QSignalBlocker(spin):
                spin.setValue(getattr(settings, name))
        step = settings.window / self._rate
        self._time_and_pitch.setText(
            f"{1000 * step:.1f} ms and {1 / step:.1f} Hz are told apart."
        )

    def set_clip(self, rate: int, channels: int) -> None:
        """Speak of another clip."""
        self._rate = rate
        self._channel.clear()
        for text, channel in channel_names(channels).items():
            self._channel.addItem(text, channel)
        self.show_settings(self._settings)

    def _take_preset(self) -> None:
        preset = PRESETS.get(self._preset.currentData())
        if preset is not None:
            self._apply(preset(self._settings, self._rate))

    def _take_channel(self) -> None:
        self._apply(replace(self._settings, channel=self._channel.currentData()))

    def _take_fields(self) -> None:
        values: dict[str, Any] = {
            name: combo.currentData() for name, combo in self._combos_by_name().items()
        }
        values |= {name: spin.value() for name, spin in self._spins_by_name().items()}
        try:
            settings = replace(self._settings, **values)
        except EarmarkError:
            self._fault.setText(
                "The highest frequency must lie above the lowest,"
                " and the brightest level above the darkest."
            )
            return
        self._preset.setCurrentIndex(0)
        self._apply(settings)

    def _apply(self, settings: SpectrogramSettings) -> None:
        self._fault.clear()
        self.show_settings(settings)
        self.changed.emit(settings)

    def _combos_by_name(self) -> dict[str, QComboBox]:
        return {
            "window": self._window,
            "overlap": self._overlap,
            "function": self._function,
            "padding": self._padding,
            "scale": self._scale,
            "colormap": self._colormap,
        }

    def _spins_by_name(self) -> dict[str, QDoubleSpinBox]:
        return {
            "low_hz": self._low,
            "high_hz": self._high,
            "floor_db": self._floor,
            "ceiling_db": self._ceiling,
            "tilt_db": self._tilt,
        }

    def _combos(self) -> tuple[QComboBox, ...]:
        return tuple(self._combos_by_name().values())

    def _spins(self) -> tuple[QDoubleSpinBox, ...]:
        return tuple(self._spins_by_name().values())


def channel_names(channels: int) -> dict[str, int | None]:
    """What can be shown of a clip with so many channels."""
    if channels == 1:
        return {"The only one": None}
    named = {0: "Left", 1: "Right"} if channels == 2 else {}
    each = {named.get(n, f"Channel {n + 1}"): n for n in range(channels)}
    return {"Mix of all": None} | each


def _combo(name: str, choices: dict[str, Any]) -> QComboBox:
    combo = QComboBox()
    combo.setAccessibleName(name)
    for text, value in choices.items():
        combo.addItem(text, value)
    return combo


def _spin(name: str, low: float, high: float, step: float, unit: str) -> QDoubleSpinBox:
    spin = QDoubleSpinBox()
    spin.setAccessibleName(name)
    spin.setDecimals(0)
    spin.setRange(low, high)
    spin.setSingleStep(step)
    spin.setSuffix(unit)
    return spin


def _swatch(name: str) -> QIcon:
    columns = np.linspace(0, 255, _SWATCH.width()).astype(int)
    row = np.ascontiguousarray(color_map(name)[columns])
    image = QImage(
        row.data, len(columns), 1, 3 * len(columns), QImage.Format.Format_RGB888
    )
    stretched = image.scaled(_SWATCH, Qt.AspectRatioMode.IgnoreAspectRatio)
    return QIcon(QPixmap.fromImage(stretched))
