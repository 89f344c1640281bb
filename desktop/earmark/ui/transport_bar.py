"""The tool bar that plays: buttons, time, level and loudness."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QSizePolicy,
    QSlider,
    QToolBar,
    QWidget,
)

from earmark.ui.appearance import current_palette
from earmark.ui.commands import Commands
from earmark.ui.docks import spacer
from earmark.ui.icons import icon
from earmark.ui.session import Session
from earmark.ui.widgets import tabular, tool_button
from earmark.ui.wording import clock

_FLOOR_DB = -60.0
_HOLD_MS = 1200
_METER_MS = 33


class TransportBar(QToolBar):
    """Play, pause, stop, loop, record; where it is; how loud it is."""

    def __init__(
        self, session: Session, commands: Commands, window: QMainWindow
    ) -> None:
        super().__init__("Transport", window)
        self.setObjectName("toolbar.transport")
        self.setAccessibleName("Transport")
        self.setMovable(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.setIconSize(QSize(20, 20))
        self._session = session
        for group in (
            ("file.open",),
            ("edit.undo", "edit.redo"),
            (
                "transport.start",
                "transport.play",
                "transport.pause",
                "transport.stop",
                "transport.loop",
                "transport.record",
            ),
        ):
            for command in group:
                self.addAction(commands.action(command))
                button = self.widgetForAction(commands.action(command))
                button.setAccessibleName(commands.command(command).title.rstrip("…"))
                button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            self.addSeparator()
        self.time = QLabel(self)
        self.time.setFont(_clock_font(self.time.font()))
        self.time.setAccessibleName("Playhead")
        self.time.setAlignment(
            Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        )
        self.length = QLabel(self)
        self.length.setProperty("role", "muted")
        self.length.setAccessibleName("Length of the clip")
        self.length.setFont(tabular(self.length.font()))
        clock_box = QWidget(self)
        row = QHBoxLayout(clock_box)
        row.setContentsMargins(8, 0, 8, 0)
        row.setSpacing(8)
        row.addWidget(self.time)
        row.addWidget(self.length)
        self.addWidget(clock_box)
        self.addWidget(spacer(self))
        for command in (
            "view.zoom_out",
            "view.zoom_in",
            "view.zoom_selection",
            "view.fit",
        ):
            self.addAction(commands.action(command))
            button = self.widgetForAction(commands.action(command))
            button.setAccessibleName(commands.command(command).title)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.addSeparator()
        self.meter = LevelMeter(session, self)
        self.addWidget(self.meter)
        self._mute = tool_button("ph.speaker-high", "Mute", self)
        self._mute.setCheckable(True)
        self._mute.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._mute.toggled.connect(self._set_volume)
        self.addWidget(self._mute)
        self.volume = QSlider(Qt.Orientation.Horizontal, self)
        self.volume.setAccessibleName("Volume")
        self.volume.setRange(0, 100)
        self.volume.setValue(100)
        self.volume.setFixedWidth(88)
        self.volume.setToolTip("Volume")
        self.volume.valueChanged.connect(self._set_volume)
        self.addWidget(self.volume)
        session.playhead_moved.connect(self._show_time)
        session.clip_changed.connect(self._show_length)
        session.project_changed.connect(self._show_length)
        self._show_length()

    def _show_time(self, frame: int) -> None:
        clip = self._session.clip
        self.time.setText(clock(frame, clip.rate) if clip else "0:00.000")

    def _show_length(self, *_: object) -> None:
        clip = self._session.clip
        self._show_time(self._session.playhead)
        self.length.setText(f"/ {clock(clip.frames, clip.rate)}" if clip else "")
        widest = clock(clip.frames, clip.rate) if clip else "0:00.000"
        width = self.time.fontMetrics().horizontalAdvance(widest.replace("1", "0"))
        self.time.setMinimumWidth(width + 8)

    def _set_volume(self, *_: object) -> None:
        muted = self._mute.isChecked()
        self._mute.setIcon(icon("ph.speaker-slash" if muted else "ph.speaker-high"))
        # Loudness is felt as about the cube of the amplitude's place on a slider.
        share = self.volume.value() / 100
        self._session.player.set_volume(0.0 if muted else share**3)
        self.volume.setToolTip(f"Volume {self.volume.value()} %")


def _clock_font(font: QFont) -> QFont:
    font.setPointSizeF(font.pointSizeF() * 1.5)
    font.setWeight(QFont.Weight.Medium)
    return tabular(font)


class LevelMeter(QWidget):
    """A bar for each channel from -60 to 0 dB, with the latest peak held."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self._session = session
        self.setAccessibleName("Level")
        self.setFixedSize(136, 24)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._rms_db: tuple[float, ...] = ()
        self._held_db: list[float] = []
        self._held_ms: list[int] = []
        self._timer = QTimer(self)
        self._timer.setInterval(_METER_MS)
        self._timer.timeout.connect(self._read)
        session.playback_changed.connect(self._take_playback)
        self.setToolTip("Level in dB of full scale")

    def _take_playback(self) -> None:
        busy = self._session.player.playing or self._session.transport.recording
        if busy and not self._timer.isActive():
            self._timer.start()
        elif not busy:
            self._timer.stop()
            self._rms_db, self._held_db, self._held_ms = (), [], []
            self.update()

    def _read(self) -> None:
        levels = self._session.transport.levels()
        if len(self._held_db) != len(levels.peak_db):
            self._held_db = [_FLOOR_DB] * len(levels.peak_db)
            self._held_ms = [0] * len(levels.peak_db)
        for channel, peak_db in enumerate(levels.peak_db):
            self._held_ms[channel] += _METER_MS
            if peak_db >= self._held_db[channel] or self._held_ms[channel] > _HOLD_MS:
                self._held_db[channel], self._held_ms[channel] = peak_db, 0
        self._rms_db = levels.rms_db
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        palette = current_palette()
        painter = QPainter(self)
        rows = max(2, min(len(self._rms_db), 8)) if self._rms_db else 2
        rows = 1 if len(self._rms_db) == 1 else rows
        area = self.rect().adjusted(4, 4, -4, -4)
        height = (area.height() - 2 * (rows - 1)) // rows
        for row in range(rows):
            top = area.top() + row * (height + 2)
            bar = QRect(area.left(), top, area.width(), height)
            painter.fillRect(bar, QColor(palette.border))
            if row < len(self._rms_db):
                self._paint_level(painter, bar, row)

    def _paint_level(self, painter: QPainter, bar: QRect, row: int) -> None:
        palette = current_palette()
        zones = ((-12.0, palette.good), (-3.0, palette.warning), (0.0, palette.danger))
        left, level = _FLOOR_DB, self._rms_db[row]
        for top_db, color in zones:
            right = min(level, top_db)
            if right > left:
                x, end = _x(bar, left), _x(bar, right)
                painter.fillRect(x, bar.top(), end - x, bar.height(), QColor(color))
            left = top_db
        held = self._held_db[row]
        if held > _FLOOR_DB:
            color = palette.danger if held > -0.1 else palette.text
            painter.fillRect(
                _x(bar, held) - 1, bar.top(), 2, bar.height(), QColor(color)
            )


def _x(bar: QRect, level_db: float) -> int:
    share = (min(max(level_db, _FLOOR_DB), 0.0) - _FLOOR_DB) / -_FLOOR_DB
    return bar.left() + round(share * bar.width())
