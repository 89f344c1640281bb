"""Tiny checkpoints of the families that the built-in tasks run.

Each function writes a folder as the hub holds it: real configs, real processors, and
weights of a few kilobytes. Random weights say nothing that a test could expect, so the
recognizers are scripted: a few weights are written by hand, and the real decoder says
a known text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers as hf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor

hf.logging.set_verbosity_error()
hf.logging.disable_progress_bar()

_LETTERS = "ETAOINSHRDLUMWCFGYPBVK'XJQZ"
_LOUD = 1000.0
"""An embedding so long that nothing else in the residual stream matters."""

_WAV2VEC2 = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "mask_time_prob": 0.0,
}
_PARAKEET = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "subsampling_conv_channels": 8,
    "num_mel_bins": 80,
}


def _save(folder: Path, *parts: Any) -> None:
    for part in parts:
        part.save_pretrained(folder)
        # Published folders have preprocessor_config.json beside processor_config.json.
        extractor = getattr(part, "feature_extractor", None)
        if isinstance(part, hf.ProcessorMixin) and extractor is not None:
            extractor.save_pretrained(folder)


def _directions(count: int, size: int) -> Tensor:
    """Orthonormal vectors of zero mean, shape (count, size): LayerNorm keeps them."""
    generator = torch.Generator().manual_seed(1)
    random = torch.randn(size, size - 1, generator=generator)
    columns = torch.cat([torch.ones(size, 1), random], 1)
    return torch.linalg.qr(columns)[0].T[1 : count + 1]


def _byte_vocabulary(special: Sequence[str] = ()) -> dict[str, int]:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    return {token: index for index, token in enumerate([*special, *alphabet])}


def _byte_tokenizer(special: Sequence[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(vocab=_byte_vocabulary(special), merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def whisper(folder: Path) -> None:
    """Multilingual Whisper that says "hello world" from 0 to 2 s, in English."""
    _whisper(folder, "hello world")


def whisper_english(folder: Path) -> None:
    """English-only Whisper that says "hello world" from 0 to 2 s."""
    _whisper(folder, "hello world", multilingual=False)


def whisper_looping(folder: Path) -> None:
    """Whisper that is caught in a loop."""
    _whisper(folder, " ".join(["no"] * 16))


def _whisper(folder: Path, text: str, *, multilingual: bool = True) -> None:
    languages = ("en", "de", "fr", "zh") if multilingual else ("en",)
    tokenizer = hf.WhisperTokenizer(
        vocab=_byte_vocabulary(), merges=[], pad_token="<|endoftext|>"
    )
    special = ["<|startoftranscript|>", *(f"<|{code}|>" for code in languages)]
    special += ["<|translate|>", "<|transcribe|>", "<|startoflm|>"]
    special += ["<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
    tokenizer.add_special_tokens({"additional_special_tokens": special})
    # Whisper takes whatever is behind <|notimestamps|> for a time.
    tokenizer.add_tokens([f"<|{index * 0.02:.2f}|>" for index in range(1501)])
    ids = tokenizer.convert_tokens_to_ids
    end = ids("<|endoftext|>")
    config = hf.WhisperConfig(
        vocab_size=len(tokenizer),
        d_model=64,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        max_target_positions=96,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        decoder_start_token_id=ids("<|startoftranscript|>"),
        begin_suppress_tokens=None,
    )
    torch.manual_seed(0)
    model = hf.WhisperForConditionalGeneration(config)
    _script_positions(model, tokenizer, text, multilingual=multilingual)
    generation = {
        "is_multilingual": multilingual,
        "no_timestamps_token_id": ids("<|notimestamps|>"),
        "prev_sot_token_id": ids("<|startofprev|>"),
        "max_initial_timestamp_index": 50,
        "alignment_heads": [[0, 0], [1, 1]],
        "max_length": 96,
        "return_timestamps": False,
        # True would make the loader ignore the saved file.
        "_from_model_config": False,
    }
    if multilingual:
        generation["lang_to_id"] = {f"<|{c}|>": ids(f"<|{c}|>") for c in languages}
        tasks = ("transcribe", "translate")
        generation["task_to_id"] = {task: ids(f"<|{task}|>") for task in tasks}
    for key, value in generation.items():
        setattr(model.generation_config, key, value)
    _save(folder, model, hf.WhisperProcessor(hf.WhisperFeatureExtractor(), tokenizer))


def _script_positions(
    model: Any, tokenizer: Any, text: str, *, multilingual: bool
) -> None:
    """Make Whisper say a text: each decoder position points at one token's output."""
    decoder = model.model.decoder
    weights = decoder.embed_tokens.weight.data
    positions = decoder.embed_positions.weight.data
    # The prompt is <|startoftranscript|>, then language and task if there are any.
    first = 2 if multilingual else 0
    said = {first: "<|0.00|>"}
    if multilingual:
        said[0] = "<|en|>"
    said |= {
        first + 1 + index: letter.replace(" ", "\u0120")
        for index, letter in enumerate(text)
    }
    said[first + 1 + len(text)] = "<|2.00|>"
    tokens = sorted({*said.values(), "<|endoftext|>"})
    directions = dict(
        zip(tokens, _directions(len(tokens), weights.shape[1]), strict=True)
    )
    weights.normal_(0, 1e-3)
    positions.copy_(_LOUD * directions["<|endoftext|>"].expand_as(positions))
    for position, token in said.items():
        positions[position] = _LOUD * directions[token]
    for token in tokens:
        weights[tokenizer.convert_tokens_to_ids(token)] += 5 * directions[token]


