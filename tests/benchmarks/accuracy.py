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
