"""Where the results of a run go, checked before anything runs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Protocol

from earmark.audio.files import format_of
from earmark.audio.render import export
from earmark.audio.sources import Sources
from earmark.cli.inputs import Work
from earmark.cli.studio import discovered, settings
from earmark.core.clips import Clip, Source
from earmark.core.errors import EarmarkError
from earmark.core.project import Project
from earmark.core.sources import check_spared, readable
from earmark.core.tasks import Task
from earmark.formats.document import LabelDocument, stem_of
from earmark.formats.exchange import documents_from_project
from earmark.formats.format import LabelFormat
from earmark.formats.registry import (
    ExportReport,
    FormatRegistry,
    check_holds,
    file_stems,
)
from earmark.settings import folders
from earmark.vector_files import Embedded, check_vector_file, write_vectors
from earmark.vectors import VectorStore

WriteClip = Callable[..., None]
"""Writes a clip, or the frames `[start, stop)` of it, to a path."""

_NO_OPTIONS: Mapping[str, str] = {}

SEPARATORS = tuple(filter(None, (os.sep, os.altsep)))


@dataclass(frozen=True, slots=True)
class Written:
    """Files that were written, and what they could not hold."""

    paths: tuple[Path, ...]
    losses: tuple[str, ...] = ()


class Output(Protocol):
    """What becomes of results beside being printed."""

    def writer(self, project: Project, work: Work) -> Callable[[], Written] | None:
        """What writes the results of an input that is done, on any thread."""

    def finish(self, project: Project, works: Sequence[Work]) -> Written | None:
        """Write what is written at the end only."""


class Nothing:
    """The results are printed only."""

    def writer(self, project: Project, work: Work) -> None:
        """There is nothing to write."""

    def finish(self, project: Project, works: Sequence[Work]) -> None:
        """There is nothing to write."""


@dataclass(frozen=True, slots=True)
class LabelFile:
    """One file about all inputs, written at the end."""

    formats: FormatRegistry
    known: LabelFormat
    options: Mapping[str, str]
    path: Path

    def writer(self, project: Project, work: Work) -> None:
        """It is written at the end."""

    def finish(self, project: Project, works: Sequence[Work]) -> Written | None:
        """Write what was found in the inputs that are done."""
        if not works:
            return None
        documents = [document_of(project, work) for work in works]
        report = self.formats.export_labels(
            self.path, documents, self.known.id, self.options
        )
        return Written((report.path, *report.beside), report.losses)


@dataclass(frozen=True, slots=True)
class LabelFiles:
    """A file for each input, written as soon as it is done."""

    formats: FormatRegistry
    known: LabelFormat
    options: Mapping[str, str]
    paths: dict[Work, Path]

    def writer(self, project: Project, work: Work) -> Callable[[], Written]:
        """What writes the file of an input."""
        document, path = document_of(project, work), self.paths[work]

        def write() -> Written:
            make_folder(path.parent)
            report = self.formats.export_labels(
                path, [document], self.known.id, self.options
            )
            return Written((report.path, *report.beside), report.losses)

        return write

    def finish(self, project: Project, works: Sequence[Work]) -> None:
        """All of it was written."""


@dataclass(frozen=True, slots=True)
class Sound:
    """The sound that a job generated; if it made several, the others get numbers."""

    path: Path

    def writer(self, project: Project, work: Work) -> Callable[[], Written]:
        """What writes the takes of an input."""
        clips = [
            project.clip(take.clip)
            for take in project.takes()
            if take.job == work.job and take.clip is not None
        ]
        known, folder = project.sources(), project.folder

        def write_all() -> Written:
            paths = []
            with clip_writer(known, folder) as write:
                for number, clip in enumerate(clips, start=1):
                    name = self.path.stem + (f"-{number}" if number > 1 else "")
                    paths.append(self.path.with_stem(name))
                    write(clip, paths[-1])
            return Written(tuple(paths))

        return write_all

    def finish(self, project: Project, works: Sequence[Work]) -> None:
        """All of it was written."""


@dataclass(frozen=True, slots=True)
class VectorFile:
    """One file with the vectors of all inputs, written at the end."""

    path: Path

    def writer(self, project: Project, work: Work) -> None:
        """It is written at the end."""

    def finish(self, project: Project, works: Sequence[Work]) -> Written | None:
        """Write what was kept of the inputs that are done."""
        if not works:
            return None
        sounds = [_vectors_of(project, work) for work in works]
        return Written(write_vectors(self.path, sounds))


def _vectors_of(project: Project, work: Work) -> Embedded:
    job = project.job(work.job)
    assert job.model is not None and job.input is not None
    store = VectorStore(folders().cache, job.model)
    params = job.params
    found = store.get(store.key(job.input, params["window_s"], params["hop_s"]))
    if found is None:
        raise EarmarkError(
            f"The vectors of {work.name} are not in the cache any more.",
            "Give the command again with --again.",
        )
    if params["each"] == "clip" and len(found.vectors):
        found = found.whole()
    return Embedded(str(work.below), job.input.rate, found)


def output_for(
    task: Task,
    formats: FormatRegistry,
    out: str | None,
    format_id: str | None,
    works: Sequence[Work],
    options: Mapping[str, str] = _NO_OPTIONS,
) -> Output:
    """Where the results go; whatever can be wrong with that is found out now.

    Parameters
    ----------
    task : Task
    formats : FormatRegistry
    out : str or None
        As the person gave it: "out/" is a folder, there or not.
    format_id : str or None
    works : sequence of Work
    options : mapping of str to str
        Of the format.

    Raises
    ------
    EarmarkError
        If the ending names no format, the format cannot hold what is asked for or has
        no such option, the place cannot be written, or a recording would be
        overwritten.
    """
    if out is None:
        if task.group == "generate" and task.input == "text":
            raise EarmarkError(
                f"{task.title} makes audio: it needs a file to write to.",
                "Add --out FILE.wav.",
            )
        return Nothing()
    path = Path(out)
    if task.vectors:
        check_vector_file(path)
        check_writable(path)
        _spare_inputs([path], works)
        return VectorFile(path)
    if task.input == "text":
        format_of(path)
        check_writable(path)
        return Sound(path)
    known = label_format(formats, out, format_id)
    formats.losses([], known.id, options)  # refuses an option that it does not have
    if is_folder(out, format_id):
        make_folder(path)
        check_writable(path / "labels")
        paths = dict(zip(works, _paths(path, works, known.suffixes[0]), strict=True))
        _spare_inputs(paths.values(), works)
        return LabelFiles(formats, known, options, paths)
    check_holds(known, path, len(works))
    _spare_inputs([path], works)
    check_writable(path)
    if len(works) == 1:
        return LabelFiles(formats, known, options, {works[0]: path})
    return LabelFile(formats, known, options, path)


def is_folder(out: str, format_id: str | None = None) -> bool:
    """Whether a person means a folder.

    It is one, or ends in a separator, or is new and has no ending but a format.
    """
    path = Path(out)
    if path.exists():
        return path.is_dir()
    return out.endswith(SEPARATORS) or (format_id is not None and not path.suffix)


FORMAT_OPTIONS_HELP = (
    "An option of the format, such as speaker-prefix of .srt, score-in-text of "
    "Audacity's and neutralise-formulas of .csv."
)


def format_options(given: Sequence[str]) -> dict[str, str]:
    """The options of a format as a person gave them: ``NAME`` or ``NAME=VALUE``."""
    named = (each.partition("=") for each in given)
    return {
        name.strip().replace("-", "_"): value if equals else "true"
        for name, equals, value in named
    }


def known_formats() -> FormatRegistry:
    """The label formats, with those of the plugins."""
    return FormatRegistry(discovered(settings()).label_formats())


def label_format(
    formats: FormatRegistry, out: str, format_id: str | None
) -> LabelFormat:
    """The format of a label file, or of those in a folder: CSV unless one is named.

    Raises
    ------
    EarmarkError
        If the name or the ending is of no format.
    """
    if format_id is None and not is_folder(out):
        return formats.by_suffix(Path(out))
    return formats.by_id(format_id or "csv")


def write_labels(
    formats: FormatRegistry,
    documents: Sequence[LabelDocument],
    out: str,
    format_id: str | None,
    options: Mapping[str, str] = _NO_OPTIONS,
    *,
    spared: Iterable[Path],
) -> list[ExportReport]:
    """Write documents to a label file, or a file for each into a folder.

    Parameters
    ----------
    formats : FormatRegistry
    documents : sequence of LabelDocument
    out : str
        As the person gave it: "out/" is a folder, there or not.
    format_id : str or None
    options : mapping of str to str
        Of the format.
    spared : iterable of Path
        Files that must not be overwritten.

    Raises
    ------
    EarmarkError
        If the format cannot hold them or has no such option, or the place cannot be
        written.
    """
    path, known = Path(out), label_format(formats, out, format_id)
    if is_folder(out, format_id):
        make_folder(path)
        return formats.export_each(path, documents, known.id, options)
    check_holds(known, path, len(documents))
    check_writable(path)
    check_spared([path], spared)
    return [formats.export_labels(path, documents, known.id, options)]


def _paths(folder: Path, works: Sequence[Work], suffix: str) -> list[Path]:
    """A file for each input, below a folder as the inputs are below theirs."""
    of_folders: dict[PurePath, list[Work]] = {}
    for work in works:
        of_folders.setdefault(work.below.parent, []).append(work)
    paths = {}
    for below, group in of_folders.items():
        stems = file_stems(stem_of(readable(work.below.name)) for work in group)
        for work, stem in zip(group, stems, strict=True):
            paths[work] = folder / below / f"{stem}{suffix}"
    return [paths[work] for work in works]


def _spare_inputs(paths: Iterable[Path], works: Sequence[Work]) -> None:
    check_spared(paths, (work.path for work in works if work.path is not None))


def make_folder(folder: Path) -> None:
    """Make a folder that may be there.

    Raises
    ------
    EarmarkError
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EarmarkError(
            f"The folder {folder} cannot be made ({error.strerror or error}).",
            "Choose another place for --out.",
        ) from error


