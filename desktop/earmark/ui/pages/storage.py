"""The preferences of folders, with what they take."""

from __future__ import annotations

import shutil
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from earmark.ui.background import Ticket
from earmark.ui.pages.page import Page
from earmark.ui.session import Session
from earmark.ui.widgets import bold, button, muted, roomy
from earmark.ui.wording import size


class StoragePage(Page):
    """Projects, models, cache: where, how big, open, change, clear."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__("Storage", parent)
        self._session = session
        folders = session.folders
        self._sizes: dict[tuple[Path, str], QLabel] = {}
        self._add("Untitled projects", folders.data, "", "*.earmark")
        self._add("Models", session.library.folder, "change")
        self._add("Cache", folders.cache, "clear")
        form = self.section("Limit")
        limit = QSpinBox(self)
        limit.setAccessibleName("Largest size of the cache")
        roomy(limit)
        limit.setRange(100, 10_000_000)
        limit.setSingleStep(1024)
        limit.setSuffix(" MB")
        limit.setValue(session.store.settings.cache_limit_mb)
        limit.valueChanged.connect(
            lambda value: session.store.update(cache_limit_mb=value)
        )
        limit.editingFinished.connect(self._trim_cache)
        form.add("Largest size of the cache", limit)
        self._measure()

    def _add(self, title: str, folder: Path, action: str, counted: str = "*") -> None:
        """Show a folder and the size of what is in it and matches a pattern."""
        head = QLabel(title, self)
        bold(head)
        where = muted(str(folder), self)
        measured = muted("…", self)
        measured.setAccessibleName(f"Size of {title}")
        self._sizes[folder, counted] = measured
        words = QVBoxLayout()
        words.setSpacing(2)
        for widget in (head, where, measured):
            words.addWidget(widget)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addLayout(words, 1)
        show = button("Show", lambda: _show(folder), self)
        show.setAccessibleName(f"Show {title}")
        row.addWidget(show)
        if action == "change":
            row.addWidget(button("Change…", self._change_models, self))
        if action == "clear":
            row.addWidget(button("Clear cache", self.clear_cache, self))
        self.body.addLayout(row)
        self.body.addSpacing(8)

    def clear_cache(self) -> None:
        """Delete what can be made again."""
        cache = self._session.folders.cache

        def clear(_: Ticket) -> None:
            for child in cache.iterdir() if cache.is_dir() else ():
                # Files in use stay; what reads them keeps them alive.
                if child.is_dir():
                    shutil.rmtree(child, ignore_errors=True)
                else:
                    child.unlink(missing_ok=True)

        self._session.background.run(clear, lambda _: self._measure(), self._fail)

    def _trim_cache(self) -> None:
        self._while_shown(self._session.trim_cache(lambda _: self._measure()))

    def _measure(self) -> None:
        parts = tuple(self._sizes)

        def measure(_: Ticket) -> list[float]:
            return [_size_mb(folder, counted) for folder, counted in parts]

        def show(sizes: list[float]) -> None:
            for label, megabytes in zip(self._sizes.values(), sizes, strict=True):
                label.setText(size(megabytes))

        self._while_shown(self._session.background.run(measure, show, self._fail))

    def _while_shown(self, ticket: Ticket) -> None:
        """Drop the answer if the page is gone before it comes."""
        self.destroyed.connect(lambda: ticket.cancel())

    def _fail(self, error: Exception) -> None:
        raise error

    def _change_models(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Folder of the model library")
        if path:
            self._session.store.update(models_folder=Path(path))
            self._session.message.emit(
                "The new folder counts from the next start", 6000
            )


def _show(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def _size_mb(folder: Path, counted: str) -> float:
    total = 0
    inside = (path for top in folder.glob(counted) for path in (top, *top.rglob("*")))
    for path in inside:
        try:
            if path.is_file() and not path.is_symlink():
                total += path.stat().st_size
        except OSError:
            continue  # removed while it was being counted
    return total / 1e6
