"""Exporting audio: the clip, the selection, or one file per label."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QProgressBar,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from earmark.core.clips import Clip
from earmark.core.errors import EarmarkError
from earmark.core.labels import STATUSES, Label
from earmark.core.sources import check_spared
from earmark.ui.background import Ticket
from earmark.ui.dialogs.saving import ask_path, may_replace
from earmark.ui.session import Session
from earmark.ui.widgets import Form, muted, set_role
from earmark.ui.wording import count, duration

Scope = Literal["clip", "selection", "labels"]

_FORMATS: tuple[tuple[str, str, str | None], ...] = (
    ("WAV, 16 bit", ".wav", "PCM_16"),
    ("WAV, 24 bit", ".wav", "PCM_24"),
    ("WAV, 32 bit float", ".wav", "FLOAT"),
    ("FLAC, 16 bit", ".flac", "PCM_16"),
    ("FLAC, 24 bit", ".flac", "PCM_24"),
    ("Ogg Vorbis", ".ogg", None),
    ("MP3", ".mp3", None),
)
_RATES = (8000, 16000, 22050, 24000, 44100, 48000, 96000)
_NAME_LENGTH = 48


@dataclass(frozen=True, slots=True)
class Piece:
    """A file to be written: its name without ending, and its range in frames."""

    name: str
    start: int
    stop: int


class ExportAudio(QDialog):
    """Choose what is exported and how."""

    def __init__(self, session: Session, clip: Clip, parent: QWidget) -> None:
        super().__init__(parent)
        self._session = session
        self._clip = clip
        self._stretches = stretches(session)
        self._ticket: Ticket | None = None
        self.setWindowTitle("Export audio")
        self.setMinimumWidth(440)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        self._scopes: dict[Scope, QRadioButton] = {}
        group = QButtonGroup(self)
        for scope, text, able in self._choices():
            choice = QRadioButton(text, self)
            choice.setAccessibleName(text)
            choice.setEnabled(able)
            group.addButton(choice)
            layout.addWidget(choice)
            self._scopes[scope] = choice
        self._scopes["clip"].setChecked(True)
        if self._scopes["selection"].isEnabled():
            self._scopes["selection"].setChecked(True)
        self.format = QComboBox(self)
        self.format.setAccessibleName("Format")
        for title, *_ in _FORMATS:
            self.format.addItem(title)
        self.rate = QComboBox(self)
        self.rate.setAccessibleName("Sample rate")
        self.rate.addItem(f"As the clip, {clip.rate / 1000:g} kHz", clip.rate)
        for rate in _RATES:
            if rate != clip.rate:
                self.rate.addItem(f"{rate / 1000:g} kHz", rate)
        self.mono = QCheckBox("Mix to mono", self)
        self.mono.setEnabled(clip.channels > 1)
        form = Form()
        form.add("Format", self.format)
        form.add("Sample rate", self.rate)
        form.add("", self.mono)
        layout.addSpacing(8)
        layout.addLayout(form)
        self.progress = QProgressBar(self)
        self.progress.setAccessibleName("Progress")
        self.progress.setTextVisible(False)
        self.progress.hide()
        self.state = muted("", self, small=False)
        layout.addWidget(self.progress)
        layout.addWidget(self.state)
        layout.addStretch(1)
        self._box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        self._export = self._box.addButton(
            "Export…", QDialogButtonBox.ButtonRole.AcceptRole
        )
        self._export.setDefault(True)
        set_role(self._export, "primary")
        self._box.accepted.connect(self._choose_path)
        self._box.rejected.connect(self.reject)
        layout.addWidget(self._box)

    def pieces(self) -> list[Piece]:
        """The files that the choice makes."""
        session, clip = self._session, self._clip
        selection = session.selection
        scope = next(s for s, choice in self._scopes.items() if choice.isChecked())
        if scope == "selection" and selection is not None:
            return [Piece(clip.name, selection.start, selection.stop)]
        if scope == "clip":
            return [Piece(clip.name, 0, clip.frames)]
        found = session.project.labels_by_id(self._stretches).values()
        labels = sorted(found, key=_place)
        width = len(str(len(labels)))
        # Short, so that number and text are in every name.
        name = clip.name[: _NAME_LENGTH // 2].rstrip()
        return [
            Piece(
                file_name(f"{name} {number:0{width}d} {label.text}"),
                label.start,
                label.stop,
            )
            for number, label in enumerate(labels, 1)
        ]

    def paths(self, target: Path) -> list[Path]:
        """The files that are written: the target itself, or those in that folder."""
        if not self._scopes["labels"].isChecked():
            return [target]
        return [target / f"{piece.name}{self._suffix}" for piece in self.pieces()]

    def start(self, target: Path, done: Callable[[list[Path]], None]) -> None:
        """Write the files in a pool thread; what is there is replaced."""
        session, clip = self._session, self._clip
        pieces, paths = self.pieces(), self.paths(target)
        recordings = [source.path for source in session.project.sources()]
        _, _, subtype = _FORMATS[self.format.currentIndex()]
        rate, mono = self.rate.currentData(), self.mono.isChecked()
        readers = session.sources.readers(session.clip_sources(clip))
        background = session.background
        self._export.setEnabled(False)
        self.progress.setRange(0, len(pieces) if len(pieces) > 1 else 0)
        self.progress.show()
        self._say("Writing…", "muted")

        def work(ticket: Ticket) -> list[Path]:
            from earmark.audio.render import export

            check_spared(paths, recordings)
            written = []
            for piece, path in zip(pieces, paths, strict=True):
                export(
                    clip,
                    readers,
                    path,
                    piece.start,
                    piece.stop,
                    rate=rate,
                    mono=mono,
                    subtype=subtype,
                    step=lambda _: ticket.check(),
                )
                written.append(path)
                at = len(written)
                background.post(partial(self._take_progress, ticket, at))
            return written

        self._ticket = background.run(work, done, self._take_failure)

    def reject(self) -> None:
        """Stop what is being written and close."""
        if self._ticket is not None:
            self._ticket.cancel()
        super().reject()

    def _choices(self) -> list[tuple[Scope, str, bool]]:
        session, clip = self._session, self._clip
        selection = session.selection
        chosen = selection is not None and selection.frames > 0
        length = (
            f" ({duration(selection.frames / clip.rate)})"
            if chosen and selection
            else ""
        )
        which = len(self._stretches)
        chosen_ones = "selected " if session.selected_labels else ""
        return [
            ("clip", f"The whole clip ({duration(clip.frames / clip.rate)})", True),
            ("selection", f"The selection{length}", chosen),
            (
                "labels",
                f"One file for each of {count(which, f'{chosen_ones}label')}",
                which > 0,
            ),
        ]

    def _choose_path(self) -> None:
        folder = self._session.import_paths()
        if self._scopes["labels"].isChecked():
            chosen = QFileDialog.getExistingDirectory(
                self, "Export audio into a folder", str(folder)
            )
            if chosen and may_replace(self, self.paths(Path(chosen))):
                self.start(Path(chosen), self._take_end)
            return
        title, suffix = self.format.currentText(), self._suffix
        path = ask_path(
            self,
            "Export audio",
            folder / f"{file_name(self._clip.name)}{suffix}",
            [suffix],
            f"{title} (*{suffix})",
        )
        if path is not None:
            self.start(path, self._take_end)

    @property
    def _suffix(self) -> str:
        return _FORMATS[self.format.currentIndex()][1]

    def _take_progress(self, ticket: Ticket, written: int) -> None:
        if ticket is self._ticket and not ticket.cancelled.is_set():
            self.progress.setValue(written)

    def _take_end(self, written: list[Path]) -> None:
        self._ticket = None
        what = written[0].name if len(written) == 1 else count(len(written), "file")
        self._session.message.emit(f"Exported {what}", 6000)
        self.accept()

    def _take_failure(self, error: Exception) -> None:
        self._ticket = None
        self.progress.hide()
        self._export.setEnabled(True)
        if not isinstance(error, EarmarkError):
            raise error
        self._say(str(error), "error")

    def _say(self, text: str, role: str) -> None:
        self.state.setText(text)
        set_role(self.state, role)


def stretches(session: Session) -> list[int]:
    """The labels that mark a stretch of sound: the selected ones, of any track.

    Without any, those of the active track that were not rejected.
    """
    if session.selected_labels:
        found = session.project.labels_by_id(session.selected_labels).values()
        return [label.id for label in found if label.stop > label.start]
    if session.active_track is None:
        return []
    arrays = session.project.label_arrays(session.active_track)
    kept = arrays.statuses != STATUSES.index("rejected")
    ids: list[int] = arrays.ids[kept & (arrays.stops > arrays.starts)].tolist()
    return ids


def _place(label: Label) -> tuple[int, int]:
    return label.start, label.id


def file_name(text: str) -> str:
    """A text as a file name that every system takes."""
    clean = re.sub(r'[\x00-\x1f<>:"/\\|?*]+', " ", text)
    return " ".join(clean.split())[:_NAME_LENGTH].rstrip(" .") or "audio"
