"""Runners over real audio files: called in this process, and in an engine's."""

from __future__ import annotations

import importlib
import queue
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from earmark.audio import render
from earmark.audio.files import import_file
from earmark.audio.flaws import Flaws
from earmark.audio.sources import Sources
from earmark.core.clips import Span
from earmark.core.plugins import Plugins
from earmark.core.tasks import (
    AudioFile,
    AudioInput,
    Example,
    Job,
    ModelRef,
    Prediction,
    Progress,
    Result,
    Task,
    Text,
)
from earmark.engine import protocol
from earmark.engine.client import EngineClient, ExitReason
from earmark.engine.context import Context, Surroundings
from earmark.engine.loaders import ModelCache, current_check


@dataclass
class Run:
    """A job that ran in this process, and all that its runner gave."""

    context: Context
    results: list[Result]

    def tier(self, name: str) -> list[Prediction]:
        """The predictions of one tier."""
        return [
            result
            for result in self.results
            if isinstance(result, Prediction) and result.tier == name
        ]

    def text(self, role: str) -> Text:
        """The one text of a role."""
        (text,) = (
            result
            for result in self.results
            if isinstance(result, Text) and result.role == role
        )
        return text

    @property
    def audio(self) -> AudioFile:
        """The one file it wrote."""
        (audio,) = (each for each in self.results if isinstance(each, AudioFile))
        return audio

    @property
    def samples(self) -> NDArray[np.float32]:
        """What is in that file, shape (frames,)."""
        samples, rate = soundfile.read(self.audio.path, dtype="float32")
        assert rate == self.audio.rate
        return samples

    @property
    def progress(self) -> list[float]:
        """The fractions it said."""
        return [
            result.fraction
            for result in self.results
            if isinstance(result, Progress) and result.fraction is not None
        ]


def whole_or_part(path: Path, seconds: tuple[float, float] | None = None) -> AudioInput:
    """A file, or some seconds of it, as the input of a job."""
    source = import_file(path)
    start, stop = 0, source.frames
    if seconds is not None:
        start, stop = (round(at * source.rate) for at in seconds)
    return AudioInput(
        clip=1,
        name=path.stem,
        rate=source.rate,
        channels=source.channels,
        spans=(Span(source.id, 0, source.frames),),
        sources=(source,),
        start=start,
        stop=stop,
    )


class Runners:
    """Runs tasks of the installed plugins in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.models = ModelCache()
        self.plugins = Plugins()
        self.plugins.discover()
        self.sources = Sources(folder / "cache", folder)
        self.cancelled: Callable[[], bool] = lambda: False

    def start(
        self,
        task: str,
        model: ModelRef | None = None,
        audio: Path | None = None,
        *,
        seconds: tuple[float, float] | None = None,
        resume_s: float | None = None,
        examples: Sequence[tuple[str, Path]] = (),
        companions: Mapping[str, ModelRef] | None = None,
        told: Sequence[Text] = (),
        **params: Any,
    ) -> tuple[Context, Iterator[Result]]:
        """A job's context and its runner, which has not begun."""
        declared = self.plugins.task(task)
        given = None if audio is None else whole_or_part(audio, seconds)
        resume = None
        if resume_s is not None and given is not None:
            resume = round(resume_s * given.rate)
        job = Job(
            id=1,
            task=task,
            params=declared.params(**params).model_dump(mode="json"),
            model=model,
            input=given,
            resume_frame=resume,
            companions=dict(companions or {}),
            examples=tuple(
                Example(name, whole_or_part(path)) for name, path in examples
            ),
        )
        surroundings = Surroundings(
            read=self._read,
            output=self.folder / "audio",
            cache=self.folder / "cache",
            models=self.models,
            memory_budget_mb=4096,
            cancelled=lambda: self.cancelled(),
            told={text.role: text for text in told},
        )
        context = Context(job, surroundings)
        module, _, function = declared.runner.partition(":")
        run = getattr(importlib.import_module(module), function)
        return context, run(job, context)

    def __call__(self, task: str, *args: Any, **kwargs: Any) -> Run:
        """Run a job to its end."""
        context, results = self.start(task, *args, **kwargs)
        token = current_check.set(context.check)
        try:
            return Run(context, list(results))
        finally:
            current_check.reset(token)
            self.models.release(1)

    def _read(
        self, given: AudioInput, rate: int, flaws: Flaws
    ) -> Iterator[NDArray[np.float32]]:
        readers = self.sources.readers(given.sources)
        return render.input_blocks(given, rate, mono=True, readers=readers, flaws=flaws)


class Engine:
    """A real engine process, and what it says."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.said: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.client = EngineClient(
            on_message=self.said.put,
            on_exit=self.said.put,
            environment={"OMP_NUM_THREADS": "1"} | environment,
        )
        self._jobs = 0

    def run(
        self,
        task: Task,
        audio: Path | None = None,
        model: ModelRef | None = None,
        **params: Any,
    ) -> list[Any]:
        """Run a task; gives its results, then how it ended."""
        self._jobs += 1
        values = task.params(**params).model_dump(mode="json")
        given = None if audio is None else whole_or_part(audio)
        job = Job(self._jobs, task.id, values, model, given)
        self.client.run(
            protocol.Run(
                (job,),
                task.runner,
                task.many,
                device="cpu",
                cache=self.folder / "cache",
                base=None,
                output=self.folder / "audio",
                memory_budget_mb=1024,
            )
        )
        results: list[Any] = []
        while True:
            message = self.said.get()
            if isinstance(message, protocol.Results):
                results.extend(message.results)
            elif isinstance(message, protocol.Done | protocol.Failed | ExitReason):
                return [*results, message]
