"""Tells speech, music, other sounds and silence apart."""

from earmark.api import Context, Hearing, runners
from earmark_plugins.audio_content import AudioContent
from earmark_plugins.sounds.content import load_content


def _prepare(ctx: Context, params: AudioContent) -> Hearing:
    classifier = load_content(ctx, params.threshold, params.silence_db)
    return Hearing(classifier, params, tier="content", silence="silence")


run, run_many = runners(AudioContent, _prepare)
