"""Exporting labels: which, in which format, and what would be lost."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Literal

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QLabel,
    QProgressBar,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from earmark.core.errors import EarmarkError
from earmark.formats import ExportReport, LabelDocument, LabelFormat
from earmark.ui.background import Ended, Ticket, collections_put_off
from earmark.ui.dialogs.saving import ask_path, may_replace
from earmark.ui.panels.form import ParamsForm
from earmark.ui.session import Session
from earmark.ui.widgets import bold, muted, set_role
from earmark.ui.wording import count

Scope = Literal["labels", "track", "clip", "clips", "all"]
_PATIENCE_MS = 200


class ExportLabels(QDialog):
    """Choose what is exported and how; the losses are told before."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self._session = session
        self.setWindowTitle("Export labels")
        self.setMinimumWidth(480)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        layout.addWidget(_heading("Which labels", self))
        self.scopes: dict[Scope, QRadioButton] = {}
        group = QButtonGroup(self)
        for scope, text, able in self._choices():
            choice = QRadioButton(text, self)
            choice.setAccessibleName(text)
            choice.setEnabled(able)
            group.addButton(choice)
            layout.addWidget(choice)
            self.scopes[scope] = choice
        next(c for c in self.scopes.values() if c.isEnabled()).setChecked(True)
        if self.scopes["clip"].isEnabled():
            self.scopes["clip"].setChecked(True)
        group.buttonClicked.connect(self._refresh)
        self.each = QCheckBox("One file per clip", self)
        self.each.toggled.connect(self._refresh)
        layout.addWidget(self.each)
        layout.addSpacing(8)
        layout.addWidget(_heading("Format", self))
        self.format = QComboBox(self)
        self.format.setAccessibleName("Format")
        for known in session.formats.formats:
            self.format.addItem(f"{known.title}  ({', '.join(known.suffixes)})", known)
        self.format.currentIndexChanged.connect(self._take_format)
        layout.addWidget(self.format)
        self._read: dict[Scope, list[LabelDocument]] = {}
        self._documents: list[LabelDocument] = []
        self._look: Ticket | None = None
        self._writing: Ticket | None = None
        self._slow = QTimer(self)
        self._slow.setSingleShot(True)
        self._slow.setInterval(_PATIENCE_MS)
        self._slow.timeout.connect(
            lambda: self._report("Looking at the labels…", "muted")
        )
        self._options_at = layout.count()
        self._options: ParamsForm | None = None
        self._layout = layout
        layout.addSpacing(8)
        layout.addWidget(_heading("What will be written", self))
        self.report = muted("", self, small=False)
        self.report.setAccessibleName("What will be written")
        layout.addWidget(self.report)
        self.progress = QProgressBar(self)
        self.progress.setAccessibleName("Progress")
        self.progress.setTextVisible(False)
        self.progress.hide()
        layout.addWidget(self.progress)
        layout.addStretch(1)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        self.export = box.addButton("Export…", QDialogButtonBox.ButtonRole.AcceptRole)
        self.export.setDefault(True)
        set_role(self.export, "primary")
        box.accepted.connect(self._choose_path)
        box.rejected.connect(self.reject)
        layout.addWidget(box)
        self._take_format()

    def scope(self) -> Scope:
        """What was chosen."""
        return next(s for s, choice in self.scopes.items() if choice.isChecked())

    def write(self, path: Path) -> None:
        """Export to a file, or into a folder with one file per clip.

        It is done in the background; the dialog closes when all of it is there.
        """
        formats, known = self._session.formats, self._format()
        options = self._options.validated() if self._options else None
        each, documents = self.each.isChecked(), self._documents
        post = self._session.background.post

        def work(ticket: Ticket) -> list[ExportReport]:
            def step(words: str) -> None:
                ticket.check()
                post(partial(self._show_step, ticket, words))

            with collections_put_off():
                if each:
                    return formats.export_each(
                        path, documents, known.id, options, step=step
                    )
                return [
                    formats.export_labels(path, documents, known.id, options, step=step)
                ]

        self.export.setEnabled(False)
        self.progress.setRange(0, 0)
        self.progress.show()
        self._writing = self._session.background.run(
            work, self._take_end, self._take_failure
        )

    def done(self, result: int) -> None:
        """Close; what is being written is ended first, and leaves nothing behind."""
        if self._writing is not None:
            self._writing.end()
            return
        if self._look is not None:
            self._look.cancel()
        super().done(result)

    def _choices(self) -> list[tuple[Scope, str, bool]]:
        session = self._session
        clip, labels = session.clip, len(session.selected_labels)
        name = f" of “{clip.name}”" if clip else ""
        track = next(
            (
                t
                for t in (session.project.tracks(clip.id) if clip else ())
                if t.id == session.active_track
            ),
            None,
        )
        clips = len(session.selected_clips)
        return [
            ("clip", f"All labels{name}", clip is not None),
            (
                "track",
                f"The track “{track.name}”" if track else "The active track",
                track is not None,
            ),
            ("labels", f"The selected labels ({labels:,})", labels > 0),
            ("clips", f"The clips selected in the browser ({clips:,})", clips > 1),
            ("all", "All clips of the project", True),
        ]

    def _format(self) -> LabelFormat:
        known: LabelFormat = self.format.currentData()
        return known

    def _take_format(self, *_: object) -> None:
        if self._options is not None:
            self._options.deleteLater()
            self._options = None
        params = self._format().options
        if params.model_fields:
            self._options = ParamsForm(params, parent=self)
            self._options.changed.connect(self._refresh)
            self._layout.insertWidget(self._options_at, self._options)
            before: QWidget = self.format
            for option in self._options.findChildren(QWidget):
                if option.focusPolicy() & Qt.FocusPolicy.TabFocus:
                    self.setTabOrder(before, option)
                    before = option
        self._refresh()

    def _refresh(self, *_: object) -> None:
        """Look at what is chosen, in the background; the latest choice counts."""
        session, scope, known = self._session, self.scope(), self._format()
        options = self._options.validated() if self._options else None
        project, formats, read = session.project, session.formats, self._read
        clip = session.clip
        clips = {
            "all": [each.id for each in project.clips()],
            "clips": list(session.selected_clips),
        }.get(scope, [clip.id] if clip else [])
        tracks = [session.active_track or 0] if scope == "track" else None
        labels = session.selected_labels if scope == "labels" else None

        beside = None if scope in read else project.beside()

        def look(_: Ticket) -> list[str]:
            from earmark.formats.exchange import documents_from_project

            with collections_put_off():
                if beside is not None:
                    with closing(beside):
                        found = documents_from_project(
                            beside, clips, tracks=tracks, labels=labels
                        )
                    read[scope] = [
                        document for document in found if document.label_count
                    ]
                return formats.losses(read[scope], known.id, options)

        if self._look is not None:
            self._look.cancel()
        self.export.setEnabled(False)
        self._slow.start()
        self._look = session.background.run(
            look, partial(self._take_losses, scope), self._take_failure
        )
        # The dialog may be gone before the answer comes.
        self.destroyed.connect(self._look.cancel)

    def _take_losses(self, scope: Scope, losses: list[str]) -> None:
        self._slow.stop()
        documents, known = self._read[scope], self._format()
        self._documents = documents
        many = len(documents) > 1
        self.each.setEnabled(many)
        if many and not known.many:
            self.each.setChecked(True)
            self.each.setEnabled(False)
        if not many:
            self.each.setChecked(False)
        labels = sum(document.label_count for document in documents)
        self.export.setEnabled(labels > 0)
        if not labels:
            self._report("There are no labels in this choice.", "muted")
            return
        head = f"{count(labels, 'label')} of {count(len(documents), 'clip')}."
        if losses:
            lost = "\n".join(f"•  {loss}" for loss in losses)
            self._report(
                f"{head}\nThis format cannot carry everything:\n{lost}", "warning"
            )
        else:
            self._report(f"{head} Nothing is lost in this format.", "good")

    def _report(self, text: str, role: str) -> None:
        self.report.setText(text)
        # As high as what it says; a dialog does not grow with its labels by itself.
        self.report.setMinimumHeight(self.report.heightForWidth(self.report.width()))
        set_role(self.report, role)

    def _choose_path(self) -> None:
        known, start = self._format(), self._session.import_paths()
        if self.each.isChecked():
            chosen = QFileDialog.getExistingDirectory(
                self, "Export labels into a folder", str(start)
            )
            files = self._session.formats.files_of_each
            if chosen and may_replace(
                self, files(Path(chosen), self._documents, known.id)
            ):
                self.write(Path(chosen))
        else:
            name = self._session.clip.name if self._session.clip else "labels"
            path = ask_path(
                self,
                "Export labels",
                start / f"{Path(name).stem}{known.suffixes[0]}",
                known.suffixes,
                f"{known.title} ({' '.join('*' + s for s in known.suffixes)})",
            )
            if path is not None:
                self.write(path)

    def _show_step(self, ticket: Ticket, words: str) -> None:
        if ticket is self._writing:
            self._report(f"{words}…", "muted")

    def _take_end(self, reports: list[ExportReport]) -> None:
        self._writing = None
        what = (
            reports[0].path.name if len(reports) == 1 else count(len(reports), "file")
        )
        self._session.message.emit(f"Exported {what}", 6000)
        self.accept()

    def _take_failure(self, error: Exception) -> None:
        self._writing = None
        self._slow.stop()
        self.progress.hide()
        self.export.setEnabled(bool(self._documents))
        if isinstance(error, Ended):
            self._session.message.emit("The export was ended", 6000)
            self.reject()
        elif isinstance(error, EarmarkError):
            self._report(str(error), "error")
        else:
            raise error


def _heading(text: str, parent: QWidget) -> QLabel:
    label = QLabel(text, parent)
    bold(label)
    return label
