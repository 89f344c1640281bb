"""The host that `crash` kills: it edits labels while a transcription runs.

    python -m tests.benchmarks.crash_host PROJECT RECORDING

Each line on standard output was true when it was written: ``edit N`` after the N-th
edit was committed, ``segment N`` after the N-th segment was stored, ``engine PID``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil

from earmark.cli.studio import FINISHED, Studio
from earmark.core.labels import Label
from earmark.core.tasks import Prediction
from earmark.engine.queue import JobEvent
from earmark.models.choice import model_for


def main(project: Path, recording: Path) -> None:
    """Transcribe and edit, until killed or done."""
    with Studio(project) as studio:
        clip = studio.add_clip(recording)
        with studio.project.edit("Add track") as edit:
            track = edit.add_track(clip.id, "mine")
        task = studio.plugins.task("speech-recognition")
        model = model_for(studio.library, task, "", studio.settings)
        edits = segments = 0
        engine_told = False

        def listen(event: JobEvent) -> None:
            nonlocal edits, segments, engine_told
            for result in event.new_results:
                if isinstance(result, Prediction) and result.kind == "segments":
                    segments += 1
                    say(f"segment {segments}")
            if not engine_told:
                for child in psutil.Process().children():
                    engine_told = True
                    say(f"engine {child.pid}")
            for _ in range(5):
                with studio.project.edit("Add label") as edit:
                    edit.add_label(Label(0, track, edits, edits + 1, f"edit {edits}"))
                edits += 1
                say(f"edit {edits}")

        job = studio.queue.submit(
            task.id, {}, model=model, input=studio.audio_input(clip)
        )
        studio.wait([job], listen)
        assert studio.job(job).state in FINISHED
        say(f"ended {studio.job(job).state}")


def say(line: str) -> None:
    """Write a line at once, past every buffer."""
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
