"""The picture of the shown clip and what stands around it, kept up with the session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any, Literal

from PySide6.QtCore import QRect, QSignalBlocker, Qt, QTimer
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QScrollBar, QWidget

from earmark.audio.peaks import PeaksStore
from earmark.audio.spectrogram import SpectrogramSettings
from earmark.core.errors import EarmarkError
from earmark.core.project import Change
from earmark.ui.editing import Editing
from earmark.ui.editor.clip_audio import ClipAudio
from earmark.ui.editor.label_edits import set_text
from earmark.ui.editor.layout import GUTTER_PX, ROW_PX, TRACK_PADDING_PX, Shares
from earmark.ui.editor.overview import Overview
from earmark.ui.editor.presets import nearest_window
from earmark.ui.editor.spectrogram_panel import SpectrogramPanel
from earmark.ui.editor.stage import TrackView
from earmark.ui.editor.surface import Surface
from earmark.ui.editor.text_edit import LabelText
from earmark.ui.editor.timeline import TimeFormat, TimeView
from earmark.ui.session import Session
from earmark.ui.theme import Palette
from earmark.ui.widgets import tool_button

FollowMode = Literal["page", "centre", "off"]

_ZOOM_STEP = 2.0
_NORMAL_PX_PER_S = 100
_PROGRESS_MS = 60
_KEEP_VIEW_MS = 800
_LONGEST_BAR = 1 << 30
_FEW_ROWS = 1024
_USUAL_RATE = 44_100
"""The rate that the program's spectrogram settings are meant for."""


