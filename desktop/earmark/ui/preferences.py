"""Preferences: one page per matter, over the one settings model."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from earmark.ui.commands import Commands
from earmark.ui.icons import icon
from earmark.ui.pages.general import AppearancePage, SoundPage
from earmark.ui.pages.keys import KeysPage
from earmark.ui.pages.models import ModelsPage
from earmark.ui.pages.plugins import PluginsPage
from earmark.ui.pages.storage import StoragePage
from earmark.ui.session import Session

PAGES = (
    ("Appearance", "ph.palette"),
    ("Sound", "ph.speaker-high"),
    ("Models", "ph.cpu"),
    ("Storage", "ph.hard-drives"),
    ("Keys", "ph.keyboard"),
    ("Plugins", "ph.puzzle-piece"),
)


class Preferences(QDialog):
    """A list of pages and the page; every change counts at once."""

    def __init__(self, session: Session, commands: Commands, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Preferences")
        self.resize(760, 560)
        makers: dict[str, Callable[[], QWidget]] = {
            "Appearance": lambda: AppearancePage(session, self),
            "Sound": lambda: SoundPage(session, self),
            "Models": lambda: ModelsPage(session, self),
            "Storage": lambda: StoragePage(session, self),
            "Keys": lambda: KeysPage(session, commands, self),
            "Plugins": lambda: PluginsPage(session, self),
        }
        self._makers = makers
        self._pages: dict[str, QWidget] = {}
        self.list = QListWidget(self)
        self.list.setProperty("role", "sections")
        self.list.setAccessibleName("Sections")
        self.list.setFixedWidth(168)
        self.list.setIconSize(QSize(18, 18))
        for title, glyph in PAGES:
            self.list.addItem(QListWidgetItem(icon(glyph), title))
        self._stack = QStackedWidget(self)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        box.rejected.connect(self.reject)
        box.setContentsMargins(0, 0, 16, 16)
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.addWidget(self._stack, 1)
        right.addWidget(box)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.list)
        layout.addLayout(right, 1)
        self.list.currentTextChanged.connect(self.show_page)
        self.list.setCurrentRow(0)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

    def show_page(self, title: str) -> QWidget:
        """Show a page by its title, built now if it was not."""
        if title not in self._pages:
            self._pages[title] = self._makers[title]()
            self._stack.addWidget(self._pages[title])
        self._stack.setCurrentWidget(self._pages[title])
        rows = [name for name, _ in PAGES]
        self.list.setCurrentRow(rows.index(title))
        return self._pages[title]
