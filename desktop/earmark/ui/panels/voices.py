"""The voices of the project, with which a task compares what it hears."""

from __future__ import annotations

from functools import partial
from itertools import groupby
from operator import attrgetter

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from earmark.core.clips import Voice
from earmark.core.project import Change
from earmark.ui.dialogs.voice import keep_voice
from earmark.ui.session import Session
from earmark.ui.widgets import bold, button, muted, tool_button
from earmark.ui.wording import count, duration

_HINT = "Select a few seconds of one person and choose Keep as a voice."


class _Name(QLabel):
    """A name that is cut where it is too long, rather than widen the panel."""

    def __init__(self, name: str, parent: QWidget) -> None:
        super().__init__(name, parent)
        self.setToolTip(name)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw as much of it as there is room for."""
        shown = self.fontMetrics().elidedText(
            self.text(), Qt.TextElideMode.ElideRight, self.width()
        )
        QPainter(self).drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, shown)


class Voices(QWidget):
    """Who is known by voice, with how much, to be heard or forgotten.

    Parameters
    ----------
    session : Session
    title : str
        As the task calls what it compares with.
    """

    def __init__(
        self, session: Session, title: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        caption = QLabel(title, self)
        bold(caption)
        self.keep = button("Keep as a voice…", lambda: keep_voice(session, self), self)
        self.keep.setToolTip("Keep the selection as a sample of somebody's voice")
        head = QHBoxLayout()
        head.addWidget(caption, 1)
        head.addWidget(self.keep)
        self.hint = muted(_HINT, self)
        self._rows = QWidget(self)
        self._grid = QGridLayout(self._rows)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(head)
        layout.addWidget(self.hint)
        layout.addWidget(self._rows)
        session.project_opened.connect(self._list)
        session.project_changed.connect(self._take_change)
        session.selection_changed.connect(self._refresh)
        session.clip_changed.connect(self._refresh)
        self._list()

    def play(self, name: str) -> None:
        """Play the newest sample of a voice."""
        samples = [v for v in self._session.project.voices() if v.name == name]
        newest = samples[-1]
        self._session.player.audition(newest.spans, newest.rate, newest.channels)

    def forget(self, name: str) -> None:
        """Forget a voice with all of its samples."""
        project = self._session.project
        gone = [voice.id for voice in project.voices() if voice.name == name]
        with project.edit("Forget a voice") as edit:
            edit.remove_voices(gone)

    def _take_change(self, change: Change) -> None:
        if "voices" in change.rows:
            self._list()

    def _list(self) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            assert widget is not None
            widget.hide()
            widget.deleteLater()
        voices = self._session.project.voices()
        by_name = groupby(voices, key=attrgetter("name"))
        for row, (name, samples) in enumerate(by_name):
            self._add(row, name, list(samples))
        self.hint.setVisible(not voices)
        self._rows.setVisible(bool(voices))
        self._refresh()

    def _add(self, row: int, name: str, samples: list[Voice]) -> None:
        play = tool_button("ph.play", f"Play the voice of {name}", self._rows)
        play.clicked.connect(partial(self.play, name))
        forget = tool_button("ph.trash", f"Forget the voice of {name}", self._rows)
        forget.clicked.connect(partial(self.forget, name))
        forget.setEnabled(not self._session.project.read_only)
        who = _Name(name, self._rows)
        total_s = sum(voice.frames / voice.rate for voice in samples)
        much = muted(
            f"{count(len(samples), 'sample')}, {duration(total_s)}", self._rows
        )
        much.setWordWrap(False)
        for column, widget in enumerate((play, who, much, forget)):
            self._grid.addWidget(widget, row, column)

    def _refresh(self) -> None:
        selection = self._session.selection
        self.keep.setEnabled(
            not self._session.project.read_only
            and self._session.clip is not None
            and selection is not None
            and selection.frames > 0
        )
