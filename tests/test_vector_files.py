"""Vectors as files that other programs read."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from earmark.core.errors import EarmarkError
from earmark.vector_files import Embedded, write_vectors
from earmark.vectors import Vectors, unit


def embedded(name: str, windows: int, rate: int = 8000) -> Embedded:
    random = np.random.default_rng(len(name))
    starts = np.arange(windows, dtype=np.int64) * rate
    drawn = random.normal(size=(windows, 6)).astype(np.float32)
    return Embedded(name, rate, Vectors(starts, starts + 2 * rate, unit(drawn)))


SOUNDS = [embedded("a.wav", 2), embedded("silent.wav", 0), embedded("d/bb.wav", 3, 100)]


def test_an_array_has_an_index_beside_it(tmp_path: Path) -> None:
    assert write_vectors(tmp_path / "v.npy", SOUNDS) == (
        tmp_path / "v.npy",
        tmp_path / "v.csv",
    )
    matrix = np.load(tmp_path / "v.npy")
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix[:2], SOUNDS[0].vectors.vectors)
    np.testing.assert_array_equal(matrix[2:], SOUNDS[2].vectors.vectors)
    with (tmp_path / "v.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["row"] for row in rows] == ["0", "1", "2", "3", "4"]
    assert [row["file"] for row in rows] == ["a.wav"] * 2 + ["d/bb.wav"] * 3
    assert [float(row["start_s"]) for row in rows] == [0, 1, 0, 1, 2]
    assert [float(row["stop_s"]) for row in rows] == [2, 3, 2, 3, 4]


def test_parquet_has_all_in_columns(tmp_path: Path) -> None:
    assert write_vectors(tmp_path / "v.parquet", SOUNDS) == (tmp_path / "v.parquet",)
    table = pyarrow.parquet.read_table(tmp_path / "v.parquet")
    assert table.column_names == ["file", "start_s", "stop_s", "vector"]
    assert table["file"].to_pylist() == ["a.wav"] * 2 + ["d/bb.wav"] * 3
    vectors = np.array(table["vector"].to_pylist(), np.float32)
    np.testing.assert_array_equal(vectors[2:], SOUNDS[2].vectors.vectors)


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EarmarkError, match=r"ends in \.npy or \.parquet"):
        write_vectors(tmp_path / "v.txt", SOUNDS)


def test_nothing_is_written_of_silence(tmp_path: Path) -> None:
    with pytest.raises(EarmarkError, match="no vectors to write"):
        write_vectors(tmp_path / "v.npy", SOUNDS[1:2])
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(EarmarkError, match="cannot be written"):
        write_vectors(tmp_path / "none" / "v.npy", SOUNDS)
