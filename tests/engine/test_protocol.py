"""Messages as lines, and lines as messages."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.core.clips import Source, Span
from earmark.core.tasks import (
    AudioFile,
    AudioInput,
    Job,
    JobState,
    ModelRef,
    Prediction,
    Text,
    Usage,
)
from earmark.engine import protocol
from earmark.engine.protocol import Message, ProtocolError, decode, encode

JOB = Job(
    id=7,
    task="speech-recognition",
    params={"language": None, "beams": 1, "prompt": "caf\u00e9 \u2028"},
    model=ModelRef("tiny", "ctranslate2", Path("/models/tiny"), "abc", "Tiny"),
    input=AudioInput(
        clip=1,
        name="a",
        rate=8000,
        channels=2,
        spans=(Span("ff", 0, 80, gain_db=-3.0), Span(None, 0, 8)),
        sources=(Source("ff", Path("/audio/a.wav"), 8000, 2, 80),),
        start=0,
        stop=88,
    ),
    state=JobState.RUNNING,
    resume_frame=12,
)

MESSAGES: list[Message] = [
    protocol.Run(
        jobs=(JOB,),
        runner="plugin.runner:run",
        many="plugin.runner:run_many",
        device="auto",
        cache=Path("/cache"),
        base=None,
        output=Path("/out"),
        memory_budget_mb=4096,
    ),
    protocol.Cancel(7),
    protocol.Ready(123),
    protocol.Started(7),
    protocol.Results(
        7,
        (
            Prediction("words", 0, 8, "one\ntwo", kind="words", score=0.5),
            Text("transcript", "one", {"times": [0.0, 1.5], "language": None}),
            AudioFile(Path("/out/a.wav"), 8000, 1, 80, "a", {"snr": 3.5}),
        ),
    ),
    protocol.Progressed(7, None, "loading"),
    protocol.Used(7, "cuda:0", "float16", ""),
    protocol.Rewound(7, None, "out of memory"),
    protocol.Done(7, Usage("cpu", "int8", 10.0, 0.5, 2.0, 300.0)),
    protocol.Failed(7, "ValueError: no", "Traceback", Usage()),
    protocol.Stopped(7, Usage(freed_mb=1.0, stop_s=0.1)),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_a_message_survives_the_line(message: Message) -> None:
    line = encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line) == message


def test_every_message_is_tried() -> None:
    assert {type(message) for message in MESSAGES} == set(get_args(Message))


def test_a_file_name_that_is_not_utf8_survives() -> None:
    path = Path(b"/audio/caf\xe9.wav".decode("utf-8", "surrogateescape"))
    message = protocol.Results(1, (AudioFile(path, 1, 1, 1, "a"),))
    assert decode(encode(message)) == message


def test_scalars_of_numpy_become_numbers() -> None:
    given_score = Prediction("", 0, 1, "x", score=np.float32(0.5))  # type: ignore[arg-type]  # what runners give
    (found,) = decode(encode(protocol.Results(1, (given_score,)))).results  # type: ignore[union-attr]  # it is Results
    assert type(found.score) is float
    assert found.score == 0.5


def test_what_is_not_plain_data_cannot_be_said() -> None:
    with pytest.raises(TypeError, match="object, which is not plain data"):
        encode(protocol.Results(1, (Text("a", "b", {"c": object()}),)))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"Loading weights: 100%\n", "Loading weights"),
        (b"[1]\n", "is not a message"),
        (b"{}\n", "is not a message"),
        (b'{"type": "Launch"}\n', "is not a message"),
        (b'{"type": "Started"}\n', "job: Field required"),
        (b'{"type": "Started", "job": "x"}\n', "job: Input should be a valid integer"),
        (b"\xff\xfe\n", "is not a message"),
    ],
)
def test_a_line_that_is_no_message_is_refused(line: bytes, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        decode(line)


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_be_refused(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(line)
