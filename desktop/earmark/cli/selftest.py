"""`earmark selftest` and `earmark demo`: the main job on the demo recording."""

from __future__ import annotations

import importlib.resources
import re
import sys
import tempfile
from pathlib import Path

import click
import numpy as np

from earmark.cli.display import has_display, show_window
from earmark.cli.output import clip_writer
from earmark.cli.studio import Studio
from earmark.core.errors import EarmarkError
from earmark.core.tasks import JobState, Prediction, Text
from earmark.models.choice import companions_of, model_for

MOST_WRONG = 0.15
HEARD = {
    "audio-content": {},
    "audio-events": {},
    "embeddings": {},
    "keyword-spotting": {"keywords": "latency"},
    "language-identification": {},
    "speaker-identification": {},
    "speech-intent": {"intents": "test a line: this is a test\norder: I want a pizza"},
}
"""Tasks that hear the demo with the weights that need no hub, and what they need."""
SENTENCE = "Thank you for calling. Please leave your message after the tone."


@click.command()
def selftest() -> int:
    """Check this installation, offline, with the demo recording.

    It is transcribed, a sentence is spoken and heard back, and every other task that
    has a model on this machine hears it; a few sounds are laid out on a map. Each step
    is printed; the exit code is 0 only if all of them passed.
    """
    demo_file = demo_recording()
    said = (demo_file.parent / "demo.txt").read_text(encoding="utf-8")
    with Studio() as studio, tempfile.TemporaryDirectory() as scratch:
        for failure in studio.plugins.failures:
            print(f"FAILED plugin {failure.name}: {failure.error}")
        demo_rate = word_error_rate(said, transcript(studio, demo_file))
        print(f"transcribed {demo_file.name}: {demo_rate:.0%} of the words differ")
        spoken = speak_sentence(studio, Path(scratch) / "spoken.wav")
        spoken_rate = word_error_rate(SENTENCE, transcript(studio, spoken))
        print(f"spoke and heard back: {spoken_rate:.0%} of the words differ")
        silent = [task for task in HEARD if not heard_by(studio, task, demo_file)]
        mapped = is_mapped(studio, Path(scratch))
        passed = (
            not studio.plugins.failures
            and not silent
            and mapped
            and demo_rate <= MOST_WRONG
            and spoken_rate <= MOST_WRONG
        )
    print("selftest passed" if passed else "selftest FAILED")
    return 0 if passed else 1


@click.command()
@click.option(
    "--out",
    default="demo.srt",
    type=click.Path(path_type=Path),
    help="Where the labels go without a display.",
)
def demo(out: Path) -> int:
    """Transcribe the demo recording: in the window, or here without a display."""
    recording = demo_recording()
    if has_display():
        return show_window([str(recording)], run_task="speech-recognition")
    from earmark.cli import main

    print("There is no display: the same job runs here.", flush=True)
    outcome = main(["transcribe", str(recording), "--out", str(out)])
    if outcome == 0:
        print(out.read_text(encoding="utf-8"))
    return outcome


def demo_recording() -> Path:
    """The recording that ships with Earmark."""
    installed = Path(str(importlib.resources.files("earmark"))) / "assets"
    checkout = Path(__file__).parents[3] / "assets"
    for folder in (installed, checkout):
        if (folder / "demo.wav").exists():
            return folder / "demo.wav"
    raise EarmarkError(
        f"The demo recording is not in {installed}.", "Install Earmark again."
    )


def heard_by(studio: Studio, task_id: str, recording: Path) -> bool:
    """Whether a task hears something in a recording, if it has a model here."""
    task = studio.plugins.task(task_id)
    model = studio.library.default(task)
    if model is None:
        print(f"{task_id}: no model is on this machine")
        return True
    job = studio.queue.submit(
        task.id,
        HEARD[task_id],
        model=model,
        input=studio.audio_input(studio.add_clip(recording)),
        companions=companions_of(
            studio.library, task, studio.plugins.tasks, studio.settings
        ),
    )
    try:
        finish(studio, job)
    except EarmarkError as error:
        print(f"FAILED {error}")
        return False
    told = [r.text for r in studio.project.results(job) if isinstance(r, Text)]
    print(f"{task_id}, {model.id}: {', '.join(filter(None, told)) or 'heard'}")
    return True


def is_mapped(studio: Studio, scratch: Path) -> bool:
    """Whether a few sounds can be laid out on a map.

    A frozen program does so by UMAP, which is compiled when it is first used: what that
    needs may be missing from it.
    """
    method = "umap" if getattr(sys, "frozen", False) else "pca"
    file = scratch / "vectors.npy"
    np.save(file, np.random.default_rng(0).normal(size=(24, 8)).astype(np.float32))
    job = studio.queue.submit("embedding-map", {"vectors": file, "method": method})
    try:
        finish(studio, job)
    except EarmarkError as error:
        print(f"FAILED {error}")
        return False
    places = np.load(file.with_suffix(".map.npy"))
    print(f"embedding-map, {method}: {len(places)} places")
    return bool(np.isfinite(places).all())


def transcript(studio: Studio, recording: Path) -> str:
    """What speech recognition hears in a recording."""
    task = studio.plugins.task("speech-recognition")
    model = model_for(studio.library, task, "", studio.settings)
    chosen = studio.audio_input(studio.add_clip(recording))
    job = studio.queue.submit(task.id, {}, model=model, input=chosen)
    finish(studio, job)
    results = studio.project.results(job)
    told = [r.text for r in results if isinstance(r, Text) and r.role == "transcript"]
    marked = [r for r in results if isinstance(r, Prediction)]
    if not told or not marked:
        raise EarmarkError(f"Nothing was heard in {recording}.")
    return told[0]


def speak_sentence(studio: Studio, out: Path) -> Path:
    """Speak `SENTENCE` into a file."""
    task = studio.plugins.task("text-to-speech")
    model = model_for(studio.library, task, "", studio.settings)
    job = studio.queue.submit(
        task.id, {task.text_param: SENTENCE}, model=model, input=None
    )
    finish(studio, job)
    (take,) = [take for take in studio.project.takes() if take.job == job]
    assert take.clip is not None
    with clip_writer(studio.project.sources(), studio.project.folder) as write:
        write(studio.project.clip(take.clip), out)
    return out


def finish(studio: Studio, job: int) -> None:
    """Wait for a job that must succeed."""
    studio.wait([job], lambda event: None)
    done = studio.job(job)
    if done.state != JobState.DONE:
        raise EarmarkError(f"{done.task} {done.state}: {done.error}")


def word_error_rate(said: str, heard: str) -> float:
    """Share of words that differ, case and punctuation aside."""
    import jiwer

    def plain(text: str) -> str:
        return " ".join(re.findall(r"[a-z0-9']+", text.lower()))

    return float(jiwer.wer(plain(said), plain(heard)))
