"""`earmark export`: labels and audio out of a project."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from earmark.audio.files import format_of
from earmark.cli.output import (
    FORMAT_OPTIONS_HELP,
    check_writable,
    clip_writer,
    format_options,
    is_folder,
    known_formats,
    make_folder,
    write_labels,
)
from earmark.cli.studio import stretch
from earmark.core.clips import Clip
from earmark.core.errors import EarmarkError
from earmark.core.project import Project
from earmark.core.sources import check_spared
from earmark.formats.document import stem_of
from earmark.formats.exchange import documents_from_project
from earmark.formats.registry import ExportReport, file_stems


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a clip that becomes a sound file: its name, its range in frames."""

    clip: Clip
    name: str
    start: int
    stop: int


@click.command()
@click.argument("project", type=click.Path(path_type=Path))
@click.option(
    "--clip", "names", multiple=True, metavar="NAME",
    help="Only the clip of this name; may be given again.",
)  # fmt: skip
@click.option(
    "--track", "tracks", multiple=True, metavar="NAME",
    help="Only the tracks of this name; may be given again.",
)  # fmt: skip
@click.option(
    "--labels", metavar="PATH", help="A label file, or a folder: one for each clip."
)
@click.option(
    "--format", "format_id", metavar="FORMAT",
    help="Its format if the ending does not tell.",
)  # fmt: skip
@click.option(
    "--format-option", "format_given", multiple=True, metavar="NAME",
    help=FORMAT_OPTIONS_HELP,
)  # fmt: skip
@click.option(
    "--audio",
    metavar="PATH",
    help="A sound file, or a folder: one for each clip.",
)
@click.option(
    "--audio-format",
    metavar="ENDING",
    default="wav",
    show_default=True,
    help="The ending of sound files in a folder, such as flac.",
)
@click.option(
    "--start", type=click.FloatRange(0), metavar="S", help="Only audio from here."
)
@click.option(
    "--stop", type=click.FloatRange(0), metavar="S", help="Only audio up to here."
)
@click.option(
    "--each-label",
    is_flag=True,
    help="A sound file for each label that was not rejected, in a folder.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print a line of JSON for each file."
)
def export(
    project: Path,
    names: tuple[str, ...],
    tracks: tuple[str, ...],
    labels: str | None,
    format_id: str | None,
    format_given: tuple[str, ...],
    audio: str | None,
    audio_format: str,
    start: float | None,
    stop: float | None,
    each_label: bool,
    as_json: bool,
) -> None:
    """Write the labels or the audio of the clips of PROJECT."""
    if labels is None and audio is None:
        raise click.UsageError("Say what to write: --labels PATH or --audio PATH.")
    if audio is None and (each_label or start is not None or stop is not None):
        raise click.UsageError("--each-label, --start and --stop are about --audio.")
    if labels is None and (format_id is not None or format_given):
        raise click.UsageError("--format and --format-option are about --labels.")
    if each_label and (start is not None or stop is not None):
        raise click.UsageError("Choose --each-label, or --start and --stop.")
    if not project.exists():
        raise EarmarkError(f"There is no project {project}.", "Check the path.")
    opened = Project.open(project, read_only=True)
    try:
        clips = chosen_clips(opened, names)
        wanted = frozenset(chosen_tracks(opened, clips, tracks))
        recordings = [source.path for source in opened.sources()]
        if audio is None:
            sounds = []
        else:
            pieces = (
                list(pieces_of_labels(opened, clips, wanted))
                if each_label
                else [
                    Piece(
                        clip,
                        stem_of(clip.name),
                        *stretch(start, stop, clip.name, clip.rate, clip.frames),
                    )
                    for clip in clips
                ]
            )
            sounds = sound_files(audio, audio_format, pieces, in_folder=each_label)
            check_spared((path for _, path in sounds), recordings)
        if labels is not None:
            documents = documents_from_project(
                opened, [clip.id for clip in clips], tracks=wanted
            )
            for report in write_labels(
                known_formats(),
                documents,
                labels,
                format_id,
                format_options(format_given),
                spared=recordings,
            ):
                tell_labels(report, as_json=as_json)
        with clip_writer(opened.sources(), opened.folder) as write:
            for piece, path in sounds:
                write(piece.clip, path, piece.start, piece.stop)
                tell_sound(piece, path, as_json=as_json)
    finally:
        opened.close()


