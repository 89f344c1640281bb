"""The table of labels."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from ui.conftest import RATE, Bench

from earmark.core.labels import Label
from earmark.core.project import Project
from earmark.ui.label_model import START, STATUS, TEXT, LabelModel
from earmark.ui.labels_table import LabelsTable

MANY = 100_000


def fill(bench: Bench, labels: list[tuple[float, str, str]]) -> list[int]:
    assert bench.session.clip is not None
    with bench.project.edit("Labels") as edit:
        track = edit.add_track(bench.session.clip.id, "Labels")
        return edit.add_labels(
            Label(0, track, int(s * RATE), int(s * RATE) + 40, text, status=status)  # type: ignore[arg-type]  # of the literal
            for s, text, status in labels
        )


@pytest.fixture
def table(bench: Bench) -> LabelsTable:
    content: LabelsTable = bench.window.docks["labels"].content()
    return content


def texts(model: LabelModel) -> list[str]:
    return [str(model.index(r, TEXT).data()) for r in range(model.rowCount())]


THREE = [
    (2.0, "beta", "predicted"),
    (1.0, "gamma", "accepted"),
    (3.0, "Alpha", "edited"),
]


def test_labels_come_in_the_order_of_time(
    qtbot: QtBot, bench: Bench, table: LabelsTable
) -> None:
    fill(bench, THREE)

    qtbot.waitUntil(lambda: texts(table.model) == ["gamma", "beta", "Alpha"])
    assert table.model.index(0, START).data() == "0:01.000"
    assert table.model.index(0, STATUS).data() == "Accepted"


def test_labels_are_sorted_and_filtered_by_text(
    qtbot: QtBot, bench: Bench, table: LabelsTable
) -> None:
    fill(bench, THREE)
    table.table.sortByColumn(TEXT, Qt.SortOrder.AscendingOrder)
    qtbot.waitUntil(lambda: texts(table.model) == ["Alpha", "beta", "gamma"])

    table.filter.setText("ALP")

    qtbot.waitUntil(lambda: texts(table.model) == ["Alpha"])
    assert table.counted.text() == "1 of 3 labels"
    table.filter.clear()
    table.status.setCurrentText("Predicted")
    qtbot.waitUntil(lambda: texts(table.model) == ["beta"])


def test_an_edited_text_is_stored_and_shown(
    qtbot: QtBot, bench: Bench, table: LabelsTable
) -> None:
    labels = fill(bench, THREE)
    qtbot.waitUntil(lambda: table.model.rowCount() == 3)

    table.model.setData(table.model.index(1, TEXT), "delta")

    stored = bench.project.label(labels[0])
    assert stored is not None
    assert (stored.text, stored.status) == ("delta", "edited")
    qtbot.waitUntil(lambda: texts(table.model) == ["gamma", "delta", "Alpha"])


def test_the_table_and_the_session_select_the_same(
    qtbot: QtBot, bench: Bench, table: LabelsTable
) -> None:
    labels = fill(bench, THREE)
    qtbot.waitUntil(lambda: table.model.rowCount() == 3)

    table.table.selectRow(0)
    assert bench.session.selected_labels == {labels[1]}
    assert bench.session.playhead == RATE
    bench.session.select_labels([labels[2]])

    rows = table.table.selectionModel().selectedRows()
    assert [row.row() for row in rows] == [2]


def test_a_hundred_thousand_labels_are_read_only_where_they_are_seen(
    qtbot: QtBot, bench: Bench, table: LabelsTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    original = Project.label

    def counted(self: Project, label: int) -> Label | None:
        read.append(label)
        return original(self, label)

    monkeypatch.setattr(Project, "label", counted)
    assert bench.session.clip is not None
    frames = bench.session.clip.frames
    with bench.project.edit("Labels") as edit:
        track = edit.add_track(bench.session.clip.id, "Many")
        edit.add_labels(
            Label(0, track, i % frames, i % frames, f"label {i}") for i in range(MANY)
        )

    qtbot.waitUntil(lambda: table.model.rowCount() == MANY)
    table.table.scrollToBottom()
    table.table.repaint()

    assert 0 < len(set(read)) < 500
