"""The commands of the Transport menu."""

from __future__ import annotations

from functools import partial

from earmark.core.plugins import Command
from earmark.ui.recorder import Recorder
from earmark.ui.session import Session

_SHORT_S = 1.0
_LONG_S = 15.0


def commands(session: Session, recorder: Recorder) -> list[Command]:
    """Play, stop, loop, record, seek."""
    player = session.player

    def shown() -> bool:
        return session.clip is not None and session.clip.frames > 0

    def playing() -> bool:
        return player.playing

    def selected() -> bool:
        return session.selection is not None and session.selection.frames > 0

    def loop() -> None:
        player.set_looping(not player.looping)

    def loop_selection() -> None:
        player.set_looping(True)
        player.play()

    def seek(seconds: float) -> None:
        if session.clip is not None:
            frames = round(seconds * session.clip.rate)
            session.set_playhead(session.playhead + frames)

    def to_end() -> None:
        if session.clip is not None:
            session.set_playhead(session.clip.frames)

    def stop_here() -> None:
        player.stop(stay=True)

    def to_start() -> None:
        session.set_playhead(0)

    def can_record() -> bool:
        return not session.project.read_only

    menu = "Transport"
    return [
        Command("transport.play", "Play / stop", player.toggle, menu, ("Space",), shown,
                checked=playing, icon="ph.play"),
        Command("transport.pause", "Pause", player.pause, menu, ("P",), playing,
                checked=lambda: player.paused, icon="ph.pause"),
        Command("transport.stop", "Stop and set cursor", stop_here,
                menu, ("X",), playing, icon="ph.stop"),
        Command("transport.loop", "Loop", loop, menu, ("L",),
                checked=lambda: player.looping, icon="ph.repeat", section=1),
        Command("transport.loop_selection", "Loop the selection", loop_selection, menu,
                ("Shift+L",), selected, section=1),
        Command("transport.record", "Record", recorder.toggle, menu, ("Shift+R",),
                can_record, checked=lambda: recorder.recording, icon="ph.record",
                section=2),
        Command("transport.start", "Go to start", to_start, menu,
                ("Home",), shown, icon="ph.skip-back", section=3),
        Command("transport.end", "Go to end", to_end, menu, ("End",), shown, section=3),
        Command("transport.back", "Seek back", partial(seek, -_SHORT_S), menu,
                ("Left",), shown, section=3),
        Command("transport.forward", "Seek forward", partial(seek, _SHORT_S), menu,
                ("Right",), shown, section=3),
        Command("transport.back_long", "Seek back, long", partial(seek, -_LONG_S), menu,
                ("Shift+Left",), shown, section=3),
        Command("transport.forward_long", "Seek forward, long", partial(seek, _LONG_S),
                menu, ("Shift+Right",), shown, section=3),
    ]  # fmt: skip