def wav2vec2(folder: Path) -> None:
    """wav2vec 2.0 with a CTC head that hears one "A" from beginning to end."""
    _ctc(folder, hf.Wav2Vec2Config, hf.Wav2Vec2ForCTC, says="A")


def hubert(folder: Path) -> None:
    """HuBERT with a CTC head, of random weights."""
    _ctc(folder, hf.HubertConfig, hf.HubertForCTC)


def conformer(folder: Path) -> None:
    """wav2vec 2.0 Conformer with a CTC head, of random weights."""
    _ctc(folder, hf.Wav2Vec2ConformerConfig, hf.Wav2Vec2ConformerForCTC)


def _ctc(folder: Path, config_class: Any, model_class: Any, *, says: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = ["<pad>", "<s>", "</s>", "<unk>", "|", *_LETTERS]
    path = folder / "vocab.json"
    path.write_text(json.dumps({token: i for i, token in enumerate(vocabulary)}))
    tokenizer = hf.Wav2Vec2CTCTokenizer(str(path), word_delimiter_token="|")
    extractor = hf.Wav2Vec2FeatureExtractor(return_attention_mask=True)
    torch.manual_seed(0)
    model = model_class(
        config_class(**_WAV2VEC2, vocab_size=len(vocabulary), pad_token_id=0)
    )
    # Special tokens never win, so that what is said has letters.
    model.lm_head.bias.data[:4] = -10.0
    if says:
        model.lm_head.bias.data[vocabulary.index(says)] = 100.0
    _save(folder, model, hf.Wav2Vec2Processor(extractor, tokenizer))


def moonshine(folder: Path) -> None:
    """Moonshine that says "the quick"."""
    special = ["<unk>", "<s>", "</s>"]
    tokenizer = hf.PreTrainedTokenizerFast(
        tokenizer_object=_byte_tokenizer(special),
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
    )
    config = hf.MoonshineConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        encoder_num_hidden_layers=2,
        decoder_num_hidden_layers=2,
        encoder_num_attention_heads=2,
        decoder_num_attention_heads=2,
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    model = hf.MoonshineForConditionalGeneration(config)
    said = ["<s>", *"the", "\u0120", *"quick", "</s>"]
    _script_chain(model, tokenizer.convert_tokens_to_ids(said))
    extractor = hf.Wav2Vec2FeatureExtractor(
        do_normalize=False, return_attention_mask=True
    )
    _save(folder, model, hf.Wav2Vec2Processor(extractor, tokenizer))


def _script_chain(model: Any, ids: Sequence[int]) -> None:
    """Make a decoder with untied embeddings say ids that all differ, one by one."""
    given = model.get_input_embeddings().weight.data
    said = model.get_output_embeddings().weight.data
    directions = _directions(len(ids), given.shape[1])
    said.zero_()
    for direction, (now, after) in zip(directions, pairwise(ids), strict=False):
        given[now] = _LOUD * direction
        said[after] += 5 * direction


def parakeet_ctc(folder: Path) -> None:
    """Parakeet CTC that hears one "a" from beginning to end."""
    processor = _parakeet_processor(["<pad>", "<unk>"])
    torch.manual_seed(0)
    config = hf.ParakeetCTCConfig(
        vocab_size=len(processor.tokenizer), pad_token_id=0, encoder_config=_PARAKEET
    )
    model = hf.ParakeetForCTC(config)
    said = processor.tokenizer.convert_tokens_to_ids("a")
    model.ctc_head.bias.data[said] = 100.0
    _save(folder, model, processor)


def parakeet_tdt(folder: Path) -> None:
    """Parakeet TDT that says "a" for four frames of 80 ms, over and over."""
    processor = _parakeet_processor(["<pad>", "<unk>", "<blank>"])
    torch.manual_seed(0)
    config = hf.ParakeetTDTConfig(
        vocab_size=len(processor.tokenizer),
        pad_token_id=0,
        blank_token_id=2,
        decoder_hidden_size=16,
        num_decoder_layers=1,
        encoder_config=_PARAKEET,
    )
    model = hf.ParakeetForTDT(config)
    model.generation_config.decoder_start_token_id = 2
    bias = model.joint.head.bias.data
    bias[processor.tokenizer.convert_tokens_to_ids("a")] = 100.0
    bias[config.vocab_size + config.durations.index(4)] = 100.0
    _save(folder, model, processor)


def _parakeet_processor(special: Sequence[str]) -> Any:
    tokenizer = hf.ParakeetTokenizer(
        tokenizer_object=_byte_tokenizer(special),
        unk_token="<unk>",
        pad_token="<pad>",
        additional_special_tokens=[each for each in special if each == "<blank>"],
    )
    return hf.ParakeetProcessor(hf.ParakeetFeatureExtractor(feature_size=80), tokenizer)


def wav2vec2_classifier(folder: Path) -> None:
    """No recognizer: wav2vec 2.0 with a classifier."""
    config = hf.Wav2Vec2Config(**_WAV2VEC2, num_labels=2, classifier_proj_size=16)
    _save(
        folder,
        hf.Wav2Vec2ForSequenceClassification(config),
        hf.Wav2Vec2FeatureExtractor(return_attention_mask=True),
    )


def sentences(folder: Path) -> None:
    """An encoder of sentences, to which each is like itself."""
    letters = [mark + c for c in "abcdefghijklmnopqrstuvwxyz" for mark in ("", "##")]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = hf.BertTokenizer(
        vocab={token: index for index, token in enumerate([*special, *letters])}
    )
    config = hf.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        initializer_range=1.0,
    )
    torch.manual_seed(0)
    _save(folder, hf.BertModel(config), tokenizer)


