"""Voices in transformers' format: VITS and MMS, SpeechT5, Bark, FastSpeech2.

Everything is read from the model's folder. Besides what is published with the weights,

- SpeechT5 needs its vocoder, in the subfolder `vocoder` or in a folder beside the
  model's whose `config.json` names `SpeechT5HifiGan`, and its voices, each a speaker
  vector in `speakers/NAME.npy`;
- Bark finds its voices by `speaker_embeddings_path.json`, as published.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from earmark.api import Context, EarmarkError
from earmark_plugins.text_to_speech.voice import Samples, Voice, at_speed, choose


def load(ctx: Context, voice: str, speed: float) -> Voice:
    """Give a voice of the job's model, by its kind.

    Raises
    ------
    EarmarkError
        If the folder is no such model, lacks a part, or has no such voice.
    """
    if ctx.model is None or ctx.model.path is None:
        raise EarmarkError("No voice was chosen.", "Choose one that is on disk.")
    folder = ctx.model.path
    loaders: dict[str, Callable[[Context, Path, str, float], Voice]] = {
        "VitsModel": _vits,
        "SpeechT5ForTextToSpeech": _speecht5,
        "BarkModel": _bark,
        "FastSpeech2ConformerWithHifiGan": _fastspeech2,
    }
    architectures = _json(folder / "config.json").get("architectures") or [""]
    loader = loaders.get(architectures[0])
    if loader is None:
        raise EarmarkError(
            f"{folder} is a {architectures[0] or 'model of no known kind'}, not a "
            "voice.",
            f"Text to speech runs {', '.join(loaders)}.",
        )
    ctx.use(ctx.device, "float32")
    return loader(ctx, folder, voice, speed)


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EarmarkError(
            f"{path} cannot be read: {error}", "Import the model again."
        ) from error
    return content if isinstance(content, dict) else {}


def _open(kind: Any, folder: Path, **options: Any) -> Any:
    """A part of a model from its folder, never from anywhere else."""
    try:
        return kind.from_pretrained(folder, local_files_only=True, **options)
    except (OSError, ValueError, TypeError) as error:
        raise EarmarkError(
            f"{kind.__name__} could not be read from {folder}: {error}",
            "Import the model again; its weights must be safetensors.",
        ) from error


def _model(ctx: Context, kind: Any, folder: Path) -> Any:
    """The weights, from safetensors only, in the numbers voices are trained with."""

    def read() -> Any:
        logging: Any = transformers.logging
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        model = _open(kind, folder, use_safetensors=True, dtype=torch.float32)
        return model.to(ctx.device).eval()

    return ctx.cached((kind.__name__, str(folder)), read)


@contextlib.contextmanager
def _stopping(ctx: Context, model: torch.nn.Module) -> Iterator[None]:
    """Let a cancelled job end before the model's next layer."""

    def check(_module: object, _given: object) -> None:
        ctx.check()

    hooks = [module.register_forward_pre_hook(check) for module in model.modules()]
    try:
        with torch.inference_mode():
            yield
    finally:
        for hook in hooks:
            hook.remove()


def _seed(seed: int) -> None:
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - what Bark draws from


def _samples(waveform: torch.Tensor) -> Samples:
    return np.asarray(waveform.float().cpu().numpy().reshape(-1), np.float32)


_NOTHING: Samples = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True)
class Vits:
    """VITS, and the thousand languages of MMS."""

    ctx: Context
    name: str
    model: Any
    tokenizer: Any
    speaker: int | None
    speed: float
    longest: int = 300

    @property
    def language(self) -> str:
        """As the tokenizer says, a code of three letters."""
        return str(self.tokenizer.language or "en")

    @property
    def rate(self) -> int:
        """Frames per second."""
        return int(self.model.config.sampling_rate)

    def speak(self, sentence: str, seed: int) -> Samples:
        """Speak a sentence."""
        if self.tokenizer.is_uroman:
            # The tokenizer would read the romanizer's tables anew for each sentence.
            sentence = _romanizer().romanize_string(sentence)
        try:
            known, _ = self.tokenizer.prepare_for_tokenization(sentence)
        except ImportError as error:
            raise EarmarkError(
                "This voice reads phonemes and needs the package phonemizer, which is "
                "not installed.",
                "Install it with espeak-ng, or choose a voice that reads letters.",
            ) from error
        if not any(char in self.tokenizer.encoder and char.isalnum() for char in known):
            return _NOTHING
        given = self.tokenizer(sentence, return_tensors="pt").to(self.model.device)
        _seed(seed)
        with _stopping(self.ctx, self.model):
            spoken = self.model(
                **given, speaker_id=self.speaker, speaking_rate=self.speed
            )
        return _samples(spoken.waveform)


