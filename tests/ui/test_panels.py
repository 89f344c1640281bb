"""The forms made from parameters, and the panels of tasks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import pytest
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QPlainTextEdit,
    QSpinBox,
)
from pytestqt.qtbot import QtBot
from ui.conftest import LISTEN, RATE, SAY, Bench, ShoutParams

from earmark.core.hookspecs import hookimpl
from earmark.core.tasks import (
    AudioFile,
    JobState,
    Params,
    Prediction,
    Task,
    Text,
    Usage,
    param,
)
from earmark.engine import protocol
from earmark.ui.panels.form import ParamsForm
from earmark.ui.panels.task_panel import TaskPanel
from earmark.ui.panels.tasks import Tasks
from earmark.ui.session import Selection


class PathParams(Params):
    """What the others do not have."""

    mode: Literal["fast", "very_good"] = param("fast", "Mode", "How.")
    file: Path | None = param(None, "File", "Which.")


class MustParams(Params):
    """What must be given is declared last."""

    may: int = param(1, "May", "Or not.")
    must: str = param(..., "Must", "Always.")


@pytest.fixture
def form(qtbot: QtBot) -> ParamsForm:
    form = ParamsForm(ShoutParams)
    qtbot.addWidget(form)
    return form


def test_what_must_be_given_comes_first(qtbot: QtBot) -> None:
    form = ParamsForm(MustParams)
    qtbot.addWidget(form)
    assert list(form.values()) == ["must", "may"]


def test_every_kind_has_a_fitting_widget(form: ParamsForm) -> None:
    kinds = {name: type(form.field(name).widget) for name in form.values()}

    assert kinds == {
        "loud": QCheckBox,
        "times": QSpinBox,
        "gap_s": QDoubleSpinBox,
        "tone": QComboBox,
        "note": QPlainTextEdit,
        "seed": QSpinBox,
    }


def test_units_ranges_and_steps_are_those_of_the_parameter(form: ParamsForm) -> None:
    gap = form.field("gap_s").widget
    assert isinstance(gap, QDoubleSpinBox)

    assert (gap.minimum(), gap.maximum(), gap.singleStep()) == (0, 5, 0.1)
    assert gap.suffix() == " s"
    assert gap.toolTip() == "Between two."


def test_the_defaults_stand_in_the_form_and_come_back(form: ParamsForm) -> None:
    assert form.validated() == ShoutParams()


def test_values_set_are_the_values_got(form: ParamsForm) -> None:
    values = {
        "loud": True,
        "times": 7,
        "gap_s": 2.5,
        "tone": "something of one's own",
        "note": "two\nlines",
        "seed": 0,
    }

    form.set_values(values)

    assert form.values() == values


def test_choices_and_paths(qtbot: QtBot, tmp_path: Path) -> None:
    form = ParamsForm(PathParams)
    qtbot.addWidget(form)
    mode = form.field("mode").widget
    assert isinstance(mode, QComboBox)

    form.set_values({"mode": "very_good", "file": str(tmp_path)})

    assert mode.currentText() == "Very good"
    assert form.validated() == PathParams(mode="very_good", file=tmp_path)


def test_advanced_parameters_are_folded_until_asked_for(form: ParamsForm) -> None:
    note = form.field("note").widget
    assert not note.isVisibleTo(form)
    assert form.fold is not None

    form.fold.click()

    assert note.isVisibleTo(form)


def test_a_missing_text_is_told_at_its_field(qtbot: QtBot) -> None:
    class Long(Params):
        text: str = param("", "Text", "Which.", multiline=True)
        word: str = param("", "Word", "One.")

        def model_post_init(self, _: object) -> None:
            if not self.text:
                raise ValueError("the text is empty")

    form = ParamsForm(Long, first="text")
    qtbot.addWidget(form)

    assert form.validated() is None
    assert form.field("text").widget.property("invalid")
    form.set_values({"text": "now"})
    assert form.validated() is not None
    assert not form.field("text").widget.property("invalid")


def panel(bench: Bench, task: Task) -> TaskPanel:
    shown = bench.window.docks[task.group].content().choose(task.id)
    assert isinstance(shown, TaskPanel)
    return shown


def test_a_selection_is_what_the_task_runs_on(bench: Bench) -> None:
    listen = panel(bench, LISTEN)
    assert listen.target is not None
    assert listen.target.target() == "clip"

    bench.session.select(Selection(RATE, 2 * RATE))
    assert listen.target.target() == "selection"
    bench.session.select(None)

    assert listen.target.target() == "clip"


def test_run_progress_results_and_end(qtbot: QtBot, bench: Bench) -> None:
    listen = panel(bench, LISTEN)
    listen.form.set_values({"times": 5})

    listen.run_button.click()
    (run,) = bench.engine.runs
    job = run.jobs[0].id
    assert run.jobs[0].params["times"] == 5
    bench.engine.say(protocol.Started(job))
    bench.engine.say(protocol.Progressed(job, 0.5, "Hearing"))
    qtbot.waitUntil(lambda: listen.progress.value() == 500)
    assert not listen.cancel_button.isHidden()
    assert "Hearing" in listen.state.text()
    bench.engine.say(
        protocol.Results(job, (Prediction("T", 0, RATE, "good morning", "segments"),))
    )
    qtbot.waitUntil(lambda: "good morning" in listen.preview.toPlainText())
    bench.engine.say(protocol.Done(job, Usage("cpu", "int8", 4.0, 0.1, 2.0, 100)))

    qtbot.waitUntil(listen.cancel_button.isHidden)
    facts = "Done in 2.0 s  ·  1 label  ·  cpu int8  ·  100 MB"
    assert listen.state.text() == facts
    assert listen.preview.toPlainText() == "0:00.000  good morning"
    (other,) = add_clips(bench, 1)
    bench.session.show_clip(other)
    facts = "Done in 2.0 s  ·  tone  ·  1 label  ·  cpu int8  ·  100 MB"
    assert listen.state.text() == facts  # of a clip that is not shown any more


def add_clips(bench: Bench, number: int) -> list[int]:
    """More clips of the same sound."""
    (clip,) = bench.project.clips()
    with bench.project.edit("Add clips") as edit:
        return [
            edit.add_clip(f"more {n}", clip.rate, clip.channels, clip.spans)
            for n in range(number)
        ]


def test_several_clips_that_get_selected_are_what_the_task_runs_on(
    bench: Bench,
) -> None:
    listen = panel(bench, LISTEN)
    assert listen.target is not None
    clips = add_clips(bench, 2)

    bench.session.select_clips(tuple(clips))
    assert listen.target.target() == "clips"
    bench.session.select_clips(tuple(clips[:1]))

    assert listen.target.target() == "clip"


def test_several_clips_are_counted_while_they_run_and_summed_up_at_the_end(
    qtbot: QtBot, bench: Bench
) -> None:
    listen = panel(bench, LISTEN)
    bench.session.select_clips(tuple(add_clips(bench, 2)))
    listen.run()
    first, second = listen._jobs
    bench.engine.say(protocol.Started(first))
    bench.engine.say(protocol.Progressed(first, 0.5, "Hearing"))
    qtbot.waitUntil(lambda: listen.progress.value() == 250)
    assert listen.state.text() == "0 of 2 clips done"
    found = Prediction("T", 0, RATE, "a bird", "segments", 0.5)
    bench.engine.say(protocol.Results(first, (found, found)))
    bench.engine.say(protocol.Done(first, Usage("cpu", "int8", 4.0, 0.0, 0.1, 90)))
    qtbot.waitUntil(lambda: listen.state.text().startswith("1 of 2 clips done"))
    bench.engine.say(protocol.Done(second, Usage("cpu", "int8", 4.0, 0.0, 0.1, 90)))

    qtbot.waitUntil(lambda: listen.state.text().startswith("2 clips done in "))
    assert listen.state.text().endswith("2 labels  ·  cpu int8  ·  90 MB")


def test_what_is_likeliest_is_told_with_its_score_where_nothing_became_a_label(
    qtbot: QtBot, bench: Bench
) -> None:
    listen = panel(bench, LISTEN)
    listen.run()
    job = bench.engine.runs[0].jobs[0].id
    heard = Text("events", "guitar", {"scores": {"guitar": 0.14, "vocal": 0.1}})

    bench.engine.say(protocol.Started(job))
    bench.engine.say(protocol.Results(job, (heard,)))
    bench.engine.say(protocol.Done(job, Usage("cpu", "int8", 4.0, 0.1, 2.0, 100)))

    qtbot.waitUntil(lambda: "0 labels" in listen.state.text())
    assert listen.preview.toPlainText() == "Events: guitar  0.14"


def test_results_take_no_more_room_than_they_need(qtbot: QtBot, bench: Bench) -> None:
    listen = panel(bench, LISTEN)
    listen.run()
    job = bench.engine.runs[0].jobs[0].id
    bench.engine.say(protocol.Started(job))
    one = Prediction("T", 0, RATE, "a bird", "segments")
    bench.engine.say(protocol.Results(job, (one,)))
    qtbot.waitUntil(lambda: not listen.preview.isHidden())
    small = listen.preview.height()

    bench.engine.say(protocol.Results(job, (one,) * 50))

    qtbot.waitUntil(lambda: listen.preview.blockCount() == 51)
    assert small < 50 < listen.preview.height() <= 140


def test_the_cursor_is_not_lost_with_the_button_it_was_on(bench: Bench) -> None:
    listen = panel(bench, LISTEN)
    bench.window.activateWindow()
    listen.run()
    listen.cancel_button.setFocus()

    listen.cancel_button.click()

    assert listen.run_button.hasFocus()


def test_a_job_behind_another_one_waits_for_its_turn(bench: Bench) -> None:
    listen = panel(bench, LISTEN)
    listen.run()
    assert listen.state.text() == "Starting"
    listen.run()
    assert listen.state.text() == "Waiting for its turn"


def test_a_failure_is_told_in_the_panel(qtbot: QtBot, bench: Bench) -> None:
    listen = panel(bench, LISTEN)
    listen.run()
    job = bench.engine.runs[0].jobs[0].id
    bench.engine.say(protocol.Failed(job, "It broke.", "Traceback", Usage()))

    qtbot.waitUntil(lambda: listen.state.text() == "Failed: It broke.")


def test_cancel_reaches_the_engine(bench: Bench) -> None:
    listen = panel(bench, LISTEN)
    listen.run()

    listen.cancel_button.click()

    job = bench.engine.runs[0].jobs[0].id
    assert bench.engine.cancelled == [job]
    assert bench.session.queue_state(job) == JobState.CANCELLED


def test_jobs_that_are_removed_together_leave_the_panel(
    qtbot: QtBot, bench: Bench
) -> None:
    listen = panel(bench, LISTEN)
    listen.run()
    others = [job.id for job in bench.engine.runs[0].jobs]
    bench.session.select_clips(tuple(add_clips(bench, 3)))
    listen.run()
    before = bench.session.live_jobs.keys() - {*others}
    listen.cancel()

    bench.session.queue.remove(*others, *sorted(before))

    qtbot.waitUntil(lambda: not listen.progress.isVisible())
    assert bench.session.live_jobs == {}
    listen.run()
    listen.cancel()


def test_what_must_be_given_is_typed_as_soon_as_the_task_is_shown(
    qtbot: QtBot, bench: Bench
) -> None:
    bench.window.activateWindow()
    bench.window.commands.run("task.say")
    focused = QApplication.focusWidget()
    assert focused is not None
    qtbot.keyClicks(focused, "sl")  # split and loop, anywhere else
    assert panel(bench, SAY).form.values()["text"] == "sl"

    bench.window.commands.run("task.listen")
    assert panel(bench, LISTEN).run_button.hasFocus()


def test_an_empty_text_is_not_run(bench: Bench) -> None:
    say = panel(bench, SAY)

    say.run()

    assert bench.engine.runs == []
    assert "empty" in say.state.text()


def test_a_generated_take_is_shown_in_the_browser_and_the_editor(
    qtbot: QtBot, bench: Bench
) -> None:
    import numpy as np

    from earmark.audio.files import write_audio

    say = panel(bench, SAY)
    say.form.set_values({"text": "hello"})
    say.run()
    job = bench.engine.runs[0].jobs[0].id
    path = bench.project.audio_folder / "hello.wav"
    path.parent.mkdir(exist_ok=True)
    info = write_audio(path, np.full((RATE, 1), 0.25, np.float32), RATE, 1)

    made = AudioFile(path, RATE, 1, info.frames, "hello")
    bench.engine.say(protocol.Results(job, (made,)))
    bench.engine.say(protocol.Done(job, Usage("cpu", "float32", 1.0, 0, 1.0, 50)))

    qtbot.waitUntil(
        lambda: bench.session.clip is not None and bench.session.clip.name == "hello"
    )
    browser = bench.window.docks["browser"].content()
    assert browser.model.rowCount() == 2


def test_a_take_does_not_replace_a_clip_one_works_on(
    qtbot: QtBot, bench: Bench
) -> None:
    import numpy as np

    from earmark.audio.files import write_audio

    bench.session.select(Selection(10, RATE))
    job = bench.session.run_task(bench.session.plugins.task("say"), {"text": "hi"})[0]
    path = bench.project.audio_folder / "hi.wav"
    path.parent.mkdir(exist_ok=True)
    write_audio(path, np.full((RATE, 1), 0.25, np.float32), RATE, 1)

    made = AudioFile(path, RATE, 1, RATE, "hi")
    bench.engine.say(protocol.Results(job, (made,)))
    bench.engine.say(protocol.Done(job, Usage()))

    qtbot.waitUntil(lambda: len(bench.project.clips()) == 2)
    assert bench.session.clip is not None
    assert bench.session.clip.name == "tone"


def test_parameters_are_remembered_for_each_task(qtbot: QtBot, bench: Bench) -> None:
    listen = panel(bench, LISTEN)
    listen.form.set_values({"times": 9, "tone": "low"})
    listen.run()

    again = TaskPanel(bench.session, LISTEN, bench.window.fetching)
    qtbot.addWidget(again)

    assert again.form.values()["times"] == 9
    assert again.form.values()["tone"] == "low"


def test_ctrl_enter_runs_the_panel_in_front(bench: Bench) -> None:
    panel(bench, LISTEN)

    bench.window.commands.run("task.run")

    assert [run.jobs[0].task for run in bench.engine.runs] == ["listen"]


def test_the_task_in_front_comes_back_with_the_project(
    qtbot: QtBot, bench: Bench
) -> None:
    again_task = replace(LISTEN, id="listen-again", title="Listen again")
    plugin = SimpleNamespace(register_tasks=hookimpl(lambda: [again_task]))
    bench.session.plugins.register(plugin, "another-task")
    tasks = Tasks(bench.session, "understand", bench.window.fetching)
    qtbot.addWidget(tasks)
    first, other = tasks.tasks
    assert task_of(tasks) is first
    tasks.choose(other.id)

    again = Tasks(bench.session, "understand", bench.window.fetching)
    qtbot.addWidget(again)
    assert task_of(again) is other

    # Its plugin is missing the next time.
    bench.project.set_view("tasks/understand", {"task": "gone"})
    without = Tasks(bench.session, "understand", bench.window.fetching)
    qtbot.addWidget(without)
    assert task_of(without) is first


def task_of(tasks: Tasks) -> Task:
    shown = tasks.current()
    assert isinstance(shown, TaskPanel)
    return shown.task


@pytest.mark.parametrize(("height", "least"), [(600, 400), (1000, 480)])
def test_a_long_list_of_tasks_leaves_the_panel_its_height(
    qtbot: QtBot, bench: Bench, height: int, least: int
) -> None:
    many = [replace(LISTEN, id=f"listen-{n}", title=f"Listen {n}") for n in range(12)]
    plugin = SimpleNamespace(register_tasks=hookimpl(lambda: many))
    bench.session.plugins.register(plugin, "many-tasks")
    tasks = Tasks(bench.session, "understand", bench.window.fetching)
    qtbot.addWidget(tasks)
    tasks.resize(320, height)
    tasks.show()

    shown = tasks.current()

    assert shown is not None
    qtbot.waitUntil(lambda: shown.height() >= least)
