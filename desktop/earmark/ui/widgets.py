"""Small widgets and touches that several views share."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from earmark.ui.icons import icon


def bold(widget: QWidget) -> None:
    """Write a widget's text in a heavier weight."""
    font = widget.font()
    font.setWeight(QFont.Weight.DemiBold)
    widget.setFont(font)


def scale_font(widget: QWidget, factor: float) -> None:
    """Write a widget's text larger or smaller than the system's."""
    font = widget.font()
    font.setPointSizeF(font.pointSizeF() * factor)
    widget.setFont(font)


def tabular(font: QFont) -> QFont:
    """The font with figures of one width, so that running numbers stand still."""
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


def tool_button(name: str, text: str, parent: QWidget | None = None) -> QToolButton:
    """A flat button with an icon; its text is its tool tip and accessible name."""
    button = QToolButton(parent)
    button.setIcon(icon(name))
    button.setIconSize(QSize(16, 16))
    button.setToolTip(text)
    button.setAccessibleName(text)
    button.setAutoRaise(True)
    return button


def dock_header(content: QWidget, *widgets: QWidget) -> QWidget:
    """A row of widgets that the dock of `content` shows in its title bar."""
    header = QWidget(content)
    row = QHBoxLayout(header)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(4)
    for widget in widgets:
        row.addWidget(widget)
    content.setProperty("dock-header", header)
    return header


def dock_button(name: str, text: str, act: Callable[[], None]) -> QToolButton:
    """A tool button for the title bar of a dock."""
    button = tool_button(name, text)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.clicked.connect(lambda: act())
    return button


def button(
    text: str,
    act: Callable[[], object],
    parent: QWidget | None = None,
    *,
    role: str = "",
    glyph: str = "",
) -> QPushButton:
    """A push button; `role` is "primary", "link", or nothing."""
    made = QPushButton(text, parent)
    made.setAutoDefault(False)
    if glyph:
        made.setIcon(icon(glyph))
    if role:
        made.setProperty("role", role)
    made.clicked.connect(lambda: act())
    return made


def muted(
    text: str = "", parent: QWidget | None = None, *, small: bool = True
) -> QLabel:
    """A label with secondary text, which wraps."""
    label = QLabel(text, parent)
    label.setProperty("role", "muted")
    label.setWordWrap(True)
    if small:
        scale_font(label, 0.9)
    return label


def search_field(placeholder: str, parent: QWidget | None = None) -> QLineEdit:
    """A one-line field to filter with."""
    field = QLineEdit(parent)
    field.setProperty("role", "search")
    field.setPlaceholderText(placeholder)
    field.setAccessibleName(placeholder)
    field.setClearButtonEnabled(True)
    field.addAction(
        icon("ph.magnifying-glass"), QLineEdit.ActionPosition.LeadingPosition
    )
    return field


class Form(QFormLayout):
    """Captions on the left, each at the height of its control on the right."""

    def __init__(self) -> None:
        super().__init__()
        self.setHorizontalSpacing(16)
        self.setVerticalSpacing(8)
        self.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)

    def add(self, caption: str, control: QWidget) -> None:
        """Add a row."""
        label = QLabel(caption)
        label.setBuddy(control)
        label.setMinimumHeight(control.sizeHint().height())
        self.addRow(label, control)


def roomy(box: QAbstractSpinBox) -> None:
    """Keep a number off the edge of its box, which a style sheet cannot."""
    line = box.lineEdit()
    assert line is not None
    line.setTextMargins(4, 0, 0, 0)


def set_role(widget: QWidget, role: str) -> None:
    """Give a widget another role of the style sheet."""
    if widget.property("role") != role:
        widget.setProperty("role", role)
        restyle(widget)


def restyle(widget: QWidget) -> None:
    """Apply the style sheet again, after a property that it asks for changed."""
    style = widget.style()
    style.unpolish(widget)
    style.polish(widget)


def rule(parent: QWidget | None = None) -> QFrame:
    """A hairline."""
    line = QFrame(parent)
    line.setProperty("role", "rule")
    return line


class EmptyState(QWidget):
    """What an empty view says: what would be here, and how to get it there."""

    def __init__(
        self,
        glyph: str,
        title: str,
        hint: str,
        *actions: QPushButton,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        picture = QLabel(self)
        picture.setPixmap(icon(glyph).pixmap(QSize(32, 32)))
        picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        picture.setAccessibleName(title)
        self._glyph, self._picture = glyph, picture
        self.title = QLabel(title, self)
        bold(self.title)
        self.hint = muted(hint, self)
        for label in (self.title, self.hint):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        layout.addStretch(1)
        for widget in (picture, self.title, self.hint):
            layout.addWidget(widget)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addStretch(1)
        for action in actions:
            row.addWidget(action)
        row.addStretch(1)
        layout.addLayout(row)
        layout.addStretch(1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def say(self, title: str, hint: str) -> None:
        """Say something else."""
        self.title.setText(title)
        self.hint.setText(hint)

    def changeEvent(self, event: object) -> None:
        """Draw the picture in the colours of the new palette."""
        super().changeEvent(event)  # type: ignore[arg-type]  # QEvent, as Qt calls it
        self._picture.setPixmap(icon(self._glyph).pixmap(QSize(32, 32)))
