"""The menus of the right mouse button."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtWidgets import QMenu, QWidget

from earmark.ui.actions.clips import MARKS
from earmark.ui.commands import Commands
from earmark.ui.session import Session
from earmark.ui.takes import TAKE_CHECK, take_of

_LABEL_COMMANDS = (
    "labels.edit",
    "labels.accept",
    "labels.reject",
    "labels.replay",
    "labels.merge",
    "labels.split",
    "labels.rename_speaker",
    "labels.delete",
)
_TRACK_COMMANDS = (
    "labels.rename_track",
    "labels.track_up",
    "labels.track_down",
    "labels.remove_track",
)
_EDITOR_COMMANDS = (
    ("edit.cut", "edit.copy", "edit.paste", "edit.delete"),
    ("edit.split", "edit.trim", "edit.silence", "edit.duplicate"),
    ("labels.at_selection", "labels.at_playhead", "labels.keep_voice"),
    ("view.zoom_selection", "view.fit", "view.spectrogram_settings"),
)


class ContextMenus(QObject):
    """What can be done with what is under the mouse.

    Parameters
    ----------
    session : Session
    commands : Commands
    check : callable
        Checks the take that a clip is.
    window : QWidget
    """

    def __init__(
        self,
        session: Session,
        commands: Commands,
        *,
        check: Callable[[int], None],
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._session = session
        self._commands = commands
        self._check = check
        self._window = window

    def show_for_editor(self, at: QPoint) -> None:
        """Open the editor's menu at a place of the screen."""
        menu = QMenu(self._window)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if self._session.selected_labels:
            self.fill_for_labels(menu)
            menu.addSeparator()
        for group in _EDITOR_COMMANDS:
            self._add(menu, group)
            menu.addSeparator()
        menu.popup(at)

    def show_for_track(self, at: QPoint) -> None:
        """Open the menu of the active label track at a place of the screen."""
        menu = QMenu(self._window)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._add(menu, _TRACK_COMMANDS)
        menu.popup(at)

    def fill_for_labels(self, menu: QMenu) -> None:
        """Fill a menu for the selected labels."""
        self._add(menu, _LABEL_COMMANDS)

    def fill_for_clips(self, menu: QMenu, clips: tuple[int, ...]) -> None:
        """Fill a menu for the clips that are selected in the browser."""
        session = self._session
        menu.addAction("Show", partial(session.show_clip, clips[0]))
        if len(clips) == 1 and take_of(session, clips[0]):
            check = menu.addAction("Check take", partial(self._check, clips[0]))
            check.setEnabled(TAKE_CHECK in session.plugins.tasks)
        self._add(menu, ("clips.rename",))
        menu.addSeparator()
        self._add(menu, MARKS)
        menu.addSeparator()
        self._add(menu, ("clips.remove",))

    def _add(self, menu: QMenu, commands: Sequence[str]) -> None:
        """Add commands, enabled as they may run now."""
        self._commands.refresh()
        for command in commands:
            menu.addAction(self._commands.action(command))
