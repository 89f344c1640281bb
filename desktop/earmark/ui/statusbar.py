"""The status bar: news, the selection, the output device, the network switch."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QProgressBar, QStatusBar, QWidget

from earmark.core.tasks import JobState
from earmark.engine.events import JobEvent
from earmark.ui.icons import icon
from earmark.ui.importing import Import
from earmark.ui.session import Session
from earmark.ui.widgets import button, set_role, tabular, tool_button
from earmark.ui.wording import clock, count, duration, hertz


class StatusBar(QStatusBar):
    """What goes on, at the window's foot."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self._session = session
        self._import: Import | None = None
        self.setSizeGripEnabled(False)
        self.setAccessibleName("Status")
        self.note = QLabel(self)
        self.note.setAccessibleName("Message")
        self.addWidget(self.note, 1)
        self.progress = QProgressBar(self)
        self.progress.setAccessibleName("Import progress")
        self.progress.setTextVisible(False)
        self.progress.setFixedWidth(120)
        self.stop = button("Stop", self._stop_import, self, role="link")
        self.stop.setAccessibleName("Stop importing")
        self.safe_mode = QLabel(self)
        self.safe_mode.setAccessibleName("Safe mode")
        set_role(self.safe_mode, "warning")
        if session.plugins.safe_mode:
            self.safe_mode.setText("Safe mode")
            self.safe_mode.setToolTip(
                "Earmark was started with --no-plugins: no plugin is loaded."
            )
        self.jobs = QLabel(self)
        self.jobs.setAccessibleName("Jobs")
        self.cursor_at = QLabel(self)
        self.cursor_at.setAccessibleName("Under the mouse")
        self.cursor_at.setFont(tabular(self.cursor_at.font()))
        self.selection = QLabel(self)
        self.selection.setAccessibleName("Selection")
        self.selection.setFont(tabular(self.selection.font()))
        self.format = QLabel(self)
        self.format.setAccessibleName("Format of the clip")
        self.device = QLabel(self)
        self.device.setAccessibleName("Output device")
        self.network = tool_button("ph.wifi-slash", "", self)
        self.network.setCheckable(True)
        self.network.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.network.clicked.connect(self._switch_network)
        for widget in (
            self.progress,
            self.stop,
            self.safe_mode,
            self.jobs,
            self.cursor_at,
            self.selection,
            self.format,
            self.device,
            self.network,
        ):
            self.addPermanentWidget(widget)
        self.progress.hide()
        self.stop.hide()
        session.message.connect(self.showMessage)
        session.selection_changed.connect(self._show_selection)
        session.clip_changed.connect(self._show_clip)
        session.project_changed.connect(self._show_clip)
        session.project_opened.connect(self._show_clip)
        session.settings_changed.connect(self._show_settings)
        session.job_event.connect(self._take_event)
        self._show_clip()
        self._show_settings()
        self._show_jobs()

    def show_cursor(
        self, frame: int | None, hz: float | None, db: float | None
    ) -> None:
        """Tell what is under the mouse in the editor; None is not known."""
        clip = self._session.clip
        if clip is None or frame is None:
            self.cursor_at.setText("")
            return
        parts = [clock(frame, clip.rate)]
        if hz is not None:
            parts.append(f"{hz:.0f} Hz")
        if db is not None:
            parts.append(f"{db:.0f} dB")
        self.cursor_at.setText("   ".join(parts))

    def follow(self, importing: Import) -> None:
        """Show how far an import is."""
        self._import = importing
        importing.progressed.connect(self._show_import)
        importing.finished.connect(self._end_import)
        self.progress.show()
        self.stop.show()
        self._show_import(0, importing.total)

    def _show_import(self, done: int, total: int) -> None:
        self.progress.setRange(0, max(1, total))
        self.progress.setValue(done)
        self.note.setText(f"Importing {done:,} of {count(total, 'file')}")

    def _end_import(self) -> None:
        self._import = None
        self.progress.hide()
        self.stop.hide()
        self.note.setText("")

    def _stop_import(self) -> None:
        if self._import is not None:
            self._import.cancel()

    def _show_clip(self, *_: object) -> None:
        clip = self._session.clip
        if clip is None:
            self.format.setText("")
        else:
            channels = {1: "mono", 2: "stereo"}.get(
                clip.channels, f"{clip.channels} ch"
            )
            self.format.setText(f"{clip.rate / 1000:g} kHz {channels}")
        self._show_selection()

    def _show_selection(self) -> None:
        clip, selection = self._session.clip, self._session.selection
        if clip is None or selection is None or selection.frames == 0:
            self.selection.setText("")
            return
        start, stop = (
            clock(selection.start, clip.rate),
            clock(selection.stop, clip.rate),
        )
        parts = [f"{start} \N{EN DASH} {stop}", duration(selection.frames / clip.rate)]
        if band := hertz(selection.low_hz, selection.high_hz):
            parts.append(band)
        self.selection.setText("   ".join(parts))

    def _show_settings(self) -> None:
        settings = self._session.store.settings
        self.device.setText(settings.output_device or "Default output")
        on = settings.network
        self.network.setChecked(on)
        self.network.setText("Online" if on else "Offline")
        self.network.setIcon(icon("ph.wifi-high" if on else "ph.wifi-slash"))
        self.network.setAccessibleName("Network on" if on else "Network off")
        self.network.setToolTip(
            "Earmark may look for models on the network. Click to go offline."
            if on
            else "Earmark uses no network. Click to allow model downloads."
        )

    def _take_event(self, event: JobEvent) -> None:
        if event.kind not in ("progress", "results"):
            self._show_jobs()

    def _show_jobs(self) -> None:
        states = self._session.live_jobs
        running = sum(state == JobState.RUNNING for state in states.values())
        waiting = len(states) - running
        parts = [count(running, "job") + " running"] if running else []
        parts += [f"{waiting} waiting"] if waiting else []
        self.jobs.setText(", ".join(parts))

    def _switch_network(self, on: bool) -> None:
        self._session.store.update(network=on)
