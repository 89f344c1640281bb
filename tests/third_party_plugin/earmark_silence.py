"""Finds silence: a complete plugin for Earmark."""

import numpy as np

from earmark.api import Params, Progress, Task, Text, hookimpl, param


class FindSilence(Params):
    threshold_db: float = param(
        -40.0, "Threshold", "Quieter than this is silence.", unit="dB", ge=-120, le=0
    )
    shortest_s: float = param(0.5, "Shortest", "Pauses to ignore.", unit="s", ge=0)


@hookimpl
def register_tasks():
    return [
        Task(
            id="silence",
            title="Find silence",
            summary="Label every stretch without sound.",
            group="understand",
            input="audio",
            params=FindSilence,
            runner="earmark_silence:run",
        )
    ]


def run(job, ctx):
    params = FindSilence(**job.params)
    quiet_since, found = None, 0
    for window in ctx.windows(rate=16000, window_s=0.02, hop_s=0.02, pad=False):
        power = np.mean(np.square(window.samples)) + 1e-12
        if 10 * np.log10(power) < params.threshold_db:
            quiet_since = window.start_s if quiet_since is None else quiet_since
        elif quiet_since is not None:
            if window.start_s - quiet_since >= params.shortest_s:
                found += 1
                yield ctx.label(quiet_since, window.start_s, "silence", tier="silence")
            quiet_since = None
        yield Progress(window.stop_s / ctx.duration_s)
    if quiet_since is not None and ctx.duration_s - quiet_since >= params.shortest_s:
        found += 1
        yield ctx.label(quiet_since, None, "silence", tier="silence")
    yield Text("silences", f"{found} found", {"found": found})
