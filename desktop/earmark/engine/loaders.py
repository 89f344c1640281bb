"""Loaded models: where they run, how long they are kept, and how they are stopped.

The one module of the engine's process that imports torch and transformers, and only
when a runner asks for something that needs them: a CTranslate2 or ONNX runner is spared
their five seconds and 400 MB. (`engine.pickles` imports torch in a process of its own.)
"""

from __future__ import annotations

import contextlib
import contextvars
import ctypes
import errno
import gc
import importlib
import json
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import numpy as np
import psutil
from numpy.typing import NDArray

from earmark.core.errors import EarmarkError
from earmark.core.tasks import ModelRef
from earmark.engine.filterbank import log_mel_energies

T = TypeVar("T")
Samples = NDArray[np.float32]

MB = 1 << 20

SHORTEST_S = 0.5
"""Shorter audio is filled up with silence: some models fail on it, others give values
that are no numbers."""

current_check: contextvars.ContextVar[Callable[[], None]] = contextvars.ContextVar(
    "current_check", default=lambda: None
)
"""Raises `Cancelled` if the job that runs on this thread was cancelled.

A loaded model outlives the job that loaded it, so the hook on its forward pass asks
this for the job of the moment.
"""

_VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt", "sentencepiece.bpe.model")

_TRAINED_WITH = "masked_spec_embed"
_POOLED = "pooler."
"""Weights that published models may lack: they are used in training only, or for what
the mean over the tokens stands for here."""

_OUT_OF_MEMORY = (
    "out of memory",  # torch on CUDA and MPS, ctranslate2
    "can't allocate memory",  # torch on the CPU
    "cannot allocate memory",
    "failed to allocate memory",  # onnxruntime
    "not enough memory",  # torch on Windows
    "bad_alloc",
    "bad allocation",
)


def is_out_of_memory(error: BaseException | None) -> bool:
    """Tell whether an error, or one that caused it, says that memory ran out."""
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            return True
        if any(phrase in str(error).lower() for phrase in _OUT_OF_MEMORY):
            return True
        error = error.__cause__ or error.__context__
    return False


def _may_have_accelerator() -> bool:
    """Tell cheaply whether it is worth importing torch to ask for a device."""
    if sys.platform == "darwin":
        return True
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        cuda = ctypes.CDLL(library)
    except OSError:
        return False
    count = ctypes.c_int(0)
    cuda.cuInit(0)
    return cuda.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


def pick_device(wanted: str) -> tuple[str, str]:
    """Give the device to run on, and a note if it is not the one that was set.

    Parameters
    ----------
    wanted : {"auto", "cpu", "cuda", "mps"}
        "auto" takes CUDA, then MPS, then the CPU.

    Returns
    -------
    device : str
        "cuda:0", "mps" or "cpu".
    note : str
    """
    if wanted == "cpu":
        return "cpu", ""
    if _may_have_accelerator():
        with contextlib.suppress(ImportError):
            import torch

            if wanted in ("auto", "cuda") and torch.cuda.is_available():
                return "cuda:0", ""
            if wanted in ("auto", "mps") and torch.backends.mps.is_available():
                return "mps", ""
    if wanted == "auto":
        return "cpu", ""
    return "cpu", f"ran on the CPU: no {wanted.upper()} device was found"


WORKERS = min(os.cpu_count() or 1, 4)
"""Threads that score at once with a network too small to be worth sharing out."""


def compute_alone() -> None:
    """Let the calling thread compute without others to help it.

    Threads of OpenMP that help each other with a little wait for each other most of the
    time, all the more where something else runs as well.
    """
    torch: Any = importlib.import_module("torch")
    threadpoolctl: Any = importlib.import_module("threadpoolctl")
    torch.get_num_threads()  # a new thread takes up the usual number at its first use
    threadpoolctl.threadpool_limits(1, user_api="openmp")


def resident_mb() -> float:
    """Resident memory of this process."""
    return float(psutil.Process().memory_info().rss) / MB


def give_memory_back() -> None:
    """Return what was freed to the system instead of keeping it for later."""
    gc.collect()
    cuda = _torch("cuda")
    if cuda is not None and cuda.is_initialized():
        cuda.empty_cache()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # not glibc
            ctypes.CDLL("libc.so.6").malloc_trim(0)


