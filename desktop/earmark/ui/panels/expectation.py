"""What a job is going to take on this computer, told before it is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from earmark.core.errors import EarmarkError
from earmark.core.tasks import JobState, ModelRef, Task
from earmark.engine.queue import JobEvent
from earmark.models.experience import Expectation
from earmark.ui.session import Session, Target
from earmark.ui.widgets import button, set_role
from earmark.ui.wording import count, duration, size

TRIAL_S = 10.0
"""So much of the audio is heard to find out what a model takes."""


class ExpectationLine(QWidget):
    """A line that says how long a job will take and how much memory.

    It is learned from jobs that have ended. Where none has, a click runs the task on a
    few seconds of the audio, without keeping what it finds.

    Parameters
    ----------
    session : Session
    task : Task
        Works on audio.
    params : callable
        The parameters as they stand; None if they do not hold.
    model : callable
        The chosen model.
    target : callable
        What the task would run on.
    """

    def __init__(
        self,
        session: Session,
        task: Task,
        *,
        params: Callable[[], dict[str, Any] | None],
        model: Callable[[], ModelRef | None],
        target: Callable[[], Target],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._task = task
        self._params = params
        self._model = model
        self._target = target
        self._trial = 0
        self._fault = ""
        self.text = QLabel(self)
        self.text.setWordWrap(True)
        set_role(self.text, "muted")
        self.measure_button = button("Measure", self.measure, self, role="link")
        self.measure_button.setToolTip(
            f"Run it on {TRIAL_S:.0f} seconds to see what it takes; nothing is kept."
        )
        self.measure_button.setAccessibleName(f"Measure {task.title}")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.text, 1)
        row.addWidget(self.measure_button)
        session.job_event.connect(self._take_event)
        session.experience_gained.connect(self.refresh)
        session.selection_changed.connect(self.refresh)
        session.clips_selected.connect(self.refresh)
        session.clip_changed.connect(self._forget_fault)

    def refresh(self, *_: object) -> None:
        """Say what the task would take as everything stands now."""
        inputs, audio_s = self._session.extent(self._target())
        model = self._model()
        ready = bool(inputs) and (model is not None or not self._task.formats)
        self.setVisible(ready)
        if not ready:
            return
        expected = self._session.experience.expect(
            self._task.id, model, self._session.store.settings.device, audio_s
        )
        if self._trial:
            self.text.setText("Measuring on this computer\N{HORIZONTAL ELLIPSIS}")
        elif self._fault:
            self.text.setText(f"It could not be measured: {self._fault}")
        elif expected is None:
            self.text.setText("Not run on this computer yet.")
        else:
            self.text.setText(_told(expected, audio_s, inputs))
        measurable = expected is None and not self._trial
        if not measurable and self.measure_button.hasFocus():
            self.measure_button.focusNextChild()
        self.measure_button.setVisible(measurable)

    def measure(self) -> None:
        """Run the task on a little of its audio to see what it takes."""
        params = self._params()
        inputs = self._session.audio_inputs(self._target())
        if params is None or not inputs:
            return
        first = inputs[0]
        little = replace(
            first, stop=min(first.stop, first.start + round(TRIAL_S * first.rate))
        )
        self._fault = ""
        try:
            self._trial = self._session.try_task(
                self._task, params, self._model(), little
            )
        except EarmarkError as error:
            self._fault = error.message
        self.refresh()

    def _take_event(self, event: JobEvent) -> None:
        if self._trial not in event.jobs or event.kind not in ("state", "removed"):
            return
        if event.state in (JobState.WAITING, JobState.RUNNING):
            return
        if event.state == JobState.FAILED:
            self._fault = self._session.project.job(self._trial).error
        if event.state != JobState.DONE:
            self._trial = 0
        self.refresh()

    def _forget_fault(self) -> None:
        self._fault = ""
        self.refresh()


def _told(expected: Expectation, audio_s: float, clips: int) -> str:
    """What to expect, in a sentence."""
    what = duration(audio_s) if clips == 1 else f"{count(clips, 'clip')}"
    return (
        f"About {duration(max(0.1, expected.run_s))} for {what}, "
        f"and {size(expected.memory_mb)} of memory."
    )
