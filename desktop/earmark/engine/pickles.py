"""A pickle of weights made into a safetensors file, in a process of its own.

`earmark --unpickle PICKLE SAFETENSORS` is started by `earmark.models.convert`, which
must not import torch. torch's `weights_only` builds tensors and plain containers and
refuses everything else; that it does so in a short-lived process is for what its makers
may have overlooked.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from earmark.engine.child import end_with_parent


def main(arguments: Sequence[str]) -> int:
    """Convert one file; an error is one line on the standard error stream.

    Parameters
    ----------
    arguments : sequence of str
        The pickle, and the file to write.
    """
    # Left to itself it would write into what its successor makes.
    end_with_parent()
    import pickle

    import torch
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    source, target = map(Path, arguments)
    try:
        loaded = torch.load(source, map_location="cpu", weights_only=True)
        tensors: dict[str, Any] = {}
        for name, tensor in _tensors(loaded):
            if name in tensors:
                raise ValueError(f"it holds two tensors named {name}")
            tensors[name] = tensor
        if not tensors:
            raise ValueError("it holds no tensors")
        rest = json.dumps(_rest(loaded))
        save_file(tensors, target, metadata={"format": "pt", "rest": rest})
    except (
        OSError,
        RuntimeError,
        ValueError,
        EOFError,
        pickle.UnpicklingError,
        SafetensorError,
    ) as error:
        # The first line says what is wrong; the rest advises to trust the file.
        sys.stderr.write(str(error).strip().partition("\n")[0] + "\n")
        return 1
    return 0


def _tensors(loaded: object, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The tensors in nested dictionaries, by dotted names.

    Each is copied, because a safetensors file cannot hold two that share memory.
    """
    import torch

    if not isinstance(loaded, Mapping):
        return
    for name, value in loaded.items():
        if isinstance(value, torch.Tensor):
            yield f"{prefix}{name}", value.detach().contiguous().clone()
        else:
            yield from _tensors(value, f"{prefix}{name}.")


def _rest(loaded: object) -> Any:
    """What is beside the tensors and can be told in JSON."""
    if isinstance(loaded, Mapping):
        rest = {str(name): _rest(value) for name, value in loaded.items()}
        return {name: value for name, value in rest.items() if value is not None}
    if isinstance(loaded, str | int | float):
        return loaded
    if isinstance(loaded, list | tuple):
        return [_rest(value) for value in loaded]
    return None
