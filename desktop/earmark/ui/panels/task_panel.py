"""The panel of a task: parameters, model, what it runs on, and what it found."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from earmark.core.errors import EarmarkError
from earmark.core.tasks import (
    AudioFile,
    AudioInput,
    JobState,
    Prediction,
    Task,
    Text,
)
from earmark.engine.queue import JobEvent, JobProgress
from earmark.ui.fetching import Fetching
from earmark.ui.panels.expectation import ExpectationLine
from earmark.ui.panels.form import ParamsForm
from earmark.ui.panels.model_picker import ModelPicker
from earmark.ui.panels.target_picker import TargetPicker
from earmark.ui.panels.voices import Voices
from earmark.ui.session import Session
from earmark.ui.takes import TAKE_CHECK, take_of, text_of
from earmark.ui.widgets import button, muted, rule, set_role
from earmark.ui.wording import clock, count, duration, size

_PREVIEW_BLOCKS = 2000
_PREVIEW_PX = 140
_SOON_MS = 50
_BETWEEN = "  \N{MIDDLE DOT}  "
_ENDED = {
    JobState.DONE: ("Done", "good"),
    JobState.FAILED: ("Failed", "error"),
    JobState.CANCELLED: ("Cancelled", "muted"),
    JobState.INTERRUPTED: ("Interrupted", "warning"),
}


class TaskPanel(QWidget):
    """The host's own panel for any task.

    Parameters
    ----------
    session : Session
    task : Task
    fetching : Fetching
    """

    def __init__(
        self,
        session: Session,
        task: Task,
        fetching: Fetching,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self.task = task
        self._jobs: list[int] = []
        self._started = 0.0
        self._took_s = 0.0
        self._labels: int | None = None
        self._brought = ""
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON_MS)
        self._soon.timeout.connect(self._show_state)
        self.models: ModelPicker | None = None
        self.target: TargetPicker | None = None
        body = QWidget(self)
        inner = QVBoxLayout(body)
        inner.setContentsMargins(12, 12, 12, 12)
        inner.setSpacing(16)
        inner.addWidget(muted(task.summary, body))
        text_first = task.input == "text"
        if text_first:
            self.form = self._make_form(inner, body)
        if task.input == "audio":
            self.target = TargetPicker(session, body)
            inner.addWidget(self.target)
        if task.examples:
            inner.addWidget(Voices(session, task.examples, body))
        if task.formats:
            self.models = ModelPicker(session, task, fetching, body)
            self.models.changed.connect(self._refresh)
            fetching.finished.connect(self._refresh)
            inner.addWidget(self.models)
        if not text_first:
            self.form = self._make_form(inner, body)
        inner.addStretch(1)
        scroll = QScrollArea(self)
        scroll.setAccessibleName(f"{task.title}: options")
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(body)
        self.expectation: ExpectationLine | None = None
        if self.target is not None:
            self.expectation = ExpectationLine(
                session,
                task,
                params=self._values,
                model=lambda: self.models.model() if self.models else None,
                target=self.target.target,
                parent=self,
            )
        self.run_button = button("Run", self.run, self, role="primary")
        self.run_button.setToolTip("Run  (Ctrl+Enter)")
        self.run_button.setAccessibleName(f"Run {task.title}")
        self.run_button.setMinimumHeight(30)
        self.cancel_button = button("Cancel", self.cancel, self)
        self.cancel_button.setMinimumHeight(30)
        self.progress = QProgressBar(self)
        self.progress.setAccessibleName("Progress")
        self.progress.setTextVisible(False)
        self.state = QLabel(self)
        self.state.setWordWrap(True)
        self.preview = QPlainTextEdit(self)
        self.preview.setAccessibleName("Results")
        self.preview.setReadOnly(True)
        self.preview.setMaximumBlockCount(_PREVIEW_BLOCKS)
        self.preview.setTabChangesFocus(True)
        foot = QVBoxLayout()
        foot.setContentsMargins(12, 12, 12, 12)
        foot.setSpacing(8)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.run_button, 1)
        row.addWidget(self.cancel_button)
        if self.expectation is not None:
            foot.addWidget(self.expectation)
        foot.addLayout(row)
        for widget in (self.progress, self.state, self.preview):
            foot.addWidget(widget)
            widget.hide()
        self.cancel_button.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(scroll, 1)
        layout.addWidget(rule(self))
        layout.addLayout(foot)
        # A letter that is typed now must be no command of the window.
        self.setFocusProxy(self.form.to_be_given() or self.run_button)
        session.job_event.connect(self._take_event)
        session.clip_changed.connect(self._take_clip)
        session.project_opened.connect(self._restore)
        self.form.changed.connect(self._refresh)
        self._restore()

    def run(self) -> None:
        """Queue the task."""
        if not self.run_button.isEnabled():
            return
        values = self._values()
        if values is None:
            return
        self._remember(values)
        try:
            jobs = self._session.run_task(
                self.task,
                values,
                self.models.model() if self.models else None,
                self.target.target() if self.target else "clip",
            )
        except EarmarkError as error:
            self._say(str(error), "error")
            return
        self._jobs = jobs
        self._started = time.monotonic()
        self._took_s = 0.0
        self._labels = None
        self.preview.clear()
        self.preview.hide()
        self._show_state()

    def _make_form(self, layout: QVBoxLayout, parent: QWidget) -> ParamsForm:
        form = ParamsForm(
            self.task.params,
            first=self.task.text_param,
            session=self._session,
            parent=parent,
        )
        layout.addWidget(form)
        return form

    def _values(self) -> dict[str, Any] | None:
        """The parameters as plain values; None if they do not hold."""
        params = self.form.validated()
        return None if params is None else params.model_dump(mode="json")

    def cancel(self) -> None:
        """Stop what this panel has started."""
        self._session.queue.cancel(*self._jobs)

    def _restore(self) -> None:
        """Show the parameters used last for this task."""
        self._jobs = []
        kept = self._session.project.view(f"task/{self.task.id}")
        if kept:
            self.form.set_values(kept)
        self._take_clip()

    def _take_clip(self) -> None:
        """Fit to the shown clip; a take that may be checked brings its text along."""
        clip = self._session.clip
        if clip is not None and self.task.id == TAKE_CHECK:
            take = take_of(self._session, clip.id)
            text = text_of(self._session, take) if take else ""
            # What a person typed for a recording of their own is left alone.
            if text or self.form.values()["text"] == self._brought:
                self.form.set_values({"text": text})
                self._brought = text
        self._refresh()
        if self._jobs:
            self._show_state()

    def _remember(self, values: dict[str, Any]) -> None:
        if not self._session.project.read_only:
            self._session.project.set_view(f"task/{self.task.id}", values)

    def _refresh(self, *_: object) -> None:
        ready = not self._session.project.read_only
        reason = "" if ready else "The project is open read-only."
        if self.target is not None and self._session.clip is None:
            ready, reason = False, "Open a recording first."
        if self.models is not None and self.models.model() is None:
            ready, reason = False, "Choose a model that is on this computer first."
        self.run_button.setEnabled(ready)
        self.run_button.setToolTip(reason or "Run  (Ctrl+Enter)")
        if self.expectation is not None:
            self.expectation.refresh()
        if not self._jobs:
            self._say(reason, "muted")
            self.state.setVisible(bool(reason))

    def _take_event(self, event: JobEvent) -> None:
        if not any(job in self._jobs for job in event.jobs):
            return
        if event.new_results:
            self._show_results(event)
        if event.kind == "removed":
            self._jobs = [job for job in self._jobs if job not in event.jobs]
        if len(self._jobs) == 1:
            self._show_state()
        elif not self._soon.isActive():
            self._soon.start()  # thousands of clips have tens of thousands of events

    def _show_results(self, event: JobEvent) -> None:
        """Write down what a job found, with the clip's name if there are several."""
        given = self._session.project.job(event.job).input
        for result in event.new_results:
            if isinstance(result, Text) and "scores" in result.data:
                self._labels = self._labels or 0  # there might have been some
            elif isinstance(result, Prediction) and result.kind != "words":
                self._labels = (self._labels or 0) + 1
        lines = [_line(result, given) for result in event.new_results]
        if given is not None and len(self._jobs) > 1:
            lines = [f"{given.name}  {line}" if line else "" for line in lines]
        text = "\n".join(filter(None, lines))
        if not text:
            return
        self.preview.show()
        follow = self.preview.verticalScrollBar()
        at_end = follow.value() == follow.maximum()
        self.preview.appendPlainText(text)
        self._fit_preview()
        if at_end:
            self.preview.moveCursor(QTextCursor.MoveOperation.End)

    def _fit_preview(self) -> None:
        """Take no more room for the results than they need."""
        lines = self.preview.document().size().height()
        text_px = lines * self.preview.fontMetrics().lineSpacing()
        around_px = 2 * self.preview.document().documentMargin() + 12
        self.preview.setFixedHeight(round(min(_PREVIEW_PX, text_px + around_px)))

    def _show_state(self) -> None:
        live = [job for job in self._jobs if job in self._session.live_jobs]
        if not live and self.cancel_button.hasFocus():
            self.run_button.setFocus()
        self.cancel_button.setVisible(bool(live))
        self.progress.setVisible(bool(live))
        if live:
            self._show_progress(live)
        elif self._jobs:
            self._show_end([self._session.queue_state(job) for job in self._jobs])

    def _show_progress(self, live: list[int]) -> None:
        states, queue = self._session.live_jobs, self._session.queue
        running = [
            queue.progress(job) for job in live if states[job] is JobState.RUNNING
        ]
        first = running[0] if running else JobProgress()
        waits = "" if running else "Waiting for its turn"
        many, done = len(self._jobs) > 1, len(self._jobs) - len(live)
        if not many and first.fraction is None:
            self.progress.setRange(0, 0)
        else:
            self.progress.setRange(0, 1000)
            total = done + sum(progress.fraction or 0.0 for progress in running)
            self.progress.setValue(round(1000 * total / len(self._jobs)))
        left_s = first.eta_s
        parts = [first.message or waits or "Starting"]
        if many:
            # Clips that are heard together each have a message of their own.
            parts = [f"{done} of {count(len(self._jobs), 'clip')} done"]
            parts += [waits] if waits else []
            passed_s = time.monotonic() - self._started
            left_s = passed_s / done * len(live) if done else None
        if left_s is not None:
            parts.append(f"{duration(left_s)} left")
        self._say(_BETWEEN.join(parts), "muted")

    def _show_end(self, states: list[JobState | None]) -> None:
        self._took_s = self._took_s or time.monotonic() - self._started
        bad = next((s for s in states if s not in (None, JobState.DONE)), None)
        words, role = _ENDED[bad or JobState.DONE]
        if bad is JobState.FAILED:
            failed = self._jobs[states.index(JobState.FAILED)]
            if len(states) > 1:
                words = f"{states.count(bad)} of {len(states)} clips failed"
            words = f"{words}: {self._session.project.job(failed).error}"
        elif bad is None:
            words = self._facts()
        self._say(words, role)

    def _facts(self) -> str:
        """What really happened: how long it took, where, and with how much memory."""
        last = self._session.project.job(self._jobs[-1])
        usage, clip, number = last.usage, self._session.clip, len(self._jobs)
        if number > 1:
            parts = [f"{count(number, 'clip')} done in {duration(self._took_s)}"]
        else:
            parts = [f"Done in {duration(usage.run_s)}"]
            if last.input and (clip is None or clip.id != last.input.clip):
                parts.append(last.input.name)
        if self._labels is not None:
            parts.append(count(self._labels, "label"))
        if usage.device:
            parts.append(f"{usage.device} {usage.dtype}".rstrip())
        if usage.memory_mb:
            parts.append(size(usage.memory_mb))
        facts = _BETWEEN.join(parts)
        return f"{facts}\n{usage.note}" if usage.note and number == 1 else facts

    def _say(self, text: str, role: str) -> None:
        self.state.setText(text)
        set_role(self.state, role)
        self.state.show()

    def sizeHint(self) -> QSize:
        return QSize(312, 520)


def _line(result: object, given: AudioInput | None) -> str:
    """A result in one line; empty for what is not worth one."""
    if isinstance(result, Prediction) and result.kind != "words" and result.text:
        at = "" if given is None else f"{clock(result.start, given.rate)}  "
        score = "" if result.score is None else f"  {result.score:.2f}"
        return f"{at}{result.text.strip()}{score}"
    if isinstance(result, Text) and result.role == "check":
        return result.text
    if isinstance(result, Text) and result.role not in ("transcript", ""):
        said = f"{result.role.replace('-', ' ').capitalize()}: {result.text or 'none'}"
        known = _score(result)
        return said if known is None else f"{said}  {known:.2f}"
    if isinstance(result, AudioFile):
        return f"{duration(result.frames / result.rate)}  {result.name}"
    return ""


def _score(text: Text) -> float | None:
    """The score of what a text says, where it sums up the scores of classes."""
    scores = text.data.get("scores")
    return scores.get(text.text) if isinstance(scores, Mapping) else None
