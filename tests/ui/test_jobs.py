"""The table of jobs."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot
from ui.conftest import Bench

from earmark.core.tasks import JobState, ModelRef, Usage
from earmark.engine import protocol
from earmark.ui.job_model import (
    DEVICE,
    INPUT,
    MEMORY,
    MODEL,
    SPEED,
    STATE,
    TIME,
    JobModel,
)
from earmark.ui.queue import JobDetails, Jobs


@pytest.fixture
def jobs(bench: Bench) -> Jobs:
    bench.window.docks["jobs"].reveal()
    content: Jobs = bench.window.docks["jobs"].content()
    return content


def start(bench: Bench) -> int:
    listen = bench.session.plugins.task("listen")
    return bench.session.run_task(listen, {}, None, "clip")[0]


def shown(model: JobModel, column: int) -> str:
    return str(model.index(0, column).data())


def test_the_row_says_what_really_ran(qtbot: QtBot, bench: Bench, jobs: Jobs) -> None:
    job = start(bench)
    bench.engine.say(protocol.Started(job))
    bench.engine.say(protocol.Progressed(job, 0.25, "Hearing"))
    qtbot.waitUntil(lambda: shown(jobs.model, STATE).startswith("25%"))
    bench.engine.say(protocol.Done(job, Usage("cpu", "int8", 4.0, 0.5, 2.0, 310)))

    qtbot.waitUntil(lambda: shown(jobs.model, STATE) == "Done")
    assert shown(jobs.model, INPUT) == "tone"
    assert shown(jobs.model, DEVICE) == "cpu int8"
    assert shown(jobs.model, SPEED) == "2.0\N{MULTIPLICATION SIGN}"
    assert shown(jobs.model, TIME) == "2.5 s"
    assert shown(jobs.model, MEMORY) == "310 MB"


def test_the_row_names_the_model(bench: Bench, jobs: Jobs) -> None:
    listen = bench.session.plugins.task("listen")
    model = ModelRef("org/ears", "ears", None, title="Ears")

    bench.session.run_task(listen, {}, model, "clip")

    assert shown(jobs.model, MODEL) == "Ears"
    start(bench)
    assert shown(jobs.model, MODEL) == ""


def test_a_cancelled_job_says_what_came_back(
    qtbot: QtBot, bench: Bench, jobs: Jobs
) -> None:
    job = start(bench)
    jobs.table.selectRow(0)
    jobs.cancel()
    usage = Usage("cpu", "int8", memory_mb=300, freed_mb=280, stop_s=0.4)
    bench.engine.say(protocol.Stopped(job, usage))

    qtbot.waitUntil(lambda: shown(jobs.model, STATE) == "Cancelled in 0.4 s")
    assert shown(jobs.model, MEMORY) == "280 MB returned"


def test_a_failed_job_shows_its_traceback_and_runs_again(
    qtbot: QtBot, bench: Bench, jobs: Jobs
) -> None:
    job = start(bench)
    bench.engine.say(protocol.Failed(job, "No memory.", "Traceback: here", Usage()))
    qtbot.waitUntil(lambda: shown(jobs.model, STATE) == "Failed")

    details = JobDetails(jobs.model, jobs.model.job_at(0), bench.window)
    assert "Traceback: here" in details.text
    details.deleteLater()
    jobs.table.selectRow(0)
    jobs.retry()

    assert jobs.model.rowCount() == 2
    assert jobs.model.job_at(0).state == JobState.RUNNING


def test_a_removed_job_leaves_the_table(bench: Bench, jobs: Jobs) -> None:
    start(bench)
    jobs.table.selectRow(0)

    jobs.remove()

    assert jobs.model.rowCount() == 0
    assert bench.project.jobs() == []


def test_a_narrow_table_leaves_the_model_to_the_details(
    bench: Bench, jobs: Jobs
) -> None:
    dock = bench.window.docks["jobs"]
    dock.setFloating(True)
    dock.resize(1000, 300)
    assert not jobs.table.isColumnHidden(MODEL)
    dock.resize(640, 300)
    assert jobs.table.isColumnHidden(MODEL)
