"""A label's text, edited where it stands."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QWidget

_LEAST_WIDTH = 240
_MOST_WIDTH = 640
_MOST_LINES = 8


class LabelText(QPlainTextEdit):
    """A text field that lies over a label, as large as its text needs.

    Enter keeps the text, Shift+Enter breaks the line, Escape leaves the label as it
    was, Tab keeps the text and goes to the next label, Shift+Tab to the previous one.
    """

    kept = Signal(int, str, int)
    """The label, its text, and where to go from it: 1, -1, or 0."""
    closed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._parent = parent
        self.setAccessibleName("Label text")
        self.setFrameShape(QFrame.Shape.Box)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().setDocumentMargin(3)
        self._label: int | None = None
        self._place = QRect()
        self.textChanged.connect(self._fit)
        self.hide()

    @property
    def label(self) -> int | None:
        """The label whose text is open."""
        return self._label

    def open(self, label: int, text: str, place: QRect) -> None:
        """Edit a text over a rectangle of the parent."""
        self._label = label
        self.setPlainText(text)
        self.document().clearUndoRedoStacks()
        self.follow(place)
        self.show()
        self.raise_()
        self.selectAll()
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    def follow(self, place: QRect) -> None:
        """Move with the label."""
        self._place = place
        self._fit()

    def keep(self, step: int = 0) -> None:
        """Close and keep the text."""
        label, self._label = self._label, None
        if label is not None:
            text = self.toPlainText()
            self._close()
            self.kept.emit(label, text, step)

    def discard(self) -> None:
        """Close and leave the label as it was."""
        self._label = None
        self._close()

    def event(self, event: QEvent) -> bool:
        """Keep typed characters from the shortcuts of the window."""
        if event.type() is QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Handle the keys that end the editing."""
        key = event.key()
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if key == Qt.Key.Key_Escape:
            self.discard()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not shift:
            self.keep()
        elif key == Qt.Key.Key_Tab:
            self.keep(1)
        elif key == Qt.Key.Key_Backtab:
            self.keep(-1)
        else:
            super().keyPressEvent(event)

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab is for going to the next label."""
        return False

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Keep the text when something else is clicked."""
        super().focusOutEvent(event)
        passing = (
            Qt.FocusReason.PopupFocusReason,
            Qt.FocusReason.ActiveWindowFocusReason,
        )
        if event.reason() not in passing:
            self.keep()

    def _close(self) -> None:
        had_focus = self.hasFocus()
        self.hide()
        if had_focus:
            self._parent.setFocus()
        self.closed.emit()

    def _fit(self) -> None:
        parent = self._parent
        metrics = self.fontMetrics()
        lines = self.toPlainText().split("\n")
        longest = max(metrics.horizontalAdvance(line) for line in lines) + 24
        width = min(max(_LEAST_WIDTH, self._place.width(), longest), _MOST_WIDTH)
        width = min(width, parent.width())
        self.resize(width, self.height())
        shown = int(self.document().documentLayout().documentSize().height())
        scrolled = shown > _MOST_LINES
        self.setVerticalScrollBarPolicy(
            Qt.ScrollBarPolicy.ScrollBarAsNeeded
            if scrolled
            else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        )
        height = metrics.lineSpacing() * min(max(1, shown), _MOST_LINES) + 10
        left = min(max(0, self._place.left()), parent.width() - width)
        top = min(max(0, self._place.top() - 1), parent.height() - height)
        self.setGeometry(left, top, width, height)
