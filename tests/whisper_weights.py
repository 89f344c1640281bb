"""The starter's Whisper weights as a transformers folder.

They come in CTranslate2's format; turned around, the same real weights test what runs
through transformers. It is the inverse of CTranslate2's converter for Whisper.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
import transformers as hf
from numpy.typing import NDArray

Array = NDArray[Any]

_DTYPES = ("f4", "i1", "i2", "i4", "f2")
"""By their number in the file; bfloat16, the next one, the starter does not have."""


def converted(folder: Path, target: Path) -> Path:
    """Write a transformers folder of a CTranslate2 Whisper folder; gives it.

    Parameters
    ----------
    folder : Path
        With model.bin, config.json and tokenizer.json.
    target : Path
        Made if it is not there.
    """
    hf.logging.disable_progress_bar()
    with (folder / "model.bin").open("rb") as file:
        variables = dict(_variables(file))
    state = dict(_weights(variables))
    given = json.loads((folder / "config.json").read_text("utf-8"))
    tokens = {
        token["content"]: token["id"]
        for token in json.loads((folder / "tokenizer.json").read_text("utf-8"))[
            "added_tokens"
        ]
    }
    model = hf.WhisperForConditionalGeneration(_config(variables, state, tokens))
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert set(missing) <= {"proj_out.weight"}, missing
    assert not unexpected, unexpected
    model.tie_weights()
    model.generation_config = _generation(model.config, given, tokens)
    target.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(target)
    hf.WhisperFeatureExtractor(feature_size=model.config.num_mel_bins).save_pretrained(
        target
    )
    shutil.copy(folder / "tokenizer.json", target)
    (target / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "WhisperTokenizer",
                "bos_token": "<|endoftext|>",
                "eos_token": "<|endoftext|>",
                "unk_token": "<|endoftext|>",
                "pad_token": "<|endoftext|>",
            }
        )
    )
    return target


def _variables(file: BinaryIO) -> Iterator[tuple[str, Array]]:
    """The named arrays of a model.bin, version 6."""

    def number(size: int) -> int:
        return int.from_bytes(file.read(size), "little")

    def text() -> str:
        return file.read(number(2))[:-1].decode()

    assert number(4) == 6
    assert text() == "WhisperSpec"
    number(4)  # the revision
    for _ in range(number(4)):
        name = text()
        shape = [number(4) for _ in range(number(1))]
        dtype = _DTYPES[number(1)]
        values = np.frombuffer(file.read(number(4)), dtype)
        yield name, values.reshape(shape)


def _weights(variables: dict[str, Array]) -> Iterator[tuple[str, torch.Tensor]]:
    """The weights under transformers' names."""

    def tensor(values: Array) -> torch.Tensor:
        return torch.from_numpy(values.astype(np.float32))

    def linear(name: str, source: str) -> Iterator[tuple[str, torch.Tensor]]:
        yield f"{name}.weight", tensor(variables[f"{source}/weight"])
        yield f"{name}.bias", tensor(variables[f"{source}/bias"])

    def norm(name: str, source: str) -> Iterator[tuple[str, torch.Tensor]]:
        yield f"{name}.weight", tensor(variables[f"{source}/gamma"])
        yield f"{name}.bias", tensor(variables[f"{source}/beta"])

    def projections(
        name: str, source: str, letters: str
    ) -> Iterator[tuple[str, torch.Tensor]]:
        """Query, key and value, which the file has in one; the key has no bias."""
        weights = np.split(variables[f"{source}/weight"], len(letters))
        biases = np.split(variables[f"{source}/bias"], len(letters))
        for letter, weight, bias in zip(letters, weights, biases, strict=True):
            yield f"{name}.{letter}_proj.weight", tensor(weight)
            if letter != "k":
                yield f"{name}.{letter}_proj.bias", tensor(bias)

    for side in ("encoder", "decoder"):
        for layer in range(_layers(variables, side)):
            name, source = f"model.{side}.layers.{layer}", f"{side}/layer_{layer}"
            own = f"{source}/self_attention"
            yield from projections(f"{name}.self_attn", f"{own}/linear_0", "qkv")
            yield from linear(f"{name}.self_attn.out_proj", f"{own}/linear_1")
            yield from norm(f"{name}.self_attn_layer_norm", f"{own}/layer_norm")
            if side == "decoder":
                other, cross = f"{name}.encoder_attn", f"{source}/attention"
                yield from linear(f"{other}.q_proj", f"{cross}/linear_0")
                yield from projections(other, f"{cross}/linear_1", "kv")
                yield from linear(f"{other}.out_proj", f"{cross}/linear_2")
                yield from norm(f"{other}_layer_norm", f"{cross}/layer_norm")
            yield from linear(f"{name}.fc1", f"{source}/ffn/linear_0")
            yield from linear(f"{name}.fc2", f"{source}/ffn/linear_1")
            yield from norm(f"{name}.final_layer_norm", f"{source}/ffn/layer_norm")
        yield from norm(f"model.{side}.layer_norm", f"{side}/layer_norm")
        positions = variables[f"{side}/position_encodings/encodings"]
        yield f"model.{side}.embed_positions.weight", tensor(positions)
    yield from linear("model.encoder.conv1", "encoder/conv1")
    yield from linear("model.encoder.conv2", "encoder/conv2")
    embeddings = variables["decoder/embeddings/weight"]
    yield "model.decoder.embed_tokens.weight", tensor(embeddings)


