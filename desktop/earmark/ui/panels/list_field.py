"""A field of one entry a line, and the named lists that it can be filled from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QComboBox,
    QCompleter,
    QHBoxLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from earmark.core.errors import EarmarkError
from earmark.core.labels import NamedList
from earmark.core.project import Change
from earmark.ui.panels.fields import Field, TextField
from earmark.ui.session import Session
from earmark.ui.widgets import tool_button

_LINES = 5
_SHOWN = 12


class ListField(Field):
    """Lines of text below the project's lists of one kind.

    Choosing a list fills the lines with it; a name that is typed is that under which
    the lines are kept. Both are edits of the project.

    Parameters
    ----------
    kind : str
        Of the lists: "keywords".
    session : Session
    choices : sequence of (value, caption), optional
        What is offered to be added as a line; it is searched by its captions.
    """

    wide = True

    def __init__(
        self,
        kind: str,
        session: Session,
        parent: QWidget,
        *,
        optional: bool,
        choices: Sequence[tuple[str, str]] = (),
    ) -> None:
        holder = QWidget(parent)
        self._kind = kind
        self._session = session
        self._lines = TextField(holder, optional=optional)
        self._lines.set_lines(_LINES)
        self.names = QComboBox(holder)
        super().__init__(holder)
        holder.setFocusProxy(self._lines.widget)
        self.names.setEditable(True)
        self.names.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        # It would turn a new name into that of a list that begins like it.
        self.names.setCompleter(None)  # type: ignore[arg-type]  # takes none
        self.names.setAccessibleName("Saved lists")
        self.names.setToolTip("Choose a saved list, or type a name to save one under.")
        self.names.installEventFilter(self._wheel)
        line = self.names.lineEdit()
        assert line is not None
        line.setPlaceholderText("Saved lists")
        self.save = tool_button("ph.floppy-disk", "Save these lines as a list", holder)
        self.delete = tool_button("ph.trash", "Delete this list", holder)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.names, 1)
        row.addWidget(self.save)
        row.addWidget(self.delete)
        layout = QVBoxLayout(holder)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row)
        self.search: QLineEdit | None = None
        if choices:
            self.search = QLineEdit(holder)
            self.search.setPlaceholderText("Search and add")
            self.search.setAccessibleName("Search and add")
            self.search.setToolTip("Type a part of a name, and choose what to add.")
            self.search.setCompleter(_completer(choices, self.search))
            completer: Any = self.search.completer()
            completer.activated[QModelIndex].connect(self._add)
            # The choice is written into the box after it was told.
            completer.activated[QModelIndex].connect(
                self.search.clear, Qt.ConnectionType.QueuedConnection
            )
            layout.addWidget(self.search)
        layout.addWidget(self._lines.widget)
        self.names.activated.connect(self._fill)
        self.names.editTextChanged.connect(self._refresh)
        self.save.clicked.connect(self._save)
        self.delete.clicked.connect(self._delete)
        self._lines.changed.connect(self.changed)
        self._lines.changed.connect(self._refresh)
        session.project_changed.connect(self._take_change)
        session.project_opened.connect(self._reload)
        self._reload()

    def value(self) -> str | None:
        return self._lines.value()

    def set_value(self, value: Any) -> None:
        self._lines.set_value(value)
        same = [each.name for each in self._lists() if each.text == value]
        self.names.setEditText(same[0] if same else "")

    def _add(self, index: QModelIndex) -> None:
        """Write a choice as the last line."""
        value = str(index.data(Qt.ItemDataRole.UserRole))
        lines = (self._lines.value() or "").splitlines()
        if value not in lines:
            self._lines.set_value("\n".join([*filter(str.strip, lines), value]))

    def _lists(self) -> list[NamedList]:
        return self._session.project.lists(self._kind)

    def _chosen(self) -> NamedList | None:
        """The list whose name stands in the box."""
        name = self.names.currentText().strip()
        return next((each for each in self._lists() if each.name == name), None)

    def _fill(self) -> None:
        if (chosen := self._chosen()) is not None:
            self._lines.set_value(chosen.text)

    def _save(self) -> None:
        name = self.names.currentText().strip()
        try:
            with self._session.project.edit(f"Save list “{name}”") as edit:
                edit.set_list(self._kind, name, self._lines.value() or "")
        except EarmarkError as error:
            self._session.error.emit(error)

    def _delete(self) -> None:
        if (chosen := self._chosen()) is None:
            return
        with self._session.project.edit(f"Delete list “{chosen.name}”") as edit:
            edit.remove_list(chosen.id)

    def _take_change(self, change: Change) -> None:
        if "lists" in change.rows:
            self._reload()

    def _reload(self) -> None:
        """Offer the lists as they are now; what is typed stays."""
        typed = self.names.currentText()
        self.names.blockSignals(True)
        self.names.clear()
        self.names.addItems([each.name for each in self._lists()])
        self.names.setEditText(typed)
        self.names.blockSignals(False)
        self._refresh()

    def _refresh(self, *_: object) -> None:
        chosen = self._chosen()
        named = bool(self.names.currentText().strip())
        lines = self._lines.value() or ""
        changed = bool(lines.strip()) and (chosen is None or chosen.text != lines)
        writable = not self._session.project.read_only
        self.save.setEnabled(writable and named and changed)
        self.delete.setEnabled(writable and chosen is not None)


def _completer(choices: Sequence[tuple[str, str]], parent: QWidget) -> QCompleter:
    """Offers the choices that hold what is typed, each with its value."""
    model = QStandardItemModel(parent)
    for value, caption in choices:
        item = QStandardItem(caption)
        item.setData(value, Qt.ItemDataRole.UserRole)
        model.appendRow(item)
    completer = QCompleter(model, parent)
    completer.setFilterMode(Qt.MatchFlag.MatchContains)
    completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
    completer.setMaxVisibleItems(_SHOWN)
    return completer
