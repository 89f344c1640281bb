"""Discovery of plugins, and calls to them that one broken plugin cannot break."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, get_args

import pluggy

from earmark.core import hookspecs
from earmark.core.clips import Clip
from earmark.core.errors import EarmarkError
from earmark.core.tasks import Group, InputKind, Params, Task

if TYPE_CHECKING:
    from earmark.formats import LabelFormat

GROUP = "earmark.plugins"
"""The entry points under which plugins are found."""

T = TypeVar("T")

_TASK_ID = re.compile("[a-z][a-z0-9]*(-[a-z0-9]+)*")
_RUNNER = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Command:
    """Something a person can do: in the menus, on a key, in the palette.

    Attributes
    ----------
    id : str
        Stable and dotted: "edit.split".
    title : str
        As in the menu; also the title of the edit in the history.
    run : callable
        Takes nothing.
    menu : str
        "Edit", or a path: "View/Zoom"; empty keeps it out of the menus.
    keys : tuple of str
        Portable key sequences, "Ctrl+I".
    enabled : callable
        Asked before it runs and when a menu opens.
    checked : callable or None
        For a command that switches something on and off.
    icon : str
    section : int
        Commands of one menu are grouped by it, with a line between groups.
    """

    id: str
    title: str
    run: Callable[[], None]
    menu: str = ""
    keys: tuple[str, ...] = ()
    enabled: Callable[[], bool] = lambda: True
    checked: Callable[[], bool] | None = None
    icon: str = ""
    section: int = 0


class Host(Protocol):
    """What a panel or a command of a plugin may use of the window."""

    @property
    def project(self) -> Any:
        """The open `Project`."""

    @property
    def queue(self) -> Any:
        """The `JobQueue`."""

    @property
    def clip(self) -> Clip | None:
        """The clip that the editor shows."""

    @property
    def active_track(self) -> int | None:
        """The label track that new labels go to."""

    @property
    def playhead(self) -> int:
        """Where the playhead is, a frame of the clip."""

    @property
    def selected_labels(self) -> frozenset[int]:
        """The ids of the selected labels of the clip."""

    def select_labels(self, ids: Iterable[int]) -> None:
        """Select labels of the clip, and bring them into sight."""

    def set_active_track(self, track: int | None) -> None:
        """Choose the track that new labels go to."""

    def set_playhead(self, frame: int) -> None:
        """Move the playhead; while it plays, playing goes on from there."""


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """A plugin that was found.

    Attributes
    ----------
    name : str
        The name of its entry point.
    distribution, version : str
        The package it comes from; empty if it was registered by hand.
    enabled : bool
        False if it was disabled, failed, or in safe mode.
    builtin : bool
        Whether it ships with Earmark.
    """

    name: str
    distribution: str
    version: str
    enabled: bool
    builtin: bool


@dataclass(frozen=True, slots=True)
class PluginFailure:
    """Why a plugin was blocked.

    Attributes
    ----------
    name, distribution : str
    hook : str
        Where it failed: the name of a hook, "import" or "register".
    error : str
        One line.
    traceback : str
    """

    name: str
    distribution: str
    hook: str
    error: str
    traceback: str


class PluginProblem(EarmarkError):  # noqa: N818 - shown to a person as it is
    """What a plugin gave cannot be used."""


class Plugins:
    """The plugins of this process.

    Every call to a plugin is guarded: one that raises, has a hook with a wrong
    signature, or gives something that cannot be used is recorded in `failures` and
    blocked with all it gave before; the others go on.

    Parameters
    ----------
    enabled : bool
        False is the safe mode: plugins are listed, and none is imported.
    disabled : collection of str
        Names of plugins that are not imported.
    """

    def __init__(self, *, enabled: bool = True, disabled: Collection[str] = ()) -> None:
        self._enabled = enabled
        self._disabled = frozenset(disabled)
        self._manager = pluggy.PluginManager("earmark")
        self._manager.add_hookspecs(hookspecs)
        self._infos: dict[str, PluginInfo] = {}
        self._failures: list[PluginFailure] = []
        self._tasks: dict[str, list[Task]] = {}
        self._formats: dict[str, list[LabelFormat]] | None = None

    @property
    def safe_mode(self) -> bool:
        """Whether no plugin is loaded, whatever the preferences say."""
        return not self._enabled

    @property
    def failures(self) -> list[PluginFailure]:
        """What failed so far, in order."""
        return list(self._failures)

    @property
    def infos(self) -> list[PluginInfo]:
        """Every plugin that was found, in order of name; built-in ones first."""
        return sorted(
            self._infos.values(), key=lambda info: (not info.builtin, info.name)
        )

    @property
    def names(self) -> list[str]:
        """The names of the plugins that work."""
        return [info.name for info in self.infos if info.enabled]

    @property
    def tasks(self) -> dict[str, Task]:
        """The tasks of all plugins by their ids; those of built-in plugins first."""
        return {task.id: task for name in self.names for task in self._tasks[name]}

    def task(self, task: str) -> Task:
        """One task.

        Raises
        ------
        EarmarkError
            If no plugin has it; names those there are.
        """
        known = self.tasks
        if task not in known:
            raise EarmarkError(
                f"There is no task “{task}”.",
                f"Known tasks: {', '.join(known) or 'none'}.",
            )
        return known[task]

    def discover(self) -> None:
        """Import and register the installed plugins: entry points `earmark.plugins`."""
        for entry in entry_points(group=GROUP):
            distribution = entry.dist.name if entry.dist else ""
            info = PluginInfo(
                entry.name,
                distribution,
                entry.dist.version if entry.dist else "",
                enabled=self._enabled and entry.name not in self._disabled,
                builtin=distribution == "earmark",
            )
            if entry.name in self._infos:
                other = self._infos[entry.name].distribution or "this program"
                problem = f"{other} has a plugin of the same name."
                self._failures.append(
                    PluginFailure(entry.name, distribution, "import", problem, "")
                )
                continue
            self._infos[entry.name] = info
            if info.enabled:
                with self._guard(entry.name, "import"):
                    self._register(entry.load(), entry.name)

    def register(self, plugin: object, name: str) -> None:
        """Register a module or an object with hooks, as if it had been discovered."""
        if name in self._infos:
            raise ValueError(f"there is a plugin {name} already")
        enabled = self._enabled and name not in self._disabled
        self._infos[name] = PluginInfo(name, "", "", enabled, builtin=False)
        if enabled:
            self._register(plugin, name)

    def label_formats(self) -> list[LabelFormat]:
        """The label formats of all plugins; they are asked once."""
        if self._formats is None:
            self._formats = dict(self._ask("register_label_formats", _checked_formats))
        return [form for name in self.names for form in self._formats.get(name, ())]

    def commands(self, host: Host) -> list[Command]:
        """The commands of all plugins, made for a window.

        They are guarded, too: one that raises anything but an `EarmarkError` blocks its
        plugin, and none of the plugin's commands is enabled any more.
        """
        commands: list[Command] = []

        def check(given: object) -> list[Command]:
            return _checked_commands(given, {command.id for command in commands})

        for name, given in self._ask("register_commands", check, host=host):
            commands += [self._guarded(name, command) for command in given]
        return commands

    def _guarded(self, name: str, command: Command) -> Command:
        where = f"command {command.id}"

        def works() -> bool:
            return self._infos[name].enabled

        def ask(question: Callable[[], bool]) -> bool:
            answer = False
            if works():
                with self._guard(name, where):
                    answer = bool(question())
            return answer

        def run() -> None:
            told: EarmarkError | None = None
            with self._guard(name, where):
                try:
                    command.run()
                except EarmarkError as error:  # meant for the person
                    told = error
            if not works():
                told = EarmarkError(
                    f"The plugin {name} failed at “{command.title}” and was switched"
                    " off.",
                    "What went wrong is in Preferences > Plugins.",
                )
            if told is not None:
                raise told

        checked = command.checked
        return replace(
            command,
            run=run,
            enabled=lambda: ask(command.enabled),
            checked=None if checked is None else lambda: ask(checked),
        )

    def panel(self, task: Task, host: Host, parent: Any) -> Any | None:
        """The panel that a plugin made for a task, or None: use the form."""
        panels = self._ask(
            "make_panel", lambda panel: panel, task=task, host=host, parent=parent
        )
        return next((panel for _, panel in panels if panel is not None), None)

    def _register(self, plugin: object, name: str) -> None:
        with self._guard(name, "register"):
            self._manager.register(plugin, name)
            _check_hooks(self._manager, plugin)
            self._tasks[name] = []
        for _, tasks in self._ask("register_tasks", self._checked_tasks, only=name):
            self._tasks[name] = tasks

    def _ask(
        self,
        hook: str,
        check: Callable[[Any], T],
        *,
        only: str | None = None,
        **arguments: Any,
    ) -> Iterator[tuple[str, T]]:
        """What each plugin gives to a hook and passes the check, in pluggy's order."""
        caller = getattr(self._manager.hook, hook)
        for implementation in reversed(caller.get_hookimpls()):
            name = implementation.plugin_name
            if only not in (None, name):
                continue
            passed = []
            with self._guard(name, hook):
                values = [arguments[key] for key in implementation.argnames]
                passed.append(check(implementation.function(*values)))
            for given in passed:
                yield name, given

    def _checked_tasks(self, given: object) -> list[Task]:
        tasks: list[Task] = []
        known = set(self.tasks)
        for task in _sequence(given, "tasks"):
            _check_task(task)
            if task.id in known:
                raise PluginProblem(f"There is a task “{task.id}” already.")
            known.add(task.id)
            tasks.append(task)
        return tasks

    @contextmanager
    def _guard(self, name: str, hook: str) -> Iterator[None]:
        """Block a plugin on whatever it raises, `sys.exit` included."""
        try:
            yield
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's code
            info = self._infos[name]
            self._failures.append(
                PluginFailure(
                    name,
                    info.distribution,
                    hook,
                    "".join(traceback.format_exception_only(error)).strip(),
                    "".join(traceback.format_exception(error)),
                )
            )
            self._infos[name] = replace(info, enabled=False)
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)


