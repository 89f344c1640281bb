"""Vectors of sounds as files for other programs: NumPy with an index, and Parquet."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from earmark.core.errors import EarmarkError
from earmark.vectors import FloatArray, Vectors

SUFFIXES = (".npy", ".parquet")

COLUMNS = ("file", "start_s", "stop_s")

Row = tuple[str, float, float]


@dataclass(frozen=True, slots=True)
class Embedded:
    """A sound and its vectors.

    Attributes
    ----------
    file : str
        What the sound is called there.
    rate : int
        Of the frames of `vectors`.
    vectors : Vectors
    """

    file: str
    rate: int
    vectors: Vectors


def write_vectors(path: Path, sounds: Sequence[Embedded]) -> tuple[Path, ...]:
    """Write vectors; the ending chooses the format.

    `.npy` is an array, float32, shape (vectors, dimensions), and beside it `.csv` says
    in the same order what each row is of; `.parquet` has all of it in columns.

    Parameters
    ----------
    path : Path
    sounds : sequence of Embedded
        All by one model.

    Returns
    -------
    tuple of Path
        What was written.

    Raises
    ------
    EarmarkError
        If there is nothing to write, or it cannot be written; nothing half-written
        stays.
    """
    check_vector_file(path)
    filled = [sound for sound in sounds if len(sound.vectors.vectors)]
    if not filled:
        raise EarmarkError("There are no vectors to write.", "Is there any sound?")
    matrix = np.concatenate([sound.vectors.vectors for sound in filled])
    rows = [
        (
            sound.file,
            round(int(start) / sound.rate, 6),
            round(int(stop) / sound.rate, 6),
        )
        for sound in filled
        for start, stop in zip(sound.vectors.starts, sound.vectors.stops, strict=True)
    ]
    if path.suffix.lower() == ".parquet":
        _replace(path, lambda beside: _write_parquet(beside, rows, matrix))
        return (path,)
    index = index_of(path)
    _replace(path, lambda beside: _write_array(beside, matrix))
    _replace(index, lambda beside: _write_index(beside, rows))
    return path, index


def index_of(path: Path) -> Path:
    """What says which sounds the rows of a `.npy` file are of."""
    return path.with_suffix(".csv")


def check_vector_file(path: Path) -> None:
    """Refuse a name whose ending is that of no format, or of one that is not there.

    Raises
    ------
    EarmarkError
    """
    if path.suffix.lower() not in SUFFIXES:
        raise EarmarkError(
            f"{path.name} is no file of vectors.",
            f"Choose a name that ends in {' or '.join(SUFFIXES)}.",
        )
    if path.suffix.lower() == ".parquet" and find_spec("pyarrow") is None:
        raise EarmarkError(
            "Parquet files need the Python package pyarrow, which is not installed.",
            "Install it, or choose a name that ends in .npy.",
        )


def _write_parquet(path: Path, rows: Sequence[Row], matrix: FloatArray) -> None:
    import pyarrow
    import pyarrow.parquet

    columns = {
        name: pyarrow.array([row[place] for row in rows])
        for place, name in enumerate(COLUMNS)
    }
    flat = pyarrow.array(matrix.reshape(-1))
    columns["vector"] = pyarrow.FixedSizeListArray.from_arrays(flat, matrix.shape[1])
    pyarrow.parquet.write_table(pyarrow.table(columns), path)


def _write_array(path: Path, matrix: FloatArray) -> None:
    with path.open("wb") as file:
        np.save(file, matrix, allow_pickle=False)


def _write_index(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("row", *COLUMNS))
        writer.writerows((number, *row) for number, row in enumerate(rows))


def _replace(path: Path, write: Callable[[Path], None]) -> None:
    """Write beside, rename."""
    beside = path.with_name(path.name + ".part")
    try:
        write(beside)
        beside.replace(path)
    except OSError as error:
        raise EarmarkError(
            f"{path} cannot be written ({error.strerror or error}).",
            "Check the space and the permissions there.",
        ) from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
