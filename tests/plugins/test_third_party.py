"""A stranger's plugin: installed, found, run, broken, and kept apart."""

from __future__ import annotations

import importlib
import shutil
import sys
import textwrap
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from plugins.runners import Engine

from earmark.core.plugins import Plugins
from earmark.core.tasks import Prediction, Task, Text
from earmark.engine import protocol
from earmark.engine.client import ExitReason

PACKAGE = Path(__file__).parent.parent / "third_party_plugin"
BUILT_IN = {
    *("audio-content", "audio-events", "embedding-map", "embeddings", "find-sounds"),
    *("keyword-spotting", "language-identification", "speaker-identification"),
    *("speech-intent", "speech-recognition", "take-check", "text-to-speech"),
    "zero-shot",
}
RATE = 16_000

HOOKED = """
from earmark.api import Params, Task, hookimpl

@hookimpl
def register_tasks():
    return [
        Task(
            id="{name}",
            title="A stranger's",
            summary="A test.",
            group="understand",
            input="audio",
            params=Params,
            runner="{name}:run",
        )
    ]
"""


class Site:
    """A folder of installed packages, as `pip install --target` leaves it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def install_folder(self, project: Path) -> None:
        """Install a package of one module from its project folder."""
        declared = tomllib.loads((project / "pyproject.toml").read_text())["project"]
        for module in project.glob("*.py"):
            shutil.copy(module, self.folder)
        self._record(
            declared["name"],
            declared["version"],
            declared["entry-points"]["earmark.plugins"],
        )

    def install(self, name: str, source: str) -> None:
        """Install a plugin that is one module with the given source."""
        (self.folder / f"{name}.py").write_text(textwrap.dedent(source))
        self._record(name, "0.1", {name: name})

    def _record(self, name: str, version: str, entry_points: dict[str, str]) -> None:
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        lines = [f"{key} = {value}" for key, value in entry_points.items()]
        (info / "entry_points.txt").write_text(
            "\n".join(["[earmark.plugins]", *lines, ""])
        )
        importlib.invalidate_caches()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty folder of packages that Python finds."""
    folder = tmp_path / "site"
    made = Site(folder)
    monkeypatch.syspath_prepend(str(folder))
    yield made
    for name in [path.stem for path in folder.glob("*.py")]:
        sys.modules.pop(name, None)


def discover() -> Plugins:
    """What is installed."""
    plugins = Plugins()
    plugins.discover()
    return plugins


@pytest.fixture
def engine(site: Site, tmp_path: Path) -> Iterator[Engine]:
    """An engine that finds the packages of `site`."""
    made = Engine(tmp_path, PYTHONPATH=str(site.folder))
    yield made
    made.client.close()


@pytest.fixture
def gap(tmp_path: Path) -> Path:
    """Two seconds of noise, of which 0.5 to 1.5 s are silent."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 2 * RATE).astype(np.float32)
    noise[RATE // 2 : 3 * RATE // 2] = 0
    path = tmp_path / "gap.wav"
    soundfile.write(path, noise, RATE)
    return path


def test_an_installed_package_adds_its_task(site: Site) -> None:
    site.install_folder(PACKAGE)
    plugins = discover()
    assert plugins.failures == []
    assert set(plugins.tasks) == BUILT_IN | {"silence"}
    (info,) = (each for each in plugins.infos if each.name == "silence")
    assert (info.distribution, info.version, info.builtin) == (
        "earmark-silence",
        "1.0",
        False,
    )


def test_its_runner_works_in_the_engine(site: Site, engine: Engine, gap: Path) -> None:
    site.install_folder(PACKAGE)
    label, text, end = engine.run(discover().task("silence"), gap)
    assert isinstance(end, protocol.Done)
    assert label == Prediction("silence", RATE // 2, 3 * RATE // 2, "silence")
    assert text == Text("silences", "1 found", {"found": 1})


def test_it_is_as_short_as_the_documents_say() -> None:
    source = (PACKAGE / "earmark_silence.py").read_text().splitlines()
    code = [line for line in source if line.strip() and not line.startswith('"""')]
    assert len(code) <= 45


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("import no_such_library", "no_such_library"),
        ("raise SystemExit(3)", "SystemExit"),
        (
            """
            from earmark.api import hookimpl

            @hookimpl
            def register_tasks():
                raise RuntimeError("the stranger stumbled")
            """,
            "the stranger stumbled",
        ),
        (
            """
            from earmark.api import hookimpl

            @hookimpl
            def register_tasks(window, engine):
                return []
            """,
            "window",
        ),
        (
            """
            from earmark.api import hookimpl

            @hookimpl
            def register_tasks():
                return ["not a task"]
            """,
            "not a task",
        ),
    ],
    ids=["import error", "exit at import", "hook raises", "signature", "rubbish"],
)
def test_a_broken_one_is_named_and_left_out(
    site: Site, source: str, complaint: str
) -> None:
    site.install("stumbler", source)
    plugins = discover()
    (failure,) = plugins.failures
    assert failure.name == "stumbler"
    assert failure.distribution == "stumbler"
    assert complaint in failure.error
    assert set(plugins.tasks) == BUILT_IN


def test_a_broken_one_does_not_take_a_good_one_with_it(site: Site) -> None:
    site.install("stumbler", "import no_such_library")
    site.install_folder(PACKAGE)
    plugins = discover()
    assert [failure.name for failure in plugins.failures] == ["stumbler"]
    assert set(plugins.tasks) == BUILT_IN | {"silence"}


def stranger(site: Site, name: str, runner: str) -> Callable[[], Task]:
    """Install a plugin with a task whose runner is given; gives what finds it."""
    source = HOOKED.format(name=name) + "\n" + textwrap.dedent(runner)
    site.install(name, source)
    return lambda: discover().task(name)


def test_a_runner_that_raises_fails_its_job_with_the_reason(
    site: Site, engine: Engine, gap: Path
) -> None:
    task = stranger(
        site,
        "raiser",
        """
        def run(job, ctx):
            yield ctx.label(0.5, 1.0, "kept")
            raise ValueError("no such tone")
        """,
    )
    kept, end = engine.run(task(), gap)
    assert kept.text == "kept"
    assert isinstance(end, protocol.Failed)
    assert end.error == "ValueError: no such tone"
    assert "raiser.py" in end.traceback


def test_a_runner_that_kills_its_process_loses_only_its_job(
    site: Site, engine: Engine, gap: Path
) -> None:
    task = stranger(
        site,
        "killer",
        """
        import os, signal

        def run(job, ctx):
            yield ctx.label(0.5, 1.0, "never sent, perhaps")
            os.kill(os.getpid(), signal.SIGKILL)
        """,
    )
    site.install_folder(PACKAGE)
    *_, end = engine.run(task(), gap)
    assert isinstance(end, ExitReason)
    assert end.jobs == (1,)
    assert not end.asked
    *_, end = engine.run(discover().task("silence"), gap)
    assert isinstance(end, protocol.Done)


def test_safe_mode_loads_none(site: Site) -> None:
    site.install_folder(PACKAGE)
    plugins = Plugins(enabled=False)
    plugins.discover()
    assert plugins.tasks == {}
    assert "earmark_silence" not in sys.modules
