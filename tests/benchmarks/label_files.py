"""Label files in the window: 100,000 labels in and out, and stalls meanwhile."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.material import hour_of_stereo
from tests.benchmarks.table import Row

LABELS = 100_000
STALL_MS = 50.0
_QUIET_S = 2.0


class Pulse:
    """Lets the window live, and takes down the longest time it did not."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.longest_s = 0.0

    def live(self, until: Callable[[], bool]) -> None:
        """Process events until something is so."""
        last = time.perf_counter()
        while not until():
            self._app.processEvents()
            now = time.perf_counter()
            self.longest_s = max(self.longest_s, now - last)
            last = now
            time.sleep(0.0005)

    def rest(self) -> None:
        """Let what was started settle, and begin anew."""
        end = time.perf_counter() + _QUIET_S
        self.live(lambda: time.perf_counter() > end)
        self.longest_s = 0.0


def rows(short: bool) -> Iterator[Row]:
    """What importing and exporting take, and how long the window stands still."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from earmark.core.plugins import Plugins
    from earmark.core.project import Project
    from earmark.settings import SettingsStore, folders
    from earmark.ui.app import build

    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    count = LABELS // 50 if short else LABELS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        studio = build(
            app,
            Project.create(folder / "Labels.earmark"),
            store=SettingsStore(folders().settings),
            plugins=Plugins(enabled=False),
        )
        studio.window.resize(1920, 1080)
        studio.window.show()
        pulse = Pulse(app)
        studio.window.files.open([hour_of_stereo(short)])
        pulse.live(lambda: studio.session.clip is not None)
        pulse.rest()
        try:
            yield from _import(studio, pulse, _table(folder / "in.csv", studio, count))
            for known, file in (("csv", "out.csv"), ("textgrid", "out.TextGrid")):
                yield from _export(studio, pulse, known, folder / file)
        finally:
            studio.window.close()
            app.processEvents()


def _table(path: Path, studio: Any, count: int) -> Path:
    """A table of labels one after the other through the whole clip."""
    clip = studio.session.clip
    step_s = clip.frames / clip.rate / count
    lines = [
        f"{n * step_s:.6f},{(n + 0.6) * step_s:.6f},bird {n % 17},0.5\n"
        for n in range(count)
    ]
    path.write_text("start,end,label,score\n" + "".join(lines))
    return path


def _import(studio: Any, pulse: Pulse, path: Path) -> Iterator[Row]:
    from earmark.ui.dialogs.import_labels import ImportLabels

    gone: list[bool] = []
    started = time.perf_counter()
    dialog = ImportLabels(studio.session, [path], studio.window)
    dialog.destroyed.connect(lambda: gone.append(True))
    dialog.start()
    pulse.live(lambda: bool(gone))
    yield from _told(f"import {path.suffix}", started, pulse)


def _export(studio: Any, pulse: Pulse, known: str, path: Path) -> Iterator[Row]:
    from earmark.ui.dialogs.export_labels import ExportLabels

    started = time.perf_counter()
    dialog = ExportLabels(studio.session, studio.window)
    ids = [each.id for each in studio.session.formats.formats]
    dialog.format.setCurrentIndex(ids.index(known))
    pulse.live(dialog.export.isEnabled)
    dialog.write(path)
    pulse.live(path.exists)
    yield from _told(f"export {path.suffix}", started, pulse)
    dialog.deleteLater()


def _told(what: str, started: float, pulse: Pulse) -> Iterator[Row]:
    """How long it took, and the longest stall until the views have taken it in."""
    took_s = time.perf_counter() - started
    end = time.perf_counter() + _QUIET_S
    pulse.live(lambda: time.perf_counter() > end)
    yield Row(what, took_s, "s")
    yield Row(f"{what}: longest stall", pulse.longest_s * 1000, "ms", STALL_MS)
    pulse.rest()
