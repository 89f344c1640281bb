"""Plugins: what they add, and that a broken one harms nothing else."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from earmark.core import hookspecs
from earmark.core.errors import EarmarkError
from earmark.core.hookspecs import hookimpl
from earmark.core.plugins import Command, Plugins
from earmark.core.tasks import Params, Task, param


class Nothing(Params):
    """No parameters but a text."""

    text: str = param("", "Text", "What to say.")


def task(name: str = "bird-song", **fields: Any) -> Task:
    """A task that can be registered."""
    values: dict[str, Any] = {
        "id": name,
        "title": "Bird song",
        "summary": "Finds birds.",
        "group": "understand",
        "input": "audio",
        "params": Nothing,
        "runner": "birds.runner:run",
    }
    return Task(**(values | fields))


class Birds:
    """A plugin that works."""

    @hookimpl
    def register_tasks(self) -> Sequence[Task]:
        return [task()]

    @hookimpl
    def register_commands(self, host: Any) -> Sequence[Command]:
        return (Command("birds.count", "Count birds", host.count),)

    @hookimpl
    def make_panel(self, task: Task, parent: Any) -> Any:
        return f"panel of {task.id} in {parent}" if task.id == "bird-song" else None

    @hookimpl
    def register_label_formats(self) -> Sequence[Any]:
        return [FORMAT]


FORMAT = SimpleNamespace(
    id="birds", title="Birds", suffixes=(".birds",), read=print, write=print
)
HOST: Any = SimpleNamespace(count=lambda: None)


def raising(*args: Any) -> Any:
    """A hook that fails."""
    raise ZeroDivisionError("no birds")


def nothing() -> list[Any]:
    """A hook that gives nothing."""
    return []


def with_hook(name: str, function: Callable[..., Any]) -> object:
    """A plugin with one hook."""
    return SimpleNamespace(**{name: hookimpl(function)})


def test_a_plugin_adds_tasks_commands_panels_and_formats() -> None:
    plugins = Plugins()
    plugins.register(Birds(), "birds")
    assert plugins.failures == []
    assert list(plugins.tasks) == ["bird-song"]
    assert plugins.task("bird-song").title == "Bird song"
    assert [command.id for command in plugins.commands(HOST)] == ["birds.count"]
    assert plugins.panel(task(), HOST, "a window") == "panel of bird-song in a window"
    assert plugins.panel(task("other"), HOST, "a window") is None
    assert plugins.label_formats() == [FORMAT]


def test_an_unknown_task_names_those_that_are_known() -> None:
    plugins = Plugins()
    plugins.register(Birds(), "birds")
    with pytest.raises(EarmarkError, match=r"no task “bird”.*bird-song"):
        plugins.task("bird")


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        pytest.param(lambda: raising(), "ZeroDivisionError: no birds", id="raises"),
        pytest.param(lambda: sys.exit(3), "SystemExit: 3", id="exits"),
        pytest.param(lambda: None, "not a sequence of tasks", id="gives nothing"),
        pytest.param(lambda: "abc", "not a sequence of tasks", id="gives text"),
        pytest.param(lambda: ["abc"], "not a Task", id="gives no task"),
        pytest.param(lambda: [task(), task()], "already", id="gives a task twice"),
        pytest.param(lambda: [task("Bird Song")], "not a task id", id="bad id"),
        pytest.param(lambda: [task(runner="birds")], "runner “birds”", id="bad runner"),
        pytest.param(lambda: [task(params=dict)], "not a class of", id="bad params"),
        pytest.param(lambda: [task(group="hear")], "group “hear”", id="bad group"),
        pytest.param(lambda: [task(input="sky")], "input “sky”", id="bad input"),
        pytest.param(
            lambda: [task(text_param="words")], "no “words”", id="no such parameter"
        ),
    ],
)
def test_a_plugin_with_unusable_tasks_is_blocked(
    function: Callable[[], Any], reason: str
) -> None:
    plugins = Plugins()
    plugins.register(with_hook("register_tasks", function), "broken")
    plugins.register(Birds(), "birds")
    (failure,) = plugins.failures
    assert (failure.name, failure.hook) == ("broken", "register_tasks")
    assert reason in failure.error
    assert failure.traceback.startswith("Traceback")
    assert list(plugins.tasks) == ["bird-song"]
    assert plugins.names == ["birds"]
    assert {info.name: info.enabled for info in plugins.infos} == {
        "birds": True,
        "broken": False,
    }


def test_a_task_that_is_there_already_blocks_the_second_plugin() -> None:
    plugins = Plugins()
    plugins.register(Birds(), "birds")
    plugins.register(with_hook("register_tasks", lambda: [task()]), "parrots")
    assert [failure.name for failure in plugins.failures] == ["parrots"]
    assert list(plugins.tasks) == ["bird-song"]


@pytest.mark.parametrize(
    ("plugin", "reason"),
    [
        (with_hook("register_tasks", lambda everything: []), "everything"),
        (with_hook("register_birds", nothing), "no hook “register_birds”"),
        (SimpleNamespace(), "implements no hook"),
        (
            SimpleNamespace(register_tasks=hookimpl(wrapper=True)(lambda: (yield))),
            "must not be a wrapper",
        ),
    ],
)
def test_a_plugin_with_wrong_hooks_is_blocked(plugin: object, reason: str) -> None:
    plugins = Plugins()
    plugins.register(plugin, "broken")
    plugins.register(Birds(), "birds")
    (failure,) = plugins.failures
    assert (failure.name, failure.hook) == ("broken", "register")
    assert reason in failure.error
    assert list(plugins.tasks) == ["bird-song"]


def command_ids(plugins: Plugins) -> list[str]:
    return [command.id for command in plugins.commands(HOST)]


@pytest.mark.parametrize(
    ("hook", "function", "use"),
    [
        ("register_commands", raising, command_ids),
        ("register_commands", lambda host: ["quit"], command_ids),
        ("make_panel", raising, lambda p: p.panel(task(), HOST, None)),
        ("register_label_formats", raising, lambda p: p.label_formats()),
        ("register_label_formats", lambda: [1], lambda p: p.label_formats()),
    ],
)
def test_a_plugin_that_fails_later_is_blocked_with_its_tasks(
    hook: str, function: Callable[..., Any], use: Callable[[Plugins], Any]
) -> None:
    plugins = Plugins()
    plugins.register(Birds(), "birds")
    good = use(plugins)
    plugins = Plugins()
    broken = SimpleNamespace(
        register_tasks=hookimpl(lambda: [task("broken")]),
        **{hook: hookimpl(_with_arguments(hook, function))},
    )
    plugins.register(Birds(), "birds")
    plugins.register(broken, "broken")
    assert list(plugins.tasks) == ["bird-song", "broken"]
    found = use(plugins)
    assert str(found) == str(good)
    assert [(failure.name, failure.hook) for failure in plugins.failures] == [
        ("broken", hook)
    ]
    assert list(plugins.tasks) == ["bird-song"]
    assert str(use(plugins)) == str(good)
    assert len(plugins.failures) == 1


def _with_arguments(hook: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with the arguments that the hook asks for."""
    if hook == "make_panel":
        return lambda task, host, parent: function(task, host, parent)
    if hook == "register_commands":
        return lambda host: function(host)
    return lambda: function()


