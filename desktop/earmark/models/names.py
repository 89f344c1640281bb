"""What models are called, and the folders that they are in."""

from __future__ import annotations


def folder_name(id: str) -> str:
    """The name of a model's folder in the library."""
    return id.replace("/", "--")
