"""The tasks of one group, and the panel of the one that was chosen."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QScrollArea,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from earmark.core.tasks import Group, Task
from earmark.ui.fetching import Fetching
from earmark.ui.icons import icon
from earmark.ui.panels.task_panel import TaskPanel
from earmark.ui.session import Session
from earmark.ui.widgets import EmptyState, dock_header, muted, rule

_PANEL_PX = 480
_LEAST = 0.25
"""The list takes what is above so many pixels of the panel, but at least this part."""

_SAID: dict[Group, str] = {
    "understand": "What a model hears in a recording",
    "generate": "New sound from a text or a recording",
}
_NO_TASKS = (
    "No tasks here",
    "Tasks come with plugins. See Preferences > Plugins for those that were found.",
)
_SAFE_MODE = (
    "Safe mode",
    "Tasks come with plugins, and none is loaded: start Earmark without --no-plugins.",
)


class Tasks(QWidget):
    """A list of tasks with icons above the panel of the chosen one.

    Panels are built when first chosen; a plugin may give its own.
    """

    def __init__(
        self,
        session: Session,
        group: Group,
        fetching: Fetching,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._view = f"tasks/{group}"
        self._fetching = fetching
        self._panels: dict[str, QWidget] = {}
        known = session.plugins.tasks.values()
        tasks = [t for t in known if t.group == group and not t.hidden]
        # What makes something from nothing but a text comes first.
        self.tasks = sorted(tasks, key=lambda task: task.input != "text")
        said = muted(_SAID[group], self)
        said.setContentsMargins(4, 0, 0, 0)
        dock_header(self, said)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self._stack = QStackedWidget(self)
        self._buttons: dict[str, QToolButton] = {}
        if not self.tasks:
            said_of_none = _SAFE_MODE if session.plugins.safe_mode else _NO_TASKS
            self._stack.addWidget(
                EmptyState("ph.puzzle-piece", *said_of_none, parent=self)
            )
            layout.addWidget(self._stack, 1)
            return
        listed = QWidget(self)
        rows = QVBoxLayout(listed)
        rows.setContentsMargins(8, 8, 8, 8)
        rows.setSpacing(2)
        group_of_buttons = QButtonGroup(self)
        for task in self.tasks:
            row = self._row(task)
            group_of_buttons.addButton(row)
            rows.addWidget(row)
            self._buttons[task.id] = row
        self._list = QScrollArea(self)
        self._list.setAccessibleName("Tasks")
        self._list.setFrameShape(QFrame.Shape.NoFrame)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setWidgetResizable(True)
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.setWidget(listed)
        layout.addWidget(self._list)
        layout.addWidget(rule(self))
        layout.addWidget(self._stack, 1)
        self._restore()
        session.project_opened.connect(self._restore)

    def choose(self, task: str) -> QWidget:
        """Show the panel of a task, also when the project is opened again."""
        self._session.project.set_view(self._view, {"task": task})
        return self._show(task)

    def _show(self, task: str) -> QWidget:
        if task not in self._panels:
            known = self._session.plugins.task(task)
            panel = self._session.plugins.panel(known, self._session, self._stack)
            if not isinstance(panel, QWidget):
                panel = TaskPanel(self._session, known, self._fetching, self._stack)
            self._panels[task] = panel
            self._stack.addWidget(panel)
        self._stack.setCurrentWidget(self._panels[task])
        self._buttons[task].setChecked(True)
        self._list.ensureWidgetVisible(self._buttons[task])
        return self._panels[task]

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the panel of the task the height it needs; the list scrolls."""
        super().resizeEvent(event)
        if self.tasks:
            rows = self._list.widget()
            assert rows is not None
            wanted = rows.sizeHint().height()
            room = max(self.height() - _PANEL_PX, round(_LEAST * self.height()))
            self._list.setFixedHeight(min(wanted, room))
            chosen = next(b for b in self._buttons.values() if b.isChecked())
            self._list.ensureWidgetVisible(chosen)

    def current(self) -> QWidget | None:
        """The panel that is shown."""
        return self._stack.currentWidget()

    def _restore(self) -> None:
        """Show the task that was in front when the project was last open."""
        kept = (self._session.project.view(self._view) or {}).get("task")
        self._show(kept if kept in self._buttons else self.tasks[0].id)

    def _row(self, task: Task) -> QToolButton:
        row = QToolButton(self)
        row.setProperty("role", "row")
        row.setText(task.title)
        row.setToolTip(task.summary)
        row.setAccessibleName(task.title)
        row.setAccessibleDescription(task.summary)
        row.setIcon(icon(task.icon))
        row.setIconSize(QSize(26, 18))
        row.setCheckable(True)
        row.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        row.setSizePolicy(
            row.sizePolicy().Policy.Expanding, row.sizePolicy().verticalPolicy()
        )
        row.clicked.connect(lambda: self.choose(task.id))
        return row
