"""Vectors that are kept are found again by content; search finds the most alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earmark.audio.cache import trim_cache
from earmark.core.clips import Fade, Source, Span
from earmark.core.errors import EarmarkError
from earmark.core.tasks import AudioInput, ModelRef
from earmark.vectors import Hit, Index, Vectors, VectorStore, distinct, unit

MODEL = ModelRef("a/model", "transformers", None, "r1")


@pytest.fixture
def store(tmp_path: Path) -> VectorStore:
    return VectorStore(tmp_path, MODEL)


def some(windows: int, dimensions: int = 8, seed: int = 0) -> Vectors:
    random = np.random.default_rng(seed)
    starts = np.arange(windows, dtype=np.int64) * 100
    drawn = random.normal(size=(windows, dimensions)).astype(np.float32)
    return Vectors(starts, starts + 200, unit(drawn))


def sound(*spans: Span, **changes: object) -> AudioInput:
    source = Source("s", Path("/s.wav"), 8000, 1, 1000)
    heard = AudioInput(1, "s", 8000, 1, spans, (source,), 0, 1000)
    return replace(heard, **changes)  # type: ignore[arg-type]  # a field of it


def assert_same(found: Vectors | None, put: Vectors) -> None:
    assert found is not None
    np.testing.assert_array_equal(found.starts, put.starts)
    np.testing.assert_array_equal(found.stops, put.stops)
    np.testing.assert_array_equal(found.vectors, put.vectors)


@given(
    windows=st.integers(1, 30), dimensions=st.integers(1, 40), seed=st.integers(0, 99)
)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_what_is_put_is_got(
    store: VectorStore, windows: int, dimensions: int, seed: int
) -> None:
    put = some(windows, dimensions, seed)
    store.put("ab12", put)
    assert "ab12" in store
    assert_same(store.get("ab12"), put)


def test_what_was_never_put_is_not_there(store: VectorStore) -> None:
    assert "ab12" not in store
    assert store.get("ab12") is None


def test_putting_leaves_one_file_that_is_replaced(store: VectorStore) -> None:
    store.put("ab12", some(3))
    store.put("ab12", some(5, seed=1))
    assert_same(store.get("ab12"), some(5, seed=1))
    files = [path for path in store.folder.rglob("*") if path.is_file()]
    assert [path.suffix for path in files] == [".npy"]


@given(cut=st.floats(0, 0.999))
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_file_that_was_cut_is_not_there(store: VectorStore, cut: float) -> None:
    store.put("ab12", some(4))
    (path,) = store.folder.rglob("*.npy")
    content = path.read_bytes()
    path.write_bytes(content[: int(cut * len(content))])
    assert store.get("ab12") is None


@pytest.mark.parametrize(
    "content",
    [
        np.zeros(3),
        np.zeros((2, 4), np.float32),
        np.array([{"start": 1}], object),
        np.zeros(2, [("start", "i8"), ("stop", "i8"), ("vector", "f4", (4,))]),
    ],
)
def test_a_file_with_something_else_is_not_there(
    store: VectorStore, content: np.ndarray
) -> None:
    store.put("ab12", some(4))
    (path,) = store.folder.rglob("*.npy")
    np.save(path, content)
    assert store.get("ab12") is None


def test_vectors_that_are_no_numbers_are_not_there(store: VectorStore) -> None:
    broken = some(4)
    broken.vectors[2, 1] = np.nan
    store.put("ab12", broken)
    assert store.get("ab12") is None


def test_the_key_is_the_content_whatever_the_clip_is_called(store: VectorStore) -> None:
    span = Span("s", 0, 1000)
    key = store.key(sound(span))
    assert store.key(sound(span, clip=7, name="other")) == key
    others = [
        sound(replace(span, offset=1)),
        sound(replace(span, frames=999)),
        sound(replace(span, gain_db=-6.0)),
        sound(replace(span, reverse=True)),
        sound(replace(span, fades=(Fade(0, 10, True),))),
        sound(replace(span, source="t")),
        sound(replace(span, source=None)),
        sound(span, span),
        sound(span, start=1),
        sound(span, stop=999),
        sound(span, channel=0),
        sound(span, rate=16000),
    ]
    keys = {store.key(other) for other in others}
    keys |= {store.key(sound(span), 2.0), store.key(sound(span), 2.0, 1.0)}
    keys |= {store.text_key("a dog barks"), store.text_key("a dog")}
    assert len(keys) == len(others) + 4
    assert key not in keys


def test_another_revision_is_another_model(tmp_path: Path) -> None:
    VectorStore(tmp_path, MODEL).put("ab12", some(3))
    other = VectorStore(tmp_path, replace(MODEL, revision="r2"))
    assert other.get("ab12") is None


def test_other_weights_in_the_same_folder_are_another_model(tmp_path: Path) -> None:
    weights = tmp_path / "model"
    weights.mkdir()
    (weights / "model.safetensors").write_bytes(b"one")
    model = ModelRef(str(weights), "transformers", weights)
    before = VectorStore(tmp_path, model)
    before.put("ab12", some(3))
    assert VectorStore(tmp_path, model).get("ab12") is not None
    (weights / "model.safetensors").write_bytes(b"other")
    assert VectorStore(tmp_path, model).get("ab12") is None


def test_the_cache_loses_first_what_was_not_used_for_longest(
    tmp_path: Path, store: VectorStore
) -> None:
    import os

    for number, key in enumerate(("aa", "bb", "cc")):
        store.put(key, some(10, seed=number))
        (path,) = store.folder.glob(f"{key}/{key}.npy")
        os.utime(path, (1000 + number, 1000 + number))
    assert store.get("aa") is not None  # and so it was used last
    size = path.stat().st_size
    assert trim_cache(tmp_path, 2 * size) == size
    assert [key in store for key in ("aa", "bb", "cc")] == [True, False, True]


@given(
    counts=st.lists(st.integers(1, 12), min_size=1, max_size=12),
    queries=st.integers(1, 3),
    limit=st.integers(1, 40),
    seed=st.integers(0, 99),
)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_search_gives_what_comparing_all_gives(
    store: VectorStore, counts: list[int], queries: int, limit: int, seed: int
) -> None:
    kept = {clip: some(count, seed=seed + clip) for clip, count in enumerate(counts)}
    for clip, vectors in kept.items():
        store.put(f"{clip:04}", vectors)
    index = Index(store)
    assert index.refresh({clip: f"{clip:04}" for clip in kept}) == ()
    asked = some(queries, seed=1000 + seed).vectors
    every = [
        (max(float(query @ vector) for query in asked), clip, int(start), int(stop))
        for clip, found in kept.items()
        for vector, start, stop in zip(
            found.vectors, found.starts, found.stops, strict=True
        )
    ]
    every.sort(key=lambda one: -one[0])
    hits = index.search(asked, limit)
    assert len(hits) == min(limit, len(every))
    np.testing.assert_allclose(
        [hit.score for hit in hits], [one[0] for one in every[:limit]], atol=1e-6
    )
    places = {one[1:] for one in every}
    assert all((hit.clip, hit.start, hit.stop) in places for hit in hits)
    assert len({(hit.clip, hit.start) for hit in hits}) == len(hits)


def test_refreshing_takes_in_what_is_new_and_drops_what_is_gone(
    store: VectorStore,
) -> None:
    for clip in range(4):
        store.put(f"k{clip}", some(3, seed=clip))
    index = Index(store)
    assert index.refresh({0: "k0", 1: "k1", 9: "k9"}) == (9,)
    assert index.clips == (0, 1)
    # Clip 1 was edited, clip 0 removed, clips 2 and 3 came.
    assert index.refresh({1: "k3", 2: "k2", 3: "k3", 9: "k9"}) == (9,)
    assert sorted(index.clips) == [1, 2, 3]
    assert len(index) == 9
    hits = index.search(some(3, seed=3).vectors[:1], 2)
    assert {hit.clip for hit in hits} == {1, 3}
    assert hits[0].score == pytest.approx(1.0, abs=1e-6)
    found = dict(index.of_clips())
    assert_same(found[2], some(3, seed=2))
    assert_same(found[3], some(3, seed=3))


def test_vectors_of_another_length_count_as_missing(store: VectorStore) -> None:
    store.put("k0", some(3, 8))
    store.put("k1", some(3, 9))
    index = Index(store)
    assert index.refresh({0: "k0", 1: "k1"}) == (1,)
    assert index.search(some(1, 9).vectors) == []


def test_an_empty_index_finds_nothing(store: VectorStore) -> None:
    index = Index(store)
    assert index.refresh({}) == ()
    assert index.search(some(1).vectors) == []
    assert list(index.of_clips()) == []


def test_a_clip_in_which_nothing_is_heard_is_there_without_windows(
    store: VectorStore,
) -> None:
    store.put("k0", some(0))
    store.put("k1", some(2, 9))
    index = Index(store)
    assert index.refresh({0: "k0", 1: "k1"}) == ()
    assert index.clips == (0, 1)
    assert {hit.clip for hit in index.search(some(1, 9).vectors)} == {1}


def test_what_overlaps_the_example_is_left_out(store: VectorStore) -> None:
    store.put("k0", some(6))
    index = Index(store)
    index.refresh({0: "k0", 1: "k0"})
    example = some(6).vectors[2:3]  # frames 200 to 400
    found = index.search(example, without=(0, 200, 400))
    assert (found[0].clip, found[0].start) == (1, 200)
    assert sorted(hit.start for hit in found if hit.clip == 0) == [0, 400, 500]
    assert len(found) == 3 + 6
    assert (
        index.moments(example, 2, without=(0, 0, 900))
        == distinct(hit for hit in index.search(example) if hit.clip == 1)[:2]
    )


def test_of_moments_that_overlap_the_best_is_kept() -> None:
    best, beside, behind = (
        Hit(1, 100, 300, 0.9),
        Hit(1, 200, 400, 0.8),
        Hit(1, 300, 500, 0.7),
    )
    other = Hit(2, 150, 250, 0.6)
    assert distinct([best, beside, behind, other]) == [best, behind, other]


def test_all_windows_of_a_clip_are_one_of_length_one_over_all_of_it() -> None:
    found = some(5)
    whole = found.whole()
    assert (whole.starts.tolist(), whole.stops.tolist()) == ([0], [600])
    middle = found.vectors.mean(axis=0)
    np.testing.assert_allclose(
        whole.vectors[0], middle / np.linalg.norm(middle), atol=1e-6
    )


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "vectors").write_text("in the way")
    with pytest.raises(EarmarkError, match="cannot be kept"):
        VectorStore(tmp_path, MODEL).put("ab12", some(3))
