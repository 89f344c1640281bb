"""What a runner is handed: the audio, the model, and the way back to the clip."""

from __future__ import annotations

import contextvars
import functools
import math
import re
import time
from collections import deque
from collections.abc import (
    Callable,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from earmark.audio.flaws import Flaw, Flaws
from earmark.core.errors import Cancelled, EarmarkError
from earmark.core.labels import TrackKind
from earmark.core.tasks import (
    AudioFile,
    AudioInput,
    Job,
    ModelRef,
    Prediction,
    Result,
    Text,
    Usage,
)
from earmark.engine import loaders

T = TypeVar("T")
Made = TypeVar("Made")
Samples = NDArray[np.float32]

_AHEAD = 16
"""How many inputs are read before they are needed."""

Read = Callable[[AudioInput, int, Flaws], Iterator[Samples]]
"""Renders an input to mono at a rate, in blocks of any length, shape (frames,), finite.
Where what it is made of is flawed it has said before it gives a block."""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of the audio a runner works on.

    Attributes
    ----------
    start_s, stop_s : float
        Where it is, in the seconds that `Context.label` takes; `stop_s` is before the
        end of `samples` if the last window was filled up with silence.
    samples : ndarray, float32, shape (frames,)
    """

    start_s: float
    stop_s: float
    samples: Samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the engine gives every context: the world outside the job.

    Attributes
    ----------
    read : callable
        Renders an `AudioInput` to mono samples at a rate, block by block.
    output : Path
        The folder for generated audio.
    cache : Path
        The cache folder.
    models : ModelCache
    memory_budget_mb : float
    cancelled : callable
        Tells whether the job was cancelled.
    used : callable
        Told (device, dtype, note) when it is known what runs.
    said : callable
        Told what goes on, for the job's row: "loading the model".
    told : mapping of str to Text
        By role, what the job told before it was interrupted.
    """

    read: Read
    output: Path
    cache: Path
    models: loaders.ModelCache
    memory_budget_mb: float
    cancelled: Callable[[], bool]
    used: Callable[[str, str, str], None] = field(default=lambda *_: None)
    said: Callable[[str], None] = field(default=lambda _: None)
    told: Mapping[str, Text] = field(default_factory=dict)


class Context:
    """What a runner is handed for one job.

    All its seconds count from the first sample that `audio` gives: the start of the
    job's region or, in a job that is resumed, the point up to which the results were
    kept. A runner that labels what it hears where it hears it is right in both cases.

    Attributes
    ----------
    job : Job
        `params` are plain values; make the task's own `Params` from them.
    model : ModelRef or None
    device : str
        "cpu", "cuda:0" or "mps": where to load the model.
    small : bool
        The job ran out of memory once: take the smallest batch.
    """

    def __init__(
        self,
        job: Job,
        surroundings: Surroundings,
        *,
        device: str = "cpu",
        small: bool = False,
        note: str = "",
    ) -> None:
        self.job = job
        self.model: ModelRef | None = job.model
        self.device = device
        self.small = small
        self._surroundings = surroundings
        self._audio_s: float | None = None
        self._flaws = Flaws()
        self._load_s = 0.0
        self._used = ("", "")
        self._notes = [note] if note else []

    @functools.cached_property
    def _input(self) -> AudioInput:
        """The part of the input that is still to be heard."""
        given = self.job.input
        if given is None:
            raise EarmarkError(f"The task {self.job.task} was given no audio.")
        resume = self.job.resume_frame
        if resume is None:
            return given
        return replace(given, start=min(max(resume, given.start), given.stop))

    @property
    def folder(self) -> Path:
        """The folder of the job's model.

        Raises
        ------
        EarmarkError
            If none was chosen, or the model comes with a library.
        """
        if self.model is None or self.model.path is None:
            raise EarmarkError("No model was chosen.", "Choose one that is on disk.")
        return self.model.path

    @property
    def duration_s(self) -> float:
        """Length of the audio to be heard."""
        return (self._input.stop - self._input.start) / self._input.rate

    @property
    def load_s(self) -> float:
        """Seconds that the job has spent on loading models."""
        return self._load_s

    @property
    def offset_s(self) -> float:
        """How far into the job's region `audio` starts; 0 unless it is resumed."""
        given = self.job.input
        return 0.0 if given is None else (self._input.start - given.start) / given.rate

    def told(self, role: str) -> Text | None:
        """What the job told of its whole input before it was interrupted.

        None unless it is resumed: what is yielded early, such as the language that was
        detected, need not be found anew.
        """
        resumed = self.job.resume_frame is not None
        return self._surroundings.told.get(role) if resumed else None

    def audio(self, rate: int) -> Samples:
        """All of the audio to be heard.

        Parameters
        ----------
        rate : int
            What the model wants; the audio is resampled to it.

        Returns
        -------
        ndarray, float32, shape (frames,)
            Mono: the input's channel, or the mean of all.
        """
        blocks = list(self._stream(rate))
        return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)

    @property
    def cache(self) -> Path:
        """The folder for what may be computed again; see `VectorStore`."""
        return self._surroundings.cache

    def frames(self, start_s: float, stop_s: float) -> tuple[int, int]:
        """The frames of the clip at some seconds, half-open, counted as in `label`."""
        start = self._frame("start_s", start_s, self._input.start)
        stop = self._frame("stop_s", stop_s, self._input.stop)
        return start, max(start, stop)

    def flawed(self, flaw: Flaw, start_s: float, stop_s: float) -> float:
        """The share of some seconds that is clipped, or holds no numbers, 0 to 1.

        Of what was read, in the last or the present reading of the audio; what holds no
        numbers is read as silence.

        Parameters
        ----------
        flaw : {"unreadable", "clipped"}
        start_s, stop_s : float
            Counted as in `label`.
        """
        return self._flaws.share(flaw, *self.frames(start_s, stop_s))

    def flaws(self, flaw: Flaw) -> list[tuple[float, float]]:
        """Where what was read is clipped, or holds no numbers, in seconds."""
        given = self._input
        runs = self._flaws.runs(flaw, given.start, given.stop) - given.start
        return [(start, stop) for start, stop in (runs / given.rate).tolist()]

    def examples(self, rate: int) -> list[tuple[str, Samples]]:
        """The sounds that the job was given to compare with: name and samples.

        Samples are mono at `rate`, float32, shape (frames,).
        """
        heard = []
        for example in self.job.examples:
            self.check()
            blocks = list(self._surroundings.read(example.audio, rate, Flaws()))
            samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
            heard.append((example.name, samples))
        return heard

    def _stream(self, rate: int) -> Iterator[Samples]:
        """The audio to be heard in blocks of any length; each is a cancel point."""
        self.check()
        self._flaws = Flaws()
        for samples in read_ahead(
            self._surroundings.read(self._input, rate, self._flaws)
        ):
            self.check()
            yield samples
        self._audio_s = self.duration_s

    def blocks(self, rate: int, block_s: float) -> Iterator[tuple[float, Samples]]:
        """The audio piece by piece, for a model that streams.

        Yields
        ------
        start_s : float
        samples : ndarray, float32, shape (frames,)
            The last one may be shorter.
        """
        for window in self.windows(rate, block_s, block_s, pad=False):
            yield window.start_s, window.samples

    def windows(
        self, rate: int, window_s: float, hop_s: float, *, pad: bool = True
    ) -> Iterator[Window]:
        """Overlapping windows over the audio, for a model that hears a fixed length.

        Only a window's worth of audio is held at a time.

        Parameters
        ----------
        rate : int
        window_s, hop_s : float
            Length, and distance from start to start, which may not be longer.
        pad : bool
            Fill the last window up with silence to the full length.

        Yields
        ------
        Window
            Together they cover all of the audio.
        """
        for window in windows_of(self._stream(rate), rate, window_s, hop_s, pad=pad):
            self.check()
            yield window

    def companion(self, task: str) -> ModelRef:
        """The model of another task that the job's task named as a companion.

        Raises
        ------
        EarmarkError
            If there was none on this machine.
        """
        if task not in self.job.companions:
            what = task.replace("-", " ")
            raise EarmarkError(
                f"This also needs a model for {what}, and there is none.",
                f"Choose one in the panel of {what}, or get one: `earmark models`.",
            )
        return self.job.companions[task]

    def cached(
        self,
        key: Hashable,
        load: Callable[[], T],
        *,
        model: ModelRef | None = None,
    ) -> T:
        """Give a loaded model, kept for later jobs while the memory budget allows.

        Parameters
        ----------
        key : hashable
            What else tells it apart beside model, revision and device, such as the
            kind of numbers it computes with.
        load : callable
            Takes nothing and gives the model; called only if it is not there.
        model : ModelRef, optional
            The model that is loaded, if it is not the job's.
        """
        self.check()
        started = time.perf_counter()

        def load_and_say() -> T:
            self._surroundings.said("loading the model")
            return load()

        try:
            return loaders.cached(
                self._surroundings.models,
                model or self.model,
                self.device,
                key,
                load_and_say,
                job=self.job.id,
                budget_mb=self._surroundings.memory_budget_mb,
            )
        finally:
            self._load_s += time.perf_counter() - started

    def pipeline(
        self,
        task: str,
        *,
        model: ModelRef | None = None,
        **kwargs: Any,
    ) -> Any:
        """Give a `transformers` pipeline over the job's model, cached.

        It is loaded from the folder on disk and from safetensors only, runs no code
        of the model's, searches with one beam, and stops when the job is cancelled.

        Parameters
        ----------
        task : str
            As `transformers.pipeline` names it.
        model : ModelRef, optional
            The model that is loaded, if it is not the job's.
        **kwargs
            For `transformers.pipeline`.
        """
        key = ("pipeline", task, repr(sorted(kwargs.items())))
        ref = model or self.model
        pipeline = self.cached(
            key,
            lambda: loaders.load_pipeline(task, ref, self.device, **kwargs),
            model=ref,
        )
        self.use(str(pipeline.device), str(pipeline.model.dtype).removeprefix("torch."))
        return pipeline

    def use(self, device: str, dtype: str, note: str = "") -> None:
        """Say what really runs: "cuda:0", "float16", and what is worth knowing."""
        self._used = (device, dtype)
        if note:
            self._notes.append(note)
        self._surroundings.used(device, dtype, self.notes)

    @property
    def used(self) -> tuple[str, str]:
        """The device and the kind of numbers that were said last."""
        return self._used

    def note(self, text: str) -> None:
        """Say what is worth knowing about how the job went."""
        self._notes.append(text)
        self._surroundings.used(*self._used, self.notes)

    @property
    def notes(self) -> str:
        """All that was noted, in one line."""
        return "; ".join(dict.fromkeys(self._notes))

    def usage(self, run_s: float) -> Usage:
        """What the job used, given the seconds it worked, loading included."""
        device, dtype = self._used
        return Usage(
            device=device or self.device,
            dtype=dtype,
            audio_s=self._audio_s,
            load_s=self._load_s,
            run_s=max(0.0, run_s - self._load_s),
            memory_mb=loaders.resident_mb(),
            note=self.notes,
        )

    def label(
        self,
        start_s: float | None,
        stop_s: float | None,
        text: str,
        *,
        tier: str = "",
        kind: TrackKind = "labels",
        score: float | None = None,
        low_hz: float | None = None,
        high_hz: float | None = None,
        speaker: str = "",
        channel: int | None = None,
    ) -> Prediction:
        """Give a prediction at a place of the clip.

        The one place where a model's seconds become frames of the clip.

        Parameters
        ----------
        start_s, stop_s : float or None
            Counted from the first sample of `audio`. None is an open end and becomes
            the start or the end of the audio; what lies outside is moved to the edge.
        text : str
        tier : str, optional
            The track it belongs to; predictions of one tier become one track.
        kind : {"labels", "segments", "words", "speakers"}
            A job can be resumed behind its last "segments".
        score : float, optional
            As the model gives it.
        low_hz, high_hz : float, optional
        speaker : str, optional
        channel : int, optional
            0-based; all channels, or the input's own, if not given.

        Raises
        ------
        ValueError
            If a time, a bound or the score is not a number.
        """
        start = self._frame("start_s", start_s, self._input.start)
        stop = self._frame("stop_s", stop_s, self._input.stop)
        return Prediction(
            tier=tier,
            start=start,
            stop=max(start, stop),
            text=str(text),
            kind=kind,
            low_hz=_number("low_hz", low_hz),
            high_hz=_number("high_hz", high_hz),
            channel=self._input.channel if channel is None else int(channel),
            score=_number("score", score),
            speaker=speaker,
        )

    def _frame(self, name: str, seconds: float | None, open_end: int) -> int:
        """The frame of the clip at some seconds, or `open_end` for None."""
        if seconds is None:
            return open_end
        if math.isnan(seconds):
            raise ValueError(f"the model gave a label whose {name} is not a number")
        first, last = self._input.start, self._input.stop
        at = first + min(max(float(seconds), 0.0), self.duration_s) * self._input.rate
        return min(round(at), last)

    def write_audio(
        self,
        samples: NDArray[Any],
        rate: int,
        name: str,
        scores: dict[str, float] | None = None,
    ) -> AudioFile:
        """Write generated audio into the project as a float WAV file.

        Audio that goes beyond full scale is turned down as a whole until its peak fits,
        and the job's note says by how much; nothing is clipped.

        Parameters
        ----------
        samples : ndarray, shape (frames,) or (frames, channels)
        rate : int
        name : str
            Of the clip that it becomes.
        scores : dict, optional
            What the model says about it.

        Returns
        -------
        AudioFile
            Of a file that was opened again and found as long as what was written.

        Raises
        ------
        EarmarkError
            If there are no samples or some are not finite.
        """
        self.check()
        sound = np.asarray(samples, np.float32)
        if sound.ndim == 1:
            sound = sound[:, None]
        if sound.ndim != 2 or not sound.size:
            raise EarmarkError(
                f"The model gave no audio for “{name}” (shape {np.shape(samples)}).",
                "Try another text, seed or length.",
            )
        if not np.isfinite(sound).all():
            raise EarmarkError(
                f"The model gave audio for “{name}” that holds values which are no "
                "numbers.",
                "Try another seed, or run it in float32 on the CPU.",
            )
        peak = float(np.abs(sound).max())
        if peak > 1.0:
            sound = sound / peak
            gain_db = 20 * math.log10(peak)
            self._notes.append(f"turned down by {gain_db:.1f} dB to fit full scale")
        from earmark.audio.files import write_audio

        path = self._free_path(name)
        info = write_audio(path, sound, rate, sound.shape[1], subtype="FLOAT")
        if info.frames != len(sound):
            path.unlink()
            raise EarmarkError(
                f"{path} holds {info.frames} of {len(sound)} frames after writing it.",
                "Check that the disk is not full.",
            )
        self._audio_s = (self._audio_s or 0.0) + len(sound) / rate
        return AudioFile(
            path=path,
            rate=rate,
            channels=sound.shape[1],
            frames=len(sound),
            name=name,
            scores={key: float(value) for key, value in (scores or {}).items()},
        )

    def _free_path(self, name: str) -> Path:
        """A file of the output folder that is not there yet."""
        folder = self._surroundings.output
        folder.mkdir(parents=True, exist_ok=True)
        stem = re.sub(r"[^\w-]+", "-", name).strip("-")[:40] or "audio"
        number = 0
        while True:
            suffix = f"-{number}" if number else ""
            path = folder / f"{stem}-job{self.job.id}{suffix}.wav"
            if not path.exists():
                return path
            number += 1

    def check(self) -> None:
        """Raise `Cancelled` if the job was, with all that run together with it."""
        if self._surroundings.cancelled():
            raise Cancelled


