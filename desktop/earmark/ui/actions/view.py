"""The commands of the View menu that belong to the editor."""

from __future__ import annotations

from functools import partial

from earmark.core.plugins import Command
from earmark.ui.editor import Editor
from earmark.ui.session import Session


def commands(session: Session, editor: Editor) -> list[Command]:
    """Zoom and scroll."""

    def shown() -> bool:
        return session.clip is not None

    def selected() -> bool:
        return session.selection is not None and session.selection.frames > 0

    def to_playhead() -> None:
        editor.scroll_to(session.playhead)

    menu = "View"
    return [
        Command("view.zoom_in", "Zoom in", editor.zoom_in, menu, ("Ctrl+1",), shown,
                icon="ph.magnifying-glass-plus"),
        Command("view.zoom_normal", "Zoom normal", editor.zoom_normal, menu,
                ("Ctrl+2",), shown),
        Command("view.zoom_out", "Zoom out", editor.zoom_out, menu, ("Ctrl+3",), shown,
                icon="ph.magnifying-glass-minus"),
        Command("view.zoom_selection", "Zoom to selection", editor.zoom_to_selection,
                menu, ("Ctrl+E",), selected, icon="ph.arrows-in-line-horizontal"),
        Command("view.fit", "Fit clip", editor.fit, menu, ("Ctrl+Shift+F",), shown,
                icon="ph.arrows-out-line-horizontal"),
        Command("view.to_playhead", "Scroll to playhead", to_playhead, menu, (), shown),
        Command("view.both", "Waveform and spectrogram",
                partial(editor.show_lanes, waveform=True, spectrogram=True),
                "View/Show", (), shown),
        Command("view.waveform", "Waveform only",
                partial(editor.show_lanes, waveform=True, spectrogram=False),
                "View/Show", (), shown),
        Command("view.spectrogram", "Spectrogram only",
                partial(editor.show_lanes, waveform=False, spectrogram=True),
                "View/Show", (), shown),
        Command("view.amplitude_up", "Waveform higher",
                partial(editor.zoom_amplitude, 1.5), "View/Amplitude", (), shown),
        Command("view.amplitude_down", "Waveform lower",
                partial(editor.zoom_amplitude, 1 / 1.5), "View/Amplitude", (), shown),
        Command("view.amplitude_normal", "Waveform as it is",
                partial(editor.zoom_amplitude, 0.0), "View/Amplitude", (), shown),
        Command("view.amplitude_linear", "Linear scale",
                partial(editor.set_amplitude_scale, "linear"), "View/Amplitude", (),
                shown, section=1),
        Command("view.amplitude_db", "Decibel scale",
                partial(editor.set_amplitude_scale, "db"), "View/Amplitude", (), shown,
                section=1),
        Command("view.follow_page", "Turn pages while it plays",
                partial(editor.set_follow, "page"), "View/Follow", (), shown),
        Command("view.follow_centre", "Keep the playhead in the middle",
                partial(editor.set_follow, "centre"), "View/Follow", (), shown),
        Command("view.follow_off", "Stay", partial(editor.set_follow, "off"),
                "View/Follow", (), shown),
        Command("view.spectrogram_settings", "Spectrogram settings…",
                editor.show_spectrogram_settings, menu, (), shown, section=1),
    ]  # fmt: skip
