"""A form made from a task's `Params`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from earmark.core.tasks import Params, declared
from earmark.ui.icons import icon
from earmark.ui.panels.fields import CheckField, Field, TextField, make_field
from earmark.ui.panels.list_field import ListField
from earmark.ui.session import Session
from earmark.ui.widgets import muted, restyle

_SHORT_HELP = 72
_TEXT_LINES = 7


class ParamsForm(QWidget):
    """A widget for each parameter, validated by the `Params` themselves.

    Parameters
    ----------
    params : type of Params
    first : str, optional
        The parameter that comes first and is given the most room: a task's text.
    session : Session, optional
        Whose project has the named lists that fields of one entry a line offer.
    """

    changed = Signal()

    def __init__(
        self,
        params: type[Params],
        *,
        first: str = "",
        session: Session | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._params = params
        self._session = session
        self._fields: dict[str, Field] = {}
        self._errors: dict[str, QLabel] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        fields = params.model_fields
        # What must be given comes before what may be.
        names = sorted(
            fields, key=lambda name: (name != first, not fields[name].is_required())
        )
        advanced = [n for n in names if declared(fields[n]).get("advanced")]
        for name in names:
            if name not in advanced:
                layout.addWidget(self._row(name, big=name == first))
        self.fold: QToolButton | None = None
        if advanced:
            self._folded = QWidget(self)
            inner = QVBoxLayout(self._folded)
            inner.setContentsMargins(0, 0, 0, 0)
            inner.setSpacing(12)
            for name in advanced:
                inner.addWidget(self._row(name, big=False))
            self.fold = QToolButton(self)
            self.fold.setProperty("role", "fold")
            self.fold.setText("More options")
            self.fold.setAccessibleName("More options")
            self.fold.setCheckable(True)
            self.fold.setAutoRaise(True)
            self.fold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            self.fold.toggled.connect(self._unfold)
            layout.addWidget(self.fold)
            layout.addWidget(self._folded)
            self._unfold(False)

    def to_be_given(self) -> QWidget | None:
        """The widget of the first parameter that must be given, if any must."""
        for name, field in self._fields.items():
            if self._params.model_fields[name].is_required():
                return field.widget
        return None

    def field(self, name: str) -> Field:
        """The field of a parameter."""
        return self._fields[name]

    def values(self) -> dict[str, Any]:
        """The values as they stand, not validated."""
        return {name: field.value() for name, field in self._fields.items()}

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show values; names the form does not know are left out."""
        for name, value in values.items():
            if name in self._fields:
                self._fields[name].set_value(value)

    def validated(self) -> Params | None:
        """The parameters; None if they do not hold, the reasons stand at the fields."""
        try:
            params = self._params(**self.values())
        except ValidationError as error:
            self.show_errors(error)
            return None
        self.show_errors(None)
        return params

    def show_errors(self, error: ValidationError | None) -> None:
        """Write what is wrong below each field, and go to the first."""
        found: dict[str, str] = {}
        for each in error.errors() if error else ():
            name = str(each["loc"][0]) if each["loc"] else next(iter(self._fields))
            message = each["msg"].removeprefix("Value error, ")
            found.setdefault(name, message[:1].upper() + message[1:])
        for name, label in self._errors.items():
            label.setText(found.get(name, ""))
            label.setVisible(name in found)
            widget = self._fields[name].widget
            widget = widget.focusProxy() or widget
            if bool(widget.property("invalid")) != (name in found):
                widget.setProperty("invalid", name in found)
                restyle(widget)
        if found:
            first = next(iter(found))
            if self.fold and not self._fields[first].widget.isVisibleTo(self):
                self.fold.setChecked(True)
            self._fields[first].widget.setFocus()

    def _row(self, name: str, *, big: bool) -> QWidget:
        info = self._params.model_fields[name]
        row = QWidget(self)
        grid = QGridLayout(row)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(4)
        kind = declared(info).get("lines")
        if kind and self._session is not None:
            optional = info.default is None
            field: Field = ListField(
                kind,
                self._session,
                row,
                optional=optional,
                choices=declared(info).get("choices") or (),
            )
        else:
            field = make_field(info, row)
        self._fields[name] = field
        title, help_text = info.title or name, info.description or ""
        widget = field.widget
        widget.setAccessibleName(title)
        widget.setAccessibleDescription(help_text)
        widget.setToolTip(help_text)
        if big and isinstance(field, TextField):
            field.set_lines(_TEXT_LINES)
        caption = QLabel(title, row)
        caption.setBuddy(widget)
        if isinstance(field, CheckField):
            caption.hide()
            grid.addWidget(widget, 0, 0, 1, 2)
        elif field.wide:
            grid.addWidget(caption, 0, 0, 1, 2)
            grid.addWidget(widget, 1, 0, 1, 2)
        else:
            grid.addWidget(caption, 0, 0)
            holder = QHBoxLayout()
            holder.addWidget(widget)
            widget.setSizePolicy(
                QSizePolicy.Policy.Expanding, widget.sizePolicy().verticalPolicy()
            )
            grid.addLayout(holder, 0, 1)
            grid.setColumnStretch(0, 2)
            grid.setColumnStretch(1, 3)
        if help_text and len(help_text) <= _SHORT_HELP:
            hint = muted(help_text, row)
            if isinstance(field, CheckField):
                hint.setContentsMargins(24, 0, 0, 0)
            grid.addWidget(hint, 2, 0, 1, 2)
        error = muted("", row)
        error.setProperty("role", "error")
        error.hide()
        grid.addWidget(error, 3, 0, 1, 2)
        self._errors[name] = error
        default = info.get_default(call_default_factory=True)
        if not info.is_required():
            field.set_value(default)
        field.changed.connect(self.changed)
        return row

    def _unfold(self, unfolded: bool) -> None:
        assert self.fold is not None
        self._folded.setVisible(unfolded)
        self.fold.setIcon(icon("ph.caret-down" if unfolded else "ph.caret-right"))
