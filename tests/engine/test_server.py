"""Turns on a device, and the way to the host."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import BinaryIO

import pytest

from earmark.core.errors import Cancelled
from earmark.core.tasks import AudioInput, Job, Text, Usage
from earmark.engine import protocol
from earmark.engine.context import Context
from earmark.engine.server import Outbox, Server, Turns


def test_turns_are_taken_in_the_order_of_asking() -> None:
    turns = Turns()
    order: list[int] = []
    asked: SimpleQueue[int] = SimpleQueue()

    class Asking(threading.Event):
        """Says when it is first looked at, which is when its thread waits."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

        def is_set(self) -> bool:
            asked.put(self.number)
            return False  # asked again when the turn comes

    def take(number: int) -> None:
        with turns.turn(Asking(number)):
            order.append(number)

    threads = []
    with turns.turn(threading.Event()):
        for number in range(5):
            threads.append(threading.Thread(target=take, args=(number,)))
            threads[-1].start()
            assert asked.get() == number
    for thread in threads:
        thread.join()
    assert order == list(range(5))


def test_who_waits_for_a_turn_can_be_cancelled() -> None:
    turns = Turns()
    cancelled = threading.Event()
    outcome: SimpleQueue[str] = SimpleQueue()

    def wait() -> None:
        try:
            with turns.turn(cancelled):
                outcome.put("had a turn")
        except Cancelled:
            outcome.put("cancelled")

    with turns.turn(threading.Event()):
        thread = threading.Thread(target=wait)
        thread.start()
        cancelled.set()
        turns.wake()
        assert outcome.get() == "cancelled"
        thread.join()
    with turns.turn(threading.Event()):
        pass  # the line is in order


@pytest.fixture
def pipe() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    read, write = os.pipe()
    with os.fdopen(read, "rb") as reader, os.fdopen(write, "wb") as writer:
        yield reader, writer


def test_results_travel_together_and_only_the_last_progress_counts(
    pipe: tuple[BinaryIO, BinaryIO],
) -> None:
    reader, writer = pipe
    outbox = Outbox(writer)
    with outbox._changed:  # nothing is sent in between
        for number in range(100):
            outbox.result(1, Text(str(number), ""))
            outbox.progress(protocol.Progressed(1, number / 100, ""))
    results = protocol.decode(reader.readline())
    assert isinstance(results, protocol.Results)
    assert [text.role for text in results.results if isinstance(text, Text)] == [
        str(number) for number in range(100)
    ]
    assert protocol.decode(reader.readline()) == protocol.Progressed(1, 0.99, "")


def test_the_end_of_a_job_comes_after_its_results(
    pipe: tuple[BinaryIO, BinaryIO],
) -> None:
    reader, writer = pipe
    outbox = Outbox(writer)
    outbox.result(1, Text("a", ""))
    outbox.message(protocol.Done(1, Usage()))
    kinds = [type(protocol.decode(reader.readline())) for _ in range(2)]
    assert kinds == [protocol.Results, protocol.Done]


def test_runners_are_imported_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "first_runner.py").write_text(
        "import builtins\n"
        "builtins.told.put('first begins')\n"
        "builtins.go_on.wait()\n"
        "builtins.told.put('first is made')\n"
        "def run(): ...\n"
    )
    (tmp_path / "second_runner.py").write_text(
        "import builtins\nbuiltins.told.put('second begins')\ndef run(): ...\n"
    )
    told: SimpleQueue[str] = SimpleQueue()
    go_on = threading.Event()
    monkeypatch.setattr("builtins.told", told, raising=False)
    monkeypatch.setattr("builtins.go_on", go_on, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    server = Server(Outbox(io.BytesIO()))

    threads = []
    for name in ("first_runner:run", "second_runner:run"):
        thread = threading.Thread(target=server.import_runner, args=(name,))
        thread.start()
        threads.append(thread)
        if len(threads) == 1:
            assert told.get() == "first begins"
    go_on.set()
    for thread in threads:
        thread.join()

    assert [told.get(), told.get()] == ["first is made", "second begins"]


def keeping_one_model(
    contexts: Sequence[Context],
) -> Iterator[tuple[Context, Sequence[Text]]]:
    """Loads a model for the first input and uses it for all of them."""
    models = contexts[0]._surroundings.models
    contexts[0].cached("weights", object)
    for ctx in contexts:
        models.shrink(0.0)  # another job needs the room
        yield ctx, [Text("models", str(len(models)))]


def test_what_one_job_of_a_run_loaded_is_kept_until_all_of_them_have_ended(
    pipe: tuple[BinaryIO, BinaryIO], tmp_path: Path
) -> None:
    reader, writer = pipe
    server = Server(Outbox(writer))
    jobs = tuple(Job(number, "task", {}, None, None) for number in (1, 2, 3))
    here = f"{__name__}:keeping_one_model"
    run = protocol.Run(jobs, here, here, "cpu", tmp_path, None, tmp_path, 1000)
    server.run(run)
    said: list[protocol.Message] = []
    last = protocol.Done | protocol.Failed
    while sum(isinstance(message, last) for message in said) < len(jobs):
        said.append(protocol.decode(reader.readline()))
    texts = [x.results for x in said if isinstance(x, protocol.Results)]
    assert texts == [(Text("models", "1"),)] * 3


class Clock:
    """In place of the module `time`."""

    now_s = 0.0

    def perf_counter(self) -> float:
        return self.now_s

    sleep = staticmethod(time.sleep)


CLOCK = Clock()


def hearing_two_at_once(
    contexts: Sequence[Context],
) -> Iterator[tuple[Context, Sequence[Text]]]:
    """Works six seconds on each two inputs."""
    for number, ctx in enumerate(contexts):
        CLOCK.now_s += 6.0 * (number % 2 == 0)
        yield ctx, []


def test_jobs_that_are_heard_at_once_have_taken_their_parts_of_the_time(
    pipe: tuple[BinaryIO, BinaryIO], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("earmark.engine.server.time", CLOCK)
    reader, writer = pipe
    jobs = tuple(
        Job(number, "task", {}, None, AudioInput(1, "a", 10, 1, (), (), 0, frames))
        for number, frames in enumerate((20, 10, 20, 10))
    )
    here = f"{__name__}:hearing_two_at_once"
    run = protocol.Run(jobs, here, here, "cpu", tmp_path, None, tmp_path, 1000)
    Server(Outbox(writer)).run(run)
    ended: list[protocol.Done] = []
    while len(ended) < len(jobs):
        message = protocol.decode(reader.readline())
        if isinstance(message, protocol.Done):
            ended.append(message)
    took = [each.usage.run_s for each in ended]
    assert took == pytest.approx([6.0, 2.0, 4.8, 2.0])


def test_the_engine_ends_with_a_worker_that_breaks() -> None:
    script = (
        "import io\n"
        "from queue import SimpleQueue\n"
        "from earmark.engine.server import Outbox, Server\n"
        "class Broken:\n"
        "    def run(self):\n"
        "        raise RuntimeError('the engine is wrong')\n"
        "waiting = SimpleQueue()\n"
        "waiting.put(Broken())\n"
        "Server(Outbox(io.BytesIO()))._work(waiting)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.returncode == 1
    assert "the engine is wrong" in run.stderr
