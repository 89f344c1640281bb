"""The registry of commands: it makes the menus, the keys and the command palette."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

from earmark.core.errors import EarmarkError
from earmark.core.plugins import Command
from earmark.ui.icons import icon

MENUS = ("File", "Edit", "View", "Transport", "Labels", "Generate", "Tools", "Help")
_ALT_KEYS = {"Transport": "T&ransport"}
"""Where it is not the first letter that opens a menu together with Alt."""


class Commands(QObject):
    """All commands, each with its `QAction` and the keys it is bound to now.

    Parameters
    ----------
    window : QWidget
        The window in which the keys work.
    rebound : mapping of str to tuple of str
        Keys that a person chose, by command id; an empty tuple takes a command's keys
        away.
    """

    bindings_changed = Signal()
    failed = Signal(object)
    """An `EarmarkError` that a command raised."""

    def __init__(
        self, window: QWidget, rebound: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        super().__init__(window)
        self._window = window
        self._rebound = dict(rebound or {})
        self._commands: dict[str, Command] = {}
        self._actions: dict[str, QAction] = {}
        self._refresh = QTimer(self)
        self._refresh.setSingleShot(True)
        self._refresh.setInterval(0)
        self._refresh.timeout.connect(self.refresh)

    def add(self, commands: Iterable[Command]) -> None:
        """Take commands in; an id that is taken is refused."""
        for command in commands:
            if command.id in self._commands:
                raise EarmarkError(f"Two commands are called {command.id}.")
            self._commands[command.id] = command
            action = QAction(command.title, self._window)
            action.setObjectName(command.id)
            if command.icon:
                action.setIcon(icon(command.icon))
            action.setIconVisibleInMenu(False)
            action.setCheckable(command.checked is not None)
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            action.triggered.connect(partial(self.run, command.id))
            self._actions[command.id] = action
            self._window.addAction(action)
            self._bind(command)
        self.refresh_soon()

    def all(self) -> list[Command]:
        """All commands, in the order they were added."""
        return list(self._commands.values())

    def command(self, command: str) -> Command:
        """The command of an id."""
        return self._commands[command]

    def action(self, command: str) -> QAction:
        """The action of an id, for a tool bar or a menu."""
        return self._actions[command]

    def keys(self, command: str) -> tuple[str, ...]:
        """The keys a command is bound to now, as portable text."""
        return self._rebound.get(command, self._commands[command].keys)

    def users_of(self, key: str) -> list[Command]:
        """The commands bound to a key."""
        wanted = portable(key)
        return [
            command
            for command in self._commands.values()
            if wanted in map(portable, self.keys(command.id))
        ]

    def conflicts(self) -> dict[str, list[Command]]:
        """Each key that more than one command is bound to."""
        users: dict[str, list[Command]] = {}
        for command in self._commands.values():
            for key in self.keys(command.id):
                users.setdefault(portable(key), []).append(command)
        return {key: found for key, found in users.items() if len(found) > 1}

    def rebind(self, rebound: Mapping[str, tuple[str, ...]]) -> None:
        """Bind keys anew; commands that are not named get their own keys back."""
        if dict(rebound) == self._rebound:
            return
        self._rebound = dict(rebound)
        for command in self._commands.values():
            self._bind(command)
        self.bindings_changed.emit()

    def run(self, command: str) -> None:
        """Run a command if it may run now."""
        known = self._commands[command]
        if known.enabled():
            try:
                known.run()
            except EarmarkError as error:
                self.failed.emit(error)
        self.refresh_soon()

    def refresh_soon(self, *_: object) -> None:
        """Ask every command whether it may run, after the present event."""
        self._refresh.start()

    def refresh(self) -> None:
        """Ask every command whether it may run and whether it is on."""
        for command in self._commands.values():
            action = self._actions[command.id]
            action.setEnabled(command.enabled())
            if command.checked is not None:
                action.setChecked(command.checked())

    def fill(
        self, bar: QMenuBar, *, lists: Mapping[str, tuple[str, Callable[[QMenu], None]]]
    ) -> None:
        """Fill a menu bar.

        Parameters
        ----------
        bar : QMenuBar
        lists : mapping of str to (str, callable)
            Menus whose entries change: by path, the command they come after and what
            fills them each time they open.
        """
        bar.clear()
        menus: dict[str, QMenu] = {}
        last_section: dict[str, int] = {}

        def menu(path: str) -> QMenu:
            if path not in menus:
                parent, _, name = path.rpartition("/")
                if parent:
                    menus[path] = menu(parent).addMenu(name)
                else:
                    menus[path] = bar.addMenu(_ALT_KEYS.get(name, f"&{name}"))
                menus[path].setObjectName(f"menu.{path}")
                menus[path].aboutToShow.connect(self.refresh)
            return menus[path]

        # A menu inside another one comes after its commands.
        depth_first = sorted(
            (command for command in self._commands.values() if command.menu),
            key=lambda each: (_place(each.menu), each.menu.count("/"), each.section),
        )
        for command in depth_first:
            target = menu(command.menu)
            if command.section != last_section.get(command.menu, command.section):
                target.addSeparator()
            last_section[command.menu] = command.section
            target.addAction(self._actions[command.id])
        for path, (after, add) in lists.items():
            parent, _, name = path.rpartition("/")
            made = QMenu(name, menu(parent))
            actions = menu(parent).actions()
            at = actions.index(self._actions[after]) + 1
            menu(parent).insertMenu(actions[at], made)
            made.aboutToShow.connect(partial(add, made))

    def _bind(self, command: Command) -> None:
        keys = [QKeySequence(key) for key in self.keys(command.id)]
        action = self._actions[command.id]
        action.setShortcuts(keys)
        shown = f"  ({readable(self.keys(command.id)[0])})" if keys else ""
        action.setToolTip(command.title.rstrip("…") + shown)


def _place(menu: str) -> int:
    """Where a menu stands in the bar; one that a plugin names comes before Help."""
    name = menu.split("/")[0]
    return MENUS.index(name) if name in MENUS else len(MENUS) - 2


def portable(key: str) -> str:
    """A key sequence in the one way it is stored."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.PortableText)


def readable(key: str) -> str:
    """A key sequence as this system writes it."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)