def _torch(part: str) -> Any:
    """A part of torch that was imported; None before, and while that goes on."""
    # What another thread still imports is there already, but without its parts.
    return getattr(sys.modules.get("torch"), part, None)


def _weights_mb(loaded: object) -> float:
    """The bytes of a torch module's weights, or of the module a pipeline holds."""
    nn = _torch("nn")
    if nn is None:
        return 0.0
    module = loaded
    if not isinstance(module, nn.Module):
        module = getattr(loaded, "model", None)
    if not isinstance(module, nn.Module):
        return 0.0
    tensors = [*module.parameters(), *module.buffers()]
    return float(sum(tensor.nbytes for tensor in tensors)) / MB


def _folder_mb(path: Path | None) -> float:
    """What a model takes on disk: a first guess of what it will take in memory."""
    if path is None:
        return 0.0
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file()) / MB


@dataclass(slots=True)
class _Entry:
    loaded: Any
    size_mb: float
    users: set[int] = field(default_factory=set)


class ModelCache:
    """Loaded models, the least recently used given up first, under a memory budget.

    A model that a running job uses is never given up.
    """

    def __init__(self) -> None:
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._lock = threading.RLock()
        # Loads take turns: two at once would each measure the other's memory.
        self._loading = threading.Lock()

    def get(
        self,
        key: Hashable,
        load: Callable[[], T],
        *,
        job: int,
        budget_mb: float,
        expected_mb: float = 0.0,
    ) -> T:
        """Give what `load` made for this key, now or earlier.

        Parameters
        ----------
        key : hashable
        load : callable
            Takes nothing; called if the key is not here.
        job : int
            Uses it until `release`.
        budget_mb : float
            What all entries together may take; older ones are given up for it.
        expected_mb : float, optional
            A guess of what it will take, to make room before rather than after.
        """
        entry = self._use(key, job)
        if entry is None:
            with self._loading:
                entry = self._use(key, job)  # another job may have loaded it by now
                if entry is None:
                    self.shrink(budget_mb - expected_mb)
                    before = resident_mb()
                    loaded = load()
                    size_mb = max(resident_mb() - before, _weights_mb(loaded), 0.0)
                    entry = _Entry(loaded, size_mb, {job})
                    with self._lock:
                        self._entries[key] = entry
            self.shrink(budget_mb)
        return cast("T", entry.loaded)

    def _use(self, key: Hashable, job: int) -> _Entry | None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                entry.users.add(job)
                self._entries.move_to_end(key)
            return entry

    def release(self, job: int) -> None:
        """Say that a job ended: what it used may be given up from now on."""
        with self._lock:
            for entry in self._entries.values():
                entry.users.discard(job)

    def drop(self, job: int) -> None:
        """Give up what this job alone used: who cancels it wants the memory back."""
        with self._lock:
            for key, entry in list(self._entries.items()):
                if entry.users == {job}:
                    del self._entries[key]

    def shrink(self, to_mb: float) -> None:
        """Give up unused models, the oldest first, until the rest fits."""
        with self._lock:
            excess = self.size_mb - to_mb
            unused = [key for key, entry in self._entries.items() if not entry.users]
            freed = False
            for key in unused:
                if excess <= 0:
                    break
                excess -= self._entries.pop(key).size_mb
                freed = True
            if freed:
                give_memory_back()

    @property
    def size_mb(self) -> float:
        """What the models here take together."""
        return sum(entry.size_mb for entry in self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)


def cached(
    cache: ModelCache,
    model: ModelRef | None,
    device: str,
    key: Hashable,
    load: Callable[[], T],
    *,
    job: int,
    budget_mb: float,
) -> T:
    """Give a job's loaded model, keyed by model, revision, device and `key`."""
    return cache.get(
        (model and model.identified(), device, key),
        load,
        job=job,
        budget_mb=budget_mb,
        expected_mb=_folder_mb(model.path) if model else 0.0,
    )


def require_safetensors(folder: Path) -> None:
    """Refuse a folder whose weights are pickles only.

    A pickle can run any code when it is opened; safetensors cannot.
    """
    if not any(folder.glob("*.safetensors")):
        pickles = sorted(path.name for path in folder.glob("*.bin"))
        held = f"only {', '.join(pickles)}" if pickles else "no weights"
        raise EarmarkError(
            f"{folder} has no weights in the safetensors format ({held}).",
            "Pickled weights can run code when they are opened: fetch the model in "
            "safetensors format, or have them converted (`earmark models import FOLDER "
            "--convert-pickle`).",
        )


