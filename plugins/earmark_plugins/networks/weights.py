"""A network with the weights and the settings of a model's folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from earmark.api import Context, EarmarkError

Network = TypeVar("Network", bound=torch.nn.Module)


def load_network(
    ctx: Context,
    build: Callable[[dict[str, Any]], Network],
    rename: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]] = dict,
) -> tuple[Network, dict[str, Any]]:
    """The network of the job's model, kept for later jobs, and its settings.

    Parameters
    ----------
    ctx : Context
    build : callable
        Takes the settings in `config.json` and gives a network.
    rename : callable
        Takes the stored weights and gives them as the network names them.

    Raises
    ------
    EarmarkError
        If the folder does not hold such a model.
    """
    if ctx.model is None or ctx.model.path is None:
        raise EarmarkError("No model was chosen.", "Choose one that is on disk.")
    folder = ctx.model.path

    def load() -> tuple[Network, dict[str, Any]]:
        try:
            config = _config(folder)
            network = build(config)
            weights = load_file(folder / "model.safetensors")
            network.load_state_dict(rename(weights))
        except (
            OSError,
            ValueError,
            LookupError,
            TypeError,
            RuntimeError,
            SafetensorError,
        ) as error:
            raise EarmarkError(
                f"{folder} could not be opened: {error}",
                "Import the model again, or choose another one.",
            ) from error
        return network.eval().to(ctx.device), config

    network, config = ctx.cached(build.__qualname__, load)
    ctx.use(ctx.device, "float32")
    return network, config


def class_names(config: dict[str, Any]) -> tuple[str, ...]:
    """The classes in the order of the scores; empty if it has none."""
    names = config.get("id2label") or {}
    return tuple(str(names[str(index)]) for index in range(len(names)))


def _config(folder: Path) -> dict[str, Any]:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if not isinstance(config, dict):
        raise TypeError("its config.json is no JSON object")
    return config
