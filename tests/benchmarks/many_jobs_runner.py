"""A runner that takes no time, imported by the engine process only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from earmark.api import Context, Job, Prediction, Text


def run(job: Job, ctx: Context) -> Iterator[Prediction | Text]:
    """A label over the first half of the audio, and what it says of all of it."""
    yield ctx.label(0, ctx.duration_s / 2, "sound")
    yield Text("events", "sound", {"scores": {"sound": 1.0}})


def run_many(
    contexts: Sequence[Context],
) -> Iterator[tuple[Context, Sequence[Prediction | Text]]]:
    """The same, of several at once."""
    for ctx in contexts:
        yield ctx, list(run(ctx.job, ctx))
