"""The widget that fits a parameter."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QSpinBox,
    QWidget,
)

from earmark.core.tasks import declared
from earmark.ui.widgets import roomy, tool_button

_UNBOUNDED = 1_000_000_000


class Field(QObject):
    """A parameter's widget and its value.

    Attributes
    ----------
    widget : QWidget
    wide : bool
        Whether it wants a line of its own below its caption.
    """

    changed = Signal()

    wide = False

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.widget = widget
        self._wheel = _WheelGuard(self)
        widget.installEventFilter(self._wheel)

    def value(self) -> Any:
        """The value as it stands."""
        raise NotImplementedError

    def set_value(self, value: Any) -> None:
        """Show a value."""
        raise NotImplementedError


def make_field(info: FieldInfo, parent: QWidget) -> Field:
    """The field for a parameter, as `earmark.core.tasks.param` declares it."""
    extra = declared(info)
    kind, optional = _without_none(info.annotation)
    choices = [
        (str(value), str(caption)) for value, caption in extra.get("choices") or ()
    ]
    if kind is bool:
        return CheckField(info.title or "", parent)
    if get_origin(kind) is Literal:
        values = [str(value) for value in get_args(kind)]
        captions = dict(choices)
        pairs = [(value, captions.get(value, caption(value))) for value in values]
        if optional:
            pairs.insert(0, ("", "Automatic"))
        return ChoiceField(pairs, parent, optional=optional)
    if kind in (int, float):
        return NumberField(info, kind, parent, extra, optional=optional)
    if kind is Path:
        return PathField(parent, optional=optional)
    if choices:
        return SuggestionField(choices, parent, optional=optional)
    if extra.get("multiline") or extra.get("lines"):
        return TextField(parent, optional=optional)
    return LineField(parent, optional=optional)


def caption(value: str) -> str:
    """A value of a `Literal` as a person reads it."""
    words = value.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:] if words else "Automatic"


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        if len(kinds) == 1:
            return kinds[0], len(kinds) < len(get_args(annotation))
    return annotation, False


class CheckField(Field):
    """On or off; it carries its own caption."""

    def __init__(self, title: str, parent: QWidget) -> None:
        self._box = QCheckBox(title, parent)
        super().__init__(self._box)
        self._box.toggled.connect(self.changed)

    def value(self) -> bool:
        return self._box.isChecked()

    def set_value(self, value: Any) -> None:
        self._box.setChecked(bool(value))


class ChoiceField(Field):
    """One of a few values."""

    def __init__(
        self, choices: list[tuple[str, str]], parent: QWidget, *, optional: bool
    ) -> None:
        self._box = QComboBox(parent)
        super().__init__(self._box)
        self._optional = optional
        for value, text in choices:
            self._box.addItem(text, value)
        self._box.currentIndexChanged.connect(self.changed)

    def value(self) -> str | None:
        value: str = self._box.currentData()
        return None if self._optional and value == "" else value

    def set_value(self, value: Any) -> None:
        self._box.setCurrentIndex(max(0, self._box.findData(value or "")))


class SuggestionField(Field):
    """Suggested values; others may be typed."""

    def __init__(
        self, choices: list[tuple[str, str]], parent: QWidget, *, optional: bool
    ) -> None:
        self._box = QComboBox(parent)
        super().__init__(self._box)
        self._optional = optional
        self._box.setEditable(True)
        self._box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        for value, text in choices:
            self._box.addItem(text, value)
        completer = self._box.completer()
        assert completer is not None
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCompletionMode(completer.CompletionMode.PopupCompletion)
        self._box.currentTextChanged.connect(lambda _: self.changed.emit())

    def value(self) -> str | None:
        text = self._box.currentText().strip()
        row = self._box.findText(text, Qt.MatchFlag.MatchFixedString)
        value: str = text if row < 0 else self._box.itemData(row)
        return None if self._optional and not value else value

    def set_value(self, value: Any) -> None:
        row = self._box.findData("" if value is None else value)
        if row >= 0:
            self._box.setCurrentIndex(row)
        else:
            self._box.setEditText(str(value or ""))


class NumberField(Field):
    """A number with its unit; one that may be left open has a value below the least."""

    def __init__(
        self,
        info: FieldInfo,
        kind: type[int | float],
        parent: QWidget,
        extra: dict[str, Any],
        *,
        optional: bool,
    ) -> None:
        low = next((m.ge for m in info.metadata if isinstance(m, Ge)), -_UNBOUNDED)
        high = next((m.le for m in info.metadata if isinstance(m, Le)), _UNBOUNDED)
        step = extra.get("step") or (1 if kind is int else 0.1)
        self._whole = kind is int
        self._box: QSpinBox | QDoubleSpinBox
        if kind is int:
            self._box = QSpinBox(parent)
            self._box.setRange(int(low), int(high))  # type: ignore[call-overload]  # numbers
            self._box.setSingleStep(int(step))
        else:
            self._box = QDoubleSpinBox(parent)
            self._box.setDecimals(_decimals(step, info.default))
            self._box.setRange(float(low), float(high))  # type: ignore[arg-type]  # numbers
            self._box.setSingleStep(float(step))
        super().__init__(self._box)
        self._optional = optional
        if optional:
            self._box.setMinimum(self._box.minimum() - self._box.singleStep())  # type: ignore[arg-type]  # of one kind
            self._box.setSpecialValueText("Automatic")
        if extra.get("unit"):
            self._box.setSuffix(f" {extra['unit']}")
        roomy(self._box)
        self._box.setAccelerated(True)
        self._box.setKeyboardTracking(False)
        self._box.setStepType(QAbstractSpinBox.StepType.DefaultStepType)
        self._box.setMaximumWidth(132)
        self._box.valueChanged.connect(lambda _: self.changed.emit())

    def value(self) -> int | float | None:
        if self._optional and self._box.value() == self._box.minimum():
            return None
        return self._box.value()

    def set_value(self, value: Any) -> None:
        if value is None:
            self._box.setValue(self._box.minimum())  # type: ignore[arg-type]  # of one kind
        else:
            self._box.setValue(int(value) if self._whole else float(value))  # type: ignore[arg-type]  # of one kind


def _decimals(step: float, default: Any) -> int:
    shown = [f"{step:g}"]
    if isinstance(default, int | float):
        shown.append(f"{default:g}")
    return max(1, *(len(text.partition(".")[2]) for text in shown))


class LineField(Field):
    """A line of text."""

    def __init__(self, parent: QWidget, *, optional: bool) -> None:
        self._line = QLineEdit(parent)
        super().__init__(self._line)
        self._optional = optional
        self._line.textChanged.connect(lambda _: self.changed.emit())

    def value(self) -> str | None:
        text = self._line.text()
        return None if self._optional and not text else text

    def set_value(self, value: Any) -> None:
        self._line.setText("" if value is None else str(value))


class TextField(Field):
    """A paragraph."""

    wide = True

    def __init__(self, parent: QWidget, *, optional: bool) -> None:
        self._edit = QPlainTextEdit(parent)
        super().__init__(self._edit)
        self._optional = optional
        self._edit.setTabChangesFocus(True)
        self.set_lines(3)
        self._edit.textChanged.connect(self.changed)

    def set_lines(self, lines: int) -> None:
        """Make room for so many lines."""
        height = self._edit.fontMetrics().lineSpacing() * lines + 20
        self._edit.setFixedHeight(height)

    def value(self) -> str | None:
        text = self._edit.toPlainText()
        return None if self._optional and not text else text

    def set_value(self, value: Any) -> None:
        self._edit.setPlainText("" if value is None else str(value))


class PathField(Field):
    """A file, typed or chosen."""

    wide = True

    def __init__(self, parent: QWidget, *, optional: bool) -> None:
        holder = QWidget(parent)
        self._line = QLineEdit(holder)
        super().__init__(holder)
        self._optional = optional
        holder.setFocusProxy(self._line)
        browse = tool_button("ph.folder-open", "Choose a file", holder)
        browse.clicked.connect(self._browse)
        layout = QHBoxLayout(holder)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._line, 1)
        layout.addWidget(browse)
        self._line.textChanged.connect(lambda _: self.changed.emit())

    def value(self) -> str | None:
        text = self._line.text().strip()
        return None if self._optional and not text else text

    def set_value(self, value: Any) -> None:
        self._line.setText("" if value is None else str(value))

    def _browse(self) -> None:
        start = self._line.text() or str(Path.home())
        path, _ = QFileDialog.getOpenFileName(self.widget, "Choose a file", start)
        if path:
            self._line.setText(path)


class _WheelGuard(QObject):
    """Lets the wheel scroll the panel instead of changing a value under the pointer."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QWheelEvent) and isinstance(watched, QWidget):
            if isinstance(watched, QPlainTextEdit) or watched.hasFocus():
                return False
            event.ignore()
            return True
        return False
