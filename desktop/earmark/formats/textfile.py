"""Reading label files: encodings, numbers, and errors that name the line."""

from __future__ import annotations

import codecs
import math
import re
from decimal import Decimal
from pathlib import Path

from earmark.core.errors import EarmarkError

MAX_BYTES = 256 * 2**20
"""Label files are far smaller; what is larger is another kind of file."""

MAX_SECONDS = 10**9

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins as UTF-16's does, so it goes first
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d{1,3})?", re.ASCII)
BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]+")
"""Line breaks, tabs and other controls, which formats of lines cannot hold."""
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


def file_error(
    path: Path,
    message: str,
    *,
    line: int | None = None,
    field: str = "",
    remedy: str = "Correct the file, or choose another format for it.",
) -> EarmarkError:
    """The error that says where in which file something is wrong.

    Parameters
    ----------
    path : Path
    message : str
        What is wrong there, a clause.
    line : int, optional
        Counted from 1.
    field : str, optional
        The column or the JSON field.
    remedy : str
    """
    place = path.name
    if line is not None:
        place += f", line {line}"
    if field:
        place += f", {field}"
    return EarmarkError(f"{place}: {message}.", remedy)


def read_text(path: Path) -> str:
    """The text of a file, line ends as `\\n`, without its byte order mark.

    UTF-8 unless a byte order mark says UTF-16 or UTF-32.

    Raises
    ------
    EarmarkError
        The file cannot be opened, is not text, or is far too large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise file_error(
            path,
            f"it cannot be read ({error.strerror or error})",
            remedy="Check that the file is still there and that you may read it.",
        ) from error
    if len(data) > MAX_BYTES:
        raise file_error(
            path,
            f"it is larger than {MAX_BYTES // 2**20} MB",
            remedy="Choose a label file; audio is opened, not imported.",
        )
    encoding = "utf-8"
    for mark, name in _MARKS:
        if data.startswith(mark):
            data, encoding = data[len(mark) :], name
            break
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        good = data[: error.start].decode(encoding, errors="replace")
        raise file_error(
            path,
            f"it is not {encoding.upper()} text",
            line=_unified(good).count("\n") + 1,
            remedy="Save the file as UTF-8 and try again.",
        ) from error
    text = _unified(text)
    if "\0" in text:
        raise file_error(
            path,
            "it is not a text file",
            line=text.count("\n", 0, text.index("\0")) + 1,
            remedy="Choose a label file that is saved as UTF-8 text.",
        )
    return text


def _unified(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def number(text: str) -> Decimal | None:
    """The finite number a field holds, with a point or a comma; None if it is none.

    A locale never plays a part, and neither do the underscores and the foreign digits
    that Python would take.
    """
    text = text.strip()
    if _NUMBER.fullmatch(text) is None:
        return None
    return Decimal(text.replace(",", "."))


def seconds(value: Decimal) -> Decimal | None:
    """The same value if it can be a time in a recording, else None."""
    return value if value.copy_abs() <= MAX_SECONDS else None


def real(value: Decimal) -> float | None:
    """A number as a float; None if it is too large for one."""
    result = float(value)
    return result if math.isfinite(result) else None


def one_line(text: str) -> str:
    """A text for a format of lines: breaks, tabs, other controls become one space."""
    if text.isprintable():
        return text.strip()
    return BREAKS.sub(" ", storable(text)).strip()


def storable(text: str) -> str:
    """A text without what neither UTF-8 nor the project can hold."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def number_text(value: float) -> str:
    """The shortest text that reads back as the same float, without a bare ".0"."""
    return repr(float(value)).removesuffix(".0")
