"""Find sounds: the moments of the project that are like a description or an example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from earmark.core.clips import Clip, slice_spans
from earmark.core.errors import EarmarkError
from earmark.ui.fetching import Fetching
from earmark.ui.panels.model_picker import ModelPicker
from earmark.ui.session import Selection, Session
from earmark.ui.sound_index import (
    DESCRIBE,
    EMBEDDINGS,
    Moment,
    SoundIndex,
    keep_labels,
)
from earmark.ui.tables import Index, RowModel, RowTable
from earmark.ui.widgets import (
    EmptyState,
    button,
    dock_header,
    muted,
    rule,
    search_field,
    set_role,
)
from earmark.ui.wording import count, duration, size
from earmark.vectors import Hit

SCORE, CLIP, WHERE = range(3)
TRACK = "Found"

_LIMIT = 200
_WORDS = "Describe a sound, then press Enter"
_NO_WORDS = "This model knows no words"


class MomentModel(RowModel):
    """The moments that were found, the best first."""

    titles = ("Alike", "Clip", "Where")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._rows: list[tuple[Hit, Clip]] = []
        session.project_opened.connect(lambda: self.show_moments([]))

    def show_moments(self, hits: list[Hit]) -> None:
        """Show these."""
        clips = self._session.project.clips_by_id({hit.clip for hit in hits})
        self.beginResetModel()
        self._rows = [(hit, clips[hit.clip]) for hit in hits if hit.clip in clips]
        self.endResetModel()

    def at(self, row: int) -> tuple[Hit, Clip] | None:
        """A moment, and its clip as it is now; None if that was removed."""
        hit, _ = self._rows[row]
        try:
            clip = self._session.project.clip(hit.clip)
        except EarmarkError:  # it was removed
            return None
        return (hit, clip) if hit.stop <= clip.frames else None

    def row_total(self) -> int:
        return len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        hit, clip = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            start, stop = (
                duration(hit.start / clip.rate),
                duration(hit.stop / clip.rate),
            )
            shown = (f"{hit.score:.3f}", clip.name, f"{start} \N{EN DASH} {stop}")
            return shown[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{clip.name}\nCosine {hit.score:.4f}"
        return None


class Moments(RowTable):
    """The moments; Space plays one, Enter keeps it, a double click goes there."""

    played = Signal(int)
    kept = Signal(list)

    def event(self, event: QEvent) -> bool:
        """Take the keys of this list before the window does."""
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and _is_own(event)
            and self.currentIndex().isValid()
        ):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Play or keep."""
        if not _is_own(event) or not self.currentIndex().isValid():
            super().keyPressEvent(event)
        elif event.key() == Qt.Key.Key_Space:
            self.played.emit(self.currentIndex().row())
        else:
            rows = [index.row() for index in self.selectionModel().selectedRows()]
            self.kept.emit(rows or [self.currentIndex().row()])


def _is_own(event: QKeyEvent) -> bool:
    plain = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    own = (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter)
    return plain == Qt.KeyboardModifier.NoModifier and event.key() in own