def _layers(variables: dict[str, Array], side: str) -> int:
    prefix = f"{side}/layer_"
    return len(
        {
            name.split("/")[1]
            for name in variables
            if name.startswith(prefix) and not name.startswith(f"{side}/layer_norm")
        }
    )


def _config(
    variables: dict[str, Array],
    state: dict[str, torch.Tensor],
    tokens: dict[str, int],
) -> Any:
    vocabulary, size = state["model.decoder.embed_tokens.weight"].shape
    end = tokens["<|endoftext|>"]
    return hf.WhisperConfig(
        vocab_size=vocabulary,
        d_model=size,
        num_mel_bins=state["model.encoder.conv1.weight"].shape[1],
        encoder_layers=_layers(variables, "encoder"),
        decoder_layers=_layers(variables, "decoder"),
        encoder_attention_heads=int(variables["encoder/num_heads"]),
        decoder_attention_heads=int(variables["decoder/num_heads"]),
        encoder_ffn_dim=state["model.encoder.layers.0.fc1.weight"].shape[0],
        decoder_ffn_dim=state["model.decoder.layers.0.fc1.weight"].shape[0],
        max_source_positions=len(state["model.encoder.embed_positions.weight"]),
        max_target_positions=len(state["model.decoder.embed_positions.weight"]),
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        decoder_start_token_id=tokens["<|startoftranscript|>"],
        begin_suppress_tokens=None,
        suppress_tokens=None,
    )


def _generation(config: Any, given: dict[str, Any], tokens: dict[str, int]) -> Any:
    codes = [
        token
        for token in tokens
        # <|en|>, <|yue|>; the other special tokens are longer, or times.
        if token.startswith("<|") and token[2:-2].isalpha() and len(token) <= 7
    ]
    multilingual = config.vocab_size >= 51865
    several = {
        "lang_to_id": {code: tokens[code] for code in codes},
        "task_to_id": {
            task: tokens[f"<|{task}|>"] for task in ("transcribe", "translate")
        },
        "task": "transcribe",
    }
    return hf.GenerationConfig(
        bos_token_id=config.bos_token_id,
        eos_token_id=config.eos_token_id,
        pad_token_id=config.pad_token_id,
        decoder_start_token_id=config.decoder_start_token_id,
        max_length=config.max_target_positions,
        max_initial_timestamp_index=50,
        no_timestamps_token_id=tokens["<|notimestamps|>"],
        prev_sot_token_id=tokens["<|startofprev|>"],
        is_multilingual=multilingual,
        return_timestamps=False,
        suppress_tokens=given["suppress_ids"],
        begin_suppress_tokens=given["suppress_ids_begin"],
        alignment_heads=given["alignment_heads"],
        **(several if multilingual else {}),
    )
