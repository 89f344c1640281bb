"""The vocabulary: the classes labels are chosen from, their colours and keys."""

from __future__ import annotations

from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from earmark.core.errors import EarmarkError
from earmark.core.labels import Word
from earmark.ui.session import Session
from earmark.ui.tables import Index, plain_header
from earmark.ui.widgets import button, muted, set_role

COLORS = (
    "#e5484d", "#f76b15", "#ffba18", "#46a758", "#12a594", "#0090ff", "#6e56cf",
    "#d6409f", "#978365",
)  # fmt: skip
_NAME, _COLOR, _KEY = range(3)


class Vocabulary(QDialog):
    """Names, colours and class keys; all of it is one edit when it is accepted."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self._session = session
        self.setWindowTitle("Vocabulary")
        self.setMinimumSize(480, 420)
        self.table = QTableWidget(0, 3, self)
        self.table.setAccessibleName("Vocabulary")
        self.table.setHorizontalHeaderLabels(["Name", "Colour", "Key"])
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(34)
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)
        self.table.setItemDelegateForColumn(_NAME, _NameDelegate(self.table))
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        header = self.table.horizontalHeader()
        plain_header(header)
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        self.table.setColumnWidth(_COLOR, 72)
        self.table.setColumnWidth(_KEY, 80)
        self.state = muted(
            "Add the names that you label with most. The key of one labels the "
            "selection with it, or reclasses the selected labels.",
            self,
        )
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(button("Add", lambda: self.add(), self, glyph="ph.plus"))
        row.addWidget(button("Remove", self.remove, self, glyph="ph.trash"))
        row.addStretch(1)
        box = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel,
            self,
        )
        set_role(box.button(QDialogButtonBox.StandardButton.Ok), "primary")
        box.accepted.connect(self.accept)
        box.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addWidget(self.table, 1)
        layout.addLayout(row)
        layout.addWidget(self.state)
        layout.addWidget(box)
        self._ids: list[int] = []
        for word in session.project.vocabulary():
            self._append(word)

    def add(self, name: str = "") -> None:
        """Add a class, with a colour and a key that are free."""
        words = self.words()
        colors, keys = {w.color for w in words}, {w.key for w in words}
        color = next((c for c in COLORS if c not in colors), COLORS[len(words) % 9])
        key = next((k for k in "123456789" if k not in keys), "")
        self._append(Word(0, name or f"Class {len(words) + 1}", color, key))
        row = self.table.rowCount() - 1
        self.table.setCurrentCell(row, _NAME)
        if (item := self.table.item(row, _NAME)) is not None:
            self.table.editItem(item)

    def remove(self) -> None:
        """Remove the selected classes; labels keep their text."""
        rows = {index.row() for index in self.table.selectionModel().selectedRows()}
        for row in sorted(rows, reverse=True):
            self.table.removeRow(row)
            del self._ids[row]

    def words(self) -> list[Word]:
        """The vocabulary as it stands in the table."""
        words = []
        for row in range(self.table.rowCount()):
            name = self.table.item(row, _NAME)
            color, key = self._widgets(row)
            words.append(
                Word(
                    self._ids[row],
                    name.text().strip() if name else "",
                    str(color.property("color")),
                    key.currentText().strip("\N{EN DASH}"),
                )
            )
        return words

    def accept(self) -> None:
        """Store the vocabulary."""
        words = self.words()
        keys = [word.key for word in words if word.key]
        if len(set(keys)) < len(keys):
            self._say("Two classes have the same key.")
            return
        if not all(word.name for word in words):
            self._say("A class has no name.")
            return
        old = {word.id: word for word in self._session.project.vocabulary()}
        try:
            with self._session.project.edit("Edit vocabulary") as edit:
                for gone in old.keys() - {word.id for word in words}:
                    edit.remove_word(gone)
                # A key can only move on once nobody has it.
                for word in words:
                    if word.id and old[word.id].key and old[word.id].key != word.key:
                        edit.update_word(word.id, key="")
                for word in words:
                    if not word.id:
                        edit.set_word(word.name, word.color, word.key)
                    elif word != old[word.id]:
                        edit.update_word(
                            word.id, name=word.name, color=word.color, key=word.key
                        )
        except EarmarkError as error:
            self._say(str(error))
            return
        super().accept()

    def _append(self, word: Word) -> None:
        row = self.table.rowCount()
        self._ids.append(word.id)
        self.table.insertRow(row)
        self.table.setItem(row, _NAME, QTableWidgetItem(word.name))
        color = QToolButton(self.table)
        color.setAccessibleName(f"Colour of {word.name}")
        color.setToolTip("Choose a colour")
        color.clicked.connect(lambda: self._choose_color(color))
        _set_color(color, word.color)
        self.table.setCellWidget(row, _COLOR, color)
        key = QComboBox(self.table)
        key.setAccessibleName(f"Key of {word.name}")
        key.addItems(["\N{EN DASH}", *"123456789"])
        key.setCurrentText(word.key or "\N{EN DASH}")
        self.table.setCellWidget(row, _KEY, key)

    def _widgets(self, row: int) -> tuple[QToolButton, QComboBox]:
        color = self.table.cellWidget(row, _COLOR)
        key = self.table.cellWidget(row, _KEY)
        assert isinstance(color, QToolButton)
        assert isinstance(key, QComboBox)
        return color, key

    def _choose_color(self, target: QToolButton) -> None:
        chosen = QColorDialog.getColor(QColor(target.property("color")), self)
        if chosen.isValid():
            _set_color(target, chosen.name())

    def _say(self, text: str) -> None:
        self.state.setText(text)
        set_role(self.state, "error")


class _NameDelegate(QStyledItemDelegate):
    """Names the field in which a name is typed."""

    def createEditor(
        self, parent: QWidget, option: QStyleOptionViewItem, index: Index
    ) -> QWidget:
        editor = super().createEditor(parent, option, index)
        editor.setAccessibleName("Name of the class")
        return editor


def _set_color(target: QToolButton, color: str) -> None:
    target.setProperty("color", color)
    picture = QPixmap(20, 20)
    picture.fill(QColor("transparent"))
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(QColor(color))
    painter.setPen(QColor(color))
    painter.drawRoundedRect(1, 1, 18, 18, 4, 4)
    painter.end()
    target.setIcon(picture)
