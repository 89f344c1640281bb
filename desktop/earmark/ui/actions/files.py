"""The commands of the File menu."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QFileDialog, QMenu, QMessageBox, QWidget

from earmark.core.errors import EarmarkError
from earmark.core.plugins import Command
from earmark.core.project import Change, Project
from earmark.core.sources import AUDIO_SUFFIXES, Step
from earmark.ui.dialogs.working import Working, tell_failure
from earmark.ui.importing import Import, Outcomes
from earmark.ui.session import Session
from earmark.ui.wording import count


class FileActions:
    """What the File menu does: opening, importing, saving, exporting.

    Parameters
    ----------
    session : Session
    window : QWidget
        The parent of dialogs.
    follow : callable
        Shows how far an import is.
    """

    def __init__(
        self,
        session: Session,
        window: QWidget,
        follow: Callable[[Import], None],
    ) -> None:
        self._session = session
        self._window = window
        self._follow = follow

    def commands(self) -> list[Command]:
        """The commands of the menu."""
        session = self._session

        def shown() -> bool:
            return session.clip is not None

        def writable() -> bool:
            return not session.project.read_only

        def can_import_labels() -> bool:
            return shown() and writable()

        menu = "File"
        return [
            Command("file.open", "Open files…", self.choose_files, menu, ("Ctrl+O",),
                    writable, icon="ph.folder-open"),
            Command("file.open_folder", "Open folder…", self.choose_folder, menu, (),
                    writable),
            Command("file.new_project", "New project", self.new_project, menu,
                    ("Ctrl+N",), section=1),
            Command("file.open_project", "Open project…", self.choose_project, menu,
                    ("Ctrl+Shift+O",), section=1),
            Command("file.save_as", "Save project as…", self.save_as, menu,
                    ("Ctrl+Shift+S",), section=2),
            Command("file.save", "Save", self.save, menu, ("Ctrl+S",), section=2),
            Command("file.collect", "Collect files into project", self.collect, menu,
                    (), writable, section=2),
            Command("file.missing", "Find missing files…", self.find_missing, menu, (),
                    writable, section=2),
            Command("file.import_labels", "Import labels…", self.choose_labels, menu,
                    ("Ctrl+Shift+I",), can_import_labels, section=3),
            Command("file.export_labels", "Export labels…", self.export_labels, menu,
                    ("Ctrl+Shift+L",), shown, section=3),
            Command("file.export_audio", "Export audio…", self.export_audio, menu,
                    ("Ctrl+Shift+E",), shown, icon="ph.export", section=3),
        ]  # fmt: skip

    def choose_files(self) -> None:
        """Ask for files and import them."""
        patterns = " ".join(f"*{suffix}" for suffix in sorted(AUDIO_SUFFIXES))
        chosen, _ = QFileDialog.getOpenFileNames(
            self._window,
            "Open files",
            str(self._session.import_paths()),
            f"Sound files ({patterns});;All files (*)",
        )
        if chosen:
            self.open([Path(path) for path in chosen])

    def choose_folder(self) -> None:
        """Ask for a folder and import all that is in it."""
        chosen = QFileDialog.getExistingDirectory(
            self._window, "Open folder", str(self._session.import_paths())
        )
        if chosen:
            self.open([Path(chosen)])

    def open(self, paths: Sequence[Path]) -> Import | None:
        """Take in whatever was dropped or named: a project, label files, sound."""
        session = self._session
        for path in paths:
            if path.suffix == ".earmark" and path.is_dir():
                self.open_project(path)
                return None
        audio = [path for path in paths if not self._is_labels(path)]
        labels = [path for path in paths if path not in audio]
        if not audio:
            self.import_labels(labels)
            return None
        session.project.set_view("folder", {"path": str(audio[0].absolute().parent)})
        importing = Import(session, [path.absolute() for path in audio])
        self._follow(importing)
        importing.finished.connect(lambda: self._take_outcomes(importing))
        # Labels may be about what comes with them.
        importing.finished.connect(lambda: self.import_labels(labels))
        return importing

    def new_project(self) -> None:
        """Begin an untitled project."""
        from earmark.ui.dialogs.projects import new_untitled

        if self._may_leave():
            self._show(new_untitled(self._session.folders.data))

    def choose_project(self) -> None:
        """Ask for a project and open it."""
        chosen = QFileDialog.getExistingDirectory(
            self._window, "Open project", str(self._session.project.folder.parent)
        )
        if chosen:
            self.open_project(Path(chosen))

    def open_project(self, folder: Path) -> None:
        """Open a project; the present one is closed."""
        if folder == self._session.project.folder or not self._may_leave():
            return
        from earmark.ui.dialogs.projects import open_project

        try:
            project = open_project(folder, self._window)
        except EarmarkError as error:
            self._session.error.emit(error)
            return
        if project is not None:
            self._show(project)

    def save(self) -> None:
        """Name an untitled project; a named one is stored already."""
        if self._session.project.untitled:
            self.save_as()
        else:
            self._session.message.emit("Every edit is already stored", 4000)

    def save_as(self) -> None:
        """Ask for a name and a place, and go on there."""
        project = self._session.project
        start = Path.home() if project.untitled else project.folder.parent
        chosen, _ = QFileDialog.getSaveFileName(
            self._window,
            "Save project as",
            str(start / f"{project.name}.earmark"),
            "Earmark project (*.earmark)",
        )
        if chosen:
            self.save_in(Path(chosen))

    def save_in(self, folder: Path) -> None:
        """Go on in another folder: at once if the project moves, else once it is there.

        Copying is done in a pool thread.

        Raises
        ------
        EarmarkError
            If an untitled project cannot be moved there; all is as before then.
        """
        session, project = self._session, self._session.project
        go_on = session.leave_folder()
        try:
            moved = project.move_to(folder)
        except BaseException:
            go_on()
            raise
        if moved:
            go_on()
            self._remember()
            return
        beside = project.beside()

        def work(step: Step) -> None:
            with closing(beside):
                beside.copy_to(folder, step)

        def done(_: None) -> None:
            try:
                project.go_on_in(folder)
            finally:
                go_on()
            self._remember()

        def failed(error: Exception) -> None:
            go_on()
            tell_failure(session, "The copy", error)

        audio = project.audio_folder.rglob("*")
        size = sum(path.stat().st_size for path in audio if path.is_file())
        says = f"Copying {project.name} to {folder.stem}…"
        Working(session, says, size, self._window).start(work, done, failed)

    def collect(self) -> None:
        """Copy every file the project uses into its folder, in a pool thread."""
        session, project = self._session, self._session.project
        beside, changes = project.beside(), list[Change]()

        def work(step: Step) -> int:
            with closing(beside):
                beside.subscribe(changes.append)
                return len(beside.collect(step))

        def done(copied: int) -> None:
            for change in changes:
                project.take_in(change)
            session.message.emit(
                f"{count(copied, 'file')} copied into the project", 6000
            )

        outside = project.outside_sources()
        # Each is read once more, to see that the copy is the same.
        size = 2 * sum(source.size for source in outside)
        says = f"Copying {count(len(outside), 'file')} into the project…"
        failed = partial(tell_failure, session, "The copy")
        Working(session, says, size, self._window).start(work, done, failed)

    def find_missing(self) -> None:
        """Show the files that are not where they were, if any."""
        if not self.offer_missing():
            self._session.message.emit("No file is missing", 4000)

    def offer_missing(self) -> bool:
        """Show the missing files; whether there are any."""
        missing = self._session.project.missing_sources()
        if missing:
            from earmark.ui.dialogs.projects import MissingFiles

            _open(MissingFiles(self._session, missing, self._window))
        return bool(missing)

    def choose_labels(self) -> None:
        """Ask for a label file and import it."""
        formats = self._session.formats.formats
        patterns = " ".join(f"*{s}" for known in formats for s in known.suffixes)
        chosen, _ = QFileDialog.getOpenFileName(
            self._window,
            "Import labels",
            str(self._session.import_paths()),
            f"Label files ({patterns});;All files (*)",
        )
        if chosen:
            self.import_labels([Path(chosen)])

    def import_labels(self, paths: Sequence[Path]) -> None:
        """Read label files into the clips they are about."""
        from earmark.ui.dialogs.import_labels import ImportLabels

        if paths:
            ImportLabels(self._session, paths, self._window).start()

    def export_labels(self) -> None:
        """Show the dialog that exports labels."""
        from earmark.ui.dialogs.export_labels import ExportLabels

        _open(ExportLabels(self._session, self._window))

    def export_audio(self) -> None:
        """Show the dialog that exports audio."""
        from earmark.ui.dialogs.export_audio import ExportAudio

        if self._session.clip is not None:
            _open(ExportAudio(self._session, self._session.clip, self._window))

    def fill_recent(self, menu: QMenu) -> None:
        """List the projects that were open lately."""
        menu.clear()
        for folder in self._session.store.settings.recent_projects:
            if folder != self._session.project.folder:
                entry = menu.addAction(folder.stem, partial(self.open_project, folder))
                entry.setToolTip(str(folder))
        if menu.isEmpty():
            menu.addAction("No other projects yet").setEnabled(False)

    def _show(self, project: Project) -> None:
        self._session.open_project(project)
        self._remember()
        self.offer_missing()

    def _may_leave(self) -> bool:
        """Whether no job runs in this project, or a person lets them be interrupted."""
        if not self._session.live_jobs:
            return True
        running = count(len(self._session.live_jobs), "job")
        answer = QMessageBox.question(
            self._window,
            "Open another project",
            f"{running} of this project will be interrupted. They can be resumed when "
            "you open it again.",
            QMessageBox.StandardButton.Ok | QMessageBox.StandardButton.Cancel,
        )
        return answer == QMessageBox.StandardButton.Ok

    def _remember(self) -> None:
        from earmark.ui.dialogs.projects import remember

        remember(self._session.store, self._session.project)

    def _is_labels(self, path: Path) -> bool:
        if path.is_dir() or path.suffix.lower() in AUDIO_SUFFIXES:
            return False
        name = path.name.casefold()
        formats = self._session.formats.formats
        return any(name.endswith(s.casefold()) for f in formats for s in f.suffixes)

    def _take_outcomes(self, importing: Import) -> None:
        done = len(importing.outcomes) - len(importing.failures)
        notes = [outcome.note for outcome in importing.outcomes if outcome.note]
        if importing.failures or len(notes) > 1:
            _open(Outcomes(importing.outcomes, self._window))
        elif notes:
            self._session.message.emit(notes[0], 15_000)
        elif done > 1:
            self._session.message.emit(f"{count(done, 'file')} imported", 4000)


def _open(dialog: QDialog) -> None:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()
