"""A model enters the library whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from models.samples import safetensors

from earmark.core.errors import EarmarkError
from earmark.models.folder import Manifest, ManifestFile
from earmark.models.install import installing, manifest_file, write_manifest


def test_a_model_that_is_not_as_its_record_says_does_not_enter(tmp_path: Path) -> None:
    with (
        pytest.raises(EarmarkError, match=r"mine cannot be used: its file vocab\.json"),
        installing(tmp_path, "mine") as incoming,
    ):
        (incoming.model / "config.json").write_text("{}")
        (incoming.model / "model.safetensors").write_bytes(safetensors())
        files = [
            manifest_file(incoming.model, name)
            for name in ("config.json", "model.safetensors")
        ]
        lost = ManifestFile(name="vocab.json", size=2, sha256="0" * 64)
        write_manifest(
            incoming.model,
            Manifest(
                id="mine",
                format="transformers",
                source="import",
                files=(*files, lost),
            ),
        )
    assert not list(tmp_path.glob("[!.]*"))
