"""The menus of the right mouse button."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtWidgets import QMenu, QWidget

from earmark.core.clips import ReviewStatus
from earmark.ui.commands import Commands
from earmark.ui.editing import Editing
from earmark.ui.session import Session
from earmark.ui.takes import TAKE_CHECK, take_of

_STATUSES: dict[ReviewStatus, str] = {
    "new": "New",
    "in_progress": "In progress",
    "done": "Done",
}
_LABEL_COMMANDS = (
    "labels.edit",
    "labels.accept",
    "labels.reject",
    "labels.replay",
    "labels.merge",
    "labels.split",
)
_EDITOR_COMMANDS = (
    ("edit.cut", "edit.copy", "edit.paste", "edit.delete"),
    ("edit.split", "edit.trim", "edit.silence", "edit.duplicate"),
    ("labels.at_selection", "labels.at_playhead"),
    ("view.zoom_selection", "view.fit", "view.spectrogram_settings"),
)


class ContextMenus(QObject):
    """What can be done with what is under the mouse.

    Parameters
    ----------
    session : Session
    commands : Commands
    editing : Editing
    check : callable
        Checks the take that a clip is.
    window : QWidget
    """

    def __init__(
        self,
        session: Session,
        commands: Commands,
        editing: Editing,
        *,
        check: Callable[[int], None],
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._session = session
        self._commands = commands
        self._editing = editing
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
            for command in group:
                menu.addAction(self._commands.action(command))
            menu.addSeparator()
        menu.popup(at)

    def fill_for_labels(self, menu: QMenu) -> None:
        """Fill a menu for the selected labels."""
        for command in _LABEL_COMMANDS:
            menu.addAction(self._commands.action(command))
        menu.addSeparator()
        menu.addAction("Delete", self._editing.delete)

    def fill_for_clips(self, menu: QMenu, clips: tuple[int, ...]) -> None:
        """Fill a menu for clips of the browser."""
        session = self._session
        writable = not session.project.read_only
        menu.addAction("Show", partial(session.show_clip, clips[0]))
        if len(clips) == 1 and take_of(session, clips[0]):
            check = menu.addAction("Check take", partial(self._check, clips[0]))
            check.setEnabled(TAKE_CHECK in session.plugins.tasks)
        menu.addSeparator()
        marks = menu.addMenu("Mark as")
        for status, title in _STATUSES.items():
            mark = marks.addAction(title, partial(self._mark_clips, clips, status))
            mark.setEnabled(writable)
        remove = menu.addAction(
            "Remove from project", partial(self._remove_clips, clips)
        )
        remove.setEnabled(writable)

    def _mark_clips(self, clips: tuple[int, ...], status: ReviewStatus) -> None:
        with self._session.project.edit("Mark clips") as edit:
            for clip in clips:
                edit.update_clip(clip, status=status)

    def _remove_clips(self, clips: tuple[int, ...]) -> None:
        with self._session.project.edit("Remove clips") as edit:
            for clip in clips:
                edit.remove_clip(clip)
