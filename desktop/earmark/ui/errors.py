"""Errors as dialogs: what went wrong, what to do, and details to copy."""

from __future__ import annotations

import sys
import traceback
from collections import deque
from collections.abc import Callable
from types import TracebackType

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from earmark.core.errors import EarmarkError
from earmark.ui.widgets import bold, muted

_SURPRISE = "Something went wrong in Earmark itself."
_REPORT = (
    "Your project is safe: every edit is stored as it is made. Please report this with "
    "the details below."
)

_WAITING = 20
"""Errors that are kept to be read; of more, the latest."""

Hook = Callable[[type[BaseException], BaseException, TracebackType | None], None]


class ErrorDialog(QDialog):
    """One error; an `EarmarkError` is told plainly, anything else with its details."""

    def __init__(self, error: BaseException, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Earmark")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(440)
        expected = isinstance(error, EarmarkError)
        said = _SURPRISE if not isinstance(error, EarmarkError) else error.message
        hint = _REPORT if not isinstance(error, EarmarkError) else error.remedy
        message = QLabel(said, self)
        bold(message)
        message.setWordWrap(True)
        message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        remedy = muted(hint, self, small=False)
        remedy.setVisible(bool(hint))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 24, 24, 16)
        layout.setSpacing(12)
        layout.addWidget(message)
        layout.addWidget(remedy)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        box.rejected.connect(self.reject)
        self.details = "".join(traceback.format_exception(error))
        if not expected:
            details = QPlainTextEdit(self.details, self)
            details.setReadOnly(True)
            details.setTabChangesFocus(True)
            details.setAccessibleName("Details")
            details.setMinimumHeight(220)
            self.setMinimumWidth(640)
            layout.addWidget(details, 1)
            copy = box.addButton("Copy details", QDialogButtonBox.ButtonRole.ActionRole)
            copy.clicked.connect(
                lambda: QGuiApplication.clipboard().setText(self.details)
            )
        layout.addWidget(box)


class ErrorReporter(QObject):
    """Shows every error that a slot lets through, one dialog after the other.

    What is told already, or waits to be, is not told twice. Without it, Qt prints what
    a slot raises to a terminal that is not there.
    """

    _caught = Signal(object)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._open: ErrorDialog | None = None
        self._told = ""
        self._waiting: deque[BaseException] = deque(maxlen=_WAITING)
        self._previous: Hook = sys.excepthook
        self._caught.connect(self.show, Qt.ConnectionType.QueuedConnection)
        sys.excepthook = self._hook

    def close(self) -> None:
        """Leave errors to whoever dealt with them before."""
        self._waiting.clear()
        sys.excepthook = self._previous

    def show(self, error: BaseException) -> None:
        """Show an error, once those before it have been read."""
        if self._open is None:
            self._told = repr(error)
            self._open = ErrorDialog(error, self._window)
            self._open.finished.connect(self._show_next)
            self._open.open()
        elif repr(error) not in {self._told, *map(repr, self._waiting)}:
            self._waiting.append(error)

    def _show_next(self, _: int) -> None:
        self._open = None
        if self._waiting:
            self.show(self._waiting.popleft())

    def _hook(
        self,
        kind: type[BaseException],
        error: BaseException,
        trace: TracebackType | None,
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            self._previous(kind, error, trace)
            return
        if not isinstance(error, EarmarkError):
            traceback.print_exception(error)
        self._caught.emit(error)
