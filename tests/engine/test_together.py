"""Short inputs of a batch that run together, over the real engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from engine.host import Gate, Host

from earmark.core.tasks import AudioInput, JobState
from earmark.engine.queue import SHORT_S


def heard(host: Host, given: AudioInput) -> list[str]:
    """What the clip of an input is labelled."""
    tracks = host.project.tracks(given.clip)
    return [x.text for track in tracks for x in host.project.labels(track.id)]


def inputs(host: Host, path: Path, *names: str) -> list[AudioInput]:
    return [host.add_clip(path, name) for name in names]


def wait_until_begun(host: Host, jobs: list[int]) -> None:
    """Handle what is posted until the engine has said that it works on jobs."""

    def begun() -> set[int]:
        return {event.job for event in host.events if event.kind == "progress"}

    host.run_until(lambda: begun() >= set(jobs))


def wait_for_all(host: Host, jobs: list[int]) -> list[JobState]:
    for job in jobs:
        host.wait(job)
    return host.states(*jobs)


def test_short_inputs_of_a_batch_run_together_and_are_one_step(
    host: Host, speech: Path
) -> None:
    given = inputs(host, speech, "a", "b", "c")
    before = len(host.project.history())
    jobs = host.queue.submit_batch("alone", {}, given)
    assert wait_for_all(host, jobs) == [JobState.DONE] * 3
    assert [heard(host, each) for each in given] == [
        [f"{name} among 3, 48000 samples"] for name in "abc"
    ]
    assert len(host.project.history()) == before + 1
    assert host.project.undo_title == "Alone (3 clips)"
    usage = host.project.job(jobs[0]).usage
    assert (usage.device, usage.audio_s) == ("cpu", 6.0)
    assert host.queue.idle


def test_one_input_or_a_long_one_runs_by_itself(
    host: Host, speech: Path, tmp_path: Path
) -> None:
    long = tmp_path / "long.wav"
    soundfile.write(long, np.zeros(int(SHORT_S + 1) * 1000), 1000)
    given = [*inputs(host, speech, "a", "b"), host.add_clip(long)]
    wait_for_all(host, host.queue.submit_batch("alone", {}, given))
    assert [heard(host, each)[0].split(",")[0] for each in given] == [
        "a among 2",
        "b among 2",
        "long alone",
    ]
    (only,) = host.queue.submit_batch("alone", {}, given[:1])
    host.wait(only)
    assert heard(host, given[0])[-1] == "a alone"


def test_an_input_that_cannot_be_read_fails_alone(
    host: Host, speech: Path, tmp_path: Path
) -> None:
    gone = tmp_path / "gone.wav"
    gone.write_bytes(speech.read_bytes() + b"0000")
    given = [*inputs(host, speech, "a", "b"), host.add_clip(gone)]
    gone.unlink()
    jobs = host.queue.submit_batch("alone", {}, given)
    assert wait_for_all(host, jobs) == [JobState.DONE, JobState.DONE, JobState.FAILED]
    assert "gone.wav" in host.project.job(jobs[2]).error
    assert heard(host, given[0]) == ["a among 3, 48000 samples"]


@pytest.mark.parametrize(
    ("fault", "said"), [("raise", "the weights are all wrong"), ("exit", "bye")]
)
def test_what_goes_wrong_together_is_tried_one_by_one(
    host: Host, speech: Path, fault: str, said: str
) -> None:
    given = inputs(host, speech, "a", f"{fault} together", f"{fault} always", "d")
    jobs = host.queue.submit_batch("alone", {}, given)
    states = wait_for_all(host, jobs)
    assert states == [JobState.DONE, JobState.DONE, JobState.FAILED, JobState.DONE]
    assert said in host.project.job(jobs[2]).error
    assert heard(host, given[0]) == ["a alone"]
    assert heard(host, given[3]) == ["d among 4, 48000 samples"]


@pytest.mark.parametrize("fault", ["kill", "abort"])
def test_only_the_input_that_ends_the_engine_fails(
    host: Host, speech: Path, fault: str
) -> None:
    given = inputs(host, speech, "a", f"{fault} always", f"{fault} together", "d")
    jobs = host.queue.submit_batch("alone", {}, given)
    states = wait_for_all(host, jobs)
    assert states == [JobState.DONE, JobState.FAILED, JobState.DONE, JobState.DONE]
    assert "The engine ended by" in host.project.job(jobs[1]).error
    assert heard(host, given[0]) == ["a alone"]
    assert heard(host, given[2]) == [f"{fault} together alone"]


def test_one_that_is_cancelled_leaves_the_others_to_go_on(
    host: Host, speech: Path, gate: Gate
) -> None:
    given = inputs(host, speech, "a", "b", "c")
    jobs = host.queue.submit_batch("alone", {"gate": gate.path}, given)
    host.queue.cancel(jobs[1])
    gate.open()
    assert wait_for_all(host, jobs) == [
        JobState.DONE,
        JobState.CANCELLED,
        JobState.DONE,
    ]
    assert host.wait_for_stop(jobs[1]).usage.stop_s is not None
    assert heard(host, given[1]) == []
    assert heard(host, given[2])[0].startswith("c among")


def test_one_that_is_cancelled_does_not_have_to_wait_for_the_others(
    host: Host, speech: Path, gate: Gate
) -> None:
    given = inputs(host, speech, "a", "b", "c")
    jobs = host.queue.submit_batch("alone", {"gate": gate.path}, given)
    wait_until_begun(host, jobs)
    pid = host.engine.pid
    host.queue.cancel(jobs[1])
    host.wait_for_stop(jobs[1])
    gate.open()
    assert wait_for_all(host, jobs) == [
        JobState.DONE,
        JobState.CANCELLED,
        JobState.DONE,
    ]
    assert host.engine.pid == pid
    assert [heard(host, each) for each in given] == [
        ["a among 3, 48000 samples"],
        [],
        ["c among 3, 48000 samples"],
    ]


def test_a_batch_that_waits_for_its_turn_is_cancelled_without_harm_to_others(
    host: Host, speech: Path, gate: Gate
) -> None:
    given = inputs(host, speech, *"abc")
    long = host.queue.submit("segments", {"gate": gate.path, "good": 1}, input=given[0])
    host.wait_for_results(long, 2)
    pid = host.engine.pid
    jobs = host.queue.submit_batch("alone", {}, given)
    wait_until_begun(host, jobs)
    host.queue.cancel(*jobs)
    for job in jobs:
        host.wait_for_stop(job)
    gate.open()
    assert host.wait(long).state == JobState.DONE
    assert host.engine.pid == pid


def test_the_last_of_a_batch_that_is_wanted_stops_its_runner(
    speech: Path, tmp_path: Path
) -> None:
    host = Host(tmp_path / "Test.earmark", keep_mb=1e6)
    try:
        endless, *rest = host.queue.submit_batch(
            "alone", {}, inputs(host, speech, "endless", "b", "c")
        )
        assert wait_for_all(host, rest) == [JobState.DONE] * 2
        pid = host.engine.pid
        host.queue.cancel(endless)
        host.wait_for_stop(endless)
        assert host.engine.pid == pid
        assert host.queue.idle
    finally:
        host.close()


def test_a_batch_that_cannot_be_stopped_is_ended_with_its_engine(
    host: Host, speech: Path
) -> None:
    hanging, *rest = host.queue.submit_batch(
        "alone", {}, inputs(host, speech, "hang together", "b", "c")
    )
    wait_for_all(host, rest)
    host.queue.cancel(hanging)
    host.wait_for_stop(hanging)
    assert host.states(hanging, *rest) == [
        JobState.CANCELLED,
        JobState.DONE,
        JobState.DONE,
    ]
    assert host.engine.pid is None


def test_a_batch_is_cancelled_as_a_whole(host: Host, speech: Path, gate: Gate) -> None:
    given = inputs(host, speech, *"abc")
    long = [replace(each, stop=each.stop - 1) for each in given]
    jobs = host.queue.submit_batch("segments", {"gate": gate.path, "good": 1}, long)
    host.wait_for_results(jobs[0], 2)
    host.queue.cancel(*jobs)
    gate.open()
    assert wait_for_all(host, jobs) == [JobState.CANCELLED] * 3
    host.wait_for_stop(jobs[0])
    assert host.queue.idle


def test_a_batch_goes_on_where_the_program_was_killed(
    host: Host, speech: Path, tmp_path: Path, gate: Gate
) -> None:
    given = inputs(host, speech, *"abcd")
    jobs = host.queue.submit_batch("segments", {}, given)
    host.wait(jobs[1])
    host.close()
    again = Host(tmp_path / "Test.earmark")
    try:
        before = [heard(again, each) for each in given[:2]]
        for job, state in zip(jobs, again.states(*jobs), strict=True):
            if state == JobState.INTERRUPTED:
                again.queue.resume(job)
        again.queue.start()
        assert wait_for_all(again, jobs) == [JobState.DONE] * 4
        assert [heard(again, each) for each in given[:2]] == before
        assert all(len(heard(again, each)) == 12 for each in given)
    finally:
        again.close()


def test_a_project_can_move_while_its_jobs_run(
    host: Host, speech: Path, tmp_path: Path, gate: Gate
) -> None:
    given = host.add_clip(speech)
    job = host.queue.submit("segments", {"gate": gate.path, "good": 2}, input=given)
    spoken = host.queue.submit("tone", {})
    host.wait_for_results(job, 4)
    host.queue.halt()
    assert host.states(job) == [JobState.WAITING]
    host.project.save_as(tmp_path / "Elsewhere.earmark")
    host.queue.go_on()
    Path(gate.path).unlink()
    Path(gate.path).touch()  # the gate stands open now
    assert host.wait(job).state == JobState.DONE
    assert host.wait(spoken).state == JobState.DONE
    assert len(heard(host, given)) == 12
    (take,) = host.project.takes()
    path = host.project.source(take.source).path
    assert path.is_relative_to(tmp_path / "Elsewhere.earmark")