class FindSounds(QWidget):
    """The panel: what is looked for above, what was found below.

    Parameters
    ----------
    session : Session
    index : SoundIndex
    fetching : Fetching
    """

    def __init__(
        self,
        session: Session,
        index: SoundIndex,
        fetching: Fetching,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._index = index
        self._asked = ""
        self._searches = 0
        said = muted("In all clips of the project", self)
        said.setContentsMargins(4, 0, 0, 0)
        dock_header(self, said)
        self.words = search_field(_WORDS, self)
        self.words.returnPressed.connect(self.find_words)
        self.like = button("More like this", self.find_alike, self)
        self.hint = muted("", self)
        task = session.plugins.task(EMBEDDINGS)
        self.models = ModelPicker(session, task, fetching, self)
        self.models.changed.connect(self._take_model)
        fetching.finished.connect(self._take_model)
        self.not_indexed = QLabel(self)
        self.not_indexed.setWordWrap(True)
        self.index_button = button("Index them", self.index_missing, self)
        self.state = muted("", self)
        self.model = MomentModel(session)
        self.table = Moments("Moments that were found", self)
        self.table.setModel(self.model)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(CLIP, QHeaderView.ResizeMode.Stretch)
        self.table.setColumnWidth(SCORE, 52)
        self.table.setColumnWidth(WHERE, 104)
        self.table.doubleClicked.connect(lambda at: self.show_moment(at.row()))
        self.table.played.connect(self.play)
        self.table.kept.connect(self.keep)
        self.empty = EmptyState("ph.magnifying-glass", "", "", parent=self)
        self.keys = muted(
            "Double click shows it  ·  Space plays it  ·  Enter keeps it as a label",
            self,
        )
        self._lay_out()
        index.changed.connect(self._refresh)
        session.clip_changed.connect(self._refresh)
        session.selection_changed.connect(self._refresh)
        self._take_model()
        index.wake()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go down from the description to what was found."""
        down = event.key() == Qt.Key.Key_Down and self.words.hasFocus()
        if down and self.model.rowCount():
            self.table.setFocus()
        else:
            super().keyPressEvent(event)

    def find_words(self) -> None:
        """Find what is like the description."""
        text = self.words.text().strip()
        if text and self.words.isEnabled():
            self._find(text, text, None)

    def find_alike(self) -> None:
        """Find what is like the selection, or like the shown clip."""
        selected = self._session.audio_inputs("selection")
        for given in selected or self._session.audio_inputs("clip"):
            self._find(f"like {given.name}", "", given)

    def index_missing(self) -> None:
        """Have the clips embedded that are not yet."""
        try:
            self._index.index_missing()
        except EarmarkError as error:
            self._say(str(error), "error")

    def play(self, row: int) -> None:
        """Play a moment, whatever the editor shows."""
        found = self.model.at(row)
        if found is None:
            self._say("This moment is not there any more: search again.", "warning")
            return
        hit, clip = found
        spans = slice_spans(clip.spans, hit.start, hit.stop)
        self._session.player.audition(spans, clip.rate, clip.channels)

    def show_moment(self, row: int) -> None:
        """Show a moment in the editor, selected."""
        found = self.model.at(row)
        if found is None:
            self._say("This moment is not there any more: search again.", "warning")
            return
        hit, clip = found
        self._session.show_clip(clip.id)
        self._session.select(Selection(hit.start, hit.stop))
        self._session.set_playhead(hit.start)
        self._session.reveal(hit.start, hit.stop)

    def keep(self, rows: list[int]) -> None:
        """Make labels of moments, called what was looked for; one edit."""
        if self._session.project.read_only:
            self._say("The project is open read-only.", "warning")
            return
        found = [at for row in rows if (at := self.model.at(row)) is not None]
        moments = [Moment(h.clip, h.start, h.stop, h.score) for h, _ in found]
        if not moments:
            return
        made = keep_labels(self._session, moments, self._asked, TRACK)
        self._say(f"Kept {count(made, 'label')} “{self._asked}”", "good")

    def _find(self, asked: str, description: str, example: Any) -> None:
        if self._index.model is None:
            self._say("Choose a model that is on this computer first.", "warning")
            return
        self._asked = asked
        self._searches += 1
        search = self._searches
        self._say("Searching…", "muted")

        def latest(act: Callable[[Any], None]) -> Callable[[Any], None]:
            return lambda given: act(given) if search == self._searches else None

        self._index.find(
            description, example, _LIMIT, latest(self._show), latest(self._fail)
        )

    def _show(self, hits: list[Hit]) -> None:
        self.model.show_moments(hits)
        self.table.scrollToTop()
        if hits:
            self.table.selectRow(0)
            self._say(f"{count(len(hits), 'moment')} “{self._asked}”", "muted")
        elif len(self._index.missing) < self._index.total:
            self._say("Nothing was found.", "muted")
        else:
            self._say("No clip is indexed yet: index them, then ask again.", "warning")
        self._refresh()

    def _fail(self, error: str) -> None:
        self._say(error, "error")

    def _take_model(self) -> None:
        self._index.choose(self.models.model())
        self.hint.setText(self._hint())
        self.model.show_moments([])
        self._say("", "muted")
        self._refresh()

    def _refresh(self) -> None:
        index, session = self._index, self._session
        selected = session.selection is not None and session.selection.frames > 0
        ready = index.model is not None and session.clip is not None
        self.like.setText(
            "More like the selection" if selected else "More like this clip"
        )
        self.like.setEnabled(ready)
        describes = index.describes
        self.words.setEnabled(describes)
        self.words.setPlaceholderText(_WORDS if describes else _NO_WORDS)
        self.hint.setVisible(not describes)
        self._show_missing()
        self._pages.setCurrentIndex(1 if self.model.rowCount() else 0)
        self.keys.setVisible(bool(self.model.rowCount()))
        self.empty.say(*self._nothing())

    def _show_missing(self) -> None:
        index = self._index
        missing = len(index.missing)
        shown = bool(index.ready and missing)
        self.not_indexed.setVisible(shown)
        self.index_button.setVisible(shown and not index.indexing)
        if index.indexing:
            self.not_indexed.setText(f"{count(index.indexing, 'clip')} to be indexed…")
        else:
            verb = "is" if missing == 1 else "are"
            self.not_indexed.setText(
                f"{missing:,} of {count(index.total, 'clip')} {verb} not indexed for "
                "this model."
            )

    def _hint(self) -> str:
        """How sounds can be described in words."""
        task = self._session.plugins.tasks.get(DESCRIBE)
        if task is None:
            return ""
        if self._session.library.installed(task):
            return "To describe a sound in words, choose a CLAP model."
        offered = self._session.library.available(task)
        best = min(offered, key=lambda entry: entry.default_rank, default=None)
        if best is None or best.size_mb is None:
            return "To describe a sound in words, import a CLAP model."
        return (
            f"To describe a sound in words, fetch “{best.title}” from the list of "
            f"models ({size(best.size_mb)}, {best.licence})."
        )

    def _nothing(self) -> tuple[str, str]:
        if not self._index.total and self._index.ready:
            return "No clips yet", "Open recordings to search in them."
        if self._index.describes:
            hint = "Describe a sound, or select one and ask for more like it."
        else:
            hint = "Select a sound in the editor and ask for more like it."
        return "Find sounds", hint

    def _say(self, text: str, role: str) -> None:
        self.state.setText(text)
        set_role(self.state, role)
        self.state.setVisible(bool(text))

    def _lay_out(self) -> None:
        top = QVBoxLayout()
        top.setContentsMargins(12, 12, 12, 12)
        top.setSpacing(8)
        for widget in (self.words, self.hint, self.like, self.models):
            top.addWidget(widget)
        missing = QHBoxLayout()
        missing.setSpacing(8)
        missing.addWidget(self.not_indexed, 1)
        missing.addWidget(self.index_button)
        top.addLayout(missing)
        top.addWidget(self.state)
        pages = QWidget(self)
        self._pages = QStackedLayout(pages)
        self._pages.addWidget(self.empty)
        self._pages.addWidget(self.table)
        self.keys.setContentsMargins(12, 8, 12, 8)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addWidget(rule(self))
        layout.addWidget(pages, 1)
        layout.addWidget(self.keys)
