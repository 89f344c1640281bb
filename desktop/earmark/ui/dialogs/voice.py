"""Asking who speaks: to keep a voice, or to rename a speaker."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QCompleter,
    QDialog,
    QDialogButtonBox,
    QVBoxLayout,
    QWidget,
)

from earmark.core import speakers
from earmark.core.errors import EarmarkError
from earmark.ui.session import Session
from earmark.ui.widgets import Form, muted, set_role
from earmark.ui.wording import duration

_SHORT_S = 2.0


class SpeakerName(QDialog):
    """A name to be typed, or chosen among those that are known.

    Parameters
    ----------
    title : str
    hint : str
        What the name is for.
    names : sequence of str
        Those that are known.
    verb : str
        What the button says.
    accept : callable
        Takes the name; what it refuses is said, and the dialog stays.
    """

    def __init__(
        self,
        title: str,
        hint: str,
        names: Sequence[str],
        *,
        verb: str,
        accept: Callable[[str], None],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._accept = accept
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.setMinimumWidth(400)
        self.name = QComboBox(self)
        self.name.setEditable(True)
        self.name.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.name.setAccessibleName("Who speaks")
        self.name.addItems(list(names))
        self.name.setCurrentText("")
        line = self.name.lineEdit()
        assert line is not None
        line.setPlaceholderText("Name")
        completer = self.name.completer()
        assert completer is not None
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        form = Form()
        form.add("Who speaks", self.name)
        self.state = muted(hint, self)
        box = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel,
            self,
        )
        self.button = box.button(QDialogButtonBox.StandardButton.Ok)
        self.button.setText(verb)
        set_role(self.button, "primary")
        box.accepted.connect(self.accept)
        box.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addLayout(form)
        layout.addWidget(self.state)
        layout.addWidget(box)
        self.name.editTextChanged.connect(self._take_name)
        self._take_name()

    def accept(self) -> None:
        """Use the name."""
        try:
            self._accept(self.name.currentText().strip())
        except EarmarkError as error:
            self.state.setText(str(error))
            set_role(self.state, "error")
            return
        super().accept()

    def _take_name(self) -> None:
        self.button.setEnabled(bool(self.name.currentText().strip()))


def keep_voice(session: Session, parent: QWidget) -> SpeakerName:
    """Open the dialog that keeps the selection as a sample of somebody's voice."""
    clip, selection = session.clip, session.selection
    if clip is None or selection is None or selection.frames == 0:
        raise EarmarkError(
            "Nothing is selected.", "Select a few seconds of one person first."
        )
    length_s = selection.frames / clip.rate
    hint = f"{duration(length_s)} of “{clip.name}”, in which only this person speaks."
    if length_s < _SHORT_S:
        hint += " A voice is surer by two seconds or more."

    def keep(name: str) -> None:
        with session.project.edit("Keep a voice") as edit:
            edit.add_voice(name, clip.id, selection.start, selection.stop)
        session.message.emit(f"Kept as the voice of {name}", 4000)

    dialog = SpeakerName(
        "Keep as a voice",
        hint,
        session.project.speakers(),
        verb="Keep",
        accept=keep,
        parent=parent,
    )
    dialog.open()
    return dialog


def rename_speaker(session: Session, parent: QWidget) -> SpeakerName:
    """Open the dialog that gives the speakers of the selected labels another name."""
    labels = sorted(session.selected_labels)
    old = speakers.named_by(session.project, labels)
    if not old:
        hint = "The selected labels are given this speaker."
    elif len(old) == 1:
        hint = f"Every label and voice of {old[0]} is given this name."
    else:
        hint = f"{', '.join(old[:-1])} and {old[-1]} become one speaker of this name."

    def rename(name: str) -> None:
        speakers.rename(session.project, labels, name)

    dialog = SpeakerName(
        "Rename speaker",
        hint,
        [name for name in session.project.speakers() if name not in old],
        verb="Rename",
        accept=rename,
        parent=parent,
    )
    dialog.name.setCurrentText(old[0] if old else "")
    line = dialog.name.lineEdit()
    assert line is not None
    line.selectAll()
    dialog.open()
    return dialog
