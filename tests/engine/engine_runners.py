"""Runners for the tests of the engine, imported by the engine process only."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from earmark.api import (
    AudioFile,
    Context,
    EarmarkError,
    Job,
    Prediction,
    Progress,
    Text,
    audio_of,
)

Results = Iterator[Progress | Prediction | Text | AudioFile]


def pass_gate(job: Job) -> None:
    """Wait until the test opens the job's gate, a named pipe."""
    if gate := job.params.get("gate"):
        Path(gate).read_bytes()


def segments(job: Job, ctx: Context) -> Results:
    """One segment and its word a second; then it does `fault` behind `good` of them."""
    seconds = int(ctx.duration_s)
    for second in range(seconds):
        if second == job.params["good"]:
            pass_gate(job)
            fail(str(job.params["fault"]))
        at = ctx.offset_s + second
        yield ctx.label(second, second + 1, f"s{at:.0f}", tier="s", kind="segments")
        yield ctx.label(second, second + 1, f"w{at:.0f}", tier="w", kind="words")
        yield Progress((second + 1) / seconds, f"{second + 1} s")
    heard = " ".join(f"s{ctx.offset_s + second:.0f}" for second in range(seconds))
    yield Text("transcript", heard, {"language": "en"})


def fail(fault: str) -> None:
    """End as a broken model would."""
    match fault:
        case "raise":
            raise ValueError("the weights are all wrong")
        case "remedy":
            raise EarmarkError("The text is too long.", "Make it shorter.")
        case "exit":
            sys.exit("bye")
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "abort":
            os.abort()
        case "quit":
            sys.stderr.write("what the library said last")
            sys.stderr.flush()
            os._exit(3)
        case "hang":
            threading.Event().wait()


def stubborn(job: Job, ctx: Context) -> Results:
    """Never comes to a cancel point and swallows every exception."""
    yield Progress(0.0, "busy")
    while True:
        try:
            sum(range(100_000))
        except Exception:  # noqa: BLE001 - that is the point
            continue


def willing(job: Job, ctx: Context) -> Results:
    """Works for ever and may be stopped at any time, holding `megabytes`."""
    held = np.ones(int(job.params["megabytes"]) << 17)
    while True:
        yield Progress(0.5, f"holding {held.nbytes >> 20} MB")


def hooked(job: Job, ctx: Context) -> Results:
    """Loops inside a torch module, as `generate` does, without a yield."""
    import torch

    from earmark.engine.loaders import stop_when_cancelled

    torch.set_num_threads(1)
    layer = torch.nn.Linear(4, 4)
    stop_when_cancelled(layer)
    yield Progress(0.0, "generating")
    while True:
        layer(torch.zeros(1, 4))


def surroundings(job: Job, ctx: Context) -> Results:
    """Tells what the engine process is like."""
    names = (
        "HF_HUB_OFFLINE",
        "DISABLE_SAFETENSORS_CONVERSION",
        "HF_HUB_DISABLE_TELEMETRY",
    )
    told = {name: os.environ.get(name) for name in names}
    told["nice"] = os.nice(0)
    told["heavy"] = sorted({"torch", "transformers", "PySide6"} & sys.modules.keys())
    yield Text("surroundings", "", told)


def piped(job: Job, ctx: Context) -> Results:
    """Runs the pipeline of a speech model on the audio, for ever if told to hang."""
    import torch

    torch.set_num_threads(1)
    pipe = ctx.pipeline("automatic-speech-recognition")
    again = ctx.pipeline("automatic-speech-recognition")
    yield Text("kept", str(pipe is again))
    heard = pipe(ctx.audio(16000))["text"]
    yield Progress(0.5, "heard")
    while job.params["fault"] == "hang":
        pipe(ctx.audio(16000))
    yield Text("transcript", heard)


def chatty(job: Job, ctx: Context) -> Results:
    """Prints where the protocol would be, and reads where the host speaks."""
    sys.stdout.write('{"type": "Done"}\n')
    sys.stdout.flush()
    os.write(1, b"raw bytes\n")
    assert not sys.stdin.read()
    yield Text("said", "all well")


def greedy(job: Job, ctx: Context) -> Results:
    """Runs out of memory unless it is asked to be small."""
    if not ctx.small:
        yield ctx.label(0, 1, "first", kind="segments")
        yield ctx.label(1, 2, "lost", kind="words")
        ctx.use("cuda:0", "float16")
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
    yield ctx.label(0, 1, f"second on {ctx.device}", kind="segments")


def loader(job: Job, ctx: Context) -> Results:
    """Says whether its model came from the cache."""
    made = []

    def load() -> bytearray:
        made.append(True)
        return bytearray(b"\1" * (int(job.params["megabytes"]) << 20))

    ctx.cached("weights", load)
    ctx.use("cpu", "int8")
    yield Text("loaded", "anew" if made else "from the cache")


def tone(job: Job, ctx: Context) -> Results:
    """Gives a stereo tone of one second, as loud as `peak`."""
    t = np.arange(8000) / 8000
    wave = float(job.params["peak"]) * np.sin(2 * np.pi * 440 * t)
    yield ctx.write_audio(np.stack([wave, wave], 1), 8000, "A / tone", {"snr": 3.0})
    pass_gate(job)


def nothing(job: Job, ctx: Context) -> Results:
    """Finds nothing."""
    ctx.audio(16000)
    yield Progress(1.0)


def rubbish(job: Job, ctx: Context) -> Results:
    """Yields what is no result."""
    yield {"text": "a dict"}  # type: ignore[misc]  # on purpose


def unstorable(job: Job, ctx: Context) -> Results:
    """Yields a text whose data is not plain."""
    yield Text("detail", "", {"model": object()})


def empty_audio(job: Job, ctx: Context) -> Results:
    """Gives audio without samples."""
    yield ctx.write_audio(np.zeros(0), 8000, "nothing")


def alone(job: Job, ctx: Context) -> Results:
    """Hears one input by itself, and does what its name says."""
    assert job.input is not None
    do_as_named(job.input.name, "alone")
    yield ctx.label(0, ctx.duration_s, f"{job.input.name} alone", tier="heard")


def together(
    contexts: Sequence[Context],
) -> Iterator[tuple[Context, Sequence[Prediction] | EarmarkError]]:
    """Hears inputs together, the last one first, and does what their names say."""
    gate = Path(str(contexts[0].job.params["gate"]))
    if gate.is_fifo():  # it is passed once, also if those that are left begin anew
        pass_gate(contexts[0].job)
        gate.unlink()
    for ctx, audio in reversed(list(audio_of(contexts, 8000))):
        if isinstance(audio, EarmarkError):
            yield ctx, audio
            continue
        assert ctx.job.input is not None
        name = ctx.job.input.name
        do_as_named(name, "together")
        ctx.check()
        while name == "endless":
            ctx.check()
        text = f"{name} among {len(contexts)}, {len(audio)} samples"
        yield ctx, [ctx.label(0, ctx.duration_s, text, tier="heard")]


def do_as_named(name: str, how: str) -> None:
    """Fail as the name of an input says, if it says so of this way to run."""
    fault, _, when = name.partition(" ")
    if when in (how, "always"):
        fail(fault)


def no_generator(job: Job, ctx: Context) -> Results:
    """Gives a list instead of yielding."""
    return [Text("a", "b")]  # type: ignore[return-value]  # on purpose
