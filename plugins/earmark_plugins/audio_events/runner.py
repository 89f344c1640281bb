"""Labels the sounds that are heard."""

from earmark.api import Context, Hearing, runners
from earmark_plugins.audio_events import AudioEvents
from earmark_plugins.audio_events.classes import only, thresholds
from earmark_plugins.audio_events.models import load


def _prepare(ctx: Context) -> Hearing:
    params = AudioEvents(**ctx.job.params)
    classifier = only(load(ctx), params.classes)
    own = thresholds(classifier.names, params.thresholds)
    return Hearing(classifier=classifier, params=params, tier="events", thresholds=own)


run, run_many = runners(_prepare)
