"""The canvas with its mouse, wheel, pinch and keys."""

from __future__ import annotations

import sys
from typing import Any

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QGestureEvent, QPinchGesture, QToolTip, QWidget

from earmark.core.errors import EarmarkError
from earmark.ui.editor.canvas import Canvas
from earmark.ui.editor.drags import Pointer
from earmark.ui.editor.gestures import Gestures
from earmark.ui.editor.label_edits import made_by, origin
from earmark.ui.editor.layout import GUTTER_PX
from earmark.ui.editor.timeline import format_time
from earmark.ui.session import Session
from earmark.ui.wording import count

_NOTCH = 120
_ZOOM_PER_NOTCH = 1.25
_SCROLL_PER_NOTCH = 0.12
_AUTO_SCROLL_MS = 16


class Surface(Canvas):
    """The part of the editor that the mouse works on.

    Parameters
    ----------
    session : Session
    """

    hovered = Signal(object, object, object)
    """The frame, the frequency in Hz and the level in dB under the mouse, or None."""
    text_requested = Signal(int)
    """The text of a label is to be edited."""
    step_requested = Signal(int)
    """The next label, 1, or the previous, -1, is to be selected."""
    menu_requested = Signal(QPoint)
    """A context menu is to open at a place of the screen."""
    track_menu_requested = Signal(QPoint)
    """So is the menu of the label track that is now the active one."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._pointer = Pointer(0, 0)
        self.gestures = Gestures(self, session, self.text_requested.emit)
        # Files are dropped on the window.
        self.setAcceptDrops(False)
        self.viewport().setAcceptDrops(False)
        self.viewport().setAccessibleName("Waveform, spectrogram and labels")
        # A touchpad of a Mac pinches by native gestures; both would zoom twice.
        if sys.platform != "darwin":
            self.viewport().grabGesture(Qt.GestureType.PinchGesture)
        self._auto_scroll = QTimer(self)
        self._auto_scroll.setInterval(_AUTO_SCROLL_MS)
        self._auto_scroll.timeout.connect(self._scroll_while_dragging)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a gesture."""
        event.accept()
        self._pointer = _pointer(event)
        if event.button() is Qt.MouseButton.RightButton:
            self._request_menu(self._pointer, event.globalPosition().toPoint())
            return
        self.gestures.press(self._pointer, event.button())
        if event.button() is Qt.MouseButton.MiddleButton:
            self.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with a gesture, or tell what is under the mouse."""
        event.accept()
        self._pointer = at = _pointer(event)
        if self.gestures.active:
            self.gestures.move(at)
            outside = at.x < GUTTER_PX or at.x > self.stage.layout.width
            if outside and not self._auto_scroll.isActive():
                self._auto_scroll.start()
        else:
            self.viewport().setCursor(self.gestures.cursor(at))
        self._tell(at)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End a gesture."""
        event.accept()
        self._auto_scroll.stop()
        try:
            self.gestures.release(_pointer(event))
        except EarmarkError as error:
            self._session.error.emit(error)
        self.viewport().setCursor(self.gestures.cursor(_pointer(event)))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Select the range of a label."""
        event.accept()
        if event.button() is Qt.MouseButton.LeftButton:
            self.gestures.abort()
            self.gestures.double_click(_pointer(event))

    def leaveEvent(self, event: QEvent) -> None:
        """Tell that nothing is under the mouse."""
        super().leaveEvent(event)
        self.hovered.emit(None, None, None)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll; zoom with Ctrl, the waveform's height with Alt."""
        event.accept()
        if self.stage.clip is None:
            return
        keys, at = event.modifiers(), event.position()
        angle, pixels = event.angleDelta(), event.pixelDelta()
        # Qt turns the wheel sideways while Alt is held.
        turned = angle.y() or angle.x()
        if keys & Qt.KeyboardModifier.ControlModifier:
            self.zoom_at(_ZOOM_PER_NOTCH ** (turned / _NOTCH), at.x() - GUTTER_PX)
        elif keys & Qt.KeyboardModifier.AltModifier:
            zoom = self.stage.amplitude_zoom * _ZOOM_PER_NOTCH ** (turned / _NOTCH)
            self.set_amplitude(zoom=zoom)
        else:
            self._scroll(QPointF(pixels), QPointF(angle), at, keys)

    def viewportEvent(self, event: QEvent) -> bool:
        """Pinch, and tool tips."""
        kind = event.type()
        if kind is QEvent.Type.NativeGesture and isinstance(event, QNativeGestureEvent):
            if event.gestureType() is Qt.NativeGestureType.ZoomNativeGesture:
                x = event.position().x() - GUTTER_PX
                self.zoom_at(max(0.1, 1 + event.value()), x)
                return True
        elif kind is QEvent.Type.Gesture and isinstance(event, QGestureEvent):
            pinch = event.gesture(Qt.GestureType.PinchGesture)
            if isinstance(pinch, QPinchGesture):
                # The first finger has begun a gesture of the mouse.
                self.gestures.abort()
                at = self.viewport().mapFromGlobal(pinch.centerPoint())
                self.zoom_at(max(0.1, pinch.scaleFactor()), at.x() - GUTTER_PX)
                return True
        elif kind is QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            self._show_tip(event)
            return True
        return bool(super().viewportEvent(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter edits a label's text, Escape gives up; the rest is for the window."""
        chosen = self._session.selected_labels
        if event.key() == Qt.Key.Key_Escape:
            if not self.gestures.abort():
                self._session.select_labels([])
                self._session.select(None)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and chosen:
            self.text_requested.emit(min(chosen))
        else:
            event.ignore()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Leave it to the window."""
        event.ignore()

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Go to another label with Tab; leave the editor after the last one."""
        before = self._session.selected_labels
        if before:
            self.step_requested.emit(1 if forward else -1)
            if self._session.selected_labels != before:
                return True
        return bool(super().focusNextPrevChild(forward))

    def zoom_at(self, factor: float, x: float) -> None:
        """Zoom in by a factor; the frame at `x` pixels of the time axis stays there."""
        view = self.stage.view
        x = min(max(0.0, x), float(view.width))
        self.set_view(view.zoomed_to(view.frames_per_px / factor, x))

    def scroll_by(self, columns: int) -> None:
        """Scroll along the time axis."""
        view = self.stage.view
        self.set_view(view.scrolled_to(view.first + columns))

    def _scroll(
        self,
        pixels: QPointF,
        angle: QPointF,
        at: QPointF,
        keys: Qt.KeyboardModifier,
    ) -> None:
        layout = self.stage.layout
        step = self.stage.view.width * _SCROLL_PER_NOTCH / _NOTCH
        sideways = pixels.x() if not pixels.isNull() else angle.x() * step
        upright = pixels.y() if not pixels.isNull() else angle.y() * step
        shift = bool(keys & Qt.KeyboardModifier.ShiftModifier)
        if (
            not shift
            and layout.labels.holds(at.y())
            and layout.content > layout.labels.height
        ):
            self.scroll_tracks(-round(pixels.y() or angle.y() / 3))
            upright = 0.0
        moved = round(-(sideways + upright))
        if moved:
            self.scroll_by(moved)

    def _scroll_while_dragging(self) -> None:
        at, layout = self._pointer, self.stage.layout
        over = min(0.0, at.x - GUTTER_PX) + max(0.0, at.x - layout.width)
        if not over or not self.gestures.active:
            self._auto_scroll.stop()
            return
        view = self.stage.view
        self.set_view(view.scrolled_to(view.first + round(over / 3)))
        self.gestures.move(at)

    def _tell(self, at: Pointer) -> None:
        stage = self.stage
        if stage.clip is None or at.x < GUTTER_PX:
            self.hovered.emit(None, None, None)
            return
        frame = stage.view.frame_at(at.x - GUTTER_PX)
        if stage.layout.spectrogram.holds(at.y):
            hz = self.gestures.hz(at)
            self.hovered.emit(frame, hz, self.spectrogram.level_at(frame, hz))
        else:
            self.hovered.emit(frame, None, None)

    def _request_menu(self, at: Pointer, place: QPoint) -> None:
        """Select what a menu will be about, and ask for it."""
        track = self.stage.layout.track_at(at.y)
        if track is not None and at.x < GUTTER_PX:
            self._session.set_active_track(self.stage.tracks[track].track.id)
            self.track_menu_requested.emit(place)
            return
        hit = self.gestures.label_hit(at)
        if hit is not None and hit.label.id not in self._session.selected_labels:
            self._session.set_active_track(hit.label.track)
            self._session.select_labels([hit.label.id], reveal=False)
        self.menu_requested.emit(place)

    def _show_tip(self, event: QHelpEvent) -> None:
        at = Pointer(event.pos().x(), event.pos().y())
        stage = self.stage
        hit = self.gestures.label_hit(at) if stage.clip else None
        track = stage.layout.track_at(at.y)
        if hit is not None:
            label = hit.label
            lines = [label.text or "(no text)"]
            times = [format_time(n, stage.rate) for n in (label.start, label.stop)]
            lines.append(" - ".join(dict.fromkeys(times)))
            if label.low_hz is not None or label.high_hz is not None:
                high = stage.rate / 2 if label.high_hz is None else label.high_hz
                lines.append(f"{label.low_hz or 0:.0f} - {high:.0f} Hz")
            if label.speaker:
                lines.append(f"Speaker: {label.speaker}")
            if label.score is not None:
                lines.append(f"Score: {label.score:.3g}")
            lines.append(origin(self._session.project, label))
            text = "\n".join(lines)
        elif track is not None and at.x < GUTTER_PX:
            shown = stage.tracks[track]
            lines = [f"{shown.track.name}: {count(len(shown.index), 'label')}"]
            lines += made_by(self._session.project, shown.track)
            text = "\n".join(lines)
        else:
            text = ""
        QToolTip.showText(event.globalPos(), text, self.viewport())


def _pointer(event: QMouseEvent) -> Pointer:
    at, keys = event.position(), event.modifiers()
    held: dict[str, Any] = {
        "shift": bool(keys & Qt.KeyboardModifier.ShiftModifier),
        "ctrl": bool(keys & Qt.KeyboardModifier.ControlModifier),
        "alt": bool(keys & Qt.KeyboardModifier.AltModifier),
    }
    return Pointer(at.x(), at.y(), **held)