def vits(folder: Path) -> None:
    """MMS English with one voice."""
    _vits(folder, "|abcdefghijklmnopqrstuvwxyz '", language="eng")


def vits_speakers(folder: Path) -> None:
    """VITS with three voices."""
    _vits(folder, "|abcdefghijklmnopqrstuvwxyz '", language="eng", speakers=3)


def vits_uroman(folder: Path) -> None:
    """MMS in a language that is romanized before it is spoken."""
    _vits(folder, "|abcdefghijklmnopqrstuvwxyz '", language="kor", uroman=True)


def _vits(
    folder: Path,
    characters: str,
    *,
    language: str,
    speakers: int = 1,
    uroman: bool = False,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "vocab.json"
    path.write_text(json.dumps({char: i for i, char in enumerate(characters)}))
    tokenizer = hf.VitsTokenizer(
        str(path),
        pad_token="|",
        unk_token="'",
        language=language,
        phonemize=False,
        is_uroman=uroman,
    )
    config = hf.VitsConfig(
        vocab_size=len(characters),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        ffn_dim=32,
        flow_size=16,
        spectrogram_bins=9,
        num_speakers=speakers,
        speaker_embedding_size=8 if speakers > 1 else 0,
        upsample_initial_channel=16,
        upsample_rates=[4, 4],
        upsample_kernel_sizes=[8, 8],
        resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1, 3]],
        duration_predictor_filter_channels=16,
        prior_encoder_num_flows=2,
        prior_encoder_num_wavenet_layers=2,
        posterior_encoder_num_wavenet_layers=2,
        duration_predictor_num_flows=2,
    )
    torch.manual_seed(0)
    _save(folder, hf.VitsModel(config), tokenizer)