@functools.cache
def _romanizer() -> Any:
    try:
        import uroman
    except ImportError as error:
        raise EarmarkError(
            "This voice reads Latin letters and needs the package uroman to turn the "
            "text into them.",
            "Install uroman beside Earmark.",
        ) from error
    return uroman.Uroman()


def _vits(ctx: Context, folder: Path, voice: str, speed: float) -> Voice:
    model = _model(ctx, transformers.VitsModel, folder)
    tokenizer = _open(transformers.VitsTokenizer, folder)
    speakers = [str(number) for number in range(model.config.num_speakers)]
    if len(speakers) < 2:
        name = choose(voice, ["0"], folder.name)
        return Vits(ctx, name, model, tokenizer, None, speed)
    name = choose(voice, speakers, folder.name)
    return Vits(ctx, name, model, tokenizer, int(name), speed)


@dataclass(frozen=True, slots=True)
class SpeechT5:
    """SpeechT5 with a speaker vector."""

    ctx: Context
    name: str
    model: Any
    tokenizer: Any
    vocoder: Any
    speaker: torch.Tensor
    speed: float
    language: str = "en"
    longest: int = 300

    @property
    def rate(self) -> int:
        """Frames per second."""
        return int(self.vocoder.config.sampling_rate)

    def speak(self, sentence: str, seed: int) -> Samples:
        """Speak a sentence."""
        ids = self.tokenizer(sentence, return_tensors="pt").input_ids
        known = ids[0] != self.tokenizer.unk_token_id
        if not any(
            piece.strip("▁").isalnum()
            for piece in self.tokenizer.convert_ids_to_tokens(ids[0][known].tolist())
        ):
            return _NOTHING
        _seed(seed)
        with _stopping(self.ctx, self.model), _stopping(self.ctx, self.vocoder):
            spoken = self.model.generate_speech(
                ids.to(self.model.device),
                self.speaker.to(self.model.device),
                vocoder=self.vocoder,
            )
        return at_speed(_samples(spoken), self.rate, self.speed)


def _speecht5(ctx: Context, folder: Path, voice: str, speed: float) -> Voice:
    size = int(_json(folder / "config.json").get("speaker_embedding_dim", 512))
    files = {path.stem: path for path in sorted((folder / "speakers").glob("*.npy"))}
    vocoder_folder = _vocoder_folder(folder)
    _check_complete(folder, vocoder_folder, files, size)
    assert vocoder_folder is not None
    model = _model(ctx, transformers.SpeechT5ForTextToSpeech, folder)
    vocoder = _model(ctx, transformers.SpeechT5HifiGan, vocoder_folder)
    tokenizer = _open(transformers.SpeechT5Tokenizer, folder)
    name = choose(voice, list(files), folder.name)
    try:
        vector = np.load(files[name], allow_pickle=False)
        speaker = torch.from_numpy(np.asarray(vector, np.float32).reshape(1, size))
    except (OSError, ValueError) as error:
        raise EarmarkError(
            f"{files[name]} is no speaker vector: {error}",
            f"It must hold {size} numbers.",
        ) from error
    return SpeechT5(ctx, name, model, tokenizer, vocoder, speaker, speed)


def _check_complete(
    folder: Path, vocoder: Path | None, speakers: Mapping[str, Path], size: int
) -> None:
    """Refuse a folder that lacks a part, and name all that it lacks at once.

    What is published as SpeechT5 are its weights alone.
    """
    missing = {}
    if not (folder / "spm_char.model").is_file():
        missing["tokenizer"] = "copy spm_char.model from where the weights come from"
    if vocoder is None:
        missing["vocoder"] = (
            f"put config.json and model.safetensors of microsoft/speecht5_hifigan "
            f"into {folder / 'vocoder'}"
        )
    if not speakers:
        missing["speaker"] = (
            f"put a vector of {size} numbers into {folder / 'speakers'} as NAME.npy, "
            "such as one of Matthijs/cmu-arctic-xvectors"
        )
    if missing:
        remedy = "; ".join(missing.values())
        raise EarmarkError(
            f"{folder} has no {' and no '.join(missing)}, without which SpeechT5 "
            "makes no sound.",
            f"{remedy[0].upper()}{remedy[1:]}.",
        )


