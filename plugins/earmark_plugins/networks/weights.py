"""A network with the weights and the settings of a model's folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file

from earmark.api import Context, EarmarkError, config_of

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
    folder = ctx.folder

    def load() -> tuple[Network, dict[str, Any]]:
        config = config_of(folder)
        try:
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


def in_parts(
    compute: Callable[[torch.Tensor], torch.Tensor], device: str, at_once: int
) -> Callable[[torch.Tensor], NDArray[np.float32]]:
    """What computes rows of features, so many of a batch at once.

    Parameters
    ----------
    compute : callable
        Takes features, shape (rows, ...), and gives values, shape (rows, values).
    device : str
    at_once : int
    """

    @torch.inference_mode()
    def computed(features: torch.Tensor) -> NDArray[np.float32]:
        parts = torch.split(features.to(device), at_once)
        rows: NDArray[np.float32] = torch.cat([*map(compute, parts)]).cpu().numpy()
        return rows

    return computed


def class_names(config: dict[str, Any]) -> tuple[str, ...]:
    """The classes in the order of the scores; empty if it has none."""
    names = config.get("id2label") or {}
    return tuple(str(names[str(index)]) for index in range(len(names)))
