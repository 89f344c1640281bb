"""Engine processes: how they start, and how they end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from queue import SimpleQueue

import psutil
import pytest

from earmark.core.tasks import Job
from earmark.engine import protocol
from earmark.engine.client import EngineClient, ExitReason, engine_command


class Heard:
    """A client with what it told."""

    def __init__(self, *command: str) -> None:
        self.messages: SimpleQueue[protocol.FromEngine] = SimpleQueue()
        self.exits: SimpleQueue[ExitReason] = SimpleQueue()
        self.client = EngineClient(
            on_message=self.messages.put,
            on_exit=self.exits.put,
            command=command or None,
        )


def run(job: int = 1) -> protocol.Run:
    return protocol.Run(
        jobs=(Job(job, "nothing", {}, None, None),),
        many="",
        runner="no_such_module:run",
        device="cpu",
        cache=Path(),
        base=None,
        output=Path(),
        memory_budget_mb=1,
    )


def test_a_program_that_is_not_there_is_an_exit_with_a_reason() -> None:
    heard = Heard("/no/such/program")
    heard.client.run(run())
    reason = heard.exits.get()
    assert "could not be started" in reason.message
    assert reason.jobs == (1,)
    assert not heard.client.alive


def test_an_engine_that_ends_at_once_tells_what_it_wrote() -> None:
    code = "import sys; sys.exit('no module named so')"
    heard = Heard(sys.executable, "-c", code)
    heard.client.run(run())
    reason = heard.exits.get()
    assert reason.message == "The engine ended with exit code 1."
    assert "no module named so" in reason.output
    assert not reason.was_ready


def test_an_unreadable_line_ends_the_engine_instead_of_hanging() -> None:
    code = "print('Loading weights: 100%', flush=True); input(); input()"
    heard = Heard(sys.executable, "-c", code)
    heard.client.run(run())
    reason = heard.exits.get()
    assert "said what cannot be read" in reason.message
    assert "Loading weights" in reason.message
    assert not reason.asked


def test_an_engine_that_closes_its_output_is_ended() -> None:
    code = "import os, threading; os.close(1); threading.Event().wait()"
    heard = Heard(sys.executable, "-c", code)
    heard.client.run(run())
    reason = heard.exits.get()
    assert reason.message == "The engine closed its output and was ended."
    assert not reason.asked


def test_a_new_engine_comes_after_the_end_of_the_old_one() -> None:
    heard = Heard()
    for job in (1, 2):
        heard.client.run(run(job))
        assert isinstance(heard.messages.get(), protocol.Started)
        failed = heard.messages.get()
        assert isinstance(failed, protocol.Failed)
        assert failed.job == job
        assert heard.client.memory_mb() > 10
        heard.client.kill()
        assert not heard.client.alive
    heard.client.close()
    assert heard.exits.empty()


def test_closing_waits_for_the_end_of_the_engine() -> None:
    heard = Heard()
    heard.client.run(run())
    heard.messages.get()
    pid = heard.client.pid
    assert pid is not None
    heard.client.close()
    assert not psutil.pid_exists(pid)


def test_an_engine_ends_when_its_host_closes_the_pipe() -> None:
    engine = subprocess.Popen(
        engine_command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert engine.stdin is not None
    assert engine.stdout is not None
    ready = protocol.decode(engine.stdout.readline())
    assert ready == protocol.Ready(engine.pid)
    engine.stdin.close()
    assert engine.wait() == 0
    engine.stdout.close()


def test_what_cannot_be_read_by_the_engine_ends_it_with_an_error() -> None:
    done = subprocess.run(
        engine_command(), input=b"good morning\n", capture_output=True, check=False
    )
    assert done.returncode == 1
    assert b"is not a message" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends it by a signal")
def test_an_engine_that_holds_pythons_lock_ends_with_its_host(tmp_path: Path) -> None:
    code = """
import queue, sys
from pathlib import Path
from earmark.core.tasks import Job
from earmark.engine import protocol
from earmark.engine.client import EngineClient

heard = queue.SimpleQueue()
client = EngineClient(on_message=heard.put, on_exit=print)
client.run(protocol.Run(
    jobs=(Job(1, "t", {}, None, None),), runner="no:run", many="", device="cpu",
    cache=Path(),
    base=None, output=Path(), memory_budget_mb=1,
))
heard.get()
print(client.pid, flush=True)
sys.stdin.read()
"""
    host = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert host.stdin is not None
    assert host.stdout is not None
    engine = psutil.Process(int(host.stdout.readline()))
    # Stopped, it can do nothing about the end of its host by itself.
    engine.suspend()
    host.kill()
    host.wait()
    engine.wait()
    host.stdin.close()
    host.stdout.close()


def test_the_client_imports_no_library_that_runs_models() -> None:
    code = (
        "import sys, earmark.engine.queue, earmark.api;"
        "print(sorted({'torch', 'transformers', 'ctranslate2', 'onnxruntime',"
        " 'PySide6', 'scipy', 'av', 'psutil'} & sys.modules.keys()))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    assert told.stdout.strip() == "[]"
