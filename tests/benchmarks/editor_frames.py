"""Frames of the editor at 1920x1080: an hour of stereo and 100,000 labels."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.material import hour_of_stereo
from tests.benchmarks.table import Row, stopwatch

LABELS = 100_000
WIDTH, HEIGHT = 1920, 1080
FRAME_MS = 16.0
FRAME_S = 1 / 60
_DRAWN_S = 0.001


def rows(short: bool) -> Iterator[Row]:
    """How long a frame takes while the view is panned, zoomed, and played."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from earmark.ui.appearance import Appearance

    app = QApplication.instance() or QApplication([])
    count = LABELS // 50 if short else LABELS
    with tempfile.TemporaryDirectory() as folder:
        # What stands around the picture is drawn in each frame, too.
        Appearance(app, Path(folder) / "style").choose("dark")
        session, editor = _shown(Path(folder), count, hour_of_stereo(short), app)
        try:
            yield from _measure(editor, session, app, 10 if short else 150)
            yield from _tiles(editor, session, app)
            yield from _cut(session, app)
        finally:
            editor.shut_down()
            session.close()


def _measure(editor: Any, session: Any, app: Any, times: int) -> Iterator[Row]:
    surface = editor.plot.surface
    rate = session.clip.rate
    for seconds in (3600, 600, 60, 10, 1):
        middle = session.clip.frames // 2
        half = min(middle, seconds * rate // 2)
        editor.plot.fit(middle - half, middle + half)
        _settle(surface, app)

        def pan(number: int) -> None:
            view = surface.stage.view
            step = 24 if (number // 40) % 2 else -24
            surface.set_view(view.scrolled_to(view.first + step))

        yield from _frames(f"pan, {seconds} s in sight", pan, times, app)

    def zoom(number: int) -> None:
        factor = 1.1 if (number // 60) % 2 == 0 else 1 / 1.1
        surface.zoom_at(factor, 700)

    editor.fit()
    _settle(surface, app)
    yield from _frames("zoom", zoom, times, app)
    editor.plot.fit(0, 20 * rate)
    _settle(surface, app)

    def play(number: int) -> None:
        session.move_playhead(rate + number * rate // 60)

    yield from _frames("playhead moves", play, times, app)


def _frames(
    what: str, act: Callable[[int], None], times: int, app: Any
) -> Iterator[Row]:
    """Median and 99th percentile of frames: a change, and all drawn for it.

    They come as often as a display shows them; what is drawn in between, finer, is a
    frame as well.
    """
    taken = []
    for number in range(times):
        due = time.perf_counter() + FRAME_S
        with stopwatch() as watch:
            act(number)
            app.processEvents()
        taken.append(watch.seconds * 1000)
        while time.perf_counter() < due:
            time.sleep(0.001)
            with stopwatch() as watch:
                app.processEvents()
            if watch.seconds > _DRAWN_S:
                taken.append(watch.seconds * 1000)
    yield Row(f"{what}, median", float(np.percentile(taken, 50)), "ms")
    yield Row(
        f"{what}, 99th percentile", float(np.percentile(taken, 99)), "ms", FRAME_MS
    )


def _tiles(editor: Any, session: Any, app: Any) -> Iterator[Row]:
    """How soon the spectrogram is drawn at places that were not seen before."""
    surface, rate = editor.plot.surface, session.clip.rate
    first_s = complete_s = 0.0
    for number, seconds in enumerate((1, 10, 60, 600)):
        start = (300 + 700 * number) * rate % max(1, session.clip.frames // 2)
        with stopwatch() as watch:
            editor.plot.fit(start, start + seconds * rate)
            surface.repaint()
            _wait(lambda: surface.spectrogram.sharp_tiles, app)
            first_s = max(first_s, watch.seconds)
            _wait(lambda: surface.spectrogram.complete, app)
        complete_s = max(complete_s, watch.seconds)
    yield Row("first tile drawn, slowest of four zooms", first_s, "s", 0.15)
    yield Row("spectrogram drawn, slowest of four zooms", complete_s, "s", 0.7)


def _cut(session: Any, app: Any) -> Iterator[Row]:
    """A second cut out at a tenth of the clip: nine tenths of the labels move."""
    frames, rate = session.clip.frames, session.clip.rate
    with stopwatch() as watch:
        with session.project.edit("Cut") as edit:
            edit.cut(session.clip.id, frames // 10, frames // 10 + rate)
        app.processEvents()
    yield Row(
        "cut that moves 90 % of the labels, committed and drawn", watch.seconds, "s"
    )


def _wait(condition: Callable[[], object], app: Any) -> None:
    """Let the window live until a condition holds."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        app.processEvents()
        if condition():
            return
        time.sleep(0.001)
    raise TimeoutError("the picture was not complete after a minute")


def _settle(surface: Any, app: Any) -> None:
    """Wait until the peaks are built and the spectrogram is complete."""
    _wait(lambda: surface.waveform.audio.done and surface.spectrogram.complete, app)


def _shown(folder: Path, count: int, recording: Path, app: Any) -> tuple[Any, Any]:
    """A session and an editor that shows the recording with its labels."""
    from earmark.audio.files import import_file
    from earmark.core.clips import Span
    from earmark.core.labels import STATUSES, Label
    from earmark.core.project import Project
    from earmark.ui.editor import Editor
    from tests.ui.editor.stand_ins import quiet_session

    project = Project.create(folder / "frames.earmark")
    source = import_file(recording)
    spans = (Span(source.id, 0, source.frames),)
    chance = np.random.default_rng(1)
    with project.edit("Import") as edit:
        edit.add_source(source)
        clip = edit.add_clip("hour", source.rate, source.channels, spans)
        edit.set_word("word 7", "#e07a3f", "1")
        for name, part in (("Words", 0.8), ("Segments", 0.15), ("Events", 0.05)):
            track = edit.add_track(clip, name)
            starts = np.linspace(0, source.frames - 1, int(count * part) + 1).astype(
                int
            )
            codes = chance.integers(0, len(STATUSES), len(starts)).tolist()
            edit.add_labels(
                Label(
                    0,
                    track,
                    start,
                    start + (stop - start) * 9 // 10,
                    f"word {number % 50}",
                    low_hz=500.0 if name == "Events" else None,
                    high_hz=4000.0 if name == "Events" else None,
                    score=0.7,
                    status=STATUSES[code],
                )
                for number, (start, stop, code) in enumerate(
                    zip(starts[:-1].tolist(), starts[1:].tolist(), codes, strict=False)
                )
            )
    session = quiet_session(project)
    editor = Editor(session)
    editor.resize(WIDTH, HEIGHT)
    editor.show()
    session.show_clip(clip)
    _settle(editor.plot.surface, app)
    return session, editor