def _vocoder_folder(folder: Path) -> Path | None:
    """The vocoder in the model's folder or beside it, if there is one."""
    beside = sorted(path.parent for path in folder.parent.glob("*/config.json"))
    for candidate in (folder / "vocoder", *beside):
        config = candidate / "config.json"
        if config.is_file() and _json(config).get("architectures") == [
            "SpeechT5HifiGan"
        ]:
            return candidate
    return None


@dataclass(frozen=True, slots=True)
class Bark:
    """Bark, which laughs and sings too."""

    ctx: Context
    name: str
    model: Any
    processor: Any
    preset: dict[str, Any] | None
    speed: float
    language: str = "en"
    # It stops after some fourteen seconds.
    longest: int = 180

    @property
    def rate(self) -> int:
        """Frames per second."""
        return int(self.model.generation_config.sample_rate)

    def speak(self, sentence: str, seed: int) -> Samples:
        """Speak a sentence."""
        semantic = self.model.generation_config.semantic_config
        tokens = self.processor.tokenizer(sentence, add_special_tokens=False).input_ids
        if all(token == self.processor.tokenizer.unk_token_id for token in tokens):
            return _NOTHING
        given = self.processor(
            sentence,
            voice_preset=self.preset,
            max_length=semantic["max_input_semantic_length"],
        ).to(self.model.device)
        _seed(seed)
        with _stopping(self.ctx, self.model):
            spoken = self.model.generate(**given, do_sample=True)
        return at_speed(_samples(spoken), self.rate, self.speed)


def _bark(ctx: Context, folder: Path, voice: str, speed: float) -> Voice:
    model = _model(ctx, transformers.BarkModel, folder)
    tokenizer = _open(transformers.AutoTokenizer, folder)
    processor: Any = transformers.BarkProcessor
    index = folder / "speaker_embeddings_path.json"
    presets = {
        name: {part: folder / path for part, path in files.items()}
        for name, files in (_json(index) if index.is_file() else {}).items()
        if isinstance(files, dict)
    }
    there = [
        name
        for name, files in presets.items()
        if all(path.is_file() for path in files.values())
    ]
    if not there and not voice:
        ctx.use(ctx.device, "float32", "no voice preset: each sentence has its own")
        return Bark(ctx, "", model, processor(tokenizer), None, speed)
    name = choose(voice, there, folder.name)
    preset = {
        part: np.load(path, allow_pickle=False) for part, path in presets[name].items()
    }
    return Bark(ctx, name, model, processor(tokenizer), preset, speed)


@dataclass(frozen=True, slots=True)
class FastSpeech2:
    """FastSpeech2 with Conformer blocks and its own vocoder, English."""

    ctx: Context
    name: str
    model: Any
    tokenizer: Any
    speed: float
    language: str = "en"
    longest: int = 300

    @property
    def rate(self) -> int:
        """Frames per second."""
        # Its configs do not say; it is that of LJSpeech, which ESPnet trained it on.
        return 22_050

    def speak(self, sentence: str, seed: int) -> Samples:
        """Speak a sentence."""
        given = self.tokenizer(sentence, return_tensors="pt").to(self.model.device)
        if not len(given.input_ids[0]):
            return _NOTHING
        _seed(seed)
        # The setting multiplies durations: twice as fast is one half.
        self.model.model.config.speaking_speed = 1 / self.speed
        with _stopping(self.ctx, self.model):
            spoken = self.model(given.input_ids, return_dict=True)
        return _samples(spoken.waveform)


def _fastspeech2(ctx: Context, folder: Path, voice: str, speed: float) -> Voice:
    model = _model(ctx, transformers.FastSpeech2ConformerWithHifiGan, folder)
    try:
        tokenizer = _open(transformers.FastSpeech2ConformerTokenizer, folder)
    except ImportError as error:
        raise EarmarkError(
            "FastSpeech2 reads phonemes and needs the package g2p-en, which is not "
            "installed.",
            "Install it beside Earmark, or choose another voice.",
        ) from error
    name = choose(voice, ["0"], folder.name)
    return FastSpeech2(ctx, name, model, tokenizer, speed)
