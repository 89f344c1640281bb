"""The model library's window: what is here, what can be had, what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QInputDialog,
    QLabel,
    QProgressBar,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from earmark.core.errors import EarmarkError
from earmark.core.tasks import Task
from earmark.models.catalog import CatalogEntry
from earmark.models.folder import read_folder
from earmark.models.listing import Listed, listed
from earmark.models.move import finish_move
from earmark.models.packs import SUFFIX
from earmark.ui.dialogs.licence import caption_label, facts, starter_mb
from earmark.ui.dialogs.projects import ask
from earmark.ui.fetching import Fetching
from earmark.ui.icons import icon
from earmark.ui.session import Session
from earmark.ui.tables import Index, RowModel, RowTable
from earmark.ui.widgets import (
    EmptyState,
    bold,
    button,
    muted,
    scale_font,
    search_field,
    set_role,
)
from earmark.ui.wording import size

_STATES = {
    "on disk": "On this computer",
    "part of Earmark": "Part of Earmark",
    "damaged": "Damaged",
    "interrupted": "Paused",
    "starter": "Starter weights",
    "on the hub": "On the hub",
}

_FILTERS = (
    ("Everything", tuple(_STATES)),
    ("On this computer", ("on disk", "part of Earmark", "damaged")),
    ("To fetch", ("interrupted", "starter", "on the hub")),
)


_GLYPHS = {
    "on disk": "ph.check-circle",
    "part of Earmark": "ph.check-circle",
    "damaged": "ph.warning",
    "interrupted": "ph.pause-circle",
    "starter": "ph.download-simple",
    "on the hub": "ph.download-simple",
}

_SIZE = 2

_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class ModelsModel(RowModel):
    """The rows of the list."""

    titles = ("Model", "Used by", "Size", "Licence", "Where")

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Listed] = []

    def row_total(self) -> int:
        return len(self.rows)

    def show(self, rows: list[Listed]) -> None:
        """Show other rows."""
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.rows[index.row()]
        column = index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return _cell(row, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            if column == 1:
                return "\n".join(task.title for task in row.tasks)
            return row.id if column == 0 else _cell(row, column)
        if role == Qt.ItemDataRole.DecorationRole and column == 0:
            return icon(_GLYPHS[row.state])
        if role == Qt.ItemDataRole.TextAlignmentRole and column == _SIZE:
            return _RIGHT
        return None

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        if role == Qt.ItemDataRole.TextAlignmentRole and section == _SIZE:
            return _RIGHT
        return super().headerData(section, orientation, role)


def _cell(row: Listed, column: int) -> str:
    if column == 0:
        return row.title
    if column == 1:
        first = row.tasks[0].title if row.tasks else "\N{EM DASH}"
        more = len(row.tasks) - 1
        return f"{first} +{more}" if more > 0 else first
    if column == _SIZE:
        return "" if row.size_mb is None else size(row.size_mb)
    if column == 3:
        mark = ", non-commercial" if row.non_commercial else ""
        return (row.licence or "unknown") + mark
    if row.state == "interrupted" and row.entry is not None and row.entry.size_mb:
        return f"Paused at {min(1, row.arrived_mb / row.entry.size_mb):.0%}"
    return _STATES[row.state]


class ModelLibrary(QDialog):
    """Search, fetch, pause, import, pack, move, verify and delete models.

    Parameters
    ----------
    session : Session
    fetching : Fetching
        Of the window.
    task : Task, optional
        Shown are the models for it.
    """

    def __init__(
        self,
        session: Session,
        fetching: Fetching,
        parent: QWidget,
        *,
        task: Task | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._fetching = fetching
        self._rows: list[Listed] = []
        self.setWindowTitle("Models")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        room = parent.screen().availableSize()
        self.resize(min(1240, room.width() - 60), min(720, room.height() - 100))
        self.search = search_field("Search models", self)
        self.search.textChanged.connect(self._filter)
        self.task = QComboBox(self)
        self.task.setAccessibleName("Task")
        self.task.addItem("All tasks", None)
        for each in session.plugins.tasks.values():
            if each.formats and not each.hidden:
                self.task.addItem(each.title, each)
        if task is not None:
            self.task.setCurrentIndex(max(0, self.task.findText(task.title)))
        self.where = QComboBox(self)
        self.where.setAccessibleName("Where")
        for title, states in _FILTERS:
            self.where.addItem(title, states)
        for box in (self.task, self.where):
            box.currentIndexChanged.connect(self._filter)
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self.search, 1)
        top.addWidget(self.task)
        top.addWidget(self.where)

        self.model = ModelsModel()
        self.model.setParent(self)
        self.table = RowTable("Models", self)
        self.table.setSelectionMode(RowTable.SelectionMode.SingleSelection)
        self.table.setModel(self.model)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column, width in ((1, 176), (_SIZE, 76), (3, 208), (4, 132)):
            self.table.setColumnWidth(column, width)
        self.table.selectionModel().currentRowChanged.connect(
            lambda *_: self._describe()
        )
        self.nothing = EmptyState(
            "ph.magnifying-glass",
            "No model fits",
            "Search for something else, or look on the hub.",
            parent=self,
        )
        self.details = _Details(self)
        middle = QHBoxLayout()
        middle.setSpacing(12)
        middle.addWidget(self.table, 1)
        middle.addWidget(self.nothing, 1)
        middle.addWidget(self.details)

        self.progress = _ProgressStrip(fetching, self)
        self.space = muted("", self)
        bottom = QHBoxLayout()
        bottom.setSpacing(8)
        self.starter = button("", lambda: fetching.fetch_starter(self), self)
        bottom.addWidget(self.starter)
        bottom.addWidget(button("From the hub…", self._look_up, self))
        bottom.addWidget(button("Import folder…", self._import, self))
        bottom.addWidget(button("Unpack…", self._unpack, self))
        bottom.addStretch(1)
        bottom.addWidget(button("Move folder…", self._move, self))
        bottom.addWidget(button("Close", self.close, self))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addLayout(top)
        layout.addLayout(middle, 1)
        layout.addWidget(self.progress)
        layout.addWidget(self.space)
        layout.addLayout(bottom)
        fetching.finished.connect(self.reload)
        fetching.progressed.connect(self._describe)
        fetching.found.connect(self._take_found)
        fetching.verified.connect(self._take_verified)
        finish_move(session.store)
        self.reload()

    def reload(self) -> None:
        """Look at the disk again, and choose what has arrived since."""
        library = self._session.library
        tasks = tuple(self._session.plugins.tasks.values())
        before = {row.id for row in self._rows if row.installed is not None}
        known = bool(self._rows)
        self._rows = listed(library, tasks)
        arrived = [
            row.id
            for row in self._rows
            if row.installed is not None and row.id not in before
        ]
        space = library.space()
        left = (
            f"  ·  {size(space.incomplete_mb)} of paused downloads"
            if space.incomplete_mb >= 1
            else ""
        )
        self.space.setText(
            f"{library.folder}  ·  {size(space.models_mb)} used  ·  "
            f"{size(space.free_mb)} free{left}"
        )
        missing = library.missing_starter()
        self.starter.setText(f"Fetch starter weights ({size(starter_mb(missing))})…")
        self.starter.setVisible(bool(missing))
        self._filter()
        if known and arrived:
            self._reveal(arrived[0])

    def _reveal(self, id: str) -> None:
        """Choose a model, whatever is left out of the list."""
        if id not in [row.id for row in self.model.rows]:
            self.search.clear()
            self.task.setCurrentIndex(0)
            self.where.setCurrentIndex(0)
        self.choose(id)

    def choose(self, id: str) -> None:
        """Select a model by its id, if it is shown."""
        for number, row in enumerate(self.model.rows):
            if row.id == id:
                self.table.selectRow(number)

    def chosen(self) -> Listed | None:
        """The selected model."""
        number = self.table.currentIndex().row()
        return self.model.rows[number] if 0 <= number < len(self.model.rows) else None

    def _filter(self) -> None:
        before = self.chosen()
        task, states = self.task.currentData(), self.where.currentData()
        rows = [
            row
            for row in self._rows
            if row.says(self.search.text())
            and (task is None or task in row.tasks)
            and row.state in states
        ]
        self.model.show(rows)
        self.table.setVisible(bool(rows))
        self.nothing.setVisible(not rows)
        if rows:
            self.table.selectRow(0)
        if before is not None:
            self.choose(before.id)
        self._describe()

    def _describe(self) -> None:
        row = self.chosen()
        busy = self._fetching.running
        actions: list[tuple[str, Any, str]] = []
        if row is not None:
            entry = row.entry
            if row.state == "interrupted" and entry is not None:
                resume = entry
                actions = [
                    ("Resume", lambda: self._fetching.resume(resume), "primary"),
                    ("Discard", self._discard, ""),
                ]
            elif row.installed is None and entry is not None:
                fetched = entry
                actions = [
                    ("Fetch…", lambda: self._fetching.fetch(fetched, self), "primary")
                ]
            elif row.state == "part of Earmark":
                actions = [("Verify", self._verify, "")]
            else:
                actions = [
                    ("Verify", self._verify, ""),
                    ("Pack…", self._pack, ""),
                    ("Delete…", self._delete, ""),
                ]
        self.details.show_model(row, [] if busy else actions)

    def _look_up(self) -> None:
        text, given = QInputDialog.getText(
            self,
            "From the hub",
            "A model's name, as on its page: ORGANISATION/NAME\n"
            "(another revision after an @). Only its description is fetched now.",
        )
        if given and text.strip():
            repo, _, revision = text.strip().partition("@")
            repo = repo.removeprefix("https://huggingface.co/").strip("/")
            self._fetching.look_up(repo, revision, self.task.currentData())

    def _take_found(self, entry: CatalogEntry) -> None:
        self._fetching.fetch(entry, self)

    def _import(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Import a model's folder")
        if path:
            import_folder(self._fetching, Path(path), self)

    def _unpack(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Unpack a model", "", f"Model packs (*{SUFFIX})"
        )
        if path:
            self._fetching.import_folder(Path(path))

    def _pack(self) -> None:
        row = self.chosen()
        assert row is not None
        name = row.id.replace("/", "--") + SUFFIX
        path, _ = QFileDialog.getSaveFileName(
            self, "Pack a model", name, f"Model packs (*{SUFFIX})"
        )
        if path:
            self._fetching.pack(row.id, Path(path))

    def _move(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Move the models to")
        if path:
            self._fetching.move(Path(path))

    def _verify(self) -> None:
        row = self.chosen()
        assert row is not None
        self._fetching.verify(row.id)

    def _take_verified(self, model: str, problems: tuple[str, ...]) -> None:
        self.details.say("\n".join(problems) or "All its files are what they were.")
        set_role(self.details.state, "error" if problems else "good")

    def _discard(self) -> None:
        row = self.chosen()
        assert row is not None
        self._session.library.discard_incomplete(row.id)
        self._fetching.finished.emit()

    def _delete(self) -> None:
        row = self.chosen()
        assert row is not None
        taken = "" if row.size_mb is None else f"It takes {size(row.size_mb)}."
        question = EarmarkError(f"Delete “{row.title}” from this computer?", taken)
        if ask(self, question, "Delete"):
            try:
                self._session.library.remove(row.id)
            except EarmarkError as error:
                self._session.error.emit(error)
            self._fetching.finished.emit()


def import_folder(fetching: Fetching, path: Path, parent: QWidget) -> None:
    """Import a model's folder; of pickles only if the person lets them be converted."""
    try:
        pickled = read_folder(path).has_pickles
    except EarmarkError:
        pickled = False  # the import says what is wrong
    if pickled:
        question = EarmarkError(
            f"The weights of {path.name} are pickles, which may hold programs, too.",
            "They can be converted: only plain weights are read, in a process of its "
            "own, and anything else is refused.",
        )
        if not ask(parent, question, "Convert"):
            return
    fetching.import_folder(path, convert_pickle=pickled)


