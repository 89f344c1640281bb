"""The queue over the real engine, through the real protocol."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from engine.host import Gate, Host

from earmark.api import AudioFile, EarmarkError, Prediction, Text
from earmark.core.project import Project
from earmark.core.tasks import AudioInput, JobState, ModelRef
from earmark.engine.queue import JobEvent

SECOND = 8000


def texts(host: Host, job: int) -> dict[str, str]:
    return {r.role: r.text for r in host.project.results(job) if isinstance(r, Text)}


def predictions(host: Host, job: int, tier: str) -> list[tuple[str, int, int]]:
    return [
        (result.text, result.start, result.stop)
        for result in host.project.results(job)
        if isinstance(result, Prediction) and result.tier == tier
    ]


def test_results_become_tracks_and_texts_in_one_undoable_step(
    host: Host, audio: AudioInput
) -> None:
    before = host.project.history()
    job = host.queue.submit("segments", {}, input=audio)
    assert host.wait(job).state == JobState.DONE
    tracks = host.project.tracks(audio.clip)
    assert [(track.name, track.kind) for track in tracks] == [
        ("s", "segments"),
        ("w", "words"),
    ]
    labels = host.project.labels(tracks[0].id)
    assert [(label.text, label.start, label.stop) for label in labels] == [
        (f"s{second}", second * SECOND, (second + 1) * SECOND) for second in range(6)
    ]
    assert {(label.status, label.job) for label in labels} == {("predicted", job)}
    text = host.project.text(job, "transcript")
    assert text is not None
    assert (text.text, text.data) == ("s0 s1 s2 s3 s4 s5", {"language": "en"})
    assert len(host.project.history()) == len(before) + 1
    host.project.undo()
    assert host.project.tracks(audio.clip) == []


def test_listeners_see_a_job_from_its_arrival_to_its_end(
    host: Host, audio: AudioInput
) -> None:
    job = host.queue.submit("segments", {}, input=audio)
    host.wait(job)
    kinds = [event.kind for event in host.events]
    assert kinds[:2] == ["added", "state"]
    assert kinds[-1] == "state"
    assert "progress" in kinds
    told = [result for event in host.events for result in event.new_results]
    assert told == host.project.results(job)
    assert host.queue.idle


def test_a_region_that_starts_later_is_labelled_where_it_is(
    host: Host, audio: AudioInput
) -> None:
    part = replace(audio, start=2 * SECOND, stop=4 * SECOND)
    job = host.queue.submit("segments", {}, input=part)
    host.wait(job)
    assert predictions(host, job, "s") == [
        ("s0", 2 * SECOND, 3 * SECOND),
        ("s1", 3 * SECOND, 4 * SECOND),
    ]


def test_a_job_that_finds_nothing_is_done_and_says_so(
    host: Host, audio: AudioInput
) -> None:
    done = host.wait(host.queue.submit("nothing", {}, input=audio))
    assert done.state == JobState.DONE
    assert "found nothing" in done.usage.note
    assert done.usage.audio_s == 6.0


def test_generated_audio_becomes_a_take_and_is_turned_down_instead_of_clipped(
    host: Host,
) -> None:
    job = host.queue.submit("tone", {"peak": 2.0})
    done = host.wait(job)
    assert done.state == JobState.DONE
    assert "turned down by 6.0 dB" in done.usage.note
    (take,) = host.project.takes()
    assert (take.job, take.scores) == (job, {"snr": 3.0})
    source = host.project.source(take.source)
    assert (source.rate, source.channels, source.frames) == (8000, 2, 8000)
    assert (host.project.folder / source.path).is_relative_to(host.project.audio_folder)


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ("rubbish", "a dict is not among them"),
        ("unstorable", "which is not plain data"),
        ("no-generator", "gave a list"),
        ("no-such-function", "no function 'no_such_function'"),
        ("foreign", "needs the Python package no_such_package"),
    ],
)
def test_a_broken_runner_fails_its_job_with_the_reason(
    host: Host, audio: AudioInput, task: str, reason: str
) -> None:
    failed = host.wait(host.queue.submit(task, {}, input=audio))
    assert failed.state == JobState.FAILED
    assert reason in failed.error
    assert host.project.tracks(audio.clip) == []


def test_audio_without_samples_fails_and_leaves_no_file(host: Host) -> None:
    failed = host.wait(host.queue.submit("empty-audio", {}))
    assert "gave no audio for “nothing”" in failed.error
    assert not list(host.project.audio_folder.glob("*"))


@pytest.mark.parametrize(
    ("fault", "error", "detail"),
    [
        ("raise", "ValueError: the weights are all wrong", "in fail\n"),
        ("remedy", "The text is too long. Make it shorter.", "in fail\n"),
        ("exit", "SystemExit: bye", "in fail\n"),
        ("kill", "The engine ended by SIGKILL", ""),
        ("abort", "The engine ended by SIGABRT", "Fatal Python error: Aborted"),
        ("quit", "The engine ended with exit code 3.", "what the library said last"),
    ],
)
def test_a_fault_fails_the_job_keeps_what_it_found_and_lets_others_go_on(
    host: Host, audio: AudioInput, gate: Gate, fault: str, error: str, detail: str
) -> None:
    params = {"gate": gate.path, "good": 2, "fault": fault}
    job = host.queue.submit("segments", params, input=audio)
    next_job = host.queue.submit("segments", {}, input=audio)
    host.wait_for_results(job, 4)
    gate.open()
    failed = host.wait(job)
    assert failed.state == JobState.FAILED
    assert failed.error.startswith(error)
    assert detail in failed.traceback
    assert [text for text, _, _ in predictions(host, job, "s")] == ["s0", "s1"]
    assert host.project.job(next_job).state == JobState.RUNNING
    assert host.wait(next_job).state == JobState.DONE


def test_an_engine_killed_from_outside_fails_the_running_job_only(
    host: Host, audio: AudioInput, gate: Gate
) -> None:
    job = host.queue.submit("segments", {"gate": gate.path, "good": 1}, input=audio)
    waiting = host.queue.submit("segments", {}, input=audio)
    host.wait_for_results(job, 2)
    assert host.engine.pid is not None
    os.kill(host.engine.pid, signal.SIGKILL)
    assert "memory ran out" in host.wait(job).error
    assert host.wait(waiting).state == JobState.DONE


def test_a_killed_job_resumes_behind_its_last_segment(
    host: Host, audio: AudioInput, gate: Gate
) -> None:
    params = {"gate": gate.path, "good": 4, "fault": "kill"}
    job = host.queue.submit("segments", params, input=audio)
    host.wait_for_results(job, 8)
    gate.open()
    assert host.wait(job).state == JobState.FAILED
    host.queue.resume(job)
    done = host.wait(job)
    assert done.state == JobState.DONE
    assert done.resume_frame == 4 * SECOND
    assert done.error == ""
    whole = [(second * SECOND, (second + 1) * SECOND) for second in range(6)]
    assert [(at, end) for _, at, end in predictions(host, job, "s")] == whole
    assert [text for text, _, _ in predictions(host, job, "w")] == [
        f"w{second}" for second in (0, 1, 2, 3, 4, 5)
    ]
    assert texts(host, job)["transcript"] == "s0 s1 s2 s3 s4 s5"


def test_progress_of_a_resumed_job_is_of_the_whole_input(
    host: Host, audio: AudioInput, gate: Gate
) -> None:
    params = {"gate": gate.path, "good": 3, "fault": "kill"}
    job = host.queue.submit("segments", params, input=audio)
    host.wait_for_work(job, "3 s")
    assert host.queue.progress(job).fraction == pytest.approx(3 / 6)
    gate.open()
    host.wait(job)
    shown = []

    def note_fraction(event: JobEvent) -> None:
        if event.kind == "progress":
            shown.append(host.queue.progress(job).fraction)

    host.queue.subscribe(note_fraction)
    host.queue.resume(job)
    host.wait(job)
    assert shown[-1] == pytest.approx(1.0)
    assert all(fraction is None or fraction > 3 / 6 for fraction in shown)


def test_a_willing_job_stops_at_once_and_its_memory_comes_back(
    host: Host, audio: AudioInput
) -> None:
    job = host.queue.submit("willing", {"megabytes": 300}, input=audio)
    host.wait_for_work(job, "holding 300 MB")
    engine = psutil.Process(host.engine.pid)
    held_mb = host.engine.memory_mb()
    host.queue.cancel(job)
    assert host.project.job(job).state == JobState.CANCELLED
    stopped = host.wait_for_stop(job)
    assert stopped.state == JobState.CANCELLED
    assert stopped.usage.freed_mb is not None
    assert held_mb > 300
    assert stopped.usage.freed_mb >= 0.95 * held_mb
    assert not engine.is_running()


def test_a_small_engine_is_kept_after_a_cancel(host: Host, audio: AudioInput) -> None:
    job = host.queue.submit("willing", {"megabytes": 1}, input=audio)
    host.wait_for_work(job, "holding 1 MB")
    pid = host.engine.pid
    host.queue.cancel(job)
    host.wait_for_stop(job)
    next_job = host.queue.submit("segments", {}, input=audio)
    assert host.wait(next_job).state == JobState.DONE
    assert host.engine.pid == pid


def test_a_stubborn_job_is_killed_after_the_grace_and_others_start_again(
    tmp_path: Path, speech: Path, gate: Gate
) -> None:
    host = Host(tmp_path / "Impatient.earmark", grace_s=0.2)
    audio = host.add_clip(speech)
    other = host.queue.submit("segments", {"gate": gate.path, "good": 3}, input=audio)
    host.wait_for_results(other, 6)
    job = host.queue.submit("stubborn", {}, input=audio)
    gate.open()  # the turn on the device goes to the stubborn one for ever
    host.wait_for_work(job, "busy")
    host.queue.cancel(job)
    assert host.wait_for_stop(job).usage.freed_mb
    assert host.wait(other).state == JobState.DONE
    assert len(predictions(host, other, "s")) == 6
    host.close()


def test_a_generation_without_a_yield_stops_at_its_next_forward_pass(
    host: Host, audio: AudioInput
) -> None:
    job = host.queue.submit("hooked", {}, input=audio)
    host.wait_for_work(job, "generating")
    host.queue.cancel(job)
    stopped = host.wait_for_stop(job)
    # What the engine itself reported, so it was not killed.
    assert stopped.usage.run_s > 0


def test_a_cancelled_job_keeps_its_results_and_can_be_resumed(
    host: Host, audio: AudioInput, gate: Gate
) -> None:
    params = {"gate": gate.path, "good": 2}
    job = host.queue.submit("segments", params, input=audio)
    host.wait_for_results(job, 4)
    host.queue.cancel(job)
    gate.open()
    host.wait_for_stop(job)
    assert len(predictions(host, job, "s")) == 2
    host.queue.resume(job)
    host.run_until(lambda: len(host.project.results(job)) > 4)
    gate.open()
    assert host.wait(job).state == JobState.DONE
    assert len(predictions(host, job, "s")) == 6


def test_a_waiting_job_is_cancelled_without_an_engine(
    host: Host, audio: AudioInput, gate: Gate
) -> None:
    host.queue.submit("segments", {"gate": gate.path, "good": 0}, input=audio)
    waiting = host.queue.submit("segments", {}, input=audio)
    host.queue.cancel(waiting)
    assert host.project.job(waiting).state == JobState.CANCELLED


def test_jobs_of_two_tasks_take_turns_on_the_device(
    host: Host, audio: AudioInput
) -> None:
    endless = host.queue.submit("willing", {}, input=audio)
    host.wait_for_work(endless, "holding 1 MB")
    assert host.wait(host.queue.submit("segments", {}, input=audio)).state == "done"
    assert host.project.job(endless).state == JobState.RUNNING


def test_memory_that_ran_out_is_tried_again_and_named(
    host: Host, audio: AudioInput
) -> None:
    job = host.queue.submit("greedy", {}, input=audio)
    done = host.wait(job)
    assert done.state == JobState.DONE
    assert "ran out of memory" in done.usage.note
    # The first segment is kept, the word behind it is not, the rest was heard again.
    assert predictions(host, job, "") == [
        ("first", 0, SECOND),
        ("second on cpu", SECOND, 2 * SECOND),
    ]


def test_what_a_library_prints_does_not_disturb(host: Host, audio: AudioInput) -> None:
    job = host.queue.submit("chatty", {}, input=audio)
    assert host.wait(job).state == JobState.DONE
    assert texts(host, job) == {"said": "all well"}


def test_audio_of_a_job_that_starts_again_goes(host: Host, gate: Gate) -> None:
    job = host.queue.submit("tone", {"gate": gate.path})
    host.wait_for_results(job, 1)
    (first,) = host.project.results(job)
    assert isinstance(first, AudioFile)
    assert host.engine.pid is not None
    os.kill(host.engine.pid, signal.SIGKILL)
    host.wait(job)
    assert first.path.exists()  # it may still be listened to
    host.queue.resume(job)
    gate.open()
    assert host.wait(job).state == JobState.DONE
    assert [take.job for take in host.project.takes()] == [job]
    assert len(list(host.project.audio_folder.iterdir())) == 1


def test_a_model_is_loaded_once(host: Host, audio: AudioInput) -> None:
    jobs = [host.queue.submit("loader", {}, input=audio) for _ in range(2)]
    first, second = (host.wait(job) for job in jobs)
    assert texts(host, jobs[0]) == {"loaded": "anew"}
    assert texts(host, jobs[1]) == {"loaded": "from the cache"}
    assert (first.usage.device, first.usage.dtype) == ("cpu", "int8")
    assert second.usage.load_s < first.usage.load_s


def test_the_engine_is_offline_modest_and_light(host: Host, audio: AudioInput) -> None:
    job = host.queue.submit("surroundings", {}, input=audio)
    host.wait(job)
    (told,) = host.project.results(job)
    assert isinstance(told, Text)
    assert told.data == {
        "HF_HUB_OFFLINE": "1",
        "DISABLE_SAFETENSORS_CONVERSION": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "nice": min(os.nice(0) + 10, 19),
        "heavy": [],
    }


def test_the_queue_survives_a_restart(
    host: Host, audio: AudioInput, gate: Gate
) -> None:
    running = host.queue.submit("segments", {"gate": gate.path, "good": 3}, input=audio)
    waiting = host.queue.submit("segments", {}, input=audio)
    host.wait_for_results(running, 6)
    host.close()

    again = Host(host.folder)
    assert again.states(running, waiting) == [JobState.INTERRUPTED, JobState.WAITING]
    assert again.queue.idle  # nothing starts by itself
    again.queue.start()
    assert again.wait(waiting).state == JobState.DONE
    again.queue.resume(running)
    done = again.wait(running)
    assert done.state == JobState.DONE
    assert len(predictions(again, running, "s")) == 6
    again.close()


def test_a_new_job_does_not_wake_those_of_the_last_time(
    host: Host, audio: AudioInput, gate: Gate
) -> None:
    host.queue.submit("segments", {"gate": gate.path, "good": 0}, input=audio)
    old = host.queue.submit("segments", {}, input=audio)
    host.close()
    again = Host(host.folder)
    new = again.queue.submit("segments", {}, input=audio)
    again.wait(new)
    assert again.states(old, new) == [JobState.WAITING, JobState.DONE]
    again.close()


def test_another_project_interrupts_what_runs(
    host: Host, audio: AudioInput, tmp_path: Path, gate: Gate
) -> None:
    job = host.queue.submit("segments", {"gate": gate.path, "good": 1}, input=audio)
    host.wait_for_results(job, 2)
    first = host.project
    second = Project.create(tmp_path / "Second.earmark")
    host.queue.set_project(second)
    assert first.job(job).state == JobState.INTERRUPTED
    assert host.queue.jobs() == []
    host.queue.set_project(first)
    host.queue.resume(job)
    assert first.job(job).state == JobState.RUNNING
    second.close()


def test_jobs_run_in_the_order_they_were_put_in(
    host: Host, audio: AudioInput, gate: Gate
) -> None:
    host.queue.submit("segments", {"gate": gate.path, "good": 0}, input=audio)
    second = host.queue.submit("segments", {}, input=audio)
    third = host.queue.submit("segments", {}, input=audio)
    host.queue.move(third, second)
    assert [job.id for job in host.queue.jobs()][1:] == [third, second]
    gate.open()
    host.wait(third)
    assert host.project.job(second).state == JobState.RUNNING
    host.wait(second)


def test_a_job_can_be_retried_as_a_new_one(host: Host, audio: AudioInput) -> None:
    failed = host.queue.submit("segments", {"good": 0, "fault": "raise"}, input=audio)
    host.wait(failed)
    again = host.queue.retry(failed)
    assert again != failed
    assert host.wait(again).error == host.project.job(failed).error


def test_a_running_job_can_be_removed(
    host: Host, audio: AudioInput, gate: Gate
) -> None:
    job = host.queue.submit("segments", {"gate": gate.path, "good": 1}, input=audio)
    host.wait_for_results(job, 2)
    host.queue.remove(job)
    assert host.queue.jobs() == []
    gate.open()
    host.run_until(lambda: host.queue.idle)


def test_a_done_job_cannot_be_resumed(host: Host, audio: AudioInput) -> None:
    job = host.queue.submit("segments", {}, input=audio)
    host.wait(job)
    with pytest.raises(EarmarkError, match="is done and cannot be resumed"):
        host.queue.resume(job)


@pytest.mark.parametrize(
    ("task", "params", "message"),
    [
        (
            "segments",
            {"good": 100},
            "“Good” (good) is 100. Set good to from 0 to 99 s.",
        ),
        (
            "segments",
            {"good": "x"},
            "“Good” (good) is 'x'. Set good to from 0 to 99 s.",
        ),
        ("segments", {"mode": "c"}, "(mode) is 'c'. Set mode to 'a' or 'b'."),
        ("segments", {"goood": 1}, "there is no parameter “goood”"),
        ("speak", {}, "“Text” (text) is missing"),
        ("speak", {"text": " \n"}, "the text is empty"),
        ("segments", {}, "works on audio"),
        ("modelled", {}, "needs a model"),
        ("unheard-of", {}, "unheard-of"),
    ],
)
def test_a_job_that_cannot_run_is_refused_with_the_field_and_the_remedy(
    host: Host, task: str, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(EarmarkError) as refused:
        host.queue.submit(task, params)
    assert message in str(refused.value)
    assert host.queue.jobs() == []


def test_a_model_that_does_not_fit_or_is_gone_is_refused(
    host: Host, audio: AudioInput, tmp_path: Path
) -> None:
    other = ModelRef("w", "ctranslate2", tmp_path)
    with pytest.raises(EarmarkError, match="its format is ctranslate2"):
        host.queue.submit("modelled", {}, model=other, input=audio)
    gone = ModelRef("w", "transformers", tmp_path / "gone")
    with pytest.raises(EarmarkError, match="is not at"):
        host.queue.submit("modelled", {}, model=gone, input=audio)


def test_the_audio_of_a_removed_job_goes_too(host: Host, gate: Gate) -> None:
    job = host.queue.submit("tone", {"gate": gate.path})
    host.wait_for_results(job, 1)
    (made,) = host.project.results(job)
    assert isinstance(made, AudioFile)
    assert made.path.exists()
    host.queue.remove(job)
    gate.open()
    host.run_until(lambda: host.queue.idle)
    assert not made.path.exists()
