"""Lays vectors out in two dimensions."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import HDBSCAN
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from earmark.api import Context, EarmarkError, Job, Progress, Result
from earmark_plugins.embeddings import EmbeddingMap

Points = NDArray[np.float32]

_FEWEST = 4
"""UMAP needs neighbours; of fewer points PCA shows all there is."""

_SMALLEST = 4
"""Points that are a group."""

_KEPT = 50
"""Directions that UMAP gets of vectors with more: it is as good, and faster."""


def run(job: Job, ctx: Context) -> Iterator[Result]:
    """Write the places of vectors beside them, as `.map.npy`; it gives no results.

    A row of that is where its vector lies, and the number of the group that it is in,
    or -1 if it is in none.
    """
    params = EmbeddingMap(**job.params)
    try:
        vectors = np.load(params.vectors, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise EarmarkError(
            f"{params.vectors} cannot be read as vectors: {error}"
        ) from error
    yield Progress(None, "laying out")
    if params.method == "pca" or len(vectors) < _FEWEST:
        places = by_pca(vectors)
    else:
        places = by_umap(vectors, params.neighbours, ctx)
    found = np.column_stack([places, groups_of(places)]).astype(np.float32)
    beside = params.vectors.with_suffix(".part")
    with beside.open("wb") as file:
        np.save(file, found)
    beside.replace(params.vectors.with_suffix(".map.npy"))
    yield Progress(1.0)


def by_pca(vectors: Points, dimensions: int = 2) -> Points:
    """The vectors along the directions in which they differ most.

    Returns
    -------
    ndarray, float32, shape (points, dimensions)
    """
    if len(vectors) < 2:
        return np.zeros((len(vectors), dimensions), np.float32)
    possible = min(dimensions, *vectors.shape)
    found = PCA(possible, svd_solver="covariance_eigh").fit_transform(vectors)
    padded = np.pad(found, ((0, 0), (0, dimensions - possible)))
    places: Points = padded.astype(np.float32)
    return places


def by_umap(vectors: Points, neighbours: int, ctx: Context) -> Points:
    """The vectors with each close to those it is like.

    McInnes et al., "UMAP: Uniform Manifold Approximation and Projection for Dimension
    Reduction", 2018 (https://arxiv.org/abs/1802.03426).

    Returns
    -------
    ndarray, float32, shape (points, 2)
        The same for the same vectors.
    """
    # What numba compiles is kept where this program may write, and it is told to keep
    # what UMAP would have it compile again in each process.
    os.environ.setdefault("NUMBA_CACHE_DIR", str(ctx.cache / "numba"))
    from numba.core import config

    # numba may have been imported before.
    config.reload_config()  # type: ignore[no-untyped-call]  # it has no types
    from umap import UMAP, umap_

    umap_.smooth_knn_dist.enable_caching()
    umap_.compute_membership_strengths.enable_caching()

    if vectors.shape[1] > _KEPT < len(vectors):
        vectors = by_pca(vectors, _KEPT)
    neighbours = min(neighbours, len(vectors) - 1)
    # UMAP's own search compiles for longer than this one takes, and is not exact.
    near = NearestNeighbors(n_neighbors=neighbours, algorithm="brute").fit(vectors)
    distances, indices = near.kneighbors(vectors)
    layout = UMAP(
        n_neighbors=neighbours,
        precomputed_knn=(indices, distances),
        init="pca" if len(vectors) < 20 else "spectral",
        random_state=0,
        n_jobs=1,
        tqdm_kwds={"disable": True},
    )
    places: Points = layout.fit_transform(vectors).astype(np.float32)
    return places


def groups_of(places: Points) -> NDArray[np.int64]:
    """The group of each point, -1 for one that stands alone.

    Campello et al., "Density-Based Clustering Based on Hierarchical Density Estimates",
    2013.
    """
    smallest = max(_SMALLEST, len(places) // 50)
    if len(places) < 2 * smallest:
        return np.full(len(places), -1)
    found: NDArray[np.int64] = HDBSCAN(smallest, copy=True).fit_predict(places)
    return found
