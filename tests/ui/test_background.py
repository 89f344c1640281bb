"""Work in pool threads, and its way back."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from earmark.ui.background import Background


@pytest.fixture
def background(qtbot: QtBot) -> Iterator[Background]:
    background = Background()
    yield background
    background.close()
    background.deleteLater()


def test_calls_come_back_on_the_gui_thread_in_order(
    qtbot: QtBot, background: Background
) -> None:
    called: list[tuple[int, threading.Thread]] = []

    def post_all() -> None:
        for number in range(500):
            background.post(
                lambda n=number: called.append((n, threading.current_thread()))  # type: ignore[misc]  # bound now
            )

    thread = threading.Thread(target=post_all)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: len(called) == 500)

    assert [number for number, _ in called] == list(range(500))
    assert {thread for _, thread in called} == {threading.main_thread()}


def test_a_failure_is_delivered(qtbot: QtBot, background: Background) -> None:
    failures: list[Exception] = []

    background.run(lambda _: 1 / 0, lambda _: None, failures.append)

    qtbot.waitUntil(lambda: bool(failures))
    assert isinstance(failures[0], ZeroDivisionError)


def test_what_was_cancelled_never_lands(qtbot: QtBot, background: Background) -> None:
    begun, go_on = threading.Event(), threading.Event()
    landed: list[str] = []

    def work(_: object) -> str:
        begun.set()
        go_on.wait(10)
        return "late"

    ticket = background.run(work, landed.append, lambda _: None)
    assert begun.wait(10)
    ticket.cancel()
    go_on.set()
    background.run(lambda _: "next", landed.append, lambda _: None)

    qtbot.waitUntil(lambda: "next" in landed)
    assert landed == ["next"]


def test_what_was_cancelled_before_it_began_is_forgotten(
    qtbot: QtBot, background: Background
) -> None:
    begun: list[str] = []
    go_on = threading.Event()
    for _ in range(2):  # both threads are at work
        background.run(lambda _: go_on.wait(10), lambda _: None, lambda _: None)
    background.run(
        lambda _: begun.append("work"), lambda _: None, lambda _: None
    ).cancel()
    go_on.set()

    qtbot.waitUntil(lambda: not background._tickets)
    assert begun == []


def test_a_call_that_raises_does_not_hold_up_the_next(
    qtbot: QtBot, background: Background
) -> None:
    called: list[str] = []

    def broken() -> None:
        raise ValueError("in a call")

    with qtbot.captureExceptions() as caught:
        background.post(broken)
        background.post(lambda: called.append("next"))
        qtbot.waitUntil(lambda: called == ["next"])

    assert [str(error) for _, error, _ in caught] == ["in a call"]
