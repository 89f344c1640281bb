"""Finding labels in all clips by what they say."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from earmark.core.labels import Label
from earmark.ui.session import Session
from earmark.ui.widgets import button, muted, search_field
from earmark.ui.wording import clock, count

_SHOWN = 500
_HINT = "Type a part of what the label says."


class FindLabels(QDialog):
    """A field and the labels that contain what is typed, in every clip."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self._session = session
        self.setWindowTitle("Find label")
        self.setMinimumSize(560, 420)
        self.field = search_field("Text of a label, in any clip", self)
        self.field.installEventFilter(self)
        self.found = QListWidget(self)
        self.found.setAccessibleName("Labels found")
        self.found.setUniformItemSizes(True)
        self.counted = muted(_HINT, self)
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(120)
        self._wait.timeout.connect(self.search)
        self.field.textChanged.connect(lambda _: self._wait.start())
        self.found.itemActivated.connect(lambda _: self.go())
        row = QHBoxLayout()
        row.addWidget(self.counted, 1)
        row.addWidget(button("Close", self.reject, self))
        self._go = button("Go to label", self.go, self, role="primary")
        self._go.setEnabled(False)
        row.addWidget(self._go)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addWidget(self.field)
        layout.addWidget(self.found, 1)
        layout.addLayout(row)

    def search(self) -> None:
        """List the labels that contain the text."""
        self.found.clear()
        text = self.field.text().strip()
        project = self._session.project
        labels = project.find_labels(text) if text else []
        clip_of = (
            {
                track.id: clip
                for clip in project.clips()
                for track in project.tracks(clip.id)
            }
            if labels
            else {}
        )
        for label in labels[:_SHOWN]:
            clip = clip_of[label.track]
            at = clock(label.start, clip.rate)
            words = " ".join(label.text.split())
            item = QListWidgetItem(f"{at}   {words}   \N{EN DASH}  {clip.name}")
            item.setData(Qt.ItemDataRole.UserRole, (clip.id, label))
            self.found.addItem(item)
        more = f", the first {_SHOWN} are shown" if len(labels) > _SHOWN else ""
        found = count(len(labels), "label") + more if labels else "No label says this."
        self.counted.setText(found if text else _HINT)
        self._go.setEnabled(bool(labels))
        self.found.setCurrentRow(0)

    def go(self) -> None:
        """Show the label that is marked."""
        item = self.found.currentItem()
        if item is None:
            return
        clip: int
        label: Label
        clip, label = item.data(Qt.ItemDataRole.UserRole)
        self._session.show_clip(clip)
        self._session.set_playhead(label.start)
        self._session.select_labels([label.id])
        self.accept()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the arrows move the mark and Enter go there while one types."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                if self._wait.isActive():
                    self._wait.stop()
                    self.search()
                self.go()
                return True
            if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
                step = 1 if event.key() == Qt.Key.Key_Down else -1
                row = self.found.currentRow() + step
                self.found.setCurrentRow(max(0, min(row, self.found.count() - 1)))
                return True
        return super().eventFilter(watched, event)
