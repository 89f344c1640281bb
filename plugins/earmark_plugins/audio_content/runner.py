"""Tells speech, music, other sounds and silence apart."""

from earmark.api import Context, Hearing, runners
from earmark_plugins.audio_content import AudioContent
from earmark_plugins.audio_content.models import load


def _prepare(ctx: Context) -> Hearing:
    params = AudioContent(**ctx.job.params)
    return Hearing(
        classifier=load(ctx, params.threshold, params.silence_db),
        params=params,
        tier="content",
        silence="silence",
        silent_db=params.silence_db,
    )


run, run_many = runners(_prepare)
