"""The editor of the shown clip."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPoint, Signal
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from earmark.core.project import Change
from earmark.ui.appearance import current_palette
from earmark.ui.session import Session
from earmark.ui.widgets import EmptyState

if TYPE_CHECKING:
    from earmark.ui.editor.plot import FollowMode, Plot
    from earmark.ui.editor.timeline import TimeFormat
    from earmark.ui.editor.waveform import AmplitudeScale

_ZOOM_STEP = 2.0
_SELECTION_MARGIN = 0.02


class Editor(QWidget):
    """Shows `session.clip`, and lets a person look, listen, select and label.

    The picture is made when the first clip is shown: until then, nothing that draws
    sound is loaded. Without a clip all methods do nothing.

    Parameters
    ----------
    session : Session
    """

    hovered = Signal(object, object, object)
    """The frame, the frequency in Hz and the level in dB under the mouse, or None."""
    menu_requested = Signal(QPoint)
    """A context menu is to open at a place of the screen."""
    track_menu_requested = Signal(QPoint)
    """So is the menu of the active label track."""
    view_changed = Signal()
    """Another part of the clip is seen."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Editor")
        self._session = session
        self._plot: Plot | None = None
        self._hint = EmptyState(
            "ph.waveform",
            "Nothing to hear yet",
            "Drop a sound file here, or press Ctrl+O to open one.",
        )
        self._pages = QStackedWidget(self)
        self._pages.addWidget(self._hint)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._pages)
        session.clip_changed.connect(self._show_clip)
        session.project_opened.connect(self._open_project)
        session.project_changed.connect(self._take_change)
        session.playhead_moved.connect(self._show_playhead)
        session.range_revealed.connect(self._reveal)
        if session.clip is not None:
            self._show_clip()

    @property
    def plot(self) -> Plot | None:
        """The picture; None before the first clip was shown."""
        return self._plot

    def shut_down(self) -> None:
        """Stop what works in the background; called before the session is closed."""
        if self._plot is not None:
            self._plot.text.keep()
            self._plot.keep_view()
            self._plot.close_threads()

    def zoom_in(self) -> None:
        """Show half as much, around the playhead."""
        if self._plot is not None:
            self._plot.zoom(_ZOOM_STEP)

    def zoom_out(self) -> None:
        """Show twice as much, around the playhead."""
        if self._plot is not None:
            self._plot.zoom(1 / _ZOOM_STEP)

    def zoom_normal(self) -> None:
        """Show a second in a hundred pixels."""
        if self._plot is not None:
            self._plot.zoom_normal()

    def zoom_to_selection(self) -> None:
        """Show the selection from edge to edge."""
        selection = self._session.selection
        if self._plot is not None and selection is not None and selection.frames:
            self._plot.fit(selection.start, selection.stop, margin=_SELECTION_MARGIN)

    def fit(self) -> None:
        """Show the whole clip."""
        if self._plot is not None and self._session.clip is not None:
            self._plot.fit(0, self._session.clip.frames)

    def scroll_to(self, frame: int) -> None:
        """Bring a frame into the middle."""
        if self._plot is not None:
            surface = self._plot.surface
            surface.set_view(surface.stage.view.centred_on(frame))

    def visible_range(self) -> tuple[int, int]:
        """The frames that are seen, half-open."""
        if self._plot is None:
            return 0, 0
        view = self._plot.surface.stage.view
        return view.start, view.stop

    def edit_label(self, label: int) -> None:
        """Open the text of a label where it stands."""
        if self._plot is not None:
            self._plot.edit_label(label)

    def zoom_amplitude(self, factor: float) -> None:
        """Draw the waveform higher by a factor; 0 draws it as it is."""
        if self._plot is not None:
            surface = self._plot.surface
            zoom = surface.stage.amplitude_zoom * factor if factor else 1.0
            surface.set_amplitude(zoom=zoom)

    def set_amplitude_scale(self, scale: AmplitudeScale) -> None:
        """Draw the waveform on a linear scale or in decibels."""
        if self._plot is not None:
            self._plot.surface.set_amplitude(scale=scale)
            self._plot.keep_view()

    def set_time_format(self, time_format: TimeFormat) -> None:
        """Write times in minutes and seconds, or count frames."""
        if self._plot is not None:
            self._plot.set_time_format(time_format)

    def set_follow(self, mode: FollowMode) -> None:
        """Turn pages while it plays, keep the playhead in the middle, or stay."""
        if self._plot is not None:
            self._plot.follow = mode
            self._plot.keep_view()

    def set_box_selection(self, box: bool) -> None:
        """Let a drag in the spectrogram select frequencies, too, or only time."""
        if self._plot is not None:
            self._plot.surface.gestures.box_selection = box

    def show_lanes(self, *, waveform: bool, spectrogram: bool) -> None:
        """Show the waveform, the spectrogram, or both."""
        if self._plot is not None:
            shares = self._plot.surface.stage.shares
            self._plot.set_shares(
                replace(shares, show_waveform=waveform, show_spectrogram=spectrogram)
            )

    def show_spectrogram_settings(self) -> None:
        """Open the settings of the spectrogram."""
        if self._plot is not None:
            self._plot.show_spectrogram_panel()

    def changeEvent(self, event: QEvent) -> None:
        """Take over another palette."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange and self._plot is not None:
            self._plot.set_palette(current_palette())

    def _show_clip(self) -> None:
        if self._session.clip is None:
            if self._plot is not None:
                self._plot.show_clip()
            self._pages.setCurrentWidget(self._hint)
            return
        plot = self._plot or self._make_plot()
        self._pages.setCurrentWidget(plot)
        plot.show_clip()

    def _make_plot(self) -> Plot:
        # It takes a third of a second to load what draws, most of it pyqtgraph.
        from earmark.ui.editor.plot import Plot

        session = self._session
        self._plot = plot = Plot(session, self)
        plot.set_palette(current_palette())
        plot.open_project()
        self._pages.addWidget(plot)
        self.setFocusProxy(plot.surface)
        session.selection_changed.connect(plot.show_selection)
        session.labels_selected.connect(plot.show_selected_labels)
        session.active_track_changed.connect(plot.show_active_track)
        session.project_closing.connect(plot.text.keep)
        plot.surface.hovered.connect(self.hovered)
        plot.surface.menu_requested.connect(self.menu_requested)
        plot.surface.track_menu_requested.connect(self.track_menu_requested)
        plot.surface.view_changed.connect(self.view_changed)
        return plot

    def _open_project(self) -> None:
        if self._plot is not None:
            self._plot.open_project()

    def _take_change(self, change: Change) -> None:
        if self._plot is not None:
            self._plot.take_change(change)

    def _show_playhead(self, frame: int) -> None:
        if self._plot is not None:
            self._plot.show_playhead(frame)

    def _reveal(self, start: int, stop: int) -> None:
        if self._plot is not None:
            self._plot.reveal(start, stop)
