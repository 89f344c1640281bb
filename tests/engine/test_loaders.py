"""Loaded models: kept, given up, refused and stopped."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest
import torch
from checkpoints import sentences
from classifier_checkpoints import classifier
from safetensors.torch import load_file, save_file

from earmark.core.errors import EarmarkError
from earmark.core.tasks import ModelRef
from earmark.engine import loaders
from earmark.engine.loaders import ModelCache

BUDGET_MB = 100.0


class Loads:
    """Loads things of 40 MB and counts how often."""

    def __init__(self) -> None:
        self.cache = ModelCache()
        self.loaded: list[str] = []

    def get(self, key: str, job: int = 1, budget_mb: float = BUDGET_MB) -> bytes:
        def load() -> bytes:
            self.loaded.append(key)
            return b"\1" * (40 << 20)

        return self.cache.get(key, load, job=job, budget_mb=budget_mb)


def test_a_model_is_loaded_once() -> None:
    loads = Loads()
    assert loads.get("a") is loads.get("a")
    assert loads.loaded == ["a"]
    assert loads.cache.size_mb == pytest.approx(40, abs=4)


def test_the_least_recently_used_goes_when_the_budget_is_spent() -> None:
    loads = Loads()
    for key in "aba":
        loads.get(key)
    loads.cache.release(1)
    loads.get("c")
    assert len(loads.cache) == 2
    loads.get("a")
    assert loads.loaded == ["a", "b", "c"]


def test_a_model_in_use_is_never_given_up() -> None:
    loads = Loads()
    loads.get("a", job=1)
    loads.get("b", job=2)
    loads.cache.release(2)
    loads.get("c", job=3, budget_mb=10.0)
    loads.get("a", job=1)
    assert loads.loaded == ["a", "b", "c"]
    assert len(loads.cache) == 2


def test_what_only_a_cancelled_job_used_is_given_up() -> None:
    loads = Loads()
    loads.get("own", job=1)
    loads.get("shared", job=1)
    loads.get("shared", job=2)
    loads.cache.drop(1)
    loads.get("shared", job=3)
    loads.get("own", job=3)
    assert loads.loaded == ["own", "shared", "own"]


def test_room_is_made_before_a_model_is_loaded() -> None:
    loads = Loads()
    loads.get("a")
    loads.cache.release(1)

    def load() -> str:
        assert len(loads.cache) == 0
        return "b"

    loads.cache.get("b", load, job=2, budget_mb=BUDGET_MB, expected_mb=80.0)


def test_memory_that_ran_out_is_recognised_in_every_librarys_words() -> None:
    for words in (
        "CUDA out of memory. Tried to allocate 20.00 MiB",
        "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory",
        "Failed to allocate memory for requested buffer of size 4096",
        "CUDA failed with error out of memory",
        "std::bad_alloc",
    ):
        assert loaders.is_out_of_memory(RuntimeError(words))
    assert loaders.is_out_of_memory(MemoryError())
    assert loaders.is_out_of_memory(OSError(errno.ENOMEM, "no"))
    assert not loaders.is_out_of_memory(ValueError("no memory of that"))


def test_an_error_caused_by_lack_of_memory_is_recognised() -> None:
    try:
        try:
            raise MemoryError
        except MemoryError as error:
            raise ValueError("the model could not be loaded") from error
    except ValueError as error:
        assert loaders.is_out_of_memory(error)


def test_a_model_that_memory_was_too_small_for_is_not_called_broken(
    tmp_path: Path,
) -> None:
    fault = RuntimeError("DefaultCPUAllocator: can't allocate memory")
    told = loaders.unopened(tmp_path, fault)
    assert "too little memory" in told.message
    assert "smaller model" in told.remedy


def test_the_processor_is_always_there() -> None:
    assert loaders.pick_device("cpu") == ("cpu", "")


def test_a_device_that_is_not_there_is_replaced_and_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loaders, "_may_have_accelerator", lambda: False)
    assert loaders.pick_device("auto") == ("cpu", "")
    device, note = loaders.pick_device("cuda")
    assert device == "cpu"
    assert "no CUDA device was found" in note


def test_pickled_weights_are_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    model = ModelRef("m", "transformers", tmp_path)
    with pytest.raises(EarmarkError, match="only pytorch_model") as refused:
        loaders.load_pipeline("automatic-speech-recognition", model, "cpu")
    assert "--convert-pickle" in refused.value.remedy


def test_a_pipeline_is_loaded_from_a_folder_only() -> None:
    model = ModelRef("openai/whisper-tiny", "transformers", None)
    with pytest.raises(EarmarkError, match="a folder on disk"):
        loaders.load_pipeline("automatic-speech-recognition", model, "cpu")


def test_what_a_models_folder_lacks_is_told_without_a_word_of_the_hub(
    tmp_path: Path,
) -> None:
    classifier(tmp_path, "wav2vec2", ["yes", "no"])
    (tmp_path / "preprocessor_config.json").unlink()
    model = ModelRef("mine", "transformers", tmp_path)
    with pytest.raises(EarmarkError) as refused:
        loaders.load_pipeline("audio-classification", model, "cpu")
    assert "has no preprocessor_config.json" in refused.value.message
    assert refused.value.remedy == "Copy it from where the weights come from."


def test_a_model_of_words_needs_its_vocabulary(tmp_path: Path) -> None:
    sentences(tmp_path)
    loaders.require_vocabulary(tmp_path)
    for name in ("tokenizer.json", "vocab.txt"):
        (tmp_path / name).unlink(missing_ok=True)
    with pytest.raises(EarmarkError, match="has no vocabulary"):
        loaders.require_vocabulary(tmp_path)


def test_a_thread_that_computes_alone_leaves_the_others_their_helpers() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with ThreadPoolExecutor(1, initializer=loaders.compute_alone) as alone:
            assert alone.submit(torch.get_num_threads).result() == 1
        with ThreadPoolExecutor(1) as other:
            assert other.submit(torch.get_num_threads).result() == 3
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("text", "reason"), [(None, "No such file"), ("{", "Expecting"), ("[]", "no JSON")]
)
def test_a_folder_that_does_not_say_what_it_holds_is_an_error_with_its_place(
    tmp_path: Path, text: str | None, reason: str
) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(EarmarkError, match=reason) as refused:
        loaders.config_of(tmp_path)
    assert str(tmp_path) in str(refused.value)


def without(folder: Path, wanted: Callable[[str], bool]) -> None:
    """Take weights out of a model's file."""
    file = folder / "model.safetensors"
    kept = {
        name: weight for name, weight in load_file(file).items() if not wanted(name)
    }
    save_file(kept, file, metadata={"format": "pt"})


