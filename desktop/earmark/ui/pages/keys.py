"""The preferences of keys."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QKeySequenceEdit,
    QLineEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from earmark.core.plugins import Command
from earmark.ui.commands import MENUS, Commands, portable, readable
from earmark.ui.pages.page import Page
from earmark.ui.session import Session
from earmark.ui.widgets import button, muted, search_field, set_role


class KeysPage(Page):
    """Every command and its keys; a key that is in use is told before it is moved."""

    def __init__(self, session: Session, commands: Commands, parent: QWidget) -> None:
        super().__init__("Keys", parent)
        self._session = session
        self._commands = commands
        self.filter = search_field("Filter commands or keys", self)
        self.filter.textChanged.connect(self._filter)
        self.tree = QTreeWidget(self)
        self.tree.setAccessibleName("Commands and keys")
        self.tree.setHeaderLabels(["Command", "Keys"])
        self.tree.setRootIsDecorated(False)
        self.tree.setIndentation(12)
        self.tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.tree.setMinimumHeight(280)
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.tree.setColumnWidth(1, 160)
        self.tree.header().setStretchLastSection(False)
        self.tree.currentItemChanged.connect(lambda *_: self._show())
        self.keys = QKeySequenceEdit(self)
        self.keys.setAccessibleName("New keys")
        for field in self.keys.findChildren(QLineEdit):
            field.setAccessibleName("New keys")
        self.keys.setMaximumSequenceLength(1)
        self.keys.setClearButtonEnabled(True)
        self.keys.keySequenceChanged.connect(lambda _: self._check())
        self._set = button("Set", self.assign, self)
        self._own = button("Default", self.restore, self)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.keys, 1)
        row.addWidget(self._set)
        row.addWidget(self._own)
        self.state = muted("Choose a command, then press its new keys.", self)
        for widget in (self.filter, self.tree):
            self.body.addWidget(widget)
        self.body.addLayout(row)
        self.body.addWidget(self.state)
        self.body.addWidget(
            button("All defaults", self.restore_all, self),
            0,
            Qt.AlignmentFlag.AlignLeft,
        )
        self._rows: dict[str, QTreeWidgetItem] = {}
        self._fill()
        commands.bindings_changed.connect(self._refresh)

    def choose(self, command: str) -> None:
        """Mark a command."""
        self.tree.setCurrentItem(self._rows[command])

    def assign(self) -> None:
        """Give the marked command the keys that were pressed; others lose them."""
        command = self._current()
        if command is None:
            return
        key = portable(self.keys.keySequence().toString())
        rebound = dict(self._session.store.settings.keys)
        for other in self._commands.users_of(key) if key else ():
            if other.id != command.id:
                left = tuple(
                    k for k in self._commands.keys(other.id) if portable(k) != key
                )
                rebound[other.id] = left
        rebound[command.id] = (key,) if key else ()
        self._store(rebound)

    def restore(self) -> None:
        """Give the marked command its own keys back."""
        command = self._current()
        if command is not None:
            rebound = dict(self._session.store.settings.keys)
            rebound.pop(command.id, None)
            self._store(rebound)

    def restore_all(self) -> None:
        """Give all commands their own keys back."""
        self._store({})

    def _store(self, rebound: dict[str, tuple[str, ...]]) -> None:
        self._session.store.update(keys=rebound)
        self._commands.rebind(rebound)
        self._show()

    def _current(self) -> Command | None:
        item = self.tree.currentItem()
        if item is None:
            return None
        command = item.data(0, Qt.ItemDataRole.UserRole)
        return self._commands.command(command) if command else None

    def _fill(self) -> None:
        groups: dict[str, QTreeWidgetItem] = {}
        known = [c.menu.split("/")[0] for c in self._commands.all()]
        for name in [*MENUS, "Elsewhere"]:
            if name in known or (name == "Elsewhere" and "" in known):
                group = QTreeWidgetItem(self.tree, [name])
                group.setFlags(Qt.ItemFlag.ItemIsEnabled)
                groups[name] = group
        for command in self._commands.all():
            group = groups[command.menu.split("/")[0] or "Elsewhere"]
            row = QTreeWidgetItem(group, [command.title.rstrip("…"), ""])
            row.setData(0, Qt.ItemDataRole.UserRole, command.id)
            self._rows[command.id] = row
        self.tree.expandAll()
        self._refresh()

    def _refresh(self) -> None:
        for command, row in self._rows.items():
            row.setText(1, "   ".join(map(readable, self._commands.keys(command))))

    def _filter(self, text: str) -> None:
        words = text.casefold().split()
        for command, row in self._rows.items():
            keys = " ".join(self._commands.keys(command))
            found = f"{row.text(0)} {row.text(1)} {keys}".casefold()
            row.setHidden(not all(word in found for word in words))
        for number in range(self.tree.topLevelItemCount()):
            group = self.tree.topLevelItem(number)
            if group is not None:
                rows = (group.child(n) for n in range(group.childCount()))
                group.setHidden(all(row is None or row.isHidden() for row in rows))

    def _show(self) -> None:
        command = self._current()
        for widget in (self.keys, self._set, self._own):
            widget.setEnabled(command is not None)
        if command is not None:
            keys = self._commands.keys(command.id)
            self.keys.setKeySequence(QKeySequence(keys[0] if keys else ""))
        self._check()

    def _check(self) -> None:
        command = self._current()
        key = portable(self.keys.keySequence().toString())
        others = [
            other.title.rstrip("…")
            for other in (self._commands.users_of(key) if key else ())
            if command is None or other.id != command.id
        ]
        if command is not None and others:
            names = ", ".join(f"“{other}”" for other in others)
            self._say(
                f"{readable(key)} is used by {names}, which would lose it.", "warning"
            )
        elif command is not None:
            self._say(f"Keys of “{command.title.rstrip('…')}”.", "muted")
        else:
            self._say("Choose a command, then press its new keys.", "muted")

    def _say(self, text: str, role: str) -> None:
        self.state.setText(text)
        set_role(self.state, role)
