"""A quick plugin that keeps count of what it ran, and can be held up at a file.

It is installed beside Earmark for the tests of runs over many files. The folder
`EARMARK_TALLY` holds `done`, with the name of each input that was heard whole, one a
line, and may hold a named pipe `gate NAME`: who comes to that input writes to the pipe
and waits there for ever.
"""

import os
from pathlib import Path

from earmark.api import EarmarkError, Params, Task, audio_of, hookimpl


class Nothing(Params):
    pass


@hookimpl
def register_tasks():
    shared = {
        "group": "understand",
        "input": "audio",
        "params": Nothing,
        "runner": "tally:run",
    }
    return [
        Task("tally", "Tally", "Count, one by one.", **shared),
        Task("tally-many", "Tally", "Count together.", **shared, many="tally:many"),
        Task("tally-voices", "Tally", "Compare.", **shared, examples="Voices"),
    ]


def run(job, ctx):
    yield from heard(ctx, ctx.audio(8000))


def many(contexts):
    for ctx, samples in audio_of(contexts, 8000):
        failed = isinstance(samples, EarmarkError)
        yield ctx, samples if failed else list(heard(ctx, samples))


def heard(ctx, samples):
    folder = Path(os.environ["EARMARK_TALLY"])
    name = ctx.job.input.name
    gate = folder / f"gate {name}"
    if gate.exists():
        with gate.open("w") as pipe:
            pipe.write("here")
        while True:
            gate.read_bytes()
    with (folder / "done").open("a") as file:
        file.write(f"{name}\n")
    voices = "".join(f" {voice}:{len(sound)}" for voice, sound in ctx.examples(8000))
    yield ctx.label(0, None, f"{len(samples)} heard{voices}", tier="tally")