def speecht5(folder: Path) -> None:
    """SpeechT5 with its vocoder and two speakers of eight numbers."""
    import sentencepiece

    folder.mkdir(parents=True, exist_ok=True)
    corpus = folder / "corpus.txt"
    corpus.write_text("the quick brown fox jumps over the lazy dog\n" * 50)
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus),
        model_prefix=str(folder / "spm_char"),
        model_type="char",
        vocab_size=32,
        bos_id=0,
        pad_id=1,
        eos_id=2,
        unk_id=3,
        minloglevel=2,
    )
    corpus.unlink()
    tokenizer = hf.SpeechT5Tokenizer(str(folder / "spm_char.model"))
    config = hf.SpeechT5Config(
        vocab_size=len(tokenizer) + 2,
        hidden_size=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        speech_decoder_prenet_units=16,
        speech_decoder_postnet_units=16,
        speech_decoder_postnet_layers=2,
        speaker_embedding_dim=8,
        max_speech_positions=2000,
    )
    torch.manual_seed(0)
    model = hf.SpeechT5ForTextToSpeech(config)
    extractor = hf.SpeechT5FeatureExtractor(num_mel_bins=80)
    _save(folder, model, hf.SpeechT5Processor(extractor, tokenizer))
    vocoder = hf.SpeechT5HifiGanConfig(
        upsample_initial_channel=16,
        resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1, 3]],
    )
    _save(folder / "vocoder", hf.SpeechT5HifiGan(vocoder))
    (folder / "speakers").mkdir()
    for number, name in enumerate(("clb", "slt")):
        vector = np.random.default_rng(number).standard_normal(8).astype(np.float32)
        np.save(folder / "speakers" / f"{name}.npy", vector)


