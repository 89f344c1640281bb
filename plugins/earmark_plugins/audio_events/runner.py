"""Labels the sounds that are heard."""

from earmark.api import Context, EventParams, Hearing, runners
from earmark_plugins.sounds.events import load_events


def _prepare(ctx: Context, params: EventParams) -> Hearing:
    return Hearing(load_events(ctx), params, tier="events")


run, run_many = runners(EventParams, _prepare)
