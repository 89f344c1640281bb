"""`earmark export`: labels and audio out of a project."""

from __future__ import annotations

from pathlib import Path

import click

from earmark.cli.run import tell_losses
from earmark.cli.studio import discovered, settings, write_clip
from earmark.core.clips import Clip
from earmark.core.errors import EarmarkError
from earmark.core.project import Project
from earmark.formats.exchange import documents_from_project
from earmark.formats.registry import FormatRegistry


@click.command()
@click.argument("project", type=click.Path(path_type=Path))
@click.option("--clip", "names", multiple=True, help="Only the clip of this name.")
@click.option("--track", "tracks", multiple=True, help="Only the tracks of this name.")
@click.option("--labels", type=click.Path(path_type=Path), help="A label file.")
@click.option("--format", "format_id", help="Its format if the ending does not tell.")
@click.option("--audio", type=click.Path(path_type=Path), help="An audio file.")
def export(
    project: Path,
    names: tuple[str, ...],
    tracks: tuple[str, ...],
    labels: Path | None,
    format_id: str | None,
    audio: Path | None,
) -> None:
    """Write the labels or the audio of the clips of PROJECT."""
    if labels is None and audio is None:
        raise click.UsageError("Say what to write: --labels FILE or --audio FILE.")
    if not project.exists():
        raise EarmarkError(f"There is no project {project}.", "Check the path.")
    opened = Project.open(project, read_only=True)
    try:
        clips = [c for c in opened.clips() if not names or c.name in names]
        if not clips:
            raise EarmarkError(
                f"{project} has no clip called {', '.join(names) or 'anything'}.",
                "Its clips: " + ", ".join(clip.name for clip in opened.clips()),
            )
        if labels is not None:
            formats = FormatRegistry(discovered(settings()).label_formats())
            wanted = [
                track.id
                for clip in clips
                for track in opened.tracks(clip.id)
                if not tracks or track.name in tracks
            ]
            documents = documents_from_project(
                opened, [clip.id for clip in clips], tracks=wanted
            )
            tell_losses(formats.export_labels(labels, documents, format_id))
            print(f"Wrote {labels}")
        if audio is not None:
            write_audio_of(opened, clips, audio)
    finally:
        opened.close()


def write_audio_of(project: Project, clips: list[Clip], out: Path) -> None:
    """Render one clip to a file, or several into a folder."""
    for clip in clips:
        if len(clips) == 1:
            path = out
        elif out.is_dir():
            path = out / f"{Path(clip.name).stem}.wav"
        else:
            raise EarmarkError(
                f"{len(clips)} clips do not fit into {out}.",
                "Name one with --clip, or give a folder that exists.",
            )
        write_clip(project, clip, path)
        print(f"Wrote {path}")