def _check_hooks(manager: pluggy.PluginManager, plugin: object) -> None:
    callers = manager.get_hookcallers(plugin) or []
    if not callers:
        raise PluginProblem("It implements no hook.", "Mark its hooks with @hookimpl.")
    for caller in callers:
        if not caller.has_spec():
            raise PluginProblem(f"There is no hook “{caller.name}”.")
        for implementation in caller.get_hookimpls():
            wraps = implementation.wrapper or implementation.hookwrapper
            if implementation.plugin is plugin and wraps:
                raise PluginProblem(f"“{caller.name}” must not be a wrapper.")


def _sequence(given: object, what: str) -> Sequence[Any]:
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise PluginProblem(f"It gave {given!r}, not a sequence of {what}.")
    return given


def _check_task(task: object) -> None:
    if not isinstance(task, Task):
        raise PluginProblem(f"{task!r} is not a Task.")
    if not (isinstance(task.id, str) and _TASK_ID.fullmatch(task.id)):
        raise PluginProblem(f"“{task.id}” is not a task id such as “voice-activity”.")
    if not (isinstance(task.runner, str) and _RUNNER.fullmatch(task.runner)):
        raise PluginProblem(
            f"The runner “{task.runner}” of {task.id} is not “package.module:function”."
        )
    if not (isinstance(task.params, type) and issubclass(task.params, Params)):
        raise PluginProblem(f"The params of {task.id} are not a class of Params.")
    if task.group not in get_args(Group) or task.input not in get_args(InputKind):
        raise PluginProblem(
            f"{task.id} has the group “{task.group}” and the input “{task.input}”;"
            f" groups are {', '.join(get_args(Group))},"
            f" inputs {', '.join(get_args(InputKind))}."
        )
    if task.text_param and task.text_param not in task.params.model_fields:
        raise PluginProblem(f"The params of {task.id} have no “{task.text_param}”.")


def _checked_commands(given: object, known: set[str]) -> list[Command]:
    commands: list[Command] = []
    for command in _sequence(given, "commands"):
        if not isinstance(command, Command):
            raise PluginProblem(f"{command!r} is not a Command.")
        if command.id in known:
            raise PluginProblem(f"There is a command “{command.id}” already.")
        known.add(command.id)
        commands.append(command)
    return commands


def _checked_formats(given: object) -> list[LabelFormat]:
    # The class itself is out of the core's reach; the registry of formats uses these.
    formats = list(_sequence(given, "label formats"))
    for found in formats:
        for attribute in ("id", "title", "suffixes", "read", "write"):
            if not hasattr(found, attribute):
                raise PluginProblem(
                    f"{found!r} is not a LabelFormat: no “{attribute}”."
                )
    return formats
