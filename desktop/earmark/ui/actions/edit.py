"""The commands of the Edit menu."""

from __future__ import annotations

from functools import partial

from earmark.core.plugins import Command
from earmark.ui.editing import Editing
from earmark.ui.session import Session


def commands(session: Session, editing: Editing) -> list[Command]:
    """Undo and redo, the clipboard, edits of the audio, edges of the selection."""

    def can_undo() -> bool:
        return session.project.can_undo

    def can_redo() -> bool:
        return session.project.can_redo

    def can_edit() -> bool:
        return editing.can_edit

    def has_range() -> bool:
        return editing.has_range

    def can_copy() -> bool:
        selection = session.selection
        return selection is not None and selection.frames > 0

    def can_paste() -> bool:
        return editing.can_edit and session.clipboard is not None

    def can_paste_as_clip() -> bool:
        return session.clipboard is not None and not session.project.read_only

    def can_delete() -> bool:
        return editing.has_range or editing.has_labels

    def shown() -> bool:
        return session.clip is not None

    def undo() -> None:
        if change := session.project.undo():
            session.message.emit(f"Undone: {change.title}", 3000)

    def redo() -> None:
        if change := session.project.redo():
            session.message.emit(f"Redone: {change.title}", 3000)

    menu = "Edit"
    gains = [
        Command(
            f"edit.gain_{'up' if db > 0 else 'down'}_{abs(db)}",
            f"Gain {db:+d} dB",
            partial(editing.gain, float(db)),
            "Edit/Level",
            enabled=can_edit,
        )
        for db in (6, 3, 1, -1, -3, -6)
    ]
    return [
        Command("edit.undo", "Undo", undo, menu, ("Ctrl+Z",), can_undo,
                icon="ph.arrow-counter-clockwise"),
        Command("edit.redo", "Redo", redo, menu, ("Ctrl+Y", "Ctrl+Shift+Z"), can_redo,
                icon="ph.arrow-clockwise"),
        Command("edit.cut", "Cut", editing.cut, menu, ("Ctrl+X",), has_range,
                icon="ph.scissors", section=1),
        Command("edit.copy", "Copy", editing.copy, menu, ("Ctrl+C",), can_copy,
                icon="ph.copy", section=1),
        Command("edit.paste", "Paste", editing.paste, menu, ("Ctrl+V",), can_paste,
                icon="ph.clipboard", section=1),
        Command("edit.paste_as_clip", "Paste as new clip", editing.paste_as_clip, menu,
                ("Ctrl+Alt+V",), can_paste_as_clip, section=1),
        Command("edit.delete", "Delete", editing.delete, menu, ("Del",), can_delete,
                icon="ph.trash", section=1),
        Command("edit.select_all", "Select all", editing.select_all, menu, ("Ctrl+A",),
                shown, section=2),
        Command("edit.start_to_playhead", "Selection start to playhead",
                partial(editing.edge_to_playhead, "start"), menu, ("[",), shown,
                section=2),
        Command("edit.end_to_playhead", "Selection end to playhead",
                partial(editing.edge_to_playhead, "stop"), menu, ("]",), shown,
                section=2),
        Command("edit.to_zero_crossing", "Selection to zero crossings",
                editing.edges_to_zero, menu, ("Z",), shown, section=2),
        Command("edit.split", "Split", editing.split, menu, ("Ctrl+I", "S"), can_edit,
                section=3),
        Command("edit.duplicate", "Duplicate", editing.duplicate, menu, ("Ctrl+D",),
                can_edit, section=3),
        Command("edit.trim", "Trim", editing.trim, menu, ("Ctrl+T",), has_range,
                icon="ph.crop", section=3),
        Command("edit.silence", "Silence", editing.silence, menu, ("Ctrl+L",),
                has_range, section=3),
        Command("edit.reverse", "Reverse", editing.reverse, "Edit/Level",
                enabled=has_range, section=1),
        Command("edit.fade_in", "Fade in", editing.fade_in, "Edit/Level",
                enabled=has_range, section=1),
        Command("edit.fade_out", "Fade out", editing.fade_out, "Edit/Level",
                enabled=has_range, section=1),
        *gains,
    ]  # fmt: skip
