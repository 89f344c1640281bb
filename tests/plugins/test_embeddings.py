"""Embeddings: the vectors of every family are those computed by hand, and are kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import embedding_checkpoints as checkpoints
import numpy as np
import pytest
import soundfile
import torch
import transformers as hf
from numpy.typing import NDArray
from plugins.runners import Engine, Runners

from earmark.core.errors import EarmarkError
from earmark.core.tasks import ModelRef
from earmark.engine import protocol
from earmark.vectors import Vectors, VectorStore, unit
from earmark_plugins.embeddings.runner import run_many

RATE = 16000

pytestmark = pytest.mark.filterwarnings(
    "ignore:At least one mel filter", "ignore:Support for mismatched key_padding_mask"
)

Samples = NDArray[np.float32]
Models = Callable[..., ModelRef]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Gives a tiny model, built when first asked for."""
    root = tmp_path_factory.mktemp("encoders")

    def build(name: str, format: str = "transformers") -> ModelRef:
        folder = root / name
        if not folder.exists():
            if name in checkpoints.FAMILIES:
                checkpoints.encoder(folder, name)
            else:
                getattr(checkpoints, name)(folder)
        return ModelRef(name, format, folder, "r1", title=name)

    return build


def noise(seconds: float, seed: int = 0, rate: int = RATE) -> Samples:
    drawn = np.random.default_rng(seed).normal(size=round(seconds * rate))
    return (0.1 * drawn).astype(np.float32)


def write(path: Path, sound: Samples, rate: int = RATE) -> Path:
    soundfile.write(path, sound, rate, subtype="FLOAT")
    return path


def kept(run_task: Runners, model: ModelRef, path: Path, *lengths: float) -> Vectors:
    """What was kept of a file."""
    store = VectorStore(run_task.folder / "cache", model)
    given = run_task.start("embeddings", model, path)[0].job.input
    assert given is not None
    found = store.get(store.key(given, *lengths))
    assert found is not None
    return found


@pytest.mark.parametrize("family", ["wav2vec2", "hubert", "wavlm", "distilhubert"])
def test_wav2vec_2_and_its_kin_give_the_mean_of_their_states(
    run_task: Runners, model: Models, tmp_path: Path, family: str
) -> None:
    sound = noise(2.0)
    path = write(tmp_path / "a.wav", sound)
    run = run_task("embeddings", model(family), path)
    assert run.text("embeddings").data["n"] == 1
    folder = model(family).path
    network = hf.AutoModel.from_pretrained(folder)
    extract = hf.AutoFeatureExtractor.from_pretrained(folder)
    with torch.inference_mode():
        features = extract(sound, sampling_rate=RATE, return_tensors="pt")
        by_hand = network(**features).last_hidden_state.mean(1).numpy()
    found = kept(run_task, model(family), path)
    np.testing.assert_allclose(found.vectors, unit(by_hand), atol=1e-4)
    assert (found.starts[0], found.stops[0]) == (0, len(sound))


def test_the_ast_gives_the_mean_of_its_states(
    run_task: Runners, model: Models, tmp_path: Path
) -> None:
    sound = noise(1.28)
    path = write(tmp_path / "a.wav", sound)
    run_task("embeddings", model("ast"), path)
    network = hf.AutoModel.from_pretrained(model("ast").path)
    extract = hf.AutoFeatureExtractor.from_pretrained(model("ast").path)
    with torch.inference_mode():
        features = extract(sound, sampling_rate=RATE, return_tensors="pt")
        by_hand = network(**features).last_hidden_state.mean(1).numpy()
    found = kept(run_task, model("ast"), path)
    np.testing.assert_allclose(found.vectors, unit(by_hand), atol=1e-4)


def test_whisper_gives_the_mean_of_its_encoders_states_over_the_sound(
    run_task: Runners, model: Models, tmp_path: Path
) -> None:
    sound = noise(3.0)
    path = write(tmp_path / "a.wav", sound)
    run_task("embeddings", model("whisper"), path)
    network = hf.WhisperForAudioClassification.from_pretrained(model("whisper").path)
    extract = hf.WhisperFeatureExtractor.from_pretrained(model("whisper").path)
    with torch.inference_mode():
        features = extract(sound, sampling_rate=RATE, return_tensors="pt")
        states = network.encoder(features.input_features).last_hidden_state
    by_hand = states[:, : 3 * 50].mean(1).numpy()
    found = kept(run_task, model("whisper"), path)
    np.testing.assert_allclose(found.vectors, unit(by_hand), atol=1e-4)