def check_writable(path: Path) -> None:
    """Refuse a file that cannot be written, before there is anything to write.

    Raises
    ------
    EarmarkError
    """
    if not path.parent.is_dir():
        raise EarmarkError(
            f"The folder {path.parent} is not there.", "Create it first."
        )
    if path.exists() and not path.is_file():
        raise EarmarkError(f"{path} is not a file.", "Choose another name.")
    try:
        with tempfile.NamedTemporaryFile(prefix=".earmark-", dir=path.parent):
            pass
    except OSError as error:
        raise EarmarkError(
            f"{path} cannot be written ({error.strerror or error}).",
            "Choose a folder that you may write to.",
        ) from error


def document_of(project: Project, work: Work) -> LabelDocument:
    """What the job of an input found, as a document about that file.

    In a folder that was named, the file is called by its path from there.
    """
    tracks = [t.id for t in project.tracks(work.clip) if t.job == work.job]
    (document,) = documents_from_project(project, [work.clip], tracks=tracks)
    if work.path is None:
        return document
    name = readable(work.below.as_posix())
    named = replace(document.recording, file=name, path=work.path.absolute())
    return replace(document, recording=named)


@contextmanager
def clip_writer(known: Sequence[Source], folder: Path) -> Iterator[WriteClip]:
    """What renders clips of a project to sound files, on any thread.

    Parameters
    ----------
    known : sequence of Source
        All of the project's.
    folder : Path
        The project's.
    """
    sources = Sources(folders().cache, folder)
    readers = sources.readers(known)

    def write(clip: Clip, path: Path, start: int = 0, stop: int | None = None) -> None:
        export(clip, readers, path, start, stop)

    try:
        yield write
    finally:
        sources.close()