Outcome = tuple[Context, Sequence[Result] | EarmarkError]
"""Of a job among many: its results, or why there are none."""


def windows_of(
    blocks: Iterator[Samples],
    rate: int,
    window_s: float,
    hop_s: float,
    *,
    pad: bool = True,
) -> Iterator[Window]:
    """Overlapping windows over audio that comes in blocks; see `Context.windows`."""
    length = max(1, round(window_s * rate))
    hop = max(1, round(hop_s * rate))
    if hop > length:
        raise ValueError(f"hop_s {hop_s} is longer than window_s {window_s}")
    start = 0
    held = np.zeros(0, np.float32)
    ended = False
    while not ended:
        parts = [held]
        missing = length - len(held)
        # One sample more tells whether this window is the last one.
        while missing >= 0 and not ended:
            block = next(blocks, None)
            if block is None:
                ended = True
            else:
                parts.append(block)
                missing -= len(block)
        held = np.concatenate(parts)
        while len(held) > length or (ended and len(held)):
            heard = held[:length]
            window = heard
            if pad and len(heard) < length:
                window = np.pad(heard, (0, length - len(heard)))
            yield Window(start / rate, (start + len(heard)) / rate, window)
            if ended and len(held) <= length:
                return
            start += hop
            held = held[hop:]


