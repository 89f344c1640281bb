"""The frame of a page of the preferences."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QFormLayout,
    QFrame,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from earmark.ui.widgets import Form, bold, muted, scale_font


class Page(QScrollArea):
    """A title and sections below one another."""

    def __init__(self, title: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAccessibleName(title)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        body = QWidget(self)
        self.body = QVBoxLayout(body)
        self.body.setContentsMargins(24, 20, 24, 20)
        self.body.setSpacing(12)
        self.body.setAlignment(Qt.AlignmentFlag.AlignTop)
        head = QLabel(title, body)
        bold(head)
        scale_font(head, 1.3)
        self.body.addWidget(head)
        self.setWidget(body)

    def section(self, title: str, hint: str = "") -> Form:
        """A section with captions left and controls right."""
        self.body.addSpacing(4)
        head = QLabel(title, self)
        bold(head)
        self.body.addWidget(head)
        if hint:
            self.body.addWidget(muted(hint, self))
        form = Form()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.FieldsStayAtSizeHint)
        self.body.addLayout(form)
        return form
