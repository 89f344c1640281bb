"""Exporting labels: which, in which format, and what would be lost."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QLabel,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from earmark.core.errors import EarmarkError
from earmark.formats import LabelDocument, LabelFormat
from earmark.ui.panels.form import ParamsForm
from earmark.ui.session import Session
from earmark.ui.widgets import bold, muted, set_role
from earmark.ui.wording import count

Scope = Literal["labels", "track", "clip", "clips", "all"]


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
        self._scopes: dict[Scope, QRadioButton] = {}
        group = QButtonGroup(self)
        for scope, text, able in self._choices():
            choice = QRadioButton(text, self)
            choice.setAccessibleName(text)
            choice.setEnabled(able)
            group.addButton(choice)
            layout.addWidget(choice)
            self._scopes[scope] = choice
        next(c for c in self._scopes.values() if c.isEnabled()).setChecked(True)
        if self._scopes["clip"].isEnabled():
            self._scopes["clip"].setChecked(True)
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
        self._options_at = layout.count()
        self._options: ParamsForm | None = None
        self._layout = layout
        layout.addSpacing(8)
        self.report = muted("", self, small=False)
        self.report.setAccessibleName("What would be lost")
        layout.addWidget(self.report)
        layout.addStretch(1)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        self._export = box.addButton("Export…", QDialogButtonBox.ButtonRole.AcceptRole)
        self._export.setDefault(True)
        set_role(self._export, "primary")
        box.accepted.connect(self._choose_path)
        box.rejected.connect(self.reject)
        layout.addWidget(box)
        self._take_format()

    def scope(self) -> Scope:
        """What was chosen."""
        return next(s for s, choice in self._scopes.items() if choice.isChecked())

    def documents(self) -> list[LabelDocument]:
        """The labels that were chosen, as the format gets them."""
        from earmark.formats.exchange import documents_from_project

        session, scope = self._session, self.scope()
        clip = session.clip
        shown = [clip.id] if clip else []
        clips = {
            "all": [each.id for each in session.project.clips()],
            "clips": list(session.selected_clips),
        }.get(scope, shown)
        documents = documents_from_project(
            session.project,
            clips,
            tracks=[session.active_track or 0] if scope == "track" else None,
            labels=session.selected_labels if scope == "labels" else None,
        )
        return [document for document in documents if document.label_count]

    def write(self, path: Path) -> list[Path]:
        """Export to a file, or into a folder with one file per clip.

        Raises
        ------
        EarmarkError
        """
        formats, known = self._session.formats, self._format()
        options = self._options.validated() if self._options else None
        if self.each.isChecked():
            reports = formats.export_each(path, self.documents(), known.id, options)
        else:
            reports = [formats.export_labels(path, self.documents(), known.id, options)]
        return [report.path for report in reports]

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
        self._refresh()

    def _refresh(self, *_: object) -> None:
        documents, known = self.documents(), self._format()
        many = len(documents) > 1
        self.each.setEnabled(many)
        if many and not known.many:
            self.each.setChecked(True)
            self.each.setEnabled(False)
        if not many:
            self.each.setChecked(False)
        labels = sum(document.label_count for document in documents)
        self._export.setEnabled(labels > 0)
        if not labels:
            self._report("There are no labels in this choice.", "muted")
            return
        options = self._options.validated() if self._options else None
        losses = self._session.formats.losses(documents, known.id, options)
        head = f"{count(labels, 'label')} of {count(len(documents), 'clip')}."
        if losses:
            lost = "\n".join(f"•  {loss}" for loss in losses)
            self._report(
                f"{head} This format cannot carry everything:\n{lost}", "warning"
            )
        else:
            self._report(f"{head} Nothing is lost in this format.", "good")

    def _report(self, text: str, role: str) -> None:
        self.report.setText(text)
        set_role(self.report, role)

    def _choose_path(self) -> None:
        known, start = self._format(), self._session.import_paths()
        if self.each.isChecked():
            chosen = QFileDialog.getExistingDirectory(
                self, "Export labels into a folder", str(start)
            )
        else:
            name = self._session.clip.name if self._session.clip else "labels"
            chosen, _ = QFileDialog.getSaveFileName(
                self,
                "Export labels",
                str(start / f"{Path(name).stem}{known.suffixes[0]}"),
                f"{known.title} ({' '.join('*' + s for s in known.suffixes)})",
            )
        if not chosen:
            return
        try:
            written = self.write(Path(chosen))
        except EarmarkError as error:
            self._report(str(error), "error")
            return
        self._session.message.emit(
            f"Exported {', '.join(p.name for p in written[:3])}", 6000
        )
        self.accept()


def _heading(text: str, parent: QWidget) -> QLabel:
    label = QLabel(text, parent)
    bold(label)
    return label