def read_ahead(blocks: Iterator[T]) -> Iterator[T]:
    """The same, each made on another thread while the one before it is worked on."""
    with ThreadPoolExecutor(1, "reader") as pool:
        coming = pool.submit(next, blocks, None)
        while (block := coming.result()) is not None:
            coming = pool.submit(next, blocks, None)
            yield block


def audio_of(
    contexts: Sequence[Context], rate: int
) -> Iterator[tuple[Context, Samples | EarmarkError]]:
    """The audio of contexts in their order, the next ones read meanwhile.

    Parameters
    ----------
    contexts : sequence of Context
        As a runner of many is handed them.
    rate : int
        What the model wants.

    Yields
    ------
    context : Context
    audio : ndarray, float32, shape (frames,), or EarmarkError
        Mono samples, or why they cannot be read.
    """

    def read(context: Context) -> Samples | EarmarkError:
        try:
            return context.audio(rate)
        except EarmarkError as error:
            return error

    yield from overlapped(contexts, read, ahead=_AHEAD)


def outcomes(
    found: Iterable[tuple[Context, T | EarmarkError]],
    results: Callable[[Context, T], Iterable[Result]],
) -> Iterator[Outcome]:
    """What a runner of many yields: each context with what is made of what was found.

    Parameters
    ----------
    found : iterable
        Contexts, each with what was found in its input, or why nothing was.
    results : callable
        Makes results of it.
    """
    for ctx, each in found:
        if isinstance(each, EarmarkError):
            yield ctx, each
        else:
            yield ctx, [*results(ctx, each)]


def overlapped(
    given: Iterable[T],
    work: Callable[[T], Made],
    *,
    ahead: int,
    workers: int = 1,
    begin: Callable[[], None] | None = None,
) -> Iterator[tuple[T, Made]]:
    """What was given, in its order, each with what was made of it on other threads.

    Parameters
    ----------
    given : iterable
    work : callable
        Runs in the surroundings of who asks, so that the job can be cancelled in it.
    ahead : int
        How many are worked on before they are needed.
    workers : int, optional
        Threads.
    begin : callable, optional
        Is called on each thread before it works.
    """
    with ThreadPoolExecutor(workers, "ahead", initializer=begin) as pool:
        coming: deque[tuple[T, Future[Made]]] = deque()
        try:
            for each in given:
                made = pool.submit(contextvars.copy_context().run, work, each)
                coming.append((each, made))
                if len(coming) > ahead:
                    first, made = coming.popleft()
                    yield first, made.result()
            for first, made in coming:
                yield first, made.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _number(name: str, value: float | None) -> float | None:
    """A finite float, or None."""
    if value is None:
        return None
    if not math.isfinite(value):
        raise ValueError(f"the model gave a label whose {name} is {value}")
    return float(value)
