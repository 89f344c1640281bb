"""What a label file format is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from earmark.core.tasks import Params
from earmark.formats.document import LabelDocument, Recording


class NoOptions(Params):
    """The options of a format that has none."""


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What a reader must know beside the file.

    Attributes
    ----------
    recording : Recording
        What the labels are about, unless the file names another recording.
    others : tuple of Recording
        Recordings that a file about many may name, each with its own rate.
    """

    recording: Recording
    others: tuple[Recording, ...] = ()
    _names: dict[str, Recording] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _last_parts: dict[str, list[Recording]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        # A table of thousands of recordings names one of them in every line.
        for recording in (self.recording, *self.others):
            self._names.setdefault(recording.file, recording)
            self._names.setdefault(str(recording.path or ""), recording)
            self._last_parts.setdefault(last_part(recording.file), []).append(recording)

    def named(self, file: str) -> Recording:
        """The recording that a file refers to by a name or a path.

        The full name is tried before the last part of it; of several recordings with
        that last part the one whose path ends like the name is meant. A name nobody
        knows gives a recording of that name at the rate of `recording`, of unknown
        length.
        """
        if not file:
            return self.recording
        found = self.known(file)
        if found is None:
            return replace(self.recording, file=file, frames=None, path=None)
        return found

    def known(self, file: str) -> Recording | None:
        """The recording of a name or a path, None if there is none."""
        if file in self._names:
            return self._names[file]
        alike = self._last_parts.get(last_part(file), [])
        return max(alike, key=partial(_common_parts, file), default=None)


def _common_parts(file: str, recording: Recording) -> int:
    """How many parts at the ends of a path and of a recording's are the same."""
    named = PureWindowsPath(file).parts
    known = PureWindowsPath(recording.path or recording.file).parts
    pairs = zip(reversed(named), reversed(known), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def unheard(_: str) -> None:
    """Takes the news of an import or an export that nobody listens to."""


def last_part(file: str) -> str:
    """The file name at the end of a path of either kind of system."""
    return PureWindowsPath(PurePosixPath(file).name).name


@dataclass(frozen=True, slots=True)
class LabelFormat:
    """A label file format, built in or a plugin's.

    Attributes
    ----------
    id : str
        Stable, kebab-case.
    title : str
        As in the file dialog: "Audacity labels".
    suffixes : tuple of str
        Endings with their dots; the first is used for new files. Two formats may
        share one: the more special ending (".raven.txt") wins on export, `recognises`
        decides on import.
    read : callable
        Takes a path and a `ReadContext`, gives a document per recording. Raises
        `EarmarkError` that names the line.
    write : callable
        Takes the path of a new file, the documents as `carry` gave them, and the
        options; writes UTF-8.
    losses : callable
        Takes documents and options, gives a sentence per kind of loss.
    carry : callable or None
        Takes documents and options, gives them as `read` will give them back. What is
        written is read again and compared with it; with None it is only read again.
    options : type of Params
        The export options; each field is declared with `param`.
    many : bool
        One file can hold several recordings.
    names_tiers : bool
        The file keeps the names of tiers; else an imported tier takes the file's name.
    recognises : callable or None
        Takes the first 4,096 characters of a file; asked where formats share an
        ending.
    beside : callable or None
        Takes documents and options, gives the files that belong next to the main one:
        ending -> text.
    """

    id: str
    title: str
    suffixes: tuple[str, ...]
    read: Callable[[Path, ReadContext], list[LabelDocument]]
    write: Callable[[Path, Sequence[LabelDocument], Any], None]
    losses: Callable[[Sequence[LabelDocument], Any], list[str]]
    carry: Callable[[Sequence[LabelDocument], Any], list[LabelDocument]] | None = None
    options: type[Params] = NoOptions
    many: bool = False
    names_tiers: bool = True
    recognises: Callable[[str], bool] | None = None
    beside: Callable[[Sequence[LabelDocument], Any], Mapping[str, str]] | None = None