def write_distribution(folder: Path, name: str, code: str) -> None:
    """An installed package with one module and one entry point, both called `name`."""
    (folder / f"{name}.py").write_text(code)
    metadata = folder / f"{name}_dist-1.5.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}-dist\nVersion: 1.5\n"
    )
    (metadata / "entry_points.txt").write_text(
        f"[earmark.plugins]\n{name.replace('_', '-')} = {name}\n"
    )


GOOD = """
from earmark.api import Params, Task, hookimpl

@hookimpl
def register_tasks():
    return [
        Task("frog-song", "Frogs", "Finds frogs.", "understand", "audio", Params,
             "frogs.runner:run")
    ]
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages with a good plugin and two that cannot be imported."""
    site = tmp_path / "site"
    site.mkdir()
    write_distribution(site, "frog_plugin", GOOD)
    write_distribution(site, "missing_plugin", "import no_such_library_at_all")
    write_distribution(site, "exiting_plugin", "import sys; sys.exit('goodbye')")
    monkeypatch.syspath_prepend(str(site))
    for name in ("frog_plugin", "missing_plugin", "exiting_plugin"):
        monkeypatch.delitem(sys.modules, name, raising=False)

    def only_these(group: str) -> list[importlib.metadata.EntryPoint]:
        found = importlib.metadata.entry_points(group=group)
        return [entry for entry in found if entry.value.endswith("_plugin")]

    monkeypatch.setattr("earmark.core.plugins.entry_points", only_these)
    return site


