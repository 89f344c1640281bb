"""The catalogue that comes with Earmark, and the rules it must keep."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from models.samples import RECOGNITION, SPEECH, Offer
from packaging.licenses import canonicalize_license_expression

from earmark.core.errors import EarmarkError
from earmark.models.catalog import (
    PACKAGED_FORMATS,
    Catalog,
    CatalogEntry,
    load_catalog,
)

BUNDLED = load_catalog()


@pytest.mark.parametrize("entry", tuple(BUNDLED), ids=lambda entry: str(entry.id))
def test_every_entry_names_its_licence_and_origin(entry: CatalogEntry) -> None:
    assert canonicalize_license_expression(entry.licence) == entry.licence
    assert entry.origin in entry.credit
    assert entry.licence in entry.credit


@pytest.mark.parametrize("entry", tuple(BUNDLED), ids=lambda entry: str(entry.id))
def test_every_entry_can_be_found_where_it_says(entry: CatalogEntry) -> None:
    if entry.source.kind == "hub":
        assert entry.architecture
        if entry.format == "transformers":
            assert entry.id == entry.source.repo
    if entry.source.kind == "wheels":
        packed = sum(wheel.size for wheel in entry.source.wheels) / 1e6
        assert entry.size_mb == pytest.approx(packed, abs=0.1)
        packages = {wheel.filename.split("-")[0] for wheel in entry.source.wheels}
        for file in entry.source.files:
            for member in file.members:
                assert member.split("/")[0].split("-")[0] in packages


def test_only_what_comes_in_a_package_has_a_format_of_packages() -> None:
    packaged = {entry.format for entry in BUNDLED if entry.source.kind == "embedded"}
    fetched = {entry.format for entry in BUNDLED if entry.source.kind != "embedded"}
    assert packaged == set(PACKAGED_FORMATS)
    assert not packaged & fetched


def test_both_halves_of_the_program_have_a_model_without_a_hub() -> None:
    for task in (RECOGNITION, SPEECH):
        sources = {e.source.kind for e in BUNDLED if BUNDLED.suits(e, task)}
        assert sources - {"hub"}


def test_a_model_for_any_language_is_the_default_recogniser() -> None:
    fitting = [entry for entry in BUNDLED if BUNDLED.suits(entry, RECOGNITION)]
    first = min(fitting, key=lambda entry: entry.default_rank)
    assert first.languages == ("mul",)
    assert first.source.kind == "wheels"


def test_a_task_of_a_plugin_gets_what_it_can_load(offer: Offer) -> None:
    catalog = Catalog((offer.entry,))
    own = replace(RECOGNITION, id="lyrics")
    assert catalog.suits(offer.entry, own)
    assert not catalog.suits(offer.entry, replace(own, formats=("transformers",)))
    assert not catalog.suits(offer.entry, replace(own, architectures=("*ForCTC",)))


def written(path: Path, *rows: dict[str, Any]) -> Path:
    file = path / "models.toml"
    file.write_bytes(tomli_w.dumps({"model": list(rows)}).encode())
    return file


def test_a_catalogue_is_read_from_a_file(tmp_path: Path, offer: Offer) -> None:
    catalog = load_catalog(written(tmp_path, offer.row))
    assert list(catalog) == [offer.entry]
    assert catalog.get("tiny") == offer.entry
    assert catalog.get("other") is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": "../up"}, "entry '../up': id"),
        ({"licence": ""}, "entry 'tiny': licence"),
        ({"licence": "CC-BY-NC-4.0"}, "non_commercial and licence contradict"),
        ({"origin": ""}, "entry 'tiny': origin"),
        ({"size_mb": -1}, "entry 'tiny': size_mb"),
        ({"colour": "red"}, "entry 'tiny': colour"),
        ({"source": {"kind": "ftp"}}, "entry 'tiny': source"),
    ],
)
def test_a_broken_entry_is_named_with_its_field(
    tmp_path: Path, offer: Offer, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(EarmarkError, match=said):
        load_catalog(written(tmp_path, offer.row | change))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../../model.bin", "cannot be the name of a model's file"),
        ("below/model.bin", "not a plain file name"),
    ],
)
def test_a_file_that_would_leave_its_folder_is_refused(
    tmp_path: Path, offer: Offer, name: str, said: str
) -> None:
    offer.row["source"]["files"][0]["name"] = name
    with pytest.raises(EarmarkError, match=said):
        load_catalog(written(tmp_path, offer.row))


def test_two_entries_with_one_id_are_refused(tmp_path: Path, offer: Offer) -> None:
    with pytest.raises(EarmarkError, match="two entries 'tiny'"):
        load_catalog(written(tmp_path, offer.row, offer.row))


@pytest.mark.parametrize("content", [b"[[model]\n", b"", b"model = 3\n", b"\xff"])
def test_a_catalogue_that_is_none_is_said(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "models.toml"
    file.write_bytes(content)
    with pytest.raises(EarmarkError, match="cannot be read"):
        load_catalog(file)
