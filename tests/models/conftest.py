"""A catalogue and an empty library for each test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from models.samples import MakeModel, Offer, safetensors

from earmark.models.catalog import Catalog
from earmark.models.library import Library


@pytest.fixture
def offer(tmp_path: Path) -> Offer:
    return Offer(tmp_path / "index")


@pytest.fixture
def library(tmp_path: Path, offer: Offer) -> Library:
    """An empty library whose catalogue offers `offer`."""
    return Library(
        tmp_path / "models", Catalog((offer.entry,)), hub_cache=tmp_path / "hub"
    )


@pytest.fixture(autouse=True)
def plain_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip without this machine's own indexes."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    for name in ("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Makes a transformers folder: `make_model(name, architecture, **more_config)`."""

    def make(
        name: str = "model", architecture: str = "Wav2Vec2ForCTC", **config: Any
    ) -> Path:
        folder = tmp_path / "made" / name
        folder.mkdir(parents=True)
        config = {"architectures": [architecture], "model_type": "x"} | config
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "model.safetensors").write_bytes(safetensors())
        return folder

    return make