def chosen_clips(project: Project, names: Sequence[str]) -> list[Clip]:
    """The clips of some names, or all.

    Raises
    ------
    EarmarkError
        If there is none of a name.
    """
    clips = project.clips()
    there = {clip.name for clip in clips}
    missing = [name for name in names if name not in there]
    if missing or not clips:
        raise EarmarkError(
            f"{project.name} has no clip called {', '.join(missing)}."
            if missing
            else f"{project.name} has no clips.",
            f"Its clips: {', '.join(sorted(there)) or 'none'}.",
        )
    return [clip for clip in clips if not names or clip.name in names]


def chosen_tracks(
    project: Project, clips: Sequence[Clip], names: Sequence[str]
) -> list[int]:
    """The tracks of some names of clips, or all.

    Raises
    ------
    EarmarkError
        If no clip has one of a name.
    """
    tracks = [track for clip in clips for track in project.tracks(clip.id)]
    there = {track.name for track in tracks}
    missing = [name for name in names if name not in there]
    if missing:
        raise EarmarkError(
            f"There is no track called {', '.join(missing)}.",
            f"The tracks: {', '.join(sorted(there)) or 'none'}.",
        )
    return [track.id for track in tracks if not names or track.name in names]


def pieces_of_labels(
    project: Project, clips: Sequence[Clip], tracks: Collection[int]
) -> Iterator[Piece]:
    """What each label of some tracks marks, points and rejected ones aside.

    Raises
    ------
    EarmarkError
        If there is no such label.
    """
    found = False
    for clip in clips:
        labels = [
            label
            for track in project.tracks(clip.id)
            if track.id in tracks
            for label in project.labels(track.id)
            if label.stop > label.start and label.status != "rejected"
        ]
        width = len(str(len(labels)))
        for number, label in enumerate(labels, 1):
            found = True
            text = label.text.strip().replace("/", "_")  # which is no folder here
            name = f"{stem_of(clip.name)} {number:0{width}} {text}"
            yield Piece(clip, name, label.start, label.stop)
    if not found:
        raise EarmarkError(
            "There is no label that marks a stretch of sound.",
            "Choose other clips or tracks.",
        )


def sound_files(
    out: str, ending: str, pieces: Sequence[Piece], *, in_folder: bool
) -> list[tuple[Piece, Path]]:
    """The file of each piece.

    Raises
    ------
    EarmarkError
        If there are several and no folder, or a file cannot be written.
    """
    path = Path(out)
    if in_folder or is_folder(out):
        suffix = f".{ending.lstrip('.')}"
        format_of(Path(f"name{suffix}"))
        make_folder(path)
        check_writable(path / f"name{suffix}")
        stems = file_stems(piece.name for piece in pieces)
        return [
            (piece, path / f"{stem}{suffix}")
            for piece, stem in zip(pieces, stems, strict=True)
        ]
    if len(pieces) > 1:
        raise EarmarkError(
            f"{len(pieces)} clips do not fit into {out}.",
            f"Name one with --clip, or give a folder: {out}/.",
        )
    format_of(path)
    check_writable(path)
    return [(pieces[0], path)]


def tell_labels(report: ExportReport, *, as_json: bool) -> None:
    """Say what was written, and what it could not hold."""
    if as_json:
        told = {
            "path": str(report.path),
            "beside": [str(path) for path in report.beside],
            "labels": report.labels,
            "notes": list(report.losses),
        }
        print(json.dumps(told), flush=True)
        return
    for loss in report.losses:
        click.echo(f"earmark: {report.path.name}: {loss}", err=True)
    print(f"Wrote {report.path}", flush=True)


def tell_sound(piece: Piece, path: Path, *, as_json: bool) -> None:
    """Say what was written."""
    if as_json:
        rate = piece.clip.rate
        told = {
            "path": str(path),
            "clip": piece.clip.name,
            "start_s": round(piece.start / rate, 6),
            "stop_s": round(piece.stop / rate, 6),
        }
        print(json.dumps(told), flush=True)
    else:
        print(f"Wrote {path}", flush=True)
