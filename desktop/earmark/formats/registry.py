"""The label formats there are, and import and export through them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from earmark.core.durable import replaced
from earmark.core.errors import EarmarkError
from earmark.core.sources import flush_file, shortened
from earmark.core.tasks import Params
from earmark.formats import (
    audacity,
    label_studio,
    raven,
    spreadsheet,
    srt,
    textgrid,
    webvtt,
    whisperx,
)
from earmark.formats.document import (
    LabelDocument,
    Recording,
    Tier,
    in_order,
    numbered,
)
from earmark.formats.format import LabelFormat, ReadContext, last_part, unheard
from earmark.formats.textfile import one_line, read_text

_HEAD_CHARACTERS = 4096
_NOT_IN_NAMES = re.compile(r'[\x00-\x1f<>:"/\\|?*]')
_LONGEST_STEM = 80
_LONGEST_STEM_BYTES = 200
"""Leaves room for a number, for endings and what stands beside a file meanwhile."""

BUILT_IN: tuple[LabelFormat, ...] = (
    spreadsheet.CSV,
    spreadsheet.TSV,
    audacity.FORMAT,
    srt.FORMAT,
    webvtt.FORMAT,
    textgrid.FORMAT,
    raven.FORMAT,
    whisperx.FORMAT,
    label_studio.FORMAT,
)


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export wrote.

    Attributes
    ----------
    path : Path
    beside : tuple of Path
        Other files that belong to it.
    labels : int
        The number of labels in the file.
    losses : tuple of str
        What the format could not carry, one sentence each.
    """

    path: Path
    beside: tuple[Path, ...]
    labels: int
    losses: tuple[str, ...]