def config_of(folder: Path) -> dict[str, Any]:
    """What the `config.json` of a model's folder says.

    Raises
    ------
    EarmarkError
        If it cannot be read.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise TypeError("it is no JSON object")
    except (OSError, ValueError, TypeError) as error:
        raise EarmarkError(
            f"The config.json in {folder} cannot be read: {error}",
            "Import the model again, or choose another one.",
        ) from error
    return config


def require_vocabulary(folder: Path) -> None:
    """Refuse a model of words without its vocabulary.

    The library would make an empty one, to which all texts are the same.
    """
    if not any((folder / name).is_file() for name in _VOCABULARIES):
        raise EarmarkError(
            f"{folder} has no vocabulary: none of {', '.join(_VOCABULARIES)} is there.",
            "Copy it from where the weights come from.",
        )


def require_weights(
    kind: Any, folder: Path, *, unused: str = "", **options: Any
) -> None:
    """Refuse a folder whose weights are not all that its model has.

    The library would make up what is missing, at random, and go on.

    Parameters
    ----------
    kind : type
        The model's class in transformers.
    folder : Path
    unused : str, optional
        What the names of weights begin with that are not used.
    **options
        For its `from_pretrained`.
    """
    # Without data: a tenth of a second, whatever the size of the model.
    network, told = kind.from_pretrained(
        folder,
        local_files_only=True,
        output_loading_info=True,
        device_map="meta",
        **options,
    )
    spared = (_POOLED, unused or _POOLED)
    trained = {name for name, _ in network.named_parameters()}
    missing = sorted(
        name
        for name in trained & set(told["missing_keys"])
        if not name.endswith(_TRAINED_WITH) and not name.startswith(spared)
    )
    if missing:
        raise EarmarkError(
            f"{folder} lacks {len(missing):,} of its model's weights, such as "
            f"{missing[0]}.",
            "Get the model again: without them it would give random results.",
        )


def unopened(folder: Path, error: Exception) -> EarmarkError:
    """What it means for a person that transformers could not open a model's folder."""
    if is_out_of_memory(error):
        return EarmarkError(
            f"There is too little memory to open {folder}.",
            "Close other programs, or choose a smaller model.",
        )
    told, preparing = str(error), "preprocessor_config.json"
    if preparing in told and not (folder / preparing).exists():
        return EarmarkError(
            f"{folder} has no {preparing}, which tells how sound is prepared for the "
            "model.",
            "Copy it from where the weights come from.",
        )
    # What follows is about the hub, which was not asked.
    told = told.partition(". If you were trying to load")[0]
    reason = next(iter(told.splitlines()), type(error).__name__)
    return EarmarkError(
        f"{folder} could not be opened: {reason}",
        "Import the model again, or choose another one.",
    )


def load_pipeline(
    task: str,
    model: ModelRef | None,
    device: str,
    **kwargs: Any,
) -> Any:
    """Load a `transformers` pipeline from a folder on disk.

    Parameters
    ----------
    task : str
        As `transformers.pipeline` names it: "automatic-speech-recognition".
    model : ModelRef or None
    device : str
    **kwargs
        For `transformers.pipeline`. `dtype` defaults to float32 on the CPU, where
        half precision is slow or missing, and to the checkpoint's own elsewhere.

    Returns
    -------
    transformers.Pipeline
        Stops with `Cancelled` in the middle of a generation when its job is cancelled.

    Raises
    ------
    EarmarkError
        If the model is no folder, holds pickles only, or cannot be opened.
    """
    if model is None or model.path is None or not model.path.is_dir():
        where = "no model was chosen" if model is None else f"{model.id} is not there"
        raise EarmarkError(
            f"A transformers model is a folder on disk, but {where}.",
            "Choose a model that is on disk.",
        )
    require_safetensors(model.path)
    transformers: Any = importlib.import_module("transformers")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    kwargs.setdefault("dtype", "float32" if device == "cpu" else "auto")
    model_kwargs = {**kwargs.pop("model_kwargs", {}), "use_safetensors": True}
    named = config_of(model.path).get("architectures")
    kind = getattr(transformers, str(named[0]), None) if named else None
    try:
        if kind is not None:
            require_weights(kind, model.path, use_safetensors=True)
        pipeline = transformers.pipeline(
            task,
            model=str(model.path),
            device=device,
            trust_remote_code=False,
            model_kwargs=model_kwargs,
            **kwargs,
        )
    except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise unopened(model.path, error) from error
    if "num_beams" not in kwargs:
        search_with_one_beam(pipeline)
    stop_when_cancelled(pipeline.model)
    return pipeline