class Plot(QWidget):
    """Canvas, overview and scroll bars for `session.clip`.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.follow: FollowMode = "page"
        self._session = session
        self._editing = Editing(session)
        self._peaks = PeaksStore(session.sources)
        self._audio: ClipAudio | None = None
        self._progress: tuple[int, ...] = ()
        self._frame = 0
        self._panel: SpectrogramPanel | None = None
        self.surface = Surface(session, self)
        self.overview = Overview(self.surface.stage, self)
        self.text = LabelText(self.surface.viewport())
        self._bar = QScrollBar(Qt.Orientation.Horizontal, self)
        self._bar.setAccessibleName("Time")
        self._track_bar = QScrollBar(Qt.Orientation.Vertical, self.surface.viewport())
        self._track_bar.setAccessibleName("Label tracks")
        self._arrange()
        self._fill_timer = self._timer(_PROGRESS_MS, self._take_progress)
        self._keep_timer = self._timer(_KEEP_VIEW_MS, self.keep_view)
        self._keep_timer.setSingleShot(True)
        self._connect()

    @property
    def filling(self) -> bool:
        """Whether more of the waveform is still to come."""
        return self._fill_timer.isActive()

    def close_threads(self) -> None:
        """Stop what works in the background."""
        self._fill_timer.stop()
        self._keep_timer.stop()
        self.surface.close_threads()
        self._peaks.close()

    def open_project(self) -> None:
        """Take over another project."""
        self._peaks.close()
        self._peaks = PeaksStore(self._session.sources)
        self._restore_settings()

    def show_clip(self) -> None:
        """Show the session's clip as it was last seen."""
        # What was typed is not lost to what comes into sight meanwhile.
        self.text.keep()
        session, surface = self._session, self.surface
        self._load_audio()
        self._restore_spectrogram()
        surface.scroll = 0
        surface.show_tracks([])
        surface.show_audio(self._audio)
        self._load_vocabulary()
        self._load_tracks()
        surface.stage.selected = session.selected_labels
        if session.clip is not None:
            kept = session.project.view(f"clip:{session.clip.id}") or {}
            view = surface.stage.view
            if kept.get("frames_per_px"):
                view = view.zoomed_to(float(kept["frames_per_px"]), 0.0)
                surface.set_view(view.scrolled_to(int(kept.get("first", 0))))
        self._show_view()
        if self._panel is not None and session.clip is not None:
            self._panel.set_clip(session.clip.rate, session.clip.channels)

    def take_change(self, change: Change) -> None:
        """Draw anew what an edit, an undo or a redo has touched."""
        self._close_text_of_removed()
        clip, rows = self._session.clip, change.rows
        if clip is None or self._audio is None:
            return
        if clip.spans != self._audio.clip.spans or rows.get("sources"):
            self._load_audio()
            self.surface.show_audio(self._audio, keep_view=True)
            self._show_view()
        if rows.get("vocabulary"):
            self._load_vocabulary()
        if rows.get("tracks"):
            self._load_tracks(change)
        else:
            self._refresh_tracks(change)
        self.surface.redraw_labels()
        self.overview.redraw()

    def set_palette(self, palette: Palette) -> None:
        """Draw in other colours."""
        self.surface.set_palette(palette)
        self.overview.redraw()

    def show_selection(self) -> None:
        """Draw the session's selection."""
        self.surface.show_selection(self._session.selection)

    def show_playhead(self, frame: int) -> None:
        """Move the playhead, and follow it if it leaves the view."""
        view = self.surface.stage.view
        was_seen = 0 <= view.x_of(self._frame) <= view.width
        self._frame = frame
        self.surface.show_playhead(frame)
        self.overview.show_playhead(frame)
        if self.surface.gestures.active or not was_seen:
            return
        if not self._session.player.playing:
            self.surface.set_view(view.revealing(frame, frame))
        elif self.follow == "centre":
            self.surface.set_view(view.centred_on(frame))
        elif self.follow == "page":
            self.surface.set_view(view.paged_to(frame))

    def show_selected_labels(self) -> None:
        """Mark the selected labels."""
        self.surface.stage.selected = self._session.selected_labels
        self.surface.redraw_labels()

    def show_active_track(self) -> None:
        """Mark the track that new labels go to."""
        self.surface.stage.active_track = self._session.active_track
        self.surface.labels.update()
        self.overview.redraw()

    def reveal(self, start: int, stop: int) -> None:
        """Bring frames into sight."""
        self.surface.set_view(self.surface.stage.view.revealing(start, stop))
        self._reveal_active_track()

    def zoom(self, factor: float) -> None:
        """Zoom in by a factor around the playhead, or the middle if it is not seen."""
        view = self.surface.stage.view
        x = view.x_of(self._frame)
        if not 0 <= x <= view.width:
            x = view.width / 2
        self.surface.set_view(view.zoomed_to(view.frames_per_px / factor, x))

    def zoom_normal(self) -> None:
        """Show ten seconds in a thousand pixels."""
        stage = self.surface.stage
        self.zoom(stage.view.frames_per_px / (stage.rate / _NORMAL_PX_PER_S))

    def fit(self, start: int, stop: int, *, margin: float = 0.0) -> None:
        """Show a range from edge to edge."""
        self.surface.set_view(
            self.surface.stage.view.fitted(start, stop, margin=margin)
        )

    def edit_label(self, label: int) -> None:
        """Open the text of a label where it stands."""
        stored = self._session.project.label(label)
        if stored is None or self._session.project.read_only:
            return
        self._session.set_active_track(stored.track)
        self._session.select_labels([label])
        place = self._label_place(label)
        if place is not None:
            self.text.open(label, stored.text, place)

    def set_spectrogram(self, settings: SpectrogramSettings) -> None:
        """Draw the spectrogram in another way, in this project from now on."""
        self.surface.set_spectrogram(settings)
        self._session.project.set_view("spectrogram", asdict(settings))

    def show_spectrogram_panel(self) -> None:
        """Open the settings of the spectrogram."""
        if self._panel is None:
            stage = self.surface.stage
            settings = self.surface.spectrogram.settings
            self._panel = SpectrogramPanel(settings, stage.rate, stage.channels, self)
            self._panel.changed.connect(self.set_spectrogram)
        self._panel.show()
        self._panel.raise_()

    def set_shares(self, shares: Shares) -> None:
        """Show or hide the waveform and the spectrogram."""
        self.surface.set_shares(shares)
        self._keep_timer.start()

    def set_time_format(self, time_format: TimeFormat) -> None:
        """Write times in minutes and seconds, or count frames."""
        self.surface.set_time_format(time_format)
        self._keep_timer.start()

    def keep_view(self) -> None:
        """Store what is seen, so that it is seen again next time."""
        session, stage = self._session, self.surface.stage
        if session.project.closed:
            return
        session.project.set_view(
            "editor",
            {
                **asdict(stage.shares),
                "time_format": stage.time_format,
                "amplitude_scale": self.surface.waveform.amplitude_scale,
                "follow": self.follow,
            },
        )
        if stage.clip is not None:
            view = stage.view
            key = f"clip:{stage.clip.id}"
            place = {"first": view.first, "frames_per_px": view.frames_per_px}
            session.project.set_view(key, place)

    def _arrange(self) -> None:
        corner = QWidget(self)
        corner.setFixedWidth(GUTTER_PX)
        buttons = QHBoxLayout(corner)
        buttons.setContentsMargins(2, 0, 2, 0)
        buttons.setSpacing(0)
        for glyph, text, act in (
            ("ph.minus", "Zoom out", lambda: self.zoom(1 / _ZOOM_STEP)),
            ("ph.plus", "Zoom in", lambda: self.zoom(_ZOOM_STEP)),
            ("ph.sliders-horizontal", "Spectrogram settings",
             self.show_spectrogram_panel),
        ):  # fmt: skip
            button = tool_button(glyph, text, corner)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda _=False, act=act: act())
            buttons.addWidget(button)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(0)
        grid.addWidget(self.surface, 0, 0, 1, 2)
        grid.addWidget(corner, 1, 0, 2, 1)
        grid.addWidget(self.overview, 1, 1)
        grid.addWidget(self._bar, 2, 1)
        grid.setRowStretch(0, 1)

    def _connect(self) -> None:
        self.surface.view_changed.connect(self._show_view)
        self.surface.layout_changed.connect(self._show_layout)
        self.surface.text_requested.connect(self.edit_label)
        self.surface.step_requested.connect(self._editing.step_label)
        self.overview.range_chosen.connect(self._show_range)
        self._bar.valueChanged.connect(self._scroll)
        self._track_bar.valueChanged.connect(self._scroll_tracks)
        self.text.kept.connect(self._keep_text)

    def _timer(self, interval_ms: int, act: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(interval_ms)
        timer.timeout.connect(act)
        return timer

    def _restore_settings(self) -> None:
        project, surface = self._session.project, self.surface
        self._restore_spectrogram()
        view: dict[str, Any] = project.view("editor") or {}
        shares = Shares()
        known = {name: view[name] for name in asdict(shares) if name in view}
        surface.set_shares(replace(shares, **known))
        if view.get("time_format") in ("time", "samples"):
            surface.set_time_format(view["time_format"])
        if view.get("amplitude_scale") in ("linear", "db"):
            surface.set_amplitude(scale=view["amplitude_scale"])
        if view.get("follow") in ("page", "centre", "off"):
            self.follow = view["follow"]

    def _restore_spectrogram(self) -> None:
        """Take over the project's settings, or those of the program."""
        session = self._session
        kept = session.project.view("spectrogram")
        if kept is not None:
            settings = SpectrogramSettings.from_values(kept)
        else:
            settings = SpectrogramSettings.from_values(
                session.store.settings.spectrogram.model_dump()
            )
            if session.clip is not None:
                # The same length in time, whatever the rate.
                window = nearest_window(
                    settings.window / _USUAL_RATE, session.clip.rate
                )
                # A short window has few rows: low frequencies would be drawn in steps.
                padding = 2 if window < _FEW_ROWS else settings.padding
                settings = replace(settings, window=window, padding=padding)
        if settings != self.surface.spectrogram.settings:
            self.surface.set_spectrogram(settings)
            if self._panel is not None:
                self._panel.show_settings(settings)

    def _load_audio(self) -> None:
        session = self._session
        clip = session.clip
        self._audio = (
            ClipAudio(clip, session.project, session.sources, self._peaks)
            if clip is not None
            else None
        )
        self._progress = ()
        self.overview.show_audio(self._audio)
        if self._audio is not None and not self._audio.done:
            self._fill_timer.start()

    def _take_progress(self) -> None:
        """Show what was decoded and summarised since the last look."""
        audio = self._audio
        if audio is None or audio.done:
            self._fill_timer.stop()
        if audio is not None and (audio.progress != self._progress or audio.done):
            self._progress = audio.progress
            self.surface.waveform.tiles.clear()
            self.surface.spectrogram.take_ready()
            self.surface.redraw()
            self.overview.redraw()

    def _load_vocabulary(self) -> None:
        self.surface.stage.set_vocabulary(self._session.project.vocabulary())

    def _load_tracks(self, change: Change | None = None) -> None:
        """Take over added, removed, renamed or moved tracks."""
        session, stage = self._session, self.surface.stage
        shown = {view.track.id: view for view in stage.tracks} if change else {}
        tracks = []
        for track in session.project.tracks(session.clip.id) if session.clip else ():
            view = shown.get(track.id)
            if view is None:
                view = TrackView(session.project, track)
            elif change is not None:
                view.track = track
                view.refresh(change.rows["labels"])
            tracks.append(view)
        stage.active_track = session.active_track
        self.surface.show_tracks(tracks)

    def _refresh_tracks(self, change: Change) -> None:
        touched = change.rows["labels"]
        # Each must take the change over; `any` would stop at the first.
        moved = [
            view.refresh(touched)
            for view in self.surface.stage.tracks
            if view.track.id in change.tracks
        ]
        if any(moved):
            self.surface.show_tracks(self.surface.stage.tracks)

    def _label_place(self, label: int) -> QRect | None:
        """Where a label is drawn in the canvas."""
        stage = self.surface.stage
        for view, lane in zip(stage.tracks, stage.layout.tracks, strict=True):
            place = view.index.place(label)
            if place is not None:
                arrays = view.index.arrays
                left = GUTTER_PX + stage.view.x_of(int(arrays.starts[place]))
                right = GUTTER_PX + stage.view.x_of(int(arrays.stops[place]))
                left = max(float(GUTTER_PX), left)
                row = int(view.index.rows[place])
                top = lane.top + TRACK_PADDING_PX + row * ROW_PX
                width = round(min(right, stage.layout.width) - left)
                return QRect(round(left), top, width, ROW_PX - TRACK_PADDING_PX)
        return None

    def _keep_text(self, label: int, text: str, step: int) -> None:
        session = self._session
        stored = session.project.label(label)
        if stored is None:
            return
        if text != stored.text:
            try:
                set_text(session.project, label, text)
            except EarmarkError as error:
                session.error.emit(error)
                return
        if step:
            session.select_labels([label], reveal=False)
            self._editing.step_label(step)
            (chosen,) = session.selected_labels
            if chosen != label:
                self.edit_label(chosen)

    def _close_text_of_removed(self) -> None:
        label = self.text.label
        if label is not None and self._session.project.label(label) is None:
            self.text.discard()

    def _show_range(self, start: int, stop: int) -> None:
        view = self.surface.stage.view
        if stop - start == view.stop - view.start:
            first = round(start / view.frames_per_px)
            self.surface.set_view(view.scrolled_to(first))
        else:
            self.surface.set_view(view.fitted(start, stop))

    def _reveal_active_track(self) -> None:
        layout = self.surface.stage.layout
        for view, lane in zip(self.surface.stage.tracks, layout.tracks, strict=True):
            if view.track.id == self._session.active_track:
                over = max(0, lane.bottom - layout.labels.bottom)
                under = min(0, lane.top - layout.labels.top)
                self.surface.scroll_tracks(under or over)

    def _show_view(self) -> None:
        view = self.surface.stage.view
        step = _bar_step(view)
        with QSignalBlocker(self._bar):
            self._bar.setPageStep(max(1, view.width // step))
            self._bar.setSingleStep(max(1, view.width // 10 // step))
            self._bar.setRange(0, max(0, view.columns - view.width) // step)
            self._bar.setValue(view.first // step)
        self.overview.update()
        if self.text.label is not None:
            place = self._label_place(self.text.label)
            if place is not None:
                self.text.follow(place)
        self._keep_timer.start()

    def _show_layout(self) -> None:
        layout = self.surface.stage.layout
        hidden = max(0, layout.content - layout.labels.height)
        width = self._track_bar.sizeHint().width()
        with QSignalBlocker(self._track_bar):
            self._track_bar.setRange(0, hidden)
            self._track_bar.setPageStep(max(1, layout.labels.height))
            self._track_bar.setSingleStep(ROW_PX)
            self._track_bar.setValue(self.surface.scroll)
        self._track_bar.setVisible(hidden > 0)
        self._track_bar.setGeometry(
            layout.width - width, layout.labels.top, width, layout.labels.height
        )
        self._keep_timer.start()

    def _scroll(self, value: int) -> None:
        view = self.surface.stage.view
        self.surface.set_view(view.scrolled_to(value * _bar_step(view)))

    def _scroll_tracks(self, value: int) -> None:
        self.surface.scroll_tracks(value - self.surface.scroll)


def _bar_step(view: TimeView) -> int:
    """Columns in a step of the scroll bar, which counts with 32 bits."""
    return view.columns // _LONGEST_BAR + 1
