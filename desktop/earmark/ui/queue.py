"""The jobs: what waits, what runs and on what, and what became of it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMenu,
    QPlainTextEdit,
    QSizePolicy,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from earmark.core.errors import EarmarkError
from earmark.core.tasks import Job, JobState
from earmark.ui.job_model import (
    DEVICE,
    INPUT,
    MEMORY,
    MODEL,
    SPEED,
    STATE,
    TASK,
    TIME,
    JobModel,
    StateDelegate,
)
from earmark.ui.session import Session
from earmark.ui.tables import RowTable
from earmark.ui.widgets import EmptyState, button, dock_button, dock_header, muted
from earmark.ui.wording import count

_WIDTHS = {TASK: 168, STATE: 132, DEVICE: 116, SPEED: 68, TIME: 56, MEMORY: 120}
_NARROW = {STATE: 108, MEMORY: 72}
_LEAST_PX = 84
"""Of the columns that share what room is left."""
_LIVE = (JobState.WAITING, JobState.RUNNING)
_RESUMABLE = (JobState.FAILED, JobState.CANCELLED, JobState.INTERRUPTED)


class Jobs(QWidget):
    """The table of jobs and what can be done with them."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.model = JobModel(session)
        self.table = RowTable("Jobs", self, delete=self.remove)
        self.table.setModel(self.model)
        self.table.setItemDelegateForColumn(STATE, StateDelegate(self.table))
        header = self.table.horizontalHeader()
        for column in (INPUT, MODEL):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._show_menu)
        self.table.doubleClicked.connect(lambda _: self.show_details())
        self.empty = EmptyState(
            "ph.queue",
            "No jobs yet",
            "Run a task from the Understand or the Generate panel; it shows up here "
            "with its speed, device and memory.",
            parent=self,
        )
        self._actions = [
            dock_button("ph.x-circle", "Cancel the job", self.cancel),
            dock_button("ph.arrow-clockwise", "Run the job again", self.retry),
            dock_button("ph.play", "Resume the job", self.resume),
            dock_button("ph.info", "Details of the job", self.show_details),
            dock_button("ph.trash", "Remove the job", self.remove),
        ]
        self.summary = muted("", self)
        self.summary.setContentsMargins(4, 0, 0, 0)
        self.summary.setSizePolicy(
            QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred
        )
        dock_header(self, self.summary, *self._actions)
        self._held = QWidget(self)
        held = QHBoxLayout(self._held)
        held.setContentsMargins(12, 8, 12, 0)
        self._held_text = muted("", self._held)
        held.addWidget(self._held_text, 1)
        held.addWidget(button("Start them", self._start_held, self._held))
        pages = QWidget(self)
        self._pages = QStackedLayout(pages)
        self._pages.addWidget(self.empty)
        self._pages.addWidget(self.table)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._held)
        layout.addWidget(pages, 1)
        for signal in (
            self.model.modelReset,
            self.model.rowsInserted,
            self.model.rowsRemoved,
        ):
            signal.connect(self._refresh)
        self.model.dataChanged.connect(self._refresh_actions)
        self.table.selectionModel().selectionChanged.connect(self._refresh_actions)
        self._count_held()
        session.project_opened.connect(self._count_held)
        self._refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the model out where there is no room for it; the details have it."""
        super().resizeEvent(event)
        roomy = self.width() - sum(_WIDTHS.values()) >= 2 * _LEAST_PX
        self.table.setColumnHidden(MODEL, not roomy)
        for column, width in (_WIDTHS if roomy else _WIDTHS | _NARROW).items():
            self.table.setColumnWidth(column, width)

    def selected(self) -> list[Job]:
        """The jobs that are selected."""
        rows = self.table.selectionModel().selectedRows()
        return [self.model.job_at(row.row()) for row in rows]

    def cancel(self) -> None:
        """Stop the selected jobs."""
        self._together(self._session.queue.cancel, _LIVE)

    def retry(self) -> None:
        """Run the selected jobs once more."""
        retry = self._session.queue.retry
        self._together(lambda *jobs: list(map(retry, jobs)), tuple(JobState))

    def resume(self) -> None:
        """Let the selected jobs go on where they ended."""
        self._together(self._session.queue.resume, _RESUMABLE)

    def remove(self) -> None:
        """Forget the selected jobs; what they made stays in the project."""
        self._together(self._session.queue.remove, tuple(JobState))

    def show_details(self) -> None:
        """Show all that is known of the selected job."""
        if jobs := self.selected():
            check = self._session.project.text(jobs[0].id, "check")
            dialog = JobDetails(self.model, jobs[0], self, check.text if check else "")
            dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            dialog.open()

    def _together(
        self, act: Callable[..., object], states: tuple[JobState, ...]
    ) -> None:
        """Do something with those of the selected jobs that are in some states."""
        try:
            act(*(job.id for job in self.selected() if job.state in states))
        except EarmarkError as error:
            self._session.error.emit(error)

    def _refresh(self, *_: object) -> None:
        self._pages.setCurrentIndex(1 if self.model.rowCount() else 0)
        self.summary.setText(count(self.model.rowCount(), "job"))
        self._refresh_actions()

    def _refresh_actions(self, *_: object) -> None:
        states = {job.state for job in self.selected()}
        writable = not self._session.project.read_only
        able = (
            bool(states.intersection(_LIVE)),
            bool(states) and writable,
            bool(states.intersection(_RESUMABLE)),
            bool(states),
            bool(states) and writable,
        )
        for action, enabled in zip(self._actions, able, strict=True):
            action.setEnabled(enabled)

    def _count_held(self) -> None:
        """Offer to start what waited when the project was closed."""
        held = len(self._session.project.waiting_jobs())
        self._held_text.setText(
            f"{count(held, 'job')} waited when the project was closed."
        )
        self._held.setVisible(held > 0 and not self._session.project.read_only)

    def _start_held(self) -> None:
        self._session.queue.start()
        self._held.hide()

    def _show_menu(self, at: QPoint) -> None:
        if not self.selected():
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for action in self._actions:
            entry = menu.addAction(action.accessibleName(), action.click)
            entry.setEnabled(action.isEnabled())
        menu.popup(self.table.viewport().mapToGlobal(at))


class JobDetails(QDialog):
    """All that is known of a job, and its traceback, to be read and copied."""

    def __init__(
        self, model: JobModel, job: Job, parent: QWidget, result: str = ""
    ) -> None:
        super().__init__(parent)
        row = model.row_of(job.id) or 0
        facts = [
            (str(model.headerData(c, Qt.Orientation.Horizontal)), model.index(row, c))
            for c in range(model.columnCount())
        ]
        lines = [f"{title}: {index.data()}" for title, index in facts if index.data()]
        if result:
            lines.append(f"Result: {result}")
        if job.model is not None:
            lines.append(f"Model: {job.model.id} {job.model.revision}".rstrip())
        lines += model.params_of(job)
        if job.usage.note:
            lines.append(f"Note: {job.usage.note}")
        self.setWindowTitle(str(facts[0][1].data()))
        self.setMinimumSize(560, 400)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        if job.error:
            error = QLabel(job.error, self)
            error.setProperty("role", "error")
            error.setWordWrap(True)
            layout.addWidget(error)
        text = "\n".join([*lines, "", job.traceback] if job.traceback else lines)
        self.text = text
        details = QPlainTextEdit(text, self)
        details.setReadOnly(True)
        details.setTabChangesFocus(True)
        details.setAccessibleName("Details")
        layout.addWidget(details, 1)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        copy = box.addButton("Copy", QDialogButtonBox.ButtonRole.ActionRole)
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(text))
        box.rejected.connect(self.reject)
        layout.addWidget(box)