_MIXING = ("audio-spectrogram-transformer", "whisper")
"""Models whose features are filled up to one length whatever the audio's is."""


@dataclass(frozen=True, slots=True)
class Scorer:
    """How the model of an audio-classification pipeline scores windows.

    Attributes
    ----------
    prepare : callable
        Takes windows, float32, shape (frames,) at the model's rate, and gives their
        features. It needs no device, so it can go on while `score` does.
    score : callable
        Takes the features and gives scores, float32, shape (windows, classes).
    mixes : bool
        Windows of different lengths may be scored together.
    """

    prepare: Callable[[Sequence[Samples]], Any]
    score: Callable[[Any], NDArray[np.float32]]
    mixes: bool


def scorer_of(pipeline: Any, kind: Literal["softmax", "sigmoid"]) -> Scorer:
    """What scores windows with the model of an audio-classification pipeline.

    Parameters
    ----------
    pipeline : transformers.Pipeline
    kind : {"softmax", "sigmoid"}
        What becomes of the logits: one class of all, or each class for itself.
    """
    torch: Any = importlib.import_module("torch")
    model, extract = pipeline.model, pipeline.feature_extractor
    rate = extract.sampling_rate
    shortest = round(SHORTEST_S * rate)
    extract = fast_features(extract)

    def prepare(windows: Sequence[Samples]) -> Any:
        heard = [np.pad(w, (0, max(0, shortest - len(w)))) for w in windows]
        return extract(heard, sampling_rate=rate, return_tensors="pt")

    def score(features: Any) -> NDArray[np.float32]:
        with torch.inference_mode():
            logits = model(**features.to(model.device, model.dtype)).logits.float()
        scores = logits.sigmoid() if kind == "sigmoid" else logits.softmax(-1)
        given: NDArray[np.float32] = scores.cpu().numpy()
        return given

    return Scorer(prepare, score, model.config.model_type in _MIXING)


def fast_features(extract: Any) -> Any:
    """The same features as a feature extractor gives, sooner if that is known how.

    That of the AST computes one frame after the other where torchaudio is missing.
    """
    if type(extract).__name__ != "ASTFeatureExtractor" or not hasattr(
        extract, "mel_filters"
    ):
        return extract
    transformers: Any = importlib.import_module("transformers")
    longest = extract.max_length

    def features(windows: Sequence[Samples], **_: object) -> Any:
        mels = np.zeros((len(windows), longest, extract.num_mel_bins), np.float32)
        for row, window in zip(mels, windows, strict=True):
            found = log_mel_energies(window, extract.window, extract.mel_filters)
            row[: len(found)] = found[:longest]
        if extract.do_normalize:
            mels = (mels - extract.mean) / (extract.std * 2)
        return transformers.BatchFeature({"input_values": mels}, tensor_type="pt")

    return features


def class_names(pipeline: Any) -> tuple[str, ...]:
    """The classes of a pipeline's model, in the order of its scores."""
    names = pipeline.model.config.id2label
    return tuple(str(names[index]) for index in range(len(names)))


def search_with_one_beam(pipeline: Any) -> None:
    """Undo what pipelines for speech have by default: five beams, five times slower.

    `num_beams` cannot be passed when a pipeline is made, because it is an error for a
    model that does not generate, and which do is known only then.
    """
    for holder in (pipeline, pipeline.model):
        generation = getattr(holder, "generation_config", None)
        if generation is not None:
            generation.num_beams = 1


def stop_when_cancelled(module: Any) -> None:
    """Let a torch module raise `Cancelled` at its next forward pass.

    The hook sits on the module, its models and its repeated layers, so that it acts
    within a long encoder pass and where `generate` calls an inner model only.
    """
    import torch

    def check(_module: object, _args: object) -> None:
        current_check.get()()

    layers = {module, *module.children()}
    for inner in module.modules():
        if isinstance(inner, torch.nn.ModuleList):
            layers.update(inner)
        elif hasattr(inner, "generate"):
            layers.add(inner)
    for layer in layers:
        layer.register_forward_pre_hook(check)
