"""A task's `Params` become options."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click
import pytest
from click.testing import CliRunner

from earmark.cli.options import given, options_of
from earmark.core.tasks import Params, Task, entries, param


class Everything(Params):
    words: bool = param(True, "Words", "Mark the words.")
    size: int = param(5, "Beam size", "How many hypotheses.", ge=1, le=10)
    pause_s: float | None = param(None, "Pause", "Between sentences.", unit="s", ge=0)
    kind: Literal["a", "b"] = param("a", "Kind", "Which kind.")
    window_s: float = param(1.0, "Window", "Heard at once.", unit="s", advanced=True)
    prompt: str = param("", "Prompt", "What came before.")


TASK = Task(
    id="everything",
    title="Everything",
    summary="All kinds of fields.",
    group="understand",
    input="audio",
    params=Everything,
    runner="nowhere:run",
)


def parsed(*arguments: str, task: Task = TASK) -> dict[str, object]:
    seen: dict[str, object] = {}
    command = click.Command(task.id, callback=seen.update, params=[*options_of(task)])
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    return given(task, seen)


def test_nothing_given_leaves_every_default_to_the_task() -> None:
    assert parsed() == {}


def test_values_arrive_with_their_types() -> None:
    told = parsed(
        "--no-words", "--size", "3", "--pause-s", "0.5", "--kind", "b", "--prompt", "x"
    )
    assert told == {
        "words": False,
        "size": 3,
        "pause_s": 0.5,
        "kind": "b",
        "prompt": "x",
    }
    assert Everything(**told).size == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--size", "11"], "1<=x<=10"),
        (["--size", "many"], "not a valid int"),
        (["--kind", "c"], "'a', 'b'"),
        (["--pause-s", "-1"], "x>=0"),
    ],
)
def test_a_value_out_of_range_is_refused_with_the_range(
    arguments: list[str], said: str
) -> None:
    command = click.Command("everything", params=[*options_of(TASK)])
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 2
    assert said in result.output


def test_the_help_tells_the_unit_and_the_default() -> None:
    command = click.Command("everything", params=[*options_of(TASK)])
    shown = CliRunner().invoke(command, ["--help"]).output
    assert "--pause-s S" in shown
    assert "[default: 5]" in shown
    assert "[default: yes]" in shown


def test_what_only_experts_change_comes_last() -> None:
    names = [option.name for option in options_of(TASK)]
    assert names == ["words", "size", "pause_s", "kind", "prompt", "window_s"]


def test_the_text_of_a_task_can_be_left_to_an_argument() -> None:
    assert "prompt" not in {o.name for o in options_of(TASK, without="prompt")}


class Spotting(Params):
    words: str = param("", "Words", "Which ones.", lines="keywords")


SPOTTING = Task(
    id="spotting",
    title="Spotting",
    summary="Finds words.",
    group="understand",
    input="audio",
    params=Spotting,
    runner="nowhere:run",
)


def words(value: str) -> tuple[str, ...]:
    """The entries of an option's value."""
    return entries(str(parsed("--words", value, task=SPOTTING)["words"]))


def test_a_list_is_given_with_commas() -> None:
    assert words("yes, no,thank you") == ("yes", "no", "thank you")
    assert words("yes") == ("yes",)


def test_a_list_is_given_as_a_file_with_one_entry_a_line(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("\ufeffyes\n\n  well, well \nçà et là\n", encoding="utf-8")
    assert words(str(file)) == ("yes", "well, well", "çà et là")


def test_a_list_may_be_longer_than_a_path() -> None:
    many = [f"word{number}" for number in range(2000)]
    assert words(",".join(many)) == tuple(many)


def test_a_file_that_is_no_text_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "sound.wav"
    file.write_bytes(b"RIFF\xff\xfe\xfd")
    command = click.Command("spotting", params=[*options_of(SPOTTING)])
    result = CliRunner().invoke(command, ["--words", str(file)])
    assert result.exit_code == 2
    assert "sound.wav cannot be read as text" in " ".join(result.output.split())
