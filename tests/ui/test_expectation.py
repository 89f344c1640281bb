"""What a job is going to take, told in its panel."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot
from ui.conftest import RATE, SECONDS, Bench

from earmark.core.tasks import JobState, Prediction, Usage
from earmark.engine import protocol
from earmark.ui.panels.expectation import ExpectationLine
from earmark.ui.panels.task_panel import TaskPanel
from earmark.ui.session import Selection

USAGE = Usage(
    device="cpu", dtype="float32", audio_s=4.0, load_s=1.0, run_s=2.0, memory_mb=300.0
)


@pytest.fixture
def panel(bench: Bench) -> TaskPanel:
    """The panel of the task that listens."""
    shown = bench.window.docks["understand"].content().choose("listen")
    assert isinstance(shown, TaskPanel)
    return shown


@pytest.fixture
def line(panel: TaskPanel) -> ExpectationLine:
    assert panel.expectation is not None
    return panel.expectation


def finish(bench: Bench, qtbot: QtBot, job: int, *results: Prediction) -> None:
    bench.engine.say(protocol.Started(job))
    bench.engine.say(protocol.Results(job, results))
    bench.engine.say(protocol.Done(job, USAGE))
    qtbot.waitUntil(
        lambda: bench.session.queue_state(job) not in (JobState.RUNNING,),
    )


def test_a_job_that_ended_tells_what_the_next_will_take(
    bench: Bench, qtbot: QtBot, panel: TaskPanel, line: ExpectationLine
) -> None:
    assert line.text.text() == "Not run on this computer yet."
    assert line.measure_button.isVisibleTo(line)
    panel.run()
    finish(bench, qtbot, bench.engine.runs[0].jobs[0].id)
    assert line.text.text() == "About 2.0 s for 4.0 s, and 300 MB of memory."
    assert not line.measure_button.isVisibleTo(line)
    bench.session.select(Selection(0, SECONDS * RATE // 4))
    assert line.text.text() == "About 0.50 s for 1.0 s, and 300 MB of memory."


def test_measuring_keeps_nothing_but_what_it_took(
    bench: Bench, qtbot: QtBot, line: ExpectationLine
) -> None:
    line.measure()
    assert line.text.text().startswith("Measuring")
    job = bench.engine.runs[0].jobs[0].id
    finish(bench, qtbot, job, Prediction("heard", 0, 100, "a bird"))
    assert bench.session.clip is not None
    assert bench.project.tracks(bench.session.clip.id) == []
    assert bench.project.jobs() == []
    assert line.text.text() == "About 2.0 s for 4.0 s, and 300 MB of memory."


def test_a_measurement_that_fails_says_why(
    bench: Bench, qtbot: QtBot, line: ExpectationLine
) -> None:
    line.measure()
    job = bench.engine.runs[0].jobs[0].id
    bench.engine.say(protocol.Failed(job, "The ears are shut.", "", Usage()))
    qtbot.waitUntil(lambda: "The ears are shut." in line.text.text())
    assert line.measure_button.isVisibleTo(line)