class FormatRegistry:
    """The label formats, the built-in ones first.

    Parameters
    ----------
    formats : iterable of LabelFormat
        Those of plugins. One with the id of a built-in format replaces it.
    """

    def __init__(self, formats: Iterable[LabelFormat] = ()) -> None:
        known = {known.id: known for known in BUILT_IN}
        for format_ in formats:
            known[format_.id] = format_
        self.formats: tuple[LabelFormat, ...] = tuple(known.values())

    def by_id(self, format_id: str) -> LabelFormat:
        """The format with an id.

        Raises
        ------
        EarmarkError
            There is none; the message lists the ids.
        """
        for known in self.formats:
            if known.id == format_id:
                return known
        ids = ", ".join(known.id for known in self.formats)
        raise EarmarkError(
            f"There is no label format called {format_id!r}.", f"Choose one of: {ids}."
        )

    def by_suffix(self, path: Path) -> LabelFormat:
        """The format that a new file of this name is written in.

        The longest ending that fits decides; the first format with it is taken.

        Raises
        ------
        EarmarkError
            No format has this ending; the message lists the endings.
        """
        return self._candidates(path)[0]

    def recognise(self, path: Path) -> LabelFormat:
        """The format of an existing file: by its ending, then by how it begins."""
        candidates = self._candidates(path)
        if len(candidates) > 1:
            head = read_text(path)[:_HEAD_CHARACTERS]
            for candidate in candidates:
                if candidate.recognises is not None and candidate.recognises(head):
                    return candidate
            for candidate in candidates:
                if candidate.recognises is None:
                    return candidate
        return candidates[0]

    def _candidates(self, path: Path) -> list[LabelFormat]:
        name = path.name.casefold()
        fits = [
            (len(suffix), known)
            for known in self.formats
            for suffix in known.suffixes
            if name.endswith(suffix.casefold())
        ]
        if not fits:
            endings = sorted({end for known in self.formats for end in known.suffixes})
            raise EarmarkError(
                f"No label format has the ending of {path.name!r}.",
                f"Use one of these endings: {', '.join(endings)}.",
            )
        longest = max(length for length, _ in fits)
        return [known for length, known in fits if length == longest]

    def import_labels(
        self, path: Path, context: ReadContext, format_id: str | None = None
    ) -> list[LabelDocument]:
        """The documents in a file, one per recording it is about.

        Parameters
        ----------
        path : Path
        context : ReadContext
            The recording, or recordings, the labels are about.
        format_id : str, optional
            Otherwise the file tells.

        Raises
        ------
        EarmarkError
            The file cannot be read; it names the file, and the line where it can.
        """
        known = self.recognise(path) if format_id is None else self.by_id(format_id)
        documents = known.read(path, context)
        if known.names_tiers:
            return documents
        return [
            replace(
                document,
                tiers=tuple(replace(tier, name=path.stem) for tier in document.tiers),
            )
            for document in documents
        ]

    def losses(
        self,
        documents: Sequence[LabelDocument],
        format_id: str,
        options: Params | Mapping[str, Any] | None = None,
    ) -> list[str]:
        """What a format cannot carry of these documents, one sentence each."""
        known = self.by_id(format_id)
        return known.losses(documents, _options(known, options))

    def export_labels(
        self,
        path: Path,
        documents: Sequence[LabelDocument],
        format_id: str | None = None,
        options: Params | Mapping[str, Any] | None = None,
        *,
        step: Callable[[str], None] = unheard,
    ) -> ExportReport:
        """Write documents to one file, replacing it if it exists.

        The file is written beside, read again by the format's own reader, compared
        with what it should hold, and only then takes its name.

        Parameters
        ----------
        path : Path
        documents : sequence of LabelDocument
        format_id : str, optional
            Otherwise the ending tells.
        options : Params or mapping, optional
            The format's options.
        step : callable, optional
            Is given what is done next, in words. What it raises ends the export, and
            the file stays as it was.

        Raises
        ------
        EarmarkError
            The format holds one recording and there are several, an option is wrong,
            or the file cannot be written or does not read back the same. What was
            there before is untouched then.
        """
        known = self.by_suffix(path) if format_id is None else self.by_id(format_id)
        chosen = _options(known, options)
        check_holds(known, path, len(documents))
        documents = _distinct(documents)
        losses = known.losses(documents, chosen)
        carried = documents
        if known.carry is not None:
            carried = known.carry(documents, chosen)
        beside = known.beside(carried, chosen) if known.beside is not None else {}
        others = {
            path.with_name(f"{_stem(path, known)}{suffix}"): text
            for suffix, text in beside.items()
        }
        try:
            _replace(path, known, carried, chosen, others, step)
        except OSError as error:
            raise EarmarkError(
                f"{path} cannot be written ({error.strerror or error}).",
                "Choose a folder that exists, that you may write to, and with space.",
            ) from error
        return ExportReport(
            path,
            tuple(others),
            sum(document.label_count for document in carried),
            tuple(losses),
        )

    def export_each(
        self,
        folder: Path,
        documents: Sequence[LabelDocument],
        format_id: str,
        options: Params | Mapping[str, Any] | None = None,
        *,
        step: Callable[[str], None] = unheard,
    ) -> list[ExportReport]:
        """Write one file per document into a folder, named after the recordings.

        `step` is as in `export_labels`; the files that were whole when it raised stay.
        """
        paths = self.files_of_each(folder, documents, format_id)
        return [
            self.export_labels(path, [document], format_id, options, step=step)
            for path, document in zip(paths, documents, strict=True)
        ]

    def files_of_each(
        self, folder: Path, documents: Sequence[LabelDocument], format_id: str
    ) -> list[Path]:
        """The files that `export_each` writes."""
        known = self.by_id(format_id)
        stems = file_stems(document.recording.stem for document in documents)
        return [folder / f"{stem}{known.suffixes[0]}" for stem in stems]


def check_holds(known: LabelFormat, path: Path, recordings: int) -> None:
    """Refuse a file about more recordings than its format can hold.

    Raises
    ------
    EarmarkError
    """
    if recordings > 1 and not known.many:
        raise EarmarkError(
            f"{path.name}: a file of {known.title} is about one recording, not "
            f"about {recordings}.",
            "Export one file per clip, or choose CSV.",
        )


