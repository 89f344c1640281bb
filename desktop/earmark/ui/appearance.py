"""The appearance of the program: the system's, dark, or light."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from earmark.ui.stylesheet import stylesheet
from earmark.ui.theme import Palette, colors

Choice = Literal["system", "light", "dark"]


class Appearance(QObject):
    """Gives the application its palette and style sheet, and follows the system.

    Parameters
    ----------
    app : QApplication
    cache : Path
        A folder for the small pictures of the style sheet.
    """

    changed = Signal()

    def __init__(self, app: QApplication, cache: Path) -> None:
        super().__init__(app)
        self._app = app
        self._cache = cache
        self._choice: Choice = "system"
        self.palette: Palette | None = None
        app.setStyle("Fusion")
        app.styleHints().colorSchemeChanged.connect(self._apply)

    def choose(self, choice: Choice) -> None:
        """Follow the system, or not."""
        self._choice = choice
        self._apply()

    def _apply(self) -> None:
        palette = colors(self._dark())
        if palette == self.palette:
            return
        self.palette = palette
        self._app.setPalette(qt_palette(palette))
        self._app.setStyleSheet(stylesheet(palette, self._cache))
        self.changed.emit()

    def _dark(self) -> bool:
        if self._choice != "system":
            return self._choice == "dark"
        return self._app.styleHints().colorScheme() != Qt.ColorScheme.Light


def current_palette() -> Palette:
    """The colours in use, as the application's palette tells."""
    window = QGuiApplication.palette().color(QPalette.ColorRole.Window)
    return colors(window.lightness() < 128)


def qt_palette(palette: Palette) -> QPalette:
    """The colours as Qt's roles."""
    role, group = QPalette.ColorRole, QPalette.ColorGroup
    result = QPalette()
    for target, color in (
        (role.Window, palette.panel),
        (role.WindowText, palette.text),
        (role.Base, palette.field),
        (role.AlternateBase, palette.panel),
        (role.Text, palette.text),
        (role.PlaceholderText, palette.muted),
        (role.Button, palette.raised),
        (role.ButtonText, palette.text),
        (role.BrightText, palette.danger),
        (role.Highlight, palette.accent),
        (role.HighlightedText, palette.accent_text),
        (role.Link, palette.accent),
        (role.ToolTipBase, palette.raised),
        (role.ToolTipText, palette.text),
        (role.Mid, palette.border),
        (role.Midlight, palette.raised),
        (role.Dark, palette.divider),
        (role.Accent, palette.accent),
    ):
        result.setColor(target, QColor(color))
    for target in (role.WindowText, role.Text, role.ButtonText):
        result.setColor(group.Disabled, target, QColor(palette.disabled))
    return result
