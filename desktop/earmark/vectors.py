"""Sounds and descriptions as vectors: kept on disk, and searched.

A model that embeds gives each window of a sound a unit vector; how alike two are is
their dot product, the cosine. What was computed once for a piece of audio is kept in
the cache folder and found again by the content of the audio and the model, so that an
edit elsewhere in the project costs nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earmark.core.errors import EarmarkError
from earmark.core.tasks import AudioInput, ModelRef

FloatArray = NDArray[np.float32]

Place = tuple[int, int, int]
"""A clip, and a half-open range of its frames."""

_NEARLY_ONE = 1e-3
"""A vector whose length is further from 1 was not written by this program."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """The windows of a sound and what a model makes of them.

    Attributes
    ----------
    starts, stops : ndarray, int64, shape (windows,)
        Half-open ranges in frames of the clip.
    vectors : ndarray, float32, shape (windows, dimensions)
        Each of length 1. There may be no windows: nothing is to be heard in silence.
    """

    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    vectors: FloatArray

    def whole(self) -> Vectors:
        """All windows, of which there must be one, as a single one: their mean."""
        return Vectors(
            self.starts.min(keepdims=True),
            self.stops.max(keepdims=True),
            unit(self.vectors.mean(axis=0, keepdims=True)),
        )


@dataclass(frozen=True, slots=True)
class Hit:
    """A moment that was found; `score` is the cosine, from -1 to 1."""

    clip: int
    start: int
    stop: int
    score: float


def unit(vectors: FloatArray) -> FloatArray:
    """The vectors, shape (count, dimensions), made 1 long; one of zeros stays so."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)