def test_a_model_without_some_of_its_weights_is_refused(tmp_path: Path) -> None:
    classifier(tmp_path, "wav2vec2", ["yes", "no"])
    without(tmp_path, lambda name: name.startswith("classifier"))
    model = ModelRef("mine", "transformers", tmp_path)
    with pytest.raises(EarmarkError, match="lacks 2 of its model's weights") as refused:
        loaders.load_pipeline("audio-classification", model, "cpu")
    assert "such as classifier.bias" in refused.value.message


def test_weights_that_only_training_needs_may_be_missing(tmp_path: Path) -> None:
    classifier(tmp_path / "sounds", "wavlm", ["yes", "no"])
    without(tmp_path / "sounds", lambda name: name.endswith("masked_spec_embed"))
    sentences(tmp_path / "words")
    without(tmp_path / "words", lambda name: name.startswith("pooler"))
    for task, name in (
        ("audio-classification", "sounds"),
        ("feature-extraction", "words"),
    ):
        model = ModelRef("mine", "transformers", tmp_path / name)
        assert loaders.load_pipeline(task, model, "cpu").model is not None


def test_what_another_thread_still_imports_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", ModuleType("torch"))  # as at its start
    loads = Loads()
    loads.get("a")
    loads.cache.release(1)
    loaders.give_memory_back()
    assert loads.loaded == ["a"]
