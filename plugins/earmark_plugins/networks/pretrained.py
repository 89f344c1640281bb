"""The parts of a transformers model from its folder."""

from __future__ import annotations

from typing import Any

import transformers

from earmark.api import Context, require_vocabulary, require_weights, unopened


def load_pretrained(
    ctx: Context, kind: Any, *others: Any, unused: str = ""
) -> tuple[Any, ...]:
    """The network of the job's model and what prepares its input, kept for later jobs.

    Parameters
    ----------
    ctx : Context
    kind : type
        A model class of transformers, such as `AutoModel`. Its weights are read from
        safetensors only, as float32, and code of the model's own is never run.
    *others : type
        Classes of its feature extractor, its tokenizer, ...
    unused : str, optional
        What the names of weights begin with that are not used, and may be missing.

    Raises
    ------
    EarmarkError
        If the folder does not hold such a model, or not all of it.
    """
    folder = ctx.folder
    if transformers.AutoTokenizer in others:
        require_vocabulary(folder)

    def load() -> tuple[Any, ...]:
        logging: Any = transformers.logging
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        try:
            require_weights(kind, folder, unused=unused, use_safetensors=True)
            network = kind.from_pretrained(
                folder, use_safetensors=True, local_files_only=True, dtype="float32"
            )
            parts = [
                other.from_pretrained(folder, local_files_only=True) for other in others
            ]
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise unopened(folder, error) from error
        return network.eval().to(ctx.device), *parts

    names = tuple(each.__name__ for each in (kind, *others))
    parts: tuple[Any, ...] = ctx.cached(names, load)
    ctx.use(ctx.device, "float32")
    return parts