def bark(folder: Path) -> None:
    """Bark with one voice, `v2/en_speaker_6`."""
    from transformers.models.bark import generation_configuration_bark as generation

    semantic_size, codebook = 20, 16
    letters = [mark + c for c in "abcdefghijklmnopqrstuvwxyz" for mark in ("", "##")]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = hf.BertTokenizer(
        vocab={token: index for index, token in enumerate([*special, *letters])}
    )
    first_text = semantic_size + 1
    vocabulary = first_text + len(tokenizer) + 2
    small = {"num_layers": 1, "num_heads": 2, "hidden_size": 16, "block_size": 128}

    def part(size: int, **more: int) -> dict[str, int]:
        sizes = {"input_vocab_size": size, "output_vocab_size": size}
        return small | sizes | more

    config = hf.BarkConfig(
        semantic_config=part(vocabulary),
        coarse_acoustics_config=part(semantic_size + 2 * codebook + 3),
        fine_acoustics_config=part(codebook + 1, n_codes_total=8),
        codec_config={
            "model_type": "encodec",
            "num_filters": 4,
            "hidden_size": 16,
            "codebook_dim": 16,
            "codebook_size": codebook,
            "num_lstm_layers": 1,
            "target_bandwidths": [2.4],
        },
    )
    torch.manual_seed(0)
    model = hf.BarkModel(config)
    generating = generation.BarkGenerationConfig.from_sub_model_configs(
        generation.BarkSemanticGenerationConfig(
            eos_token_id=semantic_size,
            max_new_tokens=16,
            text_encoding_offset=first_text,
            text_pad_token=first_text + len(tokenizer),
            semantic_infer_token=first_text + len(tokenizer) + 1,
            semantic_vocab_size=semantic_size,
            max_input_semantic_length=16,
            semantic_rate_hz=49.9,
        ),
        generation.BarkCoarseGenerationConfig(
            coarse_semantic_pad_token=semantic_size + 2 * codebook,
            coarse_rate_hz=75,
            n_coarse_codebooks=2,
            coarse_infer_token=semantic_size + 2 * codebook + 1,
            max_coarse_input_length=16,
            max_coarse_history=24,
            sliding_window_len=12,
        ),
        generation.BarkFineGenerationConfig(
            temperature=1.0,
            max_fine_history_length=32,
            max_fine_input_length=64,
            n_fine_codebooks=8,
        ),
        sample_rate=24000,
        codebook_size=codebook,
    )
    _save(folder, model, tokenizer)
    # BarkGenerationConfig.save_pretrained fails; published folders have this file.
    (folder / "generation_config.json").write_text(
        json.dumps(generating.to_dict(), default=str)
    )
    random = np.random.default_rng(0)
    prompts = {
        "semantic_prompt": random.integers(0, semantic_size, 12),
        "coarse_prompt": random.integers(0, codebook, (2, 18)),
        "fine_prompt": random.integers(0, codebook, (8, 18)),
    }
    voices = folder / "speaker_embeddings" / "v2"
    voices.mkdir(parents=True)
    files = {}
    for name, prompt in prompts.items():
        file = voices / f"en_speaker_6_{name}.npy"
        np.save(file, prompt)
        files[name] = file.relative_to(folder).as_posix()
    index = {"repo_or_path": "suno/bark-small", "v2/en_speaker_6": files}
    (folder / "speaker_embeddings_path.json").write_text(json.dumps(index))


def fastspeech2(folder: Path) -> None:
    """FastSpeech2Conformer with its vocoder, for the phonemes of "hello"."""
    folder.mkdir(parents=True, exist_ok=True)
    config = hf.FastSpeech2ConformerConfig(
        vocab_size=40,
        hidden_size=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_linear_units=32,
        decoder_linear_units=32,
        speech_decoder_postnet_layers=2,
        speech_decoder_postnet_units=16,
        duration_predictor_channels=16,
        energy_predictor_channels=16,
        pitch_predictor_channels=16,
        pitch_predictor_layers=1,
        energy_predictor_layers=1,
        encoder_num_attention_heads=2,
        decoder_num_attention_heads=2,
        decoder_kernel_size=7,
    )
    vocoder = hf.FastSpeech2ConformerHifiGanConfig(
        upsample_initial_channel=16,
        upsample_rates=[4, 4],
        upsample_kernel_sizes=[8, 8],
        resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1, 3]],
    )
    torch.manual_seed(0)
    model = hf.FastSpeech2ConformerWithHifiGan(
        hf.FastSpeech2ConformerWithHifiGanConfig(
            model_config=config.to_dict(), vocoder_config=vocoder.to_dict()
        )
    )
    # Random durations would all be rounded to no frame at all.
    model.model.duration_predictor.linear.bias.data.fill_(2.0)
    _save(folder, model)
    phonemes = ["<blank>", "<unk>", "HH", "AH0", "L", "OW1", ".", "<sos/eos>"]
    vocabulary = {token: index for index, token in enumerate(phonemes)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "FastSpeech2ConformerTokenizer"})
    )