def test_a_speech_recognising_whisper_embeds_with_its_encoder(
    run_task: Runners, checkpoint: Callable[[str], ModelRef], tmp_path: Path
) -> None:
    path = write(tmp_path / "a.wav", noise(3.0))
    whisper = checkpoint("whisper")
    run_task("embeddings", whisper, path)
    found = kept(run_task, whisper, path)
    config = hf.AutoConfig.from_pretrained(whisper.path)
    assert found.vectors.shape == (1, config.d_model)


@pytest.mark.parametrize("truncation", ["rand_trunc", "fusion"])
def test_clap_gives_its_projected_features(
    run_task: Runners, tmp_path: Path, truncation: str
) -> None:
    checkpoints.clap(tmp_path / "clap", truncation)
    clap = ModelRef("clap", "transformers", tmp_path / "clap")
    sound = noise(4.0, rate=48000)
    path = write(tmp_path / "a.wav", sound, 48000)
    run_task("embeddings", clap, path)
    network = hf.ClapModel.from_pretrained(clap.path)
    extract = hf.ClapFeatureExtractor.from_pretrained(clap.path)
    with torch.inference_mode():
        features = extract(sound, sampling_rate=48000, return_tensors="pt")
        by_hand = network.get_audio_features(**features).pooler_output.numpy()
    found = kept(run_task, clap, path)
    np.testing.assert_allclose(found.vectors, by_hand, atol=1e-4)


def test_clap_hears_long_audio_in_windows_none_of_which_is_cropped_by_chance(
    run_task: Runners, model: Models, tmp_path: Path
) -> None:
    sound = noise(25.0, rate=48000)
    path = write(tmp_path / "a.wav", sound, 48000)
    run_task("embeddings", model("clap"), path)
    found = kept(run_task, model("clap"), path)
    assert found.starts.tolist() == [0, 240_000, 480_000, 720_000]
    assert (found.stops - found.starts).max() == 480_000
    network = hf.ClapModel.from_pretrained(model("clap").path)
    extract = hf.ClapFeatureExtractor.from_pretrained(model("clap").path)
    for start, stop, vector in zip(
        found.starts, found.stops, found.vectors, strict=True
    ):
        with torch.inference_mode():
            features = extract(
                sound[start:stop], sampling_rate=48000, return_tensors="pt"
            )
            by_hand = network.get_audio_features(**features).pooler_output[0]
        np.testing.assert_allclose(vector, by_hand.numpy(), atol=1e-4)


