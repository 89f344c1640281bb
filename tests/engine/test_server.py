"""Turns on a device, and the way to the host."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import BinaryIO

import pytest

from earmark.core.errors import Cancelled
from earmark.core.tasks import Text, Usage
from earmark.engine import protocol
from earmark.engine.server import Outbox, Turns


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
