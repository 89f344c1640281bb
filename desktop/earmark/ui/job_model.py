"""The jobs of the project as rows."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QModelIndex, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPalette
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from earmark.core.tasks import Job, JobState, Task
from earmark.engine.queue import JobEvent
from earmark.ui.appearance import current_palette
from earmark.ui.icons import icon
from earmark.ui.session import Session
from earmark.ui.tables import ROW_HEIGHT, Index, RowModel
from earmark.ui.wording import duration, size

TASK, INPUT, MODEL, STATE, DEVICE, SPEED, TIME, MEMORY = range(8)
JOB_ROLE = Qt.ItemDataRole.UserRole
FRACTION_ROLE = Qt.ItemDataRole.UserRole + 1
_WORDS = {
    JobState.WAITING: "Waiting",
    JobState.RUNNING: "Running",
    JobState.DONE: "Done",
    JobState.FAILED: "Failed",
    JobState.CANCELLED: "Cancelled",
    JobState.INTERRUPTED: "Interrupted",
}
_UNKNOWN = -1.0


class JobModel(RowModel):
    """The jobs, the latest first; an event redraws only the rows that it is about."""

    titles = (
        "Task", "Works on", "Model", "State", "Device", "Speed", "Time", "Memory",
    )  # fmt: skip

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._ids: list[int] = []
        self._read: dict[int, Job] = {}
        session.project_opened.connect(self.reload)
        session.job_event.connect(self._take_event)
        self.reload()

    def reload(self) -> None:
        """Read all jobs."""
        self.beginResetModel()
        self._ids = self._session.project.job_ids()[::-1]
        self._read.clear()
        self.endResetModel()

    def job_at(self, row: int) -> Job:
        """The job of a row; it is read when it is first asked for."""
        job = self._ids[row]
        if job not in self._read:
            self._read[job] = self._session.project.job(job)
        return self._read[job]

    def row_of(self, job: int) -> int | None:
        """The row of a job."""
        return self._ids.index(job) if job in self._ids else None

    def _rows_of(self, jobs: tuple[int, ...]) -> list[int]:
        """The rows of those of some jobs that have one, from top to bottom."""
        if len(jobs) == 1:
            row = self.row_of(jobs[0])
            return [] if row is None else [row]
        chosen = set(jobs)
        return [row for row, job in enumerate(self._ids) if job in chosen]

    def row_total(self) -> int:
        return len(self._ids)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        job, column = self.job_at(index.row()), index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._shown(job, column)
        if role == JOB_ROLE:
            return job.id
        if role == FRACTION_ROLE and job.state == JobState.RUNNING:
            fraction = self._session.queue.progress(job.id).fraction
            return _UNKNOWN if fraction is None else fraction
        if role == Qt.ItemDataRole.DecorationRole and column == TASK:
            task = self._task(job)
            return icon(task.icon if task else "ph.puzzle-piece")
        if role == Qt.ItemDataRole.ForegroundRole and column == STATE:
            return state_color(job.state)
        if role == Qt.ItemDataRole.ToolTipRole and column == SPEED and speed(job):
            return f"{speed(job)} as fast as it plays"
        if role == Qt.ItemDataRole.ToolTipRole and column in (INPUT, STATE, DEVICE):
            return job.error or job.usage.note or self._shown(job, column)
        if role == Qt.ItemDataRole.ToolTipRole and column in (MODEL, MEMORY):
            return self._shown(job, column)
        return None

    def _shown(self, job: Job, column: int) -> str:
        usage = job.usage
        if column == TASK:
            task = self._task(job)
            return task.title if task else job.task
        if column == INPUT:
            return self.works_on(job)
        if column == MODEL:
            return (job.model.title or job.model.id) if job.model else ""
        if column == STATE:
            return self._state(job)
        if column == DEVICE:
            return " ".join(part for part in (usage.device, usage.dtype) if part)
        if column == SPEED:
            return speed(job)
        if column == TIME:
            return duration(usage.load_s + usage.run_s) if usage.run_s else ""
        if usage.freed_mb is not None:
            return f"{size(usage.freed_mb)} returned"
        return size(usage.memory_mb) if usage.memory_mb else ""

    def works_on(self, job: Job) -> str:
        """The text or the audio that a job is about, in a few words."""
        if job.input is not None:
            audio = job.input
            whole = audio.start == 0 and audio.stop == sum(
                s.frames for s in audio.spans
            )
            if whole:
                return audio.name
            start, stop = audio.start / audio.rate, audio.stop / audio.rate
            return f"{audio.name}  {start:.1f}\N{EN DASH}{stop:.1f} s"
        task = self._task(job)
        text = str(job.params.get(task.text_param, "")) if task else ""
        return " ".join(text.split())[:120]

    def params_of(self, job: Job) -> list[str]:
        """The parameters of a job, each in the words of its panel."""
        task = self._task(job)
        fields = task.params.model_fields if task else {}
        return [
            f"{(fields[name].title if name in fields else '') or name}: {_said(value)}"
            for name, value in job.params.items()
            if value not in ("", None)
        ]

    def _state(self, job: Job) -> str:
        if job.state == JobState.RUNNING:
            progress = self._session.queue.progress(job.id)
            left = progress.eta_s
            if progress.fraction is None:
                return progress.message or "Starting"
            eta = "" if left is None else f", {duration(left)} left"
            return f"{progress.fraction:.0%}{eta}"
        if job.state == JobState.CANCELLED and job.usage.stop_s is not None:
            return f"Cancelled in {job.usage.stop_s:.1f} s"
        return _WORDS[job.state]

    def _task(self, job: Job) -> Task | None:
        return self._session.plugins.tasks.get(job.task)

    def _take_event(self, event: JobEvent) -> None:
        if event.kind == "added":
            self.beginInsertRows(QModelIndex(), 0, len(event.jobs) - 1)
            self._ids[:0] = reversed(event.jobs)
            self.endInsertRows()
            return
        rows = self._rows_of(event.jobs)
        if event.kind in ("state", "removed"):
            for job in event.jobs:
                self._read.pop(job, None)
        if event.kind == "removed" and len(rows) > 1:
            self.reload()
        elif event.kind == "removed":
            for row in rows:
                self.beginRemoveRows(QModelIndex(), row, row)
                del self._ids[row]
                self.endRemoveRows()
        elif rows:
            self.redraw(rows[0], rows[-1])


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def speed(job: Job) -> str:
    """How many times faster than real time a job ran."""
    usage = job.usage
    if not usage.audio_s or not usage.run_s:
        return ""
    factor = usage.audio_s / usage.run_s
    return (
        f"{factor:.1f}\N{MULTIPLICATION SIGN}"
        if factor < 100
        else f"{factor:.0f}\N{MULTIPLICATION SIGN}"
    )


def state_color(state: JobState) -> QColor:
    """The colour that a state is written in."""
    palette = current_palette()
    return QColor(
        {
            JobState.DONE: palette.good,
            JobState.FAILED: palette.danger,
            JobState.INTERRUPTED: palette.warning,
            JobState.RUNNING: palette.accent,
        }.get(state, palette.muted)
    )


class StateDelegate(QStyledItemDelegate):
    """The state in words, above a bar while the job runs."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: Index
    ) -> None:
        super().paint(painter, option, index)
        fraction = index.data(FRACTION_ROLE)
        if fraction is None:
            return
        palette = option.palette
        bar = option.rect.adjusted(6, option.rect.height() - 5, -6, -2)
        painter.fillRect(bar, palette.color(QPalette.ColorRole.Mid))
        if fraction != _UNKNOWN:
            bar.setWidth(round(bar.width() * fraction))
            painter.fillRect(bar, palette.color(QPalette.ColorRole.Highlight))

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(160, ROW_HEIGHT)
