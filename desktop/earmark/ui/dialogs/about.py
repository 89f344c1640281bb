"""What Earmark is, and whose work it stands on."""

from __future__ import annotations

from html import escape
from importlib.metadata import version

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from earmark.models.catalog import CatalogEntry
from earmark.ui.icons import icon
from earmark.ui.session import Session
from earmark.ui.widgets import bold, muted, scale_font

_LIBRARIES = (
    "PySide6-Essentials",
    "pyqtgraph",
    "numpy",
    "apsw",
    "pydantic",
    "pluggy",
    "soundfile",
    "sounddevice",
    "soxr",
    "av",
    "QtAwesome",
)


class About(QDialog):
    """Version, libraries, and the licences of the weights."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("About Earmark")
        self.setMinimumSize(600, 480)
        picture = QLabel(self)
        picture.setPixmap(icon("ph.ear").pixmap(QSize(48, 48)))
        picture.setAccessibleName("Earmark")
        name = QLabel("Earmark", self)
        bold(name)
        scale_font(name, 1.6)
        about = muted(
            f"Version {version('earmark')}. An offline desktop studio for sound. "
            "Apache License 2.0.",
            self,
            small=False,
        )
        head = QHBoxLayout()
        head.setSpacing(16)
        head.addWidget(picture)
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addWidget(name)
        words.addWidget(about)
        head.addLayout(words, 1)
        text = QTextBrowser(self)
        text.setAccessibleName("Licences")
        text.setOpenExternalLinks(True)
        text.setHtml(credits_html(list(session.library.catalog)))
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        box.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 24, 24, 16)
        layout.setSpacing(16)
        layout.addLayout(head)
        layout.addWidget(text, 1)
        layout.addWidget(box)


def credits_html(catalog: list[CatalogEntry]) -> str:
    """The licences of the weights that come with Earmark, and of its libraries."""
    bundled = [entry for entry in catalog if entry.source.kind != "hub"]
    parts = ["<h3>Weights</h3>"]
    for entry in bundled:
        licence = escape(entry.licence)
        if entry.licence_url:
            licence = f'<a href="{escape(entry.licence_url)}">{licence}</a>'
        parts.append(f"<p><b>{escape(entry.title)}</b> \N{EN DASH} {licence}<br>")
        said = " ".join(
            f"{sentence.removesuffix('.')}."
            for sentence in (entry.origin, entry.licence_note)
            if sentence
        )
        parts.append(f"{escape(said)}</p>")
    parts.append("<h3>Libraries</h3><p>")
    parts.append(", ".join(f"{name} {_version(name)}" for name in _LIBRARIES))
    parts.append(".</p><p>Icons: Phosphor, MIT.</p>")
    return "".join(parts)


def _version(distribution: str) -> str:
    from importlib.metadata import PackageNotFoundError

    try:
        return version(distribution)
    except PackageNotFoundError:
        # The frozen program carries no metadata of some.
        return ""