def test_installed_plugins_are_discovered_and_broken_ones_isolated(
    installed: Path,
) -> None:
    plugins = Plugins()
    plugins.discover()
    assert list(plugins.tasks) == ["frog-song"]
    infos = {info.name: info for info in plugins.infos}
    assert infos["frog-plugin"].distribution == "frog_plugin-dist"
    assert (infos["frog-plugin"].version, infos["frog-plugin"].builtin) == (
        "1.5",
        False,
    )
    failures = {failure.name: failure for failure in plugins.failures}
    assert set(failures) == {"missing-plugin", "exiting-plugin"}
    assert "no_such_library_at_all" in failures["missing-plugin"].error
    assert "goodbye" in failures["exiting-plugin"].error
    assert {failure.hook for failure in plugins.failures} == {"import"}


def test_safe_mode_lists_plugins_and_imports_none(installed: Path) -> None:
    plugins = Plugins(enabled=False)
    plugins.discover()
    assert (plugins.tasks, plugins.failures, plugins.names) == ({}, [], [])
    assert [info.name for info in plugins.infos] == [
        "exiting-plugin",
        "frog-plugin",
        "missing-plugin",
    ]
    assert "frog_plugin" not in sys.modules


def test_a_disabled_plugin_is_not_imported(installed: Path) -> None:
    plugins = Plugins(disabled=["frog-plugin", "missing-plugin"])
    plugins.discover()
    assert plugins.tasks == {}
    assert [failure.name for failure in plugins.failures] == ["exiting-plugin"]
    assert "frog_plugin" not in sys.modules


def test_the_built_in_plugins_are_discovered_in_the_same_way() -> None:
    plugins = Plugins()
    plugins.discover()
    builtin = [info for info in plugins.infos if info.builtin]
    assert {"speech-recognition", "text-to-speech"} <= {info.name for info in builtin}
    assert {info.distribution for info in builtin} == {"earmark"}


def test_every_hook_says_when_and_on_which_thread_it_is_called() -> None:
    hooks = [
        hook
        for hook in vars(hookspecs).values()
        if hasattr(hook, "earmark_spec") and callable(hook)
    ]
    assert len(hooks) == 4
    for hook in hooks:
        assert "Called" in hook.__doc__
        assert "thread" in hook.__doc__


class Commanding:
    """A plugin with one command, whose parts do what a test says."""

    def __init__(self, **parts: Any) -> None:
        self.parts = {"run": lambda: None} | parts

    @hookimpl
    def register_commands(self, host: Any) -> list[Command]:
        return [Command("birds.call", "Call birds", **self.parts)]


def test_a_command_that_fails_blocks_its_plugin_and_says_so() -> None:
    plugins = Plugins()
    plugins.register(Commanding(run=raising), "calling")
    (command,) = plugins.commands(HOST)
    assert command.enabled()
    with pytest.raises(EarmarkError, match="calling failed at “Call birds”"):
        command.run()
    assert not command.enabled()
    (failure,) = plugins.failures
    assert (failure.name, failure.hook) == ("calling", "command birds.call")
    assert "no birds" in failure.error


@pytest.mark.parametrize("part", ["enabled", "checked"])
def test_a_command_that_fails_when_it_is_asked_is_not_enabled(part: str) -> None:
    plugins = Plugins()
    plugins.register(Commanding(**{part: raising}), "calling")
    (command,) = plugins.commands(HOST)
    asked = getattr(command, part)
    assert asked is not None
    assert not asked()
    assert not asked()
    assert len(plugins.failures) == 1


def test_what_a_command_tells_a_person_is_no_failure_of_its_plugin() -> None:
    def refuse() -> None:
        raise EarmarkError("There are no birds.", "Wait for spring.")

    plugins = Plugins()
    plugins.register(Commanding(run=refuse), "calling")
    (command,) = plugins.commands(HOST)
    with pytest.raises(EarmarkError, match="There are no birds"):
        command.run()
    assert plugins.failures == []