def test_clap_refuses_a_window_that_it_would_crop(
    run_task: Runners, model: Models, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.wav", noise(12.0))
    with pytest.raises(EarmarkError, match="hears 10 s at once, not 12 s"):
        run_task("embeddings", model("clap"), path, window_s=12.0)


def test_an_x_vector_model_gives_its_x_vector(
    run_task: Runners, model: Models, tmp_path: Path
) -> None:
    sound = noise(2.0)
    path = write(tmp_path / "a.wav", sound)
    run_task("embeddings", model("speaker_encoder"), path)
    folder = model("speaker_encoder").path
    network = hf.AutoModelForAudioXVector.from_pretrained(folder)
    extract = hf.AutoFeatureExtractor.from_pretrained(folder)
    with torch.inference_mode():
        features = extract(sound, sampling_rate=RATE, return_tensors="pt")
        by_hand = network(**features).embeddings.numpy()
    found = kept(run_task, model("speaker_encoder"), path)
    np.testing.assert_allclose(found.vectors, unit(by_hand), atol=1e-4)


def test_beats_gives_the_mean_of_its_patches(
    run_task: Runners, model: Models, tmp_path: Path
) -> None:
    from earmark_plugins.networks.beats import batch_of, load_beats

    sound = noise(2.0)
    path = write(tmp_path / "a.wav", sound)
    run = run_task("embeddings", model("beats", "beats"), path)
    network, _ = load_beats(run.context)
    with torch.inference_mode():
        by_hand = network.encode(batch_of([sound])).mean(1).numpy()
    found = kept(run_task, model("beats", "beats"), path)
    np.testing.assert_allclose(found.vectors, unit(by_hand), atol=1e-5)


def test_ge2e_gives_what_its_encoder_gives_for_a_voice(
    run_task: Runners, model: Models, tmp_path: Path
) -> None:
    from earmark_plugins.networks.ge2e import load_ge2e

    sound = noise(2.5)
    path = write(tmp_path / "a.wav", sound)
    run = run_task("embeddings", model("ge2e", "ge2e"), path)
    by_hand = load_ge2e(run.context).embed([sound])
    found = kept(run_task, model("ge2e", "ge2e"), path)
    np.testing.assert_allclose(found.vectors, by_hand, atol=1e-5)


def test_windows_are_as_long_and_as_far_apart_as_was_asked(
    run_task: Runners, model: Models, tmp_path: Path
) -> None:
    sound = noise(3.5, rate=8000)
    path = write(tmp_path / "a.wav", sound, 8000)
    run = run_task("embeddings", model("hubert"), path, window_s=1.0, hop_s=0.75)
    found = kept(run_task, model("hubert"), path, 1.0, 0.75)
    assert found.starts.tolist() == [0, 6000, 12000, 18000, 24000]
    assert found.stops.tolist() == [8000, 14000, 20000, 26000, 28000]
    data = run.text("embeddings").data
    assert data["n"] == 5
    assert data["dimensions"] == found.vectors.shape[1]
    assert data["model"] == "hubert"
    assert run.progress == sorted(run.progress)
    assert math.isclose(run.progress[-1], 1.0)


def test_silence_is_said_and_has_no_vector(
    run_task: Runners, model: Models, tmp_path: Path
) -> None:
    sound = np.concatenate([noise(1.0), np.zeros(RATE, np.float32), noise(1.0)])
    path = write(tmp_path / "a.wav", sound)
    run = run_task("embeddings", model("hubert"), path, window_s=1.0, hop_s=1.0)
    assert kept(run_task, model("hubert"), path, 1.0, 1.0).starts.tolist() == [
        0,
        2 * RATE,
    ]
    assert run.context.notes == "silent, not scored: 1.0 to 2.0 s"


def test_a_silent_clip_is_done_with_no_vectors(
    run_task: Runners, model: Models, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.wav", np.zeros(RATE, np.float32))
    run = run_task("embeddings", model("hubert"), path)
    assert run.text("embeddings").data["n"] == 0
    assert len(kept(run_task, model("hubert"), path).vectors) == 0


def test_what_was_computed_before_is_not_computed_again(
    run_task: Runners, model: Models, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.wav", noise(2.0))
    first = run_task("embeddings", model("hubert"), path)
    again = run_task("embeddings", model("hubert"), path)
    assert again.text("embeddings") == first.text("embeddings")
    assert again.context.notes == "computed earlier"
    assert again.context.used == ("", "")


def test_many_clips_together_get_the_vectors_that_each_gets_alone(
    run_task: Runners, model: Models, tmp_path: Path
) -> None:
    encoder = model("wavlm")
    lengths = [0.3, 6.0, 1.0, 1.0, 2.0, 0.0]
    paths = [
        write(tmp_path / f"{number}.wav", noise(length, number))
        for number, length in enumerate(lengths)
        if length
    ]
    run_task("embeddings", encoder, paths[2])  # one was done before
    contexts = [run_task.start("embeddings", encoder, path)[0] for path in paths]
    outcomes = dict(run_many(contexts))
    assert set(outcomes) == set(contexts)
    together = [kept(run_task, encoder, path) for path in paths]
    alone_in = Runners(tmp_path / "alone")
    for path, found, context in zip(paths, together, contexts, strict=True):
        run = alone_in("embeddings", encoder, path)
        given = kept(alone_in, encoder, path)
        np.testing.assert_array_equal(found.starts, given.starts)
        np.testing.assert_allclose(found.vectors, given.vectors, atol=1e-5)
        assert outcomes[context] == [run.text("embeddings")]
    alone_in.sources.close()


def test_one_unreadable_clip_among_many_stops_no_other(
    run_task: Runners, model: Models, tmp_path: Path
) -> None:
    paths = [write(tmp_path / f"{n}.wav", noise(1.0, n)) for n in range(3)]
    contexts = [run_task.start("embeddings", model("ast"), path)[0] for path in paths]
    paths[1].unlink()
    outcomes = dict(run_many(contexts))
    assert isinstance(outcomes[contexts[1]], EarmarkError)
    assert [isinstance(outcomes[contexts[n]], list) for n in (0, 2)] == [True, True]


def test_a_clip_as_a_whole_is_one_vector(
    run_task: Runners, model: Models, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.wav", noise(3.0))
    run = run_task("embeddings", model("hubert"), path, each="clip", window_s=1.0)
    assert run.text("embeddings").data["n"] == 1
    assert run.text("embeddings").text == "1 vector of 16 values, hubert"


def test_an_example_is_kept_where_its_embedding_would_be(
    run_task: Runners, model: Models, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.wav", noise(2.0))
    run = run_task("find-sounds", model("ge2e", "ge2e"), path)
    assert run.progress  # and no results that would enter the project
    assert len(run.results) == len(run.progress)
    assert len(kept(run_task, model("ge2e", "ge2e"), path).vectors) == 1


def test_a_description_is_what_clap_makes_of_it(
    run_task: Runners, model: Models
) -> None:
    run_task("find-sounds", model("clap"), description="a dog barks")
    store = VectorStore(run_task.folder / "cache", model("clap"))
    found = store.get(store.text_key("a dog barks"))
    assert found is not None
    network = hf.ClapModel.from_pretrained(model("clap").path)
    tokenizer = hf.AutoTokenizer.from_pretrained(model("clap").path)
    with torch.inference_mode():
        tokens = tokenizer(["a dog barks"], return_tensors="pt")
        by_hand = network.get_text_features(**tokens).pooler_output.numpy()
    np.testing.assert_allclose(found.vectors, by_hand, atol=1e-5)


def test_a_model_without_words_says_so(run_task: Runners, model: Models) -> None:
    with pytest.raises(EarmarkError, match="does not understand descriptions"):
        run_task("find-sounds", model("ge2e", "ge2e"), description="a dog")
    with pytest.raises(EarmarkError, match="does not understand descriptions"):
        run_task("find-sounds", model("hubert"), description="a dog")


def test_a_map_by_pca_is_the_projection_on_the_widest_directions(
    run_task: Runners, tmp_path: Path
) -> None:
    vectors = unit(np.random.default_rng(1).normal(size=(40, 6)).astype(np.float32))
    np.save(tmp_path / "v.npy", vectors)
    run_task("embedding-map", vectors=tmp_path / "v.npy", method="pca")
    places = np.load(tmp_path / "v.map.npy")[:, :2]
    centred = vectors - vectors.mean(0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    by_hand = centred @ directions[:2].T
    np.testing.assert_allclose(np.abs(places), np.abs(by_hand), atol=1e-4)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_map_of_very_few_has_a_place_for_each(
    run_task: Runners, tmp_path: Path, count: int
) -> None:
    np.save(tmp_path / "v.npy", np.eye(count, 6, dtype=np.float32))
    run_task("embedding-map", vectors=tmp_path / "v.npy")
    places = np.load(tmp_path / "v.map.npy")
    assert places.shape == (count, 3)
    assert (places[:, 2] == -1).all()
    assert np.isfinite(places).all()


@pytest.mark.timeout(600)  # UMAP is compiled when it is first used
@pytest.mark.filterwarnings("ignore:Tensorflow not installed:ImportWarning")
@pytest.mark.filterwarnings("ignore:precomputed_knn:UserWarning")
def test_a_map_by_umap_keeps_groups_apart(run_task: Runners, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    centres = np.eye(3, 60, dtype=np.float32).repeat(20, axis=0)
    drawn = centres + 0.02 * random.normal(size=(60, 60)).astype(np.float32)
    np.save(tmp_path / "v.npy", unit(drawn))
    run_task("embedding-map", vectors=tmp_path / "v.npy", method="umap", neighbours=8)
    found = np.load(tmp_path / "v.map.npy")
    groups = found[:, :2].reshape(3, 20, 2)
    middles = groups.mean(axis=1)
    within = np.linalg.norm(groups - middles[:, None], axis=2).max()
    for a in range(3):
        for b in range(a):
            assert np.linalg.norm(middles[a] - middles[b]) > 2 * within
    numbers = found[:, 2].reshape(3, 20)
    assert (numbers == numbers[:, :1]).all()
    assert set(numbers[:, 0]) == {0, 1, 2}


def test_vectors_that_cannot_be_read_cannot_be_mapped(
    run_task: Runners, tmp_path: Path
) -> None:
    (tmp_path / "v.npy").write_bytes(b"no vectors")
    with pytest.raises(EarmarkError, match="cannot be read as vectors"):
        run_task("embedding-map", vectors=tmp_path / "v.npy")


def test_it_runs_in_the_engine(model: Models, tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", noise(2.0))
    runners = Runners(tmp_path)
    engine = Engine(tmp_path)
    try:
        task = runners.plugins.task("embeddings")
        text, end = engine.run(task, path, model("hubert"))
        assert isinstance(end, protocol.Done)
        assert end.usage.device == "cpu"
        assert text.data["n"] == 1
        assert len(kept(runners, model("hubert"), path).vectors) == 1
    finally:
        engine.client.close()
        runners.sources.close()