class VectorStore:
    """What one model made of sounds and descriptions, a file each in the cache folder.

    The files are trimmed with the rest of the cache, the longest unused first. One that
    is damaged is as if it were not there.

    Parameters
    ----------
    cache : Path
        The cache folder.
    model : ModelRef
        Another revision of a model, or other weights in the same folder, are another
        model.
    """

    def __init__(self, cache: Path, model: ModelRef) -> None:
        model = model.identified()
        name = _digest([model.id, model.format, model.revision])[:24]
        self.folder = cache / "vectors" / name

    def key(
        self,
        given: AudioInput,
        window_s: float | None = None,
        hop_s: float | None = None,
    ) -> str:
        """What an input is kept under: its content, not its name or place.

        Parameters
        ----------
        given : AudioInput
        window_s, hop_s : float, optional
            As they were asked for; None is what the model is made for.
        """
        # dataclasses.asdict copies deeply, which takes ten times as long.
        spans = [
            [
                span.source,
                span.offset,
                span.frames,
                span.gain_db,
                span.reverse,
                [[fade.offset, fade.length, fade.rising] for fade in span.fades],
            ]
            for span in given.spans
        ]
        part = [given.rate, given.start, given.stop, given.channel]
        return _digest(["audio", spans, part, window_s, hop_s])

    def text_key(self, text: str) -> str:
        """What a description is kept under."""
        return _digest(["text", text])

    def put(self, key: str, found: Vectors) -> None:
        """Keep vectors; what was kept under the key before is replaced.

        Raises
        ------
        EarmarkError
            If the cache folder cannot be written.
        """
        dimensions = found.vectors.shape[1]
        rows = np.empty(len(found.starts), _row_type(dimensions))
        rows["start"], rows["stop"] = found.starts, found.stops
        rows["vector"] = found.vectors
        path = self._path(key)
        beside = path.with_name(f"{key}.{os.getpid()}-{threading.get_ident()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with beside.open("wb") as file:
                    np.save(file, rows, allow_pickle=False)
                beside.replace(path)
            finally:
                beside.unlink(missing_ok=True)
        except OSError as error:
            raise EarmarkError(
                f"Vectors cannot be kept in {self.folder}: {error.strerror or error}.",
                "Check that the disk is not full and the cache folder is writable.",
            ) from error

    def get(self, key: str) -> Vectors | None:
        """What is kept under a key; it counts as used now."""
        path = self._path(key)
        try:
            rows = np.load(path, allow_pickle=False)
            found = Vectors(
                rows["start"].astype(np.int64),
                rows["stop"].astype(np.int64),
                np.ascontiguousarray(rows["vector"], np.float32),
            )
        except (OSError, ValueError, IndexError, EOFError):
            return None
        if not _is_whole(found):
            return None
        with contextlib.suppress(OSError):  # another Earmark removed it
            os.utime(path)
        return found

    def __contains__(self, key: str) -> bool:
        return self._path(key).exists()

    def _path(self, key: str) -> Path:
        # A folder with 100,000 files is slow on some systems.
        return self.folder / key[:2] / f"{key}.npy"


class Index:
    """The windows of many clips in one matrix, to be searched.

    It is kept right by `refresh`, which reads only what is new.

    Parameters
    ----------
    store : VectorStore
    """

    def __init__(self, store: VectorStore) -> None:
        self.store = store
        self._keys: dict[int, str] = {}
        self._matrix: FloatArray = np.zeros((0, 0), np.float32)
        # For each window: its clip, its first frame and that behind its last.
        self._places: NDArray[np.int64] = np.zeros((0, 3), np.int64)

    def __len__(self) -> int:
        return len(self._matrix)

    @property
    def clips(self) -> tuple[int, ...]:
        """The clips that are in it."""
        return tuple(self._keys)

    def refresh(self, wanted: Mapping[int, str]) -> tuple[int, ...]:
        """Hold these clips and no others.

        Parameters
        ----------
        wanted : mapping of int to str
            Clip to the key of its content.

        Returns
        -------
        tuple of int
            The clips that nothing is kept of.
        """
        gone = [clip for clip, key in self._keys.items() if wanted.get(clip) != key]
        if gone:
            kept = ~np.isin(self._places[:, 0], gone)
            self._matrix, self._places = self._matrix[kept], self._places[kept]
            for clip in gone:
                del self._keys[clip]
        missing = []
        matrices, places = [self._matrix], [self._places]
        for clip, key in wanted.items():
            if clip in self._keys:
                continue
            found = self.store.get(key)
            if found is None or not self._fits(found, matrices):
                missing.append(clip)
                continue
            self._keys[clip] = key
            if not len(found.vectors):
                continue
            matrices.append(found.vectors)
            clips = np.full(len(found.starts), clip, np.int64)
            places.append(np.stack([clips, found.starts, found.stops], axis=1))
        if len(matrices) > 1:
            filled = [each for each in matrices if each.shape[1]]
            self._matrix = np.concatenate(filled)
            self._places = np.concatenate(places)
        return tuple(missing)

    def search(
        self, queries: FloatArray, limit: int = 100, *, without: Place | None = None
    ) -> list[Hit]:
        """The windows that are most like any of the queries, the best first.

        Parameters
        ----------
        queries : ndarray, float32, shape (queries, dimensions)
            Of length 1 each.
        limit : int
        without : tuple of (clip, start, stop), optional
            Leave out windows that overlap this place: that of the example, say.
        """
        if not len(self) or queries.shape[1] != self._matrix.shape[1]:
            return []
        scores = self._matrix @ queries[0]
        for query in queries[1:]:
            np.maximum(scores, self._matrix @ query, out=scores)
        if without is not None:
            clips, starts, stops = self._places.T
            clip, start, stop = without
            scores[(clips == clip) & (starts < stop) & (stops > start)] = -np.inf
        count = min(limit, len(scores))
        best = np.argpartition(-scores, count - 1)[:count]
        best = best[np.lexsort((best, -scores[best]))]
        best = best[np.isfinite(scores[best])]
        return [
            Hit(int(clip), int(start), int(stop), float(score))
            for (clip, start, stop), score in zip(
                self._places[best], scores[best], strict=True
            )
        ]

    def moments(
        self, queries: FloatArray, limit: int = 100, *, without: Place | None = None
    ) -> list[Hit]:
        """What `search` finds, without moments that overlap a better one."""
        # A long sound is found in all its windows.
        found = self.search(queries, 20 * limit, without=without)
        return distinct(found)[:limit]

    def of_clips(self) -> Iterator[tuple[int, Vectors]]:
        """The clips and their windows, in the order they came in."""
        # The windows of a clip lie behind one another.
        _, firsts = np.unique(self._places[:, 0], return_index=True)
        bounds = [*sorted(map(int, firsts)), len(self)]
        for first, last in itertools.pairwise(bounds):
            places = self._places[first:last]
            yield (
                int(places[0, 0]),
                Vectors(places[:, 1], places[:, 2], self._matrix[first:last]),
            )

    def _fits(self, found: Vectors, matrices: Sequence[FloatArray]) -> bool:
        """Whether the vectors are as long as those that are here."""
        dimensions = matrices[-1].shape[1]
        length = found.vectors.shape[1]
        return not dimensions or not len(found.vectors) or length == dimensions


def distinct(hits: Iterable[Hit]) -> list[Hit]:
    """Hits without those that overlap a better one of the same clip.

    Parameters
    ----------
    hits : iterable of Hit
        The best first, as `Index.search` gives them.
    """
    kept: list[Hit] = []
    taken: dict[int, list[Hit]] = {}
    for hit in hits:
        others = taken.setdefault(hit.clip, [])
        if all(hit.stop <= one.start or one.stop <= hit.start for one in others):
            kept.append(hit)
            others.append(hit)
    return kept


def _row_type(dimensions: int) -> np.dtype[np.void]:
    return np.dtype(
        [("start", "<i8"), ("stop", "<i8"), ("vector", "<f4", (dimensions,))]
    )


def _is_whole(found: Vectors) -> bool:
    vectors = found.vectors
    if vectors.ndim != 2 or not (found.starts < found.stops).all():
        return False
    # A comparison with what is no number is false.
    lengths = np.linalg.norm(vectors, axis=1)
    return bool((np.abs(lengths - 1) < _NEARLY_ONE).all())


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:40]
