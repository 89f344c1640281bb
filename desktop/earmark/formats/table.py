"""Tables of labels in text files: rows by the names of their columns."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from earmark.core.errors import EarmarkError
from earmark.formats.textfile import file_error, number, real, seconds

_MISSING = frozenset({"", "-", "na", "n/a", "nan", "none", "null", "<na>"})
_SEPARATOR_LINE = re.compile(r"sep=(.)\n")
_MAX_CHANNEL = 1024
_MAX_NOTED = 20
_MAX_CELL = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Row:
    """A row, with typed access to its cells by the name of a field.

    Every method raises `EarmarkError` naming the line and the column if the cell does
    not hold what it should.
    """

    path: Path
    line: int
    cells: Mapping[str, str]
    captions: Mapping[str, str]

    def text(self, field: str) -> str:
        """The cell without the space around it; empty if there is none."""
        return self.cells.get(field, "").strip()

    def known(self, field: str) -> str:
        """Like `text`, but empty also for the words that mean "not available"."""
        text = self.text(field)
        return "" if text.casefold() in _MISSING else text

    def error(self, field: str, expected: str) -> EarmarkError:
        """The error that the cell is not what was expected."""
        return file_error(
            self.path,
            f"{self.text(field)[:40]!r} is not {expected}",
            line=self.line,
            field=f"column {self.captions.get(field, field)}",
        )

    def time(self, field: str) -> Decimal | None:
        """A time in seconds; None for an empty cell."""
        text = self.known(field)
        if not text:
            return None
        value = number(text)
        time = None if value is None else seconds(value)
        if time is None:
            raise self.error(field, "a time in seconds")
        return time

    def needed_time(self, field: str) -> Decimal:
        """A time in seconds that must be there."""
        time = self.time(field)
        if time is None:
            raise self.error(field, "a time in seconds")
        return time

    def real(self, field: str) -> float | None:
        """A number; None for an empty cell."""
        text = self.known(field)
        if not text:
            return None
        value = number(text)
        result = None if value is None else real(value)
        if result is None:
            raise self.error(field, "a number")
        return result

    def band(self, low: str, high: str) -> tuple[float | None, float | None]:
        """A frequency range from two cells."""
        low_hz, high_hz = self.real(low), self.real(high)
        if low_hz is not None and high_hz is not None and high_hz < low_hz:
            raise file_error(
                self.path,
                "the high frequency is below the low one",
                line=self.line,
                field=f"column {self.captions.get(high, high)}",
            )
        return low_hz, high_hz

    def channel(self, field: str, *, first: int) -> int | None:
        """A channel that the file counts from `first`, counted from 0."""
        text = self.known(field)
        if not text:
            return None
        value = number(text)
        if (
            value is None
            or not first <= value.copy_abs() <= _MAX_CHANNEL
            or value != value.to_integral_value()
            or value < first
        ):
            raise self.error(field, f"a channel, counted from {first}")
        return int(value) - first


@dataclass(frozen=True, slots=True)
class Table:
    """A table that was read.

    Attributes
    ----------
    fields : mapping
        Field -> caption in the file, for the columns that were recognised.
    extra : tuple of str
        Captions of the other columns.
    rows : sequence of Row
    """

    fields: Mapping[str, str]
    extra: tuple[str, ...]
    rows: Sequence[Row]

    def notes(self, path: Path) -> tuple[str, ...]:
        """What a reader that takes only the known columns leaves out."""
        if not self.extra:
            return ()
        names = ", ".join(self.extra[:_MAX_NOTED])
        more = " and more" if len(self.extra) > _MAX_NOTED else ""
        return (f"Columns of {path.name} that were not imported: {names}{more}.",)


def field_name(caption: str) -> str:
    """A caption as it is looked up: `Begin Time (s)` is `begin_time_s`."""
    return re.sub(r"[^a-z0-9]+", "_", caption.strip().casefold()).strip("_")


def read_table(
    path: Path,
    text: str,
    names: Mapping[str, Sequence[str]],
    *,
    delimiters: str,
    quoted: bool,
) -> Table:
    """The rows below a header.

    Parameters
    ----------
    path : Path
        For errors.
    text : str
    names : mapping
        Field -> the names a column of it may have, the best first, as `field_name`
        gives them.
    delimiters : str
        Those that are possible; the one that is in the header most often is taken.
    quoted : bool
        Cells may be quoted as RFC 4180 says.
    """
    skipped = len(text) - len(text.lstrip("\n"))
    text = text[skipped:]
    if separator := _SEPARATOR_LINE.match(text):
        # Spreadsheets write and read such a first line.
        delimiters, skipped = separator[1], skipped + 1
        text = text[separator.end() :]
    head = text.split("\n", 1)[0]
    delimiter = max(delimiters, key=head.count)
    with _long_cells():
        lines = list(_rows(path, text, delimiter, quoted=quoted))
    header = lines[0][1] if lines else []
    columns, extra = _columns(header, names)
    captions = {field: header[index].strip() for field, index in columns.items()}
    rows = []
    for line, cells in lines[1:]:
        if not any(cells):
            continue
        if len(cells) > len(header):
            raise file_error(
                path,
                f"there are {len(cells)} cells under {len(header)} columns",
                line=line + skipped,
                remedy="Quote cells that contain the separator.",
            )
        named = {
            field: cells[index]
            for field, index in columns.items()
            if index < len(cells)
        }
        rows.append(Row(path, line + skipped, named, captions))
    return Table(captions, extra, rows)


def _rows(
    path: Path, text: str, delimiter: str, *, quoted: bool
) -> Iterator[tuple[int, list[str]]]:
    """Each row with the number of the line it begins on."""
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        strict=True,
    )
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise file_error(
                path,
                f"the quotes do not match ({error})",
                line=line,
                remedy="Quote a cell as a whole, and double the quotes within.",
            ) from error
        yield line, cells


@contextmanager
def _long_cells() -> Iterator[None]:
    """Lift the limit that the csv module has for the whole process."""
    limit = csv.field_size_limit(_MAX_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _columns(
    header: Sequence[str], names: Mapping[str, Sequence[str]]
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Indices of the columns of known fields, and the captions of the others."""
    found = [field_name(caption) for caption in header]
    columns: dict[str, int] = {}
    for field, candidates in names.items():
        for candidate in candidates:
            if candidate in found and found.index(candidate) not in columns.values():
                columns[field] = found.index(candidate)
                break
    extra = tuple(
        caption.strip()
        for index, caption in enumerate(header)
        if index not in columns.values() and caption.strip()
    )
    return columns, extra
