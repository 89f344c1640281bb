"""What a task runs on: the selection, the clip, or the clips chosen in the browser."""

from __future__ import annotations

from typing import get_args

from PySide6.QtWidgets import QButtonGroup, QLabel, QRadioButton, QVBoxLayout, QWidget

from earmark.ui.session import Session, Target
from earmark.ui.widgets import bold
from earmark.ui.wording import count, duration, hertz


class TargetPicker(QWidget):
    """Three choices, each saying what exactly it would run on now.

    A range that gets selected is chosen, since that is why one selects it, and so are
    several clips; when they are selected no more, the clip is chosen again.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        caption = QLabel("Runs on", self)
        bold(caption)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(caption)
        self._group = QButtonGroup(self)
        self._buttons: dict[Target, QRadioButton] = {}
        for target in get_args(Target):
            button = QRadioButton(self)
            self._buttons[target] = button
            self._group.addButton(button)
            layout.addWidget(button)
        self._buttons["clip"].setChecked(True)
        session.selection_changed.connect(self._take_selection)
        session.clip_changed.connect(self.refresh)
        session.clips_selected.connect(self._take_clips)
        session.project_changed.connect(self.refresh)
        self._take_selection()

    def target(self) -> Target:
        """What was chosen."""
        return next(t for t, button in self._buttons.items() if button.isChecked())

    def choose(self, target: Target) -> None:
        """Choose what to run on."""
        self._buttons[target].setChecked(True)

    def refresh(self, *_: object) -> None:
        """Say what each choice is now."""
        session = self._session
        clip, selection = session.clip, session.selection
        selected = clip is not None and selection is not None and selection.frames > 0
        texts: dict[Target, str] = {
            "selection": "Selection",
            "clip": "Whole clip",
            "clips": "Selected clips",
        }
        if clip is not None:
            texts["clip"] += f"  {duration(clip.frames / clip.rate)}"
            if selected and selection is not None:
                start, stop = selection.start, selection.stop
                begin, end = duration(start / clip.rate), duration(stop / clip.rate)
                texts["selection"] += f"  {begin} \N{EN DASH} {end}"
                if band := hertz(selection.low_hz, selection.high_hz):
                    texts["selection"] += f", {band}"
        chosen = len(session.selected_clips)
        if chosen > 1:
            texts["clips"] += f"  {count(chosen, 'clip')}"
        able: dict[Target, bool] = {
            "selection": selected,
            "clip": clip is not None,
            "clips": chosen > 1,
        }
        for target, button in self._buttons.items():
            button.setText(texts[target])
            button.setAccessibleName(texts[target])
            button.setEnabled(able[target])
        if not able[self.target()]:
            self.choose("clip")

    def _take_clips(self) -> None:
        if len(self._session.selected_clips) > 1:
            self._buttons["clips"].setEnabled(True)
            self.choose("clips")
        self.refresh()

    def _take_selection(self) -> None:
        selection = self._session.selection
        if selection is not None and selection.frames > 0:
            self._buttons["selection"].setEnabled(True)
            self.choose("selection")
        self.refresh()
