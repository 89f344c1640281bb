"""Asking where a file is written, and whether others may be replaced."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from earmark.core.errors import EarmarkError
from earmark.core.sources import readable
from earmark.ui.dialogs.projects import ask
from earmark.ui.wording import count


def ask_path(
    parent: QWidget, title: str, start: Path, suffixes: Sequence[str], filters: str
) -> Path | None:
    """Where a file is to be written; None if that was cancelled.

    Parameters
    ----------
    parent : QWidget
    title : str
    start : Path
        The name and the folder that are offered.
    suffixes : sequence of str
        The endings that it may have; the first is added to a name with none of them.
    filters : str
        As of `QFileDialog`.
    """
    dialog = QFileDialog(parent, title, str(start.parent), filters)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    # Added before the dialog asks whether a file of that name is to be replaced.
    dialog.setDefaultSuffix(suffixes[0].removeprefix("."))
    dialog.selectFile(start.name)
    accepted = dialog.exec() == QFileDialog.DialogCode.Accepted
    chosen = [Path(name) for name in dialog.selectedFiles()]
    dialog.deleteLater()
    if not accepted or not chosen:
        return None
    path = chosen[0]
    if path.name.casefold().endswith(tuple(s.casefold() for s in suffixes)):
        return path
    # A name with another ending, such as "take.2", was not completed.
    path = path.with_name(path.name + suffixes[0])
    return path if may_replace(parent, [path]) else None


def may_replace(parent: QWidget, paths: Sequence[Path]) -> bool:
    """Whether files may be written: none is there yet, or a person wants it so."""
    there = [path for path in paths if path.exists()]
    if not there:
        return True
    first = f"“{readable(there[0].name)}”"
    rest = count(len(there) - 1, "other file") if len(there) > 1 else ""
    named = f"{first} and {rest} are" if rest else f"{first} is"
    question = EarmarkError(
        f"{named} in “{readable(there[0].parent.name)}” already.",
        "What is there is lost if it is replaced.",
    )
    return ask(parent, question, "Replace")
