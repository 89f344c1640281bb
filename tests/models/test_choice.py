"""Which model a task uses, and those of other tasks beside it."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from models.samples import RECOGNITION, MakeModel

from earmark.core.errors import EarmarkError
from earmark.core.tasks import ModelRef
from earmark.models.choice import companions_of, model_for
from earmark.models.library import Library
from earmark.settings import Settings

FINDING = replace(
    RECOGNITION, id="finding", title="Finding", companions=(RECOGNITION.id,)
)
TASKS = {task.id: task for task in (RECOGNITION, FINDING)}


def test_the_default_model_of_a_companion_comes_along(
    library: Library, make_model: MakeModel
) -> None:
    ref = library.import_folder(make_model("mine"))
    found = companions_of(library, FINDING, TASKS, Settings())
    assert [(task, model.path) for task, model in found.items()] == [
        (RECOGNITION.id, ref.path)
    ]


def test_a_companion_without_a_model_is_left_to_the_runner(library: Library) -> None:
    assert companions_of(library, FINDING, TASKS, Settings()) == {}


def test_a_chosen_model_that_is_gone_is_said(
    library: Library, make_model: MakeModel
) -> None:
    library.import_folder(make_model("mine"))
    settings = Settings(task_models={RECOGNITION.id: "the-other"})
    with pytest.raises(EarmarkError, match="the-other"):
        companions_of(library, FINDING, TASKS, settings)


def test_a_companion_that_is_switched_off_is_named(library: Library) -> None:
    with pytest.raises(EarmarkError, match="needs the task speech-recognition"):
        companions_of(library, FINDING, {"finding": FINDING}, Settings())


def test_a_model_of_another_task_is_named_with_the_task_it_fits(
    library: Library, make_model: MakeModel
) -> None:
    encoder = replace(
        RECOGNITION, id="intents", title="Intents", architectures=("BertModel",)
    )
    sentences = str(make_model("sentences", "BertModel"))
    with pytest.raises(EarmarkError) as refused:
        model_for(library, RECOGNITION, sentences, Settings(), (RECOGNITION, encoder))
    assert "an encoder of sentences (BertModel)" in refused.value.message
    assert refused.value.remedy == "Use it under Intents."


def test_a_folder_with_other_weights_is_another_choice(
    library: Library, make_model: MakeModel
) -> None:
    folder = make_model("elsewhere")
    settings = Settings(task_models={RECOGNITION.id: str(folder)})

    def chosen() -> list[ModelRef | None]:
        return [
            model_for(library, RECOGNITION, "", settings),
            companions_of(library, FINDING, TASKS, settings)[RECOGNITION.id],
        ]

    before = chosen()
    assert chosen() == before
    os.utime(folder / "model.safetensors", (0, 0))
    assert not any(model in before for model in chosen())
