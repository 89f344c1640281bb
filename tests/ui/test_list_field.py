"""The named lists of the project, at a field of one entry a line."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot
from ui.conftest import Bench

from earmark.core.tasks import Params, param
from earmark.ui.panels.form import ParamsForm
from earmark.ui.panels.list_field import ListField


class Spotting(Params):
    words: str = param("", "Words", "Which ones.", lines="keywords")

    def model_post_init(self, _: object) -> None:
        if not self.words.strip():
            raise ValueError("there are no words")


@pytest.fixture
def form(bench: Bench, qtbot: QtBot) -> ParamsForm:
    form = ParamsForm(Spotting, session=bench.session)
    qtbot.addWidget(form)
    return form


def field_of(form: ParamsForm) -> ListField:
    field = form.field("words")
    assert isinstance(field, ListField)
    return field


def keep(bench: Bench, name: str, text: str, kind: str = "keywords") -> int:
    with bench.project.edit("Keep") as edit:
        return edit.set_list(kind, name, text)


def offered(field: ListField) -> list[str]:
    return [field.names.itemText(index) for index in range(field.names.count())]


def choose(field: ListField, name: str) -> None:
    field.names.setCurrentIndex(field.names.findText(name))
    field.names.activated.emit(field.names.currentIndex())


def test_lists_of_its_kind_are_offered_as_the_project_changes(
    bench: Bench, form: ParamsForm
) -> None:
    field = field_of(form)
    assert offered(field) == []

    keep(bench, "numbers", "one\ntwo")
    key = keep(bench, "answers", "yes\nno")
    keep(bench, "flights", "to Rome", kind="intents")
    assert offered(field) == ["answers", "numbers"]

    with bench.project.edit("Remove") as edit:
        edit.remove_list(key)
    assert offered(field) == ["numbers"]
    bench.project.undo()
    assert offered(field) == ["answers", "numbers"]


def test_a_chosen_list_fills_the_lines(bench: Bench, form: ParamsForm) -> None:
    keep(bench, "answers", "yes\nno")
    field = field_of(form)
    changes: list[Any] = []
    field.changed.connect(lambda: changes.append(field.value()))

    choose(field, "answers")

    assert form.validated() == Spotting(words="yes\nno")
    assert changes[-1] == "yes\nno"


def test_lines_are_saved_under_the_name_that_is_typed_and_undone(
    bench: Bench, form: ParamsForm
) -> None:
    field = field_of(form)
    form.set_values({"words": "yes\nno"})
    assert not field.save.isEnabled()

    field.names.setEditText("answers")
    field.save.click()

    (kept,) = bench.project.lists("keywords")
    assert (kept.name, kept.text) == ("answers", "yes\nno")
    assert offered(field) == ["answers"]
    assert not field.save.isEnabled()
    assert bench.project.history()[-1].title == "Save list “answers”"
    bench.project.undo()
    assert offered(field) == []
    assert field.value() == "yes\nno"


def test_changed_lines_are_saved_in_place_of_the_list(
    bench: Bench, form: ParamsForm
) -> None:
    keep(bench, "answers", "yes\nno")
    field = field_of(form)
    choose(field, "answers")
    assert not field.save.isEnabled()

    form.field("words").widget.findChild(QPlainTextEdit).setPlainText("maybe")
    field.save.click()

    (kept,) = bench.project.lists("keywords")
    assert kept.text == "maybe"


def test_a_list_is_deleted_and_its_lines_stay(bench: Bench, form: ParamsForm) -> None:
    keep(bench, "answers", "yes\nno")
    field = field_of(form)
    choose(field, "answers")

    field.delete.click()

    assert bench.project.lists("keywords") == []
    assert field.value() == "yes\nno"
    assert not field.delete.isEnabled()


def test_lines_that_are_a_saved_list_show_its_name(
    bench: Bench, form: ParamsForm
) -> None:
    keep(bench, "answers", "yes\nno")
    field = field_of(form)

    form.set_values({"words": "yes\nno"})
    assert field.names.currentText() == "answers"

    form.set_values({"words": "something else"})
    assert field.names.currentText() == ""


def test_what_is_wrong_is_marked_at_the_lines(form: ParamsForm) -> None:
    assert form.validated() is None
    lines: QWidget = field_of(form).widget.findChild(QPlainTextEdit)
    assert lines.property("invalid")


def test_without_a_project_the_lines_stand_alone(qtbot: QtBot) -> None:
    form = ParamsForm(Spotting)
    qtbot.addWidget(form)
    assert isinstance(form.field("words").widget, QPlainTextEdit)


class Sounds(Params):
    wanted: str = param(
        "",
        "Only",
        "Which ones.",
        lines="classes",
        choices=(("Dog", "Dog  ·  Pets"), ("Cat", "Cat  ·  Pets"), ("Car", "Car")),
    )


def test_what_is_offered_is_searched_and_added_as_a_line(
    bench: Bench, qtbot: QtBot
) -> None:
    form = ParamsForm(Sounds, session=bench.session)
    qtbot.addWidget(form)
    form.show()
    field = form.field("wanted")
    assert isinstance(field, ListField)
    search = field.search
    assert search is not None

    def pick(typed: str, row: int) -> list[str]:
        qtbot.keyClicks(search, typed)
        completer = search.completer()
        model = completer.completionModel()
        found = [model.index(n, 0).data() for n in range(model.rowCount())]
        completer.popup().setCurrentIndex(model.index(row, 0))
        qtbot.keyClick(completer.popup(), Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: search.text() == "")
        return found

    assert pick("pets", 1) == ["Dog  ·  Pets", "Cat  ·  Pets"]
    assert field.value() == "Cat"
    assert pick("car", 0) == ["Car"]
    assert pick("cat", 0) == ["Cat  ·  Pets"]
    assert field.value() == "Cat\nCar"


def test_a_field_without_choices_has_nothing_to_search(form: ParamsForm) -> None:
    assert field_of(form).search is None