class _Details(QFrame):
    """What is known of the chosen model, and what can be done with it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self.setFixedWidth(320)
        self.setAccessibleName("Details")
        self._shown: tuple[Listed | None, tuple[str, ...]] = (None, ("",))
        body = QWidget(self)
        self._body = QVBoxLayout(body)
        self._body.setContentsMargins(16, 16, 16, 16)
        self._body.setSpacing(10)
        scroll = QScrollArea(self)
        scroll.setAccessibleName("What is known of the model")
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(body)
        self.state = QLabel(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.addWidget(scroll)
        self._content = QWidget(body)

    def show_model(
        self, row: Listed | None, actions: list[tuple[str, Any, str]]
    ) -> None:
        """Show a model; the same one stays, so that a click is not lost."""
        names = tuple(name for name, _, _ in actions)
        if self._shown == (row, names):
            return
        self._shown = (row, names)
        # Deleted it is only when no dialog waits for an answer any more.
        self._content.hide()
        self._content.deleteLater()
        self._content = content = QWidget(self)
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        self._body.addWidget(content)
        self.state = QLabel("", content)
        self.state.setWordWrap(True)
        if row is None:
            column.addWidget(muted("Choose a model to see what is known of it."))
            column.addStretch(1)
            return
        title = QLabel(row.title, content)
        title.setWordWrap(True)
        bold(title)
        scale_font(title, 1.15)
        column.addWidget(title)
        if row.id != row.title:
            column.addWidget(_selectable(muted(row.id, content)))
        if row.non_commercial:
            warning = QLabel("Not for commercial use", content)
            set_role(warning, "warning")
            column.addWidget(warning)
        form = QFormLayout()
        form.setHorizontalSpacing(12)
        form.setVerticalSpacing(6)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        for caption, text in _told(row):
            value = _selectable(QLabel(text, content))
            value.setWordWrap(True)
            value.setOpenExternalLinks(True)
            form.addRow(caption_label(caption, content), value)
        column.addLayout(form)
        for name, act, role in actions:
            column.addWidget(button(name, act, content, role=role))
        column.addWidget(self.state)
        if row.installed is not None and row.installed.problem:
            self.say(f"It cannot be used: {row.installed.problem}.")
            set_role(self.state, "error")
        column.addStretch(1)

    def say(self, text: str) -> None:
        """Tell the outcome of what was done."""
        self.state.setText(text)


def _selectable(label: QLabel) -> QLabel:
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
    label.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return label


def _told(row: Listed) -> list[tuple[str, str]]:
    """Captions and texts of what is known of a model."""
    told: list[tuple[str, str]] = []
    # Which tasks can use it is read from its folder.
    if row.tasks or row.installed is not None:
        told.append(("Used by", ", ".join(t.title for t in row.tasks) or "no task"))
    if row.entry is not None:
        told += facts(row.entry)
    else:
        told.append(("Licence", row.licence or "unknown"))
        told.append(("Size", "" if row.size_mb is None else size(row.size_mb)))
    if row.installed is not None:
        ref = row.installed.ref
        told.append(("On disk", size(row.installed.size_mb)))
        told.append(("Revision", ref.revision[:12] or "unknown"))
        told.append(("Format", ref.format))
    elif row.entry is not None and row.entry.source.kind == "hub":
        told.append(("Revision", row.entry.source.revision[:12]))
    return told


class _ProgressStrip(QWidget):
    """How far the work on the models is, with the buttons that stop it."""

    def __init__(self, fetching: Fetching, parent: QWidget) -> None:
        super().__init__(parent)
        self._fetching = fetching
        self.message = QLabel(self)
        self.bar = QProgressBar(self)
        self.bar.setAccessibleName("Progress")
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.stop = button("Cancel", fetching.cancel, self)
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addWidget(self.message)
        words.addWidget(self.bar)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addLayout(words, 1)
        row.addWidget(self.stop)
        fetching.progressed.connect(self._follow)
        fetching.finished.connect(self._follow)
        self._follow()

    def _follow(self) -> None:
        fetching = self._fetching
        self.setVisible(fetching.running)
        self.message.setText(fetching.message)
        self.stop.setText("Pause" if fetching.can_pause else "Cancel")
        self.stop.setEnabled(not fetching.stopping)
        if fetching.fraction is None:
            self.bar.setRange(0, 0)
        else:
            self.bar.setRange(0, 1000)
            self.bar.setValue(round(1000 * fetching.fraction))
