"""Commands that need no weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.conftest import Earmark

from earmark.cli import COMMANDS, IMPOSSIBLE, INTERRUPTED, SOME_FAILED, USAGE


def test_help_lists_every_command_with_its_whole_summary(earmark: Earmark) -> None:
    done = earmark("--help")
    assert done.returncode == 0
    listed = done.stdout.partition("Commands:")[2].partition("\n\n")[0]
    for command in COMMANDS:
        assert f"\n  {command} " in listed
    assert listed.count(".\n") + 1 == len(COMMANDS)
    assert "..." not in listed
    tasks = earmark("run", "--help").stdout.partition("Commands:")[2]
    assert " ".join(tasks.split()).count("by voices that you name once.") == 1


def test_help_tells_the_exit_codes(earmark: Earmark) -> None:
    told = earmark("--help").stdout
    for code in (0, SOME_FAILED, USAGE, IMPOSSIBLE, INTERRUPTED):
        assert f"\n    {code} " in told


def test_an_unknown_command_is_no_file_either(earmark: Earmark, tmp_path: Path) -> None:
    done = earmark("exprot")
    assert done.returncode == 2
    assert "neither a command nor a file “exprot”" in done.stderr
    assert "Did you mean “export”?" in done.stderr
    assert earmark("missing.wav").returncode == 2


def test_a_window_without_a_display_is_refused_in_words(
    earmark: Earmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "a.wav").touch()
    for files in ((), ("a.wav",)):
        done = earmark(*files)
        assert done.returncode == 3
        assert "There is no display to show the window on." in done.stderr


def test_each_task_takes_the_options_that_it_has_a_use_for(earmark: Earmark) -> None:
    labels = earmark("run", "audio-content", "--help").stdout
    assert "--format" in labels
    assert "label-studio" in labels
    vectors = earmark("run", "embeddings", "--help").stdout
    assert "--format" not in vectors
    assert ".parquet" in vectors
    sound = earmark("speak", "--help").stdout
    assert "--format" not in sound
    assert "--start" not in sound


def test_a_task_is_a_command_with_its_parameters_as_options(earmark: Earmark) -> None:
    done = earmark("run", "speech-recognition", "--help")
    assert done.returncode == 0
    assert "--language" in done.stdout
    assert "--out" in done.stdout
    assert "--start" in done.stdout


def test_an_unknown_option_is_a_usage_error(earmark: Earmark) -> None:
    done = earmark("transcribe", "x.wav", "--nonsense")
    assert done.returncode == 2
    assert "--nonsense" in done.stderr


def test_plugins_are_listed_with_their_tasks(earmark: Earmark) -> None:
    done = earmark("plugins", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {"speech-recognition", "text-to-speech"} <= set(told["tasks"])
    assert told["failures"] == []


def test_the_models_that_can_be_fetched_are_listed(earmark: Earmark) -> None:
    done = earmark("models", "list", "--json")
    assert done.returncode == 0, done.stderr
    offered = {entry["id"] for entry in json.loads(done.stdout)["available"]}
    assert any(name.startswith("whisper") for name in offered)


def test_a_missing_project_is_named(earmark: Earmark) -> None:
    done = earmark("export", "nothing.earmark", "--labels", "x.csv")
    assert done.returncode == 3
    assert "nothing.earmark" in done.stderr


def test_speech_goes_into_a_sound_file_which_is_checked_first(
    earmark: Earmark,
) -> None:
    done = earmark("speak", "Hi", "--out", "y.xyz")
    assert done.returncode == 3
    assert "“y.xyz” has an ending that Earmark does not write" in done.stderr
    done = earmark("speak", "Hi", "--out", "missing/y.wav")
    assert done.returncode == 3
    assert "missing is not there" in done.stderr


def test_a_folder_without_audio_is_named(earmark: Earmark, tmp_path: Path) -> None:
    (tmp_path / "empty" / "below").mkdir(parents=True)
    done = earmark("transcribe", "empty")
    assert done.returncode == 3
    assert "There is no audio in empty. Add --recursive" in done.stderr


def test_the_command_line_imports_neither_qt_nor_what_runs_models(
    earmark: Earmark,
) -> None:
    import subprocess
    import sys

    heavy = ["PySide6", "torch", "transformers", "ctranslate2", "onnxruntime"]
    code = (
        "import sys; from earmark.cli import main; main(['plugins']);"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
