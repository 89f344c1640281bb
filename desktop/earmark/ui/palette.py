"""The command palette: type a few letters of what you want to do."""

from __future__ import annotations

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
)
from PySide6.QtGui import QKeyEvent, QPainter, QPalette
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from earmark.core.plugins import Command
from earmark.ui.commands import Commands, readable

Index = QModelIndex | QPersistentModelIndex

_WIDTH = 560
_ROWS = 12
_ROW_HEIGHT = 30


def score(query: str, text: str) -> float | None:
    """How well a query fits a title; None if not at all.

    Best is a title whose words begin with the query's words, then one that contains
    them, then one that has their letters in order ("zts": "Zoom to selection").
    """
    words, text = query.lower().split(), text.lower()
    title = text.split()
    if all(any(each.startswith(word) for each in title) for word in words):
        rank = 3.0
    elif all(word in text for word in words):
        rank = 2.0
    else:
        letters = iter(text)
        if not all(letter in letters for letter in "".join(words)):
            return None
        rank = 1.0
    return rank - len(text) / 1000


class _Found(QAbstractListModel):
    def __init__(self, commands: Commands, parent: QObject) -> None:
        super().__init__(parent)
        self._commands = commands
        self._rows: list[Command] = []

    def search(self, query: str) -> None:
        self.beginResetModel()
        ranked = []
        for command in self._commands.all():
            points = score(query, f"{command.title} {command.menu}")
            if points is not None:
                # What cannot be done now is found all the same, below what can.
                ranked.append((command.enabled(), points, command))
        if query:
            ranked.sort(key=lambda each: each[:2], reverse=True)
        else:
            ranked.sort(key=lambda each: (not each[0], each[2].title))
        self._rows = [command for _, _, command in ranked]
        self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        command = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return command.title
        if role == Qt.ItemDataRole.UserRole:
            return command
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{command.title}, {command.menu}"
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if self._rows[index.row()].enabled():
            return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return Qt.ItemFlag.ItemIsSelectable


class _Row(QStyledItemDelegate):
    def __init__(self, commands: Commands, parent: QObject) -> None:
        super().__init__(parent)
        self._commands = commands

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: Index
    ) -> None:
        command: Command = index.data(Qt.ItemDataRole.UserRole)
        palette = option.palette
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        enabled = bool(option.state & QStyle.StateFlag.State_Enabled)
        if selected:
            painter.fillRect(option.rect, palette.highlight())
        group = palette.ColorGroup.Active if enabled else palette.ColorGroup.Disabled
        text = palette.color(group, QPalette.ColorRole.Text)
        hint = palette.color(
            palette.ColorGroup.Active, QPalette.ColorRole.PlaceholderText
        )
        if selected and enabled:
            text = hint = palette.color(QPalette.ColorRole.HighlightedText)
        area: QRect = option.rect.adjusted(12, 0, -12, 0)
        align = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(text)
        painter.drawText(area, align | Qt.AlignmentFlag.AlignLeft, command.title)
        keys = "  ".join(map(readable, self._commands.keys(command.id)[:2]))
        where = command.menu.replace("/", " > ")
        painter.setPen(hint)
        used = painter.fontMetrics().horizontalAdvance(command.title) + 12
        painter.drawText(
            area.adjusted(used, 0, 0, 0), align | Qt.AlignmentFlag.AlignLeft, where
        )
        painter.drawText(area, align | Qt.AlignmentFlag.AlignRight, keys)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(_WIDTH, _ROW_HEIGHT)


class CommandPalette(QFrame):
    """A field and the commands that fit it, over the window."""

    def __init__(self, commands: Commands, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setProperty("role", "palette")
        self.setAccessibleName("Command palette")
        self._commands = commands
        self.field = QLineEdit(self)
        self.field.setPlaceholderText("Type what you want to do")
        self.field.setAccessibleName("Find a command")
        self.field.installEventFilter(self)
        self._found = _Found(commands, self)
        self.list = QListView(self)
        self.list.setAccessibleName("Commands found")
        self.list.setModel(self._found)
        self.list.setItemDelegate(_Row(commands, self))
        self.list.setUniformItemSizes(True)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.clicked.connect(lambda _: self.accept())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(4)
        layout.addWidget(self.field)
        layout.addWidget(self.list)
        self.field.textChanged.connect(self._search)

    def open(self) -> None:
        """Show it over the upper middle of the window."""
        parent = self.window().parentWidget() or self
        self.resize(_WIDTH, 48 + _ROWS * _ROW_HEIGHT)
        top = parent.mapToGlobal(parent.rect().topLeft())
        self.move(top.x() + (parent.width() - _WIDTH) // 2, top.y() + 96)
        self.field.clear()
        self._search("")
        self.show()
        self.field.setFocus()

    def accept(self) -> None:
        """Run the command that is marked."""
        index = self.list.currentIndex()
        self.close()
        if index.isValid():
            command: Command = index.data(Qt.ItemDataRole.UserRole)
            self._commands.run(command.id)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            key = event.key()
            if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.accept()
                return True
            steps = {
                Qt.Key.Key_Down: 1,
                Qt.Key.Key_Up: -1,
                Qt.Key.Key_PageDown: _ROWS,
                Qt.Key.Key_PageUp: -_ROWS,
            }
            if key in steps:
                row = self.list.currentIndex().row() + steps[Qt.Key(key)]
                self._mark(row)
                return True
        return super().eventFilter(watched, event)

    def _search(self, query: str) -> None:
        self._found.search(query)
        self._mark(0)

    def _mark(self, row: int) -> None:
        rows = self._found.rowCount()
        if rows:
            self.list.setCurrentIndex(self._found.index(max(0, min(row, rows - 1))))
