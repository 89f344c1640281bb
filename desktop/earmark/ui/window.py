"""The main window: the editor in the middle, docks around it, bars above and below."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QByteArray, QChildEvent, QEvent, Qt, QTimer, QUrl
from PySide6.QtGui import (
    QCloseEvent,
    QDesktopServices,
    QDragEnterEvent,
    QDropEvent,
    QKeyEvent,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QApplication,
    QComboBox,
    QDialog,
    QInputDialog,
    QMainWindow,
    QTabBar,
    QTabWidget,
    QWidget,
)

from earmark.core.errors import EarmarkError
from earmark.core.plugins import Command
from earmark.core.tasks import Group, Task
from earmark.ui.actions import clips, edit, labels, speakers, tools, transport, view
from earmark.ui.actions.files import FileActions
from earmark.ui.commands import Commands
from earmark.ui.context_menus import ContextMenus
from earmark.ui.docks import Dock
from earmark.ui.editing import Editing
from earmark.ui.editor import Editor
from earmark.ui.errors import ErrorReporter
from earmark.ui.fetching import Fetching
from earmark.ui.focus import focus_panel, step_control, step_panel
from earmark.ui.recorder import Recorder
from earmark.ui.session import Session
from earmark.ui.sound_index import EMBEDDINGS, SoundIndex
from earmark.ui.statusbar import StatusBar
from earmark.ui.takes import check_take
from earmark.ui.transport_bar import TransportBar
from earmark.ui.widgets import EmptyState

_LAYOUT_VERSION = 2
_MOVING = {
    Qt.Key.Key_Up,
    Qt.Key.Key_Down,
    Qt.Key.Key_Left,
    Qt.Key.Key_Right,
    Qt.Key.Key_Home,
    Qt.Key.Key_End,
}


class MainWindow(QMainWindow):
    """The window; everything in it is made here and given what it needs.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.setAccessibleName("Earmark")
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(True)
        self.setTabPosition(
            Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North
        )
        self.setMinimumSize(900, 560)
        self.resize(1440, 900)
        self.errors = ErrorReporter(self)
        self.commands = Commands(self, session.store.settings.keys)
        self.editing = Editing(session)
        self.recorder = Recorder(session)
        self.fetching = Fetching(session)
        self.sounds = SoundIndex(session)
        self.fetching.finished.connect(self.sounds.look_for_model)
        self.editor = Editor(session, self)
        self.setCentralWidget(self.editor)
        self.status = StatusBar(session, self)
        self.setStatusBar(self.status)
        self.files = FileActions(session, self, self.status.follow)
        self.menus = ContextMenus(
            session, self.commands, check=self._check_take_of, window=self
        )
        self.docks: dict[str, Dock] = {}
        self._make_docks()
        self._add_commands()
        self.transport = TransportBar(session, self.commands, self)
        self.addToolBar(self.transport)
        self._fill_menus()
        self._arranged = False
        self._restore_geometry()
        self._connect()
        self._show_title()

    def dock(self, name: str) -> Dock:
        """A dock by its name: "browser", "understand", "labels", ..."""
        return self.docks[name]

    def show_task(self, task: Task) -> None:
        """Show the panel of a task."""
        from earmark.ui.panels.tasks import Tasks

        dock = self.docks[task.group]
        dock.reveal()
        panel = dock.content()
        assert isinstance(panel, Tasks)
        panel.choose(task.id).setFocus()

    def run_task(self) -> None:
        """Run the task whose panel is in front; that with the cursor, of two."""
        from earmark.ui.panels.task_panel import TaskPanel
        from earmark.ui.panels.tasks import Tasks

        focused = QApplication.focusWidget()
        shown: list[TaskPanel] = []
        for group in ("understand", "generate"):
            dock = self.docks[group]
            if dock.built and not dock.visibleRegion().isEmpty():
                tasks = dock.content()
                panel = tasks.current() if isinstance(tasks, Tasks) else None
                if isinstance(panel, TaskPanel):
                    shown.append(panel)
        shown.sort(key=lambda panel: focused is None or not panel.isAncestorOf(focused))
        if shown:
            shown[0].run()

    def show_palette(self) -> None:
        """Open the command palette."""
        from earmark.ui.palette import CommandPalette

        palette = CommandPalette(self.commands, self)
        palette.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        palette.open()

    def show_preferences(self, page: str = "Appearance") -> None:
        """Open the preferences."""
        from earmark.ui.preferences import Preferences

        dialog = Preferences(self._session, self.commands, self)
        dialog.show_page(page)
        dialog.open()

    def show_models(self) -> None:
        """Open the model library."""
        from earmark.ui.models import ModelLibrary

        ModelLibrary(self._session, self.fetching, self).open()

    def show_about(self) -> None:
        """Open the About box."""
        from earmark.ui.dialogs.about import About

        _open(About(self._session, self))

    def print_keys(self) -> None:
        """Write the key sheet and open it where it can be printed."""
        from earmark.ui.keysheet import key_sheet

        path = self._session.folders.cache / "keys.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(key_sheet(self.commands), encoding="utf-8")
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))

    def find_label(self) -> None:
        """Open the dialog that finds labels."""
        from earmark.ui.dialogs.find import FindLabels

        _open(FindLabels(self._session, self))

    def edit_vocabulary(self) -> None:
        """Open the vocabulary."""
        from earmark.ui.dialogs.vocabulary import Vocabulary

        _open(Vocabulary(self._session, self))

    def rename_clip(self, clip: int) -> None:
        """Let the name of a clip be edited where it stands in the browser."""
        from earmark.ui.browser import Browser

        dock = self.docks["browser"]
        dock.reveal()
        browser = dock.content()
        assert isinstance(browser, Browser)
        browser.rename(clip)

    def rename_track(self) -> None:
        """Ask for another name of the active label track."""
        track = self._session.active_track
        if track is None:
            return
        name, given = QInputDialog.getText(
            self,
            "Rename label track",
            "Name of the label track",
            text=self._session.project.track(track).name,
        )
        if given:
            self.editing.rename_track(name)

    def check_take(self) -> None:
        """Check the shown take."""
        if self._session.clip is not None:
            self._check_take_of(self._session.clip.id)

    def find_alike(self) -> None:
        """Find what sounds like the selection, or like the shown clip."""
        from earmark.ui.find_sounds import FindSounds

        self.docks["find"].reveal()
        panel = self.docks["find"].content()
        if isinstance(panel, FindSounds):
            panel.find_alike()

    def reset_layout(self) -> None:
        """Put the docks where they were at first."""
        for dock in self.docks.values():
            dock.setFloating(False)
            self.removeDockWidget(dock)
        self._arrange()
        self.editor.setFocus()

    def event(self, event: QEvent) -> bool:
        """Leave keys that the focused control needs to it.

        A window's keys come before those of the widget with the focus, except where
        text is typed. So that Space still presses a button and the arrows still move in
        a list, this takes them out of that order.
        """
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(
            event, QKeyEvent
        ):
            widget = QApplication.focusWidget()
            if widget is not None and _needs(widget, event):
                event.accept()
                return True
        return super().event(event)

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Go to the next control that is seen, in the order it is read."""
        return step_control(self, 1 if forward else -1)

    def childEvent(self, event: QChildEvent) -> None:
        """Name the tabs that Qt makes of docks that share a place."""
        super().childEvent(event)
        bar = event.child()
        if event.polished() and isinstance(bar, QTabBar):
            bar.setAccessibleName("Panels")

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped."""
        event.acceptProposedAction()
        urls = event.mimeData().urls()
        self.files.open([Path(url.toLocalFile()) for url in urls if url.isLocalFile()])

    def showEvent(self, event: QShowEvent) -> None:
        """Give the editor the keys at first."""
        super().showEvent(event)
        if not self._arranged:
            # Docks that are put together in a hidden window leave stray tab bars.
            self._arranged = True
            self._arrange()
            self._restore_docks()
            QTimer.singleShot(0, self, self._wake_docks)
            self.editor.setFocus()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Keep the layout, and end everything in the order it depends on."""
        if self._session.project.closed:
            return  # Qt may ask a hidden window once more
        self.keep_layout()
        self.editor.shut_down()
        self._session.close()
        # Views that wait to refresh would ask a project that is closed.
        for timer in (*self.findChildren(QTimer), *self._session.findChildren(QTimer)):
            timer.stop()
        self.errors.close()
        super().closeEvent(event)

    def keep_layout(self) -> None:
        """Store where the window and its docks are, once they are anywhere."""
        if not self._arranged:
            return
        self._session.store.update(
            window={
                "geometry": _text(self.saveGeometry()),
                "state": _text(self.saveState(_LAYOUT_VERSION)),
            }
        )

    def _wake_docks(self) -> None:
        for dock in self.docks.values():
            if dock.isFloating() and not dock.isHidden():
                # Shown before the window it belongs to, it stays below that.
                dock.hide()
                dock.show()
            dock.awake()

    def _make_docks(self) -> None:
        session = self._session

        def browser() -> QWidget:
            from earmark.ui.browser import Browser

            return Browser(
                session,
                open_files=self.files.choose_files,
                drop=self._drop,
                fill_menu=self.menus.fill_for_clips,
                remove=partial(self.commands.run, "clips.remove"),
            )

        def tasks(group: Group) -> QWidget:
            from earmark.ui.panels.tasks import Tasks

            return Tasks(session, group, self.fetching)

        def label_table() -> QWidget:
            from earmark.ui.labels_table import LabelsTable

            return LabelsTable(
                session,
                fill_menu=self.menus.fill_for_labels,
                transcribe=self._transcribe,
            )

        def jobs() -> QWidget:
            from earmark.ui.queue import Jobs

            return Jobs(session)

        def history() -> QWidget:
            from earmark.ui.history import History

            return History(session)

        def find() -> QWidget:
            from earmark.ui.find_sounds import FindSounds

            if EMBEDDINGS not in session.plugins.tasks:
                return _without_embeddings()
            return FindSounds(session, self.sounds, self.fetching)

        def sound_map() -> QWidget:
            from earmark.ui.sound_map import SoundMap

            if EMBEDDINGS not in session.plugins.tasks:
                return _without_embeddings()
            return SoundMap(session, self.sounds, self.docks["find"].reveal)

        makers: tuple[tuple[str, str, Callable[[], QWidget]], ...] = (
            ("browser", "Clips", browser),
            ("history", "History", history),
            ("understand", "Understand", lambda: tasks("understand")),
            ("generate", "Generate", lambda: tasks("generate")),
            ("labels", "Labels", label_table),
            ("jobs", "Jobs", jobs),
            ("find", "Find", find),
            ("map", "Map", sound_map),
        )
        for name, title, make in makers:
            self.docks[name] = Dock(name, title, make, self)

    def _add_commands(self) -> None:
        session = self._session
        self.commands.add(self.files.commands())
        self.commands.add(edit.commands(session, self.editing))
        self.commands.add(clips.commands(session, rename=self.rename_clip))
        self.commands.add(view.commands(session, self.editor))
        self.commands.add(self._dock_commands())
        self.commands.add(transport.commands(session, self.recorder))
        self.commands.add(
            labels.commands(
                session,
                self.editing,
                self.editor,
                find=self.find_label,
                vocabulary=self.edit_vocabulary,
                rename_track=self.rename_track,
            )
        )
        self.commands.add(speakers.commands(session, self.editing, self))
        self.commands.add(
            tools.commands(
                session,
                show_task=self.show_task,
                run_task=self.run_task,
                check_take=self.check_take,
                find_alike=self.find_alike,
                models=self.show_models,
                preferences=self.show_preferences,
                palette=self.show_palette,
                print_keys=self.print_keys,
                about=self.show_about,
            )
        )
        own = {command.id for command in self.commands.all()}
        for command in session.plugins.commands(session):
            if command.id not in own:
                # A key of ours that a plugin took as well would do neither.
                free = [key for key in command.keys if not self.commands.users_of(key)]
                self.commands.add([replace(command, keys=tuple(free))])
        self.commands.add(
            [Command("file.quit", "Quit", self._quit, "File", ("Ctrl+Q",), section=9)]
        )

    def _dock_commands(self) -> list[Command]:
        def toggle(dock: Dock) -> None:
            if dock.isVisible() and not dock.visibleRegion().isEmpty():
                focused = QApplication.focusWidget()
                if focused is not None and dock.isAncestorOf(focused):
                    self.editor.setFocus()
                dock.close()
            else:
                dock.reveal()
                focus_panel(dock)

        def is_shown(dock: Dock) -> bool:
            return not dock.isHidden()

        shown = [
            Command(
                f"view.dock_{name}",
                dock.windowTitle(),
                partial(toggle, dock),
                "View/Panels",
                (f"Alt+{number}",),
                checked=partial(is_shown, dock),
            )
            for number, (name, dock) in enumerate(self.docks.items(), 1)
        ]
        return [
            *shown,
            Command("view.next_panel", "Go to the next panel",
                    partial(step_panel, self, 1), "View/Panels", ("F6",), section=1),
            Command("view.previous_panel", "Go to the previous panel",
                    partial(step_panel, self, -1), "View/Panels", ("Shift+F6",),
                    section=1),
            Command("view.reset_layout", "Reset layout", self.reset_layout,
                    "View/Panels", section=2),
            Command("view.full_screen", "Full screen", self._toggle_full_screen, "View",
                    ("F11",), checked=self.isFullScreen, section=2),
        ]  # fmt: skip

    def _fill_menus(self) -> None:
        self.commands.fill(
            self.menuBar(),
            lists={
                "File/Recent projects": ("file.open_project", self.files.fill_recent)
            },
        )

    def _arrange(self) -> None:
        area = Qt.DockWidgetArea
        docks = self.docks
        for name, where in (
            ("browser", area.LeftDockWidgetArea),
            ("understand", area.RightDockWidgetArea),
            ("labels", area.BottomDockWidgetArea),
        ):
            self.addDockWidget(where, docks[name])
        for first, second in (
            ("browser", "history"),
            ("understand", "generate"),
            ("generate", "find"),
            ("find", "map"),
            ("labels", "jobs"),
        ):
            self.tabifyDockWidget(docks[first], docks[second])
        for dock in docks.values():
            dock.show()
        for name in ("browser", "understand", "labels"):
            docks[name].raise_()
        self.setCorner(Qt.Corner.BottomLeftCorner, area.LeftDockWidgetArea)
        self.setCorner(Qt.Corner.BottomRightCorner, area.RightDockWidgetArea)
        self.resizeDocks(
            [docks["browser"], docks["understand"]],
            [264, 320],
            Qt.Orientation.Horizontal,
        )
        self.resizeDocks([docks["labels"]], [208], Qt.Orientation.Vertical)
        for dock in docks.values():
            dock.fit_title()

    def _restore_geometry(self) -> None:
        kept = self._session.store.settings.window.geometry
        if kept:
            self.restoreGeometry(_bytes(kept))

    def _restore_docks(self) -> None:
        kept = self._session.store.settings.window.state
        if kept:
            self.restoreState(_bytes(kept), _LAYOUT_VERSION)

    def _connect(self) -> None:
        session = self._session
        refresh = self.commands.refresh_soon
        for signal in (
            session.project_opened,
            session.project_changed,
            session.clip_changed,
            session.selection_changed,
            session.labels_selected,
            session.clips_selected,
            session.active_track_changed,
            session.playback_changed,
        ):
            signal.connect(refresh)
        session.project_opened.connect(self._show_title)
        session.clip_changed.connect(self._show_title)
        session.project_changed.connect(self._show_title)
        session.settings_changed.connect(
            lambda: self.commands.rebind(session.store.settings.keys)
        )
        session.error.connect(self.errors.show)
        self.commands.failed.connect(self.errors.show)
        self.editor.menu_requested.connect(self.menus.show_for_editor)
        self.editor.track_menu_requested.connect(self.menus.show_for_track)
        self.editor.hovered.connect(self.status.show_cursor)

    def _show_title(self, *_: object) -> None:
        session = self._session
        parts = [session.project.name]
        if session.project.read_only:
            parts[0] += " (read-only)"
        if session.clip is not None:
            parts.insert(0, session.clip.name)
        self.setWindowTitle(" \N{EN DASH} ".join([*parts, "Earmark"]))

    def _check_take_of(self, clip: int) -> None:
        try:
            check_take(self._session, clip)
        except EarmarkError as error:
            self.errors.show(error)
        else:
            self.docks["jobs"].reveal()

    def _transcribe(self) -> None:
        tasks = self._session.plugins.tasks.values()
        for task in tasks:
            if task.group == "understand":
                self.show_task(task)
                return
        self.docks["understand"].reveal()

    def _drop(self, paths: list[Path]) -> None:
        self.files.open(paths)

    def _quit(self) -> None:
        # What ran the command asks the project once more, which must be open then.
        QTimer.singleShot(0, self, self.close)

    def _toggle_full_screen(self) -> None:
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)


def _needs(widget: QWidget, event: QKeyEvent) -> bool:
    """Whether a control would use a plain key itself."""
    plain = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    if plain not in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier):
        return False
    key = Qt.Key(event.key())
    if isinstance(widget, QAbstractButton):
        return key == Qt.Key.Key_Space
    if isinstance(widget, QComboBox):
        return key in _MOVING or key == Qt.Key.Key_Space
    if isinstance(widget, QAbstractSlider | QTabBar):
        return key in _MOVING
    if isinstance(widget, QAbstractItemView):
        return key in _MOVING
    return False


def _without_embeddings() -> QWidget:
    return EmptyState(
        "ph.puzzle-piece",
        "No embeddings",
        "This comes with the plugin embeddings, which is switched off or failed. See "
        "Preferences > Plugins.",
    )


def _open(dialog: QDialog) -> None:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()


def _text(data: QByteArray) -> str:
    return bytes(data.toBase64().data()).decode("ascii")


def _bytes(text: str) -> QByteArray:
    return QByteArray.fromBase64(QByteArray(text.encode("ascii")))
