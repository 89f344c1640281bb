"""What models and their files may be called."""

from __future__ import annotations

import pytest

from earmark.models.names import is_file_name, is_model_id


@pytest.mark.parametrize(
    "name", ["a", "org/name", "_a/_b", "Möwe-2.1", "con/nul", "a--b", "a" * 200]
)
def test_a_name_or_an_organisation_and_a_name_is_a_models_id(name: str) -> None:
    assert is_model_id(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", "..", "a/../b", "a/b/c", "/a", "a/", "a/.b", "-a", "a.", "a b", "a\n"),
        *("C:a", "a\\b", "CON", "nul.x", "nul.x/y", "com1"),
        *("a" * 201, "ä" * 101, "\ud800"),
    ],
)
def test_what_is_no_name_on_some_system_is_no_models_id(name: str) -> None:
    assert not is_model_id(name)


@pytest.mark.parametrize("name", ["config.json", "unet/a (1).safetensors", "ä/b.txt"])
def test_a_file_may_be_in_a_folder_of_the_model(name: str) -> None:
    assert is_file_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", "/a", "a/", "a//b", "../a", "a/../b", ".a", "a/.b/c", "a ", " a", "a."),
        *("a\\b", "C:/Users/a.json", "a:b", "a?", "a\tb", "con.json", "a/AUX/b"),
        *("a" * 201, "\ud800.json", "a\u202eb.json", "earmark-model.json"),
    ],
)
def test_what_leaves_the_folder_or_is_not_the_models_is_no_file_of_it(
    name: str,
) -> None:
    assert not is_file_name(name)