def file_stems(names: Iterable[str]) -> list[str]:
    """File names without endings that every file system takes, no two the same.

    What comes before the last "/" or "\\" of a name is left out.
    """
    # Some file systems do not tell upper from lower case.
    return numbered(map(_file_stem, names), str.casefold)


def _options(known: LabelFormat, given: Params | Mapping[str, Any] | None) -> Params:
    if isinstance(given, known.options):
        return given
    values = given.model_dump() if isinstance(given, Params) else dict(given or {})
    try:
        return known.options(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        allowed = ", ".join(known.options.model_fields) or "none"
        raise EarmarkError(
            f"{known.title}: the option {name!r} is wrong ({first['msg']}).",
            f"Its options: {allowed}.",
        ) from error


def _distinct(documents: Sequence[LabelDocument]) -> list[LabelDocument]:
    """Documents whose recordings can be told apart by name."""
    unnamed = "recording" if len(documents) > 1 else ""
    names = [one_line(document.recording.file) or unnamed for document in documents]
    counts = Counter(names)
    files = numbered(
        one_line(str(document.recording.path))
        if counts[name] > 1 and document.recording.path is not None
        else name
        for document, name in zip(documents, names, strict=True)
    )
    return [
        replace(document, recording=replace(document.recording, file=file))
        for document, file in zip(documents, files, strict=True)
    ]


def _file_stem(name: str) -> str:
    stem = _NOT_IN_NAMES.sub("_", last_part(name)).strip(" .")
    return shortened(stem[:_LONGEST_STEM], _LONGEST_STEM_BYTES).strip(" .") or "labels"


def _stem(path: Path, known: LabelFormat) -> str:
    name = path.name
    for suffix in sorted(known.suffixes, key=len, reverse=True):
        if name.casefold().endswith(suffix.casefold()):
            return name[: -len(suffix)]
    return path.stem


def _replace(
    path: Path,
    known: LabelFormat,
    documents: Sequence[LabelDocument],
    options: Params,
    others: Mapping[Path, str],
    step: Callable[[str], None],
) -> None:
    """Write, check, and rename the main file last."""
    step(f"Writing {path.name}")
    with ExitStack() as files:
        beside = files.enter_context(replaced(path))
        companions = [files.enter_context(replaced(target)) for target in others]
        for companion, text in zip(companions, others.values(), strict=True):
            companion.write_text(text, encoding="utf-8", newline="\n")
        known.write(beside, documents, options)
        step(f"Checking {path.name}")
        _check(path, beside, known, documents)
        for written in (beside, *companions):
            flush_file(written)  # so that nothing is left to do but to rename
        step(f"Keeping {path.name}")


def _check(
    path: Path,
    written: Path,
    known: LabelFormat,
    documents: Sequence[LabelDocument],
) -> None:
    recordings = [document.recording for document in documents]
    if not recordings:
        recordings = [Recording("", 1)]
    context = ReadContext(recordings[0], tuple(recordings[1:]))
    failure = EarmarkError(
        f"{path.name}: the labels read back from the new file are not the same, so it "
        "was not kept.",
        "Choose another format, and report this with the labels.",
    )
    try:
        reread = known.read(written, context)
    except EarmarkError as error:
        raise failure from error
    if known.carry is not None and _comparable(reread) != _comparable(documents):
        raise failure


def _comparable(
    documents: Sequence[LabelDocument],
) -> list[tuple[str, str, list[Tier]]]:
    """Documents without what has no meaning: the order of tiers, empty tiers, notes."""
    comparable = [
        (
            document.recording.file,
            document.language,
            sorted(
                (
                    replace(tier, labels=in_order(tier.labels))
                    for tier in document.tiers
                    if tier.labels
                ),
                key=lambda tier: tier.name,
            ),
        )
        for document in documents
        if document.label_count
    ]
    return sorted(comparable, key=lambda parts: parts[:2])
